"""Document -> the answer as the specification has it: graphql-core's own executor over dicts, one decision a field.

The oracle (invariant 5). It knows no plan: every field is decided when it is resolved, every list is filtered, sorted
and cut in Python. Ids and cursors are its own (``Type:key``, the place in the list); ``compare`` maps them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from graphql import (
    GraphQLResolveInfo,
    GraphQLSchema,
    execute_sync,
    get_named_type,
    parse,
)

from tests.support.asked import Asked, column_of
from tests.support.rights import Me
from tests.support.scopes import born, years_ago
from tests.support.sight import Sight
from tests.support.world import FIELDS, HOME, TYPES, Row, World

PAGE = 20
CURSOR = "cursor "
"""How a cursor of the oracle begins."""
PAGE_LIMIT = 100
JOINS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("Enrolment", "AttendanceRecord"): ("_key", "_enrolment"),
    ("Enrolment", "DropoutRecord"): ("_key", "_enrolment"),
    ("MandatoryReport", "Incident"): ("_key", "_report"),
    ("Incident", "Assessment"): ("_key", "_incident"),
    ("Assessment", "AssistanceRecord"): ("_key", "_assessment"),
    ("ReconciliationItem", "Child"): ("_register", "_register"),
}
OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, wanted: value == wanted,
    "in": lambda value, wanted: value in wanted,
    "lt": lambda value, wanted: value < wanted,
    "lte": lambda value, wanted: value <= wanted,
    "gt": lambda value, wanted: value > wanted,
    "gte": lambda value, wanted: value >= wanted,
    "under": lambda value, wanted: value.startswith(wanted),
    "contains": lambda value, wanted: wanted in value,
    "startsWith": lambda value, wanted: value.startswith(wanted),
    "has": lambda value, wanted: bool(set(value) & set(wanted)),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A row as a value of the executor."""

    type_name: str
    row: Row


@dataclass(slots=True, kw_only=True)
class Expected:
    """What the hub must answer: data (None: refused whole), and the errors in the shape of ``compare``."""

    data: Mapping[str, Any] | None
    refused: frozenset[str] = frozenset()
    """Coordinates that refuse the whole, or (with data) that arguments name and that are not read in clear anywhere."""
    denied: Mapping[str, list[tuple[str | int, ...]]] = field(default_factory=dict)
    """With data: coordinate that no grant opens -> paths where it is null for that."""
    closed: Mapping[str, list[tuple[str | int, ...]]] = field(default_factory=dict)
    """Coordinate -> paths where it was closed in that row."""
    invalid: bool = False
    """An argument out of bounds (page size, cursor): nothing is answered."""


class InvalidError(Exception):
    """An argument that the hub refuses as INVALID_INPUT."""


@dataclass(slots=True, kw_only=True)
class Reference:
    """The oracle for one world and one principal."""

    schema: GraphQLSchema
    sight: Sight
    closed: dict[str, list[tuple[str | int, ...]]] = field(default_factory=dict)
    denied: dict[str, list[tuple[str | int, ...]]] = field(default_factory=dict)

    @classmethod
    def of(cls, schema: GraphQLSchema, world: World, me: Me) -> Reference:
        """The oracle of a principal; ``schema`` has no resolvers of its own."""
        return cls(schema=schema, sight=Sight(world, me))

    def answer(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        operation_name: str | None = None,
        denied: str = "refuse",
    ) -> Expected:
        """The expected answer to a valid document."""
        document = parse(query)
        asked = Asked.of(self.schema, self.sight, document, operation_name, variables or {})
        if denied == "refuse" and (asked.denied or asked.denied_arguments):
            return Expected(data=None, refused=frozenset(asked.denied or asked.denied_arguments))
        self.closed, self.denied = {}, {coordinate: [] for coordinate in asked.denied}
        result = execute_sync(
            self.schema,
            document,
            variable_values=dict(variables or {}),
            operation_name=operation_name,
            field_resolver=self.resolve,
            type_resolver=lambda value, _info, _type: value.type_name,
        )
        for error in result.errors or ():
            if isinstance(error.original_error, InvalidError):
                return Expected(data=None, invalid=True)
            raise error
        return Expected(
            data=result.data,
            refused=frozenset(asked.denied_arguments),
            denied=self.denied,
            closed=self.closed,
        )

    def resolve(self, source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        """Any field of any type."""
        if info.parent_type.name == "Query":
            return self._root(info, arguments)
        if isinstance(source, Seen):
            return self._field(source, info, arguments)
        return source[info.field_name]

    def _root(self, info: GraphQLResolveInfo[Any], arguments: Mapping[str, Any]) -> Any:
        name = info.field_name
        if name == "me":
            return self._me()
        if name == "node":
            return self._node(arguments["id"])
        if name == "child":
            return self._child(arguments, info)
        target = target_of(info)
        if not self.sight.opens(target):
            return self._deny(f"{target}.*", info)
        return self._page(target, self.sight.every(target), arguments)

    def _deny(self, coordinate: str, info: GraphQLResolveInfo[Any]) -> None:
        self.denied.setdefault(coordinate, []).append(tuple(info.path.as_list()))

    def _me(self) -> dict[str, Any]:
        me = self.sight.me
        return {
            "unit": me.unit,
            "key": me.key,
            "division": me.division,
            "institution": me.institution,
            "purpose": me.purpose.upper(),
        }

    def _node(self, opaque: str) -> Seen | None:
        type_name, _, key = opaque.partition(":")
        if type_name not in TYPES:
            return None
        found = self.sight.visible(type_name, self.sight.world.by(HOME[type_name], type_name, "_key", key))
        return Seen(type_name, found[0]) if found else None

    def _child(self, arguments: Mapping[str, Any], info: GraphQLResolveInfo[Any]) -> Seen | None:
        opaque, number = arguments.get("id"), arguments.get("citizenId")
        if not self.sight.opens("Child"):
            self._deny("Child.id", info)
            return None
        if "citizenId" in arguments and not self.sight.askable("Child.citizenId"):
            self._deny("Child.citizenId", info)
            return None
        if (opaque is None) == (number is None):
            raise InvalidError("exactly one of `id` and `citizenId`")
        if opaque is not None:
            return self._node(opaque) if opaque.startswith("Child:") else None
        seen = [row for row in self.sight.every("Child") if self.sight.clear_value("Child", row, "citizenId") == number]
        return Seen("Child", min(seen, key=lambda row: str(row["_key"]))) if seen else None

    def _field(self, seen: Seen, info: GraphQLResolveInfo[Any], arguments: Mapping[str, Any]) -> Any:
        name, type_name = info.field_name, seen.type_name
        coordinate = f"{type_name}.{name}"
        if name == "id":
            return f"{type_name}:{seen.row['_key']}"
        if coordinate not in FIELDS:
            return self._link(seen, info, arguments)
        if not self.sight.selectable(coordinate):
            return self._deny(coordinate, info)
        if self.sight.state(type_name, seen.row, coordinate) == "closed":
            self.closed.setdefault(coordinate, []).append(tuple(info.path.as_list()))
            return None
        return self.sight.shown(type_name, seen.row, name)

    def _link(self, seen: Seen, info: GraphQLResolveInfo[Any], arguments: Mapping[str, Any]) -> Any:
        target = target_of(info)
        if not self.sight.opens(target):
            return self._deny(f"{seen.type_name}.{info.field_name}", info)
        rows = self.sight.visible(target, self._joined(seen, target))
        if get_named_type(info.return_type).name == target:
            return Seen(target, min(rows, key=lambda row: str(row["_key"]))) if rows else None
        return self._page(target, rows, arguments)

    def _joined(self, seen: Seen, target: str) -> list[Row]:
        world = self.sight.world
        if (seen.type_name, target) in JOINS:
            own, other = JOINS[seen.type_name, target]
            return world.by(HOME[target], target, other, seen.row[own])
        return world.of_file(seen.row, target)

    def _page(self, target: str, rows: list[Row], arguments: Mapping[str, Any]) -> dict[str, Any]:
        first = PAGE if arguments.get("first") is None else arguments["first"]
        if not 1 <= first <= PAGE_LIMIT:
            raise InvalidError("page size")
        chosen = [row for row in rows if self._passes(target, row, arguments.get("filter") or {})]
        ordered = self._sorted(target, chosen, arguments.get("orderBy") or ())
        after = arguments.get("after")
        if after is not None:
            keys = [row["_key"] for row in ordered]
            place = json.loads(base64.b64decode(after.removeprefix(CURSOR)))
            ordered = ordered[keys.index(place) + 1 :] if place in keys else []
        page = ordered[:first]
        edges = [{"node": Seen(target, row), "cursor": cursor_of(row)} for row in page]
        return {
            "edges": edges,
            "pageInfo": {
                "hasNextPage": len(ordered) > first,
                "hasPreviousPage": after is not None,
                "startCursor": edges[0]["cursor"] if edges else None,
                "endCursor": edges[-1]["cursor"] if edges else None,
            },
        }

    def _sorted(self, target: str, rows: list[Row], order: Any) -> list[Row]:
        ordered = sorted(rows, key=lambda row: str(row["_key"]))
        for entry in reversed(list(order)):
            column = column_of(entry["field"])
            down = entry.get("direction") == "DESC"
            valued = [row for row in ordered if self._sort_value(target, row, column) is not None]
            nulls = [row for row in ordered if self._sort_value(target, row, column) is None]
            # A stable sort keeps the order of equals, also in reverse.
            valued.sort(key=lambda row: self._sort_value(target, row, column), reverse=down)
            ordered = valued + nulls
        return ordered

    def _sort_value(self, target: str, row: Row, column: str) -> Any:
        return comparable(f"{target}.{column}", self.sight.clear_value(target, row, column))

    def _passes(self, target: str, row: Row, filter: Mapping[str, Any]) -> bool:
        return all(self._condition(target, row, name, wanted) for name, wanted in filter.items() if wanted is not None)

    def _condition(self, target: str, row: Row, name: str, wanted: Any) -> bool:
        match name:
            case "and":
                return all(self._passes(target, row, part) for part in wanted)
            case "or":
                return any(self._passes(target, row, part) for part in wanted)
            case "not":
                return not self._passes(target, row, wanted)
            case "age" if target == "Child":
                return self._aged(row, wanted)
        value = self.sight.clear_value(target, row, name)
        operators = ((word, given) for word, given in wanted.items() if given is not None)
        return all(compares(f"{target}.{name}", value, word, given) for word, given in operators)

    def _aged(self, row: Row, wanted: Mapping[str, Any]) -> bool:
        if self.sight.clear_value("Child", row, "birthDate") is None:
            return all(given is None for given in wanted.values())
        today, birth = self.sight.world.today, born(row)
        assert birth is not None
        low, high = wanted.get("gte"), wanted.get("lte")
        old_enough = low is None or birth <= years_ago(today, low)
        return old_enough and (high is None or birth > years_ago(today, high + 1))


def compares(coordinate: str, value: Any, word: str, wanted: Any) -> bool:
    """Two-valued: null matches nothing but ``isNull: true``."""
    if word == "isNull":
        return (value is None) == bool(wanted)
    if value is None:
        return False
    plain = [comparable(coordinate, item) for item in wanted] if isinstance(wanted, list) else None
    compared = value if word == "has" else comparable(coordinate, value)
    return bool(OPERATORS[word](compared, comparable(coordinate, wanted) if plain is None else plain))


def comparable(coordinate: str, value: Any) -> Any:
    """A value as it compares: a decimal by its amount."""
    if value is not None and FIELDS[coordinate].gql_type == "Decimal" and not isinstance(value, list):
        return Decimal(value)
    return value


def cursor_of(row: Row) -> str:
    """The oracle's own cursor."""
    return CURSOR + base64.b64encode(json.dumps(row["_key"]).encode()).decode()


def target_of(info: GraphQLResolveInfo[Any]) -> str:
    """The type whose rows a connection or a link lists."""
    return get_named_type(info.return_type).name.removesuffix("Connection")
