"""What a point query costs at two sizes of the register, in one run.

Both sizes are loaded into servers of their own (fsync on), the hub runs in this process, and the sizes take turns, so
that a noisy machine is noisy for both. ``BENCH_N`` (1,000,000) is compared with ``BENCH_BASE`` (100,000). The figure is
the ratio of the medians; timings in milliseconds of one request, a batch of one, its log entry durable included.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.demo.server import Server
from hub.hub import Hub
from tests.support.running import SEED_OF_BENCH, Asking, close_all, connect, fill, open_hub

ROUNDS = 5
REQUESTS = 200
UNIT, PURPOSE = "civil_affairs_bureau", "guardianship_protection"
POINT = """query Point($number: CitizenId) { child(citizenId: $number) {
  id name sex birthDate divisionCode residenceAddress guardianshipType leftBehindType updatedAt
  familyMembers { edges { node { relation name phone } } }
  guardians { edges { node { kind name phone capacity } } }
  enrolments { edges { node { stage status leftBehindFlag } } }
  householdRegistrations { edges { node { status } } }
  guardianshipCases { edges { node { status decidedOn } } }
} }"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A loaded register behind a running hub."""

    children: int
    ask: Asking
    numbers: Sequence[str]
    load_seconds: float


async def measure() -> list[Mapping[str, Any]]:
    """A record for each size."""
    base, large = int(os.environ.get("BENCH_BASE", "100000")), int(os.environ.get("BENCH_N", "1000000"))
    async with AsyncExitStack() as stack:
        sizes = [await _size(stack, children) for children in (base, large)]
        times: dict[int, list[float]] = {size.children: [] for size in sizes}
        for turn in range(ROUNDS):
            for size in sizes if turn % 2 == 0 else reversed(sizes):
                times[size.children] += await _round(size, turn)
    return [_record(size, times, base) for size in sizes]


async def _size(stack: AsyncExitStack, children: int) -> Size:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)))
    folder.chmod(0o755)
    server = stack.enter_context(Server(folder=folder / "postgres"))
    started = time.monotonic()
    await fill(server, children=children, seed=SEED_OF_BENCH, truth=folder / "truth.jsonl")
    seconds = time.monotonic() - started
    print(f"loaded {children:,} children in {seconds:.0f} s", flush=True)
    sources = connect(server)
    stack.push_async_callback(close_all, sources)
    hub: Hub = await stack.enter_async_context(open_hub(server, sources))
    numbers = [found["citizen_id"] for found in _sample(folder / "truth.jsonl")]
    return Size(children=children, ask=Asking(hub=hub), numbers=numbers, load_seconds=seconds)


def _sample(truth: Path) -> list[Mapping[str, Any]]:
    chance = random.Random(1)
    found: list[Mapping[str, Any]] = []
    with truth.open(encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            if chance.random() < 0.02 and len(found) < 2_000:
                child = json.loads(line)
                # A file whose number was edited since it was accepted is not found by its true number.
                plain = not any(child[name] for name in ("planted", "closed", "draft", "edited"))
                if plain and child["register"] and child["citizen_id"]:
                    found.append(child)
    return found


async def _round(size: Size, turn: int) -> list[float]:
    chance, times = random.Random(turn), []
    for number in chance.choices(size.numbers, k=REQUESTS):
        started = time.perf_counter()
        reply = await size.ask(UNIT, PURPOSE, POINT, {"number": number})
        times.append((time.perf_counter() - started) * 1_000)
        if not (reply.data or {}).get("child"):
            raise SystemExit(f"no answer: {reply.body[:300]!r}")
    return times[20:]


def _record(size: Size, times: Mapping[int, list[float]], base: int) -> Mapping[str, Any]:
    own = sorted(times[size.children])
    median = statistics.median(own)
    return {
        "workload": "point",
        "principal": UNIT,
        "connections": 1,
        "contender": f"hub at {size.children} children",
        "ratio": round(median / statistics.median(times[base]), 3),
        "p50_ms": round(median, 3),
        "p99_ms": round(own[int(len(own) * 0.99)], 3),
        "load_seconds": round(size.load_seconds, 1),
    }
