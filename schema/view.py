"""Whole schema, coordinates that a caller may use -> the schema that this caller sees.

Guarantee: nothing in a view names a field, link, root, filter or order that the given coordinates do not open. A view
is pure in its arguments, so equal arguments give equal text; parts that every view has alike are shared, never copied.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, cast

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLType,
)

from schema.catalogue import CATALOGUE, LINKS, ROOTS, TYPES
from schema.filters import filter_fields, order_coordinate

_Type = TypeVar("_Type", bound=GraphQLType)

_FILTERS = {f"{type_name}Filter": type_name for type_name in TYPES}
_ORDERS = {f"{type_name}Order": type_name for type_name in TYPES}


def view(
    schema: GraphQLSchema,
    allowed: frozenset[str],
    clear: frozenset[str],
    aggregated: frozenset[str] = frozenset(),
    steps: frozenset[str] = frozenset(),
    told: frozenset[str] = frozenset(),
) -> GraphQLSchema:
    """The part of ``schema`` that the coordinates open, the steps, and what one is told of.

    ``allowed``: read in clear or masked, they open fields, and with them types, links and roots. ``clear``: read in
    clear, they open filters and orders. ``aggregated``: counted without being read; with ``clear`` they open
    ``aggregate``. ``me`` and ``catalogue`` are in every view. ``steps``: fields of ``Mutation``; ``told``: of
    ``Subscription``.
    """
    cut = _Cut(schema=schema, allowed=allowed, clear=clear, aggregated=aggregated, steps=steps | told)
    query, mutation, subscription = schema.query_type, schema.mutation_type, schema.subscription_type
    assert query is not None
    return GraphQLSchema(
        query=cut.named(query),
        mutation=cut.named(mutation) if mutation is not None and steps else None,
        subscription=cut.named(subscription) if subscription is not None and told else None,
        types=[cut.named(schema.type_map[type_name]) for type_name in TYPES if type_name in cut.opened],
        directives=schema.directives,
        description=schema.description,
        assume_valid=True,
    )


@dataclass(slots=True, kw_only=True)
class _Cut:
    """One view in the making: each type is cut once, when something that stays first leads to it."""

    schema: GraphQLSchema
    allowed: frozenset[str]
    clear: frozenset[str]
    aggregated: frozenset[str]
    steps: frozenset[str]
    opened: frozenset[str] = frozenset()
    done: dict[str, GraphQLNamedType] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.opened = frozenset(CATALOGUE[name].type_name for name in self.allowed if name in CATALOGUE)

    def named(self, found: _Type) -> _Type:
        """The type as the view has it; scalars and vocabularies are the whole schema's own."""
        assert isinstance(found, GraphQLNamedType)
        if found.name not in self.done:
            self.done[found.name] = self._cut(found)
        return cast("_Type", self.done[found.name])

    def _cut(self, found: GraphQLNamedType) -> GraphQLNamedType:
        match found:
            case GraphQLObjectType():
                return self._object(found)
            case GraphQLInterfaceType():
                return GraphQLInterfaceType(found.name, lambda: self._fields(found), description=found.description)
            case GraphQLInputObjectType():
                return GraphQLInputObjectType(found.name, lambda: self._members(found), description=found.description)
            case GraphQLEnumType() if found.name.removesuffix("OrderField") in TYPES:
                return self._order_values(found, found.name.removesuffix("OrderField"))
        return found

    def _object(self, found: GraphQLObjectType) -> GraphQLObjectType:
        return GraphQLObjectType(
            found.name,
            lambda: self._fields(found),
            interfaces=lambda: [self.named(interface) for interface in found.interfaces],
            description=found.description,
        )

    def _fields(self, parent: GraphQLObjectType | GraphQLInterfaceType) -> dict[str, GraphQLField]:
        return {
            name: GraphQLField(self._wrapped(found.type), args=self._arguments(found), description=found.description)
            for name, found in parent.fields.items()
            if self._opens(parent.name, name, found)
        }

    def _opens(self, parent: str, name: str, found: GraphQLField) -> bool:
        if parent == "Query":
            return self._opens_root(name)
        if parent in ("Mutation", "Subscription"):
            return name in self.steps
        if parent.endswith(("Step", "Change")):
            target = _innermost(found.type).name
            return target not in TYPES or target in self.opened
        if parent not in LINKS or name == "id":
            return True
        link = LINKS[parent].get(name)
        return link.target in self.opened if link else f"{parent}.{name}" in self.allowed

    def _opens_root(self, name: str) -> bool:
        if name == "aggregate":
            return bool(self.clear or self.aggregated)
        if name == "node":
            return bool(self.opened)
        target = "Child" if name == "child" else ROOTS.get(name)
        return target is None or target in self.opened

    def _arguments(self, found: GraphQLField) -> dict[str, GraphQLArgument]:
        return {
            name: GraphQLArgument(
                self._wrapped(argument.type), default=argument.default, description=argument.description
            )
            for name, argument in found.args.items()
            if self._usable(argument.type)
        }

    def _usable(self, found: GraphQLType) -> bool:
        """Whether a filter or order has anything left to name; anything else is usable."""
        name = _innermost(found).name
        if name in _FILTERS:
            return any(coordinate in self.clear for coordinate, _ in filter_fields(_FILTERS[name]).values())
        if name in _ORDERS:
            return bool(self._order_names(_ORDERS[name]))
        return True

    def _members(self, parent: GraphQLInputObjectType) -> dict[str, GraphQLInputField]:
        named = filter_fields(_FILTERS[parent.name]) if parent.name in _FILTERS else {}
        return {
            name: GraphQLInputField(self._wrapped(found.type), default=found.default, description=found.description)
            for name, found in parent.fields.items()
            if name not in named or named[name][0] is None or named[name][0] in self.clear
        }

    def _order_names(self, type_name: str) -> list[str]:
        values = cast("GraphQLEnumType", self.schema.type_map[f"{type_name}OrderField"]).values
        return [name for name in values if order_coordinate(type_name, name) in self.clear]

    def _order_values(self, found: GraphQLEnumType, type_name: str) -> GraphQLEnumType:
        values = {name: found.values[name] for name in self._order_names(type_name)}
        return GraphQLEnumType(found.name, values, description=found.description)

    def _wrapped(self, found: _Type) -> _Type:
        match found:
            case GraphQLNonNull():
                return cast("_Type", GraphQLNonNull(self._wrapped(found.of_type)))
            case GraphQLList():
                return cast("_Type", GraphQLList(self._wrapped(found.of_type)))
        return self.named(found)


def _innermost(found: GraphQLType) -> GraphQLNamedType:
    while isinstance(found, GraphQLNonNull | GraphQLList):
        found = found.of_type
    return cast("GraphQLNamedType", found)
