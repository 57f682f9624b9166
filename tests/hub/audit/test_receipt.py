"""A receipt is checked from the verifier key alone, and every part of it counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.audit.entry import encode
from hub.audit.keys import SigningKey, VerifierKey
from hub.audit.note import Checkpoint, NoteError
from hub.audit.receipt import Receipt, receipt_for, receipts_for, verify_receipt
from tests.hub.audit.support import KEY, ORIGIN, entry

LEAF = encode(entry("request-1", part=2))
RECEIPT = receipt_for(LEAF, KEY)


def test_a_receipt_survives_json_and_names_its_entry() -> None:
    read = Receipt.from_json(orjson.loads(orjson.dumps(RECEIPT.as_json())))
    assert read == RECEIPT
    assert (read.entry, read.leaf, read.promise) == ("request-1/disclosure/2", LEAF.hash.hex(), 60)
    verify_receipt(read, VerifierKey.parse(str(KEY.verifier)))


@pytest.mark.parametrize(
    "changes",
    [
        {"entry": "request-2/disclosure/2"},
        {"leaf": "0" * 64},
        {"at": "2020-01-01T00:00:00.000Z"},
        {"promise": 61},
        {"origin": "other.example/log"},
        {"key": "00000000"},
        {"signature": RECEIPT.signature[:-8] + "AAAAAA=="},
        {"signature": "no base64!"},
        {"signature": ""},
        {"entry": "request-1/disclosure/2\n" + LEAF.hash.hex()},
    ],
)
def test_a_changed_receipt_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(NoteError):
        verify_receipt(replace(RECEIPT, **changes), KEY.verifier)


def test_a_receipt_of_another_log_is_refused() -> None:
    other = SigningKey.of(ORIGIN, Ed25519PrivateKey.generate())
    with pytest.raises(NoteError, match="another key"):
        verify_receipt(RECEIPT, other.verifier)


def test_the_text_of_a_receipt_is_no_checkpoint() -> None:
    with pytest.raises(NoteError):
        Checkpoint.parse(RECEIPT.text)


@pytest.mark.parametrize("missing", ["entry", "leaf", "at", "promise", "origin", "key", "signature"])
def test_a_receipt_without_a_part_is_refused(missing: str) -> None:
    document = RECEIPT.as_json()
    del document[missing]
    with pytest.raises(NoteError, match="lacks a part"):
        Receipt.from_json(document)


def test_receipts_signed_together_are_each_checked_alone_and_none_passes_for_another() -> None:
    leaves = [encode(entry(f"request-{number}")) for number in range(9)]
    receipts = receipts_for(leaves, KEY, apart={0, 4})
    assert [receipt.leaf for receipt in receipts] == [leaf.hash.hex() for leaf in leaves]
    for receipt in receipts:
        verify_receipt(Receipt.from_json(orjson.loads(orjson.dumps(receipt.as_json()))), KEY.verifier)
    made = [receipt.signature.split(".")[0] for receipt in receipts]
    assert len(set(made)) == 3, "the two that stand apart share a signature with nobody"
    assert ["." in receipt.signature for receipt in receipts] == [place not in {0, 4} for place in range(9)]
    for one in receipts:
        for other in receipts:
            if one is not other:
                with pytest.raises(NoteError):
                    verify_receipt(replace(one, signature=other.signature), KEY.verifier)
