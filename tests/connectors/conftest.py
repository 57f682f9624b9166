from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from connectors.demo.server import Server
from connectors.memory import MemorySource
from connectors.postgres import PostgresSource
from tests.connectors import scratch
from tests.support.clusters import place


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """An embedded server of this test session alone; its log holds every statement."""
    folder = Path(tempfile.mkdtemp(prefix="hub-test-", dir=place()))
    server = Server(folder=folder / "data", fsync=False, settings={"log_statement": "all"})
    try:
        with server:
            yield server
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
async def scratch_dsn(postgres_server: Server) -> str:
    """A database with the scratch tables, filled."""
    return await scratch.load(postgres_server)


@pytest.fixture(scope="session")
async def postgres(scratch_dsn: str) -> AsyncIterator[PostgresSource]:
    source = PostgresSource(name="scratch", mapping=scratch.mapping(), dsn=scratch_dsn)
    yield source
    await source.close()


@pytest.fixture(scope="session")
def memory() -> MemorySource:
    return MemorySource(name="scratch", relations=scratch.relations(), decimals={"amount"})


class Both:
    """The two sources that must agree; shown by its name in a failing example, not with all its rows."""

    def __init__(self, memory: MemorySource, postgres: PostgresSource) -> None:
        self.memory = memory
        self.postgres = postgres

    def __repr__(self) -> str:
        return "both"


@pytest.fixture(scope="session")
def both(memory: MemorySource, postgres: PostgresSource) -> Both:
    return Both(memory, postgres)
