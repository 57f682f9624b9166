"""Settings -> the task that freezes a quarter once its last town is accepted, composed.

Nothing of it stops a start, or an answer: what cannot be frozen now is looked at again later.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from connectors.source import Source
from hub.audit.session import Session
from hub.audited import working
from hub.hub import Hub
from hub.recording import Recorder
from hub.settings import Settings
from hub.statistics.accepted import Freezing

_LOCK: Final = 0x57757169_6E675175
"""Advisory lock of the replica that freezes."""
_SECONDS: Final = 60.0
"""For a statement that stores a whole quarter."""


@asynccontextmanager
async def freezing(
    settings: Settings, hub: Hub, dsn: str, log: Recorder, opened: Callable[[], Mapping[str, Source]]
) -> AsyncIterator[None]:
    """Accepted quarters are looked for as often as open intents are settled, until it is closed."""
    session = Session(dsn, name="quarters", durable=settings.fsync_required, timeout=_SECONDS)
    task = Freezing(
        connections=session,
        record=lambda entry: log.record([entry]),
        opened=opened,
        policy=lambda: hub.policy,
        now=hub.clock,
    )
    try:
        async with working(task.run(_LOCK, settings.deadlines.settle)):
            yield
    finally:
        await session.close()
