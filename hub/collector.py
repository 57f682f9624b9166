"""A process that serves -> when Python's cycle collector runs: little and often, and all of it only while idle.

Guarantee: a collection of old objects falls into a busy second only if none was idle for half an hour. What requests
leave behind dies young; what is old is remembered (documents, plans) and cut loose without cycles.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from typing import Final

YOUNG: Final = 2_000
"""New objects after which the youngest are looked at: some 2 ms, where all of them live."""
MIDDLE: Final = 3
"""Young collections after which those that survived are looked at again: some 8 ms, where all of them live."""
NEVER: Final = 1_000_000_000
IDLE: Final = 0.1
"""Share of a second of processor time below which the process counts as idle."""
PAUSE: Final = 60.0
"""Seconds between two full collections at least."""
LATE: Final = 1_800.0
"""Seconds after which everything is collected though the process was never idle: a pause instead of a leak."""


def settle() -> None:
    """What was made so far stays: the collector need not walk schema and policy again each time it runs."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, NEVER)


async def collect_when_idle(
    *,
    used: Callable[[], float] = time.process_time,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    collect: Callable[[], object] = gc.collect,
) -> None:
    """Collects everything once the process has been idle for a second; until cancelled."""
    last = clock()
    while True:
        before, since = used(), clock()
        await sleep(1.0)
        busy = (used() - before) / max(clock() - since, 0.001)
        if clock() - last >= (PAUSE if busy < IDLE else LATE):
            collect()
            last = clock()
