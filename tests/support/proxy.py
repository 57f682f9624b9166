"""TCP connections -> a database's socket, as long as it is let: a department that goes away and comes back.

``pass`` carries bytes both ways. ``refuse``: nothing listens. ``hang``: connections are taken and bytes swallowed, as
by a host that vanished; those connections never work again. ``reset``: connections are taken and torn at once.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

Mode = Literal["pass", "refuse", "hang", "reset"]
_PIECE = 65_536
_TORN = struct.pack("ii", 1, 0)
"""``SO_LINGER`` of no seconds: a connection ends with a reset."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Line:
    """One connection of a client, and its way on to the database if there is one."""

    client: asyncio.StreamWriter
    database: asyncio.StreamWriter | None = None
    dead: bool = False

    def end(self, *, torn: bool) -> None:
        if torn:
            with suppress(OSError):
                self.client.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _TORN)
        self.client.transport.abort()
        if self.database is not None:
            self.database.close()


@dataclass(slots=True, kw_only=True)
class Proxy:
    """One port before one database; ``seen`` counts connections taken, ``back`` bytes that the database sent."""

    upstream: str
    port: int = 0
    mode: Mode = "pass"
    seen: int = 0
    back: int = 0
    _server: asyncio.Server | None = None
    _lines: set[_Line] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def dsn(self) -> str:
        """The database's DSN by way of this port."""
        parts = urlsplit(self.upstream)
        credential = parts.netloc.rpartition("@")[0]
        return urlunsplit((parts.scheme, f"{credential}@127.0.0.1:{self.port}", parts.path, "", ""))

    async def turn(self, mode: Mode) -> None:
        """What befalls connections from now on, those that are open included."""
        before, self.mode = self.mode, mode
        if mode in ("refuse", "reset"):
            for line in tuple(self._lines):
                line.end(torn=mode == "reset")
        elif mode == "hang":
            for line in self._lines:
                line.dead = True
        if mode == "refuse":
            await self._shut()
        elif before == "refuse" or self._server is None:
            await self._listen()

    async def close(self) -> None:
        """Ends everything."""
        await self._shut()
        for line in tuple(self._lines):
            line.end(torn=False)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _count(self, size: int) -> None:
        self.back += size

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _shut(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.seen += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        line = _Line(client=writer, dead=self.mode == "hang")
        self._lines.add(line)
        try:
            if self.mode == "reset":
                line.end(torn=True)
            elif self.mode == "pass":
                await self._carry(line, reader)
            else:
                await _swallow(reader)
        except (OSError, asyncio.CancelledError):
            # Either end is gone, or we are: the other end must see it.
            pass
        finally:
            self._lines.discard(line)
            line.end(torn=False)

    async def _carry(self, line: _Line, reader: asyncio.StreamReader) -> None:
        back, line.database = await _open(self.upstream)
        ways = (_pump(line, reader, line.database), _pump(line, back, line.client, self._count))
        tasks = [asyncio.ensure_future(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if line.dead:
                await asyncio.wait(tasks[:1])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def proxied(upstream: str) -> AsyncIterator[Proxy]:
    """A proxy that passes, on a free port, before the database that the DSN ``upstream`` names."""
    proxy = Proxy(upstream=upstream)
    await proxy.turn("pass")
    try:
        yield proxy
    finally:
        await proxy.close()


async def _open(dsn: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(dsn)
    [folder] = parse_qs(parts.query).get("host", [""])
    if folder:
        return await asyncio.open_unix_connection(f"{unquote(folder)}/.s.PGSQL.5432")
    return await asyncio.open_connection(parts.hostname, parts.port)


async def _pump(
    line: _Line,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    count: Callable[[int], None] = lambda _: None,
) -> None:
    while piece := await reader.read(_PIECE):
        count(len(piece))
        if not line.dead:
            writer.write(piece)
            await writer.drain()


async def _swallow(reader: asyncio.StreamReader) -> None:
    while await reader.read(_PIECE):
        pass
