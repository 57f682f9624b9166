"""Settings -> what tells of changes, and the tasks behind it: the outbox followed, subscriptions; composed.

What stops a start: tables of events that are not there. What does not: nothing else, an outage is waited out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from hub.audit.contract import StoreError
from hub.audit.session import Session, Sessions
from hub.audited import working
from hub.batches import SHANGHAI
from hub.events.clocks import Clocks
from hub.events.delivery import Delivery
from hub.events.outbox import Outbox
from hub.events.seen import Looking
from hub.events.subscription import Events
from hub.hub import Hub, Remembered
from hub.pipeline import refuse
from hub.settings import ConfigurationError, Settings

_CLOCKS_LOCK = 0x68756263
"""Advisory lock of the replica that looks at clocks."""
READERS = 2
"""Connections that read what is no longer in memory."""
LOOKS = 4_000
"""What subscribers have learnt of an event, remembered for others of the same principal."""


@asynccontextmanager
async def open_events(settings: Settings, hub: Hub, dsn: str) -> AsyncIterator[Events]:
    """What tells of changes, until it is closed."""

    def session(name: str) -> Session:
        return Session(dsn, name=name, durable=settings.fsync_required, timeout=settings.deadlines.reading)

    reading, following = Sessions([session(f"events {number}") for number in range(READERS)]), session("following")
    outbox = Outbox(connections=reading, following=following)
    events = Events(
        hub=hub,
        outbox=outbox,
        looking=Looking(hub=hub, looks=Remembered(LOOKS)),
        delivery=Delivery(hub=hub),
        refuse=refuse,
        patience=settings.sockets.away,
    )
    ticking = session("clocks")
    clocks = Clocks(
        connections=ticking,
        leads=lambda: ticking.hold(_CLOCKS_LOCK),
        sources=hub.sources,
        limits=settings.clocks,
        now=lambda: hub.clock().astimezone(SHANGHAI),
        every=settings.clocks.every,
        keep=timedelta(days=settings.clocks.keep_days),
    )
    try:
        await _check(outbox)
        async with working(outbox.run(), clocks.run()):
            yield events
    finally:
        await asyncio.gather(*(held.close() for held in (reading, following, ticking)))


async def _check(outbox: Outbox) -> None:
    try:
        await outbox.bounds()
    except StoreError as error:
        if "3F000" in error.reason or "42P01" in error.reason:
            message = "the tables of events are missing in the hub's own database: run `hub/events/outbox.sql` there"
            raise ConfigurationError(message) from None
        raise
