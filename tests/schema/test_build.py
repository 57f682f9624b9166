from __future__ import annotations

import os
from pathlib import Path

import pytest
import strawberry
from graphql import GraphQLObjectType, GraphQLSchema, build_schema, parse, validate, validate_schema

import schema
from schema.build import core, sdl
from schema.build import whole as whole_without_steps
from schema.facts import UnplannedError

SNAPSHOT = Path(schema.__file__).parent / "schema.graphql"


def test_the_checked_in_text_is_that_of_the_schema(whole: GraphQLSchema) -> None:
    """`HUB_BLESS=1` writes it anew; the difference is to be read before it is committed."""
    if os.environ.get("HUB_BLESS") == "1":
        SNAPSHOT.write_text(sdl(whole), encoding="utf-8")
    assert SNAPSHOT.read_text(encoding="utf-8") == sdl(whole)


def test_the_schema_is_valid_and_its_text_makes_the_same_schema(whole: GraphQLSchema) -> None:
    assert validate_schema(whole) == []
    assert sdl(build_schema(sdl(whole))) == sdl(whole)


def test_strawberry_and_graphql_core_have_the_same_types() -> None:
    assert sdl(build_schema(core().as_str())) == sdl(whole_without_steps())


def test_everything_is_described(whole: GraphQLSchema) -> None:
    silent = [name for name, found in whole.type_map.items() if not found.description]
    silent += [
        f"{name}.{field}"
        for name, found in whole.type_map.items()
        if isinstance(found, GraphQLObjectType) and not name.startswith("__")
        for field, member in found.fields.items()
        if not member.description
    ]
    assert silent == []


def test_without_steps_there_is_no_mutation_and_without_types_told_of_no_subscription() -> None:
    assert whole_without_steps().mutation_type is None
    assert whole_without_steps().subscription_type is None


def test_an_unknown_field_is_refused_without_a_suggestion() -> None:
    result = core().execute_sync("{ childs { id } }")
    assert result.errors is not None
    assert "Did you mean" not in result.errors[0].message


def test_no_resolver_answers_a_query() -> None:
    result = core().execute_sync("{ children { pageInfo { hasNextPage } } }")
    assert result.data is None or result.data["children"] is None
    assert result.errors is not None
    assert isinstance(result.errors[0].original_error, UnplannedError)


def test_strawberry_answers_introspection() -> None:
    result = core().execute_sync('{ __type(name: "Child") { fields { name } } }')
    assert result.errors is None
    assert result.data is not None
    assert {"name": "birthDate"} in result.data["__type"]["fields"]
    assert isinstance(core(), strawberry.Schema)


@pytest.mark.parametrize(
    "document",
    [
        "{me {unit unitNameZh unitNameEn key operator division institution purpose purposes case policyVersion}}",
        '{catalogue(type: "Child") {coordinate type field nameZh nameEn owner category sensitivity mask standard '
        "clause gqlType held masked scopes rules}}",
        '{aggregate(by: ["Child.divisionCode"]) {cells {keys {coordinate value} value suppressed} total}}',
        '{aggregate(by: [], measure: "AssistanceRecord.amount", where: {divisionCode: "120114101"}) {total}}',
        '{node(id: "x") {id __typename ... on Incident {findings assessments {edges {node {riskLevel}}}}}}',
        "{reconciliationItems(first: 5) {edges {cursor node {sourceValues {source value} child {name}}}}}",
        "{mandatoryReports {edges {node {incident {measures}}} pageInfo {endCursor hasPreviousPage startCursor}}}",
    ],
)
def test_queries_of_the_interface_are_valid(whole: GraphQLSchema, document: str) -> None:
    assert validate(whole, parse(document)) == []
