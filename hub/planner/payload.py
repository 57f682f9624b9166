"""A mutation -> Payload: the step that it names, its arguments, and the plan of what it answers with.

Guarantee: the plan is made before the step is taken, so a coordinate that the caller may not read refuses the whole
while nothing is written yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    get_named_type,
)
from graphql.execution.values import VariableValues, get_argument_values

from hub.entitlements import Entitlements
from hub.errors import RefusalError, RefusedError
from hub.planner import plan as p
from hub.planner.compile import Compiler, Nodes
from hub.wording import unbound
from schema.catalogue import TYPES
from schema.mutations import INPUT


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a step tells of itself: a field of its answer that is no row; ``fields``: (response key, name) below it."""

    key: str
    name: str
    fields: tuple[tuple[str, str], ...] = ()


Entry: TypeAlias = Told | p.RowsRoot | p.Denied | p.Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """One step of an operation: its response key, its name, its input, its answer's layout and plan.

    ``words``: response keys of ``__typename`` beside it.
    """

    key: str
    step: str
    given: Mapping[str, Any] = field(repr=False)
    entries: tuple[Entry, ...]
    plan: p.Plan
    words: tuple[str, ...]


def compile_payload(
    *,
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: VariableValues,
    entitled: Callable[[str], object],
    entitlements: Entitlements,
    refuse: bool,
) -> Payload:
    """The one step of the operation; INVALID_DOCUMENT if there is none, or another one beside it.

    ``entitled`` raises if the caller may not take the step of that name.
    """
    compiler = Compiler(schema=schema, entitlements=entitlements, fragments=fragments, variables=variables)
    mutation = schema.mutation_type
    assert mutation is not None
    found = compiler.collect(mutation, [operation.selection_set])
    steps = {key: nodes for key, nodes in found.items() if nodes[0].name.value != "__typename"}
    if len(steps) != 1:
        # Steps do not share a transaction: an answer that is half done could be taken for done, or for not done.
        raise RefusedError(
            RefusalError("INVALID_DOCUMENT", f"an operation takes one step, this one names {len(steps)}")
        )
    [(key, nodes)] = steps.items()
    entitled(nodes[0].name.value)
    definition = mutation.fields[nodes[0].name.value]
    given = _given(definition, nodes[0], variables)
    entries = entries_of(compiler, get_named_type(definition.type), nodes, key)
    roots = tuple(entry for entry in entries if not isinstance(entry, Told))
    return Payload(
        key=key,
        step=nodes[0].name.value,
        given=given,
        entries=entries,
        plan=compiler.plan(roots, refuse=refuse),
        words=tuple(name for name in found if name != key),
    )


def _given(definition: GraphQLField, node: FieldNode, variables: VariableValues) -> Any:
    try:
        return get_argument_values(definition, node, variables)[INPUT]
    except GraphQLError as error:
        raise unbound(error) from None


def entries_of(
    compiler: Compiler, named: object, nodes: Nodes, key: str, subject: str | None = None
) -> tuple[Entry, ...]:
    """What is selected of an answer that tells of a row; ``subject``: the row's type, where the field is ``Node``."""
    assert isinstance(named, GraphQLObjectType)
    sets = [node.selection_set for node in nodes if node.selection_set]
    found = compiler.collect(named, sets)
    return tuple(_entry(compiler, named, name, inner, (key, name), subject) for name, inner in found.items())


def _entry(
    compiler: Compiler, named: GraphQLObjectType, key: str, nodes: Nodes, path: tuple[str, ...], subject: str | None
) -> Entry:
    name = nodes[0].name.value
    if name == "__typename":
        return p.Word(key=key, text=named.name)
    definition = named.fields[name]
    target = get_named_type(definition.type)
    type_name = subject if target.name == "Node" and subject is not None else target.name
    if type_name in TYPES:
        if not compiler.entitlements.opens_type(type_name):
            return compiler.deny(key, f"{type_name}.*", path)
        reach = compiler.reach(type_name, "object", nodes, definition, None, path)
        return p.RowsRoot(key=key, name="row", reaches={type_name: reach})
    if not isinstance(target, GraphQLObjectType):
        return Told(key=key, name=name)
    below = compiler.collect(target, [node.selection_set for node in nodes if node.selection_set])
    return Told(key=key, name=name, fields=tuple((inner, each[0].name.value) for inner, each in below.items()))
