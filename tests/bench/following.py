"""From the signal that puts a changed policy in force to when nobody answers by the old one: seconds, two processes.

``BENCH_CHANGES`` (20): a line of the policy is withdrawn and given back in turn. Two replicas on one folder, of which
one is told, then two workers of one command. Each is asked all the while over a connection that is new each time, so
that no worker is left out; a process follows when the question was asked that came after the last old answer.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from connectors.demo.server import Server
from policies import load
from policies.matrix import text
from schema.catalogue import CATALOGUE
from tests.integration.test_workers import asked, workers_of
from tests.support.running import ROOT, start_server
from tests.support.served import Served, fill_writable, serving, settings_of

UNIT, PURPOSE = "agriculture_committee", "statistics"
QUERY = "{ statistics(first: 1) { edges { node { value } } } }"
LINE = f"{UNIT},Statistic.*,read,"
GRANTS, EXAMPLES, MATRIX = f"grants/{UNIT}.csv", f"examples/{UNIT}.yaml", "matrix.csv"
LONGEST = 30.0
EVERY = 0.02
"""Seconds between two questions of one who asks: what they cost is not to be what is measured."""
SETTLED = 2.0
"""Seconds after a change in which an answer by the old policy would still be found."""


@dataclass(slots=True, kw_only=True)
class Asking:
    """One who asks all the while: when, and whether the line was in force."""

    served: Served
    seen: list[tuple[float, bool]] = field(default_factory=list)

    async def run(self) -> None:
        """Until cancelled."""
        async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_keepalive_connections=0)) as client:
            fresh = replace(self.served, client=client)
            while True:
                begun = time.monotonic()
                reply = await fresh(UNIT, PURPOSE, QUERY)
                assert reply.codes <= {"NOT_ENTITLED"}, reply.json
                self.seen.append((begun, not reply.codes))
                await asyncio.sleep(EVERY)

    def followed(self, begun: float, *, allowed: bool) -> float | None:
        """Seconds from ``begun`` to the question after the last that was not answered by ``allowed``; None: not yet."""
        since = [(at - begun, found is allowed) for at, found in self.seen if at > begun]
        old = max((number for number, (_, new) in enumerate(since) if not new), default=-1)
        return since[old + 1][0] if old + 1 < len(since) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """A policy folder, and what its files hold with the line and without it."""

    folder: Path
    contents: Mapping[bool, Mapping[str, str]]

    @classmethod
    def of(cls, folder: Path) -> Folders:
        """A copy of the policy, as it is."""
        shutil.copytree(ROOT / "policies", folder, ignore=shutil.ignore_patterns("__pycache__"))
        whole = {name: (folder / name).read_text("utf-8") for name in (GRANTS, EXAMPLES, MATRIX)}
        without = {
            GRANTS: "".join(line for line in whole[GRANTS].splitlines(True) if not line.startswith(LINE)),
            EXAMPLES: "must_allow: []\nmust_deny: []\n",
        }
        made = cls(folder=folder, contents={True: whole, False: without})
        made.put(allowed=False)
        lacking = {**without, MATRIX: text(load(folder, CATALOGUE, matrix=False))}
        made.put(allowed=True)
        return replace(made, contents={True: whole, False: lacking})

    def put(self, *, allowed: bool) -> None:
        """The folder with the line, or without it."""
        for name, content in self.contents[allowed].items():
            (self.folder / name).write_text(content, "utf-8")


async def measure() -> Sequence[Mapping[str, Any]]:
    """A record for two replicas, and one for two workers."""
    changes = int(os.environ.get("BENCH_CHANGES", "20"))
    with tempfile.TemporaryDirectory(dir="/var/tmp") as made:
        folder = Path(made)
        folder.chmod(0o755)
        server = start_server(folder / "postgres")
        try:
            await fill_writable(server, children=150, seed=20171123, truth=folder / "truth.jsonl")
            policy = Folders.of(folder / "policies")
            return [await _measured(server, folder / kind, policy, kind, changes) for kind in ("replicas", "workers")]
        finally:
            server.stop()


async def _measured(server: Server, folder: Path, policy: Folders, kind: str, changes: int) -> Mapping[str, Any]:
    folder.mkdir()
    async with _asked(server, folder, policy, kind) as (told, askers):
        waits = [await _changed(told, askers, policy, allowed=bool(number % 2)) for number in range(changes)]
    ordered = sorted(waits)
    return {
        "workload": "following",
        "processes": f"two {kind}",
        "changes": changes,
        "p50_s": round(statistics.median(ordered), 2),
        "p95_s": round(ordered[int(len(ordered) * 0.95)], 2),
        "longest_s": round(ordered[-1], 2),
        "asked": sum(len(asker.seen) for asker in askers),
        "load": round(os.getloadavg()[0], 1),
    }


@asynccontextmanager
async def _asked(
    server: Server, folder: Path, policy: Folders, kind: str
) -> AsyncIterator[tuple[Served, Sequence[Asking]]]:
    """Who is told of changes, and who is asked meanwhile."""
    settings, more = settings_of(server, folder / "keys"), {"HUB_POLICIES": str(policy.folder)}
    async with AsyncExitStack() as held:
        if kind == "workers":
            served = [await held.enter_async_context(serving(settings, folder, **more, HUB_WORKERS="2"))] * 2
            while len(workers_of(served[0])) < 2:
                await asyncio.sleep(0.1)
            # The second listens before it answers: of so many connections it has some.
            await asked(served[0], 24)
        else:
            served = []
            for name in ("one", "other"):
                (folder / name).mkdir()
                served.append(await held.enter_async_context(serving(settings, folder / name, **more)))
        askers = [Asking(served=each) for each in served]
        group = await held.enter_async_context(asyncio.TaskGroup())
        tasks = [group.create_task(asker.run()) for asker in askers]
        yield served[0], askers
        for task in tasks:
            task.cancel()


async def _changed(told: Served, askers: Sequence[Asking], policy: Folders, *, allowed: bool) -> float:
    """Seconds until nobody was answered by the policy of before any more."""
    policy.put(allowed=allowed)
    assert told.process is not None
    begun = time.monotonic()
    told.process.send_signal(signal.SIGHUP)
    while time.monotonic() - begun < LONGEST:
        waits = [asker.followed(begun, allowed=allowed) for asker in askers]
        waited = max((each for each in waits if each is not None), default=LONGEST)
        if None not in waits and time.monotonic() - begun > waited + SETTLED:
            return waited
        await asyncio.sleep(0.1)
    raise AssertionError("a process did not follow the policy that is in force")
