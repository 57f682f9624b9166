"""Facts of children -> those for whom they hold, whoever that is, as parameters that a source can test.

The facts of one relation are one statement, and of all the people that a source names the links are one. A register
file is found by the numbers themselves (``by_number``), so that of thousands of people only the page's files are read.
Guarantee: who is found is who ``Registry`` finds of the same people: by a number that one accepted open file alone
carries, or by a link that is confirmed for one such file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

from connectors.source import ALWAYS, Column, Fetch, Param, Row, SourceError
from hub.files import Files, Holders
from hub.planner.formula import Fact, some
from hub.registry import (
    LINKS_OF_PERSONS,
    REGISTER_SOURCES,
    Registry,
    distinct,
    facts_told,
    gather_by,
    key_columns,
    owners_of,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Everyone:
    """What the facts of one source came to: the parameters of each, and for whom it holds."""

    answers: Mapping[Fact, Answer]
    holders: Mapping[Fact, Holders] = field(default_factory=dict)


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


async def hold_for_few(registry: Registry, facts: Iterable[Fact], most: int) -> bool:
    """Whether none of a child's facts holds for more, with those of its relation; one after another, until one does."""
    by_relation: dict[tuple[str, str], list[Fact]] = {}
    # What holds for whoever has a row holds for most, so it is asked first, and mostly alone.
    for fact in sorted(facts, key=lambda fact: (fact.where != ALWAYS, fact.name)):
        if fact.via == "child":
            by_relation.setdefault((fact.source, fact.relation), []).append(fact)
    for group in by_relation.values():
        if len(await registry.reading.fetch(_anywhere(tuple(group)), {"set_limit": most + 1})) > most:
            return False
    return True


async def members_anywhere(registry: Registry, facts: Iterable[Fact], home: Home) -> dict[Fact, Answer]:
    """For each fact the parameters by which ``home`` tests whether a child is among those for whom it holds."""
    by_source: dict[str, list[Fact]] = {}
    for fact in facts:
        by_source.setdefault(fact.source, []).append(fact)
    found: dict[Fact, Answer] = {}
    for everyone in await asyncio.gather(*(_asked(registry, group, home) for group in by_source.values())):
        found |= everyone.answers
        registry.everyone |= everyone.holders
    return found


async def _asked(registry: Registry, facts: list[Fact], home: Home) -> Everyone:
    """As ``_of_source``; batches of one principal that ask the same at once ask once."""
    ordered = tuple(sorted(facts, key=lambda fact: fact.name))
    if registry.shared is None:
        return await _of_source(registry, ordered, home)
    return await registry.shared.ask((ordered, home), lambda: _of_source(registry, ordered, home))


async def _of_source(registry: Registry, facts: tuple[Fact, ...], home: Home) -> Everyone:
    by_relation: dict[str, list[Fact]] = {}
    for fact in facts:
        by_relation.setdefault(fact.relation, []).append(fact)
    found: dict[Fact, Answer] = dict.fromkeys(facts)
    people: dict[Fact, Collection[Row]] = {}
    asked = await asyncio.gather(
        *(_holding(registry, tuple(group)) for group in by_relation.values()), return_exceptions=True
    )
    for group, answer in zip(by_relation.values(), asked, strict=True):
        if isinstance(answer, BaseException):
            found |= dict.fromkeys(group, answer)
        else:
            people |= answer
    if not people:
        return Everyone(answers=found)
    try:
        told = await _members(registry, people, home)
    except SourceError as error:
        return Everyone(answers={**found, **dict.fromkeys(people, error)})
    return Everyone(answers={**found, **told.answers}, holders=told.holders)


async def _holding(registry: Registry, facts: tuple[Fact, ...]) -> People:
    """Whom the facts of one relation hold for; those that hold for too many are left out."""
    rows = await registry.reading.fetch(_anywhere(facts), {"set_limit": registry.set_limit + 1})
    if len(facts) == 1:
        return {facts[0]: rows} if len(rows) <= registry.set_limit else {}
    if len(rows) <= registry.set_limit:
        people: dict[Fact, list[Row]] = {fact: [] for fact in facts}
        for row in rows:
            for fact in facts_told(facts, row):
                people[fact].append(row)
        return people
    # Too many together may be few of each.
    apart = await asyncio.gather(*(_holding(registry, (fact,)) for fact in facts))
    return {fact: rows for each in apart for fact, rows in each.items()}


async def _members(registry: Registry, people: People, home: Home) -> Everyone:
    """Parameters of the facts of one source."""
    source = next(iter(people)).source
    if source in REGISTER_SOURCES:
        named = {fact: frozenset(row[0] for row in rows if row[0] is not None) for fact, rows in people.items()}
        return await _told(registry, {fact: Holders(registers=found) for fact, found in named.items()}, None, home)
    persons = sorted({row[0] for rows in people.values() for row in rows if row[0] is not None})
    links = await registry.reading.fetch(LINKS_OF_PERSONS, {"source": source, "persons": persons})
    numbers = {fact: frozenset(row[1] for row in rows if row[1] is not None) for fact, rows in people.items()}
    asked = () if home.by_number else frozenset[str]().union(*numbers.values())
    files = await registry.files((link[2] for link in links), asked)
    owners = owners_of(links, files)
    holders: dict[Fact, Holders] = {}
    for fact, rows in people.items():
        linked = {owners[source, row[0]] for row in rows if (source, row[0]) in owners} if owners else ()
        holders[fact] = Holders(registers=frozenset(linked), numbers=numbers[fact])
    return await _told(registry, holders, files, home)


async def _told(registry: Registry, holders: Mapping[Fact, Holders], files: Files | None, home: Home) -> Everyone:
    """``files``: those that may belong to people for whom a fact holds, if they were asked for."""
    answers: dict[Fact, Answer] = {}
    for fact, of in holders.items():
        if home.by_number:
            answers[fact] = {f"{fact.name}.register": sorted(of.registers), f"{fact.name}.number": sorted(of.numbers)}
        else:
            registers = of.registers if files is None else of.among(files)
            answers[fact] = await registry.membership(fact, registers, home.name, files)
    return Everyone(answers=answers, holders=holders)


@lru_cache(maxsize=512)
def _anywhere(facts: tuple[Fact, ...]) -> Fetch:
    """Whom the facts of one relation hold for, whoever that is; which of several does, a state for each tells."""
    columns = key_columns("_register") if facts[0].source in REGISTER_SOURCES else key_columns("_person", "_citizen")
    if len(facts) > 1:
        columns += tuple(Column(name=columns[0].name, clear=fact.where) for fact in facts)
    return distinct(facts[0], columns, some(fact.where for fact in facts), Param("set_limit"))
