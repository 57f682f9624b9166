"""Rows that rest on other departments: grouped alike whether facts are asked of all or of the doubtful alone."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from connectors.postgres import PostgresSource
from connectors.source import NEVER, Aggregate, Bindings, Fetch, Row, SourceError
from hub import grouping, paged
from hub.counting import Groups
from hub.entitlements import Entitlements
from hub.errors import OutageError
from hub.grouping import groups, tallied
from hub.hub import Hub
from hub.planner.formula import Formula, facts
from hub.planner.relations import HOME
from hub.statistics.freeze import reading_all
from schema.catalogue import CATALOGUE, TYPES
from schema.scalars import SHANGHAI

pytestmark = pytest.mark.postgres

Reading = Callable[..., Awaitable[Sequence[Row]]]

BUREAUS = (
    ("civil_affairs_bureau", "guardianship_protection"),
    ("education_bureau", "dropout_control"),
    ("public_security_bureau", "mandatory_report_handling"),
    ("district_court", "judicial_proceeding"),
    ("procuratorate", "legal_supervision"),
)


def questions(hub: Hub) -> list[tuple[str, Formula]]:
    """(relation, rows) for each type that a bureau reads, where another department has a say in which rows."""
    found: dict[tuple[str, Formula], None] = {}
    for unit, purpose in BUREAUS:
        held = Entitlements.of(hub.policy, unit, purpose)
        for type_name in TYPES:
            rows = held.access(type_name).visible if held.opens_type(type_name) else None
            if (
                rows is not None
                and type_name != "CriminalCase"
                and any(fact.source != HOME[type_name] for fact in facts(rows))
            ):
                found[type_name, rows] = None
    return list(found)


async def counted(
    hub: Hub, relation: str, rows: Formula, read: Reading = groups, set_limit: int | None = None
) -> Sequence[Row]:
    """By the first plain field of the type, and by the child."""
    [by, *_] = [name for name, one in CATALOGUE.items() if one.type_name == relation and one.inner in PLAIN]
    execution = reading_all(hub.sources, hub.clock().astimezone(SHANGHAI), set_limit=set_limit or hub.set_limit)
    # The bureaus that ask are no town, and applied for nothing.
    execution.reading.bindings.update({"me": "education_bureau", "units": ["education_bureau"], "division": "1201"})  # type: ignore[attr-defined]
    return await read(
        execution, Groups(relation=relation, by=(by,), total=None, rows=rows, each=relation != "CriminalCase")
    )


PLAIN = frozenset({"String", "Boolean", "Int", "Date", "DateTime"}) | {
    one.inner for one in CATALOGUE.values() if one.inner.isidentifier() and one.field in ("kind", "status", "sex")
}


async def test_facts_of_the_doubtful_alone_give_the_same_groups(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row by row: each group is one child's."""
    asked = questions(hub)
    assert len(asked) >= 8
    with_rows = 0
    for relation, rows in asked:
        of_doubtful = await counted(hub, relation, rows)
        with monkeypatch.context() as everybody:
            everybody.setattr(grouping, "UNDECIDED", -1)
            of_all = await counted(hub, relation, rows)
        assert sorted(map(str, of_doubtful)) == sorted(map(str, of_all)), relation
        with_rows += bool(of_all)
    assert with_rows >= 5


def summed(rows: Sequence[Row]) -> dict[tuple[str, str], int]:
    found = Counter[tuple[str, str]]()
    for field, child, number, *_ in rows:
        found[str(field), str(child)] += number
    return found


@pytest.mark.parametrize("most", [grouping.UNDECIDED, 0])
async def test_files_told_apart_give_the_same_counts(hub: Hub, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    asked = [one for one in questions(hub) if HOME[one[0]] == "civil_affairs"]
    assert {relation for relation, _ in asked} >= {"Child", "Guardian"}
    monkeypatch.setattr(grouping, "UNDECIDED", most)
    for relation, rows in asked:
        assert summed(await counted(hub, relation, rows, tallied)) == summed(await counted(hub, relation, rows))


async def test_of_files_the_doubtful_alone_are_read_with_what_others_say(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = next(rows for relation, rows in questions(hub) if relation == "Child")
    monkeypatch.setattr(grouping, "groups", None)
    assert sum(summed(await counted(hub, "Child", rows, tallied)).values()) > 50


async def test_the_doubtful_are_looked_for_once_and_as_an_index_knows_them(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, whole = list[str](), PostgresSource.fetch

    async def watched(source: PostgresSource, fetch: Fetch, *given: Any, **named: Any) -> Sequence[Row]:
        if fetch.limit is not None and fetch.relation == "Child":
            asked.append(source.statement(fetch).text)
        return await whole(source, fetch, *given, **named)

    monkeypatch.setattr(PostgresSource, "fetch", watched)
    held = Entitlements.of(hub.policy, "civil_affairs_bureau", "social_assistance")
    rows = held.access("Child").visible
    for most in (grouping.UNDECIDED, 0):
        monkeypatch.setattr(grouping, "UNDECIDED", most)
        asked.clear()
        assert sum(summed(await counted(hub, "Child", rows, tallied)).values()) > 50
        [text] = asked
        assert '"csrq" <= $' in text and "NOT EXISTS" in text and "IS NOT TRUE" not in text


@pytest.mark.parametrize(("most", "way"), [(paged.MOST, "among"), (0, "afterKey")])
async def test_page_by_page_every_row_is_counted_once(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, most: int, way: str
) -> None:
    pages, longest, whole = Counter[str](), set[int](), PostgresSource.fetch

    async def watched(source: PostgresSource, fetch: Fetch, bindings: Bindings, **named: Any) -> Sequence[Row]:
        longest.update(len(value) for value in bindings.values() if isinstance(value, list))
        pages.update({"among", "afterKey"} & bindings.keys() if fetch.relation == "Child" else ())
        return await whole(source, fetch, bindings, **named)

    asked = [(relation, rows, summed(await counted(hub, relation, rows))) for relation, rows in questions(hub)]
    monkeypatch.setattr(paged, "MOST", most)
    monkeypatch.setattr(paged, "PAGE", 9)
    monkeypatch.setattr(grouping, "UNDECIDED", -1)
    monkeypatch.setattr(grouping, "FEW", 0)
    monkeypatch.setattr(PostgresSource, "fetch", watched)
    for relation, rows, at_once in asked:
        for read in (groups, tallied):
            assert summed(await counted(hub, relation, rows, read, set_limit=3)) == at_once, relation
    assert pages[way] >= 8
    assert max(longest) <= 2 * paged.PAGE  # none binds more than those of a page, and those that links lead to


async def test_a_department_that_stops_between_two_pages_is_an_outage_and_no_smaller_number(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, whole = Counter[str](), PostgresSource.fetch

    async def stopping(source: PostgresSource, fetch: Fetch, bindings: Bindings, **named: Any) -> Sequence[Row]:
        asked[source.name] += 1
        if source.name == "education" and asked["education"] > 3:
            raise SourceError("education", "unreachable")
        return await whole(source, fetch, bindings, **named)

    held = Entitlements.of(hub.policy, "education_bureau", "dropout_control")
    rows = held.access("Child").visible
    monkeypatch.setattr(grouping, "UNDECIDED", 0)
    monkeypatch.setattr(grouping, "FEW", 0)
    monkeypatch.setattr(paged, "PAGE", 20)
    monkeypatch.setattr(PostgresSource, "fetch", stopping)
    for read in (groups, tallied):
        asked.clear()
        with pytest.raises(OutageError, match="`education` is unavailable: unreachable"):
            await counted(hub, "Child", rows, read, set_limit=3)
        assert asked["education"] == 4


async def test_what_nobody_waits_for_is_not_counted_to_its_end(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped, whole = list[Aggregate](), PostgresSource.aggregate

    async def slow(source: PostgresSource, asked: Aggregate, *given: Any, **named: Any) -> Sequence[Row]:
        if asked.apart == NEVER:
            return await whole(source, asked, *given, **named)
        try:
            return await asyncio.Event().wait() and []
        except asyncio.CancelledError:
            stopped.append(asked)
            raise

    monkeypatch.setattr(PostgresSource, "aggregate", slow)
    monkeypatch.setattr(grouping, "UNDECIDED", 0)
    rows = next(rows for relation, rows in questions(hub) if relation == "Child")
    async with asyncio.timeout(60):
        assert sum(summed(await counted(hub, "Child", rows, tallied)).values()) > 50
    assert len(stopped) == 1
