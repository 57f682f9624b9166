"""Leaf, key -> Receipt: the log's signed promise that an entry will stand in its tree, given with the answer.

Guarantee: a receipt can be checked without the hub, from the log's verifier key alone (``verify_receipt``), and without
the receipts that were signed together with it (``hub/audit/gathered.py``). If the entry is not in the tree ``promise``
seconds after ``at``, the receipt is the proof of that. Its text can never be taken for a checkpoint: its first line is
not the origin.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from hub.audit.contract import Kept
from hub.audit.entry import Leaf, timestamp
from hub.audit.gathered import signatures, verify
from hub.audit.keys import SigningKey, VerifierKey
from hub.audit.merkle import leaf_hash
from hub.audit.note import NoteError


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the caller keeps: the entry's name, its leaf hash (hex), when, the promise, and the log's signature."""

    entry: str
    leaf: str
    at: str
    promise: int
    origin: str
    key: str
    signature: str

    def as_json(self) -> dict[str, Any]:
        """As it stands in ``extensions.receipt``."""
        return {
            "entry": self.entry,
            "leaf": self.leaf,
            "at": self.at,
            "promise": self.promise,
            "origin": self.origin,
            "key": self.key,
            "signature": self.signature,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Receipt:
        """The inverse of ``as_json``; ``NoteError`` if a part is missing or of another type."""
        try:
            return cls(
                **{name: str(document[name]) for name in ("entry", "leaf", "at", "origin", "key", "signature")},
                promise=int(document["promise"]),
            )
        except (KeyError, TypeError, ValueError):
            raise NoteError("the receipt lacks a part") from None

    @classmethod
    def of(cls, name: str, kept: Kept, signature: str) -> Receipt:
        """The receipt that the entry ``name`` has if ``signature`` is its; the key is left open."""
        document = orjson.loads(kept.data)
        return cls(
            entry=name,
            leaf=leaf_hash(kept.data).hex(),
            at=document["at"],
            promise=document["promise"],
            origin="",
            key="",
            signature=signature,
        )

    @property
    def text(self) -> str:
        """What is signed for: ``<origin>/receipt``, entry, leaf, time and promise, each on a line, UTF-8."""
        return _signed(self.origin, self.entry, self.leaf, self.at, self.promise)


def receipt_for(leaf: Leaf, key: SigningKey) -> Receipt:
    """The receipt of a leaf that is durable; the caller sees to that."""
    [receipt] = receipts_for([leaf], key)
    return receipt


def receipts_for(leaves: Sequence[Leaf], key: SigningKey, apart: Container[int] = ()) -> list[Receipt]:
    """The receipts of leaves, for when these are durable, signed together but for those at the places ``apart``."""
    origin, number = key.verifier.name, key.verifier.id.hex()
    written = [(leaf.name, leaf.hash.hex(), timestamp(leaf.at), leaf.promise) for leaf in leaves]
    texts = [_signed(origin, *each).encode() for each in written]
    together = iter(signatures([text for place, text in enumerate(texts) if place not in apart], key))
    signed = [signatures([text], key)[0] if place in apart else next(together) for place, text in enumerate(texts)]
    return [
        Receipt(entry=entry, leaf=leaf, at=at, promise=promise, origin=origin, key=number, signature=signature)
        for (entry, leaf, at, promise), signature in zip(written, signed, strict=True)
    ]


def _signed(origin: str, entry: str, leaf: str, at: str, promise: int) -> str:
    return f"{origin}/receipt\n{entry}\n{leaf}\n{at}\n{promise}\n"


def verify_receipt(receipt: Receipt, key: VerifierKey) -> None:
    """Returns if ``key`` signed ``receipt``; ``NoteError`` otherwise."""
    if (receipt.origin, receipt.key) != (key.name, key.id.hex()):
        raise NoteError(f"the receipt is signed by another key than `{key.name}`")
    if "\n" in f"{receipt.entry}{receipt.leaf}{receipt.at}":
        raise NoteError("a part of the receipt holds a line break")
    verify(receipt.text.encode(), receipt.signature, key)
