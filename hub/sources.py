"""Fetch -> rows of one source, with one deadline and a breaker; in one batch a source that failed is not asked again.

Guarantee (invariant 6): what a source does not answer is a ``SourceError``, never an empty list.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from connectors.source import Aggregate, Fetch, Row, Source, SourceError

BREAK_AFTER = 3
OPEN_SECONDS = 1.0


@dataclass(slots=True, kw_only=True)
class Breaker:
    """Opens after some failures in a row, and lets one call try again after a while."""

    failures: int = 0
    open_until: float = 0.0

    def allows(self, now: float) -> bool:
        """Whether a call may go out now; the first after the pause goes out alone."""
        if self.failures < BREAK_AFTER:
            return True
        if now < self.open_until:
            return False
        self.open_until = now + OPEN_SECONDS
        return True

    def succeeded(self) -> None:
        """The source answered."""
        self.failures = 0

    def failed(self, now: float) -> None:
        """The source did not answer."""
        self.failures += 1
        self.open_until = now + OPEN_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The connected sources; shared by all requests."""

    by_name: Mapping[str, Source]
    deadline: float
    monotonic: Callable[[], float]
    breakers: Mapping[str, Breaker]

    @classmethod
    def of(cls, sources: Mapping[str, Source], *, deadline: float, monotonic: Callable[[], float]) -> Sources:
        """The sources, each with a breaker of its own."""
        return cls(
            by_name=sources,
            deadline=deadline,
            monotonic=monotonic,
            breakers={name: Breaker() for name in sources},
        )


class Ahead(NamedTuple):
    """What a fetch with these parameters found; holds the fetch, so that no other has its id."""

    fetch: Fetch
    bindings: Mapping[str, Any]
    found: asyncio.Task[Sequence[Row] | SourceError]


@dataclass(slots=True, kw_only=True)
class Reading:
    """One batch's reading of the sources: the parameters that all its statements share, and who failed it."""

    sources: Sources
    bindings: Mapping[str, Any]
    down: dict[str, SourceError] = field(default_factory=dict)
    ahead: dict[int, Ahead] = field(default_factory=dict)
    """By the fetch's id: what was asked for before it was sure to be needed."""

    async def fetch(self, fetch: Fetch, bindings: Mapping[str, Any]) -> Sequence[Row]:
        """Rows of the fetch; a source that has failed this batch fails at once."""
        held = self.ahead.pop(id(fetch), None) if self.ahead else None
        if held is None or held.bindings != bindings:
            return await self._ask(fetch.source, fetch, bindings)
        found = await held.found
        if isinstance(found, SourceError):
            raise found
        return found

    def fetch_ahead(self, fetch: Fetch, bindings: Mapping[str, Any]) -> asyncio.Task[Sequence[Row] | SourceError]:
        """Asks now; who fetches the very same later has the rows, or the failure, without asking again."""
        found = asyncio.get_running_loop().create_task(self._tried(fetch.source, fetch, bindings))
        self.ahead[id(fetch)] = Ahead(fetch, bindings, found)
        return found

    async def aggregate(self, aggregate: Aggregate, bindings: Mapping[str, Any]) -> Sequence[Row]:
        """Groups of the aggregate."""
        return await self._ask(aggregate.source, aggregate, bindings)

    async def _ask(self, name: str, asked: Fetch | Aggregate, bindings: Mapping[str, Any]) -> Sequence[Row]:
        found = await self._tried(name, asked, bindings)
        if isinstance(found, SourceError):
            raise found
        return found

    async def _tried(
        self, name: str, asked: Fetch | Aggregate, bindings: Mapping[str, Any]
    ) -> Sequence[Row] | SourceError:
        """The rows, or why there are none."""
        if name in self.down:
            return self.down[name]
        breaker = self.sources.breakers[name]
        # Nearly every call finds a source that did not fail before: that costs no look at a clock.
        if breaker.failures and not breaker.allows(self.sources.monotonic()):
            return self._failed(SourceError(name, "open"))
        source, deadline = self.sources.by_name[name], self.sources.deadline
        merged = {**self.bindings, **bindings}
        try:
            if isinstance(asked, Fetch):
                found = await source.fetch(asked, merged, deadline=deadline)
            else:
                found = await source.aggregate(asked, merged, deadline=deadline)
        except SourceError as error:
            # A statement that was rejected is ours or the mapping's fault: the department is there for all others.
            if error.reason != "rejected":
                breaker.failed(self.sources.monotonic())
            return self._failed(error)
        if breaker.failures:
            breaker.succeeded()
        return found

    def _failed(self, error: SourceError) -> SourceError:
        self.down.setdefault(error.source, error)
        return error


def rows_of(found: asyncio.Task[Sequence[Row] | SourceError]) -> Sequence[Row] | None:
    """What was asked ahead, if it has come and is no failure."""
    if not found.done() or found.cancelled():
        return None
    rows = found.result()
    return None if isinstance(rows, SourceError) else rows
