"""Rows of any source -> the children's files, and facts about children -> membership that another source can test.

The register file is the root of a child. A row of another source belongs to a file by the citizen id as last accepted
(unless two open files carry it), or by a confirmed link of the row's person (unless it is confirmed for two of them).
Keys alone pass between sources. How often a source is asked does not depend on what is found: who measures answers
would learn whether there is a row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from connectors.source import ALWAYS, Column, Compare, Constant, Exists, Fetch, Param, Predicate, Row, Some
from hub.files import Files, Holders
from hub.planner.formula import ACCEPTED, Fact, every, some
from hub.shared import Shared
from hub.sources import Reading

T = TypeVar("T")
REGISTER_SOURCES = ("civil_affairs", "hub")
MANY = 256
"""Citizen ids from which on files are asked for by number and by register apart: a page rests on fewer."""
NOBODY = "-"
"""A key that no row has: in place of an undecided row where there is none."""
Person = tuple[str | None, str | None]
"""(person number in its source, citizen id) of a row."""
Linked = tuple[str, str]
"""(source, person number) of a link."""


def key_columns(*names: str) -> tuple[Column, ...]:
    """Columns that are given as they are."""
    return tuple(Column(name=name) for name in names)


_IS_ONE = Compare("_register", "in", Param("registers"))
_HAS_NUMBER = Compare("_citizen", "in", Param("citizens"))


def _files(which: Predicate) -> Fetch:
    return Fetch(
        source="civil_affairs",
        relation="Child",
        columns=key_columns("_register", "_citizen"),
        where=every((ACCEPTED, which)),
    )


_FILES = _files(Some((_IS_ONE, _HAS_NUMBER)))
_FILES_BY_REGISTER, _FILES_BY_NUMBER = _files(_IS_ONE), _files(_HAS_NUMBER)
_CONFIRMED = Compare("_status", "eq", Constant("CONFIRMED"))


def _links(which: Predicate) -> Fetch:
    return Fetch(
        source="hub",
        relation="Link",
        columns=key_columns("_source", "_person", "_register"),
        where=every((_CONFIRMED, which)),
    )


_SAME_PERSON = (("_source", "_source"), ("_person", "_person"))
_OF_FILES = every((_CONFIRMED, Compare("_register", "in", Param("registers"))))
_LINKS_OF_FILES = _links(Exists("Link", _SAME_PERSON, _OF_FILES))
"""All links of people who have one to these files: with another open file behind one of them, it joins nothing."""
LINKS_OF_PERSONS = _links(
    every((Compare("_source", "eq", Param("source")), Compare("_person", "in", Param("persons"))))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesAsked:
    """A question of some files, and what is found: facts -> those of the files for which they hold."""

    of_whom: frozenset[tuple[str, str | None]]
    found: asyncio.Future[Mapping[Fact, frozenset[str]]]


@dataclass(slots=True, kw_only=True)
class Links:
    """Confirmed links of the people who have one to some files, and whose they are as far as these files go."""

    found: asyncio.Future[Sequence[Row]]
    owners: asyncio.Future[Mapping[Linked, str]] | None = None


@dataclass(slots=True, kw_only=True)
class Registry:
    """What one batch has learnt of files, links and facts; what is known of many files is not asked of few of them."""

    reading: Reading
    set_limit: int
    shared: Shared | None = None
    """What may be asked together with other batches of the principal."""
    links: dict[frozenset[str], Links] = field(default_factory=dict)
    named: Files = field(default_factory=lambda: Files(citizen={}))
    """Files as the ids say that the batch looks up: links of some of them, or of nobody, are asked of all."""
    asked: dict[Fact, list[FilesAsked]] = field(default_factory=dict)
    everyone: dict[Fact, Holders] = field(default_factory=dict)
    """Of facts that were asked over all children, for whom they hold."""

    async def files(self, registers: Iterable[str], citizens: Iterable[str] = ()) -> Files:
        """Accepted open files of these register numbers or citizen ids."""
        asked = {"registers": sorted(set(registers)), "citizens": sorted(set(citizens))}
        if len(asked["citizens"]) < MANY:
            return Files(citizen=dict(await self.reading.fetch(_FILES, asked)))  # type: ignore[arg-type]
        # Of a row that either list may name the database looks through both, one by one: of many numbers, for long.
        fetches = (self.reading.fetch(one, asked) for one in (_FILES_BY_REGISTER, _FILES_BY_NUMBER))
        found = await asyncio.gather(*fetches)
        return Files(citizen={register: number for rows in found for register, number in rows})

    async def persons(self, source: str, registers: Iterable[str], *, shown: bool = False) -> Mapping[str, str]:
        """Person number in the source -> register number, by confirmed links to those of the files that are open.

        ``shown``: the files exist for the caller, so that it may be told from how long it takes whether there are any.
        """
        if source in REGISTER_SOURCES:
            return {}
        wanted = frozenset(registers)
        links = self._links(wanted, shown=shown)
        if shown and not await links.found:
            return {}
        owners = (await self._owners(links)).items()
        return {person: register for (of, person), register in owners if of == source and register in wanted}

    async def _perhaps(self, source: str, registers: Iterable[str]) -> set[str]:
        """People of the source with a link to one of the files: theirs, unless another open file is behind a link."""
        if source in REGISTER_SOURCES:
            return set()
        links = self._links(frozenset(registers))
        found = await links.found
        self._owners(links)
        return {person for of, person, _ in found if of == source}

    def name(self, files: Files) -> None:
        """Says which files the batch looks up, before anything is asked."""
        self.named = files

    def links_ahead(self) -> Awaitable[Any]:
        """Asks for the links of the files that are named before it is sure that they are needed."""
        return asyncio.gather(self._links(frozenset(self.named.citizen)).found, return_exceptions=True)

    def unlinked(self, registers: Iterable[str]) -> bool:
        """Whether it is there already that nobody elsewhere is linked to files that are named; asks nothing."""
        links = self.links.get(frozenset(self.named.citizen))
        if links is None or not links.found.done() or not self.named.citizen.keys() >= set(registers):
            return False
        return not links.found.cancelled() and not links.found.exception() and not links.found.result()

    def want_ahead(self, facts: Iterable[Fact], files: Files) -> Awaitable[Any]:
        """``want`` for files as they are taken to be: asked by another number, a fact is asked again."""
        self.want(facts, files)
        return asyncio.gather(*(told.found for each in self.asked.values() for told in each), return_exceptions=True)

    def _links(self, registers: frozenset[str], *, shown: bool = False) -> Links:
        if self.named and registers and registers - {NOBODY} <= self.named.citizen.keys():
            registers = frozenset(self.named.citizen)
        links = self.links.get(registers)
        if links is None and shown:
            of_more = (known for known, held in self.links.items() if registers <= known and held.found.done())
            links = next((self.links[known] for known in of_more), None)
        if links is None:
            # Facts are asked at once, and each wants the same links: the first asks for all of them.
            asked = {"registers": sorted(registers)}
            links = Links(found=_heard(self.reading.fetch(_LINKS_OF_FILES, asked)))
            self.links[registers] = links
        return links

    def _owners(self, links: Links) -> asyncio.Future[Mapping[Linked, str]]:
        if links.owners is None:
            links.owners = _heard(self._owned(links))
        return links.owners

    async def _owned(self, links: Links) -> Mapping[Linked, str]:
        found = await links.found
        return owners_of(found, await self.files(link[2] for link in found))

    async def files_of(self, source: str, people: Collection[Person]) -> Files:
        """Accepted open files to which rows of these people belong."""
        numbers = sorted({person for person, _ in people if person is not None})
        citizens = {citizen for _, citizen in people if citizen is not None}
        links = await self.reading.fetch(LINKS_OF_PERSONS, {"source": source, "persons": numbers})
        files = await self.files((link[2] for link in links), citizens)
        linked = set(owners_of(links, files).values())
        return Files(
            citizen={key: number for key, number in files.citizen.items() if key in linked or number in citizens}
        )

    def want(self, facts: Iterable[Fact], files: Files, *, shown: bool = False) -> None:
        """Asks facts of children for these files: those of one relation in one statement, none twice in a batch."""
        of_whom = files.numbered
        groups: dict[tuple[str, str], list[Fact]] = {}
        for fact in facts:
            if fact not in self.everyone and self._told(fact, of_whom, shown=shown) is None:
                groups.setdefault((fact.source, fact.relation), []).append(fact)
        for group in groups.values():
            together = tuple(sorted(group, key=lambda fact: fact.name))
            asked = FilesAsked(of_whom=of_whom, found=asyncio.ensure_future(self._among(together, files)))
            for fact in group:
                self.asked.setdefault(fact, []).append(asked)

    def _told(self, fact: Fact, of_whom: frozenset[tuple[str, str | None]], *, shown: bool) -> FilesAsked | None:
        """The question of these files; if they exist for the caller, one of more files that was answered will do.

        Of a file that does not, it would tell whether another question of the request came upon it.
        """
        for told in self.asked.get(fact, ()):
            if (
                of_whom is told.of_whom
                or of_whom == told.of_whom
                or (shown and told.found.done() and of_whom <= told.of_whom)
            ):
                return told
        return None

    def knows(self, fact: Fact, files: Files, *, shown: bool) -> bool:
        """Whether the fact is told of these files, or soon will be, so that it costs nothing more."""
        return fact in self.everyone or self._told(fact, files.numbered, shown=shown) is not None

    async def holding(self, fact: Fact, files: Files, *, shown: bool = False) -> frozenset[str]:
        """Register numbers among ``files`` for which the fact holds; ``shown``: they exist for the caller."""
        if fact in self.everyone:
            return self.everyone[fact].among(files)
        self.want((fact,), files, shown=shown)
        told = self._told(fact, files.numbered, shown=shown)
        assert told is not None
        found = (await told.found)[fact]
        return found if len(told.of_whom) == len(files.citizen) else found.intersection(files.citizen)

    async def _among(self, facts: tuple[Fact, ...], files: Files) -> Mapping[Fact, frozenset[str]]:
        """For each fact (of one relation) the files for which it holds."""
        owned: list[tuple[str | None, ...]]
        source, limit = facts[0].source, {"set_limit": self.set_limit + 1}
        if source in REGISTER_SOURCES:
            rows = await self.reading.fetch(_of_files(facts), {**limit, "registers": files.registers})
            owned = [(row[0],) for row in rows]
        else:
            # Whose the linked people are is found out beside.
            asked = sorted(await self._perhaps(source, files.citizen))
            people = {"people.citizen": list(files.of_number), "people.person": asked}
            rows = await self.reading.fetch(_of_files(facts), {**limit, **people})
            persons = await self.persons(source, files.citizen)
            owned = [(*files.of_number.get(row[1], ()), persons.get(row[0])) for row in rows]
        if len(facts) == 1:  # the rows may be as many as a batch has children
            return {facts[0]: frozenset(owner for owners in owned for owner in owners if owner is not None)}
        hit: dict[Fact, set[str]] = {fact: set() for fact in facts}
        for row, owners in zip(rows, owned, strict=True):
            for fact in facts_told(facts, row):
                hit[fact].update(owner for owner in owners if owner is not None)
        return {fact: frozenset(found) for fact, found in hit.items()}

    async def keys_holding(self, fact: Fact, keys: Collection[str] | None) -> frozenset[str] | None:
        """Keys of a case or a person for which the fact holds, among ``keys`` or anywhere; None: too many."""
        bindings: dict[str, Any] = {"set_limit": self.set_limit + 1}
        if keys is not None:
            bindings["asked"] = sorted(keys)
        found = await self.reading.fetch(_of_keys(fact, keys is not None), bindings)
        if keys is None and len(found) > self.set_limit:
            return None
        return frozenset(row[0] for row in found if row[0] is not None)

    async def membership(
        self, fact: Fact, registers: frozenset[str], home: str, files: Files | None, *, shown: bool = False
    ) -> dict[str, Any]:
        """The parameters by which ``home`` tests that a row's child is one of these; ``shown``: see ``persons``."""
        if home in REGISTER_SOURCES:
            return {f"{fact.name}.register": sorted(registers)}
        known = files if files is not None else await self.files(registers)
        citizens = sorted(citizen for register in registers if (citizen := known.citizen.get(register)) is not None)
        persons = await self.persons(home, known.citizen, shown=shown)
        linked = sorted(person for person, register in persons.items() if register in registers)
        return {f"{fact.name}.citizen": citizens, f"{fact.name}.person": linked}


def owners_of(links: Sequence[Row], files: Files) -> Mapping[Linked, str]:
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


@lru_cache(maxsize=512)
def _of_keys(fact: Fact, among: bool) -> Fetch:
    """Cases or people for which the fact holds, of those asked for or of all; a source knows it by the very object."""
    column = f"_{fact.via}"
    if not among:
        return distinct(fact, key_columns(column), fact.where, Param("set_limit"))
    return distinct(fact, key_columns(column), every((fact.where, Compare(column, "in", Param("asked")))), None)


@lru_cache(maxsize=4_096)
def _of_files(facts: tuple[Fact, ...]) -> Fetch:
    """Whom of certain files the facts hold for; which of several does, a state for each of them tells."""
    source = facts[0].source
    if source in REGISTER_SOURCES:
        columns, of_whom = key_columns("_register"), (Compare("_register", "in", Param("registers")),)
    else:
        columns, of_whom = key_columns("_person", "_citizen"), of_people()  # type: ignore[assignment]
    if len(facts) > 1:
        columns += tuple(Column(name=columns[0].name, clear=fact.where) for fact in facts)
    return distinct(facts[0], columns, every((some(fact.where for fact in facts), *of_whom)), None)


def facts_told(facts: tuple[Fact, ...], row: Row) -> Iterable[Fact]:
    """Which of the facts hold, by the states at the row's end."""
    if len(facts) == 1:
        return facts
    states = str(row[-1])[-len(facts) :]
    return [fact for fact, state in zip(facts, states, strict=True) if state == "c"]


def distinct(fact: Fact, columns: tuple[Column, ...], where: Predicate, limit: Param | None) -> Fetch:
    """Rows of the fact's relation that differ in these columns."""
    return Fetch(
        source=fact.source,
        relation=fact.relation,
        columns=columns,
        where=where if where is not None else ALWAYS,
        limit=limit,
        distinct=True,
    )


def _heard(found: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
    """Done beside; a failure that nobody comes for was told to whoever asked for it in another place."""
    task = asyncio.ensure_future(found)
    task.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    return task


async def gather_by(keys: Iterable[Any], ask: Any) -> dict[Any, Any]:
    """``{key: await ask(key)}``, all at once; an exception stands as the value."""
    asked = list(keys)
    answers = await asyncio.gather(*(ask(key) for key in asked), return_exceptions=True)
    return dict(zip(asked, answers, strict=True))
