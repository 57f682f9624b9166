"""Facts, rows -> what is known of the rows' children, as parameters that a source can test; who failed, by fact.

Guarantee: what is not known is said to be unknown, and why; it is never guessed (invariant 6).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.source import SourceError
from hub.anywhere import Home, held_anywhere
from hub.files import Files
from hub.meeting import Learnt, People
from hub.planner.formula import Fact
from hub.registry import NOBODY, REGISTER_SOURCES, Person, Registry, gather_by

NONE = Files(citizen={})
NO_FILES = Files(citizen={NOBODY: NOBODY})
"""In place of files where there are none: what is asked of them is asked of nobody."""
PLACES = {"person": 1, "case": 3}
"""Where in what is told of a row the number stands by which a fact of its person or case is asked."""


@dataclass(slots=True, kw_only=True)
class Knowledge:
    """What one batch knows of facts, and why it does not know the others."""

    registry: Registry
    unknown: dict[Fact, SourceError] = field(default_factory=dict)

    async def anywhere(
        self, wanted: Collection[Fact], home: str, *, exact: frozenset[Fact], numbered: bool = False
    ) -> Learnt:
        """Facts asked over all children; those that hold for too many stay unknown (unless an order rests on them).

        ``numbered``: ``home`` looks at register files, and knows them by the numbers of people.
        """
        home_of = Home(name=home, by_number=numbered)
        return self._learnt(await held_anywhere(self.registry, wanted, home_of, exact)) if wanted else {}

    async def of_people(self, wanted: Collection[Fact], home: str, people: People) -> Learnt:
        """Facts asked for the people of these rows; without any, of nobody, so that nothing tells the two apart."""
        people = people or [(NOBODY,) * 4]
        return await self._of_found(wanted, home, people, lambda: self._files(home, people), NONE)

    async def of_named(self, wanted: Collection[Fact], home: str, people: People, named: Files) -> Learnt:
        """As ``of_people``, where rows are looked up by these files, whether there are rows, or files, or not."""
        return await self._of_found(wanted, home, people, lambda: self.registry.files(named.citizen), named)

    async def _of_found(
        self, wanted: Collection[Fact], home: str, people: People, look_up: Callable[[], Awaitable[Files]], named: Files
    ) -> Learnt:
        of_child = [fact for fact in wanted if fact.via == "child"]
        try:
            found = await look_up() if of_child else NONE
        except SourceError as error:
            self.unknown |= dict.fromkeys(of_child, error)
            return await self.of_files([fact for fact in wanted if fact.via != "child"], home, NONE, people)
        asked = Files(citizen={**named.citizen, **found.citizen} or NO_FILES.citizen)
        return await self.of_files(wanted, home, asked, people, among=found.citizen)

    async def of_files(
        self,
        wanted: Collection[Fact],
        home: str,
        files: Files,
        people: People = (),
        *,
        among: Collection[str] | None = None,
        shown: bool = False,
    ) -> Learnt:
        """Facts asked for the children of these files, or for the persons and cases of these rows.

        ``among``: those of the files that there are; ``shown``: they exist for the caller.
        """
        of_child = [fact for fact in wanted if fact.via == "child"]
        self.registry.want(of_child, files, shown=shown)
        of_rows = [fact for fact in wanted if fact.via != "child"]
        answers: dict[Fact, Any] = await gather_by(of_rows, lambda fact: self._of_rows(fact, people)) if of_rows else {}
        for fact in of_child:  # each is on its way
            try:
                registers = await self.registry.holding(fact, files, shown=shown)
                registers = registers if among is None else registers.intersection(among)
                answers[fact] = await self.registry.membership(fact, registers, home, files, shown=shown)
            except SourceError as error:
                answers[fact] = error
        return self._learnt(answers)

    def failure(self, unknown: Collection[Fact]) -> SourceError:
        """The failure that leaves rows or values undecided: of these facts' sources, or of any that failed."""
        for fact in sorted(unknown, key=lambda fact: fact.name):
            if fact in self.unknown:
                return self.unknown[fact]
        return next(iter(self.registry.reading.down.values()), SourceError("hub", "rejected"))

    def require(self, ordering: frozenset[Fact], known: Collection[Fact]) -> None:
        """Without what orders them rows stand in no order, and a page of them would be a guess."""
        lacking = ordering - frozenset(known)
        if lacking:
            raise self.failure(lacking)

    async def _of_rows(self, fact: Fact, people: People) -> Mapping[str, Any]:
        place = PLACES[fact.via]
        asked = {person[place] for person in people if person[place] is not None}
        keys = await self.registry.keys_holding(fact, asked)
        return {f"{fact.name}.{fact.via}": sorted(keys or ())}

    async def _files(self, home: str, people: Sequence[tuple[Any, ...]]) -> Files:
        if home in REGISTER_SOURCES:
            return await self.registry.files(person[0] for person in people if person[0] is not None)
        pairs: list[Person] = [(person[1], person[2]) for person in people]
        return await self.registry.files_of(home, pairs)

    def _learnt(self, answers: Mapping[Fact, Any]) -> Learnt:
        learnt: Learnt = {}
        for fact, answer in answers.items():
            if isinstance(answer, SourceError):
                self.unknown[fact] = answer
            elif isinstance(answer, BaseException):
                raise answer
            elif answer is not None:
                learnt[fact] = answer
        return learnt
