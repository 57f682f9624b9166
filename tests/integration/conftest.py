"""What tests over HTTP share: a hub in which units asked, and departments that are written with a hub over them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping

import pytest

from connectors.demo.server import Server
from connectors.source import Source
from tests.support.console import Running, console
from tests.support.running import close_all, connect, start_server
from tests.support.served import Child, Served, children_of, fill_writable, serving, settings_of


@pytest.fixture(scope="module")
def writable_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that a test may change and stop: no other module's."""
    server = start_server(tmp_path_factory.mktemp("writable"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
async def written(writable_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The server, its departments filled and open to the role that writes."""
    truth = tmp_path_factory.mktemp("truth") / "written.jsonl"
    await fill_writable(writable_server, children=150, seed=20171123, truth=truth)
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
async def running(tmp_path_factory: pytest.TempPathFactory, institutions: Mapping[str, str]) -> AsyncIterator[Running]:
    """A hub that answers over HTTP."""
    async with console(tmp_path_factory.mktemp("console"), institutions) as found:
        yield found
