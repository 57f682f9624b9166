"""Arguments: what a filter means over rows, and over rows in which the caller does not see the value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.memory import MemorySource
from connectors.source import ALWAYS, Column, Compare, Constant, Fetch
from hub.errors import RefusalError
from hub.planner.arguments import Arguments, asked_coordinates, bind_values, condition, orders, read_arguments
from hub.planner.formula import FALSE, TRUE, Formula, Local, render
from hub.planner.plan import Access
from hub.today import years_ago

TODAY = date(2026, 11, 24)
ROWS: list[dict[str, Any]] = [
    {"_key": "1", "name": "王一", "sex": "MALE", "birthDate": "2016-11-24", "open": True},
    {"_key": "2", "name": "王二", "sex": "FEMALE", "birthDate": "2016-11-25", "open": True},
    {"_key": "3", "name": "李三", "sex": "FEMALE", "birthDate": "2015-11-25", "open": False},
    {"_key": "4", "name": None, "sex": None, "birthDate": None, "open": True},
    {"_key": "5", "name": "李五", "sex": "MALE", "birthDate": "2015-11-24", "open": False},
]
EVERYWHERE: Mapping[str, Formula] = {"Child.name": TRUE, "Child.sex": TRUE, "Child.birthDate": TRUE}
OPEN = Local(Compare("open", "eq", Constant(True)))
MALE = Local(Compare("sex", "eq", Constant("MALE")))
IN_OPEN_ROWS: Mapping[str, Formula] = dict.fromkeys(EVERYWHERE, OPEN)


def read(**given: Any) -> Arguments:
    return read_arguments("Child", given, page_default=20, page_limit=100)


def access(clear: Mapping[str, Formula]) -> Access:
    flags = (("LIVING_ALONE", (OPEN, MALE)), ("MISSING", ()))
    return Access(type_name="Child", clear=clear, masked={"Child.name": TRUE}, visible=TRUE, flags=lambda: flags)


async def found(filter_: Mapping[str, Any], clear: Mapping[str, Formula] = EVERYWHERE) -> list[str]:
    """Keys of the rows that a filter keeps."""
    arguments = read(filter=filter_)
    where = render(
        condition(arguments.shape, access(clear)), "Child", "civil_affairs", lambda _: None, optimistic=False
    )
    source = MemorySource(name="civil_affairs", relations={"Child": ROWS})
    fetch = Fetch(source="civil_affairs", relation="Child", columns=(Column(name="_key"),), where=where)
    rows = await source.fetch(fetch, bind_values(arguments.values, years_ago(TODAY)), deadline=30)
    return [row[0] for row in rows]


async def test_operators_of_one_member_all_hold() -> None:
    assert await found({"name": {"startsWith": "王", "contains": "二"}}) == ["2"]
    assert await found({"sex": {"in": ["MALE", "UNKNOWN"]}}) == ["1", "5"]
    assert await found({}) == ["1", "2", "3", "4", "5"]


async def test_a_filter_on_flags_knows_the_branches_that_the_caller_sees_and_only_where_flags_are_open() -> None:
    everywhere, open_rows = {"Child.riskFlags": TRUE}, {"Child.riskFlags": OPEN}
    assert await found({"riskFlags": {"has": ["LIVING_ALONE"]}}, everywhere) == ["1", "2", "4", "5"]
    assert await found({"riskFlags": {"has": ["LIVING_ALONE"]}}, open_rows) == ["1", "2", "4"]
    assert await found({"riskFlags": {"has": ["MISSING", "NO_GUARDIAN"]}}, everywhere) == []
    assert await found({"riskFlags": {"has": []}}, everywhere) == []
    assert await found({"not": {"riskFlags": {"has": ["MISSING", "LIVING_ALONE"]}}}, open_rows) == ["3", "5"]
    assert await found({"riskFlags": {"isNull": False}}, open_rows) == ["1", "2", "4"]
    assert await found({"riskFlags": {"isNull": True}}, open_rows) == ["3", "5"]
    assert await found({"riskFlags": {"has": ["LIVING_ALONE"]}}, {}) == []


def test_the_flags_of_a_filter_stand_in_its_shape_whatever_their_order() -> None:
    one, other = (read(filter={"riskFlags": {"has": each}}) for each in (["MISSING", "NO_GUARDIAN"], ["NO_GUARDIAN"]))
    again = read(filter={"riskFlags": {"has": ["NO_GUARDIAN", "MISSING", "MISSING"]}})
    assert one.shape == again.shape != other.shape
    assert one.values == ()
    assert dict(asked_coordinates("Child", {"filter": {"riskFlags": {"has": ["MISSING"]}}})) == {
        "Child.riskFlags": "filtered"
    }


async def test_a_comparison_with_a_null_value_is_not_true_and_its_negation_is() -> None:
    assert "4" not in await found({"sex": {"eq": "MALE"}})
    assert "4" in await found({"not": {"sex": {"eq": "MALE"}}})


async def test_is_null_tells_rows_without_a_value() -> None:
    assert await found({"sex": {"isNull": True}}) == ["4"]
    assert await found({"sex": {"isNull": False}}) == ["1", "2", "3", "5"]


async def test_a_row_in_which_the_value_is_closed_sees_null() -> None:
    assert await found({"sex": {"eq": "FEMALE"}}, IN_OPEN_ROWS) == ["2"]
    assert await found({"sex": {"isNull": True}}, IN_OPEN_ROWS) == ["3", "4", "5"]
    assert await found({"sex": {"isNull": False}}, IN_OPEN_ROWS) == ["1", "2"]
    assert await found({"not": {"sex": {"eq": "FEMALE"}}}, IN_OPEN_ROWS) == ["1", "3", "4", "5"]


async def test_a_masked_value_takes_part_in_no_filter() -> None:
    masked_only = {name: formula for name, formula in EVERYWHERE.items() if name != "Child.name"}
    assert await found({"name": {"startsWith": "王"}}, masked_only) == []
    assert await found({"name": {"isNull": True}}, masked_only) == ["1", "2", "3", "4", "5"]


async def test_what_is_closed_changes_no_answer_however_it_is_asked_for() -> None:
    """The same filters over rows whose closed values are others."""
    asked: list[dict[str, Any]] = [
        {"name": {"eq": "李三"}},
        {"not": {"name": {"eq": "李三"}}},
        {"or": [{"name": {"contains": "李"}}, {"sex": {"eq": "MALE"}}]},
        {"age": {"gte": 11}},
        {"and": [{"not": {"or": [{"sex": {"isNull": False}}]}}]},
    ]
    before = [await found(each, IN_OPEN_ROWS) for each in asked]
    kept = [dict(row) for row in ROWS]
    try:
        for row in ROWS:
            if not row["open"]:
                row |= {"name": "张九", "sex": None, "birthDate": "2001-01-01"}
        assert [await found(each, IN_OPEN_ROWS) for each in asked] == before
    finally:
        ROWS[:] = kept


async def test_or_and_and_not_nest() -> None:
    either = {"or": [{"name": {"eq": "王一"}}, {"name": {"eq": "李三"}}]}
    assert await found(either) == ["1", "3"]
    assert await found({"and": [either, {"not": {"sex": {"eq": "MALE"}}}]}) == ["3"]
    assert await found({"or": []}) == []
    assert await found({"and": []}) == ["1", "2", "3", "4", "5"]


async def test_a_null_operator_or_member_asks_nothing() -> None:
    assert await found({"name": None, "sex": {"eq": None}}) == ["1", "2", "3", "4", "5"]


async def test_a_child_is_ten_from_the_birthday_on() -> None:
    """Born on 24 November 2016: ten today; born a day later: nine."""
    assert await found({"age": {"gte": 10}}) == ["1", "3", "5"]
    assert await found({"age": {"lte": 10}}) == ["1", "2", "3"]
    assert await found({"age": {"gte": 10, "lte": 10}}) == ["1", "3"]


@settings(deadline=None)
@given(st.dates(date(2005, 1, 1), TODAY), st.integers(0, 20))
def test_an_age_filter_agrees_with_counting_birthdays(born: date, count: int) -> None:
    age = TODAY.year - born.year - ((TODAY.month, TODAY.day) < (born.month, born.day))
    for operator, holds in (("gte", age >= count), ("lte", age <= count)):
        arguments = read(filter={"age": {operator: count}})
        [bound] = bind_values(arguments.values, years_ago(TODAY)).values()
        [(_, sign, _)] = arguments.shape[1:]
        assert (born.isoformat() <= bound if sign == "le" else born.isoformat() > bound) == holds


def test_values_are_no_part_of_the_shape_so_that_one_statement_serves_them_all() -> None:
    one = read(filter={"name": {"eq": "王一"}, "sex": {"in": ["MALE"]}})
    other = read(filter={"name": {"eq": "李三"}, "sex": {"in": ["FEMALE", "MALE"]}})
    assert one.shape == other.shape
    assert one.values != other.values
    assert one.query != other.query


def test_arguments_can_be_told_apart_and_remembered() -> None:
    assert len({read(first=2), read(first=2), read(first=3)}) == 2


@pytest.mark.parametrize("first", [0, -1, 101])
def test_a_page_out_of_bounds_is_refused_with_its_bounds(first: int) -> None:
    with pytest.raises(RefusalError) as refused:
        read(first=first)
    assert refused.value.code == "INVALID_INPUT"
    assert refused.value.facts == {"argument": "first", "minimum": 1, "maximum": 100}


def test_a_page_without_a_size_has_the_default_size() -> None:
    assert read().first == read(first=None).first == 20


def test_everything_asked_about_rows_is_named_with_how_it_is_asked() -> None:
    given_ = {
        "filter": {"or": [{"name": {"eq": "x"}}, {"not": {"age": {"gte": 3}}}], "sex": {"isNull": True}},
        "orderBy": [{"field": "BIRTH_DATE"}, {"field": "NAME", "direction": "DESC"}],
    }
    assert set(asked_coordinates("Child", given_)) == {
        ("Child.name", "filtered"),
        ("Child.birthDate", "filtered"),
        ("Child.sex", "filtered"),
        ("Child.birthDate", "sorted"),
        ("Child.name", "sorted"),
    }


def test_an_order_sees_null_where_the_value_is_not_read_in_clear() -> None:
    arguments = read(orderBy=[{"field": "NAME", "direction": "DESC"}, {"field": "SEX"}])
    assert arguments.order == (("name", True), ("sex", False))
    name, sex = orders(arguments, access({"Child.name": OPEN, "Child.sex": TRUE}), "civil_affairs", lambda _: None)
    assert (name.column, name.descending, name.clear) == ("name", True, OPEN.predicate)
    assert (sex.column, sex.descending, sex.clear) == ("sex", False, ALWAYS)


def test_a_condition_on_what_is_never_clear_is_never_true() -> None:
    arguments = read(filter={"name": {"eq": "x"}})
    assert condition(arguments.shape, access({})) == FALSE
