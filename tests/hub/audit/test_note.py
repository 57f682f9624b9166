"""Signed notes and checkpoints, by the published example and by what must be refused."""

from __future__ import annotations

from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.audit.keys import SigningKey, VerifierKey
from hub.audit.merkle import EMPTY_ROOT
from hub.audit.note import Checkpoint, NoteError, opened, signature_line, signed
from tests.hub.audit.support import KEY

# The example of the Go package golang.org/x/mod/sumdb/note, from which C2SP signed-note comes.
VERIFIER = VerifierKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
SIGNER = SigningKey.of(
    "PeterNeumann",
    Ed25519PrivateKey.from_private_bytes(b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]),
)
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
NOTE = (
    TEXT
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_the_published_note_is_opened_and_made_to_the_byte() -> None:
    assert opened(NOTE, [VERIFIER]) == TEXT
    assert signed(TEXT, SIGNER) == NOTE


def test_a_cosignature_by_an_unknown_key_is_ignored_and_by_a_known_one_counts() -> None:
    note = NOTE + signature_line(TEXT, KEY)
    assert opened(note, [VERIFIER]) == opened(note, [KEY.verifier]) == TEXT


def test_a_text_with_empty_lines_ends_at_the_last() -> None:
    text = "a\n\nb\n"
    assert opened(signed(text, KEY), [KEY.verifier]) == text


@pytest.mark.parametrize(
    "note",
    [
        "",
        TEXT,
        TEXT + "\n",
        NOTE[:-1],
        NOTE.replace("answer", "Answer"),
        NOTE.replace("ZJkuBS", "ZJkuBT"),
        NOTE.replace("— ", "- "),
        NOTE.replace("x08go", "!!!!!"),
        NOTE.replace("PeterNeumann x08", "PetraNeumann x08"),
        NOTE + "more\n",
        NOTE.replace("\n", "\r\n"),
        NOTE.replace(" x08go", " \tx08go"),
    ],
)
def test_a_note_that_is_not_as_signed_is_refused(note: str) -> None:
    with pytest.raises(NoteError):
        opened(note, [VERIFIER])


def test_a_wrong_signature_by_a_known_key_spoils_a_note_that_another_signed() -> None:
    wrong = signature_line("another text\n", KEY)
    with pytest.raises(NoteError, match="does not verify"):
        opened(NOTE + wrong, [VERIFIER, KEY.verifier])


@pytest.mark.parametrize("text", ["no end", "tab\there\n", ""])
def test_a_text_that_is_no_note_is_not_signed(text: str) -> None:
    with pytest.raises(NoteError):
        signed(text, KEY)


def test_the_checkpoint_of_the_specification_is_read_and_written_as_it_is() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    checkpoint = Checkpoint.parse(text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text == text
    assert Checkpoint.parse(text + "an extension\n") == checkpoint


ROOT = Checkpoint(origin="o", size=0, root=EMPTY_ROOT).text.split("\n")[2]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n0\n",
        f"o\n0\n{ROOT}",
        f"o\n00\n{ROOT}\n",
        f"o\n-1\n{ROOT}\n",
        f"o\n١\n{ROOT}\n",
        f"o\n{2**63}\n{ROOT}\n",
        f"o\n{'9' * 5_000}\n{ROOT}\n",
        f"\n0\n{ROOT}\n",
        f"o\n0\n{ROOT[:-4]}\n",
        f"o\n0\n{ROOT}\n\n",
        "o\n0\n!\n",
        f"o\n0\n{ROOT[:-2]}V=\n",
    ],
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        Checkpoint.parse(text)
