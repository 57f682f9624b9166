"""Call, pages -> when its answer may leave: what was looked for in vain is answered at whole steps of time.

A row that does not exist for the caller costs its department what no row costs, statement by statement, but for the
microseconds in which the row is looked at. With many answers these could be seen; at whole steps they cannot. What is
found leaves at once, and nobody else waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import floor
from time import perf_counter

from hub.calls import Call
from hub.executor import Page

STEP = 0.025
"""Seconds. Look-ups take a few milliseconds, so nearly all that are in vain leave at the first step."""
NAP = 0.002
"""Seconds before a step in which the loop turns instead of sleeping: it sleeps by whole milliseconds."""


GIVEN = 0.004
"""Seconds for which one batch has the loop; then others have their turn."""


@dataclass(slots=True)
class Turn:
    """A batch at work on many answers: none of them takes long, all together may."""

    since: float = field(default_factory=perf_counter)

    async def over(self) -> None:
        """Gives way to others if the time is up."""
        if perf_counter() - self.since > GIVEN:
            await asyncio.sleep(0)
            self.since = perf_counter()


def in_vain(call: Call, pages: Mapping[str, Page]) -> bool:
    """Whether the call looked for a row, or for rows by a condition, and none exists for the caller."""
    for key, wish in call.wishes.items():
        if wish is None or (wish.reach.kind == "connection" and wish.asked[wish.reach.number].shape == ("all",)):
            continue
        if not pages[key].records and pages[key].error is None:
            return True
    return False


async def whole_step(begun: float) -> None:
    """Waits for the next whole step after ``begun`` (seconds of the loop's clock)."""
    loop = asyncio.get_running_loop()
    until = begun + STEP * (floor((loop.time() - begun) / STEP) + 1)
    if (rest := until - loop.time() - NAP) > 0:
        await asyncio.sleep(rest)
    while loop.time() < until:
        await asyncio.sleep(0)
