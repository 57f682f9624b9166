"""Leaves -> rows of the hub's own PostgreSQL: the only file of the hub that speaks to a database itself.

Guarantee: ``append`` and ``settle`` return when the rows are on disk (``synchronous_commit`` on; a server without
``fsync`` or ``full_page_writes`` is refused). Anything else is ``StoreError``, and then nobody knows whether the rows
are there: the connection is given up, and ``settle`` finds out. No row is ever changed or removed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import asyncpg

from hub.audit.contract import Backlog, Kept, StoreError, Waiting
from hub.audit.entry import Leaf
from hub.audit.merkle import Frontier

__all__ = ["Desk", "PostgresStore", "Reader", "Session", "StoreError", "install"]

LAYOUT: Final = 1
DDL: Final = Path(__file__).with_name("log.sql")
_LOCK: Final = 0x57757169_6E674C67
"""The advisory lock of the log's one sequencer, within the hub's database."""

_ROWS = "unnest($1::text[], $2::text[], $3::int[], $4::timestamptz[], $5::bytea[], $6::bytea[])"
_LISTS = "unnest($7::text[], $8::text[], $9::int[], $10::text[], $11::text[])"
_INSERT = f"""
with long as (
    insert into log.long_list (request, kind, part, field, items)
    select request, kind, part, field, string_to_array(items, E'\\n')
    from {_LISTS} as n (request, kind, part, field, items)
    on conflict do nothing
)
insert into log.pending (request, kind, part, at, leaf, bytes)
select * from {_ROWS} as n (request, kind, part, at, leaf, bytes)
"""
_APPEND = _INSERT + "on conflict (request, kind, part) do nothing"
# A row that the sequencer has moved meanwhile is not put in again. If it is moved while this runs, it is: the sequencer
# drops the double, since it alone sees both tables at rest.
_SETTLE = (
    _INSERT
    + """where not exists (
    select from log.entry e where e.request = n.request and e.kind = n.kind and e.part = n.part
) on conflict (request, kind, part) do nothing"""
)
_KEPT = """
select leaf from log.pending where request = any ($1::text[])
union all select leaf from log.entry where request = any ($1::text[])
"""
_HEALTH = """
select (select coalesce(max(index) + 1, 0) from log.entry) as size,
    (select count(*) from log.pending) as pending,
    coalesce(extract(epoch from now() - (select min(at) from log.pending)), 0)::float8 as lag
"""
_SHOWN = """
select index, leaf, bytes from (
    select null::bigint as index, id, leaf, bytes, request from log.pending
    union all select index, 0, leaf, bytes, request from log.entry
) both_tables
"""
_GUARD = """
select current_setting('fsync') = 'on' and current_setting('full_page_writes') = 'on' as safe,
    current_setting('synchronous_commit') = 'on' as synchronous,
    to_regclass('log.layout') is not null as present
"""


class Session:
    """One connection of the log's own, opened when needed and given up at the first doubt."""

    def __init__(
        self, dsn: str, *, name: str, role: str | None = "hub_log", durable: bool = True, timeout: float = 2.0
    ) -> None:
        """``durable=False`` accepts a server with ``fsync`` off: for tests alone. ``timeout``: seconds a statement."""
        self._dsn = dsn
        self._durable = durable
        self._timeout = timeout
        self._connection: Any = None
        self._turn = asyncio.Lock()
        milliseconds = str(int(timeout * 1000))
        self._settings = {
            "application_name": f"hub log {name}",
            "synchronous_commit": "on",
            "statement_timeout": milliseconds,
            "lock_timeout": milliseconds,
            "idle_in_transaction_session_timeout": milliseconds,
            # Array parameters are planned anew at every call otherwise.
            "plan_cache_mode": "force_generic_plan",
            "jit": "off",
            # A host that vanished gives its locks back within five seconds.
            "tcp_keepalives_idle": "2",
            "tcp_keepalives_interval": "1",
            "tcp_keepalives_count": "2",
        } | ({"role": role} if role else {})

    def setting(self, name: str, value: str) -> None:
        """A server setting of every connection opened from now on."""
        self._settings[name] = value

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """The connection, one user at a time; whatever goes wrong inside ends it: nobody knows what state it is in."""
        async with self._turn:
            try:
                if self._connection is None or self._connection.is_closed():
                    self._connection = await self._open()
                yield self._connection
            except BaseException as error:
                self.drop()
                # The driver raises more than it promises when a connection breaks, so every fault in here is a doubt.
                if isinstance(error, Exception) and not isinstance(error, StoreError):
                    raise StoreError(_reason(error)) from error
                raise

    def drop(self) -> None:
        """Ends the connection without a word to the server."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def close(self) -> None:
        """Ends the connection in good order, if that is quick."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=1)
            except Exception:  # whatever the driver says of a broken connection, this one is over
                connection.terminate()

    async def _open(self) -> Any:
        connection = await asyncpg.connect(
            self._dsn, timeout=1, command_timeout=self._timeout + 0.5, server_settings=self._settings
        )
        try:
            # Asked at each opening: the server may have been started again with other settings.
            await self._guard(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _guard(self, connection: Any) -> None:
        found = await connection.fetchrow(_GUARD)
        if self._durable and not found["safe"]:
            raise StoreError("`fsync` or `full_page_writes` is off, so that a durable entry could be lost")
        if not found["synchronous"]:
            raise StoreError("`synchronous_commit` is not on")
        if not found["present"]:
            raise StoreError("the log's tables are missing")
        layout = await connection.fetchval("select version from log.layout")
        if layout != LAYOUT:
            raise StoreError(f"the log's tables have layout `{layout}`, `{LAYOUT}` is needed")


class PostgresStore:
    """The store on PostgreSQL."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def append(self, leaves: Sequence[Leaf]) -> frozenset[bytes]:
        """See the contract."""
        async with self._session.connection() as connection:
            status = await connection.execute(_APPEND, *_columns(leaves))
            # One statement is one transaction: its reply comes after the commit record is on disk.
            if status == f"INSERT 0 {len(leaves)}":
                return frozenset(leaf.hash for leaf in leaves)
            return await self._kept(connection, leaves)

    async def settle(self, leaves: Sequence[Leaf]) -> frozenset[bytes]:
        """See the contract."""
        async with self._session.connection() as connection:
            # If the lost call is still committing, this statement waits for it at the unique name.
            await connection.execute(_SETTLE, *_columns(leaves))
            return await self._kept(connection, leaves)

    async def probe(self) -> None:
        """See the contract."""
        async with self._session.connection() as connection:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(
                "insert into log.pending (request, kind, part, at, leaf, bytes)"
                " values (gen_random_uuid()::text, 'probe', 0, now(), sha256('\\x00'::bytea), '')"
            )
            await transaction.rollback()

    async def close(self) -> None:
        """See the contract."""
        await self._session.close()

    @staticmethod
    async def _kept(connection: Any, leaves: Sequence[Leaf]) -> frozenset[bytes]:
        rows = await connection.fetch(_KEPT, sorted({leaf.request for leaf in leaves}))
        return frozenset(leaf.hash for leaf in leaves) & frozenset(row["leaf"] for row in rows)


class Reader:
    """What the log says of itself, on a connection apart from the writer's. Calls take turns."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def backlog(self) -> Backlog:
        """How far the tree is."""
        async with self._session.connection() as connection:
            row = await connection.fetchrow(_HEALTH)
            return Backlog(size=row["size"], pending=row["pending"], lag=row["lag"])

    async def find(self, request: str) -> list[Kept]:
        """The entries of one request, in the order of the tree."""
        async with self._session.connection() as connection:
            return _kept(await connection.fetch(_SHOWN + "where request = $1 order by index nulls last, id", request))

    async def last(self, count: int) -> list[Kept]:
        """The newest ``count`` entries, the newest last."""
        async with self._session.connection() as connection:
            rows = await connection.fetch(_SHOWN + "order by index desc nulls first, id desc limit $1", count)
            return _kept(reversed(rows))

    async def checkpoint(self) -> str | None:
        """The newest signed tree head, as a note; None while the log is empty."""
        async with self._session.connection() as connection:
            note: str | None = await connection.fetchval("select note from log.checkpoint order by size desc limit 1")
            return note

    async def close(self) -> None:
        """Gives the connection back; a later call opens another."""
        await self._session.close()


class Desk:
    """The sequencer's side of the store: it is used by whoever holds the lock, and the lock lives with its connection.

    So nobody can go on after losing the lock: the connection is lost with it.
    """

    def __init__(self, session: Session) -> None:
        # A holder that is frozen loses its session, hence the lock; one that works asks something every second.
        session.setting("idle_session_timeout", "4000")
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
        """At most ``limit`` rows without a place."""
        async with self._held() as connection:
            rows = await connection.fetch(
                "select p.id, p.leaf, exists (select from log.entry e where e.request = p.request and e.leaf = p.leaf)"
                " as double from log.pending p order by p.id limit $1",
                limit,
            )
        placed = [row for row in rows if not row["double"]]
        return Waiting(
            ids=tuple(row["id"] for row in placed),
            leaves=tuple(row["leaf"] for row in placed),
            doubles=tuple(row["id"] for row in rows if row["double"]),
        )

    async def sequence(self, tip: Frontier, waiting: Waiting, grown: Frontier, note: str) -> None:
        """Gives ``waiting`` the places after ``tip``, with the signed head ``note`` of ``grown``: all or nothing."""
        async with self._held() as connection:
            await connection.execute(
                "select log.sequence($1, $2, $3, $4, $5, $6)",
                tip.size,
                waiting.ids,
                waiting.doubles,
                grown.root,
                grown.to_bytes(),
                note,
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


async def install(dsn: str) -> None:
    """Makes the log's tables, view and role; ``dsn`` names the database, and its owner who may make roles."""
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
        try:
            await connection.execute(DDL.read_text(encoding="utf-8"))
        finally:
            await connection.close()
    except Exception as error:
        raise StoreError(_reason(error)) from error


def _columns(leaves: Sequence[Leaf]) -> tuple[list[Any], ...]:
    """The eleven arrays of ``_INSERT``."""
    lists = [(leaf, name, items) for leaf in leaves for name, items in leaf.lists.items()]
    row: Sequence[Callable[[Leaf], str | int | datetime | bytes]] = (
        lambda leaf: leaf.request,
        lambda leaf: leaf.kind,
        lambda leaf: leaf.part,
        lambda leaf: leaf.at,
        lambda leaf: leaf.hash,
        lambda leaf: leaf.data,
    )
    return (
        *([of(leaf) for leaf in leaves] for of in row),
        *([of(leaf) for leaf, _, _ in lists] for of in row[:3]),
        [name for _, name, _ in lists],
        ["\n".join(items) for _, _, items in lists],
    )


def _kept(rows: Iterable[Mapping[str, Any]]) -> list[Kept]:
    return [Kept(index=row["index"], leaf=row["leaf"], data=row["bytes"]) for row in rows]


def _reason(error: BaseException) -> str:
    """A stable word for what happened; the server's own words may hold a row."""
    if isinstance(error, asyncpg.PostgresError):
        return f"refused with SQLSTATE `{error.sqlstate}`"
    if isinstance(error, OSError | asyncpg.InterfaceError) and not isinstance(error, TimeoutError):
        return "unreachable"
    return "timeout" if isinstance(error, TimeoutError) else f"fault `{type(error).__name__}`"
