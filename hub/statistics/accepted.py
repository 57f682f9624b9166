"""Surveys as they stand -> the quarters whose last town was accepted and that are not frozen: each frozen once.

Guarantee: what is frozen is whole, whenever the hub is killed; what was not frozen for that is found at the next look,
by whichever replica looks. An entry of the log says of each freeze, before it is stored, that it is done.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, Protocol

from connectors.source import All, Column, Compare, Constant, Fetch, Param, Source, SourceError
from hub.audit.contract import StoreError
from hub.audit.entry import Entry
from hub.audit.session import Connections
from hub.errors import OutageError
from hub.identity import PARKS
from hub.sources import Reading, Sources
from hub.statistics.freeze import FreezeError, check_free, freeze, is_frozen, places, reading_all, tabulated
from hub.statistics.performance import measure, told
from hub.statistics.tables import Published, TooManyError
from policies.policy import Policy
from schema.scalars import SHANGHAI

ACT: Final = "freeze"
DEADLINE: Final = 600.0
"""Seconds for one statement over all rows of a department."""
BACK: Final = 2
"""Quarters before the running one that are looked at: an older one would be told by rows of today."""
PATIENCE: Final = 10
"""How many looks are left out after one that failed."""
_SET_LIMIT: Final = 1_000_000
_ACCEPTED: Final = Fetch(
    source="civil_affairs",
    relation="SurveySubmission",
    columns=(Column(name="quarter"), Column(name="divisionCode")),
    where=All(
        (
            Compare("level", "eq", Constant("TOWN")),
            Compare("status", "eq", Constant("DISTRICT_ACCEPTED")),
            Compare("quarter", "in", Param("quarters")),
        )
    ),
)

Progress = Callable[[str, int, int], None]
"""Told what is under way, how many are done, and of how many."""


def unseen(_what: str, _done: int, _total: int) -> None:
    """A progress that nobody sees."""


_logger = logging.getLogger(__name__)


class Leading(Connections, Protocol):
    """Connections to the hub's own database that may hold a lock there."""

    async def hold(self, lock: int) -> bool: ...  # noqa: D102


class _StoppedError(Exception):
    """The hub ends."""


@dataclass(slots=True, kw_only=True)
class Freezing:
    """What freezes; ``opened``: sources whose statements may take long, closed again when a freeze is over."""

    connections: Leading
    record: Callable[[Entry], Awaitable[object]]
    opened: Callable[[], Mapping[str, Source]]
    policy: Callable[[], Policy]
    now: Callable[[], datetime]
    _stopping: bool = field(default=False, init=False)

    async def run(self, lock: int, every: float) -> None:
        """Looks again and again until cancelled, where this replica leads."""
        while True:
            seconds = every
            try:
                if await self.connections.hold(lock):
                    await self.look()
            except (StoreError, SourceError, OutageError, FreezeError, TooManyError) as error:
                _logger.warning("no quarter was frozen: %s", error)
                seconds *= PATIENCE
            await asyncio.sleep(seconds)

    async def look(self) -> list[str]:
        """Freezes what is accepted and not frozen, the oldest first; returns what was."""
        found = await self.ripe()
        for quarter in found:
            await self.freeze(quarter)
            _logger.info("the quarter `%s` is frozen", quarter)
        return found

    async def ripe(self) -> list[str]:
        """Quarters of which every town is accepted, and that are not frozen."""
        sources = self.opened()
        try:
            reading = Reading(sources=_reached(sources), bindings={})
            quarters = recent(self.now().astimezone(SHANGHAI).date())
            rows = await reading.fetch(_ACCEPTED, {"quarters": quarters})
        finally:
            await _close(sources)
        accepted = {(str(quarter), str(code)[:9]) for quarter, code in rows}
        towns = [one.code for one in self.policy().divisions.values() if one.level == "town"]
        whole = [
            quarter
            for quarter in quarters
            if all((quarter, town) in accepted for town in towns if not town.startswith(PARKS))
        ]
        return [quarter for quarter in whole if not await is_frozen(self.connections, quarter)]

    async def freeze(self, quarter: str, progress: Progress = unseen) -> Sequence[Published]:
        """Freezes the quarter by the rows of now; returns its cells. Raises ``FreezeError`` and ``TooManyError``."""
        policy, now = self.policy(), self.now()
        await check_free(self.connections, quarter)
        try:
            cells = await self._settled(quarter, policy, now, progress)
        except asyncio.CancelledError:
            # The search is in a thread, which ends at its next question to the solver.
            self._stopping = True
            raise
        await self.record(_entry(quarter, policy, now))
        # If we crash here, an entry tells of a freeze that did not happen: the quarter is free, and is frozen later.
        await freeze(self.connections, quarter, policy, cells, now)
        return cells

    async def _settled(self, quarter: str, policy: Policy, now: datetime, progress: Progress) -> Sequence[Published]:
        # The solver is large: who freezes nothing does not load it.
        from hub.statistics.settle import settle_all

        sources = self.opened()
        try:
            execution = reading_all(_reached(sources), now.astimezone(SHANGHAI), set_limit=_SET_LIMIT)
            truth = await tabulated(execution, policy, quarter, lambda done, every: progress("汇总", done, every))
            measured = await measure(execution.reading, quarter, policy)
        finally:
            await _close(sources)

        def tick(done: int, every: int) -> None:
            if self._stopping:
                raise _StoppedError
            progress("判定", done, every)

        cells = await asyncio.to_thread(settle_all, truth, tick)
        return [*cells, *told(cells, measured, places(policy)[1])]


def recent(day: date) -> list[str]:
    """The quarters that may be accepted on a day, the oldest first."""
    number = day.year * 4 + (day.month - 1) // 3
    return [f"{each // 4}Q{each % 4 + 1}" for each in range(number - BACK, number + 1)]


def _reached(sources: Mapping[str, Source]) -> Sources:
    return Sources.of(sources, deadline=DEADLINE, monotonic=time.monotonic)


async def _close(sources: Mapping[str, Source]) -> None:
    await asyncio.gather(*(source.close() for source in sources.values()))


def _entry(quarter: str, policy: Policy, now: datetime) -> Entry:
    return Entry(
        kind="policy",
        request=secrets.token_hex(16),
        at=now,
        unit="hub",
        policy=policy.version,
        decision="ALLOWED",
        facts=(f"act={ACT}", f"quarter={quarter}", f"tables={len(policy.tables)}"),
    )
