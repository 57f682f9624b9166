"""Texts signed at once: each verifies by its own signature alone, and nothing else does."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest

from hub.audit.gathered import signatures, verify
from hub.audit.merkle import inclusion_proof, leaf_hash, root_of
from hub.audit.note import NoteError
from tests.hub.audit.support import KEY

ELEVEN = [f"text {number}".encode() for number in range(11)]


@pytest.mark.parametrize("size", [*range(1, 20), 31, 32, 33, 64, 65])
def test_each_of_so_many_texts_verifies_by_its_own_signature_and_by_no_other(size: int) -> None:
    texts = [f"text {number}".encode() for number in range(size)]
    made = signatures(texts, KEY)
    for place, text in enumerate(texts):
        verify(text, made[place], KEY.verifier)
        for wrong in (made[place - 1], made[(place + 1) % size]):
            if wrong != made[place]:
                with pytest.raises(NoteError):
                    verify(text, wrong, KEY.verifier)


def test_the_tree_is_that_of_rfc_6962() -> None:
    hashes = [leaf_hash(text) for text in ELEVEN]
    signed = f"{KEY.verifier.name}/receipts\n11\n{root_of(hashes).hex()}\n".encode()
    for place, signature in enumerate(signatures(ELEVEN, KEY)):
        made, where, size, path = signature.split(".")
        assert KEY.verifier.verifies(signed, b64decode(made))
        assert (where, size) == (str(place), "11")
        assert b64decode(path) == b"".join(inclusion_proof(place, hashes))


def test_one_text_is_signed_as_it_is_and_none_not_at_all() -> None:
    [made] = signatures([b"text"], KEY)
    assert KEY.verifier.verifies(b"text", b64decode(made))
    assert signatures([], KEY) == []


def test_what_is_signed_for_several_is_no_signature_of_one() -> None:
    made = signatures(ELEVEN, KEY)[3].split(".")[0]
    for text in (*ELEVEN, root_of(map(leaf_hash, ELEVEN))):
        with pytest.raises(NoteError):
            verify(text, made, KEY.verifier)


def test_every_part_of_a_signature_counts() -> None:
    made, place, size, path = signatures(ELEVEN, KEY)[3].split(".")
    hashes = b64decode(path)
    other = b64encode(bytes(64)).decode()
    shorter, turned = b64encode(hashes[:-32]).decode(), b64encode(hashes[32:] + hashes[:32]).decode()
    wrong = [
        [other, place, size, path],
        *([made, found, size, path] for found in ("2", "03", "+3", " 3", "3 ", "-8", "11", "x", "", "9" * 5_000)),
        *([made, place, found, path] for found in ("10", "12", "1", "0", "3", "65537", "011", "")),
        *([made, place, size, found] for found in (shorter, turned, path + path, path + "=", path[:-4], "", "%")),
        [made, place, size],
        [made, place, size, path, ""],
        [made, ""],
        ["", place, size, path],
    ]
    verify(ELEVEN[3], ".".join([made, place, size, path]), KEY.verifier)
    for parts in wrong:
        with pytest.raises(NoteError):
            verify(ELEVEN[3], ".".join(parts), KEY.verifier)
