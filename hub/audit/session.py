"""DSN -> connections to the log's database: the only file of the log that knows the driver.

Guarantee: whatever the driver or the server says becomes ``StoreError`` with a stable word, never source text. A
connection that fails in use is given up: nobody knows what state it is in. Each one proves when it is opened that its
server keeps what it commits, and that the log's tables are those of this version.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import asyncpg

from hub.audit.contract import StoreError

LAYOUT: Final = 5
DDL: Final = tuple(
    Path(__file__).parent / name
    for name in (
        "log.sql",
        "search.sql",
        "../reloading.sql",
        "../pages/session.sql",
        "../lifecycle/held.sql",
        "../statistics/published.sql",
        "../events/outbox.sql",
        "../events/webhook.sql",
    )
)

_GUARD = """
select current_setting('fsync') = 'on' and current_setting('full_page_writes') = 'on' as safe,
    current_setting('synchronous_commit') = 'on' as synchronous,
    to_regclass('log.layout') is not null as present
"""


class Connections(Protocol):
    """Where a connection is to be had."""

    def connection(self) -> AbstractAsyncContextManager[Any]:
        """A connection, one user at a time; ``StoreError`` for whatever goes wrong inside."""
        ...

    async def close(self) -> None:
        """Gives back what is open."""
        ...


class Session:
    """One connection of the log's own, opened when needed and given up at the first doubt."""

    def __init__(
        self, dsn: str, *, name: str, role: str | None = "hub_log", durable: bool = True, timeout: float = 2.0
    ) -> None:
        """``durable=False`` accepts a server with ``fsync`` off: for tests alone.

        ``timeout``: seconds a statement; a connection gets half of them.
        """
        self._dsn = dsn
        self._durable = durable
        self._timeout = timeout
        self._connection: Any = None
        self._turn = asyncio.Lock()
        self._ended = False
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
                if self._ended:
                    # Ended while it was being opened: nobody would close it any more.
                    raise StoreError("closed")
                yield self._connection
            except BaseException as error:
                self.drop()
                # The driver raises more than it promises when a connection breaks, so every fault in here is a doubt.
                if isinstance(error, Exception) and not isinstance(error, StoreError):
                    raise StoreError(_reason(error)) from error
                raise

    async def hold(self, lock: int) -> bool:
        """Whether this connection holds the advisory lock ``lock`` now; it does until the connection ends."""
        async with self.connection() as connection:
            held: bool = await connection.fetchval("select pg_try_advisory_lock($1)", lock)
            return held

    def drop(self) -> None:
        """Ends the connection without a word to the server."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def close(self) -> None:
        """Ends the connection in good order, if that is quick; none is to be had afterwards."""
        self._ended = True
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=1)
            except Exception:  # whatever the driver says of a broken connection, this one is over
                connection.terminate()

    async def _open(self) -> Any:
        try:
            connection = await asyncpg.connect(
                self._dsn,
                timeout=self._timeout / 2,
                command_timeout=self._timeout + 0.5,
                server_settings=self._settings,
            )
        except asyncpg.InvalidParameterValueError:
            # All settings but the role are known to every server.
            role = self._settings.get("role")
            raise StoreError(f"the role `{role}` is missing, the tables' owner makes it by `hub install`") from None
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
            raise StoreError("the log's tables are missing, their owner makes them by `hub install`")
        layout = await connection.fetchval("select version from log.layout")
        if layout != LAYOUT:
            how = "their owner runs `hub install`" if layout < LAYOUT else "this hub is older than they are"
            raise StoreError(f"the log's tables have layout `{layout}`, `{LAYOUT}` is needed: {how}")


class Sessions:
    """Several sessions; whoever asks gets the one that has been idle longest, or waits for one."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        self._sessions = sessions
        self._idle: asyncio.Queue[Session] = asyncio.Queue()
        for session in sessions:
            self._idle.put_nowait(session)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """See ``Connections``."""
        session = await self._idle.get()
        try:
            async with session.connection() as connection:
                yield connection
        finally:
            self._idle.put_nowait(session)

    async def close(self) -> None:
        """See ``Connections``."""
        for session in self._sessions:
            await session.close()


async def install(dsn: str) -> None:
    """Makes the log's tables, view and role; ``dsn`` names the database, and its owner who may make roles."""
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
        try:
            for file in DDL:
                await connection.execute(file.read_text(encoding="utf-8"))
        finally:
            await connection.close()
    except asyncpg.InsufficientPrivilegeError:
        raise StoreError("the role of this DSN may not make tables, or roles, there: the owner's is wanted") from None
    except Exception as error:
        raise StoreError(_reason(error)) from error


def _reason(error: BaseException) -> str:
    """A stable word for what happened; the server's own words may hold a row."""
    if isinstance(error, asyncpg.PostgresError):
        return f"refused with SQLSTATE `{error.sqlstate}`"
    if isinstance(error, OSError | asyncpg.InterfaceError) and not isinstance(error, TimeoutError):
        return "unreachable"
    return "timeout" if isinstance(error, TimeoutError) else f"fault `{type(error).__name__}`"
