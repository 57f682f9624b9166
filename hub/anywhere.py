"""Facts of children -> those for whom they hold, whoever that is, as parameters that a source can test.

The facts of one relation are one statement, and of all the people that a source names the links are one. A register
file is found by the numbers themselves (``by_number``), so that of thousands of people only the page's files are read.
Guarantee: who is found is who ``Registry`` finds of the same people: by a number that one accepted open file alone
carries, or by a link that is confirmed for one such file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from connectors.source import Column, Fetch, Param, Row, SourceError
from hub.planner.formula import Fact, some
from hub.registry import (
    LINKS_OF_PERSONS,
    REGISTER_SOURCES,
    Files,
    Linked,
    Registry,
    distinct,
    gather_by,
    key_columns,
    owners_of,
    told,
)

Answer: TypeAlias = Mapping[str, Any] | BaseException | None
"""Parameters; None: it holds for too many; or why it is not known."""
People: TypeAlias = Mapping[Fact, Collection[Row]]
"""Fact -> rows of those for whom it holds: register number, or person number and citizen id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The source in which membership is tested; ``by_number``: on register files, by the numbers of people."""

    name: str
    by_number: bool


async def held_anywhere(
    registry: Registry, wanted: Collection[Fact], home: Home, exact: frozenset[Fact]
) -> dict[Fact, Answer]:
    """Fact (of a child, case or person) -> its parameters; ``exact``: for these too many is no answer but a failure."""

    async def ask(fact: Fact) -> Mapping[str, Any] | None:
        keys = await registry.keys_holding(fact, None)
        return None if keys is None else {f"{fact.name}.{fact.via}": sorted(keys)}

    of_rows, of_children = await asyncio.gather(
        gather_by([fact for fact in wanted if fact.via != "child"], ask),
        members_anywhere(registry, [fact for fact in wanted if fact.via == "child"], home),
    )
    for fact, answer in of_children.items():
        if answer is None and fact in exact:
            of_children[fact] = SourceError(fact.source, "overloaded")
    return {**of_rows, **of_children}


async def members_anywhere(registry: Registry, facts: Iterable[Fact], home: Home) -> dict[Fact, Answer]:
    """For each fact the parameters by which ``home`` tests whether a child is among those for whom it holds."""
    by_source: dict[str, list[Fact]] = {}
    for fact in facts:
        by_source.setdefault(fact.source, []).append(fact)
    found: dict[Fact, Answer] = {}
    for answers in await asyncio.gather(*(_of_source(registry, group, home) for group in by_source.values())):
        found |= answers
    return found


async def _of_source(registry: Registry, facts: list[Fact], home: Home) -> dict[Fact, Answer]:
    by_relation: dict[str, list[Fact]] = {}
    for fact in facts:
        by_relation.setdefault(fact.relation, []).append(fact)
    found: dict[Fact, Answer] = dict.fromkeys(facts)
    people: dict[Fact, Collection[Row]] = {}
    groups = [tuple(sorted(group, key=lambda fact: fact.name)) for group in by_relation.values()]
    asked = await asyncio.gather(*(_holding(registry, group) for group in groups), return_exceptions=True)
    for group, answer in zip(groups, asked, strict=True):
        if isinstance(answer, BaseException):
            found |= dict.fromkeys(group, answer)
        else:
            people |= answer
    try:
        return {**found, **await _members(registry, people, home)} if people else found
    except SourceError as error:
        return {**found, **dict.fromkeys(people, error)}


async def _holding(registry: Registry, facts: tuple[Fact, ...]) -> People:
    """Whom the facts of one relation hold for; those that hold for too many are left out."""
    rows = await registry.reading.fetch(_anywhere(facts), {"set_limit": registry.set_limit + 1})
    if len(facts) == 1:
        return {facts[0]: rows} if len(rows) <= registry.set_limit else {}
    if len(rows) <= registry.set_limit:
        people: dict[Fact, list[Row]] = {fact: [] for fact in facts}
        for row in rows:
            for fact in told(facts, row):
                people[fact].append(row)
        return people
    # Too many together may be few of each.
    apart = await asyncio.gather(*(_holding(registry, (fact,)) for fact in facts))
    return {fact: rows for each in apart for fact, rows in each.items()}


async def _members(registry: Registry, people: People, home: Home) -> dict[Fact, Answer]:
    """Parameters of the facts of one source."""
    source = next(iter(people)).source
    if source in REGISTER_SOURCES:
        registers = {fact: frozenset(row[0] for row in rows if row[0] is not None) for fact, rows in people.items()}
        return {fact: await _member(registry, fact, found, home, None) for fact, found in registers.items()}
    persons = sorted({row[0] for rows in people.values() for row in rows if row[0] is not None})
    links = await registry.reading.fetch(LINKS_OF_PERSONS, {"source": source, "persons": persons})
    linked = [link[2] for link in links]
    if home.by_number:
        owners = owners_of(links, await registry.files(linked))
        return {fact: _numbered(fact, rows, owners) for fact, rows in people.items()}
    files = await registry.files(linked, {row[1] for rows in people.values() for row in rows if row[1] is not None})
    owners = owners_of(links, files)
    of_number = {number: register for register, number in files.citizen.items() if number is not None}
    members: dict[Fact, Answer] = {}
    for fact, rows in people.items():
        registers_ = {owners.get((source, row[0])) for row in rows} | {of_number.get(row[1]) for row in rows}
        members[fact] = await _member(registry, fact, frozenset(registers_ - {None}), home, files)  # type: ignore[arg-type]
    return members


async def _member(
    registry: Registry, fact: Fact, registers: frozenset[str], home: Home, files: Files | None
) -> Mapping[str, Any]:
    if home.by_number:
        return {f"{fact.name}.register": sorted(registers), f"{fact.name}.number": []}
    return await registry.membership(fact, registers, home.name, files)


def _numbered(fact: Fact, rows: Collection[Row], owners: Mapping[Linked, str]) -> Mapping[str, Any]:
    registers = {owners.get((fact.source, row[0])) for row in rows} - {None} if owners else set()
    numbers = {row[1] for row in rows} - {None}
    return {f"{fact.name}.register": sorted(registers), f"{fact.name}.number": sorted(numbers)}


@lru_cache(maxsize=512)
def _anywhere(facts: tuple[Fact, ...]) -> Fetch:
    """Whom the facts of one relation hold for, whoever that is; which of several does, a state for each tells."""
    columns = key_columns("_register") if facts[0].source in REGISTER_SOURCES else key_columns("_person", "_citizen")
    if len(facts) > 1:
        columns += tuple(Column(name=columns[0].name, clear=fact.where) for fact in facts)
    return distinct(facts[0], columns, some(fact.where for fact in facts), Param("set_limit"))
