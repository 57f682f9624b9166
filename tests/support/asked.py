"""Document, principal -> Asked: every coordinate that an operation selects or names, whatever rows there are.

The oracle's own walk: which of them no grant opens (they refuse the whole, or are null), and which filters and sorts
name without being read in clear.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
)
from graphql.execution.values import VariableValues, get_argument_values, get_directive_values, get_variable_values
from graphql.type import GraphQLIncludeDirective, GraphQLSkipDirective

from tests.support.sight import Sight
from tests.support.world import FIELDS, TYPES


def column_of(value: str) -> str:
    """``BIRTH_DATE`` -> ``birthDate``."""
    head, *rest = value.lower().split("_")
    return head + "".join(part.capitalize() for part in rest)


@dataclass(slots=True, kw_only=True)
class Asked:
    """Every coordinate that the operation selects or names in arguments, whatever rows there are."""

    schema: GraphQLSchema
    sight: Sight
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: VariableValues
    denied: set[str] = field(default_factory=set)
    denied_arguments: set[str] = field(default_factory=set)

    @classmethod
    def of(
        cls,
        schema: GraphQLSchema,
        sight: Sight,
        document: DocumentNode,
        operation_name: str | None,
        variables: Mapping[str, Any],
    ) -> Asked:
        """Walks the operation that is executed."""
        operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        operation = next(
            node for node in operations if operation_name is None or (node.name and node.name.value == operation_name)
        )
        fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
        coerced = get_variable_values(schema, operation.variable_definitions or (), dict(variables))
        if isinstance(coerced, list):
            raise coerced[0]
        asked = cls(schema=schema, sight=sight, fragments=fragments, variables=coerced)
        query = schema.query_type
        assert query is not None
        asked.walk(query, operation.selection_set)
        return asked

    def walk(self, parent: GraphQLObjectType, selected: SelectionSetNode) -> None:
        """Selections on an object of type ``parent``."""
        for node in self._included(parent, selected):
            name = node.name.value
            if name.startswith("__"):
                continue
            if parent.name == "Query" and name == "node":
                self._walk_node(node)
            elif self._may(parent, node):
                self._arguments(parent, node)
                named = get_named_type(parent.fields[name].type)
                if node.selection_set and isinstance(named, GraphQLObjectType):
                    self.walk(named, node.selection_set)

    def _walk_node(self, node: FieldNode) -> None:
        for type_name in TYPES:
            named = self.schema.type_map[type_name]
            if self.sight.opens(type_name) and node.selection_set and isinstance(named, GraphQLObjectType):
                self.walk(named, node.selection_set)

    def _may(self, parent: GraphQLObjectType, node: FieldNode) -> bool:
        """Whether the field is open; if not, it is noted, and nothing below it is asked."""
        name = node.name.value
        target = get_named_type(parent.fields[name].type).name.removesuffix("Connection")
        if parent.name == "Query":
            return self._may_root(name, target, node)
        coordinate = f"{parent.name}.{name}"
        if parent.name not in TYPES:
            return True
        is_field = coordinate in FIELDS or name == "id"
        if self.sight.selectable(coordinate) if is_field else self.sight.opens(target):
            return True
        self.denied.add(coordinate)
        return False

    def _may_root(self, name: str, target: str, node: FieldNode) -> bool:
        if target not in TYPES:
            return True
        if not self.sight.opens(target):
            self.denied.add("Child.id" if name == "child" else f"{target}.*")
            return False
        looked_up = any(argument.name.value == "citizenId" for argument in node.arguments or ())
        if name == "child" and looked_up and not self.sight.askable("Child.citizenId"):
            self.denied.add("Child.citizenId")
            return False
        return True

    def _arguments(self, parent: GraphQLObjectType, node: FieldNode) -> None:
        definition = parent.fields[node.name.value]
        target = get_named_type(definition.type).name
        if not target.endswith("Connection"):
            return
        target = target.removesuffix("Connection")
        given = get_argument_values(definition, node, self.variables)
        named = set(_filtered(target, given.get("filter") or {}))
        named |= {f"{target}.{column_of(entry['field'])}" for entry in given.get("orderBy") or ()}
        self.denied_arguments |= {coordinate for coordinate in named if not self.sight.askable(coordinate)}

    def _included(self, parent: GraphQLObjectType, selected: SelectionSetNode) -> Iterator[FieldNode]:
        for node in selected.selections:
            skip = get_directive_values(GraphQLSkipDirective, node, self.variables)
            include = get_directive_values(GraphQLIncludeDirective, node, self.variables)
            if (skip and skip["if"]) or (include and not include["if"]):
                continue
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, FragmentSpreadNode):
                yield from self._of_fragment(parent, self.fragments[node.name.value])
            elif isinstance(node, InlineFragmentNode):
                yield from self._of_fragment(parent, node)

    def _of_fragment(
        self, parent: GraphQLObjectType, fragment: InlineFragmentNode | FragmentDefinitionNode
    ) -> Iterator[FieldNode]:
        condition = fragment.type_condition
        names = {parent.name, *(interface.name for interface in parent.interfaces)}
        if condition is None or condition.name.value in names:
            yield from self._included(parent, fragment.selection_set)


def _filtered(target: str, given: Mapping[str, Any]) -> Iterator[str]:
    for name, wanted in given.items():
        if wanted is None:
            continue
        if name in ("and", "or"):
            for part in wanted:
                yield from _filtered(target, part)
        elif name == "not":
            yield from _filtered(target, wanted)
        elif any(value is not None for value in wanted.values()):
            yield f"{target}.{'birthDate' if name == 'age' and target == 'Child' else name}"
