"""Rows that count or not by what others say, too many to be asked about at once -> the groups of those that count.

A page of these rows is read by its keys, facts are asked of the page's people alone, and the department counts those of
the page for which they hold; so no statement binds more than a page, and no set of another department is carried over.
Where a file counts only if some fact of another department holds, and that holds for not too many, its set is gone
through instead, and the files that it leads to are the pages: few of a million children are not looked for one by one.

Guarantee: pages have no row in common, so that no child is counted twice, and together they are all rows in doubt.
What is kept at once is a page, the groups, and the register numbers of the set if there is one (``MOST`` at most).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

from connectors.source import Fetch, Param, Row
from hub.counting import PERSON, Groups, Part, doubtful_page, keys_in, settled
from hub.errors import RefusalError
from hub.executor import Execution
from hub.files import Files
from hub.knowledge import NO_FILES
from hub.planner.formula import Fact, cover
from hub.registry import NOBODY, REGISTER_SOURCES, Registry, key_columns

PAGE = 5_000
"""Rows of a page: so many keys are bound at most."""
MOST = 100_000
"""Rows of another department that are gone through to find whom they lead to; of more, all rows in doubt are."""


async def in_pages(
    execution: Execution, asked: Groups, given: Mapping[str, Any], unknown: frozenset[Fact]
) -> Sequence[Row]:
    """Groups of those that turn out to count, each once; refused where it takes longer than a count may."""
    pages, found = _Pages(execution=execution, asked=asked, given=given, unknown=unknown), Sums(asked=asked)
    try:
        async with asyncio.timeout(execution.patience):
            async with aclosing(pages.each()) as each:
                async for rows in each:
                    # Of nobody as well: how often departments are asked must not tell whether a page is empty.
                    found.add(await of_page(pages.alone(), asked, given, unknown, rows))
    except TimeoutError:
        raise _too_long(execution.patience or 0.0) from None
    return found.rows()


def _too_long(seconds: float) -> RefusalError:
    return RefusalError(
        "TOO_COMPLEX",
        f"the count rests on more rows of other departments than can be gone through in {seconds:g} s:"
        " ask for one town at a time, with `where.divisionCode`",
        limit="count",
        maximum=seconds,
    )


async def of_page(
    execution: Execution, asked: Groups, given: Mapping[str, Any], unknown: frozenset[Fact], rows: Sequence[Row]
) -> Sequence[Row]:
    """The groups of those doubtful rows that turn out to count."""
    learnt = await _learnt(execution, asked, unknown, rows)
    if len(learnt) < len(unknown):
        raise execution.knowledge.failure(unknown - frozenset(learnt))
    told = {key: value for found in learnt.values() for key, value in found.items()}
    keys = {"doubtful": [row[0] for row in rows] or [NOBODY]}
    statement = settled(asked, given["division_asked"] is not None)
    return await execution.reading.aggregate(statement, {**given, **told, **keys})


async def _learnt(
    execution: Execution, asked: Groups, unknown: frozenset[Fact], rows: Sequence[Row]
) -> Mapping[Fact, Mapping[str, Any]]:
    """What is unknown, of the people of these rows."""
    names = keys_in(asked)
    if asked.relation != "Child":
        people = [tuple(row[names.index(name)] if name in names else None for name in PERSON) for row in rows]
        return await execution.knowledge.of_people(unknown, asked.home, people)
    register, citizen = names.index("_register"), names.index("_citizen")
    accepted = {row[register]: row[citizen] for row in rows if row[-1][citizen] == "c"}
    return await execution.knowledge.of_files(unknown, asked.home, Files(citizen=accepted) or NO_FILES, shown=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Groups of parts of the rows, added up."""

    asked: Groups
    known: dict[str, tuple[Row, Decimal]] = field(default_factory=dict)

    def add(self, rows: Iterable[Row]) -> None:
        """Groups of a part that has no row in common with those before."""
        width = len(self.asked.by) + self.asked.each
        for row in rows:
            keys = row[:width]
            _, before = self.known.get(name := repr(keys), (keys, Decimal(0)))
            self.known[name] = keys, before + Decimal(str(row[width]))

    def rows(self) -> list[Row]:
        """(keys, value), each group once."""
        counts = self.asked.total is None
        return [(*keys, int(value) if counts else str(value)) for keys, value in self.known.values()]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pages:
    """Rows that count or not by what is unknown, a page at a time."""

    execution: Execution
    asked: Groups
    given: Mapping[str, Any]
    unknown: frozenset[Fact]

    async def each(self) -> AsyncGenerator[Sequence[Row]]:
        """Every such row in one of the pages."""
        rows = await self._page("first", {})
        files = await self._led_to() if len(rows) == PAGE and self.asked.relation == "Child" else None
        if files is not None:
            for start in range(0, len(files), PAGE):
                yield await self._page("among", {"among": files[start : start + PAGE]})
            return
        yield rows
        while len(rows) == PAGE:
            rows = await self._page("after", {"afterKey": rows[-1][0]})
            yield rows

    def alone(self) -> Execution:
        """For one page: what is learnt of it is forgotten after it."""
        reading = self.execution.reading
        registry = Registry(reading=reading, set_limit=self.execution.registry.set_limit)
        return Execution(reading=reading, registry=registry, years_ago=self.execution.years_ago)

    async def _page(self, part: Part, where: Mapping[str, Any]) -> Sequence[Row]:
        statement = doubtful_page(self.asked, self.unknown, self.given["division_asked"] is not None, part)
        return await self.execution.reading.fetch(statement, {**self.given, **where, "limit": PAGE})

    async def _led_to(self) -> list[str] | None:
        """Files without which no row counts, by their numbers; None: they are too many to be told, or any may count."""
        facts = cover(self.asked.rows, self.asked.home)
        if facts is None:
            return None
        found, left = set[str](), MOST
        for fact in sorted(facts, key=lambda fact: fact.name):
            rows = await self._holders(fact, None)
            while rows:
                left -= len(rows)
                if left < 0:
                    return None
                found.update(await self._files_of(fact, rows))
                rows = await self._holders(fact, rows[-1][0]) if len(rows) == PAGE else ()
        return sorted(found)

    async def _holders(self, fact: Fact, after: str | None) -> Sequence[Row]:
        where = {} if after is None else {"afterKey": after}
        return await self.execution.reading.fetch(_holding(fact, after is not None), {**where, "limit": PAGE})

    async def _files_of(self, fact: Fact, rows: Sequence[Row]) -> Iterable[str]:
        """Accepted open files to which the rows belong."""
        if fact.source in REGISTER_SOURCES:
            return {row[1] for row in rows if row[1] is not None}
        return (await self.execution.registry.files_of(fact.source, {(row[1], row[2]) for row in rows})).citizen


@lru_cache(maxsize=512)
def _holding(fact: Fact, after: bool) -> Fetch:
    """A page of the rows by which the fact holds, in the order of their keys; a source knows it by the very object."""
    of_files = fact.source in REGISTER_SOURCES
    return Fetch(
        source=fact.source,
        relation=fact.relation,
        columns=key_columns("_key", "_register") if of_files else key_columns("_key", "_person", "_citizen"),
        where=fact.where,
        limit=Param("limit"),
        after=(Param("afterKey"),) if after else (),
    )
