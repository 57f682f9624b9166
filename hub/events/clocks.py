"""Rows of departments, a moment -> alarms: what has waited too long, each once, whichever replica looks.

Guarantee: what still waits is what its department says at the look, so that no crash, late outcome or restart of the
hub raises an alarm for a step that was taken, or loses one for a step that was not. Alarm and event are one
transaction. A department that does not answer is asked again at the next look; its clocks run on meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from connectors.source import Column, Compare, Fetch, Order, Param, SourceError
from hub.audit.contract import StoreError
from hub.audit.session import Connections
from hub.events.clock import CLOCKS, Clock, Limits, moments
from hub.events.unbegun import TYPE, UNBEGUN, WAITS, Unbegun, unbegun
from hub.planner.facts import every_of
from hub.sources import Reading, Sources

PAGE: Final = 500
"""Rows that are read at once."""
FIRST: Final = ""
"""Before every key."""

_logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Clocks:
    """The task that looks; every replica runs one, and the one that leads works."""

    connections: Connections
    leads: Callable[[], Awaitable[bool]]
    sources: Sources
    limits: Limits
    now: Callable[[], datetime]
    every: float
    keep: timedelta
    divisions: Callable[[], Iterable[str]] = tuple
    """Codes of those of which a survey is expected."""

    async def run(self) -> None:
        """Looks again and again until cancelled."""
        while True:
            try:
                if await self.leads():
                    await self.look()
                    await self._forget()
            except StoreError as error:
                _logger.warning("clocks wait: %s", error)
            await asyncio.sleep(self.every)

    async def look(self) -> int:
        """Looks at every clock once; returns how many alarms were raised."""
        raised = 0
        every: tuple[Clock | Unbegun, ...] = (*CLOCKS.values(), *UNBEGUN.values())
        for clock in every:
            try:
                raised += await (self._miss(clock) if isinstance(clock, Unbegun) else self._look(clock))
            except SourceError as error:
                _logger.warning("clock `%s` was not looked at: %s", clock.name, error)
        return raised

    async def _look(self, clock: Clock) -> int:
        now, raised = self.now(), 0
        waiting: list[str] = []
        async for keys in self._waiting(clock, now):
            waiting += keys
            raised += await self._raise(clock.name, clock.type_name, clock.waits, keys, now)
        await self._end(clock.name, waiting, now)
        return raised

    async def _miss(self, clock: Unbegun) -> int:
        """Looks for what should be there and is not."""
        now = self.now()
        reading = Reading(sources=self.sources, bindings=moments(self.limits, now))
        keys = await unbegun(reading, clock, self.divisions())
        raised = await self._raise(clock.name, TYPE, WAITS, keys, now) if keys else 0
        await self._end(clock.name, keys, now)
        return raised

    async def _end(self, name: str, waiting: Sequence[str], now: datetime) -> None:
        # If we crash before this, the next look notes it: only who waits no more is told so a little later.
        async with self.connections.connection() as connection:
            await connection.execute("select event.end_alarms($1, $2, $3)", name, waiting, now)

    async def _waiting(self, clock: Clock, now: datetime) -> AsyncIterator[Sequence[str]]:
        """Keys of the rows that have waited too long, page by page."""
        reading = Reading(sources=self.sources, bindings=moments(self.limits, now))
        fetch = Fetch(
            source=clock.source,
            relation=clock.type_name,
            columns=(Column(name="_key"),),
            where=every_of(clock.where, Compare("_key", "gt", Param("after_key"))),
            order=(Order(column="_key"),),
            limit=Param("page"),
        )
        last = FIRST
        while True:
            rows = await reading.fetch(fetch, {"after_key": last, "page": PAGE})
            keys = [str(row[0]) for row in rows]
            if keys:
                yield keys
            if len(keys) < PAGE:
                return
            last = keys[-1]

    async def _raise(self, name: str, type_name: str, waits: str, keys: Sequence[str], now: datetime) -> int:
        async with self.connections.connection() as connection:
            found: int = await connection.fetchval(
                "select event.raise_alarms($1, $2, $3, $4, $5)", name, type_name, waits, keys, now
            )
        return found

    async def _forget(self) -> None:
        """Drops events that are older than what a subscriber may resume from."""
        async with self.connections.connection() as connection:
            await connection.execute("select event.forget($1)", self.now() - self.keep)
