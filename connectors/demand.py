"""What is asked of a relation, mapping -> Demand: the conditions of the statement on one table that an index may serve.

Guarantee: pure; a condition stands as the SQL compiler writes it (``connectors/sql_predicates.py``), so what an index
cannot serve there (a text within a text, a date that is tested for null by how it is shown) is none here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal, TypeAlias

from connectors.mapping import Mapped, Mapping, Place, Relation
from connectors.source import ALWAYS, All, Compare, Constant, Exists, Not, Outer, Predicate, Some, Truth
from connectors.sql_values import literal, quoted, shown, sortable, stored_list

Why: TypeAlias = Literal["key", "relation", "scope", "clock", "step", "filter", "order"]
"""Who asks: what hangs on a row, a row scope or a fact, a clock, a step; a caller's filter or order."""
Kind: TypeAlias = Literal["equal", "range", "prefix", "has", "null", "given", "closed"]
"""How an element is compared; ``closed``: as no index serves it."""

_KINDS: dict[str, Kind] = {
    "eq": "equal",
    "in": "equal",
    "lt": "range",
    "le": "range",
    "gt": "range",
    "ge": "range",
    "under": "prefix",
    "has": "has",
    "null": "null",
    "contains": "closed",
    "starts": "closed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the hub asks of a relation: rows that satisfy ``where``, or all of them in the order of a column.

    ``always``: it is asked of few rows each time, however common its values are (what hangs on a row). ``known``: the
    row is held already, and only what is looked for beside it may want an index.
    """

    relation: str
    why: Why
    name: str
    where: Predicate = ALWAYS
    order: tuple[str, bool] | None = None
    always: bool = False
    known: bool = False

    @property
    def chosen(self) -> bool:
        """Whether a caller chooses the value."""
        return self.why == "filter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """``element`` (SQL over the bare table) is compared; ``column``: whose statistics tell how often it holds.

    ``codes``: stored values of a comparison that the plan fixes (None: the request brings it). ``literal``: the
    condition as it stands in every statement, if it holds no parameter.
    """

    element: str
    column: str
    kind: Kind
    codes: tuple[str, ...] | None = None
    literal: str | None = None
    nulls: bool | None = None
    """Of a test for null: which way."""
    bound: tuple[str, float] | None = None
    """Of a comparison with a number that the plan fixes: how, and with which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Conditions on one table of which all hold, for a reason; or its rows in an order (``order``: descending?).

    ``others``: the other ways in which what is asked may hold. Their rows are read too, so all are served or none.
    """

    table: str
    key: str
    conditions: tuple[Condition, ...]
    asked: Asked
    order: bool | None = None
    others: tuple[tuple[Condition, ...], ...] = ()


Ways: TypeAlias = list[tuple[Condition, ...]]
"""Conjunctions of which one holds."""


def demands(asked: Asked, mapping: Mapping) -> Iterator[Demand]:
    """What an index may serve of it, table by table; each way in which the condition may hold is one."""
    relation = mapping.relation(asked.relation)
    if asked.order is not None:
        yield from _ordered(asked, relation)
        return
    ways = [] if asked.known else _ways(asked.where, relation)
    for place, conditions in enumerate(ways):
        if conditions:
            yield replace(_demand(asked, relation, conditions), others=(*ways[:place], *ways[place + 1 :]))
    yield from _beside(asked, asked.where, relation, mapping)


def own(mapping: Mapping) -> Iterator[Demand]:
    """What the mapping itself asks for: keys, joins, keys that must be unique, names of divisions."""
    for relation in mapping.relations.values():
        key = Asked(relation=relation.name, why="key", name=f"{relation.name}._key", always=True)
        yield _demand(key, relation, (_equal(relation.column("_key").place.column),))
        for join in relation.joins.values():
            why = Asked(relation=relation.name, why="relation", name=f"{relation.name}.joins.{join.name}", always=True)
            equals = tuple(_equal(column) for column, _ in join.on)
            yield Demand(table=join.table, key=quoted(join.on[0][0]), conditions=equals, asked=why)
        for column in relation.columns.values():
            if column.unique is not None:
                named = f"{relation.name}.{column.name}"
                asked = Asked(relation=relation.name, why="key", name=named, always=True)
                yield _demand(asked, relation, (_equal(column.place.column),))
    if mapping.divisions is not None:
        code = mapping.divisions.code
        asked = Asked(relation=next(iter(mapping.relations)), why="key", name="divisions", always=True)
        yield Demand(table=mapping.divisions.table, key=quoted(code), conditions=(_equal(code),), asked=asked)


def _equal(column: str) -> Condition:
    return Condition(element=quoted(column), column=column, kind="equal")


def _demand(asked: Asked, relation: Relation, conditions: tuple[Condition, ...]) -> Demand:
    key = relation.column("_key")
    return Demand(
        table=relation.table,
        key=_bare(sortable(key, f"t.{quoted(key.place.column)}")),
        conditions=conditions,
        asked=asked,
    )


def _ordered(asked: Asked, relation: Relation) -> Iterator[Demand]:
    assert asked.order is not None
    column = relation.column(asked.order[0])
    if column.place.join is None and column.unique is None:
        element = _bare(sortable(column, f"t.{quoted(column.place.column)}"))
        condition = Condition(element=element, column=column.place.column, kind="range")
        made = _demand(asked, relation, (condition,))
        yield replace(made, order=asked.order[1])


def _ways(predicate: Predicate, relation: Relation) -> Ways:
    """The predicate as ways in which it may hold; what no column of the own table tells is left out of a way."""
    match predicate:
        case Truth(value=False):
            return []
        case All(parts=parts):
            return [sum(way, ()) for way in product(*(_ways(part, relation) for part in parts))]
        case Some(parts=parts):
            return [way for part in parts for way in _ways(part, relation)]
        case Compare():
            return [_condition(predicate, relation)]
    return [()]


def _condition(compare: Compare, relation: Relation) -> tuple[Condition, ...]:
    column = relation.column(compare.column)
    if column.place.join is not None or isinstance(compare.operand, Outer):
        return ()
    name = column.place.column
    raw = f"t.{quoted(name)}"
    kind, element = _compared(column, compare, raw)
    fixed = isinstance(compare.operand, Constant) and compare.operator in ("eq", "in", "has")
    text = None
    if column.true is not None and fixed and isinstance(compare.operand, Constant):
        text = f"{quoted(name)} {'=' if compare.operand.value else '<>'} {literal(column.true)}"
        kind = kind if compare.operand.value else "closed"
    return (
        Condition(
            element=_bare(element),
            column=name,
            kind=kind,
            codes=_codes(column, compare) if fixed else None,
            literal=text,
            nulls=_is_null(compare),
            bound=_bound(compare),
        ),
    )


def _compared(column: Mapped, compare: Compare, raw: str) -> tuple[Kind, str]:
    """How the compiler compares: the kind, and what stands left of the sign."""
    operator, kind = compare.operator, _KINDS[compare.operator]
    if operator == "has":
        return kind, stored_list(column, raw)
    if operator == "null":
        return _null(column, compare, raw)
    if operator == "in" and column.kind == "instant":
        return "closed", raw
    return kind, _left(column, compare, raw)


def _left(column: Mapped, compare: Compare, raw: str) -> str:
    if compare.operator in ("eq", "in") and (column.codes is not None or column.true is not None):
        fixed = column.codes is not None or isinstance(compare.operand, Constant)
        return raw if fixed else shown(column, raw)
    if column.kind == "decimal" or column.stored == "digits":
        return sortable(column, raw)
    number_as_text = column.kind == "int" and column.is_key and _KINDS[compare.operator] == "range"
    return shown(column, raw) if number_as_text else raw


def _null(column: Mapped, compare: Compare, raw: str) -> tuple[Kind, str]:
    if not isinstance(compare.operand, Constant) or column.unique is not None:
        return "closed", raw
    kind: Kind = "null" if compare.operand.value else "given"
    if column.is_list or column.kind in ("date", "instant"):
        # The value is tested as it is shown, by a function that the server holds for dependent on its settings.
        return "closed", raw
    return kind, raw if column.kind == "text" and column.codes is None else shown(column, raw)


def _is_null(compare: Compare) -> bool | None:
    if compare.operator != "null" or not isinstance(compare.operand, Constant):
        return None
    return bool(compare.operand.value)


def _bound(compare: Compare) -> tuple[str, float] | None:
    value = compare.operand.value if isinstance(compare.operand, Constant) else None
    if _KINDS[compare.operator] != "range" or not isinstance(value, int | float):
        return None
    return compare.operator, float(value)


def _codes(column: Mapped, compare: Compare) -> tuple[str, ...]:
    assert isinstance(compare.operand, Constant)
    value = compare.operand.value
    values = value if isinstance(value, list | tuple) else [value]
    if column.codes is not None:
        return tuple(code for one in values for code in column.codes.stored.get(one, ()))
    if column.true is not None:
        return tuple(filter(None, (column.true if one else column.false for one in values)))
    return tuple(("t" if one else "f") if isinstance(one, bool) else str(one) for one in values)


def _bare(text: str) -> str:
    """Without the alias: as it stands in an index."""
    return text.replace('t."', '"')


def _beside(asked: Asked, predicate: Predicate, relation: Relation, mapping: Mapping) -> Iterator[Demand]:
    """What the predicate asks of other tables: of joined ones, and of rows that must exist."""
    match predicate:
        case All(parts=parts) | Some(parts=parts):
            for part in parts:
                yield from _beside(asked, part, relation, mapping)
        case Not(part=part):
            yield from _beside(asked, part, relation, mapping)
        case Compare(column=name):
            yield from _joined(asked, predicate, relation.column(name).place, relation)
        case Exists():
            yield from _existing(asked, predicate, mapping)


def _existing(asked: Asked, exists: Exists, mapping: Mapping) -> Iterator[Demand]:
    """Rows that are looked for beside a row: by what joins them, and by what must hold of them besides."""
    inner = mapping.relation(exists.relation)
    equals = [Compare(right, "eq", Constant(None)) for _, right in exists.on]
    here = [_equal(inner.column(name).place.column) for _, name in exists.on if inner.column(name).place.join is None]
    reason = Asked(relation=inner.name, why=asked.why, name=asked.name, always=True)
    ways = _ways(exists.where, inner) if here else []
    for way in ways[:1]:
        yield _demand(reason, inner, (*here, *way))
    for equal in equals:
        yield from _joined(reason, equal, inner.column(equal.column).place, inner)
    more = Asked(relation=inner.name, why=asked.why, name=asked.name, where=exists.where, known=asked.known)
    yield from demands(more, mapping)


def _joined(asked: Asked, compare: Compare, place: Place, relation: Relation) -> Iterator[Demand]:
    """A column of a joined table: its rows there, and from there the way back."""
    if place.join is None or _KINDS[compare.operator] not in ("equal", "range", "prefix"):
        return
    join = relation.joins[place.join]
    kind = _KINDS[compare.operator]
    found = Condition(element=quoted(place.column), column=place.column, kind=kind)
    yield Demand(table=join.table, key=quoted(join.on[0][0]), conditions=(found,), asked=asked)
    back = tuple(_equal(own.column) for _, own in join.on if own.join is None)
    if back:
        yield _demand(asked, relation, back)


def every(asked: Iterable[Asked], mapping: Mapping) -> list[Demand]:
    """All that is asked of a source, the mapping's own first."""
    found = list(own(mapping))
    for one in asked:
        if one.relation in mapping.relations:
            found += demands(one, mapping)
    return found
