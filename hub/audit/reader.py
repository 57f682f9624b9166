"""Rows of the log's database -> what the log says of itself: entries, tiles, tree heads, how far it is.

Guarantee: nothing here writes, but for cosignatures and what a verification found. Entries that were retired to an
archive are ``GapError``, never an empty answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from hub.audit.contract import Backlog, GapError, Kept, StoreError, Verification
from hub.audit.merkle import HASH_SIZE
from hub.audit.session import Connections

WIDTH: Final = 256
"""Hashes in a full tile."""

_HEALTH = """
select (select coalesce(max(size), 0) from log.checkpoint) as size,
    (select count(*) from log.pending) as pending,
    greatest(extract(epoch from now() - (select min(at) from log.pending)), 0)::float8 as lag
"""
_SHOWN = """
select index, leaf, bytes from (
    select null::bigint as index, id, leaf, bytes, request from log.pending
    union all select index, 0, leaf, bytes, request from log.entry
) both_tables
"""
_NOTES = """
select c.size, c.note || coalesce(
    (select string_agg(s.line, '' order by s.witness) from log.cosignature s where s.size = c.size), ''
) as note from log.checkpoint c
"""
_LISTS = """
select e.index, l.field, l.items from log.entry e join log.long_list l using (request, kind, part)
where e.index >= $1 and e.index < $2 and l.field <> all ($3) order by e.index, l.field
"""


class Reader:
    """What the log says of itself, on connections apart from the writer's."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def backlog(self) -> Backlog:
        """How far the tree is."""
        row = await self._row(_HEALTH)
        return Backlog(size=row["size"], pending=row["pending"], lag=row["lag"])

    async def find(self, request: str) -> list[Kept]:
        """The entries of one request, in the order of the tree."""
        return _kept(await self._rows(_SHOWN + "where request = $1 order by index nulls last, id", request))

    async def named(self, request: str, kind: str, part: int) -> Kept | None:
        """The entry of that name, or None."""
        found = await self._rows(
            "select index, leaf, bytes from log.entry where request = $1 and kind = $2 and part = $3"
            " union all select null, leaf, bytes from log.pending where request = $1 and kind = $2 and part = $3"
            " limit 1",
            *(request, kind, part),
        )
        return next(iter(_kept(found)), None)

    async def last(self, count: int) -> list[Kept]:
        """The newest ``count`` entries, the newest last."""
        rows = await self._rows(_SHOWN + "order by index desc nulls first, id desc limit $1", count)
        return _kept(reversed(rows))

    async def checkpoint(self) -> str | None:
        """The newest signed tree head, as a note with the cosignatures that it has; None while the log is empty."""
        found = await self._rows(_NOTES + "order by size desc limit 1")
        return found[0]["note"] if found else None

    async def bare_checkpoint(self) -> str | None:
        """The newest signed tree head without cosignatures: what witnesses are asked to cosign."""
        found = await self._rows("select note from log.checkpoint order by size desc limit 1")
        return found[0]["note"] if found else None

    async def covering(self, index: int) -> tuple[int, str] | None:
        """A head (size, note) over entry ``index``: the newest that a witness has cosigned, else the newest of all."""
        found = await self._rows(
            _NOTES + "where size > $1 and size = coalesce((select max(size) from log.cosignature where size > $1),"
            " (select max(size) from log.checkpoint))",
            index,
        )
        return (found[0]["size"], found[0]["note"]) if found else None

    async def history(self, after: int, count: int) -> list[tuple[int, str]]:
        """At most ``count`` heads (size, note with cosignatures) larger than ``after``, the smallest first."""
        rows = await self._rows(_NOTES + "where size > $1 order by size limit $2", after, count)
        return [(row["size"], row["note"]) for row in rows]

    async def signed_at(self) -> datetime | None:
        """When the newest head was signed."""
        found: datetime | None = (await self._row("select max(at) as at from log.checkpoint"))["at"]
        return found

    async def cosigned(self) -> datetime | None:
        """When a witness last cosigned a head."""
        found: datetime | None = (await self._row("select max(at) as at from log.witnessed"))["at"]
        return found

    async def hashes(self, level: int, first: int, count: int) -> list[bytes]:
        """The roots of ``count`` complete subtrees of 256 ** ``level`` leaves, from the ``first`` on."""
        if level:
            rows = await self._rows(
                "select root from log.tile where level = $1 and index >= $2 and index < $2 + $3 order by index",
                *(level - 1, first, count),
            )
            return _whole([row["root"] for row in rows], count)
        rows = await self._rows(
            "select index, hashes from log.tile where level = 0 and index between $1 and $2 order by index",
            *(first // WIDTH, (first + count - 1) // WIDTH),
        )
        tiled = b"".join(row["hashes"] for row in rows)
        begin = rows[0]["index"] * WIDTH if rows else first
        found = [tiled[at : at + HASH_SIZE] for at in range((first - begin) * HASH_SIZE, len(tiled), HASH_SIZE)][:count]
        if len(found) < count:
            rest = await self._rows(
                "select leaf from log.entry where index >= $1 and index < $2 order by index",
                *(first + len(found), first + count),
            )
            found += [row["leaf"] for row in rest]
        return _whole(found, count)

    async def entries(self, first: int, count: int) -> list[bytes]:
        """The bytes of ``count`` entries from the ``first`` on; ``GapError`` if a month among them was retired."""
        rows = await self._rows(
            "select bytes from log.entry where index >= $1 and index < $2 order by index", *(first, first + count)
        )
        if len(rows) < count:
            gone = await self._rows(
                "select first, last from log.month where retired is not null and first < $2 and last > $1"
                " order by first",
                *(first, first + count),
            )
            if gone:
                raise GapError(gone[0]["first"], gone[0]["last"])
        return _whole([row["bytes"] for row in rows], count)

    async def present(self, first: int, count: int) -> list[tuple[int, bytes, bytes]]:
        """(index, leaf hash as kept, bytes) of those of ``count`` entries from the ``first`` on that are there."""
        rows = await self._rows(
            "select index, leaf, bytes from log.entry where index >= $1 and index < $2 order by index",
            *(first, first + count),
        )
        return [(row["index"], row["leaf"], row["bytes"]) for row in rows]

    async def newest(self) -> int | None:
        """The index of the last entry that is there, with a head over it or without; None if there is none."""
        found: int | None = (await self._row("select max(index) as index from log.entry"))["index"]
        return found

    async def absent(self, first: int, end: int) -> int | None:
        """The first index from ``first`` to before ``end`` at which there is no entry."""
        rows = await self._rows(
            "select min(wanted) as index from generate_series($1::bigint, $2::bigint - 1) wanted"
            " where not exists (select from log.entry e where e.index = wanted)",
            *(first, end),
        )
        found: int | None = rows[0]["index"]
        return found

    async def retired(self) -> list[tuple[int, int]]:
        """The ranges (first, index after the last) of entries that were retired."""
        rows = await self._rows("select first, last from log.month where retired is not null order by first")
        return [(row["first"], row["last"]) for row in rows]

    async def tiles(self, level: int, first: int, count: int) -> dict[int, tuple[bytes, bytes]]:
        """Index -> (hashes, root) of those of ``count`` full tiles that are there."""
        rows = await self._rows(
            "select index, hashes, root from log.tile where level = $1 and index >= $2 and index < $2 + $3",
            *(level, first, count),
        )
        return {row["index"]: (row["hashes"], row["root"]) for row in rows}

    async def heads(self, first: int, last: int) -> list[tuple[int, str]]:
        """(size, note) of the heads of a size from ``first`` to ``last``, the smallest first."""
        rows = await self._rows(
            "select size, note from log.checkpoint where size between $1 and $2 order by size", first, last
        )
        return [(row["size"], row["note"]) for row in rows]

    async def lists(
        self, first: int, count: int, *, without: Sequence[str] = ()
    ) -> list[tuple[int, str, tuple[str, ...]]]:
        """(index, field, items) of the lists kept beside ``count`` entries from the ``first`` on."""
        rows = await self._rows(_LISTS, first, first + count, list(without))
        return [(row["index"], row["field"], tuple(row["items"])) for row in rows]

    async def verification(self) -> Verification | None:
        """What the last full verification found."""
        found = await self._rows("select * from log.verification order by id desc limit 1")
        return Verification(**{name: found[0][name] for name in Verification.__slots__}) if found else None

    async def keep_cosignature(self, size: int, witness: str, line: str, at: datetime) -> None:
        """Keeps a cosignature of the head of ``size``; one that is there already stays, and its time is noted."""
        async with self._connections.connection() as connection, connection.transaction():
            await connection.execute(
                "insert into log.cosignature (size, witness, line, at) values ($1, $2, $3, $4) on conflict do nothing",
                *(size, witness, line, at),
            )
            await connection.execute(
                "insert into log.witnessed as w (witness, size, at) values ($1, $2, $3) on conflict (witness)"
                " do update set size = excluded.size, at = excluded.at where w.at < excluded.at",
                *(witness, size, at),
            )

    async def keep(self, found: Verification) -> None:
        """Keeps what a full verification found."""
        async with self._connections.connection() as connection:
            await connection.execute(
                "insert into log.verification (at, size, good, bad, reason, seconds) values ($1, $2, $3, $4, $5, $6)",
                *(found.at, found.size, found.good, found.bad, found.reason, found.seconds),
            )

    async def close(self) -> None:
        """Gives the connections back; a later call opens others."""
        await self._connections.close()

    async def _rows(self, query: str, *values: Any) -> list[Any]:
        async with self._connections.connection() as connection:
            found: list[Any] = await connection.fetch(query, *values)
            return found

    async def _row(self, query: str) -> Any:
        return (await self._rows(query))[0]


def _whole(found: list[bytes], count: int) -> list[bytes]:
    if len(found) != count:
        raise StoreError("a part of the tree is missing")
    return found


def _kept(rows: Iterable[Mapping[str, Any]]) -> list[Kept]:
    return [Kept(index=row["index"], leaf=row["leaf"], data=row["bytes"]) for row in rows]
