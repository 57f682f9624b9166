"""A source -> the same source, which can be switched off and counts what it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from connectors.source import Aggregate, Bindings, Fetch, Row, Source, SourceError


@dataclass(slots=True, kw_only=True)
class Switched:
    """Keeps ``connectors.source.Source``; ``asked`` are the relations that were asked for, one entry a statement."""

    inner: Source
    name: str
    off: bool = False
    asked: list[str] = field(default_factory=list)

    async def fetch(self, fetch: Fetch, bindings: Bindings, *, deadline: float) -> Sequence[Row]:
        """As the inner source, unless switched off."""
        self._meet(fetch.relation)
        return await self.inner.fetch(fetch, bindings, deadline=deadline)

    async def aggregate(self, aggregate: Aggregate, bindings: Bindings, *, deadline: float) -> Sequence[Row]:
        """As the inner source, unless switched off."""
        self._meet(aggregate.relation)
        return await self.inner.aggregate(aggregate, bindings, deadline=deadline)

    async def ping(self, *, deadline: float) -> None:
        """As the inner source, unless switched off."""
        self._meet("")
        await self.inner.ping(deadline=deadline)

    async def close(self) -> None:
        """The inner source is not ours to close."""

    def _meet(self, relation: str) -> None:
        self.asked.append(relation)
        if self.off:
            raise SourceError(self.name, "unreachable")
