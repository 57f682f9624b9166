"""Request id or number -> lines of text: entries of the log as an operator reads them (``hub audit show``).

Guarantee: what is shown is what is hashed: each entry's leaf hash is computed from the bytes shown, and an entry whose
kept hash is another is marked. Nothing is resolved: pseudonyms stay pseudonyms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from hub.audit.contract import Kept
from hub.audit.merkle import leaf_hash
from hub.audit.reader import Reader

MOST: Final = 1_000
"""Entries shown at once."""

_HEADLINE: Final = frozenset({"v", "at", "kind", "part", "request", "decision", "unit", "operator", "purpose"})


async def show(reader: Reader, *, request: str | None = None, last: int = 10) -> list[str]:
    """Lines for the entries of ``request``, or for the ``last`` ones, the newest last; none found, no lines."""
    if request is not None:
        kept = await reader.find(request)
    else:
        kept = await reader.last(max(0, min(last, MOST)))
    return [line for entry in kept for line in lines_of(entry)]


def lines_of(kept: Kept) -> list[str]:
    """One entry: a headline (place, time, kind, decision, who, why), then its other fields, indented."""
    document: dict[str, Any] = orjson.loads(kept.data)
    place = "pending" if kept.index is None else f"#{kept.index}"
    who = "/".join(filter(None, (document["unit"], document["operator"])))
    purpose = document["purpose"] or "no purpose"
    headline = f"{place} {document['at']} {document['kind']} {document['decision']} {who} {purpose}"
    name = f"{document['request']}/{document['kind']}/{document['part']}"
    details = [("entry", name), ("leaf", _leaf(kept))]
    details += [(field, _text(value)) for field, value in document.items() if field not in _HEADLINE]
    return [headline, *(f"    {field}: {text}" for field, text in details if text)]


def _leaf(kept: Kept) -> str:
    computed = leaf_hash(kept.data)
    if computed == kept.leaf:
        return computed.hex()
    return f"{computed.hex()} ALTERED, kept as {kept.leaf.hex()}"


def _text(value: str | int | Sequence[str]) -> str:
    return str(value) if isinstance(value, str | int) else " ".join(value)
