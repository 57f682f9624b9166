"""Durable rows -> places in the tree, in PostgreSQL: the sequencer's side of the store.

Guarantee: only the holder of the log's one advisory lock gives places; a step is one transaction, all or nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from hub.audit.contract import StoreError, Tile, Waiting
from hub.audit.merkle import Frontier
from hub.audit.session import Session

_LOCK: Final = 0x57757169_6E674C67
"""The advisory lock of the log's one sequencer, within the hub's database."""

# Acts of authors are dated ahead, to the end of their hour, and get their places then. Whatever lies further ahead
# comes of a clock that is wrong, and must not wait for it. One probe of an index a row, whatever the planner believes
# of tables that grow faster than their statistics.
_WAITING = """
with first as materialized (
    select id, leaf, request from log.pending
    where at <= now() or at > now() + interval '61 minutes' order by id limit $1
)
select f.id, f.leaf, e.index is not null as double from first f left join lateral (
    select e.index from log.entry e where e.request = f.request and e.leaf = f.leaf limit 1
) e on true order by f.id
"""
_LEAVES = "select leaf from log.entry where index >= $1 and index < $2 order by index"
_ROOTS = "select root from log.tile where level = $1 and index >= $2 and index < $2 + $3 order by index"


class Desk:
    """The sequencer's side of the store: it is used by whoever holds the lock, and the lock lives with its connection.

    So nobody can go on after losing the lock: the connection is lost with it.
    """

    def __init__(self, session: Session) -> None:
        # A holder that is frozen loses its session, hence the lock; one that works asks something every second.
        session.setting("idle_session_timeout", "4000")
        session.setting("enable_seqscan", "off")
        self._session = session
        self._holder: Any = None

    async def acquire(self) -> bool:
        """Whether this is the log's sequencer now."""
        async with self._session.connection() as connection:
            if self._holder is not connection:
                held = await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK)
                self._holder = connection if held else None
            return self._holder is connection

    async def tip(self) -> Frontier:
        """The tree as far as it is committed."""
        async with self._held() as connection:
            row = await connection.fetchrow("select size, frontier from log.checkpoint order by size desc limit 1")
            return Frontier.from_bytes(row["size"], row["frontier"]) if row else Frontier()

    async def waiting(self, limit: int) -> Waiting:
        """At most ``limit`` rows without a place whose time has come."""
        async with self._held() as connection:
            rows = await connection.fetch(
                _WAITING,
                limit,
            )
        placed = [row for row in rows if not row["double"]]
        return Waiting(
            ids=tuple(row["id"] for row in placed),
            leaves=tuple(row["leaf"] for row in placed),
            doubles=tuple(row["id"] for row in rows if row["double"]),
        )

    async def head(self) -> str | None:
        """The newest signed tree head."""
        async with self._held() as connection:
            note: str | None = await connection.fetchval("select note from log.checkpoint order by size desc limit 1")
            return note

    async def hashes(self, level: int, first: int, count: int) -> list[bytes]:
        """The roots of ``count`` complete subtrees of 256 ** ``level`` leaves, from the ``first`` on."""
        query = _LEAVES if level == 0 else _ROOTS
        async with self._held() as connection:
            rows = await connection.fetch(query, *((first, first + count) if level == 0 else (level - 1, first, count)))
        return [row[0] for row in rows]

    async def sequence(
        self, tip: Frontier, waiting: Waiting, grown: Frontier, note: str, tiles: Sequence[Tile] = ()
    ) -> None:
        """Gives ``waiting`` the places after ``tip``, with the signed head ``note`` of ``grown``: all or nothing.

        ``tiles`` are those that became full.
        """
        async with self._held() as connection:
            await connection.execute(
                "select log.sequence($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                tip.size,
                waiting.ids,
                waiting.doubles,
                grown.root,
                grown.to_bytes(),
                note,
                [tile.level for tile in tiles],
                [tile.index for tile in tiles],
                [tile.hashes for tile in tiles],
                [tile.root for tile in tiles],
            )

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[Any]:
        """The connection that holds the lock; ``StoreError`` if it was lost and another was opened since."""
        async with self._session.connection() as connection:
            if self._holder is not connection:
                raise StoreError("the sequencer's lock is lost")
            yield connection

    async def close(self) -> None:
        """Gives the lock back with the connection."""
        self._holder = None
        await self._session.close()
