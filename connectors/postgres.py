"""Fetch -> rows from PostgreSQL (or what speaks its protocol): the only importer of asyncpg in connectors.

Guarantee: a source reads alone (every transaction is read-only), one statement a call, and whatever happens to the
caller the connection goes back to the pool usable or is closed. Errors are ``SourceError``; the server's own text stays
here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from collections.abc import Mapping as Dict
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, TypeAlias, TypeVar

import asyncpg

from connectors.mapping import Mapping
from connectors.source import Aggregate, Bindings, Fetch, Row, SourceError
from connectors.sql import Statement, aggregate_statement, statement

PLANNED = {"plan_cache_mode": "force_custom_plan", "max_parallel_workers_per_gather": "0"}
"""How sessions differ in which statements are planned with their values; a second process would take longer to start
than most of them take."""

Asked: TypeAlias = tuple[int, bool]
"""A Fetch or an Aggregate by its id, and whether it is written for long lists."""
K = TypeVar("K")
V = TypeVar("V")

LONG = 256
"""Values in one list from which on a page or a count is planned with them: a generic plan takes every list to be short,
and looks through it, or for what hangs on a row, anew for each row: for a second where a plan costs milliseconds."""
MANY = 64
"""Values in one list from which on a statement looks them up for its values' conditions, and does not go through
them: of some it takes longer to make the table than to look at each."""
STATEMENTS = 4096
"""How many statements a source remembers; beyond, the one longest unused goes."""

REJECTED = (asyncpg.DataError, asyncpg.UnsupportedClientFeatureError)
UNREACHABLE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
OVERLOADED = (
    asyncpg.TooManyConnectionsError,
    asyncpg.OutOfMemoryError,
    asyncpg.DiskFullError,
    asyncpg.TransactionRollbackError,
)
UNFIT = (
    asyncpg.NotNullViolationError,
    asyncpg.StringDataRightTruncationError,
    asyncpg.NumericValueOutOfRangeError,
    asyncpg.CheckViolationError,
)
"""A value that the department does not take; the column is named by the first alone."""
LATE = (TimeoutError, asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """How a department is connected to. Times in seconds."""

    connections: int = 8
    connect_timeout: float = 2.0
    statement_timeout: float = 5.0
    idle: float = 300.0


@dataclass(slots=True, kw_only=True)
class Connections:
    """Connections to one department's database by one role; ``session``: settings of theirs beside the common ones.

    Made by the first call and made anew after an outage, so a dead department neither blocks the hub's start nor needs
    a hand when it is back. ``unfinished``: a connection may come back in the middle of a transaction, which is then
    rolled back.
    """

    name: str
    dsn: str = field(repr=False)
    settings: PoolSettings
    session: Dict[str, str]
    unfinished: bool = False
    _pool: asyncpg.Pool | None = field(default=None, init=False, repr=False)
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)
    _releasing: set[asyncio.Task[None]] = field(default_factory=set, init=False, repr=False)
    _free: list[tuple[asyncpg.Pool, asyncpg.pool.PoolConnectionProxy, float]] = field(
        default_factory=list, init=False, repr=False
    )
    """Connections kept out of the pool between two statements: going through it costs as much as a statement."""
    _waiting: int = field(default=0, init=False)
    _closed: bool = field(default=False, init=False)

    async def close(self) -> None:
        """Gives back every connection; statements that still run are cut."""
        self._closed = True
        pool, self._pool = self._pool, None
        self._free.clear()
        if pool is not None:
            pool.terminate()
        await asyncio.gather(*self._releasing, return_exceptions=True)

    @asynccontextmanager
    async def connection(self, until: float) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy]:
        """A connection for one call; waiting for it counts against the deadline.

        After the deadline, or if the caller is cancelled, asyncpg cancels the statement in the server.
        """
        pool, connection = self._at_hand(monotonic()) or await self._waited_for(until)
        try:
            async with asyncio.timeout(until - monotonic()):
                yield connection
        except Exception as error:
            self._release_later(pool, connection)
            raise self._translated(error) from None
        except BaseException:
            self._release_later(pool, connection)
            raise
        if self._waiting or pool is not self._pool or (self.unfinished and connection.is_in_transaction()):
            await self._released(pool, connection)
        else:
            self._free.append((pool, connection, monotonic()))

    async def fetch(self, text: str, arguments: Sequence[Any], until: float) -> Sequence[Row]:
        """Rows of one statement: as ``connection``, with the driver's own deadline, which costs a fraction of ours."""
        now = monotonic()
        pool, connection = self._at_hand(now) or await self._waited_for(until)
        try:
            rows: Sequence[Row] = await connection.fetch(text, *arguments, timeout=until - now)
        except Exception as error:
            self._release_later(pool, connection)
            raise self._translated(error) from None
        except BaseException:
            self._release_later(pool, connection)
            raise
        if self._waiting or pool is not self._pool:
            await self._released(pool, connection)
        else:
            self._free.append((pool, connection, monotonic()))
        return rows

    def _at_hand(self, now: float) -> tuple[asyncpg.Pool, asyncpg.pool.PoolConnectionProxy] | None:
        """A connection that was kept, if there is one."""
        while self._free:
            pool, connection, since = self._free.pop()
            if pool is self._pool and _is_open(connection) and now - since < self.settings.idle:
                return pool, connection
            self._release_later(pool, connection)
        return None

    async def _waited_for(self, until: float) -> tuple[asyncpg.Pool, asyncpg.pool.PoolConnectionProxy]:
        """A connection of the pool, once there is one."""
        self._waiting += 1
        try:
            async with asyncio.timeout(until - monotonic()):
                pool = await self._opened()
                return pool, await pool.acquire()
        except TimeoutError:
            raise SourceError(self.name, self._waited()) from None
        except Exception as error:
            raise self._translated(error) from None
        finally:
            self._waiting -= 1

    def _waited(self) -> str:
        """Every connection at work: overloaded; none to be had: the server did not answer."""
        pool = self._pool
        busy = pool is not None and pool.get_idle_size() == 0 and pool.get_size() >= self.settings.connections
        return "overloaded" if busy else "timeout"

    async def _opened(self) -> asyncpg.Pool:
        if self._closed:
            raise SourceError(self.name, "unreachable")
        if self._pool is None:
            async with self._opening:
                if self._pool is None:
                    self._pool = await self._made()
        return self._pool

    async def _made(self) -> asyncpg.Pool:
        return await asyncpg.create_pool(
            self.dsn,
            min_size=0,
            max_size=self.settings.connections,
            max_inactive_connection_lifetime=self.settings.idle,
            timeout=self.settings.connect_timeout,
            statement_cache_size=1024,
            server_settings=session_settings(self.settings, self.session),
            # No session state is ever set by a statement of ours, so there is nothing to reset and no round trip.
            reset=_nothing,
        )

    def _release_later(self, pool: asyncpg.Pool, connection: asyncpg.pool.PoolConnectionProxy) -> None:
        """Releases behind the caller's back: the server may take its time to confirm a cancellation, or be dead."""
        task = asyncio.create_task(self._released(pool, connection))
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    async def _released(self, pool: asyncpg.Pool, connection: asyncpg.pool.PoolConnectionProxy) -> None:
        try:
            if self.unfinished and connection.is_in_transaction():
                await self._rolled_back(connection)
            await pool.release(connection, timeout=self.settings.connect_timeout)
        except Exception:
            # The connection is closed: gone, never in doubt. The server confirmed no cancellation, so the idle
            # connections may be as dead; each would cost a call its deadline before the pool was rid of it.
            await pool.expire_connections()
            free, self._free = self._free, []
            for kept, idle, _ in free:
                self._release_later(kept, idle)

    async def _rolled_back(self, connection: asyncpg.pool.PoolConnectionProxy) -> None:
        try:
            await connection.execute("ROLLBACK", timeout=self.settings.connect_timeout)
        except Exception:
            connection.terminate()
            raise

    def _translated(self, error: Exception) -> SourceError:
        # INVARIANT 7: a client sees codes, never source text.
        if isinstance(error, SourceError):
            return error
        if isinstance(error, LATE):
            return SourceError(self.name, "timeout")
        if isinstance(error, REJECTED):
            return SourceError(self.name, "rejected")
        if isinstance(error, OVERLOADED):
            return SourceError(self.name, "overloaded")
        if isinstance(error, UNREACHABLE):
            return SourceError(self.name, "unreachable")
        return SourceError(self.name, "rejected")


@dataclass(slots=True, kw_only=True)
class PostgresSource:
    """One department's database, read through its mapping; keeps ``connectors.source.Source``.

    Starting asks nothing of the server.
    """

    name: str
    mapping: Mapping = field(repr=False)
    dsn: str = field(repr=False)
    settings: PoolSettings = field(default_factory=PoolSettings)
    _connections: Connections = field(init=False, repr=False)
    _planning: Connections = field(init=False, repr=False)
    """Connections on which every statement is planned with its values."""
    _known: dict[Asked, tuple[Fetch | Aggregate, Statement]] = field(default_factory=dict, init=False, repr=False)
    _statements: dict[tuple[Fetch | Aggregate, bool], Statement] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        session = {"default_transaction_read_only": "on"}
        self._connections = Connections(name=self.name, dsn=self.dsn, settings=self.settings, session=session)
        fewer = replace(self.settings, connections=max(1, self.settings.connections // 2))
        self._planning = Connections(name=self.name, dsn=self.dsn, settings=fewer, session={**session, **PLANNED})

    async def fetch(self, fetch: Fetch, bindings: Bindings, *, deadline: float) -> Sequence[Row]:
        """Rows of ``fetch``; see the contract."""
        known = self._known.get((id(fetch), False))  # as `statement`, without a call for each of many
        found = self.statement(fetch) if known is None else known[1]
        arguments = found.arguments(bindings)
        paged = fetch.limit is not None and fetch.per is None
        longest = _longest(arguments) if found.lists or paged else 0
        if found.lists and longest >= MANY:
            found = self.statement(fetch, long=True)
            arguments = found.arguments(bindings)
        if found.planned or (paged and longest >= LONG):
            return await self._planning.fetch(found.text, arguments, monotonic() + deadline)
        return await self._connections.fetch(found.text, arguments, monotonic() + deadline)

    async def aggregate(self, aggregate: Aggregate, bindings: Bindings, *, deadline: float) -> Sequence[Row]:
        """Groups of ``aggregate``; see the contract."""
        found = self.statement(aggregate)
        arguments = found.arguments(bindings)
        if found.planned or _longest(arguments) >= LONG:
            return await self._planning.fetch(found.text, arguments, monotonic() + deadline)
        return await self._connections.fetch(found.text, arguments, monotonic() + deadline)

    async def query(self, text: str, *arguments: Any, deadline: float) -> Sequence[Row]:
        """Rows of a reading statement that is no Fetch: for checks of the database itself."""
        return await self._connections.fetch(text, arguments, monotonic() + deadline)

    async def ping(self, *, deadline: float) -> None:
        """Returns if the source answers."""
        async with self._connections.connection(monotonic() + deadline) as connection:
            await connection.fetchval("SELECT 1")

    async def close(self) -> None:
        """Gives back every connection; statements that still run are cut."""
        await asyncio.gather(self._connections.close(), self._planning.close())

    def statement(self, asked: Fetch | Aggregate, *, long: bool = False) -> Statement:
        """The SQL of a Fetch or an Aggregate, remembered; a mapping that cannot serve it is ``rejected``."""
        # Plans are kept, so the very same object comes again; its hash would walk the whole tree, for longer than a
        # point query takes. The pair holds the object, so its id is not given to another.
        known = self._known.get((id(asked), long))
        if known is not None:
            return known[1]
        found = self._statements.pop((asked, long), None) or self._written(asked, long=long)
        _remember(self._statements, (asked, long), found)
        _remember(self._known, (id(asked), long), (asked, found))
        return found

    def _written(self, asked: Fetch | Aggregate, *, long: bool) -> Statement:
        try:
            if isinstance(asked, Fetch):
                return statement(asked, self.mapping, long=long)
            return aggregate_statement(asked, self.mapping)
        except (KeyError, ValueError) as error:
            raise SourceError(self.name, "rejected") from error


def _longest(arguments: Sequence[Any]) -> int:
    """How many values stand in the longest list."""
    return max([len(argument) for argument in arguments if type(argument) is list], default=0)


def _remember(memory: dict[K, V], key: K, value: V) -> None:
    """Adds to a bounded memory; the entry longest there makes room."""
    if len(memory) >= STATEMENTS:
        del memory[next(iter(memory))]
    memory[key] = value


def session_settings(settings: PoolSettings, session: Dict[str, str]) -> dict[str, str]:
    """What every session of ours is set to."""
    milliseconds = str(int(settings.statement_timeout * 1000))
    return {
        "application_name": "wuqing-hub",
        "statement_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds,
        # Array parameters would be planned anew at every execution otherwise.
        "plan_cache_mode": "force_generic_plan",
        "jit": "off",
        "DateStyle": "ISO, YMD",
        "search_path": "public",
        **session,
    }


def _is_open(connection: asyncpg.pool.PoolConnectionProxy) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:  # the server ended it, and the pool has taken it back already
        return False


async def _nothing(_: Any) -> None:
    return None
