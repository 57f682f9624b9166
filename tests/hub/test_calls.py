"""One request's arguments: what is refused before anything is fetched, and what an answer may cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from hub.answering import refused_coordinates
from hub.audit.entry import Entry
from hub.audit.receipt import Receipt
from hub.calls import PAGE_DEFAULT, Call, read_call
from hub.errors import HubError, RefusalError, RefusedError
from hub.hub import Hub
from hub.pipeline import plan_of
from tests.support.running import compose, identity

BUREAU = ("civil_affairs_bureau", "survey_management")
TOWN = ("town_government:120114101", "survey_management")
SCHOOLS = ("education_bureau", "dropout_control")


class NoLog:
    """A log that nothing may reach: a call is read before anything is released."""

    async def record(self, entries: Sequence[Entry]) -> list[Receipt]:
        raise AssertionError(entries)


@dataclass(frozen=True)
class Reading:
    """A hub without sources, to read calls."""

    hub: Hub

    def call(
        self, me: tuple[str, str], query: str, denied: Literal["refuse", "null"] = "refuse", **variables: Any
    ) -> Call:
        document = self.hub.documents.read(query, None, variables)
        who = identity(*me)
        entitlements = self.hub.entitlements(who.unit, who.purpose)
        plan = plan_of(self.hub, document, entitlements, denied)
        return read_call(self.hub, who, "request", document, plan, entitlements)

    def refused(self, me: tuple[str, str], query: str, **variables: Any) -> HubError:
        with pytest.raises((RefusalError, RefusedError)) as found:
            self.call(me, query, **variables)
        if isinstance(found.value, RefusedError):
            return found.value.errors[0]
        assert isinstance(found.value, HubError)
        return found.value

    def id(self, me: tuple[str, str], type_name: str, key: str) -> str:
        return self.hub.seals.of(me[0]).identify(type_name, key)


@pytest.fixture(scope="module")
def reading() -> Reading:
    return Reading(compose({}, NoLog()))


def test_a_page_that_names_no_size_has_the_default_size(reading: Reading) -> None:
    call = reading.call(BUREAU, "{ children { edges { node { name } } } }")
    [wish] = call.wishes.values()
    assert wish is not None
    assert (call.asked[wish.reach.number].first, wish.key, wish.after) == (PAGE_DEFAULT, None, None)


def test_arguments_of_nested_fields_are_read_where_they_stand(reading: Reading) -> None:
    query = "{ children(first: 3) { edges { node { guardians(first: 4) { edges { node { name } } } } } } }"
    call = reading.call(BUREAU, query)
    assert [call.asked[number].first for number in sorted(call.asked)] == [3, 4]


@pytest.mark.parametrize("first", [0, 101, -3])
def test_a_page_too_large_or_empty_is_refused_at_any_depth(reading: Reading, first: int) -> None:
    nested = "query ($n: Int) { children { edges { node { guardians(first: $n) { edges { node { name } } } } } } }"
    for query in ("query ($n: Int) { children(first: $n) { edges { node { name } } } }", nested):
        error = reading.refused(BUREAU, query, n=first)
        assert (error.code, error.facts["argument"]) == ("INVALID_INPUT", "first")


def cost(reading: Reading, query: str) -> int:
    """What the hub reckons: the limit one below it is refused with the number."""
    hub = reading.hub
    kept = hub.limits
    try:
        hub.limits = kept.model_copy(update={"cost": 0})
        error = reading.refused(BUREAU, query)
    finally:
        hub.limits = kept
    assert error.code == "TOO_COMPLEX"
    assert error.facts["maximum"] == 0
    return int(error.facts["value"])


def test_a_page_costs_its_rows_times_its_fields_and_one_for_the_row(reading: Reading) -> None:
    assert cost(reading, "{ children(first: 10) { edges { node { name sex } } } }") == 10 * 3
    assert cost(reading, "{ children(first: 10) { edges { node { name again: name } } } }") == 10 * 2


def test_nested_pages_multiply_and_roots_add_up(reading: Reading) -> None:
    nested = "children(first: 10) { edges { node { name guardians(first: 5) { edges { node { name } } } } } }"
    assert cost(reading, f"{{ {nested} }}") == 10 * (2 + 5 * 2)
    assert cost(reading, f"{{ {nested} b: {nested} }}") == 2 * 10 * (2 + 5 * 2)


def test_a_cost_at_the_limit_passes_and_one_above_does_not(reading: Reading) -> None:
    hub, query = reading.hub, "{ children(first: 10) { edges { node { name } } } }"
    kept = hub.limits
    try:
        hub.limits = kept.model_copy(update={"cost": 20})
        reading.call(BUREAU, query)
        hub.limits = kept.model_copy(update={"cost": 19})
        assert reading.refused(BUREAU, query).facts == {"limit": "cost", "value": 20, "maximum": 19}
    finally:
        hub.limits = kept


def test_the_deepest_query_that_the_page_limit_allows_is_too_complex(reading: Reading) -> None:
    link = "enrolments(first: 100) { edges { node { dropoutRecords(first: 100) { edges { node { status } } } } } }"
    query = f"{{ children(first: 100) {{ edges {{ node {{ {link} }} }} }} }}"
    assert reading.refused(SCHOOLS, query).code == "TOO_COMPLEX"


def test_a_child_is_looked_up_by_an_id_of_the_caller(reading: Reading) -> None:
    query = "query ($id: ID) { child(id: $id) { name } }"
    call = reading.call(BUREAU, query, id=reading.id(BUREAU, "Child", "DA001"))
    wish = call.wishes["child"]
    assert wish is not None and wish.key == "DA001"
    assert reading.refused(BUREAU, query, id=reading.id(TOWN, "Child", "DA001")).code == "INVALID_INPUT"


def test_an_id_of_another_type_is_no_childs(reading: Reading) -> None:
    error = reading.refused(
        BUREAU, "query ($id: ID) { child(id: $id) { name } }", id=reading.id(BUREAU, "Guardian", "G1")
    )
    assert error.message == "`id` is the id of a `Guardian`, not of a `Child`"


def test_child_takes_one_of_id_and_number(reading: Reading) -> None:
    query = "query ($id: ID, $number: CitizenId) { child(id: $id, citizenId: $number) { name } }"
    both = {"id": reading.id(BUREAU, "Child", "DA001"), "number": "11010519491231002X"}
    for variables in ({}, both):
        assert reading.refused(BUREAU, query, **variables).code == "INVALID_INPUT"


def test_a_number_is_looked_up_as_a_filter_on_what_is_read_in_clear(reading: Reading) -> None:
    query = "query ($number: CitizenId) { child(citizenId: $number) { name } }"
    call = reading.call(BUREAU, query, number="11010519491231002X")
    wish = call.wishes["child"]
    assert wish is not None and wish.key is None
    assert call.asked[wish.reach.number].values == ("11010519491231002X",)
    error = reading.refused(SCHOOLS, query, number="11010519491231002X")
    assert (error.code, error.facts["coordinate"]) == ("NOT_ENTITLED", "Child.citizenId")


@pytest.mark.parametrize(
    "argument",
    [
        'filter: {citizenId: {eq: "11010519491231002X"}}',
        'filter: {not: {or: [{citizenId: {eq: "11010519491231002X"}}]}}',
        "filter: {citizenId: {isNull: true}}",
        "orderBy: [{field: CITIZEN_ID}]",
    ],
)
def test_a_filter_or_an_order_on_what_is_only_masked_is_refused(reading: Reading, argument: str) -> None:
    error = reading.refused(SCHOOLS, f"{{ children({argument}) {{ edges {{ node {{ name citizenId }} }} }} }}")
    assert (error.code, error.facts["coordinate"]) == ("NOT_ENTITLED", "Child.citizenId")


def test_a_denied_filter_is_refused_in_null_mode_as_an_error_beside_the_data(reading: Reading) -> None:
    query = "{ children(filter: {livesAlone: {eq: true}}) { edges { node { name } } } }"
    call = reading.call(SCHOOLS, query, "null")
    assert [error.facts["coordinate"] for error in call.errors] == ["Child.livesAlone"]


PAGE = "query ($after: String) { children(first: 2, after: $after, orderBy: [{field: NAME}]) { edges { cursor } } }"


def cursor(reading: Reading, me: tuple[str, str], query: str) -> str:
    from hub.batch import cursor_query

    [wish] = reading.call(me, query).wishes.values()
    assert wish is not None
    bound = cursor_query(me[1], wish.reach, wish.asked[wish.reach.number], None)
    return reading.hub.seals.of(me[0]).cursor(bound, ("李",), "DA001")


def test_a_page_goes_on_from_a_cursor_of_the_same_query(reading: Reading) -> None:
    [wish] = reading.call(BUREAU, PAGE, after=cursor(reading, BUREAU, PAGE)).wishes.values()
    assert wish is not None and wish.after is not None
    assert (wish.after.order, wish.after.key) == (("李",), "DA001")


def test_the_page_size_may_change_between_pages(reading: Reading) -> None:
    larger = PAGE.replace("first: 2", "first: 50")
    [wish] = reading.call(BUREAU, larger, after=cursor(reading, BUREAU, PAGE)).wishes.values()
    assert wish is not None and wish.after is not None


def test_a_cursor_of_another_unit_purpose_order_or_filter_is_refused(reading: Reading) -> None:
    mine = cursor(reading, BUREAU, PAGE)
    other_order = PAGE.replace("NAME", "BIRTH_DATE")
    other_filter = PAGE.replace("first: 2", 'first: 2, filter: {name: {eq: "李"}}')
    asked = [
        (TOWN, PAGE),
        (("civil_affairs_bureau", "guardianship_protection"), PAGE),
        (BUREAU, other_order),
        (BUREAU, other_filter),
    ]
    for me, query in asked:
        error = reading.refused(me, query, after=mine)
        assert (error.code, error.facts["argument"]) == ("INVALID_INPUT", "after")


def test_a_node_of_a_type_that_is_closed_is_a_row_that_does_not_exist(reading: Reading) -> None:
    call = reading.call(
        SCHOOLS, "query ($id: ID!) { node(id: $id) { id } }", id=reading.id(SCHOOLS, "CriminalCase", "X1")
    )
    assert call.wishes == {"node": None}


def test_a_grouping_that_is_no_declared_table_refuses_no_coordinate(reading: Reading) -> None:
    query = (
        '{ aggregate(by: ["AssistanceRecord.kind", "AssistanceRecord.providerUnit", "Child.divisionCode"]) { total } }'
    )
    call = reading.call(("finance_bureau", "support_planning"), query, "null")
    assert [error.code for error in call.errors] == ["DISCLOSURE_LIMIT"]
    assert refused_coordinates(call) == set()


def test_what_is_denied_is_named_wherever_it_stands(reading: Reading) -> None:
    query = "{ children(filter: {guardianshipType: {eq: NONE}}) { edges { node { id citizenId } } } }"
    call = reading.call(("womens_federation", "care_service"), query, "null")
    assert refused_coordinates(call) == {"Child.guardianshipType", "Child.citizenId"}
