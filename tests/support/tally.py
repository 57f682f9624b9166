"""Requests -> what they allocate, what they hold at most, how many calls they make: counted, by no clock.

Guarantee: the least of several turns, the collector at rest meanwhile, so that the same work gives the same numbers
within a few in a hundred, whatever else the machine does. The only importer of memray.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from memray import AllocatorType, FileReader, Tracker

Work = Callable[[], Awaitable[object]]

SPANS = 5
"""Times that what was left is looked for once more."""
GIVEN_BACK = frozenset({AllocatorType.FREE, AllocatorType.PYMALLOC_FREE, AllocatorType.MUNMAP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """``allocations``: of any size, short-lived ones too; ``calls``: of any function; ``peak``: bytes held at once."""

    allocations: int
    calls: int
    peak: int

    def beyond(self, known: Tally, slack: Slack) -> list[str]:
        """What is more than was known, slack included, in words."""
        most = {
            "allocations": known.allocations * slack.counts,
            "calls": known.calls * slack.counts,
            "peak": known.peak * slack.peak,
        }
        return [f"{name} {own:,} > {most[name]:,.0f}" for name, own in asdict(self).items() if own > most[name]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slack:
    """How many times what is known may be: of what is counted, and of bytes."""

    counts: float
    peak: float


async def tallied(work: Work, *, turns: int) -> Tally:
    """What the work takes once it is warm."""
    _freeze()
    counts = [await _counted(work) for _ in range(turns)]
    return Tally(
        allocations=min(allocations for allocations, _ in counts),
        calls=min([await _called(work) for _ in range(turns)]),
        peak=min(peak for _, peak in counts),
    )


async def _counted(work: Work) -> tuple[int, int]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "allocations"
        with _collector_at_rest(), Tracker(file, trace_python_allocators=True):
            await work()
        return _read(file)


def _read(file: Path) -> tuple[int, int]:
    reader = FileReader(file)
    allocations = sum(one.allocator not in GIVEN_BACK for one in reader.get_allocation_records())
    peak = reader.metadata.peak_memory
    reader.close()
    return allocations, peak


async def _called(work: Work) -> int:
    calls = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    with _collector_at_rest():
        sys.setprofile(count)
        try:
            await work()
        finally:
            sys.setprofile(None)
    return calls


async def left(work: Work, *, rounds: int, bearable: float) -> float:
    """Bytes that each of the rounds leaves behind, once what is remembered is full; fewer than ``bearable`` suffice.

    Timers that were cancelled lie about until asyncio sweeps them, so the least of many rounds is held against the
    least of as many before. How requests that come together meet is the machine's affair, and each way is remembered:
    what is left for good is left by all the rounds, early and late, so the least of several spans is told.
    """
    _freeze()
    tracemalloc.start()
    try:
        await _least_held(work, rounds)
        before, least = await _least_held(work, rounds), float("inf")
        for _ in range(SPANS):
            after = await _least_held(work, rounds)
            before, least = after, min(least, (after - before) / rounds)
            if least < bearable:
                break
        return least
    finally:
        tracemalloc.stop()


async def _least_held(work: Work, rounds: int) -> int:
    held = []
    for _ in range(rounds):
        await work()
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0])
    return min(held)


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Free lists are emptied before, so that every turn begins alike."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _freeze() -> None:
    """What was there before is walked once, and not at each look; nor by the tests that come after."""
    gc.collect()
    gc.freeze()
