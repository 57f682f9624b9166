"""Document, Entitlements -> Plan: which rows to reach and which columns to take, no coordinate beyond the grants.

Guarantee (invariant 1): a column enters a reach only with the formulas of the grants that open it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
)
from graphql.execution.values import VariableValues, get_directive_values
from graphql.type import GraphQLIncludeDirective, GraphQLSkipDirective

from hub.entitlements import Entitlements
from hub.errors import HubError, RefusedError
from hub.planner import plan as p
from hub.planner.formula import FALSE
from hub.planner.relations import CHILD, HOME, PARTS, join_of, keys_of
from hub.planner.shape import Shape, shape_of
from schema.catalogue import CATALOGUE, LINKS, ROOTS, TYPES, fields_of

Nodes = list[FieldNode]
"""Nodes of one response key, whose selections count together."""
LOCAL_ROOTS = frozenset({"me", "catalogue", "aggregate", "__schema", "__type"})


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A reach in the making: columns are added as the layout asks for them."""

    type_name: str
    access: p.Access
    columns: list[p.Wanted] = field(default_factory=list)
    places: dict[tuple[str, str | None, int], int] = field(default_factory=dict)

    def slot(self, wanted: p.Wanted) -> int:
        """Position of the column, added if it is new."""
        # Of a coordinate the masked formula and the mask follow from the access: only branches of flags differ.
        place = self.places.setdefault((wanted.column, wanted.coordinate, id(wanted.clear)), len(self.columns))
        if place == len(self.columns):
            self.columns.append(wanted)
        return place

    def key(self, name: str) -> int:
        """Position of a key."""
        return self.slot(p.Wanted(column=name))

    def value(self, coordinate: str, column: str) -> int:
        """Position of a coordinate's value, or of the key that tells whether it is open."""
        # INVARIANT 1: no entitlement, no column. A column has the formulas of the grants, and none means never.
        wanted = p.Wanted(
            column=column,
            coordinate=coordinate,
            clear=self.access.clear.get(coordinate, FALSE),
            masked=self.access.masked.get(coordinate, FALSE),
            mask=CATALOGUE[coordinate].mask if column != "_key" else "withhold",
        )
        return self.slot(wanted)


@dataclass(slots=True, kw_only=True)
class Compiler:
    """One compilation: the document's parts, what is entitled, and what was refused on the way."""

    schema: GraphQLSchema
    entitlements: Entitlements
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: VariableValues
    refused: list[p.Refused] = field(default_factory=list)
    used: dict[str, None] = field(default_factory=dict)
    reached: dict[str, None] = field(default_factory=dict)
    reaches: int = 0

    def root(self, key: str, nodes: list[FieldNode]) -> p.RowsRoot | p.LocalRoot | p.Denied | p.Word:
        """A root field of a query."""
        name = nodes[0].name.value
        if name == "__typename":
            return p.Word(key=key, text="Query")
        definition = self.schema.query_type.fields.get(name) if self.schema.query_type else None
        if name in LOCAL_ROOTS or definition is None:
            return p.LocalRoot(
                key=key, name=name, node=_merged(nodes), definition=definition, shape=self.shape(name, nodes)
            )
        types = TYPES if name == "node" else ("Child",) if name == "child" else (ROOTS[name],)
        opened = [type_name for type_name in types if self.entitlements.opens_type(type_name)]
        if not opened and name != "node":
            return self.deny(key, types[0] + ".id" if name == "child" else f"{types[0]}.*", (key,))
        if name == "child" and self.asks_number(nodes) and not self.entitlements.reads("Child.citizenId"):
            return self.deny(key, "Child.citizenId", (key,))
        kind: p.Kind = "connection" if name in ROOTS else "object"
        reached = {
            type_name: self.reach(type_name, kind, nodes, definition, None, (key,))
            for type_name in types
            if type_name in opened
        }
        return p.RowsRoot(key=key, name=name, reaches=reached)

    def asks_number(self, nodes: list[FieldNode]) -> bool:
        """Whether a look-up names the citizen id."""
        return any(argument.name.value == "citizenId" for argument in nodes[0].arguments or ())

    def deny(self, key: str, coordinate: str, path: tuple[str, ...]) -> p.Denied:
        """Notes a coordinate that no grant opens, and leaves its place."""
        self.refused.append(p.Refused(coordinate=coordinate, path=path))
        return p.Denied(key=key, coordinate=coordinate)

    def reach(
        self,
        type_name: str,
        kind: p.Kind,
        nodes: list[FieldNode],
        definition: GraphQLField,
        join: tuple[str, str] | None,
        path: tuple[str, ...],
    ) -> p.Reach:
        """The rows of one field, with the columns and the layout of what is selected below it."""
        number, self.reaches = self.reaches, self.reaches + 1
        self.reached[type_name] = None
        draft = _Draft(type_name=type_name, access=self.entitlements.access(type_name))
        for name in keys_of(type_name):
            draft.key(name)
        if join is not None and join != CHILD:
            draft.key(join[1])
        sets = [node.selection_set for node in nodes if node.selection_set]
        shape: p.ObjectShape | p.ConnectionShape = (
            self.connection(draft, get_named_type(definition.type), sets, path)
            if kind == "connection"
            else self.row(draft, sets, path)
        )
        beyond = self.beyond(draft)
        return p.Reach(
            number=number,
            type_name=type_name,
            source=HOME[type_name],
            kind=kind,
            visible=draft.access.visible,
            columns=tuple(draft.columns),
            keys={wanted.column: slot for slot, wanted in enumerate(draft.columns) if wanted.coordinate is None},
            shape=shape,
            definition=definition,
            node=nodes[0],
            join=join,
            access=draft.access,
            beyond=beyond,
            fields_count=sum(wanted.coordinate is not None for wanted in draft.columns) + 1,
        )

    def beyond(self, draft: _Draft) -> int | None:
        """Position of the key that tells own reports from what the caller sees for another reason."""
        beyond = draft.access.beyond
        if beyond is None or beyond == FALSE:
            return None
        return draft.slot(p.Wanted(column="_key", coordinate=p.BEYOND, clear=beyond))

    def connection(
        self, draft: _Draft, named: object, sets: list[SelectionSetNode], path: tuple[str, ...]
    ) -> p.ConnectionShape:
        """A connection's layout."""
        assert isinstance(named, GraphQLObjectType)
        entries: list[p.EdgesEntry | p.PageInfoEntry | p.Word] = []
        for key, nodes in self.collect(named, sets).items():
            inner = [node.selection_set for node in nodes if node.selection_set]
            match nodes[0].name.value:
                case "edges":
                    entries.append(self.edges(draft, named, key, inner, (*path, key)))
                case "pageInfo":
                    info = get_named_type(named.fields["pageInfo"].type)
                    assert isinstance(info, GraphQLObjectType)
                    found = self.collect(info, inner).items()
                    entries.append(
                        p.PageInfoEntry(key=key, fields=tuple((name, each[0].name.value) for name, each in found))
                    )
                case _:
                    entries.append(p.Word(key=key, text=named.name))
        return p.ConnectionShape(entries=tuple(entries))

    def edges(
        self, draft: _Draft, named: GraphQLObjectType, key: str, sets: list[SelectionSetNode], path: tuple[str, ...]
    ) -> p.EdgesEntry:
        """The layout of a connection's edges."""
        edge = get_named_type(named.fields["edges"].type)
        assert isinstance(edge, GraphQLObjectType)
        entries: list[p.NodeEntry | p.Cursor | p.Word] = []
        for name, nodes in self.collect(edge, sets).items():
            match nodes[0].name.value:
                case "node":
                    inner = [node.selection_set for node in nodes if node.selection_set]
                    entries.append(p.NodeEntry(key=name, shape=self.row(draft, inner, (*path, name))))
                case "cursor":
                    entries.append(p.Cursor(key=name))
                case _:
                    entries.append(p.Word(key=name, text=edge.name))
        return p.EdgesEntry(key=key, entries=tuple(entries))

    def row(self, draft: _Draft, sets: list[SelectionSetNode], path: tuple[str, ...]) -> p.ObjectShape:
        """A row's layout."""
        named = self.schema.type_map[draft.type_name]
        assert isinstance(named, GraphQLObjectType)
        fields = self.collect(named, sets)
        return p.ObjectShape(
            entries=tuple(self.entry(draft, named, key, nodes, (*path, key)) for key, nodes in fields.items())
        )

    def entry(
        self, draft: _Draft, named: GraphQLObjectType, key: str, nodes: list[FieldNode], path: tuple[str, ...]
    ) -> p.Entry:
        """A field of a row."""
        name = nodes[0].name.value
        if name == "__typename":
            return p.Word(key=key, text=named.name)
        coordinate = f"{draft.type_name}.{name}"
        if not self.entitlements.opens(coordinate):
            return self.deny(key, coordinate, path)
        self.used[coordinate] = None
        if name == "id":
            return p.Identifier(key=key)
        if name in LINKS[draft.type_name]:
            return self.link(draft, named, key, nodes, path)
        return self.field(draft, key, coordinate, name, nodes)

    def link(
        self, draft: _Draft, named: GraphQLObjectType, key: str, nodes: list[FieldNode], path: tuple[str, ...]
    ) -> p.Link:
        """A field that leads to other rows."""
        link = LINKS[draft.type_name][nodes[0].name.value]
        join = join_of(draft.type_name, link.target)
        if join != CHILD:
            draft.key(join[0])
        kind: p.Kind = "connection" if link.many else "object"
        definition = named.fields[nodes[0].name.value]
        return p.Link(key=key, reach=self.reach(link.target, kind, nodes, definition, join, path))

    def field(self, draft: _Draft, key: str, coordinate: str, name: str, nodes: list[FieldNode]) -> p.Entry:
        """A field that holds a value."""
        if coordinate == "Child.riskFlags":
            return self.risk_flags(draft, key, coordinate)
        if coordinate == "ReconciliationItem.sourceValues":
            return self.compared(draft, key, coordinate, nodes)
        if coordinate in PARTS:
            return p.Part(key=key, coordinate=coordinate, slot=draft.value(coordinate, "_key"), parts=PARTS[coordinate])
        return p.Value(key=key, coordinate=coordinate, slot=draft.value(coordinate, name))

    def compared(self, draft: _Draft, key: str, coordinate: str, nodes: list[FieldNode]) -> p.Compared:
        """`sourceValues`: what the sources hold of the coordinates of an item."""
        named = self.schema.type_map["SourceValue"]
        assert isinstance(named, GraphQLObjectType)
        inner = self.collect(named, [node.selection_set for node in nodes if node.selection_set])
        return p.Compared(
            key=key,
            coordinate=coordinate,
            slot=draft.value(coordinate, "_key"),
            item=(draft.key("_register"), draft.key("_education"), draft.key("_police"), draft.key("_key")),
            compared=draft.key("_coordinates"),
            fields=tuple((response_key, found[0].name.value) for response_key, found in inner.items()),
        )

    def risk_flags(self, draft: _Draft, key: str, coordinate: str) -> p.Flags:
        """`riskFlags`: each flag with the branches that the caller may see."""
        flags = tuple(
            (flag, tuple(draft.slot(p.Wanted(column="_key", coordinate=f"~{flag}", clear=part)) for part in branches))
            for flag, branches in self.entitlements.risk_flags()
            if branches
        )
        return p.Flags(key=key, coordinate=coordinate, slot=draft.value(coordinate, "_key"), flags=flags)

    def shape(self, name: str, nodes: Nodes) -> Shape | None:
        """What is selected of an aggregate."""
        type_ = self.schema.get_type("Aggregation") if name == "aggregate" else None
        return shape_of(type_, nodes, self.collect) if isinstance(type_, GraphQLObjectType) else None

    def collect(self, named: GraphQLObjectType, sets: Iterable[SelectionSetNode]) -> dict[str, list[FieldNode]]:
        """Fields by response key, as the specification collects them."""
        found: dict[str, list[FieldNode]] = {}
        visited: set[str] = set()
        for selection_set in sets:
            self._collect(named, selection_set, found, visited)
        return found

    def _collect(
        self, named: GraphQLObjectType, sets: SelectionSetNode, found: dict[str, list[FieldNode]], visited: set[str]
    ) -> None:
        for selection in sets.selections:
            if not self.included(selection):
                continue
            if isinstance(selection, FieldNode):
                key = selection.alias.value if selection.alias else selection.name.value
                found.setdefault(key, []).append(selection)
            elif isinstance(selection, InlineFragmentNode):
                if self.applies(named, selection):
                    self._collect(named, selection.selection_set, found, visited)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in visited:
                visited.add(selection.name.value)
                fragment = self.fragments[selection.name.value]
                if self.applies(named, fragment):
                    self._collect(named, fragment.selection_set, found, visited)

    def included(self, node: object) -> bool:
        """Whether `@skip` and `@include` leave the selection in."""
        skip = get_directive_values(GraphQLSkipDirective, node, self.variables)  # type: ignore[arg-type]
        if skip and skip["if"]:
            return False
        include = get_directive_values(GraphQLIncludeDirective, node, self.variables)  # type: ignore[arg-type]
        return not include or bool(include["if"])

    def applies(self, named: GraphQLObjectType, fragment: InlineFragmentNode | FragmentDefinitionNode) -> bool:
        """Whether the fragment is about the type."""
        condition = fragment.type_condition
        if condition is None or condition.name.value == named.name:
            return True
        return any(interface.name == condition.name.value for interface in named.interfaces)

    def plan(self, roots: tuple[p.RowsRoot | p.LocalRoot | p.Denied | p.Word, ...], *, refuse: bool) -> p.Plan:
        """The plan of these roots; with ``refuse``, a coordinate that no grant opens refuses the whole of it."""
        if refuse and self.refused:
            raise RefusedError(*refusals(self.entitlements, self.refused))
        lines = self.entitlements.lines(self.used)
        return p.Plan(
            roots=roots,
            refused=tuple(self.refused),
            rules=tuple(line.rule for line in lines),
            clauses=tuple(sorted({line.clause for line in lines})),
            scopes=frozenset(line.scope for line in (*lines, *self.entitlements.lines(self.bare()))),
            policy_version=self.entitlements.policy.version,
            null_mode=not refuse,
        )

    def bare(self) -> Iterator[str]:
        """Coordinates of types of which no value is asked: a row, or its id, is there by any line of its type."""
        asked = {coordinate.partition(".")[0] for coordinate in self.used if coordinate in CATALOGUE}
        return (found.coordinate for name in self.reached if name not in asked for found in fields_of(name))


def compile_plan(
    *,
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: VariableValues,
    entitlements: Entitlements,
    refuse: bool,
) -> p.Plan:
    """The plan of one operation; with ``refuse``, a coordinate that no grant opens refuses the whole of it."""
    compiler = Compiler(schema=schema, entitlements=entitlements, fragments=fragments, variables=variables)
    query = schema.query_type
    assert query is not None
    roots = tuple(
        compiler.root(key, nodes) for key, nodes in compiler.collect(query, [operation.selection_set]).items()
    )
    return compiler.plan(roots, refuse=refuse)


def refusals(entitlements: Entitlements, refused: Iterable[p.Refused]) -> list[HubError]:
    """One error for each coordinate refused, at the first place where it stands."""
    first: dict[str, p.Refused] = {}
    for each in refused:
        first.setdefault(each.coordinate, each)
    return [entitlements.refusal(each.coordinate, each.path) for each in first.values()]


def _merged(nodes: list[FieldNode]) -> FieldNode:
    """One node that selects what all of them select."""
    if len(nodes) == 1:
        return nodes[0]
    selections = tuple(selection for node in nodes if node.selection_set for selection in node.selection_set.selections)
    return FieldNode(
        name=nodes[0].name,
        alias=nodes[0].alias,
        arguments=nodes[0].arguments,
        directives=(),
        selection_set=SelectionSetNode(selections=selections) if selections else None,
    )
