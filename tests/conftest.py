"""What tests of the whole way share: one server, the demo's rows, the pipeline over them, the oracle beside it."""

from __future__ import annotations

import csv
import gc
from collections.abc import AsyncIterator, Iterator, Mapping

import hypothesis
import pytest

from connectors.demo.server import Server
from connectors.source import Source
from hub.hub import Hub
from tests.support.canaries import find_canaries, plant
from tests.support.clusters import throw_away
from tests.support.running import ROOT, TODAY, Asking, Canary, close_all, connect, open_hub, start_filled
from tests.support.world import World, load

# A slow machine is no fault of what is tested.
hypothesis.settings.register_profile("hub", deadline=None)
hypothesis.settings.load_profile("hub")

CHILDREN = 300
SEED = 20170601
LONG = (
    *("properties", "integration", "reconcile", "faults", "connectors", "events", "survey"),
    *("test_house.py", "test_golden.py", "hub", "policies"),
)
"""Folders and files, by how long their longest files take: the last to be begun is short."""


def pytest_configure() -> None:
    """What is collected stays, so that looking for garbage meanwhile takes seconds and finds none."""
    gc.disable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long is begun first, so that two who share the files end at about the same time."""
    place = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path.relative_to(ROOT / "tests").parts[0], len(LONG)))


def pytest_collection_finish() -> None:
    """From now on what was collected is not looked at again, and what tests keep (schema, oracle's rows) seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 20)
    gc.enable()


@pytest.fixture(scope="module")
def at_once() -> Iterator[None]:
    """What is looked for in vain is answered at once: for tests of what is answered, not of when."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("hub.pace.STEP", 1e-6)
        yield


@pytest.fixture(scope="session")
def institutions() -> Mapping[str, str]:
    """Institution -> the bureau above it."""
    with (ROOT / "policies" / "institutions.csv").open(encoding="utf-8") as lines:
        return {row["code"]: row["bureau"] for row in csv.DictReader(lines)}


@pytest.fixture(scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server that logs every statement, its six databases filled with invented rows about 300 children."""
    folder = tmp_path_factory.mktemp("postgres")
    server = await start_filled(folder, children=CHILDREN, seed=SEED, log_statement="all")
    yield server
    throw_away(server)


@pytest.fixture(scope="session")
async def sources(server: Server) -> AsyncIterator[Mapping[str, Source]]:
    """The six sources."""
    connected = connect(server)
    yield connected
    await close_all(connected)


@pytest.fixture(scope="session")
async def hub(server: Server, sources: Mapping[str, Source]) -> AsyncIterator[Hub]:
    """The real pipeline over the sources, with the real log."""
    async with open_hub(server, sources) as opened:
        yield opened


@pytest.fixture(scope="session")
def ask(hub: Hub) -> Asking:
    """``await ask(unit_key, purpose, query, variables=None, case=None, denied="refuse")``."""
    return Asking(hub=hub)


@pytest.fixture(scope="session")
async def world(sources: Mapping[str, Source], institutions: Mapping[str, str]) -> World:
    """The same rows as the oracle sees them."""
    return await load(sources, TODAY, institutions)


@pytest.fixture(scope="session")
async def canary(tmp_path_factory: pytest.TempPathFactory, institutions: Mapping[str, str]) -> AsyncIterator[Canary]:
    """A second server whose every value is a canary, and the hub over it."""
    server = await start_filled(tmp_path_factory.mktemp("canary"), children=CHILDREN, seed=SEED)
    try:
        await plant(server)
        connected = connect(server)
        world = await load(connected, TODAY, institutions)
        async with open_hub(server, connected) as opened:
            yield Canary(server=server, world=world, ask=Asking(hub=opened), canaries=find_canaries(world))
        await close_all(connected)
    finally:
        throw_away(server)
