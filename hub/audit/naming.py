"""Pseudonyms of one child -> the entries that name it, lists included, and the holds and releases there are.

Guarantee: every entry of the log is looked at, placed or not; nothing rests on an index that may be behind. No source
is asked. An entry whose bytes are not those that were hashed is an ``AlteredError``, never a line in a report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from hub.audit.entry import list_hash
from hub.audit.merkle import leaf_hash
from hub.audit.session import Connections

CHUNK: Final = 20_000
"""Entries that one statement looks through."""

_ROW = """
select e.{index} as index, e.leaf, e.bytes, (
    select jsonb_object_agg(l.field, l.items)::text from log.long_list l
    where l.request = e.request and l.kind = e.kind and l.part = e.part
) as lists
"""
_NAMED = """
from {table} e where {range} and (
    e.kind in ('hold', 'release') or exists (select from unnest($1::bytea[]) name where position(name in e.bytes) > 0)
)
"""
_LISTED = """
from log.long_list n join {table} e using (request, kind, part) where n.field = 'subjects' and n.items && $1::text[]
"""
_PLACED = _ROW.format(index="index") + _NAMED.format(table="log.entry", range="e.index >= $2 and e.index < $3")
_PLACED_LISTED = _ROW.format(index="index") + _LISTED.format(table="log.entry")
_WAITING = _ROW.format(index="id") + _NAMED.format(table="log.pending", range="true")
_WAITING_LISTED = _ROW.format(index="id") + _LISTED.format(table="log.pending")
_SIZE = "select coalesce(max(index) + 1, 0) as size from log.entry"


class AlteredError(Exception):
    """An entry is not as it was hashed: nothing may be told from this log before that is cleared up."""

    def __init__(self, place: str) -> None:
        super().__init__(f"entry {place} is not as it was hashed: run `hub audit inspect` before anything is told")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An entry as read back, its lists whole; ``index`` is None until it has its place."""

    index: int | None
    kind: str
    at: datetime
    unit: str
    purpose: str
    case: str
    released: frozenset[str]
    masked: frozenset[str]
    subjects: frozenset[str]


def whole(data: bytes, lists: Mapping[str, Sequence[str]], index: int | None) -> dict[str, Any]:
    """The document in ``data``, the ``lists`` that are kept beside it in place; ``AlteredError`` if one is another."""
    document: dict[str, Any] = orjson.loads(data)
    for field, items in lists.items():
        if document.get(f"{field}Hash") != list_hash(items):
            raise AlteredError(_place(index))
        document[field] = items
    missing = [field for field in document if field.endswith("Hash") and field.removesuffix("Hash") not in lists]
    if missing:
        raise AlteredError(_place(index))
    return document


def parsed(data: bytes, lists: Mapping[str, Sequence[str]], index: int | None) -> Recorded:
    """The entry in ``data``; ``AlteredError`` as ``whole``."""
    document = whole(data, lists, index)
    return Recorded(
        index=index,
        kind=document["kind"],
        at=datetime.fromisoformat(document["at"]),
        unit=document["unit"],
        purpose=document["purpose"],
        case=document["case"],
        released=frozenset(document["released"]),
        masked=frozenset(document["masked"]),
        subjects=frozenset(document["subjects"]),
    )


async def naming(
    connections: Connections, names: Sequence[str], progress: Callable[[int, int], None] = lambda _done, _all: None
) -> list[Recorded]:
    """Every entry that names one of ``names``, and every hold and release, in the order of the tree."""
    sought, texts = [name.encode() for name in names], list(names)
    async with connections.connection() as connection:
        # What waits is read first: read last, an entry that gets its place meanwhile would be seen nowhere.
        waiting = [
            *await connection.fetch(_WAITING, sought),
            *await connection.fetch(_WAITING_LISTED, texts),
        ]
        size = await connection.fetchval(_SIZE)
        placed = [*await connection.fetch(_PLACED_LISTED, texts)]
        for first in range(0, size, CHUNK):
            placed += await connection.fetch(_PLACED, sought, first, first + CHUNK)
            progress(min(first + CHUNK, size), size)
    return _once(placed, waiting)


def _once(placed: Sequence[Any], waiting: Sequence[Any]) -> list[Recorded]:
    """Each entry once, those with a place first."""
    indexed = {row["leaf"]: row for row in placed}
    ordered = sorted(indexed.values(), key=lambda row: int(row["index"]))
    later = {row["leaf"]: row for row in waiting if row["leaf"] not in indexed}
    last = sorted(later.values(), key=lambda row: int(row["index"]))
    return [_read(row, row["index"]) for row in ordered] + [_read(row, None) for row in last]


def _read(row: Any, index: int | None) -> Recorded:
    hashed(row["bytes"], row["leaf"], index)
    return parsed(row["bytes"], orjson.loads(row["lists"] or "{}"), index)


def hashed(data: bytes, leaf: bytes, index: int | None) -> None:
    """``AlteredError`` unless ``data`` are the bytes that were hashed to ``leaf``."""
    if leaf_hash(data) != leaf:
        raise AlteredError(_place(index))


def _place(index: int | None) -> str:
    return "without a place" if index is None else f"`{index}`"
