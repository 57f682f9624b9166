"""Departments on servers of their own, so that one of them can be killed and the others live."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from connectors.demo.server import OWNER, Server

SMALL = {"shared_buffers": "16MB", "maintenance_work_mem": "32MB", "max_connections": "60"}


@dataclass(frozen=True, slots=True)
class Spread:
    """Several servers as one: each database is on the one that has it."""

    servers: Sequence[Server]

    def of(self, database: str) -> Server:
        """The server that has the database."""
        return next(server for server in self.servers if database in server.databases)

    def dsn(self, database: str, *, user: str = OWNER, password: str | None = None) -> str:
        """A DSN for one database."""
        return self.of(database).dsn(database, user=user, password=password)

    def dsns(self) -> dict[str, str]:
        """Database -> DSN."""
        return {database: self.dsn(database) for server in self.servers for database in server.databases}


@contextmanager
def spread(folder: Path, groups: Sequence[Sequence[str]]) -> Iterator[Spread]:
    """A server for each group of databases; what they hold survives the death of their processes, and no power cut."""
    servers: list[Server] = []
    try:
        for number, group in enumerate(groups):
            server = Server(folder=folder / f"server{number}", databases=tuple(group), fsync=False, settings=SMALL)
            server.start()
            servers.append(server)
        yield Spread(servers)
    finally:
        for server in servers:
            server.stop()


async def killed(server: Server, seconds: float) -> None:
    """``kill -9`` of a server, which starts again so many seconds later and recovers by itself."""
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    await asyncio.to_thread(server.stop)
    await asyncio.sleep(seconds)
    await asyncio.to_thread(server.start)
