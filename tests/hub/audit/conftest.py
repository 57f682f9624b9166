"""A real PostgreSQL for the log: one server a session, one database a test."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from connectors.demo.server import Server
from hub.audit.session import install
from tests.support.clusters import throw_away


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    # Not pytest's own folder: run by root, the server works as a user who may not enter that.
    made = Path(tempfile.mkdtemp(prefix="hub-log-", dir="/var/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="session")
def server(folder: Path) -> Iterator[Server]:
    # Databases stay until the end, so there are many for a vacuum to go through.
    running = Server(folder=folder / "shared", databases=("template_log",), settings={"autovacuum": "off"})
    running.start()
    yield running
    throw_away(running)


@pytest.fixture(scope="session")
async def template(server: Server) -> str:
    await install(server.dsn("template_log"))
    return "template_log"


_numbers = itertools.count(1)


@asynccontextmanager
async def copied(server: Server, template: str) -> AsyncIterator[str]:
    """The name of a database that begins as ``template``; afterwards nobody is connected to it."""
    name = f"log_{next(_numbers)}"
    owner = await asyncpg.connect(server.dsn("postgres"))
    try:
        await owner.execute(f"create database {name} template {template}")
        yield name
        # To drop it, the server would first write all there is to disk: it goes with the folder.
        await owner.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
    finally:
        await owner.close()


@pytest.fixture
async def dsn(server: Server, template: str) -> AsyncIterator[str]:
    """A database with an empty log."""
    async with copied(server, template) as name:
        yield server.dsn(name)
