"""From a report accepted to the police desk's subscription: milliseconds, with many subscribers on two replicas.

``BENCH_SUBSCRIBERS`` (500), half of them on each replica; ``BENCH_REPORTS`` (20), one a second, over HTTP to the first.
Each delivery is an entry of the log. The time is counted from the moment at which the report's answer is read to
that at which a subscriber has its event; what arrives before the answer counts as 0.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.course import EMERGENCY, POLICE, Course
from tests.support.listening import REPORTS, Listener, listening
from tests.support.running import close_all, connect, start_server
from tests.support.served import children_of, fill_writable, serving, settings_of

LATE = {"HUB_CLOCKS__DISPATCH_MINUTES": "5000000", "HUB_CLOCKS__NOTIFY_TOWN_HOURS": "90000"}


@dataclass(slots=True, kw_only=True)
class Desk:
    """A subscriber, and when its events came."""

    listener: Listener
    came: list[float] = field(default_factory=list)

    async def listen(self) -> None:
        """Reads until cancelled."""
        while True:
            await self.listener.socket.recv()
            self.came.append(time.monotonic())


async def measure() -> Sequence[Mapping[str, Any]]:
    """One record: p50, p95 and the longest of all deliveries, and the p95 of the first desk of each report."""
    subscribers = int(os.environ.get("BENCH_SUBSCRIBERS", "500"))
    reports = int(os.environ.get("BENCH_REPORTS", "20"))
    with tempfile.TemporaryDirectory(dir="/var/tmp") as made:
        folder = Path(made)
        folder.chmod(0o755)
        server = start_server(folder / "postgres")
        try:
            await fill_writable(server, children=150, seed=20171123, truth=folder / "truth.jsonl")
            accepted, desks = await _measured(server, folder, subscribers, reports)
        finally:
            server.stop()
    waits = [[max(0.0, desk.came[number] - at) * 1000 for desk in desks] for number, at in enumerate(accepted)]
    every = sorted(wait for report in waits for wait in report)
    return [
        {
            "workload": "events",
            "subscribers": subscribers,
            "replicas": 2,
            "reports": reports,
            "p50_ms": round(statistics.median(every), 1),
            "p95_ms": round(every[int(len(every) * 0.95)], 1),
            "longest_ms": round(every[-1], 1),
            "first_desk_p95_ms": round(sorted(min(report) for report in waits)[int(reports * 0.95)], 1),
        }
    ]


async def _measured(server: Any, folder: Path, subscribers: int, reports: int) -> tuple[list[float], list[Desk]]:
    settings, read = settings_of(server, folder / "keys"), connect(server)
    async with AsyncExitStack() as held:
        hubs = []
        for name in ("one", "two"):
            (folder / name).mkdir()
            hubs.append(await held.enter_async_context(serving(settings, folder / name, **LATE)))
        desks = []
        for number in range(subscribers):
            listener = await held.enter_async_context(listening(hubs[number % 2], POLICE, EMERGENCY))
            await listener.subscribe(REPORTS)
            desks.append(Desk(listener=listener))
        await asyncio.sleep(1)
        tasks = [asyncio.create_task(desk.listen()) for desk in desks]
        child = (await children_of(read))[0]
        course = Course(served=hubs[0], departments=read, child=child)
        accepted = []
        for number in range(reports):
            given = {"divisionCode": child.village, "narrative": f"虚构 {number}"}
            reply = await course.served.step(child.committee, EMERGENCY, "reportConcern", **given)
            assert reply.status == 200, reply.json
            accepted.append(time.monotonic())
            await asyncio.sleep(1)
        until = time.monotonic() + 30
        while any(len(desk.came) < reports for desk in desks) and time.monotonic() < until:
            await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()
        await close_all(read)
    return accepted, desks
