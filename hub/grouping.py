"""Groups of a relation's rows -> each group and its measure, by the facts of other departments.

Guarantee: most files count whatever other departments say (their child is under 16), so facts are asked of those alone
whose rows rest on them; of any other row the answer is the same without them. Where these are too many to be asked
about at once they are gone through in pages (``hub/paged.py``), and every child is counted once. A department that
does not answer is an ``OutageError``, never a group that is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from connectors.source import NEVER, Aggregate, Row, SourceError
from hub.anywhere import hold_for_few
from hub.counting import PERSON, Groups, certain, doubtful, undecided, whole
from hub.errors import OutageError
from hub.executor import Execution
from hub.knowledge import Knowledge
from hub.paged import Sums, in_pages, of_page
from hub.planner.formula import Fact, primary_facts

UNDECIDED = 5_000
"""People whose rows are undecided, of whom facts are asked at once; of more, page by page, unless sets are few."""
FEW = 5_000
"""Children for whom a fact holds, so few that all of them are named in a statement about every row that is counted."""


async def tallied(execution: Execution, asked: Groups, *, division: str | None = None) -> Sequence[Row]:
    """Groups of rows that are counted, (keys, number); of files the doubtful alone are read with what others say.

    A group may stand twice: with the rows that count whatever other departments say, and with those that turned out to.
    """
    try:
        found = await _apart(execution, asked, {"division_asked": division})
    except SourceError as error:
        raise _outage(error) from None
    return await groups(execution, asked, division=division) if found is None else found


async def _apart(execution: Execution, asked: Groups, asking: Mapping[str, Any]) -> Sequence[Row] | None:
    """The groups, or None where it is not files that are counted."""
    home, divided = asked.home, asking["division_asked"] is not None
    wanted, first = asked.remote, primary_facts(asked.rows, home)
    rest = wanted - first
    if asked.relation != "Child" or not rest or any(fact.via != "child" for fact in rest):
        return None
    known = await _anywhere(execution.knowledge, first, home)
    given = {**asking, **_bindings(known)}
    if len(known) < len(first):
        return await _all_in_pages(execution, asked, given, wanted.difference(known))
    async with _beside(_counted(execution, certain(asked, rest, divided), given)) as sure:
        rows = await execution.reading.fetch(doubtful(asked, rest, divided), {**given, "limit": UNDECIDED + 1})
        if len(rows) <= UNDECIDED:
            settled = await of_page(execution, asked, given, rest, rows)
        elif (few := await _few(execution, asked, rest)) is not None:
            return await _whole(execution, asked, asking, {**known, **few})
        else:
            settled = await in_pages(execution, asked, given, rest)
        return [*await sure, *settled]


@asynccontextmanager
async def _beside(counting: Coroutine[Any, Any, Sequence[Row]]) -> AsyncIterator[asyncio.Task[Sequence[Row]]]:
    """Counted meanwhile; what nobody waits for is not counted to its end."""
    task = asyncio.create_task(counting)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _counted(execution: Execution, asked: Aggregate, given: Mapping[str, Any]) -> Sequence[Row]:
    return [] if asked.where == NEVER else await execution.reading.aggregate(asked, given)


def _outage(error: SourceError) -> OutageError:
    return OutageError("SOURCE_UNAVAILABLE", str(error), source=error.source, reason=error.reason)


async def groups(execution: Execution, asked: Groups, *, division: str | None = None) -> Sequence[Row]:
    """The department's groups, by the facts of other departments; an ``OutageError`` if one does not answer."""
    asking = {"division_asked": division}
    try:
        first = primary_facts(asked.rows, asked.home)
        known = await _anywhere(execution.knowledge, first, asked.home)
        given, rest = {**asking, **_bindings(known)}, asked.remote.difference(known)
        if rest:
            told = await _rest(execution, asked, given, rest) if len(known) == len(first) else None
            if told is None:
                return await _all_in_pages(execution, asked, given, rest)
            known |= told
        return await _whole(execution, asked, asking, known)
    except SourceError as error:
        raise _outage(error) from None


async def _all_in_pages(
    execution: Execution, asked: Groups, given: Mapping[str, Any], rest: frozenset[Fact]
) -> Sequence[Row]:
    """The groups: rows that count whatever is unknown, and of the others those that turn out to, page by page."""
    divided = given["division_asked"] is not None
    sums = Sums(asked=asked)
    async with _beside(_counted(execution, certain(asked, rest, divided), given)) as sure:
        sums.add(await in_pages(execution, asked, given, rest))
        sums.add(await sure)
    return sums.rows()


async def _whole(
    execution: Execution, asked: Groups, asking: Mapping[str, Any], known: Mapping[Fact, Mapping[str, Any]]
) -> Sequence[Row]:
    """The groups of all rows by what is known, which must be all that they rest on."""
    if lacking := asked.remote - frozenset(known):
        raise execution.knowledge.failure(lacking)
    divided = asking["division_asked"] is not None
    return await execution.reading.aggregate(whole(asked, divided), {**asking, **_bindings(known)})


async def _few(execution: Execution, asked: Groups, rest: frozenset[Fact]) -> Mapping[Fact, Mapping[str, Any]] | None:
    """The facts of everybody, if each holds for few."""
    most = execution.registry.set_limit
    # What is told of each child is of one reading, as long as it can be.
    most = most if asked.each else min(FEW, most)
    if not await hold_for_few(execution.registry, rest, most):
        return None
    # Batches that ask the same at once share what holds for more.
    registry = replace(execution.registry, set_limit=most, shared=None)
    found = await _anywhere(Knowledge(registry=registry), rest, asked.home)
    return found if len(found) == len(rest) else None


async def _anywhere(knowledge: Knowledge, wanted: frozenset[Fact], home: str) -> dict[Fact, Mapping[str, Any]]:
    """For whom the facts hold, whoever that is; those that hold for too many are left out."""
    found = dict(await knowledge.anywhere(wanted, home, exact=frozenset()))
    # Too many to be named is no outage, and an outage is not too many.
    if failed := wanted & knowledge.unknown.keys():
        raise knowledge.failure(failed)
    return found


async def _rest(
    execution: Execution, asked: Groups, given: Mapping[str, Any], rest: frozenset[Fact]
) -> Mapping[Fact, Mapping[str, Any]] | None:
    """The facts, of those whose rows rest on them, or of all children where these are few; None: there are too many."""
    statement = undecided(asked, rest, given["division_asked"] is not None)
    rows = await execution.reading.fetch(statement, {**given, "limit": UNDECIDED + 1})
    if len(rows) > UNDECIDED:
        return await _few(execution, asked, rest)
    slots = {name: place for place, name in enumerate(statement.slots)}
    people = [tuple(row[slots[name]] if name in slots else None for name in PERSON) for row in rows]
    return await execution.knowledge.of_people(rest, asked.home, people)


def _bindings(known: Mapping[Fact, Mapping[str, Any]]) -> dict[str, Any]:
    return {key: value for found in known.values() for key, value in found.items()}
