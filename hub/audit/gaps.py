"""The log's database -> which entries are gone with a word about it, and the first that is gone without one.

Guarantee: a month counts as retired only if an entry in the tree says so, so that whoever marks a month in the database
has hidden nothing.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from hub.audit.merkle import leaf_hash
from hub.audit.reader import Reader

CHUNK: Final = 65_536
"""Entries that one statement looks for."""


def gap_request(first: int, end: int) -> str:
    """The name (request) of the entries that say that ``first`` to before ``end`` were retired."""
    return f"retired-{first}-{end}"


def gap_facts(first: int, end: int, digest: str) -> tuple[str, ...]:
    """What such an entry says: the range, and the SHA-256 over those of its bundle files."""
    return (f"end={end}", f"first={first}", "reason=retired", f"sha256={digest}")


async def covered(reader: Reader) -> list[tuple[int, int]]:
    """The ranges (first, index after the last) that were retired and of which an entry in the tree tells."""
    return [(first, end) for first, end in await reader.retired() if await _is_told(reader, first, end)]


async def missing(reader: Reader) -> int | None:
    """The first index in the tree at which there is no entry and of which no gap tells; None if all is well."""
    size, at = (await reader.backlog()).size, 0
    for first, end in [*await covered(reader), (size, size)]:
        for begin in range(at, first, CHUNK):
            absent = await reader.absent(begin, min(begin + CHUNK, first))
            # A month may have been retired since this began.
            if absent is not None and not any(low <= absent < high for low, high in await covered(reader)):
                return absent
        at = max(at, end)
    return None


async def _is_told(reader: Reader, first: int, end: int) -> bool:
    for kept in await reader.find(gap_request(first, end)):
        document: dict[str, Any] = orjson.loads(kept.data)
        said = {f"first={first}", f"end={end}", "reason=retired"} <= set(document["facts"])
        if kept.index is not None and document["kind"] == "gap" and said and leaf_hash(kept.data) == kept.leaf:
            return True
    return False
