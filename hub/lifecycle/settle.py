"""Intents without an outcome -> outcomes: what a crash left open is asked of the department that was to be written.

Guarantee: nothing is guessed. What a department answers is final there: an attempt that arrives afterwards does
nothing. An intent whose department does not answer stays open for the next round; of two hubs that settle at once both
learn the same. If we crash here, the next round asks again and is told the same.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from connectors.source import SourceError
from connectors.write import Target
from hub.audit.session import Connections
from hub.errors import InternalError
from hub.lifecycle.entries import settled
from hub.recording import Recorder

AGE = timedelta(seconds=60)
"""How old an intent must be to be settled: longer than a step takes, so that no living one is cut off."""
BACK = timedelta(days=7)
"""How far back open intents are looked for."""

_logger = logging.getLogger(__name__)

_OPEN = """
with recent as (
    select request, kind, part, bytes from log.pending where at > $1 and at < $2 and kind in ('intent', 'outcome')
    union all
    select request, kind, part, bytes from log.entry where at > $1 and at < $2 and kind in ('intent', 'outcome')
)
select intent.bytes from recent as intent
where intent.kind = 'intent' and not exists (
    select from recent as outcome
    where outcome.kind = 'outcome' and outcome.request = intent.request and outcome.part = intent.part
)
"""

Opens = Callable[[datetime], Awaitable[Sequence[Mapping[str, Any]]]]
"""Intents older than a moment that have no outcome, as they stand in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a round did: outcomes recorded, by what they said, and intents that are still open."""

    happened: int
    given_up: int
    left: int


@dataclass(frozen=True, slots=True)
class OpenIntents:
    """The open intents of the log, on a connection that reads it."""

    connections: Connections

    async def __call__(self, before: datetime) -> Sequence[Mapping[str, Any]]:
        """See ``Opens``."""
        async with self.connections.connection() as connection:
            rows = await connection.fetch(_OPEN, before - BACK, before)
        return [orjson.loads(row["bytes"]) for row in rows]


async def settle_open(
    opens: Opens,
    targets: Mapping[str, Target],
    log: Recorder,
    clock: Callable[[], datetime],
    *,
    deadline: float = 5.0,
    age: timedelta = AGE,
) -> Settled:
    """One round over all open intents that are as old as ``age``."""
    happened = given_up = left = 0
    for document in await opens(clock() - age):
        facts = dict(fact.partition("=")[::2] for fact in document["facts"])
        target = targets.get(facts.get("source", ""))
        try:
            if target is None:
                raise SourceError(facts.get("source", ""), "unreachable")
            keys = await target.settle(facts["intent"], deadline=deadline)
        except SourceError as error:
            _logger.warning("an intent stays open: %s", error)
            left += 1
            continue
        try:
            await log.record([settled(document, clock(), happened=keys is not None)])
        except InternalError:
            # Another hub was faster: its outcome has this name, and says the same.
            continue
        happened, given_up = happened + (keys is not None), given_up + (keys is None)
    return Settled(happened=happened, given_up=given_up, left=left)
