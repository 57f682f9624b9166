"""Drafts -> the outbox -> events in order: kept before a write, published with its outcome, read from any place on.

Guarantee: a draft is on disk before the intent that follows it; the outbox has no gap, and what has been read is never
joined by an earlier event. If the database is away, readers wait.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson

from hub.audit.contract import StoreError
from hub.audit.session import Connections
from hub.errors import OutageError
from hub.events.change import Change, Event

CHANNEL: Final = "hub_event"
PAGE: Final = 500
"""Events read at once."""
REMEMBERED: Final = 5_000
"""Events held in memory for those who follow closely."""
POLL: Final = 1.0
"""Seconds after which the outbox is looked at though nobody was told: a lost notice costs no more."""

# On disk before the intent: one that waited for the server to come back would otherwise outlive its draft.
_KEEP = """
insert into event.draft (request, part, at, name, changes) values ($1, $2, $3, $4, $5::jsonb)
on conflict do nothing
"""
_READ = """
select position, id, at, type, key, coordinates, cause_type, cause_key, clock from event.outbox
where position > $1 order by position limit $2
"""
_BOUNDS = """
select h.position as last, coalesce((select min(position) from event.outbox), h.position + 1) as first
from event.head h
"""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafts:
    """Where the changes of a write are kept until its outcome is known."""

    connections: Connections

    async def keep(self, request: str, part: int, at: datetime, name: str, changes: Sequence[Change]) -> None:
        """Keeps them, by the intent's ``name``; AUDIT_UNAVAILABLE if that cannot be: then nothing may be written."""
        if not changes:
            return
        try:
            async with self.connections.connection() as connection:
                text = orjson.dumps([change.as_json() for change in changes]).decode()
                await connection.execute(_KEEP, request, part, at, name, text)
        except StoreError:
            message = "the hub's own database takes no events, so nothing is written"
            raise OutageError("AUDIT_UNAVAILABLE", message, retryAfter=1) from None


@dataclass(slots=True, kw_only=True)
class Outbox:
    """The outbox as this replica follows it: the last events in memory, older ones from the database."""

    connections: Connections
    following: Connections
    recent: deque[Event] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    tail: int | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def bounds(self) -> tuple[int, int]:
        """(first position that is still kept, last position); raises ``StoreError``."""
        async with self.connections.connection() as connection:
            row = await connection.fetchrow(_BOUNDS)
        return row["first"], row["last"]

    async def after(self, position: int) -> Sequence[Event]:
        """The next events, at least one: waits for it; raises ``StoreError`` if they must be read and cannot be."""
        while self.tail is None or position >= self.tail:
            news = self._news
            if self.tail is None or position >= self.tail:
                await news.wait()
        if self.recent and position >= self.recent[0].position - 1:
            # No position is left out, so that a place in the deque follows from it.
            start = position + 1 - self.recent[0].position
            return [self.recent[number] for number in range(start, min(start + PAGE, len(self.recent)))]
        async with self.connections.connection() as connection:
            return await _read(connection, position)

    async def run(self) -> None:
        """Follows the outbox until cancelled; an outage is waited out."""
        while True:
            try:
                await self._follow()
            except StoreError as error:
                _logger.warning("events wait: %s", error)
                await asyncio.sleep(POLL)

    async def _follow(self) -> None:
        """Follows on one connection; ``StoreError`` when that ends."""
        woken = asyncio.Event()
        async with self.following.connection() as connection:
            await connection.add_listener(CHANNEL, lambda *_: woken.set())
            if self.tail is None:
                self.tail = await connection.fetchval("select position from event.head")
            while True:
                woken.clear()
                # Listening first, then looking: what comes between the two is seen by either.
                found = await _read(connection, self.tail)
                self._arrived(found)
                if len(found) < PAGE:
                    await _woken(woken)

    def _arrived(self, found: Sequence[Event]) -> None:
        if not found:
            return
        self.recent.extend(found)
        self.tail = found[-1].position
        # Whoever waits goes on; whoever comes from now on waits for the next.
        self._news.set()
        self._news = asyncio.Event()


async def _woken(woken: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(woken.wait(), POLL)
    except TimeoutError:
        return


async def _read(connection: Any, position: int) -> list[Event]:
    return [
        Event(
            position=row["position"],
            id=row["id"],
            at=row["at"],
            change=Change(
                type_name=row["type"],
                key=row["key"],
                coordinates=tuple(row["coordinates"]),
                cause=(row["cause_type"], row["cause_key"]),
                clock=row["clock"],
            ),
        )
        for row in await connection.fetch(_READ, position, PAGE)
    ]
