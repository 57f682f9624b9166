"""Arguments of a connection -> their shape and values: what a request asks of rows beyond what it may see.

The shape (which operators stand where) decides the statement and is remembered with the plan; the values are bound. A
condition on a coordinate sees null in rows where the caller does not read it in clear, and null matches nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from connectors.source import Compare, Constant, Operator, Order, Param
from hub.errors import RefusalError
from hub.planner.formula import FALSE, Fact, Formula, Known, Local, both, either, facts, negate, render
from hub.planner.plan import Access
from schema.filters import filter_fields, order_coordinate

Shape: TypeAlias = tuple[Any, ...]
"""``("all", shapes...)``, ``("any", shapes...)``, ``("not", shape)``, ``("riskFlags", "raised", flag)`` or
``(column, operator, number of the value)``."""

OPERATORS: Mapping[str, Operator] = {
    "eq": "eq",
    "in": "in",
    "lt": "lt",
    "lte": "le",
    "gt": "gt",
    "gte": "ge",
    "under": "under",
    "contains": "contains",
    "startsWith": "starts",
    "has": "has",
    "isNull": "null",
}


@dataclass(frozen=True, slots=True)
class Years:
    """The day so many years ago: ``age >= n`` is "born on or before" it, ``age <= n`` "born after" that of n + 1."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """A connection's arguments as read: ``order`` pairs (column, descending), ``first`` rows, ``after`` as given."""

    shape: Shape
    values: tuple[Any, ...]
    order: tuple[tuple[str, bool], ...]
    first: int
    after: str | None
    digest: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", hash((self.shape, self.values, self.order, self.first, self.after)))

    def __hash__(self) -> int:
        # They are keys all along a request: what they hold is walked once.
        return self.digest

    @property
    def query(self) -> tuple[Any, ...]:
        """What a cursor is bound to, beside the place of the field: conditions, values, order."""
        return (self.shape, self.values, self.order)


def read_arguments(type_name: str, given: Mapping[str, Any], *, page_default: int, page_limit: int) -> Arguments:
    """The arguments of one connection of ``type_name``; refuses a page size out of bounds."""
    values: list[Any] = []
    shape = _conditions(type_name, given.get("filter") or {}, values)
    order = tuple(
        (order_coordinate(type_name, entry["field"]).partition(".")[2], entry.get("direction") == "DESC")
        for entry in given.get("orderBy") or ()
    )
    first = given.get("first")
    first = page_default if first is None else first
    if not 1 <= first <= page_limit:
        raise RefusalError(
            "INVALID_INPUT",
            f"`first` is {first}; a page has 1 to {page_limit} rows",
            argument="first",
            minimum=1,
            maximum=page_limit,
        )
    return Arguments(shape=shape, values=tuple(values), order=order, first=first, after=given.get("after"))


def asked_coordinates(type_name: str, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(coordinate, ``filtered`` or ``sorted``) for everything that the arguments ask about rows."""
    values: list[Any] = []
    for column in _columns(_conditions(type_name, given.get("filter") or {}, values)):
        yield f"{type_name}.{column}", "filtered"
    for entry in given.get("orderBy") or ():
        yield order_coordinate(type_name, entry["field"]), "sorted"


def condition(shape: Shape, access: Access) -> Formula:
    """The shape as a formula over rows of the type: conditions count only where their coordinate is read in clear."""
    match shape:
        case ("all", *parts):
            return both(*(condition(part, access) for part in parts))
        case ("any", *parts):
            return either(*(condition(part, access) for part in parts))
        case ("not", part):
            return negate(condition(part, access))
        case ("riskFlags", "raised", flag):
            return _raised(access, flag)
        case (column, "null", wanted):
            # A row where the value is closed sees null, whatever the value is.
            return negate(_seen(access, column)) if wanted else _seen(access, column)
        case (column, operator, number):
            compared = Local(Compare(column, operator, Param(f"a{number}")))
            return both(_clear(access, column), compared)
    raise AssertionError(shape)


def _raised(access: Access, flag: str) -> Formula:
    """Rows on which the caller is shown the flag."""
    # A branch stands beside the right to its inputs in that very row: what raises a flag otherwise is nowhere here.
    return both(_clear(access, "riskFlags"), either(*dict(access.flags()).get(flag, ())))


def flag_facts(shape: Shape, access: Access) -> frozenset[Fact]:
    """Facts that decide the flags of a filter, without those that decide whether the caller sees the row at all."""
    match shape:
        case ("all", *parts) | ("any", *parts) | ("not", *parts):
            return frozenset().union(*(flag_facts(part, access) for part in parts))
        case ("riskFlags", "raised", flag):
            return facts(either(*dict(access.flags()).get(flag, ()))) - facts(access.visible)
    return frozenset()


def _seen(access: Access, column: str) -> Formula:
    """Rows in which the caller sees that there is a value; where flags are open there is a list, be it empty."""
    clear = _clear(access, column)
    return clear if column == "riskFlags" else both(clear, negate(Local(Compare(column, "null", Constant(True)))))


def orders(arguments: Arguments, access: Access, home: str, known: Known) -> tuple[Order, ...]:
    """The order as the source sorts: null where the coordinate is not read in clear."""
    return tuple(
        Order(
            column=column,
            descending=descending,
            clear=render(_clear(access, column), access.type_name, home, known, optimistic=False),
        )
        for column, descending in arguments.order
    )


def _clear(access: Access, column: str) -> Formula:
    return access.clear.get(f"{access.type_name}.{column}", FALSE)


def _columns(shape: Shape) -> Iterator[str]:
    match shape:
        case ("all", *parts) | ("any", *parts):
            for part in parts:
                yield from _columns(part)
        case ("not", part):
            yield from _columns(part)
        case (column, _, _):
            yield column


def _conditions(type_name: str, given: Mapping[str, Any], values: list[Any]) -> Shape:
    fields = filter_fields(type_name)
    parts: list[Shape] = []
    for name, wanted in given.items():
        if wanted is None:
            continue
        if name in ("and", "or"):
            word = "all" if name == "and" else "any"
            parts.append((word, *(_conditions(type_name, part, values) for part in wanted)))
        elif name == "not":
            parts.append(("not", _conditions(type_name, wanted, values)))
        else:
            coordinate, kind = fields[name]
            parts.extend(_operators(str(coordinate).partition(".")[2], kind, wanted, values))
    return ("all", *parts)


def _operators(column: str, kind: str, wanted: Mapping[str, Any], values: list[Any]) -> Iterator[Shape]:
    for word, value in wanted.items():
        if value is None:
            continue
        operator = OPERATORS[word]
        if operator == "null":
            yield (column, operator, value)
        elif column == "riskFlags":
            # Which flags are asked for decides the statement: they stand in the shape, and are not bound.
            yield ("any", *((column, "raised", flag) for flag in sorted(set(value))))
        elif kind == "age":
            values.append(Years(int(value) if operator == "ge" else int(value) + 1))
            yield ("birthDate", "le" if operator == "ge" else "gt", len(values) - 1)
        else:
            values.append(tuple(value) if isinstance(value, list) else value)
            yield (column, operator, len(values) - 1)


def bind_values(values: Sequence[Any], years_ago: Callable[[int], str]) -> dict[str, Any]:
    """Parameters ``aN`` of the values."""
    return {f"a{number}": _bound(value, years_ago) for number, value in enumerate(values)}


def _bound(value: Any, years_ago: Callable[[int], str]) -> Any:
    if isinstance(value, Years):
        return years_ago(value.count)
    return list(value) if isinstance(value, tuple) else value
