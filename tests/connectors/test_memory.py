"""One contract suite over both sources: memory answers as PostgreSQL does, for any Fetch."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.memory import Fault, MemorySource
from connectors.postgres import MANY, PostgresSource
from connectors.source import (
    ALWAYS,
    NEVER,
    Aggregate,
    All,
    Bucket,
    Column,
    Compare,
    Constant,
    Exists,
    Fetch,
    Not,
    Operator,
    Order,
    Outer,
    Param,
    Predicate,
    Some,
    SourceError,
)
from tests.connectors import scratch
from tests.connectors.conftest import Both

COLUMNS = {name: list(scratch.mapping().relation(name).columns.values()) for name in ("Person", "Part")}
LISTS = ("incomes", "kinds", "parts", "tags")
ON = {("Person", "Part"): ("_key", "_person"), ("Part", "Person"): ("_person", "_key")}
GENERATED = settings(
    max_examples=int(os.environ.get("HUB_EXAMPLES", "400")),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

RELATIONS = scratch.relations()


def values(relation: str, column: str) -> st.SearchStrategy[Any]:
    """What stands in the column, mostly."""
    found = [row[column] for row in RELATIONS[relation] if row[column] is not None]
    if column in LISTS:
        return st.sampled_from([item for items in found for item in items])
    return st.sampled_from(found)


@st.composite
def comparisons(draw: st.DrawFn, relation: str) -> Predicate:
    column = draw(st.sampled_from(COLUMNS[relation]))
    name = column.name
    if draw(st.booleans()) and name not in LISTS:
        operators = ["eq", "lt", "le", "gt", "ge", "in", "null"]
    elif name in LISTS:
        operators = ["has", "null"]
    else:
        operators = ["contains", "starts"] if column.kind == "text" else ["eq"]
        operators += ["under"] if name == "division" else []
    operator: Any = draw(st.sampled_from(operators))
    if operator == "null":
        return Compare(name, "null", Constant(draw(st.booleans())))
    if operator in {"in", "has"}:
        return Compare(name, operator, Constant(draw(st.lists(values(relation, name), max_size=3))))
    value = draw(values(relation, name))
    if operator in {"contains", "starts", "under"}:
        value = value[draw(st.integers(0, 2)) :] if operator == "contains" else value[: draw(st.integers(1, 9))]
    return Compare(name, operator, Constant(draw(st.one_of(st.just(value), st.none()))))


def predicates(relation: str, depth: int = 2) -> st.SearchStrategy[Predicate]:
    simple = st.one_of(comparisons(relation), comparisons(relation), st.sampled_from([ALWAYS, NEVER]))
    if depth == 0:
        return simple
    part = st.deferred(lambda: predicates(relation, depth - 1))
    parts = st.lists(part, max_size=3).map(tuple)
    other = "Part" if relation == "Person" else "Person"
    inner = st.one_of(predicates(other, depth - 1), st.sampled_from(beside(other)))
    exists = inner.map(lambda where: Exists(other, (ON[(relation, other)],), where))
    return st.one_of(simple, simple, part.map(Not), parts.map(All), parts.map(Some), exists)


def beside(inner: str) -> list[Predicate]:
    """Comparisons of an inner column with one of the outer row."""
    if inner == "Part":
        return [
            Compare("givenAt", "lt", Outer("updatedAt")),
            Compare("givenOn", "ge", Outer("birthDate")),
            Compare("kind", "in", Outer("kinds")),
            Compare("_person", "eq", Outer("_key")),
        ]
    return [Compare("updatedAt", "gt", Outer("givenAt")), Not(Compare("bornOn", "eq", Outer("givenOn")))]


MASKS = {"name": "surname", "citizenId": "id_first6", "phone": "phone_last4", "birthDate": "year", "address": "village"}


@st.composite
def columns(draw: st.DrawFn, relation: str) -> Column:
    name = draw(st.sampled_from(COLUMNS[relation])).name
    if draw(st.integers(0, 2)) == 0:
        return Column(name=name)
    possible, given_ = draw(st.booleans()), predicates(relation, 1)
    masked = draw(st.booleans())
    return Column(
        name=name,
        clear=draw(given_),
        clear_possible=draw(given_) if possible else NEVER,
        masked=draw(given_) if masked else NEVER,
        masked_possible=draw(given_) if masked and possible else NEVER,
        mask=draw(st.sampled_from([MASKS.get(name, "none"), "withhold"])) if masked else None,
    )


@st.composite
def orders(draw: st.DrawFn, relation: str) -> Order:
    name = draw(st.sampled_from([column.name for column in COLUMNS[relation] if column.name not in LISTS]))
    clear = draw(st.one_of(st.just(ALWAYS), predicates(relation, 1)))
    return Order(column=name, descending=draw(st.booleans()), clear=clear)


@st.composite
def fetches(draw: st.DrawFn) -> Fetch:
    relation = draw(st.sampled_from(["Person", "Person", "Part"]))
    chosen = tuple(draw(st.lists(columns(relation), min_size=1, max_size=4)))
    where = draw(predicates(relation))
    certain = draw(st.one_of(st.none(), predicates(relation, 1)))
    if draw(st.integers(0, 5)) == 0:
        return Fetch(source="scratch", relation=relation, columns=chosen, where=where, certain=certain, distinct=True)
    return Fetch(
        source="scratch",
        relation=relation,
        columns=chosen,
        where=where,
        certain=certain,
        order=tuple(draw(st.lists(orders(relation), max_size=2))),
        limit=draw(st.sampled_from([None, Param("limit")])),
        per=draw(st.sampled_from([None, None, "_group" if relation == "Person" else "_person"])),
        cursors=draw(st.booleans()),
    )


def plain(fetch: Fetch, rows: Any) -> list[list[Any]]:
    found = [list(row) for row in rows]
    return sorted(found, key=repr) if fetch.distinct else found


@GENERATED
@given(fetch=fetches(), limit=st.sampled_from([None, 0, 1, 3, 20]))
async def test_memory_and_postgres_give_the_same_rows(both: Both, fetch: Fetch, limit: int | None) -> None:
    one = await both.memory.fetch(fetch, {"limit": limit}, deadline=30)
    two = await both.postgres.fetch(fetch, {"limit": limit}, deadline=30)
    assert plain(fetch, one) == plain(fetch, two)
    assert all(len(row) == len(fetch.slots) for row in two)


NAMED = tuple(Compare(name, "in", Param(f"{name}s")) for name in ("name", "_key", "grade"))
"""Conditions by lists that a request binds."""


@st.composite
def overlapping(draw: st.DrawFn) -> Fetch:
    """A Fetch whose rows and values rest on the same few conditions."""
    few = [*NAMED, *draw(st.lists(predicates("Person", 1), min_size=2, max_size=2))]
    some = st.lists(st.sampled_from(few), max_size=3).map(tuple)
    one: st.SearchStrategy[Predicate] = st.sampled_from(few)
    mixed = st.one_of(one, some.map(All), some.map(Some), one.map(Not))
    deeper = st.lists(mixed, max_size=2).map(tuple)
    conditions = st.one_of(mixed, deeper.map(All), deeper.map(Some))
    named = st.sampled_from(COLUMNS["Person"]).map(lambda column: column.name)
    column = st.builds(
        Column, name=named, clear=conditions, clear_possible=conditions, masked=conditions, masked_possible=conditions
    )
    return Fetch(
        source="scratch",
        relation="Person",
        columns=tuple(draw(st.lists(column, min_size=1, max_size=3))),
        where=draw(st.one_of(one, some.map(All))),
        certain=draw(st.one_of(st.none(), conditions)),
        order=tuple(draw(st.lists(st.builds(Order, column=st.just("name"), clear=conditions), max_size=1))),
        limit=draw(st.sampled_from([None, Param("limit")])),
        cursors=True,
    )


@settings(GENERATED, max_examples=100)
@given(fetch=overlapping(), times=st.sampled_from([1, MANY]), data=st.data())
async def test_values_that_rest_on_what_chooses_their_rows_and_on_long_lists_are_the_same(
    both: Both, fetch: Fetch, times: int, data: st.DataObject
) -> None:
    bound: dict[str, Any] = {"limit": 7}
    for name in ("name", "_key", "grade"):
        bound[f"{name}s"] = data.draw(st.lists(values("Person", name), min_size=1, max_size=5)) * times
    one = await both.memory.fetch(fetch, bound, deadline=30)
    assert plain(fetch, one) == plain(fetch, await both.postgres.fetch(fetch, bound, deadline=30))


@settings(GENERATED, max_examples=120)
@given(where=predicates("Person", 1), order=st.lists(orders("Person"), max_size=2).map(tuple), size=st.integers(1, 9))
async def test_pages_by_keyset_are_the_whole_list_in_order(
    both: Both, where: Predicate, order: tuple[Order, ...], size: int
) -> None:
    whole = Fetch(source="scratch", relation="Person", columns=(Column(name="_key"),), where=where, order=order)
    expected = [row[0] for row in await both.memory.fetch(whole, {}, deadline=30)]
    for source in (both.postgres, both.memory):
        assert await paged(source, where, order, size) == expected


async def paged(source: Any, where: Predicate, order: tuple[Order, ...], size: int) -> list[str]:
    first = Fetch(
        source="scratch", relation="Person", columns=(Column(name="_key"),), where=where, order=order,
        limit=Param("size"), cursors=True,
    )  # fmt: skip
    names = tuple(Param(f"p{place}") for place in range(len(order) + 1))
    later = Fetch(
        source="scratch", relation="Person", columns=(Column(name="_key"),), where=where, order=order,
        limit=Param("size"), cursors=True, after=names,
    )  # fmt: skip
    rows = await source.fetch(first, {"size": size}, deadline=30)
    keys: list[str] = []
    while rows:
        keys += [row[0] for row in rows]
        assert len(keys) <= scratch.PEOPLE
        place = [*list(rows[-1])[1:], rows[-1][0]]
        bound = {param.name: value for param, value in zip(names, place, strict=True)}
        rows = await source.fetch(later, {"size": size, **bound}, deadline=30)
    return keys


BUCKETS = [
    Bucket(column="sex"),
    Bucket(column="division", width="town"),
    Bucket(column="birthDate", width="quarter"),
    Bucket(column="updatedAt", width="quarter"),
    Bucket(column="birthDate", width="age_band"),
    Bucket(column="bornOn", width="age_band"),
    Bucket(column="kind", relation="Part", on=(("_key", "_person"),)),
    Bucket(column="schoolName"),
]


@settings(GENERATED, max_examples=120)
@given(
    by=st.lists(st.sampled_from(BUCKETS), max_size=3).map(tuple),
    total=st.sampled_from([None, "amount"]),
    where=predicates("Person", 1),
    apart=st.one_of(st.just(NEVER), predicates("Person", 2)),
    today=st.sampled_from(["2017-06-30", "2020-02-29"]),
)
async def test_memory_and_postgres_give_the_same_groups(
    both: Both,
    by: tuple[Bucket, ...],
    total: str | None,
    where: Predicate,
    apart: Predicate,
    today: str,
) -> None:
    aggregate = Aggregate(source="scratch", relation="Person", by=by, total=total, where=where, apart=apart)
    one = await both.memory.aggregate(aggregate, {"today": today}, deadline=30)
    two = await both.postgres.aggregate(aggregate, {"today": today}, deadline=30)
    assert sorted(map(repr, map(list, one))) == sorted(map(repr, map(list, two)))


@settings(GENERATED, max_examples=120)
@given(where=predicates("Person", 3))
async def test_a_few_that_are_looked_for_by_what_they_are_not_are_the_same_in_memory_and_postgres(
    both: Both, where: Predicate
) -> None:
    fetch = Fetch(
        source="scratch",
        relation="Person",
        columns=(Column(name="_key"),),
        where=Not(where),
        limit=Param("limit"),
        distinct=True,
    )
    one, two = [await source.fetch(fetch, {"limit": 1_000}, deadline=30) for source in (both.memory, both.postgres)]
    assert sorted(row[0] for row in one) == sorted(row[0] for row in two)


@pytest.mark.parametrize("operator", ["lt", "le", "gt", "ge"])
@pytest.mark.parametrize("column", ["bornOn", "birthDate"])
@pytest.mark.parametrize("value", ["2010-06-01", None, "no-date"])
async def test_with_a_bound_date_or_with_none_those_are_found_for_whom_a_comparison_fails(
    both: Both, operator: Operator, column: str, value: str | None
) -> None:
    where = Not(Compare(column, operator, Param("v")))
    fetch = Fetch(source="scratch", relation="Person", columns=(Column(name="_key"),), where=where, distinct=True)
    fetch, bound = replace(fetch, limit=Param("limit")), {"v": value, "limit": 1_000}
    two = await both.postgres.fetch(fetch, bound, deadline=30)
    if value == "no-date":
        assert len(two) == scratch.PEOPLE
    else:
        one = await both.memory.fetch(fetch, bound, deadline=30)
        assert sorted(row[0] for row in one) == sorted(row[0] for row in two)


async def test_a_bound_parameter_counts_as_the_constant_of_that_value(
    postgres: PostgresSource, memory: MemorySource
) -> None:
    for relation, columns_ in COLUMNS.items():
        for column in columns_:
            value = next(row[column.name] for row in scratch.relations()[relation] if row[column.name])
            operator: Any = "has" if column.is_list else "eq"
            answers = [
                [list(row) for row in await source.fetch(
                    Fetch(source="scratch", relation=relation, columns=(Column(name="_key"),),
                          where=Compare(column.name, operator, operand)), {"v": value}, deadline=30)]
                for source in (postgres, memory) for operand in (Param("v"), Constant(value))
            ]  # fmt: skip
            assert answers[0], f"{relation}.{column.name}"
            assert answers == [answers[0]] * 4


@pytest.mark.parametrize("wrong", ["no-date", 5, True, "\0", "ZZ", "120114199001011234"])
async def test_a_value_that_a_column_cannot_hold_matches_nothing_and_breaks_nothing(
    postgres: PostgresSource, wrong: Any
) -> None:
    for column in COLUMNS["Person"]:
        if column.is_list or (column.kind in {"int", "float", "decimal"} and not isinstance(wrong, str)):
            continue
        if column.kind == "bool" and wrong is True:
            continue
        cases: list[tuple[Any, Any]] = [("eq", wrong), ("in", [wrong])]
        for operator, value in cases:
            where = Compare(column.name, operator, Param("v"))
            fetch = Fetch(source="scratch", relation="Person", columns=(Column(name="_key"),), where=where)
            assert list(await postgres.fetch(fetch, {"v": value}, deadline=30)) == [], column.name


PEOPLE = Fetch(source="scratch", relation="Person", columns=(Column(name="_key"),))


async def test_faults_befall_one_call_each_in_their_order() -> None:
    source = MemorySource(name="m", relations=scratch.relations())
    source.faults = deque([Fault(kind="fail", reason="overloaded"), None, Fault(kind="lose"), Fault(kind="garbage")])
    with pytest.raises(SourceError, match="overloaded"):
        await source.fetch(PEOPLE, {}, deadline=30)
    assert len(await source.fetch(PEOPLE, {}, deadline=30)) == scratch.PEOPLE
    with pytest.raises(SourceError, match="unreachable"):
        await source.fetch(PEOPLE, {}, deadline=30)
    assert any(len(row) != 1 for row in await source.fetch(PEOPLE, {}, deadline=30))
    assert len(await source.fetch(PEOPLE, {}, deadline=30)) == scratch.PEOPLE
    assert source.calls == 5


async def test_a_source_that_hangs_ends_with_the_deadline_and_an_outage_lasts() -> None:
    source = MemorySource(name="m", relations=scratch.relations(), outage=Fault(kind="hang"))
    began = asyncio.get_running_loop().time()
    for _ in range(2):
        with pytest.raises(SourceError, match="timeout"):
            await source.fetch(PEOPLE, {}, deadline=0.02)
    assert asyncio.get_running_loop().time() - began >= 0.04
    source.outage = None
    assert len(await source.fetch(PEOPLE, {}, deadline=30)) == scratch.PEOPLE


async def test_a_closed_source_is_unreachable() -> None:
    source = MemorySource(name="m", relations={})
    await source.close()
    with pytest.raises(SourceError, match="unreachable"):
        await source.ping(deadline=1)


async def test_an_unknown_relation_or_column_is_rejected() -> None:
    source = MemorySource(name="m", relations=scratch.relations())
    for relation, column in (("Nobody", "_key"), ("Person", "shoeSize")):
        fetch = Fetch(source="m", relation=relation, columns=(Column(name=column),))
        with pytest.raises(SourceError, match="rejected"):
            await source.fetch(fetch, {}, deadline=30)
