"""A real PostgreSQL for the log: one server a session, one database a test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from connectors.demo.server import Server
from hub.audit.session import install
from tests.hub.audit.support.databases import copied
from tests.support.clusters import place, throw_away


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    # Not pytest's own folder: run by root, the server works as a user who may not enter that.
    made = Path(tempfile.mkdtemp(prefix="hub-log-", dir=place()))
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


@pytest.fixture
async def dsn(server: Server, template: str) -> AsyncIterator[str]:
    """A database with an empty log."""
    async with copied(server, template) as name:
        yield server.dsn(name)
