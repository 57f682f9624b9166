"""Questions that batches of one principal ask at once -> each asked once.

Guarantee: what a batch is told was asked after its requests had arrived, so that it is no older than if it had asked
alone. Nothing is kept: a question that is not under way is asked anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """A question, when it was asked, and what will come of it."""

    since: float
    found: asyncio.Task[Any] = field(repr=False)


@dataclass(slots=True, kw_only=True)
class Questions:
    """Questions that are under way, of all principals."""

    under_way: dict[Hashable, UnderWay] = field(default_factory=dict)

    def of(self, whose: Hashable) -> Shared:
        """What a batch that begins now shares with others; ``whose``: on whom and on what its questions depend."""
        return Shared(questions=self, whose=whose, begun=asyncio.get_running_loop().time())

    def ask(self, key: Hashable, question: Callable[[], Awaitable[Any]]) -> UnderWay:
        """Asks now; goes on if whoever asked goes away, for others may wait for it."""

        async def asked() -> Any:
            try:
                return await question()
            finally:
                del self.under_way[key]

        found = asyncio.create_task(asked())
        self.under_way[key] = UnderWay(since=asyncio.get_running_loop().time(), found=found)
        return self.under_way[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What one batch shares."""

    questions: Questions
    whose: Hashable
    begun: float

    async def ask(self, what: Hashable, question: Callable[[], Awaitable[T]]) -> T:
        """The answer to ``what``: of a question that was asked since the batch began, or asked now.

        One that was asked before is waited for, and asked anew once for all who waited.
        """
        key = (self.whose, what)
        while (asked := self.questions.under_way.get(key)) is not None and asked.since < self.begun:
            await asyncio.wait({asked.found})
        if asked is None:
            asked = self.questions.ask(key, question)
        found: T = await asyncio.shield(asked.found)
        return found
