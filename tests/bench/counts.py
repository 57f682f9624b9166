"""Counts that rest on rows of other departments -> statements, milliseconds and memory of each, in this process.

Statements are counted on their way to the departments; memory is by how much the process grew. A probe says how long
the loop is held. ``BENCH_N`` (100,000) children; a folder that was filled before is used as it is (``BENCH_DATA``).
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from connectors.source import Source
from hub.collector import settle
from hub.hub import Hub
from hub.pipeline import Request, answer
from tests.bench.departments import Departments, departments
from tests.support.running import close_all, connect, identity, open_alone

ROUNDS = 3
COUNTS = (
    ("education_bureau", "dropout_control", "Child.divisionCode"),
    ("civil_affairs_bureau", "emergency_response", "Child.divisionCode"),
    ("civil_affairs_bureau", "guardianship_protection", "Child.divisionCode"),
    ("education_bureau", "dropout_control", "Enrolment.status"),
)
QUERY = "query ($by: [String!]!) { aggregate(by: $by) { total cells { keys { value } value } } }"
PROBE = 0.005


class Counted:
    """A source that counts what it is asked."""

    def __init__(self, inner: Source) -> None:
        self.inner, self.name, self.asked = inner, inner.name, 0

    async def fetch(self, *given: Any, **named: Any) -> Any:
        """As the inner source."""
        self.asked += 1
        return await self.inner.fetch(*given, **named)

    async def aggregate(self, *given: Any, **named: Any) -> Any:
        """As the inner source."""
        self.asked += 1
        return await self.inner.aggregate(*given, **named)

    async def ping(self, *, deadline: float) -> None:
        """As the inner source."""
        await self.inner.ping(deadline=deadline)

    async def close(self) -> None:
        """As the inner source."""
        await self.inner.close()


async def measure() -> list[Mapping[str, Any]]:
    """A record for each count."""
    with departments(int(os.environ.get("BENCH_N", "100000"))) as found:
        return await _measured(found)


async def _measured(found: Departments) -> list[Mapping[str, Any]]:
    sources = {name: Counted(source) for name, source in connect(found.server).items()}
    try:
        async with open_alone(found.server.dsn("hub"), sources) as hub:
            settle()
            return [await _count(hub, found.children, sources, *count) for count in COUNTS]
    finally:
        await close_all(sources)


async def _count(
    hub: Hub, children: int, sources: Mapping[str, Counted], unit: str, purpose: str, by: str
) -> Mapping[str, Any]:
    times, held, total, before = list[float](), list[float](), 0, _rss()
    for turn in range(-1, ROUNDS):
        for source in sources.values():
            source.asked = 0
        probe, begun = asyncio.create_task(_probed(held)), time.perf_counter()
        total = await _total(hub, unit, purpose, by)
        times += [time.perf_counter() - begun] if turn >= 0 else []
        probe.cancel()
        with suppress(asyncio.CancelledError):
            await probe
    asked = sum(source.asked for source in sources.values())
    return {
        "count": by,
        "unit": unit,
        "purpose": purpose,
        "children": children,
        "total": total,
        "statements": asked,
    } | {
        "ms": round(statistics.median(times) * 1000),
        "grown_mb": _rss() - before,
        "loop_held_ms": round(max(held, default=0.0) * 1000),
    }


async def _total(hub: Hub, unit: str, purpose: str, by: str) -> int:
    request = Request(
        query=QUERY,
        operation_name=None,
        variables={"by": [by]},
        denied="refuse",
        # Departments that were filled before keep the log of the runs before.
        request_id=f"{random.getrandbits(128):032x}",
    )
    found = orjson.loads((await answer(hub, identity(unit, purpose), request)).body)
    if found.get("errors"):
        raise SystemExit(f"bench: no answer: {found['errors']}")
    return int(found["data"]["aggregate"]["total"])


async def _probed(held: list[float]) -> None:
    """Processor time that goes by between two turns, again and again: a busy machine makes the clock say more."""
    while True:
        begun = time.process_time()
        await asyncio.sleep(PROBE)
        held.append(time.process_time() - begun)


def _rss() -> int:
    """Megabytes that the process holds."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000
