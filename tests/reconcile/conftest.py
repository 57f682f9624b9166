"""One server a session with 2,000 invented children; a hub database for each test, compared once where it begins so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest

from connectors.demo.server import Server
from tests.reconcile.ground import DEPARTMENTS, Ground, opened
from tests.support.clusters import throw_away
from tests.support.running import fill, start_server

CHILDREN = 2000
SEED = 20170701


@pytest.fixture(scope="session")
def departments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start_server(tmp_path_factory.mktemp("reconcile"), autovacuum="off")
    yield running
    throw_away(running)


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
    async with opened(departments, truth, copied=(*DEPARTMENTS, "hub")) as ground:
        yield ground


@pytest.fixture(scope="session")
async def first(departments: Server, truth: Path) -> AsyncIterator[Mapping[str, str]]:
    """A hub database in which the departments, as they are, were compared once: what others begin with is its copy."""
    async with opened(departments, truth) as ground:
        await ground.run()
        for source in ground.sources.values():
            # Of what somebody is connected to there is no copy.
            await source.close()
        yield {"hub": ground.names["hub"]}


@pytest.fixture
async def compared(departments: Server, truth: Path, first: Mapping[str, str]) -> AsyncIterator[Ground]:
    """As ``ground``, after a first comparison."""
    async with opened(departments, truth, of=first) as ground:
        yield ground


@pytest.fixture
async def begun(departments: Server, truth: Path, first: Mapping[str, str]) -> AsyncIterator[Ground]:
    """As ``own``, after a first comparison."""
    async with opened(departments, truth, copied=(*DEPARTMENTS, "hub"), of=first) as ground:
        yield ground
