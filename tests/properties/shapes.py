"""Schema, principal -> what a generated document may be made of: literals, links, roots."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from graphql import GraphQLObjectType, GraphQLSchema, get_named_type

from tests.support.rights import scopes
from tests.support.sight import Sight
from tests.support.world import FIELDS, TYPES


def literal(value: Any) -> str:
    """A value as a GraphQL literal (no enum)."""
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    return json.dumps(value, ensure_ascii=False)


def enum_literal(value: Any) -> str:
    """An enum value, or a list of them, as a literal."""
    return f"[{', '.join(value)}]" if isinstance(value, list) else str(value)


@cache
def links_of(schema: GraphQLSchema, type_name: str) -> dict[str, str]:
    """Links of a type -> the type they lead to."""
    named = schema.type_map[type_name]
    assert isinstance(named, GraphQLObjectType)
    found = {}
    for name, definition in named.fields.items():
        target = get_named_type(definition.type).name.removesuffix("Connection")
        if target in TYPES:
            found[name] = target
    return found


@cache
def roots_of(schema: GraphQLSchema, sight: Sight) -> list[str]:
    """Root fields that the principal may ask, those with rows more often than not."""
    query = schema.query_type
    assert query is not None
    names = []
    for name, definition in query.fields.items():
        target = get_named_type(definition.type).name.removesuffix("Connection")
        if target in TYPES and target != "AccessLogEntry" and sight.opens(target):
            names.append(name)
    return [*names, "node"] if names else []


def variable_list(operation: Mapping[str, str]) -> str:
    """``($v1: Int, ...)``, or nothing."""
    return f"({', '.join(f'${name}: {type_}' for name, type_ in operation.items())})" if operation else ""


@cache
def weighted(schema: GraphQLSchema, sights: tuple[Sight, ...]) -> Sequence[Sight]:
    """The principals: those who see many types, and fields of one row under several scopes, more often than others."""
    return [sight for sight in sights for _ in range(len(roots_of(schema, sight)) * (4 if varied(sight) else 1))]


@cache
def fields_of(type_name: str) -> Sequence[str]:
    """Names of the fields of a type."""
    every = (coordinate.partition(".") for coordinate in FIELDS)
    return [name for owner, _, name in every if owner == type_name]


@cache
def held(sight: Sight, type_name: str) -> Sequence[str]:
    """Fields of the type that the principal reads, clear or masked."""
    return [name for name in fields_of(type_name) if sight.selectable(f"{type_name}.{name}")]


@cache
def varied(sight: Sight) -> bool:
    """Whether some row may show the principal one field and not another of its type."""
    for type_name in TYPES:
        clear = {scopes(sight.me, name, "read") for name in FIELDS if name.startswith(f"{type_name}.")}
        if len(clear - {()}) > 1:
            return True
    return False
