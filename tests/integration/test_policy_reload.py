"""A policy changed while the hub serves: in force at a signal, whole or not at all, and in the log."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from connectors.demo.server import Server
from policies import load
from policies.matrix import text
from schema.catalogue import CATALOGUE
from tests.support.running import ROOT, start_server
from tests.support.served import Served, fill_writable, serving, settings_of

pytestmark = pytest.mark.postgres

QUERY = "{ statistics(first: 1) { edges { node { value } } } }"
LINE = "agriculture_committee,Statistic.*,read,"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "policies", tmp_path / "policies", ignore=shutil.ignore_patterns("__pycache__")))


@pytest.fixture
async def served(tmp_path: Path, folder: Path) -> AsyncIterator[tuple[Served, Server]]:
    server = start_server(tmp_path / "postgres")
    try:
        await fill_writable(server, children=60, seed=9, truth=tmp_path / "truth.jsonl")
        async with serving(settings_of(server, tmp_path / "keys"), tmp_path, HUB_POLICIES=str(folder)) as found:
            yield found, server
    finally:
        server.stop()


async def reloads(served: Served, server: Server, count: int) -> list[dict[str, Any]]:
    """The entries of reloads, once there are ``count``."""
    connection = await asyncpg.connect(server.dsn("hub"))
    try:
        async with asyncio.timeout(30):
            while True:
                rows = await connection.fetch(
                    "select bytes from log.entry union all select bytes from log.pending where request is not null"
                )
                entries = [orjson.loads(row["bytes"]) for row in rows]
                found = [entry for entry in entries if "act=reload" in entry["facts"]]
                if len(found) >= count:
                    return sorted(found, key=lambda entry: str(entry["at"]))
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def codes(served: Served) -> set[str]:
    return (await served("agriculture_committee", "statistics", QUERY)).codes


async def test_a_line_that_is_withdrawn_closes_at_a_signal_and_a_spoilt_folder_changes_nothing(
    served: tuple[Served, Server], folder: Path
) -> None:
    hub, server = served
    assert hub.process is not None
    assert await codes(hub) == set()
    path = folder / "grants" / "agriculture_committee.csv"
    path.write_text("".join(line for line in path.read_text("utf-8").splitlines(True) if not line.startswith(LINE)))
    (folder / "examples" / "agriculture_committee.yaml").write_text("must_allow: []\nmust_deny: []\n")
    (folder / "matrix.csv").write_text(text(load(folder, CATALOGUE, matrix=False)), "utf-8")
    assert await codes(hub) == set(), "nobody has said that it is to be read"

    hub.process.send_signal(signal.SIGHUP)
    [entry] = await reloads(hub, server, 1)
    assert await codes(hub) == {"NOT_ENTITLED"}
    assert entry["decision"] == "ALLOWED" and f"before={entry['policy']}" not in entry["facts"]

    path.write_text("garbage\n")
    hub.process.send_signal(signal.SIGHUP)
    refused = (await reloads(hub, server, 2))[-1]
    assert (refused["decision"], refused["policy"]) == ("DENIED", entry["policy"])
    ready = await hub.client.get(f"http://127.0.0.1:{hub.port}/readyz")
    assert "last good one" in ready.text
    assert await codes(hub) == {"NOT_ENTITLED"}
