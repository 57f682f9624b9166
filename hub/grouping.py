"""Groups of a relation's rows -> each group and its measure, by the facts of other departments.

Guarantee: most files count whatever other departments say (their child is under 16), so facts are asked of those alone
whose rows rest on them; of any other row the answer is the same without them. A department that does not answer is an
``OutageError``, never a group that is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from connectors.source import (
    Aggregate,
    All,
    Bucket,
    Column,
    Compare,
    Exists,
    Fetch,
    Param,
    Predicate,
    Row,
    SourceError,
)
from hub.errors import OutageError
from hub.executor import Execution
from hub.files import Files
from hub.planner.facts import ACCEPTED_FILE, of_its_report
from hub.planner.formula import Fact, Formula, every, facts, local_fact, member, primary_facts, render, untrue
from hub.planner.relations import HOME, keys_of
from hub.planner.scopes import CIVIL_TYPES
from hub.registry import NOBODY
from schema.catalogue import CATALOGUE

DIVISION = "divisionCode"
PERSON = ("_register", "_person", "_citizen", "_case")
UNDECIDED = 5_000
"""People whose rows are undecided, of whom facts are asked one by one; with more, they are asked of everybody."""
WIDTHS = {"DivisionCode": "town", "Date": "quarter", "DateTime": "quarter"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Rows of a relation to be grouped: ``each``, one group a child besides."""

    relation: str
    by: tuple[str, ...]
    total: str | None
    rows: Formula
    each: bool = False


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
    """The groups, or None where it is not files that are counted; with too many undecided, all are asked for."""
    home, divided = HOME[asked.relation], asking["division_asked"] is not None
    wanted, first = _remote(asked), primary_facts(asked.rows, home)
    rest = wanted - first
    if asked.relation != "Child" or not rest or any(fact.via != "child" for fact in rest):
        return None
    known = dict(await execution.knowledge.anywhere(first, home, exact=first))
    if len(known) < len(first):
        raise execution.knowledge.failure(first - frozenset(known))
    given = {**asking, **_bindings(known), "limit": UNDECIDED + 1}
    certain = asyncio.create_task(_counted(execution, _certain(asked, rest, divided), given))
    try:
        doubtful = await execution.reading.fetch(_doubtful(asked, rest, divided), given)
        if len(doubtful) > UNDECIDED:
            everyone = await execution.knowledge.anywhere(rest, home, exact=rest)
            return await _whole(execution, asked, asking, {**known, **everyone})
        settled = await _settle(execution, asked, given, doubtful, known)
        return [*await certain, *settled]
    finally:
        certain.cancel()  # what nobody waits for is not counted to its end
        await asyncio.gather(certain, return_exceptions=True)


async def _counted(execution: Execution, asked: Aggregate, given: Mapping[str, Any]) -> Sequence[Row]:
    return await execution.reading.aggregate(asked, given)


async def _settle(
    execution: Execution,
    asked: Groups,
    given: Mapping[str, Any],
    doubtful: Sequence[Row],
    known: Mapping[Fact, Mapping[str, Any]],
) -> Sequence[Row]:
    """The groups of the doubtful files that turn out to count."""
    home, wanted = HOME[asked.relation], _remote(asked)
    files = Files(citizen={row[0]: row[1] for row in doubtful if row[-1][1] == "c"} or {NOBODY: NOBODY})
    learnt = {**known, **await execution.knowledge.of_files(wanted - frozenset(known), home, files, shown=True)}
    if len(learnt) < len(wanted):
        raise execution.knowledge.failure(wanted - frozenset(learnt))
    of_whom = {**_bindings(learnt), "doubtful": [row[0] for row in doubtful] or [NOBODY]}
    settled = _settled(asked, given["division_asked"] is not None)
    return await execution.reading.aggregate(settled, {**given, **of_whom})


def _outage(error: SourceError) -> OutageError:
    return OutageError("SOURCE_UNAVAILABLE", str(error), source=error.source, reason=error.reason)


def _remote(asked: Groups) -> frozenset[Fact]:
    return frozenset(fact for fact in facts(asked.rows) if fact.source != HOME[asked.relation])


async def groups(execution: Execution, asked: Groups, *, division: str | None = None) -> Sequence[Row]:
    """The department's groups, by the facts of other departments; an ``OutageError`` if one does not answer."""
    wanted, asking = _remote(asked), {"division_asked": division}
    try:
        return await _whole(execution, asked, asking, await _known(execution, asked, wanted, asking))
    except SourceError as error:
        raise _outage(error) from None


async def _whole(
    execution: Execution, asked: Groups, asking: Mapping[str, Any], known: Mapping[Fact, Mapping[str, Any]]
) -> Sequence[Row]:
    """The groups of all rows by what is known, which must be all that they rest on."""
    if lacking := _remote(asked) - frozenset(known):
        raise execution.knowledge.failure(lacking)
    divided = asking["division_asked"] is not None
    return await execution.reading.aggregate(_statement(asked, divided), {**asking, **_bindings(known)})


async def _known(
    execution: Execution, asked: Groups, wanted: frozenset[Fact], asking: Mapping[str, Any]
) -> Mapping[Fact, Mapping[str, Any]]:
    """The facts, as far as they matter: of all children, or only of those whose rows rest on them."""
    home = HOME[asked.relation]
    first = primary_facts(asked.rows, home)
    known = dict(await execution.knowledge.anywhere(first, home, exact=first))
    rest = wanted - first
    if not rest or len(known) < len(first):
        return known
    undecided = _undecided(asked, rest, asking["division_asked"] is not None)
    rows = await execution.reading.fetch(undecided, {**asking, **_bindings(known), "limit": UNDECIDED + 1})
    if len(rows) > UNDECIDED:
        return known | await execution.knowledge.anywhere(rest, home, exact=rest)
    slots = {name: place for place, name in enumerate(undecided.slots)}
    return known | await execution.knowledge.of_people(rest, home, [_person(row, slots) for row in rows])


def _person(row: Row, slots: Mapping[str, int]) -> tuple[Any, ...]:
    return tuple(row[slots[name]] if name in slots else None for name in PERSON)


def _bindings(known: Mapping[Fact, Mapping[str, Any]]) -> dict[str, Any]:
    return {key: value for found in known.values() for key, value in found.items()}


@lru_cache(maxsize=512)
def _statement(asked: Groups, divided: bool) -> Aggregate:
    """Built once: a source knows its statement by the very same object."""
    known = keys_of(asked.relation)
    subject = next(name for name in ("_register", "_person", "_key") if name in known)
    by = tuple(_bucket(asked.relation, coordinate) for coordinate in asked.by)
    return Aggregate(
        source=HOME[asked.relation],
        relation=asked.relation,
        by=(*by, Bucket(column=subject)) if asked.each else by,
        subject=subject,
        total=asked.total,
        where=every((_where(asked, frozenset(), optimistic=False), *_inside_of(asked, divided))),
    )


@lru_cache(maxsize=512)
def _certain(asked: Groups, unknown: frozenset[Fact], divided: bool) -> Aggregate:
    """The files that count whatever is unknown: those that may count, without those that may or may not."""
    possible = _where(asked, unknown, optimistic=True)
    where = every((possible, *_inside_of(asked, divided)))
    return replace(_statement(asked, divided), where=where, apart=_in_doubt(asked, unknown))


@lru_cache(maxsize=512)
def _doubtful(asked: Groups, unknown: frozenset[Fact], divided: bool) -> Fetch:
    """The files that count or not by what is unknown, with the number by which others know them if it was accepted."""
    columns = (Column(name="_register"), Column(name="_citizen", clear=ACCEPTED_FILE.where))
    return replace(_undecided(asked, unknown, divided), columns=columns)


@lru_cache(maxsize=512)
def _settled(asked: Groups, divided: bool) -> Aggregate:
    """Of the doubtful files those that count, all being known."""
    whole = _statement(asked, divided)
    return replace(whole, where=every((Compare("_register", "in", Param("doubtful")), whole.where)))


@lru_cache(maxsize=512)
def _undecided(asked: Groups, unknown: frozenset[Fact], divided: bool) -> Fetch:
    """Whose rows count or not by what is unknown."""
    possible = _where(asked, unknown, optimistic=True)
    return Fetch(
        source=HOME[asked.relation],
        relation=asked.relation,
        columns=tuple(Column(name=name) for name in keys_of(asked.relation) if name in PERSON),
        where=every((possible, _in_doubt(asked, unknown), *_inside_of(asked, divided))),
        limit=Param("limit"),
        distinct=True,
    )


def _in_doubt(asked: Groups, unknown: frozenset[Fact]) -> Predicate:
    """Of what may count: it is not sure to."""
    possible, certain = (_parts(_where(asked, unknown, optimistic=optimistic)) for optimistic in (True, False))
    # What holds of all that may count is not asked again: what is left to fail may be found by an index.
    return untrue(every(part for part in certain if part not in possible))


def _parts(predicate: Predicate) -> tuple[Predicate, ...]:
    return predicate.parts if isinstance(predicate, All) else (predicate,)


def _where(asked: Groups, unknown: frozenset[Fact], *, optimistic: bool) -> Predicate:
    home = HOME[asked.relation]

    def known(fact: Fact) -> Predicate | None:
        if fact.source == home:
            return local_fact(fact, asked.relation)
        return None if fact in unknown else member(fact, home)

    return render(asked.rows, asked.relation, home, known, optimistic=optimistic)


def _inside_of(asked: Groups, divided: bool) -> tuple[Predicate, ...]:
    return (_in_division(asked.relation),) if divided else ()


def _in_division(relation: str) -> Predicate:
    inside = Compare("divisionCode", "under", Param("division_asked"))
    if f"{relation}.{DIVISION}" in CATALOGUE:
        return inside
    return of_its_report(inside) if relation == "Incident" else Exists("Child", (("_register", "_register"),), inside)


def placed(relation: str) -> bool:
    """Whether the department that keeps the rows knows in which division they are."""
    return relation in (*CIVIL_TYPES, "Incident") or f"{relation}.{DIVISION}" in CATALOGUE


def _bucket(relation: str, coordinate: str) -> Bucket:
    type_name, _, column = coordinate.partition(".")
    width = "age_band" if coordinate == "Child.birthDate" else WIDTHS.get(CATALOGUE[coordinate].inner)
    if type_name == relation:
        return Bucket(column=column, width=width)
    return Bucket(column=column, width=width, relation=type_name, on=(("_register", "_register"),))
