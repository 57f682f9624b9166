"""Clients that do not give up: a step is sent again under its key until it is answered, a cursor is taken up again."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from connectors.source import Aggregate, Bindings, Fetch, Row, Source, SourceError
from tests.support.served import Reply, Served

OUTAGES = {"SOURCE_UNAVAILABLE", "AUDIT_UNAVAILABLE"}
PAUSE = 0.05


@dataclass(slots=True, kw_only=True)
class Insistent(Served):
    """A hub that is asked until it answers; ``cut``: answers that never came, ``refused``: outages that were told."""

    cut: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    acknowledged: list[tuple[str, bool]] = field(default_factory=list)
    """(step, whether it had been taken before the answer came), in order."""

    async def step(
        self,
        unit_key: str,
        purpose: str,
        step: str,
        answer: str = "step again",
        *,
        key: str | None = None,
        **given: Any,
    ) -> Reply:
        """The step, sent under one key until an answer comes that is none of an outage."""
        key = key or secrets.token_hex(8)
        while True:
            try:
                # Without arguments ``super`` finds no class in a dataclass with slots.
                reply = await Served.step(self, unit_key, purpose, step, answer, key=key, **given)
            except (httpx.TransportError, json.JSONDecodeError):
                self.cut += 1
            else:
                if not reply.codes & OUTAGES:
                    self._count(step, reply)
                    return reply
                self.refused.update(reply.codes)
            await asyncio.sleep(PAUSE)

    def _count(self, step: str, reply: Reply) -> None:
        if reply.status == 200 and "data" in reply.json:
            self.acknowledged.append((step, bool(reply.data[step]["again"])))


@dataclass(slots=True, kw_only=True)
class Awaited:
    """A department that is read until it answers."""

    name: str
    source: Source

    async def fetch(self, fetch: Fetch, bindings: Bindings, *, deadline: float) -> Sequence[Row]:
        """The rows, however long it takes."""
        while True:
            try:
                return await self.source.fetch(fetch, bindings, deadline=deadline)
            except SourceError as error:
                if error.reason == "rejected":
                    raise
                await asyncio.sleep(PAUSE)

    async def aggregate(self, aggregate: Aggregate, bindings: Bindings, *, deadline: float) -> Sequence[Row]:
        """The groups, asked for once."""
        return await self.source.aggregate(aggregate, bindings, deadline=deadline)

    async def ping(self, *, deadline: float) -> None:
        """Whether the department answers."""
        await self.source.ping(deadline=deadline)

    async def close(self) -> None:
        """Closes the source."""
        await self.source.close()


def awaited(sources: Mapping[str, Source]) -> dict[str, Source]:
    """The departments, read until they answer."""
    return {name: Awaited(name=name, source=source) for name, source in sources.items()}
