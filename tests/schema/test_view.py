from __future__ import annotations

import time

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    get_introspection_query,
    graphql_sync,
    parse,
    validate,
    validate_schema,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.lifecycle.signatures import TOLD
from hub.lifecycle.steps import STEPS
from schema.build import sdl
from schema.catalogue import CATALOGUE, LINKS, ROOTS, TYPES
from schema.filters import filter_fields, order_coordinate
from schema.subscriptions import OVERDUE, field_name
from schema.view import view

EVERY = frozenset(CATALOGUE)
NONE: frozenset[str] = frozenset()

# A few types in whole and single fields of others, as grants are.
_wholes = st.sets(st.sampled_from(TYPES), max_size=3).map(
    lambda names: {name for name, found in CATALOGUE.items() if found.type_name in names}
)
_singles = st.sets(st.sampled_from(sorted(CATALOGUE)), max_size=12)
_coordinates = st.builds(lambda wholes, singles: frozenset(wholes | singles), _wholes, _singles)


TOLD_OF = frozenset({OVERDUE, *map(field_name, TOLD)})


def _object(found: GraphQLSchema, name: str) -> GraphQLObjectType:
    held = found.type_map[name]
    assert isinstance(held, GraphQLObjectType)
    return held


def _opened(allowed: frozenset[str]) -> set[str]:
    return {CATALOGUE[name].type_name for name in allowed}


def test_a_caller_of_everything_sees_the_whole(whole: GraphQLSchema) -> None:
    assert sdl(view(whole, EVERY, EVERY, steps=frozenset(STEPS), told=TOLD_OF)) == sdl(whole)


def test_a_caller_of_nothing_sees_itself_and_the_catalogue(whole: GraphQLSchema) -> None:
    found = view(whole, NONE, NONE)
    assert validate_schema(found) == []
    assert set(_object(found, "Query").fields) == {"me", "catalogue"}
    assert {name for name in found.type_map if not name.startswith("__")} == {
        "Query", "Me", "Overdue", "Waiting", "CatalogueField", "Purpose", "String", "Boolean", "ID", "DateTime",
        "DivisionCode", "Quarter",
    }  # fmt: skip


def test_a_masked_field_is_seen_but_neither_filtered_nor_sorted(whole: GraphQLSchema) -> None:
    found = view(whole, frozenset({"Child.name", "Child.sex"}), frozenset({"Child.sex"}))
    assert set(_object(found, "Child").fields) == {"id", "name", "sex"}
    assert "name: StringCondition" not in sdl(found)
    assert (
        validate(found, parse("{children(filter: {sex: {eq: MALE}}, orderBy: [{field: SEX}]) {edges {cursor}}}")) == []
    )
    for closed in ('filter: {name: {eq: "x"}}', "orderBy: [{field: NAME}]", "filter: {age: {gte: 6}}"):
        document = parse(f"{{children({closed}) {{edges {{cursor}}}}}}")
        assert validate(whole, document) == []
        assert validate(found, document) != []


def test_without_a_clear_field_there_is_no_filter_and_no_order_at_all(whole: GraphQLSchema) -> None:
    found = view(whole, frozenset({"Child.name"}), NONE)
    assert set(_object(found, "Query").fields["children"].args) == {"first", "after"}
    assert not [name for name in found.type_map if name.endswith(("Filter", "Order", "OrderField", "Condition"))]


def test_a_filter_on_age_is_open_with_the_birth_date(whole: GraphQLSchema) -> None:
    found = view(whole, frozenset({"Child.birthDate"}), frozenset({"Child.birthDate"}))
    assert validate(found, parse("{children(filter: {not: {age: {lte: 6}}}) {edges {cursor}}}")) == []


def test_a_link_is_there_when_its_target_has_an_open_field(whole: GraphQLSchema) -> None:
    found = view(whole, frozenset({"Child.sex", "Guardian.kind", "Incident.findings"}), NONE)
    assert set(_object(found, "Child").fields) == {"id", "sex", "guardians", "incidents"}
    assert set(_object(found, "Query").fields) == {"me", "catalogue", "node", "child", "children", "incidents"}


def test_a_type_without_a_root_is_still_found_by_its_id(whole: GraphQLSchema) -> None:
    found = view(whole, frozenset({"Guardian.kind"}), NONE)
    assert validate(found, parse('{node(id: "x") {... on Guardian {kind}}}')) == []
    assert "Child" not in found.type_map


def test_vocabularies_that_nothing_uses_vanish(whole: GraphQLSchema) -> None:
    found = view(whole, frozenset({"Child.sex"}), frozenset({"Child.sex"}))
    enums = {name for name, held in found.type_map.items() if isinstance(held, GraphQLEnumType)}
    assert {name for name in enums if not name.startswith("__")} == {"Sex", "Purpose", "Direction", "ChildOrderField"}


def test_aggregate_is_open_to_who_counts_without_reading(whole: GraphQLSchema) -> None:
    found = view(whole, NONE, NONE, frozenset({"Child.divisionCode"}))
    assert set(_object(found, "Query").fields) == {"me", "catalogue", "aggregate"}
    assert "Child" not in found.type_map
    assert "aggregate" not in _object(view(whole, frozenset({"Child.name"}), NONE), "Query").fields


def test_introspection_of_a_view_names_nothing_that_is_closed(whole: GraphQLSchema) -> None:
    found = view(whole, frozenset({"Child.name", "Child.sex"}), frozenset({"Child.sex"}))
    result = graphql_sync(found, get_introspection_query(input_value_deprecation=True))
    assert result.errors is None
    told = repr(result.data)
    assert "'name': 'sex'" in told
    for closed in (
        "illnessType",
        "ILLNESS_TYPE",
        "患病类型",
        "Guardian",
        "accessLog",
        "RiskFlag",
    ):
        assert closed not in told
    assert "defaultValue': 'ASC'" in told


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(allowed=_coordinates, also_clear=_coordinates)
def test_whatever_is_granted_a_view_is_valid_and_holds_exactly_that(
    whole: GraphQLSchema, allowed: frozenset[str], also_clear: frozenset[str]
) -> None:
    clear = allowed & also_clear
    found = view(whole, allowed, clear)
    assert validate_schema(found) == []
    opened = _opened(allowed)
    for type_name in TYPES:
        assert (type_name in found.type_map) == (type_name in opened)
    for type_name in opened:
        expected = {"id"} | {CATALOGUE[name].field for name in allowed if CATALOGUE[name].type_name == type_name}
        expected |= {name for name, link in LINKS[type_name].items() if link.target in opened}
        assert set(_object(found, type_name).fields) == expected
    assert {name for name in _object(found, "Query").fields if name in ROOTS} == {
        name for name, target in ROOTS.items() if target in opened
    }
    _check_filters_and_orders(found, clear)


def _check_filters_and_orders(found: GraphQLSchema, clear: frozenset[str]) -> None:
    for type_name in TYPES:
        filters, orders = found.type_map.get(f"{type_name}Filter"), found.type_map.get(f"{type_name}OrderField")
        if filters is not None:
            assert isinstance(filters, GraphQLInputObjectType)
            named = {filter_fields(type_name)[member][0] for member in filters.fields} - {None}
            assert named
            assert named <= clear
        if orders is not None:
            assert isinstance(orders, GraphQLEnumType)
            assert orders.values
            assert {order_coordinate(type_name, value) for value in orders.values} <= clear


@pytest.mark.parametrize("allowed", [EVERY, frozenset(sorted(CATALOGUE)[::3])])
def test_equal_grants_give_equal_views(whole: GraphQLSchema, allowed: frozenset[str]) -> None:
    again = frozenset(sorted(allowed, reverse=True))
    assert sdl(view(whole, allowed, allowed)) == sdl(view(whole, again, again))
    assert list(view(whole, allowed, allowed).type_map) == list(view(whole, again, again).type_map)


def test_cutting_a_view_leaves_the_whole_as_it_was_and_is_quick(whole: GraphQLSchema) -> None:
    before = sdl(whole)
    spans = []
    for _ in range(5):
        start = time.perf_counter()
        view(whole, EVERY, EVERY)
        spans.append(time.perf_counter() - start)
    assert min(spans) < 0.05
    assert sdl(whole) == before
