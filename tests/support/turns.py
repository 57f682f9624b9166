"""Sources -> the same sources, one statement at a time: what is asked then stands in the server's log as it was asked.

Statements that the hub sends at once reach a server in no order; in turns, two runs can be compared line by line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.source import Aggregate, Bindings, Fetch, Row, Source


@dataclass(slots=True)
class InTurn:
    """A source that waits for all others."""

    name: str
    source: Source
    turn: asyncio.Lock

    async def fetch(self, fetch: Fetch, bindings: Bindings, *, deadline: float) -> Sequence[Row]:
        """The source's rows, in turn."""
        async with self.turn:
            return await self.source.fetch(fetch, bindings, deadline=deadline)

    async def aggregate(self, aggregate: Aggregate, bindings: Bindings, *, deadline: float) -> Sequence[Row]:
        """The source's groups, in turn."""
        async with self.turn:
            return await self.source.aggregate(aggregate, bindings, deadline=deadline)

    async def ping(self, *, deadline: float) -> None:
        """Whether the source answers."""
        await self.source.ping(deadline=deadline)

    async def close(self) -> None:
        """Closes the source."""
        await self.source.close()


def in_turns(sources: Mapping[str, Source]) -> dict[str, Source]:
    """The sources, which answer one after another."""
    turn = asyncio.Lock()
    return {name: InTurn(name, source, turn) for name, source in sources.items()}
