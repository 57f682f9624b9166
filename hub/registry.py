"""Rows of any source -> the children's files, and facts about children -> membership that another source can test.

The register file is the root of a child. A row of another source belongs to a file by the citizen id as last accepted
(unless two open files carry it), or by a confirmed link of the row's person (unless it is confirmed for two of them).
Keys alone pass between sources. How often a source is asked does not depend on what is found: who measures answers
would learn whether there is a row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.source import ALWAYS, Column, Compare, Constant, Exists, Fetch, Param, Predicate, Row, Some
from hub.planner.formula import Fact, every
from hub.sources import Reading

REGISTER_SOURCES = ("civil_affairs", "hub")
Person = tuple[str | None, str | None]
"""(person number in its source, citizen id) of a row."""
Linked = tuple[str, str]
"""(source, person number) of a link."""

_ACCEPTED = every((Compare("_open", "eq", Constant(True)), Compare("_accepted", "eq", Constant(True))))


def _keys(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name=name) for name in names)


_FILES = Fetch(
    source="civil_affairs",
    relation="Child",
    columns=_keys("_register", "_citizen"),
    where=every(
        (
            _ACCEPTED,
            Some((Compare("_register", "in", Param("registers")), Compare("_citizen", "in", Param("citizens")))),
        )
    ),
)
_CONFIRMED = Compare("_status", "eq", Constant("CONFIRMED"))


def _links(which: Predicate) -> Fetch:
    return Fetch(
        source="hub",
        relation="Link",
        columns=_keys("_source", "_person", "_register"),
        where=every((_CONFIRMED, which)),
    )


_SAME_PERSON = (("_source", "_source"), ("_person", "_person"))
_OF_FILES = every((_CONFIRMED, Compare("_register", "in", Param("registers"))))
_LINKS_OF_FILES = _links(Exists("Link", _SAME_PERSON, _OF_FILES))
"""All links of people who have one to these files: with another open file behind one of them, it joins nothing."""
_LINKS_OF_PERSONS = _links(
    every((Compare("_source", "eq", Param("source")), Compare("_person", "in", Param("persons"))))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Accepted open files: register number -> citizen id by which other sources join (None: by links alone)."""

    citizen: Mapping[str, str | None]

    def __bool__(self) -> bool:
        return bool(self.citizen)


@dataclass(slots=True, kw_only=True)
class Registry:
    """What one batch has learnt of files, links and facts."""

    reading: Reading
    set_limit: int
    links: dict[frozenset[str], asyncio.Future[Mapping[Linked, str]]] = field(default_factory=dict)

    async def files(self, registers: Iterable[str], citizens: Iterable[str] = ()) -> Files:
        """Accepted open files of these register numbers or citizen ids."""
        asked = {"registers": sorted(set(registers)), "citizens": sorted(set(citizens))}
        return Files(citizen=dict(await self.reading.fetch(_FILES, asked)))  # type: ignore[arg-type]

    async def persons(self, source: str, registers: Iterable[str]) -> Mapping[str, str]:
        """Person number in the source -> register number, by confirmed links to those of the files that are open."""
        if source in REGISTER_SOURCES:
            return {}
        wanted = frozenset(registers)
        if wanted not in self.links:
            # Facts are asked at once, and each wants the same links: the first asks for all of them.
            self.links[wanted] = asyncio.ensure_future(self._linked(wanted))
        owners = await self.links[wanted]
        return {person: register for (of, person), register in owners.items() if of == source}

    async def _linked(self, registers: frozenset[str]) -> Mapping[Linked, str]:
        links = await self.reading.fetch(_LINKS_OF_FILES, {"registers": sorted(registers)})
        owners = _owners(links, await self.files(link[2] for link in links))
        return {person: register for person, register in owners.items() if register in registers}

    async def files_of(self, source: str, people: Collection[Person]) -> Files:
        """Accepted open files to which rows of these people belong."""
        numbers = sorted({person for person, _ in people if person is not None})
        citizens = {citizen for _, citizen in people if citizen is not None}
        links = await self.reading.fetch(_LINKS_OF_PERSONS, {"source": source, "persons": numbers})
        files = await self.files((link[2] for link in links), citizens)
        linked = set(_owners(links, files).values())
        return Files(
            citizen={key: number for key, number in files.citizen.items() if key in linked or number in citizens}
        )

    async def holding(self, fact: Fact, files: Files | None) -> frozenset[str] | None:
        """Register numbers for which the fact holds, among ``files`` or anywhere; None if there are too many."""
        if fact.source in REGISTER_SOURCES:
            return await self._holding_by_register(fact, files)
        columns = _keys("_person", "_citizen")
        limit = Param("set_limit") if files is None else None
        where = fact.where
        bindings: dict[str, Any] = {"set_limit": self.set_limit + 1}
        if files is not None:
            persons = await self.persons(fact.source, files.citizen)
            where = every((where, *of_people()))
            bindings |= people_bindings(files.citizen.values(), persons)
        found = await self.reading.fetch(_distinct(fact, columns, where, limit), bindings)
        if files is None:
            if len(found) > self.set_limit:
                return None
            return frozenset((await self.files_of(fact.source, [(row[0], row[1]) for row in found])).citizen)
        registers = {citizen: register for register, citizen in files.citizen.items() if citizen is not None}
        hit = {registers.get(row[1]) for row in found} | {persons.get(row[0]) for row in found}
        return frozenset(register for register in hit if register is not None)

    async def _holding_by_register(self, fact: Fact, files: Files | None) -> frozenset[str] | None:
        limit = Param("set_limit") if files is None else None
        where = fact.where
        bindings: dict[str, Any] = {"set_limit": self.set_limit + 1}
        if files is not None:
            where = every((where, Compare("_register", "in", Param("registers"))))
            bindings["registers"] = sorted(files.citizen)
        found = await self.reading.fetch(_distinct(fact, _keys("_register"), where, limit), bindings)
        if files is None and len(found) > self.set_limit:
            return None
        return frozenset(row[0] for row in found if row[0] is not None)

    async def keys_holding(self, fact: Fact, keys: Collection[str] | None) -> frozenset[str] | None:
        """Keys of a case or a person for which the fact holds, among ``keys`` or anywhere; None: too many."""
        column = f"_{fact.via}"
        where = fact.where
        bindings: dict[str, Any] = {"set_limit": self.set_limit + 1}
        if keys is not None:
            where = every((where, Compare(column, "in", Param("asked"))))
            bindings["asked"] = sorted(keys)
        limit = None if keys is not None else Param("set_limit")
        found = await self.reading.fetch(_distinct(fact, _keys(column), where, limit), bindings)
        if keys is None and len(found) > self.set_limit:
            return None
        return frozenset(row[0] for row in found if row[0] is not None)

    async def membership(self, fact: Fact, registers: frozenset[str], home: str, files: Files | None) -> dict[str, Any]:
        """The parameters by which ``home`` tests that a row's child is among ``registers``."""
        if home in REGISTER_SOURCES:
            return {f"{fact.name}.register": sorted(registers)}
        known = files if files is not None else await self.files(registers)
        citizens = sorted(citizen for register in registers if (citizen := known.citizen.get(register)) is not None)
        persons = await self.persons(home, known.citizen)
        linked = sorted(person for person, register in persons.items() if register in registers)
        return {f"{fact.name}.citizen": citizens, f"{fact.name}.person": linked}


def _owners(links: Sequence[Row], files: Files) -> Mapping[Linked, str]:
    """(source, person) -> the one open file for which the person is confirmed; with two it belongs to neither."""
    found: dict[Linked, set[str]] = {}
    for source, person, register in links:
        if register in files.citizen:
            found.setdefault((source, person), set()).add(register)
    return {person: register for person, (register, *others) in found.items() if not others}


def of_people() -> tuple[Predicate]:
    """Rows of the people bound as ``people.citizen`` and ``people.person``."""
    by_number = Compare("_citizen", "in", Param("people.citizen"))
    return (Some((by_number, Compare("_person", "in", Param("people.person")))),)


def people_bindings(citizens: Iterable[str | None], persons: Iterable[str]) -> dict[str, Any]:
    """Parameters of ``of_people``."""
    numbers = sorted({citizen for citizen in citizens if citizen is not None})
    return {"people.citizen": numbers, "people.person": sorted(persons)}


def _distinct(fact: Fact, columns: tuple[Column, ...], where: Predicate, limit: Param | None) -> Fetch:
    return Fetch(
        source=fact.source,
        relation=fact.relation,
        columns=columns,
        where=where if where is not None else ALWAYS,
        limit=limit,
        distinct=True,
    )


async def gather_by(keys: Iterable[Any], ask: Any) -> dict[Any, Any]:
    """``{key: await ask(key)}``, all at once; an exception stands as the value."""
    asked = list(keys)
    answers = await asyncio.gather(*(ask(key) for key in asked), return_exceptions=True)
    return dict(zip(asked, answers, strict=True))
