"""Types -> the whole schema, as Strawberry's and as graphql-core's, and its text.

The two differ in one point. Strawberry's (``core``) knows the Python classes and will run mutations and subscriptions.
graphql-core's (``whole``) is built from its text: enums are their names, inputs are dicts, nothing has a resolver; it
is what documents are validated against, what views are cut from, and what a plain executor can run over dicts.
"""

from __future__ import annotations

from typing import TypeGuard

import strawberry
from graphql import GraphQLNamedType, GraphQLScalarType, GraphQLSchema, build_schema, print_schema
from strawberry.schema.config import StrawberryConfig

from schema.nouns import NOUNS
from schema.roots import Query
from schema.scalars import SCALARS


def core() -> strawberry.Schema:
    """The schema as Strawberry has it."""
    config = StrawberryConfig(disable_field_suggestions=True, scalar_map=dict(SCALARS))
    return strawberry.Schema(query=Query, types=NOUNS, config=config)


def whole() -> GraphQLSchema:
    """The whole schema: every type, field, filter and root.

    Suggestions belong to validation, not to the schema: give ``hide_suggestions`` to graphql-core's ``validate`` and
    ``get_variable_values``.
    """
    schema = build_schema(core().as_str())
    parsers = {definition.name: definition for definition in SCALARS.values()}
    for name, found in schema.type_map.items():
        if name in parsers and _is_scalar(found):
            definition = parsers[name]
            # Text carries no behaviour: what a scalar accepts and shows is put back.
            found.parse_value = definition.parse_value
            found.serialize = definition.serialize
    return schema


def sdl(schema: GraphQLSchema) -> str:
    """The schema as text, types in a fixed order."""
    return print_schema(schema) + "\n"


def _is_scalar(found: GraphQLNamedType) -> TypeGuard[GraphQLScalarType]:
    return isinstance(found, GraphQLScalarType)
