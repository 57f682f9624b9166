"""Facts over all children: by the numbers of people or file by file, together or apart, the same files are meant."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.source import Column, Fetch, Predicate, Row, Source, SourceError
from hub.anywhere import Home, members_anywhere
from hub.files import Files
from hub.planner import facts as f
from hub.planner.formula import Fact, member, numbered
from hub.registry import Registry
from hub.sources import Reading, Sources
from hub.today import request_bindings
from tests.support.running import TODAY
from tests.support.world import Row as Line
from tests.support.world import World

pytestmark = pytest.mark.postgres

FACTS = [fact for fact in vars(f).values() if isinstance(fact, Fact) and fact.via == "child"]
ELSEWHERE = [fact for fact in FACTS if fact.source != "civil_affairs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Whose parameters are bound; facts of files in a division need one."""

    unit: str = "town_government"
    key: str = "town_government:120114101"
    division: str = "120114101"


@dataclass(slots=True, kw_only=True)
class Counted(Reading):
    """A reading that knows what was asked of whom."""

    asked: list[tuple[str, str]] = field(default_factory=list)

    async def fetch(self, fetch: Fetch, bindings: Mapping[str, Any]) -> Sequence[Row]:
        """As any reading, noted."""
        self.asked.append((fetch.source, fetch.relation))
        return await Reading.fetch(self, fetch, bindings)


def registry(sources: Mapping[str, Source], *, set_limit: int = 20_000) -> Registry:
    now = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=ZoneInfo("Asia/Shanghai"))
    bindings = request_bindings(Principal(), [], now)
    connected = Sources.of(sources, deadline=30.0, monotonic=time.monotonic)
    return Registry(reading=Counted(sources=connected, bindings=bindings), set_limit=set_limit)


async def files_by(found: Registry, predicate: Predicate, bindings: Mapping[str, Any]) -> set[str]:
    """Register numbers of the files that satisfy the predicate, in civil affairs' own database."""
    fetch = Fetch(source="civil_affairs", relation="Child", columns=(Column(name="_register"),), where=predicate)
    return {row[0] for row in await found.reading.fetch(fetch, bindings)}


async def told(found: Registry, facts: Collection[Fact], *, by_number: bool) -> dict[Fact, set[str]]:
    """Fact -> the files that civil affairs takes for its holders."""
    members = await members_anywhere(found, facts, Home(name="civil_affairs", by_number=by_number))
    holders: dict[Fact, set[str]] = {}
    for fact, bindings in members.items():
        assert isinstance(bindings, dict), (fact.name, bindings)
        predicate = numbered(fact) if by_number else member(fact, "civil_affairs")
        holders[fact] = await files_by(found, predicate, bindings)
    return holders


def accepted(world: World) -> list[Line]:
    return [file for file in world.rows("civil_affairs", "Child") if file["_open"] and file["_accepted"]]


async def test_by_number_by_file_and_of_each_file_alone_the_same_children_are_meant(
    sources: Mapping[str, Source], world: World
) -> None:
    by_number = await told(registry(sources), ELSEWHERE, by_number=True)
    by_file = await told(registry(sources), ELSEWHERE, by_number=False)
    assert by_number == by_file
    assert sum(map(bool, by_number.values())) > len(ELSEWHERE) * 0.8, "hardly a fact holds for anyone"
    asked = registry(sources)
    files = await asked.files(file["_register"] for file in accepted(world))
    for fact in ELSEWHERE:
        if fact.source != "hub":  # whose rows speak of files that are no longer open, too
            assert by_number[fact] == await asked.holding(fact, files), fact.name


async def test_a_file_whose_number_another_open_file_has_is_found_by_no_number(
    sources: Mapping[str, Source], world: World
) -> None:
    columns = tuple(Column(name=name) for name in ("_register", "_acceptedCitizen"))
    fetch = Fetch(source="civil_affairs", relation="Child", columns=columns, where=f.is_("_open", True))
    carries = {row[0]: row[1] for row in await registry(sources).reading.fetch(fetch, {})}
    twice = {number for number, times in Counter(carries.values()).items() if number is not None and times > 1}
    doubtful = {register for register, number in carries.items() if number in twice}
    enrolled = {row["_citizen"] for row in world.rows("education", "Enrolment")}
    assert twice & enrolled, "no enrolment has such a number"
    linked = {link["_register"] for link in world.rows("hub", "Link") if link["_status"] == "CONFIRMED"}
    found = await told(registry(sources), [f.ENROLLED], by_number=True)
    assert not found[f.ENROLLED] & (doubtful - linked)


async def test_members_that_other_departments_test_are_those_of_the_files(
    sources: Mapping[str, Source], world: World
) -> None:
    asked = registry(sources)
    found = await members_anywhere(asked, FACTS, Home(name="education", by_number=False))
    files = await asked.files(file["_register"] for file in accepted(world))
    for fact in FACTS:
        holders = await asked.holding(fact, files)
        assert found[fact] == await asked.membership(fact, holders, "education", files), fact.name


async def test_facts_of_a_relation_are_one_statement_and_links_one_of_a_source(sources: Mapping[str, Source]) -> None:
    asked = registry(sources)
    await members_anywhere(asked, ELSEWHERE, Home(name="civil_affairs", by_number=True))
    reading = asked.reading
    assert isinstance(reading, Counted)
    relations = {(fact.source, fact.relation) for fact in ELSEWHERE}
    people = {source for source, _ in relations} - {"hub"}
    assert Counter(reading.asked) == Counter(
        {**dict.fromkeys(relations, 1), ("hub", "Link"): len(people), ("civil_affairs", "Child"): len(people)}
    )


async def test_too_many_together_are_asked_apart_and_too_many_of_one_are_not_told(
    sources: Mapping[str, Source],
) -> None:
    of_reports = [fact for fact in ELSEWHERE if fact.relation == "MandatoryReport"]
    whole = await told(registry(sources), of_reports, by_number=True)
    limit = max(map(len, whole.values())) - 1
    home = Home(name="civil_affairs", by_number=True)
    found = await members_anywhere(registry(sources, set_limit=limit), of_reports, home)
    assert [fact.name for fact in of_reports if found[fact] is None] == [max(whole, key=lambda f: len(whole[f])).name]
    for fact, bindings in found.items():
        if bindings is not None:
            assert isinstance(bindings, dict)
            assert await files_by(registry(sources), numbered(fact), bindings) == whole[fact]


async def test_a_source_that_does_not_answer_is_said_of_its_own_facts_alone(sources: Mapping[str, Source]) -> None:
    asked = registry(sources)
    asked.reading.down["courts"] = SourceError("courts", "unreachable")
    found = await members_anywhere(asked, ELSEWHERE, Home(name="civil_affairs", by_number=True))
    failed = {fact for fact, answer in found.items() if isinstance(answer, SourceError)}
    assert failed == {fact for fact in ELSEWHERE if fact.source == "courts"}


async def test_what_is_known_of_everyone_or_of_many_files_is_not_asked_of_few_of_them(
    sources: Mapping[str, Source], world: World
) -> None:
    of_many, of_everyone = registry(sources), registry(sources)
    files = await of_many.files(file["_register"] for file in accepted(world))
    for fact in FACTS:
        await of_many.holding(fact, files)
    await members_anywhere(of_everyone, FACTS, Home(name="civil_affairs", by_number=True))
    few = Files(citizen=dict(list(files.citizen.items())[::7]))
    for known in (of_many, of_everyone):
        assert isinstance(known.reading, Counted)
        asked = len(known.reading.asked)
        for fact in FACTS:
            of_few = await registry(sources).holding(fact, few)
            assert await known.holding(fact, few, shown=True) == of_few, fact.name
        assert len(known.reading.asked) == asked


async def test_of_files_that_may_not_exist_for_the_caller_what_is_asked_does_not_depend_on_other_questions(
    sources: Mapping[str, Source], world: World
) -> None:
    alone, beside = registry(sources), registry(sources)
    files = await beside.files(file["_register"] for file in accepted(world))
    few = Files(citizen=dict(list(files.citizen.items())[::7]))
    for fact in FACTS:
        await beside.holding(fact, files)
    assert isinstance(alone.reading, Counted) and isinstance(beside.reading, Counted)
    asked = len(beside.reading.asked)
    for fact in FACTS:
        assert await beside.holding(fact, few) == await alone.holding(fact, few), fact.name
    assert beside.reading.asked[asked:] == alone.reading.asked


async def test_a_file_with_another_number_than_was_asked_of_is_asked_anew(
    sources: Mapping[str, Source], world: World
) -> None:
    asked = registry(sources)
    files = await asked.files(file["_register"] for file in accepted(world))
    enrolled = await asked.holding(f.ENROLLED, files)
    linked = {link["_register"] for link in world.rows("hub", "Link") if link["_status"] == "CONFIRMED"}
    register = min(enrolled - linked)
    assert not await asked.holding(f.ENROLLED, Files(citizen={register: "120114190001010000"}))


async def test_of_two_files_that_are_taken_to_have_one_number_each_is_told_what_is_found(
    sources: Mapping[str, Source], world: World
) -> None:
    asked = registry(sources)
    files = await asked.files(file["_register"] for file in accepted(world))
    enrolled = await asked.holding(f.ENROLLED, files)
    register = min(register for register in enrolled if files.citizen[register] is not None)
    # The ids of one who has moved may be looked up beside those of one who has the number since.
    both = Files(citizen={register: files.citizen[register], "~": files.citizen[register]})
    assert await registry(sources).holding(f.ENROLLED, both) == frozenset({register, "~"})
