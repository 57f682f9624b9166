"""What the access log costs: durable entries a second, the wait that it adds, proofs and verification at a million.

A server of its own with fsync on. ``BENCH_ENTRIES`` (1,000,000) is the size at which proofs and verification are
measured. Rates are entries a second, times milliseconds or seconds as their names say.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.progress import track

from connectors.demo.server import Server
from hub.audit.desk import Desk
from hub.audit.entry import encode
from hub.audit.inclusion import checked, prove
from hub.audit.live import Live
from hub.audit.log import Log
from hub.audit.merkle import leaf_hash
from hub.audit.reader import Reader
from hub.audit.sequencer import Sequencer
from hub.audit.session import Session, install
from hub.audit.store import PostgresStore
from tests.hub.audit.support import KEY, entry

SECONDS = 5.0
CALLERS = 32


async def measure() -> list[Mapping[str, Any]]:
    """A record for each figure."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        with Server(folder=Path(name) / "postgres", databases=("rates", "hub")) as server:
            await install(server.dsn("rates"))
            await install(server.dsn("hub"))
            return [*await _rates(server.dsn("rates")), *await _at_size(server.dsn("hub"))]


async def _rates(dsn: str) -> list[Mapping[str, Any]]:
    store = PostgresStore(Session(dsn, name="bench"))
    alone = await _alone(store)
    await store.close()
    async with Log.opened(dsn, key=KEY, patience=5.0) as log:
        single = [await _timed(log) for _ in range(500)][50:]
        paced = [await _paced(log, rate) for rate in (200, 500, 1_000)]
        grouped = [await _loaded(log, callers) for callers in (32, 256)]
    return [
        {"workload": "log", "contender": "one commit an entry", "rps": round(alone)},
        {"workload": "log", "contender": "one caller", "connections": 1, **_spread(single)},
        *paced,
        *grouped,
    ]


async def _alone(store: PostgresStore) -> float:
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        await store.append([encode(entry())])
        count += 1
    return count / (time.perf_counter() - started)


async def _timed(log: Log) -> float:
    started = time.perf_counter()
    await log.record([entry()])
    return (time.perf_counter() - started) * 1_000


async def _paced(log: Log, rate: int) -> Mapping[str, Any]:
    """What an answer waits for its entry under a load that leaves room: ``rate`` a second from 32 callers at random."""
    chance, times, late = random.Random(1), list[float](), 0
    until = time.perf_counter() + SECONDS

    async def call() -> None:
        nonlocal late
        due = time.perf_counter()
        while (due := due + chance.expovariate(rate / CALLERS)) < until:
            pause = due - time.perf_counter()
            late += pause < 0
            await asyncio.sleep(max(pause, 0))
            times.append(await _timed(log))

    await asyncio.gather(*(call() for _ in range(CALLERS)))
    return {
        "workload": "log",
        "contender": f"{CALLERS} callers at {rate} entries a second together, sequencer beside",
        "connections": CALLERS,
        "rps": round(len(times) / SECONDS),
        "late": late,
        **_spread(times),
    }


async def _loaded(log: Log, callers: int) -> Mapping[str, Any]:
    times: list[float] = []
    until = time.perf_counter() + SECONDS

    async def call() -> None:
        while time.perf_counter() < until:
            times.append(await _timed(log))

    await asyncio.gather(*(call() for _ in range(callers)))
    return {
        "workload": "log",
        "contender": f"{callers} callers, commits shared, sequencer beside",
        "connections": callers,
        "rps": round(len(times) / SECONDS),
        **_spread(times),
    }


async def _at_size(dsn: str) -> list[Mapping[str, Any]]:
    size = int(os.environ.get("BENCH_ENTRIES", "1000000"))
    filled = await _fill(dsn, size)
    reader = Reader(Session(dsn, name="reader", timeout=30))
    proofs = [await _proof(reader, index) for index in random.Random(1).choices(range(size), k=500)][20:]
    found = await Live(reader=reader, keys=[KEY.verifier]).run()
    await reader.close()
    if not found.good:
        raise SystemExit(f"the log does not verify: {found}")
    name = {"workload": "log", "contender": f"{size} entries"}
    return [
        {**name, "figure": "append and sequence", "rps": round(size / filled)},
        {**name, "figure": "proof", **_spread(proofs)},
        {
            **name,
            "figure": "verification of the database",
            "seconds": round(found.seconds, 1),
            "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        },
    ]


async def _fill(dsn: str, size: int) -> float:
    store, desk = PostgresStore(Session(dsn, name="bench")), Desk(Session(dsn, name="sequencer", timeout=30))
    assert await desk.acquire()
    sequencer, started = Sequencer(desk, KEY), time.monotonic()
    for first in track(range(0, size, 256), description="entries"):
        await store.append([encode(entry()) for _ in range(min(256, size - first))])
        await sequencer.step()
    await sequencer.drain()
    for part in (store, desk):
        await part.close()
    return time.monotonic() - started


async def _proof(reader: Reader, index: int) -> float:
    started = time.perf_counter()
    found = await prove(reader, index)
    took = (time.perf_counter() - started) * 1_000
    assert found is not None
    [data] = await reader.entries(index, 1)
    checked(found, leaf_hash(data), [KEY.verifier])
    return took


def _spread(times: Sequence[float]) -> Mapping[str, float]:
    ordered = sorted(times)
    return {"p50_ms": round(statistics.median(ordered), 3), "p99_ms": round(ordered[int(len(ordered) * 0.99)], 3)}
