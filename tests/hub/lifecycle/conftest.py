"""Departments that are read and written, with invented children, and a log: one server for the tests of writes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.demo.generate import load
from connectors.demo.server import Server
from connectors.mapping import load as load_mapping
from connectors.source import Source
from connectors.write import Target
from connectors.write_postgres import PostgresTarget
from hub.audit import entry
from hub.audit.session import Session, install
from hub.lifecycle.settle import OpenIntents
from tests.support.clusters import throw_away
from tests.support.running import ROOT, TODAY, close_all, connect, start_server
from tests.support.steps import PASSWORD, WRITTEN, Clock, Steps, open_log, writing


@pytest.fixture(scope="session")
async def written_server() -> AsyncIterator[Server]:
    """A server whose departments take writes; tests change it, so it is no other test's."""
    folder = Path(tempfile.mkdtemp(prefix="hub-writes-", dir="/var/tmp"))
    server = start_server(folder / "data")
    try:
        await load(
            server.dsns(),
            children=120,
            seed=7,
            today=TODAY,
            divisions=ROOT / "policies" / "divisions.csv",
            institutions=ROOT / "policies" / "institutions.csv",
            truth=folder / "truth.jsonl",
            read_password=PASSWORD,
            write_password=PASSWORD,
            progress=lambda *_: None,
        )
        await install(server.dsn("hub"))
        yield server
    finally:
        throw_away(server)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
async def read(written_server: Server) -> AsyncIterator[Mapping[str, Source]]:
    """The departments, read."""
    connected = connect(written_server)
    yield connected
    await close_all(connected)


@pytest.fixture(scope="session")
async def targets(written_server: Server) -> AsyncIterator[Mapping[str, Target]]:
    """The departments, written by the role that may write what is mapped."""
    made = {
        name: PostgresTarget(
            name=name,
            mapping=load_mapping(ROOT / "connectors" / f"{name}.toml"),
            dsn=written_server.dsn(name, user="hub_write", password=PASSWORD),
        )
        for name in WRITTEN
    }
    yield made
    for target in made.values():
        await target.close()


@pytest.fixture(scope="session")
async def steps(
    written_server: Server, read: Mapping[str, Source], targets: Mapping[str, Target]
) -> AsyncIterator[Steps]:
    """``await steps(unit_key, purpose, step, key=..., values={...})``; acts of authors stand where they happened."""
    clock, dsn = Clock(), written_server.dsn("hub")
    session = Session(dsn, name="open intents", durable=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entry, "MIXING", timedelta(milliseconds=1))
        async with open_log(written_server) as log:
            made = writing(read, targets, log, clock)
            yield Steps(writing=made, read=read, clock=clock, dsn=dsn, opens=OpenIntents(session))
            await made.close()
    await session.close()
