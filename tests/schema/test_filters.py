from __future__ import annotations

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLNonNull,
    GraphQLSchema,
    get_variable_values,
    parse,
    validate,
)

from schema.catalogue import CATALOGUE, TYPES, fields_of
from schema.conditions import OPERATORS
from schema.filters import UNFILTERED, filter_fields, order_coordinate, sortable, upper_snake


def _input(whole: GraphQLSchema, name: str) -> GraphQLInputObjectType:
    found = whole.type_map[name]
    assert isinstance(found, GraphQLInputObjectType)
    return found


def _members(whole: GraphQLSchema, name: str) -> dict[str, str]:
    return {member: str(field.type) for member, field in _input(whole, name).fields.items()}


def test_the_table_of_a_filter_and_its_input_have_the_same_members(whole: GraphQLSchema) -> None:
    for type_name in TYPES:
        assert list(filter_fields(type_name)) == list(_input(whole, f"{type_name}Filter").fields)


def test_each_filter_member_has_the_operators_of_its_kind(whole: GraphQLSchema) -> None:
    for type_name in TYPES:
        for member, (_, kind) in filter_fields(type_name).items():
            held = str(_input(whole, f"{type_name}Filter").fields[member].type)
            if kind == "group":
                assert held == (f"{type_name}Filter" if member == "not" else f"[{type_name}Filter!]")
            else:
                assert list(_input(whole, held).fields) == list(OPERATORS[kind])


def test_every_coordinate_can_be_filtered_but_ids_derived_fields_and_others_parts() -> None:
    named = {coordinate for type_name in TYPES for coordinate, _ in filter_fields(type_name).values()} - {None}
    assert named == set(CATALOGUE) - UNFILTERED
    assert set(CATALOGUE) >= UNFILTERED


@pytest.mark.parametrize(
    ("name", "members"),
    [
        (
            "StringCondition",
            {"eq": "String", "in": "[String!]", "contains": "String", "startsWith": "String", "isNull": "Boolean"},
        ),
        ("SexCondition", {"eq": "Sex", "in": "[Sex!]", "isNull": "Boolean"}),
        ("ConcernKindListCondition", {"has": "[ConcernKind!]", "isNull": "Boolean"}),
        ("BooleanCondition", {"eq": "Boolean", "isNull": "Boolean"}),
        ("CitizenIdCondition", {"eq": "CitizenId", "in": "[CitizenId!]", "isNull": "Boolean"}),
        (
            "DivisionCodeCondition",
            {"eq": "DivisionCode", "in": "[DivisionCode!]", "under": "DivisionCode", "isNull": "Boolean"},
        ),
        (
            "DateCondition",
            {**dict.fromkeys(("eq", "gte", "lte", "gt", "lt"), "Date"), "in": "[Date!]", "isNull": "Boolean"},
        ),
        ("AgeRange", {"gte": "Int", "lte": "Int"}),
    ],
)
def test_operators_take_the_type_of_their_field(whole: GraphQLSchema, name: str, members: dict[str, str]) -> None:
    assert _members(whole, name) == members


def test_every_member_of_every_filter_may_be_null_or_absent(whole: GraphQLSchema) -> None:
    for found in whole.type_map.values():
        if isinstance(found, GraphQLInputObjectType) and not found.name.endswith(("Order", "Input", "Item")):
            assert not [name for name, field in found.fields.items() if isinstance(field.type, GraphQLNonNull)]


def test_only_children_are_filtered_by_age_which_looks_at_the_birth_date() -> None:
    assert filter_fields("Child")["age"] == ("Child.birthDate", "age")
    assert [type_name for type_name in TYPES if "age" in filter_fields(type_name)] == ["Child"]


def test_orders_name_the_filterable_coordinates_that_hold_one_value(whole: GraphQLSchema) -> None:
    for type_name in TYPES:
        values = whole.type_map[f"{type_name}OrderField"]
        assert isinstance(values, GraphQLEnumType)
        told = [order_coordinate(type_name, value) for value in values.values]
        assert told == [
            found.coordinate
            for found in fields_of(type_name)
            if found.coordinate not in UNFILTERED and not found.gql_type.startswith("[")
        ]
        assert told == [found.coordinate for found in sortable(type_name)]
        assert _members(whole, f"{type_name}Order") == {"field": f"{type_name}OrderField!", "direction": "Direction"}


def test_an_order_that_is_none_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        order_coordinate("Child", "RISK_FLAGS")


@pytest.mark.parametrize(
    ("field", "value"), [("name", "NAME"), ("birthDate", "BIRTH_DATE"), ("unexcusedDays", "UNEXCUSED_DAYS")]
)
def test_order_values_are_upper_snake(field: str, value: str) -> None:
    assert upper_snake(field) == value


def test_a_filter_reaches_the_plan_as_dicts_of_names_with_ascending_as_the_usual_direction(
    whole: GraphQLSchema,
) -> None:
    document = parse("query($f: ChildFilter, $o: [ChildOrder!]) {children(filter: $f, orderBy: $o) {edges {cursor}}}")
    assert validate(whole, document) == []
    given = {"and": [{"age": {"gte": 6}}, {"not": {"sex": {"in": ["MALE"]}}}], "divisionCode": {"under": "120114101"}}
    definitions = document.definitions[0].variable_definitions  # type: ignore[attr-defined]
    values = get_variable_values(whole, definitions, {"f": given, "o": [{"field": "BIRTH_DATE"}]})
    assert not isinstance(values, list)
    assert values.coerced == {"f": given, "o": [{"field": "BIRTH_DATE", "direction": "ASC"}]}
