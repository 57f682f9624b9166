"""Selection on values that are at hand -> Shape: which members, under which names; and values by a shape -> JSON.

Guarantee: what is laid out is what graphql-core's executor answers of the same values, which are as JSON has them and
of one type each: no interface, no scalar that is written otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphql import FieldNode, GraphQLObjectType, SelectionSetNode, get_named_type

Collect: TypeAlias = Callable[[GraphQLObjectType, Iterable[SelectionSetNode]], Mapping[str, list[FieldNode]]]
"""Fields by response key, as the specification collects them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of an object: its response key, whose value it is, and what of that; ``text``: it is this, always."""

    key: str
    name: str
    text: str | None = None
    below: Shape | None = None


Shape: TypeAlias = tuple[Member, ...]


def shape_of(named: GraphQLObjectType, nodes: Iterable[FieldNode], collect: Collect) -> Shape:
    """What the nodes select of a value of this type."""
    sets = [node.selection_set for node in nodes if node.selection_set is not None]
    return tuple(_member(named, key, found, collect) for key, found in collect(named, sets).items())


def _member(named: GraphQLObjectType, key: str, nodes: list[FieldNode], collect: Collect) -> Member:
    name = nodes[0].name.value
    if name == "__typename":
        return Member(key=key, name=name, text=named.name)
    type_ = get_named_type(named.fields[name].type)
    below = shape_of(type_, nodes, collect) if isinstance(type_, GraphQLObjectType) else None
    return Member(key=key, name=name, below=below)


def laid_out(shape: Shape, value: Any) -> Any:
    """The value, or each of a list, by the shape; null stays null."""
    if value is None:
        return None
    if isinstance(value, list):
        return [laid_out(shape, item) for item in value]
    return {member.key: _told(member, value) for member in shape}


def _told(member: Member, of: Mapping[str, Any]) -> Any:
    if member.below is not None:
        return laid_out(member.below, of[member.name])
    return of[member.name] if member.text is None else member.text
