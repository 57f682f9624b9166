"""``kill -9`` of the hub at random moments under load: what was received is logged, a start needs no hand."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from connectors.demo.server import Server
from hub.audit.merkle import Frontier, leaf_hash
from hub.audit.note import Checkpoint, opened
from hub.audit.receipt import Receipt, verify_receipt
from hub.commands.principals import dev_token
from hub.secrets import open_secrets
from hub.settings import Databases, Settings
from tests.support.clusters import throw_away
from tests.support.forking import Forked, fork, nothing
from tests.support.running import READ_PASSWORD, SOURCES, fill, start_server

pytestmark = pytest.mark.postgres

KILLS = 20
SOAK_KILLS = int(os.environ.get("HUB_TEST_KILLS", "200"))
CALLERS = 4
PAUSE = 0.003
SOME = 11
"""Receipts that a process gives before it is killed: more than ten."""
START_WITHIN = 60.0
QUERY = "query Some($first: Int!) { children(first: $first) { edges { node { id name divisionCode } } } }"
DENIED = "{ children(first: 1) { edges { node { citizenId } } } }"


@dataclass(slots=True, kw_only=True)
class Replica:
    """One hub process on a port of its own; ``receipts`` are those of answers that a client read to the end."""

    settings: Settings
    token: str = field(repr=False)
    log: Path
    port: int = field(default_factory=lambda: free_port("127.0.0.1"))
    process: Forked | None = None
    receipts: list[dict[str, Any]] = field(default_factory=list)
    cut: int = 0
    starts: int = 0

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Returns when it takes requests, after a start like any other."""
        with self.log.open("ab") as log, nothing() as empty:
            streams = (empty, log.fileno(), log.fileno())
            self.process = fork(["serve"], env=self._environment(), streams=streams)
        begun = time.monotonic()
        async with httpx.AsyncClient() as client:
            while True:
                assert self.process.returncode is None, self.log.read_text("utf-8")[-2000:]
                assert time.monotonic() - begun < START_WITHIN
                try:
                    if (await client.get(f"{self.url}/healthz")).status_code == 200:
                        break
                except httpx.TransportError:
                    await asyncio.sleep(0.02)
        self.starts += 1

    async def answered(self, some: int) -> None:
        """Returns when it has given so many receipts more, however long that takes on this machine."""
        enough = len(self.receipts) + some
        async with asyncio.timeout(START_WITHIN):
            while len(self.receipts) < enough:
                await asyncio.sleep(0.01)

    async def kill(self) -> None:
        """The end without a word."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def stop(self, how: signal.Signals) -> int:
        """The end in good order; the exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        return await asyncio.wait_for(self.process.wait(), 15)

    async def ask_on(self, random: Random) -> None:
        """Asks without a pause until cancelled, whatever becomes of the process."""
        headers = {"Authorization": f"Bearer {self.token}", "Hub-Purpose": "survey_management"}
        async with httpx.AsyncClient(headers=headers, timeout=10) as client:
            while True:
                body: dict[str, Any] = {"query": QUERY, "variables": {"first": random.randint(1, 5)}}
                if random.random() < 0.2:
                    body = {"query": DENIED}
                try:
                    reply = await client.post(f"{self.url}/graphql", json=body)
                except httpx.TransportError:
                    self.cut += 1
                    await asyncio.sleep(0.02)
                    continue
                await asyncio.sleep(PAUSE)
                answer = reply.json()
                if "extensions" in answer:
                    self.receipts.append(answer["extensions"]["receipt"])
                else:
                    # Only an answer that gives nothing away may come without a receipt.
                    assert "data" not in answer, answer

    def _environment(self) -> dict[str, str]:
        given = {
            f"HUB_DATABASES__{name.upper()}": self.settings.databases.dsn(name) or "" for name in (*SOURCES, "log")
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        return {
            **kept,
            **given,
            "HUB_KEYS": str(self.settings.keys),
            "HUB_PORT": str(self.port),
            "HUB_FSYNC_REQUIRED": "false",
        }


def free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
async def killed_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server of its own: the log's one sequencer must be a process that is killed."""
    server = start_server(tmp_path_factory.mktemp("killed"))
    try:
        await fill(server, children=60, seed=3, truth=tmp_path_factory.mktemp("truth") / "killed.jsonl")
        yield server
    finally:
        throw_away(server)


@pytest.fixture(scope="module")
def settings(killed_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    dsns = {name: SecretStr(killed_server.dsn(name, user="hub_read", password=READ_PASSWORD)) for name in SOURCES}
    return Settings(
        databases=Databases(**dsns, log=SecretStr(killed_server.dsn("hub"))),
        keys=tmp_path_factory.mktemp("keys") / "keys",
    )


@asynccontextmanager
async def loaded(replicas: list[Replica]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Callers of every replica, until the end."""
    callers = [
        asyncio.create_task(replica.ask_on(Random(f"{number} {caller}")))
        for number, replica in enumerate(replicas)
        for caller in range(CALLERS)
    ]
    try:
        yield callers
        assert not any(caller.done() for caller in callers), [caller for caller in callers if caller.done()]
    finally:
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)


async def kept(server: Server) -> dict[str, str]:
    """Leaf -> the request of its entry, of all durable entries."""
    connection = await asyncpg.connect(server.dsn("hub"))
    try:
        rows = await connection.fetch(
            "select leaf, request from log.entry union all select leaf, request from log.pending"
        )
    finally:
        await connection.close()
    return {row["leaf"].hex(): row["request"] for row in rows}


def lost(receipts: list[dict[str, Any]], durable: dict[str, str]) -> list[dict[str, Any]]:
    """Receipts whose entry is not in the log."""
    return [receipt for receipt in receipts if durable.get(receipt["leaf"]) != str(receipt["entry"]).partition("/")[0]]


async def check_tree(server: Server, settings: Settings) -> int:
    """That the tree is gapless and every checkpoint ever signed is the root of its prefix; the tree's size."""
    connection = await asyncpg.connect(server.dsn("hub"))
    try:
        entries = await connection.fetch("select index, leaf, bytes from log.entry order by index")
        notes = await connection.fetch("select size, root, note from log.checkpoint order by size")
        waiting = await connection.fetchval("select count(*) from log.pending")
    finally:
        await connection.close()
    assert waiting == 0
    assert [row["index"] for row in entries] == list(range(len(entries)))
    verifier = open_secrets(settings.keys, origin=settings.origin).log.current.verifier
    roots = prefix_roots([leaf_hash(row["bytes"]) for row in entries])
    assert all(leaf_hash(row["bytes"]) == row["leaf"] for row in entries)
    assert notes[-1]["size"] == len(entries)
    for row in notes:
        checkpoint = Checkpoint.parse(opened(row["note"], [verifier]))
        assert (checkpoint.size, b64encode(checkpoint.root)) == (row["size"], b64encode(roots[row["size"]]))
    return len(entries)


def prefix_roots(leaves: list[bytes]) -> list[bytes]:
    """The root of each prefix."""
    return list(_roots(leaves))


def _roots(leaves: list[bytes]) -> Iterator[bytes]:
    tree = Frontier()
    yield b""
    for leaf in leaves:
        tree = tree.extend([leaf])
        yield tree.root


async def die_and_rise(replica: Replica, server: Server, random: Random, times: int) -> None:
    """Killed at random moments and started again, so many times."""
    for _ in range(times):
        await replica.answered(SOME)
        await asyncio.sleep(random.uniform(0.05, 0.6))
        await replica.kill()
        # What was received until now is durable now, not only once a replica has come back to see to it.
        assert not lost(list(replica.receipts), await kept(server))
        await replica.start()


async def sequenced(server: Server) -> None:
    """Waits until every durable row has its place."""
    connection = await asyncpg.connect(server.dsn("hub"))
    try:
        async with asyncio.timeout(60):
            while await connection.fetchval("select count(*) from log.pending"):
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def kill_again_and_again(server: Server, settings: Settings, folder: Path, kills: int) -> dict[str, int]:
    """Two replicas of one log under load, each killed half of the times: alone, together, while the other starts."""
    # Made before there are two who would make them.
    open_secrets(settings.keys, origin=settings.origin)
    token = dev_token(settings, "civil_affairs_bureau", purposes=("survey_management",))
    replicas = [Replica(settings=settings, token=token, log=folder / f"replica{number}.log") for number in range(2)]
    try:
        await asyncio.gather(*(replica.start() for replica in replicas))
        async with loaded(replicas):
            lives = [
                die_and_rise(replica, server, Random(number), kills // 2) for number, replica in enumerate(replicas)
            ]
            await asyncio.gather(*lives)
            await asyncio.sleep(0.5)
        await sequenced(server)
    finally:
        for replica in replicas:
            if replica.process is not None and replica.process.returncode is None:
                await replica.kill()
    receipts = [receipt for replica in replicas for receipt in replica.receipts]
    assert not lost(receipts, await kept(server))
    verifier = open_secrets(settings.keys, origin=settings.origin).log.current.verifier
    for receipt in receipts:
        verify_receipt(Receipt.from_json(receipt), verifier)
    size = await check_tree(server, settings)
    return {
        "receipts": len(receipts),
        "cut": sum(replica.cut for replica in replicas),
        "entries": size,
        "starts": sum(replica.starts for replica in replicas),
    }


async def test_after_kills_at_random_moments_every_receipt_has_its_entry(
    killed_server: Server, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = await kill_again_and_again(killed_server, settings, tmp_path, KILLS)
    with capsys.disabled():
        print(f"\n{json.dumps(counts)}")
    assert counts["starts"] == KILLS + 2
    assert counts["receipts"] > KILLS * 10
    assert counts["cut"] > KILLS, "requests were under way when the process died"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_told_to_stop_it_places_its_last_entries_and_ends_in_good_order(
    killed_server: Server, settings: Settings, tmp_path: Path, how: signal.Signals
) -> None:
    token = dev_token(settings, "civil_affairs_bureau", purposes=("survey_management",))
    replica = Replica(settings=settings, token=token, log=tmp_path / "replica.log")
    await replica.start()
    async with loaded([replica]):
        await replica.answered(SOME)
    assert await replica.stop(how) == 0
    assert len(replica.receipts) > 10
    # Nobody is left to place them: a checkpoint over all of them stands already.
    assert await check_tree(killed_server, settings) >= len(replica.receipts)


@pytest.mark.soak
async def test_after_very_many_kills_every_receipt_has_its_entry(
    killed_server: Server, settings: Settings, tmp_path: Path
) -> None:
    counts = await kill_again_and_again(killed_server, settings, tmp_path, SOAK_KILLS)
    assert counts["starts"] == SOAK_KILLS + 2
