"""Intents without an outcome -> outcomes: what a crash left open is asked of the department that was to be written.

Guarantee: nothing is guessed. What a department answers is final there: an attempt that arrives afterwards does
nothing. An intent whose department does not answer stays open for the next round; of two hubs that settle at once both
learn the same. If we crash here, the next round asks again and is told the same.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from connectors.source import SourceError
from connectors.write import Target
from hub.audit.entry import MIXING
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
select intent.bytes
from (
    select request, part, bytes from log.pending where at > $1 and at < $2 and kind = 'intent'
    union all
    select request, part, bytes from log.entry where at > $1 and at < $2 and kind = 'intent'
) as intent
where not exists (
    select from (
        select request, part from log.pending where at > $1 and at < $2 and kind = 'outcome'
        union all
        select request, part from log.entry where at > $1 and at < $2 and kind = 'outcome'
    ) as outcome
    where outcome.request = intent.request and outcome.part = intent.part
)
"""

Opens = Callable[[datetime, timedelta], Awaitable[Sequence[Mapping[str, Any]]]]
"""Intents that are, at a moment, as old as the span and have no outcome, as they stand in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a round did: outcomes recorded, by what they said, and intents that are still open."""

    happened: int
    given_up: int
    left: int


@dataclass(slots=True)
class OpenIntents:
    """The open intents of the log, on a connection that reads it.

    Acts of authors are dated ahead, so that of these it counts how long they have been seen here.
    """

    connections: Connections
    seen: dict[str, datetime] = field(default_factory=dict)

    async def __call__(self, now: datetime, age: timedelta) -> Sequence[Mapping[str, Any]]:
        """See ``Opens``."""
        async with self.connections.connection() as connection, connection.transaction(readonly=True):
            # A server that crashed knows nothing of its tables, and would compare each intent with each outcome.
            await connection.execute("set local enable_nestloop = off")
            rows = await connection.fetch(_OPEN, now - BACK, now + MIXING)
        found = [orjson.loads(row["bytes"]) for row in rows]
        self.seen = {each["request"]: self.seen.get(each["request"], now) for each in found}
        return [each for each in found if min(self.seen[each["request"]], at_of(each)) + age <= now]


def at_of(document: Mapping[str, Any]) -> datetime:
    """When the entry says that it happened."""
    return datetime.fromisoformat(document["at"])


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
    for document in await opens(clock(), age):
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
            await log.record([settled(document, max(clock(), at_of(document)), happened=keys is not None)])
        except InternalError:
            # Another hub was faster: its outcome has this name, and says the same.
            continue
        happened, given_up = happened + (keys is not None), given_up + (keys is None)
    return Settled(happened=happened, given_up=given_up, left=left)
