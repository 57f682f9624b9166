"""Pages of one batch that are read at once -> what they want to know of undecided rows, asked once for all of them.

A reading that comes to undecided rows waits until each of the others has come to its own, or has ended; then facts are
asked for the rows of all. What is asked is what each would have asked, so nothing is learnt that none of them wanted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hub.planner.formula import Fact

People: TypeAlias = Sequence[tuple[Any, ...]]
Learnt: TypeAlias = dict[Fact, Mapping[str, Any]]
Wanted: TypeAlias = tuple[frozenset[Fact], str]
"""Facts, and the source that is to understand them."""
Ask: TypeAlias = Callable[[frozenset[Fact], str, People], Awaitable[Learnt]]


@dataclass(slots=True, kw_only=True)
class Round:
    """Whom the same is wanted of this time, and how that is asked."""

    ask: Ask
    people: list[tuple[Any, ...]] = field(default_factory=list)
    learnt: asyncio.Future[Learnt] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def told(self, answer: asyncio.Future[Learnt]) -> None:
        """Passes the answer on; if the hub is ending there is none, and nobody may wait for it."""
        if answer.cancelled():
            self.learnt.cancel()
        elif (error := answer.exception()) is not None:
            self.learnt.set_exception(error)
        else:
            self.learnt.set_result(answer.result())


@dataclass(slots=True, kw_only=True)
class Meeting:
    """Readings under way, and how many of them wait.

    It keeps nobody's way to ask: whoever has the meeting would otherwise hang on itself, with all rows of its batch.
    """

    reading: int = 0
    waiting: int = 0
    rounds: dict[Wanted, Round] = field(default_factory=dict)
    tasks: set[asyncio.Future[Learnt]] = field(default_factory=set)

    @contextmanager
    def attended(self) -> Iterator[None]:
        """One reading more, until the end of the block."""
        self.reading += 1
        try:
            yield
        finally:
            self.reading -= 1
            self._begin()

    async def know(self, ask: Ask, facts: frozenset[Fact], home: str, people: People) -> Learnt:
        """What is learnt by ``ask`` of these people, and of those of whom the others want to know the same."""
        found = self.rounds.setdefault((facts, home), Round(ask=ask))
        found.people.extend(people)
        self.waiting += 1
        self._begin()
        return await asyncio.shield(found.learnt)

    def _begin(self) -> None:
        """Asks, if all who read wait."""
        if not self.waiting or self.waiting < self.reading:
            return
        rounds, self.rounds, self.waiting = self.rounds, {}, 0
        for (facts, home), found in rounds.items():
            task = asyncio.ensure_future(found.ask(facts, home, found.people))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
            task.add_done_callback(found.told)
