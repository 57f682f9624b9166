"""One server a session with 2,000 invented children; a hub database for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from connectors.demo.server import Server
from tests.reconcile.ground import Ground, opened
from tests.support.running import fill, start_server

CHILDREN = 2000
SEED = 20170701


@pytest.fixture(scope="session")
def departments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start_server(tmp_path_factory.mktemp("reconcile"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
async def truth(departments: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("truth") / "truth.jsonl"
    await fill(departments, children=CHILDREN, seed=SEED, truth=file)
    return file


@pytest.fixture
async def ground(departments: Server, truth: Path) -> AsyncIterator[Ground]:
    """The departments, which the test only reads, and a hub database of the test's own."""
    async with opened(departments, truth) as ground:
        yield ground


@pytest.fixture
async def own(departments: Server, truth: Path) -> AsyncIterator[Ground]:
    """Departments and hub database that the test may change."""
    async with opened(departments, truth, copied=("civil_affairs", "education", "public_security", "hub")) as ground:
        yield ground
