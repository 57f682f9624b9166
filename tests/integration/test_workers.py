"""Several processes on one port, and replicas beside each other: one log, one policy, and nobody is left behind."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil
import pytest

from connectors.demo.server import Server
from hub.seal import Seals
from hub.secrets import open_secrets
from policies import load
from policies.matrix import text
from schema.catalogue import CATALOGUE
from tests.support.clusters import throw_away
from tests.support.running import ROOT, start_server
from tests.support.served import Served, entries_of, fill_writable, serving, settings_of

pytestmark = pytest.mark.postgres

QUERY = "{ statistics(first: 1) { edges { node { value } } } }"
LINE = "agriculture_committee,Statistic.*,read,"
SERVE = "from hub.cli import main; main()"
WITHIN = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A server, and a policy folder of a hub's own."""

    server: Server
    folder: Path

    def policies(self, name: str) -> Path:
        """A copy of the policy folder."""
        return Path(
            shutil.copytree(ROOT / "policies", self.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("workers")
    server = start_server(folder / "postgres")
    try:
        asyncio.run(fill_writable(server, children=60, seed=9, truth=folder / "truth.jsonl"))
        yield Place(server=server, folder=folder)
    finally:
        throw_away(server)


def withdraw(folder: Path) -> None:
    """The agriculture committee may read no statistics any more, as a policy change is made."""
    path = folder / "grants" / "agriculture_committee.csv"
    path.write_text("".join(line for line in path.read_text("utf-8").splitlines(True) if not line.startswith(LINE)))
    (folder / "examples" / "agriculture_committee.yaml").write_text("must_allow: []\nmust_deny: []\n")
    (folder / "matrix.csv").write_text(text(load(folder, CATALOGUE, matrix=False)), "utf-8")


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WITHIN):
        while not await holds():
            await asyncio.sleep(0.05)


def workers_of(served: Served) -> list[psutil.Process]:
    """Processes below the first that hold its port."""
    assert served.process is not None
    found = psutil.Process(served.process.pid).children(recursive=True)
    return [each for each in found if any(c.laddr.port == served.port for c in _sockets(each))]


def _sockets(process: psutil.Process) -> Sequence[Any]:
    try:
        return [each for each in process.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # of one that is just ending, nobody but root may read them
        return []


async def asked(served: Served, times: int) -> list[set[str]]:
    """The codes of so many answers, each over a connection of its own, so that no worker is left out for long."""
    found: list[set[str]] = []
    for _ in range(times):
        async with httpx.AsyncClient(timeout=60) as client:
            fresh = replace(served, client=client)
            found.append((await fresh("agriculture_committee", "statistics", QUERY)).codes)
    return found


async def test_two_workers_share_port_and_log_follow_a_policy_and_replace_one_that_dies(
    place: Place, tmp_path: Path
) -> None:
    policies = place.policies("of-workers")
    settings = settings_of(place.server, tmp_path / "keys")
    async with serving(settings, tmp_path, HUB_POLICIES=str(policies), HUB_WORKERS="2") as served:
        await until(lambda: _so(len(workers_of(served)) == 2))
        before = len(await entries_of(place.server))
        assert await asked(served, 24) == [set()] * 24
        assert len(await entries_of(place.server)) == before + 24

        withdraw(policies)
        assert served.process is not None
        served.process.send_signal(signal.SIGHUP)
        await until(lambda: _all(served, {"NOT_ENTITLED"}))

        [first, second] = workers_of(served)
        first.kill()
        await until(lambda: _so(len(set(workers_of(served)) - {first}) == 2))
        assert await asked(served, 12) == [{"NOT_ENTITLED"}] * 12

        served.process.kill()
        await served.process.wait()
        await until(lambda: _so(not second.is_running()))


async def test_a_policy_that_is_put_in_force_on_one_replica_is_in_force_on_the_others_once_they_hold_it(
    place: Place, tmp_path: Path
) -> None:
    one, other, settings = (
        place.policies("of-one"),
        place.policies("of-other"),
        settings_of(place.server, tmp_path / "keys"),
    )
    async with (
        serving(settings, _made(tmp_path / "one"), HUB_POLICIES=str(one)) as told,
        serving(settings, _made(tmp_path / "other"), HUB_POLICIES=str(other)) as follower,
    ):
        assert await asked(told, 1) == await asked(follower, 1) == [set()]
        withdraw(one)
        assert told.process is not None
        told.process.send_signal(signal.SIGHUP)
        await until(lambda: _all(told, {"NOT_ENTITLED"}))
        await until(lambda: _ready(follower, "elsewhere"))
        assert await asked(follower, 1) == [set()], "its own folder does not hold that version yet"
        withdraw(other)
        await until(lambda: _all(follower, {"NOT_ENTITLED"}))
        await until(lambda: _ready(follower, '"policy":"ok"'))
    versions = [orjson.loads(data) for data in await entries_of(place.server)]
    assert len([entry for entry in versions if "act=reload" in entry["facts"]]) >= 2


async def test_workers_whose_settings_are_wrong_end_as_one_process_does(place: Place, tmp_path: Path) -> None:
    settings = settings_of(place.server, tmp_path / "keys")
    async with httpx.AsyncClient() as client:
        seals = Seals(open_secrets(settings.keys, origin=settings.origin).seal)
        more = {"HUB_WORKERS": "2", "HUB_POLICIES": str(tmp_path / "nothing")}
        served = Served(settings=settings, log=tmp_path / "log", client=client, seals=seals, more=more)
        environment = served.environment()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVE, "serve", env=environment, cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    _, words = await asyncio.wait_for(process.communicate(), WITHIN)
    assert process.returncode == 2
    assert words.count(b"hub: clauses.csv: is missing") == 1, "told once, not by every worker"
    assert b"Traceback" not in words


async def _so(holds: bool) -> bool:
    return holds


async def _all(served: Served, codes: set[str]) -> bool:
    return await asked(served, 8) == [codes] * 8


async def _ready(served: Served, words: str) -> bool:
    return words in (await served.client.get(f"http://127.0.0.1:{served.port}/readyz")).text


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
