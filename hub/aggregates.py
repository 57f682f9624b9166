"""``aggregate``: coordinates to group by, a measure -> groups, small cells hidden from who does not read the rows.

A caller who reads every coordinate in clear gets the groups of its own rows as they are. Any other gets declared tables
alone (``policies/tables.csv``), with a threshold of distinct children and complementary suppression (domain model, 10).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import product
from typing import Any

from connectors.source import Aggregate, Bucket, Compare, Exists, Param, Predicate, SourceError
from hub.entitlements import Entitlements
from hub.errors import OutageError, RefusalError
from hub.executor import Execution
from hub.planner.formula import Fact, Formula, both, either, every, facts, local_fact, member, render
from hub.planner.relations import HOME
from hub.planner.scopes import CIVIL_TYPES, scope_formula
from schema.catalogue import CATALOGUE

COUNT = "COUNT"
MONEY = "AssistanceRecord.amount"
THRESHOLD = 5
GRAVE_THRESHOLD = 10
PRIME = 2**61 - 1
WIDTHS = {"DivisionCode": "town", "Date": "quarter", "DateTime": "quarter"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An aggregate that may be asked: ``relation`` counted or summed, ``threshold`` None for a reader of the rows."""

    relation: str
    by: tuple[str, ...]
    total: str | None
    division: str | None
    rows: Formula
    threshold: int | None

    @property
    def used(self) -> tuple[str, ...]:
        """Every coordinate that takes part."""
        return self.by if self.total is None else (*self.by, f"{self.relation}.{self.total}")


@dataclass(slots=True, kw_only=True)
class Cell:
    """A group on its way out."""

    keys: tuple[Any, ...]
    value: float
    subjects: int
    suppressed: bool


def read_question(entitlements: Entitlements, given: Mapping[str, Any]) -> Question:
    """The question, or the refusal: unknown or denied coordinates, two departments at once, an undeclared table."""
    by, measure = tuple(given["by"]), str(given["measure"])
    division = (given.get("where") or {}).get("divisionCode")
    used = by if measure == COUNT else (*by, measure)
    _check(entitlements, by, measure, division)
    relation = _relation(used)
    reads = all(coordinate in entitlements.read for coordinate in used)
    if not reads:
        _declared(entitlements, by, measure)
    grants = entitlements.read if reads else entitlements.aggregated
    formulas = [
        either(*(scope_formula(line.scope, _type(each), divided=entitlements.divided) for line in grants[each]))
        for each in used
    ]
    grave = any(CATALOGUE[coordinate].sensitivity == "L4" for coordinate in used)
    return Question(
        relation=relation,
        by=by,
        total=None if measure == COUNT else measure.partition(".")[2],
        division=division,
        rows=both(*formulas),
        threshold=None if reads else GRAVE_THRESHOLD if grave else THRESHOLD,
    )


async def ask(execution: Execution, question: Question) -> Mapping[str, Any]:
    """The groups, as ``Aggregation``; SOURCE_UNAVAILABLE if a source that decides which rows count does not answer."""
    home = HOME[question.relation]
    wanted = frozenset(fact for fact in facts(question.rows) if fact.source != home)
    known = await execution.know_all(wanted, home, exact=wanted)
    if len(known) < len(wanted):
        failure = execution.failure(wanted - frozenset(known))
        raise OutageError("SOURCE_UNAVAILABLE", f"source `{failure.source}` does not answer", source=failure.source)
    bindings = {key: value for found in known.values() for key, value in found.items()}
    try:
        rows = await execution.reading.aggregate(_statement(question), bindings | {"division_asked": question.division})
    except SourceError as error:
        raise OutageError("SOURCE_UNAVAILABLE", str(error), source=error.source, reason=error.reason) from None
    width = len(question.by)
    cells = [_cell(tuple(row[:width]), row[width:], question) for row in rows]
    if question.threshold is not None:
        complement(cells)
    return _answer(question, sorted(cells, key=lambda cell: tuple(map(str, cell.keys))))


def complement(cells: Sequence[Cell]) -> None:
    """Suppresses further cells until the totals of lines give no small cell away, one by one or taken together.

    Which cells does not depend on the order in which they come: asking again shows nothing more.
    """
    cells = sorted(cells, key=lambda cell: str(cell.keys))
    small = {cell.keys for cell in cells if cell.suppressed}
    lines = _lines(cells)
    _accompany(lines)
    while (further := _further(cells, lines, small)) is not None:
        further.suppressed = True
        _accompany(lines)


def _accompany(lines: Sequence[Sequence[Cell]]) -> None:
    """Leaves no cell alone hidden among shown ones."""
    changed = True
    while changed:
        changed = False
        for line in lines:
            shown = [cell for cell in line if not cell.suppressed]
            if len(line) - len(shown) == 1 and shown:
                _least(shown).suppressed = True
                changed = True


def _further(cells: Sequence[Cell], lines: Sequence[Sequence[Cell]], small: Set[tuple[Any, ...]]) -> Cell | None:
    """A shown cell beside a small one that could still be reckoned from several lines' totals."""
    for cell in _exposed(cells, lines, small):
        beside = [other for line in lines if cell in line for other in line if not other.suppressed]
        if beside:
            return _least(beside)
    return None


def _exposed(cells: Sequence[Cell], lines: Sequence[Sequence[Cell]], small: Set[tuple[Any, ...]]) -> Iterator[Cell]:
    """Small cells that follow from the totals, everything shown being taken off: unknowns of linear equations.

    The total of a line that is one small cell is hidden as that cell is; any other is taken to be known.
    """
    hidden = {cell.keys: place for place, cell in enumerate(cell for cell in cells if cell.suppressed)}
    basis: dict[int, list[int]] = {}
    for line in lines:
        if len(line) > 1 or line[0].keys not in small:
            row = [0] * len(hidden)
            for cell in line:
                if cell.suppressed:
                    row[hidden[cell.keys]] = 1
            first = _reduce(row, basis)
            if first is not None:
                basis[first] = row
    for cell in cells:
        if cell.keys in small:
            alone = [int(place == hidden[cell.keys]) for place in range(len(hidden))]
            if _reduce(alone, basis) is None:
                yield cell


def _reduce(row: list[int], basis: Mapping[int, list[int]]) -> int | None:
    """Takes the basis off the row (modulo a prime); the first place that is left, None if nothing is."""
    for place in range(len(row)):
        if row[place] == 0:
            continue
        if place not in basis:
            inverse = pow(row[place], -1, PRIME)
            row[:] = [value * inverse % PRIME for value in row]
            return place
        factor = row[place]
        row[:] = [(value - factor * other) % PRIME for value, other in zip(row, basis[place], strict=True)]
    return None


def _least(cells: Iterable[Cell]) -> Cell:
    return min(cells, key=lambda cell: (cell.value, str(cell.keys)))


def _lines(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Every set of cells that some declared table may total: those that agree on a part of the keys."""
    width = len(cells[0].keys) if cells else 0
    lines: dict[Any, list[Cell]] = {}
    for kept in product((False, True), repeat=width):
        if all(kept):
            continue
        for cell in cells:
            key = tuple(value if keep else None for value, keep in zip(cell.keys, kept, strict=True))
            lines.setdefault((kept, str(key)), []).append(cell)
    return list(lines.values())


def _cell(keys: tuple[Any, ...], measured: Sequence[Any], question: Question) -> Cell:
    value, subjects, largest = measured
    small = question.threshold is not None and subjects < question.threshold
    dominated = question.threshold is not None and question.total is not None and largest > 0.5
    named = tuple(",".join(key) if isinstance(key, list) else key for key in keys)
    return Cell(keys=named, value=float(value), subjects=subjects, suppressed=small or dominated)


def _answer(question: Question, cells: Sequence[Cell]) -> Mapping[str, Any]:
    hidden = any(cell.suppressed for cell in cells)
    return {
        "cells": [
            {
                "keys": [
                    {"coordinate": coordinate, "value": None if value is None else _text(value)}
                    for coordinate, value in zip(question.by, cell.keys, strict=True)
                ],
                "value": None if cell.suppressed else cell.value,
                "suppressed": cell.suppressed,
            }
            for cell in cells
        ],
        "total": None if hidden else sum(cell.value for cell in cells),
    }


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _statement(question: Question) -> Aggregate:
    relation, home = question.relation, HOME[question.relation]

    def known(fact: Fact) -> Predicate:
        return local_fact(fact, relation) if fact.source == home else member(fact, home)

    where = render(question.rows, relation, home, known, optimistic=False)
    if question.division is not None:
        where = every((where, _in_division(question)))
    return Aggregate(
        source=home,
        relation=relation,
        by=tuple(_bucket(relation, coordinate) for coordinate in question.by),
        subject="_register" if relation in CIVIL_TYPES else "_person",
        total=question.total,
        where=where,
    )


def _in_division(question: Question) -> Predicate:
    inside = Compare("divisionCode", "under", Param("division_asked"))
    if f"{question.relation}.divisionCode" in CATALOGUE:
        return inside
    return Exists("Child", (("_register", "_register"),), inside)


def _bucket(relation: str, coordinate: str) -> Bucket:
    type_name, _, column = coordinate.partition(".")
    width = "age_band" if coordinate == "Child.birthDate" else WIDTHS.get(CATALOGUE[coordinate].inner)
    if type_name == relation:
        return Bucket(column=column, width=width)
    return Bucket(column=column, width=width, relation=type_name, on=(("_register", "_register"),))


def _check(entitlements: Entitlements, by: tuple[str, ...], measure: str, division: str | None) -> None:
    if not 1 <= len(by) <= 3 or len(set(by)) != len(by):
        raise _wrong("by", f"`by` takes one to three different coordinates, not {len(by)}")
    if measure not in (COUNT, MONEY):
        raise _wrong("measure", f"`measure` is `{COUNT}` or `{MONEY}`")
    for coordinate in by if measure == COUNT else (*by, measure):
        if coordinate not in CATALOGUE:
            raise _wrong("by", "`by` names a coordinate that is not in the catalogue; give one as `Child.sex`")
        if coordinate not in entitlements.aggregated and coordinate not in entitlements.read:
            raise entitlements.refusal(coordinate, None, "aggregate")
    if division is not None and len(division) > 9:
        raise RefusalError(
            "DISCLOSURE_LIMIT", "an aggregate takes in the district or a town, nothing finer", argument="where"
        )


def _relation(used: tuple[str, ...]) -> str:
    """The relation whose rows are counted: the one type, or the one beside `Child` in its own department."""
    types = {_type(coordinate) for coordinate in used}
    others = types - {"Child"}
    if len(others) > 1 or (len(types) > 1 and not others <= CIVIL_TYPES):
        raise _wrong("by", "`by` joins `Child` with one more type of its own department at most")
    return others.pop() if others else "Child"


def _declared(entitlements: Entitlements, by: tuple[str, ...], measure: str) -> None:
    policy, unit, purpose = entitlements.policy, entitlements.unit, entitlements.purpose
    if any(set(table.by) == set(by) and table.measure == measure for table in policy.tables_of(unit, purpose)):
        return
    near = policy.nearest_table(unit, purpose, by, measure)
    hint = f"; the nearest table is `{near.code}`: {', '.join(near.by)} ({near.measure})" if near else ""
    raise RefusalError(
        "DISCLOSURE_LIMIT",
        f"`{unit}` may ask for declared tables alone, and this grouping is none{hint}",
        nearest=list(near.by) if near else None,
        measure=near.measure if near else None,
    )


def _type(coordinate: str) -> str:
    return coordinate.partition(".")[0]


def _wrong(argument: str, message: str) -> RefusalError:
    return RefusalError("INVALID_INPUT", message, argument=argument)
