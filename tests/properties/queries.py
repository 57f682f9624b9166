"""Principal, schema -> valid documents: what hypothesis draws to compare the hub with the oracle.

Documents use the whole of the query language: nested connections, aliases of one field with other arguments, fields
and links that merge, named and inline fragments, fragments on ``Node``, variables with and without defaults, @skip and
@include, ``__typename``, filters, orders, pages, several operations. Most coordinates are ones that the principal
holds; some are not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
)
from hypothesis import strategies as st

from tests.properties.shapes import enum_literal, fields_of, held, links_of, literal, roots_of, variable_list, weighted
from tests.support.asked import column_of
from tests.support.rights import Me
from tests.support.sight import Sight
from tests.support.world import FIELDS, TYPES

Draw = Callable[[st.SearchStrategy[Any]], Any]
Between = Callable[[int, int], int]
"""A whole number from the first to the second."""
Pool = Mapping[str, Sequence[Any]]
"""Coordinate -> values that occur in the data and that its scalar accepts."""

MAX_LINKS = 6
MAX_ALIASES = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A request to make of both sides: ``ids`` and ``after`` name variables that each side fills in its own terms."""

    me: Me
    query: str
    variables: Mapping[str, Any]
    operation_name: str | None
    denied: str
    ids: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """Variable -> (type, number of an id of that type)."""
    after: tuple[str, str] | None = None
    """(variable, response key of a root connection): ask again with the end cursor of the first answer."""

    def __repr__(self) -> str:
        lines = f"{self.me.key} for {self.me.purpose}, denied={self.denied}, operation={self.operation_name}"
        return f"<{lines}\n{self.query}\n{json.dumps(dict(self.variables), ensure_ascii=False)} {dict(self.ids)}>"


@dataclass(slots=True)
class Writer:
    """One document in the making."""

    schema: GraphQLSchema
    sight: Sight
    pool: Pool
    between: Between
    operation: dict[str, str] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    fragments: list[str] = field(default_factory=list)
    ids: dict[str, tuple[str, int]] = field(default_factory=dict)
    after: tuple[str, str] | None = None
    aliases: int = 0
    names: int = 0
    links: int = 0
    rows: int = 1

    def chance(self, percent: int) -> bool:
        """True in about ``percent`` of a hundred draws (shrinks to False)."""
        return bool(self.between(0, 99) >= 100 - percent)

    def pick(self, options: Sequence[Any]) -> Any:
        """One of the options."""
        return options[self.between(0, len(options) - 1)]

    def name(self, stem: str) -> str:
        """A name that nothing else in the document has."""
        self.names += 1
        return f"{stem}{self.names}"

    def alias(self, field_name: str) -> str:
        """``field`` or ``alias: field``, the alias unlike any other response key."""
        if self.aliases >= MAX_ALIASES:
            return ""
        self.aliases += 1
        return f"{self.name('x')}: {field_name}"

    def variable(self, type_: str, value: Any) -> str:
        """A new variable that holds the value: given, or as its default, or given over a default."""
        name = self.name("v")
        how = self.between(0, 2)
        self.operation[name] = type_ if how == 0 else f"{type_.rstrip('!')} = {literal(value)}"
        if how != 1:
            self.variables[name] = value
        return f"${name}"

    def directive(self) -> str:
        """Sometimes a directive, true or false, literal or by a variable."""
        if not self.chance(12):
            return ""
        word, holds = self.pick(["@skip", "@include"]), self.chance(60)
        taken = holds if word == "@include" else not holds
        shown = json.dumps(taken) if self.chance(40) else self.variable("Boolean!", taken)
        return f" {word}(if: {shown})"

    # --- selections

    def document(self, roots: Sequence[str]) -> str:
        """A whole document that executes one operation."""
        count = 1 + self.chance(35) + self.chance(10)
        body = " ".join(self.root(self.pick(roots)) for _ in range(count))
        if self.chance(10):
            body += " __typename"
        if self.chance(15):
            body += f" {self.alias('me') or 'me'} {{ unit key division institution purpose }}"
        return body

    def root(self, name: str) -> str:
        """A root field."""
        query = self.schema.query_type
        assert query is not None
        if name == "node":
            return self.node()
        if name == "child":
            return self.child()
        target = get_named_type(query.fields[name].type).name.removesuffix("Connection")
        shown = self.alias(name) or name
        if shown == name:
            return f"{name} {{ __typename }}"
        return shown + self.connection(target, query.fields[name].args, top=shown.partition(":")[0], size=12)

    def node(self) -> str:
        """``node`` by an id of a type that is open, with fragments on several types."""
        shown = self.alias("node")
        if not shown:
            return "__typename"
        opened = [type_name for type_name in TYPES if self.sight.opens(type_name) and type_name != "AccessLogEntry"]
        target = self.pick(opened)
        variable = self.name("id")
        self.operation[variable] = "ID!"
        self.ids[variable] = (target, self.between(0, 9))
        others = [self.pick(opened)] if self.chance(30) else []
        parts = [self.aliased_leaves(type_name) for type_name in dict.fromkeys([target, *others])]
        return f"{shown}(id: ${variable}) {{ __typename id {' '.join(parts)} }}"

    def aliased_leaves(self, type_name: str) -> str:
        """Fields of one type under keys of their own: two types may give one name to two shapes."""
        known = held(self.sight, type_name)
        names = [name for name in known if FIELDS[f"{type_name}.{name}"].gql_type != "[SourceValue!]"]
        chosen = [shown for name in names[:4] if (shown := self.alias(name))]
        return f"... on {type_name} {{ __typename {' '.join(chosen)} }}"

    def child(self) -> str:
        """``child`` by id, or by number where that is read in clear."""
        variable = self.name("id")
        shown = self.alias("child")
        if not shown:
            return "__typename"
        numbers = self.pool.get("Child.citizenId", ())
        if numbers and self.sight.askable("Child.citizenId") and self.chance(50):
            self.operation[variable] = "CitizenId"
            self.variables[variable] = self.pick(numbers)
            return f"{shown}(citizenId: ${variable}) {self.object('Child')}"
        self.operation[variable] = "ID"
        self.ids[variable] = ("Child", self.between(0, 9))
        return f"{shown}(id: ${variable}) {self.object('Child')}"

    def connection(
        self, target: str, arguments: Mapping[str, GraphQLArgument], *, top: str | None = None, size: int
    ) -> str:
        """Arguments and selection of a connection."""
        self.links += 1
        first = self.between(1, size)
        given = [f"first: {first if self.chance(70) else self.variable('Int', first)}"]
        if self.chance(45):
            shown = self.filter(target, 2)
            given.append(f"filter: {shown}")
        if self.chance(45):
            given.append(f"orderBy: {self.order(target)}")
        if top is not None and self.after is None and self.chance(30):
            variable = self.name("after")
            self.operation[variable] = "String"
            self.after = (variable, top)
            given.append(f"after: ${variable}")
        info = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
        page = f" {info}" if top is not None and self.after and self.after[1] == top else ""
        if not page and self.chance(25):
            page = f" {info}"
        cursor = " cursor" if self.chance(20) else ""
        kind = " __typename" if self.chance(10) else ""
        edges = f"edges{self.directive() if self.chance(15) else ''} {{{kind}{cursor} node {self.object(target)} }}"
        return f"({', '.join(given)}) {{{kind} {edges}{page} }}"

    def object(self, type_name: str) -> str:
        """A selection set on a row."""
        parts = ["id"] if self.chance(30) else ["__typename"] if self.chance(20) else []
        parts += [self.part(type_name) for _ in range(1 + self.between(0, 4))]
        if self.chance(35) and self.links < MAX_LINKS:
            parts.append(self.link(type_name))
        parts = [part for part in parts if part]
        return "{ " + " ".join(parts or ["__typename"]) + " }"

    def part(self, type_name: str) -> str:
        """A leaf, or a fragment with some."""
        how = self.between(0, 99)
        if how < 78:
            return self.leaf(type_name)
        if how < 84:
            return f"... on {type_name}{self.directive()} {{ {self.leaf(type_name)} {self.leaf(type_name)} }}"
        if how < 88:
            return f"...{self.directive()} {{ {self.leaf(type_name)} }}"
        if how < 92:
            return f"... on Node{self.directive()} {{ id __typename }}"
        name = self.name("F")
        self.fragments.append(f"fragment {name} on {type_name} {self.object(type_name)}")
        return f"...{name}{self.directive()}"

    def leaf(self, type_name: str) -> str:
        """A field of the row: mostly one that is held."""
        known = held(self.sight, type_name)
        name = self.pick(known) if known and not self.chance(2) else self.pick(fields_of(type_name))
        inner = " { source value }" if f"{type_name}.{name}" == "ReconciliationItem.sourceValues" else ""
        shown = self.alias(name) if self.chance(12) else ""
        return f"{shown or name}{self.directive()}{inner}"

    def link(self, type_name: str) -> str:
        """A link of the row: mostly one that is open."""
        links = links_of(self.schema, type_name)
        opened = {name: target for name, target in links.items() if self.sight.opens(target)}
        chosen = opened if opened and not self.chance(2) else links
        if not chosen:
            return ""
        name = self.pick(sorted(chosen))
        target, definition = chosen[name], self.definition(type_name, name)
        shown = self.alias(name)
        if not shown:
            return ""
        if not definition:
            self.links += 1
            return f"{shown}{self.directive()} {self.object(target)}"
        if self.chance(10):
            # The same key twice with the same arguments: the selections merge.
            again = f"{shown}(first: 2)"
            return " ".join(f"{again} {{ edges {{ node {self.leaf_set(target)} }} }}" for _ in range(2))
        return shown + self.connection(target, definition, size=4)

    def leaf_set(self, type_name: str) -> str:
        """A selection set of leaves alone."""
        return "{ " + " ".join(self.leaf(type_name) for _ in range(2)) + " __typename }"

    def definition(self, type_name: str, name: str) -> Mapping[str, GraphQLArgument]:
        """Arguments of a field."""
        named = self.schema.type_map[type_name]
        assert isinstance(named, GraphQLObjectType)
        arguments: Mapping[str, GraphQLArgument] = named.fields[name].args
        return arguments

    # --- filters and orders

    def order(self, target: str) -> str:
        """One or two orders on coordinates that are read in clear."""
        values = self.schema.type_map[f"{target}OrderField"]
        assert isinstance(values, GraphQLEnumType)
        may = [value for value in values.values if self.sight.askable(f"{target}.{column_of(value)}")]
        options = may if may and not self.chance(2) else list(values.values)
        entries = []
        for _ in range(1 + self.chance(40)):
            direction = self.pick(["", ", direction: ASC", ", direction: DESC", ", direction: DESC"])
            entries.append(f"{{field: {self.pick(options)}{direction}}}")
        return f"[{', '.join(entries)}]"

    def filter(self, target: str, depth: int) -> str:
        """A filter, of conditions and groups of them."""
        named = self.schema.type_map[f"{target}Filter"]
        assert isinstance(named, GraphQLInputObjectType)
        members = {
            name: given
            for name, given in named.fields.items()
            if name not in ("and", "or", "not")
            and self.sight.askable(f"{target}.{'birthDate' if name == 'age' else name}")
        }
        if not members:
            return "{}"
        chosen = dict.fromkeys(self.pick(sorted(members)) for _ in range(1 + self.chance(30)))
        parts = [f"{name}: {self.condition(target, name, get_named_type(members[name].type))}" for name in chosen]
        if depth and self.chance(25):
            word = self.pick(["and", "or", "not"])
            inner = self.filter(target, depth - 1)
            group = inner if word == "not" else f"[{inner}, {self.filter(target, depth - 1)}]"
            parts.append(f"{word}: {group}")
        if depth == 2 and len(parts) > 1 and self.chance(40):
            parts = [f"or: [{', '.join(f'{{{part}}}' for part in parts)}]"]
        return "{" + ", ".join(parts) + "}"

    def condition(self, target: str, name: str, type_: Any) -> str:
        """Operators on one member, with values that occur in the data."""
        assert isinstance(type_, GraphQLInputObjectType)
        operators = sorted(type_.fields)
        parts = []
        for operator in dict.fromkeys(self.pick(operators) for _ in range(1 + self.chance(20))):
            value = self.operand(target, name, operator, type_.fields[operator].type)
            parts.append(f"{operator}: {value}")
        return "{" + ", ".join(parts) + "}"

    def operand(self, target: str, name: str, operator: str, type_: Any) -> str:
        """A value for an operator."""
        if self.chance(3):
            return "null"
        if operator == "isNull":
            return "true" if self.chance(50) else "false"
        coordinate = f"{target}.{name}"
        if name == "age" and target == "Child":
            return str(self.between(0, 17))
        inner = get_named_type(type_)
        values = list(inner.values) if isinstance(inner, GraphQLEnumType) else list(self.pool.get(coordinate, ()))
        if not values:
            return "null"
        wrapper = {"in": list, "has": list}.get(operator)
        drawn = self.pick(values)
        if operator in ("contains", "startsWith"):
            start = self.between(0, 2) if operator == "contains" else 0
            drawn = str(drawn)[start : start + self.between(1, 3)] or str(drawn)
        if operator == "under":
            drawn = str(drawn)[: self.pick([6, 9, 12])]
        value: Any = [drawn, self.pick(values)] if wrapper else drawn
        is_enum = isinstance(inner, GraphQLEnumType)
        if self.chance(35):
            named = f"[{inner.name}!]" if wrapper else inner.name
            variable = self.name("v")
            self.operation[variable] = named
            self.variables[variable] = value
            return f"${variable}"
        return enum_literal(value) if is_enum else literal(value)


def write(schema: GraphQLSchema, sights: Sequence[Sight], pool: Pool, between: Between) -> Case:
    """A request of one of the principals, of the numbers drawn."""
    choice = weighted(schema, tuple(sights))
    sight = choice[between(0, len(choice) - 1)]
    writer = Writer(schema, sight, pool, between)
    body = writer.document(roots_of(schema, sight))
    name = f"Q{between(0, 9)}" if writer.chance(40) else None
    head = f"query {name or 'Only'}{variable_list(writer.operation)}" if name or writer.operation else ""
    query = f"{head} {{ {body} }} {' '.join(writer.fragments)}".strip()
    if name and writer.chance(40):
        query = f"query Other {{ me {{ unit }} }} {query}"
    elif name and writer.chance(30):
        name = None
    return Case(
        me=sight.me,
        query=query,
        variables=writer.variables,
        operation_name=name,
        denied=writer.pick(["refuse", "null"]),
        ids=writer.ids,
        after=writer.after,
    )


@st.composite
def cases(draw: Draw, schema: GraphQLSchema, sights: Sequence[Sight], pool: Pool) -> Case:
    """A request drawn number by number: what fails is shrunk to the least that fails."""
    return write(schema, sights, pool, lambda low, high: int(draw(st.integers(low, high))))


def diverse_cases(schema: GraphQLSchema, sights: Sequence[Sight], pool: Pool) -> st.SearchStrategy[Case]:
    """A request of one drawn seed: nothing shrinks, but no two are alike."""
    seeds = st.integers(0, 2**62)
    return seeds.map(lambda number: write(schema, sights, pool, Random(number).randint))
