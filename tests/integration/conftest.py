"""What tests over HTTP share: a hub in which units asked, and departments that are written with a hub over them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest
from playwright.async_api import Browser

from connectors.demo.server import Server
from connectors.source import Source
from tests.support.browsing import chromium
from tests.support.clusters import throw_away
from tests.support.console import Running, console
from tests.support.running import close_all, connect
from tests.support.served import Child, Served, children_of, serving, settings_of, start_writable


@pytest.fixture(scope="module")
async def writable_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """Departments that are filled and open to the role that writes; a test may change and stop them: no other's."""
    server = await start_writable(tmp_path_factory.mktemp("writable"), children=150, seed=20171123)
    yield server
    throw_away(server)


@pytest.fixture(scope="module")
async def written(writable_server: Server) -> Server:
    """The same."""
    return writable_server


@pytest.fixture(scope="module")
async def departments(written: Server) -> AsyncIterator[Mapping[str, Source]]:
    """What the departments hold, as it is."""
    connected = connect(written)
    yield connected
    await close_all(connected)


@pytest.fixture(scope="module")
async def people(departments: Mapping[str, Source]) -> list[Child]:
    """Children on accepted files."""
    return await children_of(departments)


@pytest.fixture(scope="module")
async def served(written: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """``await served.step(unit_key, purpose, step, answer, **input)``: over HTTP, to a hub of its own."""
    folder = tmp_path_factory.mktemp("hub")
    async with serving(settings_of(written, folder / "keys"), folder) as opened:
        yield opened


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A browser for all: whoever comes gets a context of its own, as in a window of nobody's."""
    async with chromium() as opened:
        yield opened


@pytest.fixture(scope="session")
async def running(tmp_path_factory: pytest.TempPathFactory, institutions: Mapping[str, str]) -> AsyncIterator[Running]:
    """A hub that answers over HTTP."""
    async with console(tmp_path_factory.mktemp("console"), institutions) as found:
        yield found
