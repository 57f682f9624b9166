"""A server of their own: what is frozen here stands among the rows that other tests compare with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest

from connectors.demo.server import Server
from connectors.source import Source
from hub.hub import Hub
from tests.conftest import CHILDREN, SEED
from tests.support.clusters import throw_away
from tests.support.running import Asking, close_all, connect, open_hub, start_filled


@pytest.fixture(scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """Six databases with invented rows about 300 children."""
    found = await start_filled(tmp_path_factory.mktemp("statistics"), children=CHILDREN, seed=SEED)
    yield found
    throw_away(found)


@pytest.fixture(scope="session")
async def sources(server: Server) -> AsyncIterator[Mapping[str, Source]]:
    """The six sources."""
    connected = connect(server)
    yield connected
    await close_all(connected)


@pytest.fixture(scope="session")
async def hub(server: Server, sources: Mapping[str, Source]) -> AsyncIterator[Hub]:
    """The pipeline over them."""
    async with open_hub(server, sources) as opened:
        yield opened


@pytest.fixture(scope="session")
def ask(hub: Hub) -> Asking:
    """Questions to it."""
    return Asking(hub=hub)
