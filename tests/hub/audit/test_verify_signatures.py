"""Signatures checked in processes beside: none is passed over, and the first bad one is told."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import pytest

from hub.audit.note import Checkpoint, signed
from hub.audit.verify_files import Fault
from hub.audit.verify_notes import Head, Key
from hub.audit.verify_signatures import BATCH, MANY, Signatures, serve
from tests.hub.audit.support import KEY, ORIGIN

KEYS = Key.read(str(KEY.verifier))
COUNT = MANY + 3 * BATCH + 7


@pytest.fixture(scope="module")
def heads() -> list[Head]:
    return [
        Head.read(signed(Checkpoint(origin=ORIGIN, size=size, root=size.to_bytes(32)).text, KEY))
        for size in range(1, COUNT + 1)
    ]


@pytest.fixture
def signatures() -> Iterator[Signatures]:
    opened = Signatures()
    yield opened
    opened.close()


def claim(signatures: Signatures, heads: list[Head], spoilt: set[int]) -> None:
    for head in heads:
        own = head.signatures(KEYS)[0]
        signatures.claim(head, KEYS, bytes([own[0] ^ (head.size in spoilt)]) + own[1:])


def test_many_good_ones_are_good(signatures: Signatures, heads: list[Head]) -> None:
    claim(signatures, heads, set())
    signatures.settle()


@pytest.mark.parametrize("spoilt", [{1}, {MANY}, {MANY + 1}, {MANY + BATCH + 5, MANY + 9}, {COUNT}])
def test_the_first_bad_one_is_told_wherever_it_stands(
    signatures: Signatures, heads: list[Head], spoilt: set[int]
) -> None:
    with pytest.raises(Fault, match=f"head of size {min(spoilt)} does not verify") as caught:
        claim(signatures, heads, spoilt)
        signatures.settle()
    assert caught.value.index == min(spoilt) - 1


def test_a_process_ends_when_nobody_asks_any_more() -> None:
    answers = BytesIO()
    serve(BytesIO(b""), answers)
    assert answers.getvalue() == b""
