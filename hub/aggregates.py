"""``aggregate``: coordinates to group by, a measure -> groups of one's own rows, or of declared tables.

A caller who reads every coordinate in clear gets the groups of its own rows as they are. Any other gets declared tables
alone (``policies/tables.csv``), as they were settled when a quarter was frozen (``hub/statistics``): the same for
everybody, whatever was asked before. A grouping that is not declared is refused with the nearest one named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.source import Compare, Constant
from hub.counting import DIVISION, Groups, placed
from hub.entitlements import Entitlements
from hub.errors import RefusalError
from hub.executor import Execution
from hub.grouping import groups, tallied
from hub.planner.formula import Fact, Formula, both, either
from hub.planner.relations import PARTS, keys_of
from hub.planner.scopes import CIVIL_TYPES, scope_formula
from hub.statistics.published import frozen
from policies.tables import COUNT, Table
from schema.catalogue import CATALOGUE

__all__ = ["Groups", "Question", "ask", "groups", "read_question", "relation_of", "text_of"]

MONEY = "AssistanceRecord.amount"
NOT_OF_THE_ROW = frozenset({*PARTS, "Child.riskFlags", "ReconciliationItem.sourceValues"})
"""Coordinates whose values no single department keeps with the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An aggregate that may be asked: ``relation`` counted or summed; ``table``: declared, for who reads no rows."""

    relation: str
    by: tuple[str, ...]
    total: str | None
    division: str | None
    rows: Formula
    table: Table | None
    quarter: str | None

    def __hash__(self) -> int:
        # Questions are keys of a batch, whose principal is one: hashing which rows count would walk a tree each time.
        return hash((self.by, self.total, self.division, self.quarter))

    @property
    def used(self) -> tuple[str, ...]:
        """Every coordinate that takes part."""
        return self.by if self.total is None else (*self.by, f"{self.relation}.{self.total}")


def read_question(entitlements: Entitlements, given: Mapping[str, Any]) -> Question:
    """The question, or the refusal: unknown or denied coordinates, two departments at once, an undeclared table."""
    by, measure = tuple(given["by"]), str(given["measure"])
    where = given.get("where") or {}
    division, quarter = where.get("divisionCode"), where.get("quarter")
    used = by if measure == COUNT else (*by, measure)
    _check(entitlements, by, measure, division)
    relation = relation_of(used)
    table = None
    if not all(coordinate in entitlements.read for coordinate in used):
        table = _declared(entitlements, by, measure, division)
    elif quarter is not None:
        raise _wrong("where", "rows are counted as they are now: `quarter` goes with declared tables")
    grants = entitlements.read if table is None else entitlements.aggregated
    formulas = [
        either(*(scope_formula(line.scope, _type(each), divided=entitlements.divided) for line in grants[each]))
        for each in used
    ]
    if division is not None and not placed(relation):
        formulas.append(_file_in(relation, division))
    return Question(
        relation=relation,
        by=by,
        total=None if measure == COUNT else measure.partition(".")[2],
        division=division,
        rows=both(*formulas),
        table=table,
        quarter=quarter,
    )


async def ask(execution: Execution, question: Question) -> Mapping[str, Any]:
    """The groups, as ``Aggregation``; SOURCE_UNAVAILABLE if a source that decides which rows count does not answer."""
    if question.table is not None:
        return await _frozen(execution, question, question.table)
    asked = Groups(relation=question.relation, by=question.by, total=question.total, rows=question.rows)
    read = tallied if question.total is None else groups
    width, found = len(question.by), dict[tuple[str | None, ...], float]()
    inside = question.division if placed(question.relation) else None
    for row in await read(execution, asked, division=inside):
        keys = tuple(map(text_of, row[:width]))
        found[keys] = found.get(keys, 0.0) + float(row[width])
    told = sorted(found.items(), key=str)
    return _answer([_told(question, keys, value) for keys, value in told], None)


async def _frozen(execution: Execution, question: Question, table: Table) -> Mapping[str, Any]:
    """The declared table as it was settled when its quarter was frozen, or the slice of a town."""
    found = await frozen(execution.reading, table.code, question.quarter)
    places = [table.by.index(coordinate) for coordinate in question.by]
    cells = [
        _told(question, [cell.keys[place] for place in places], cell.value)
        for cell in found.cells
        if _inside(question.division, table, cell.keys)
    ]
    return _answer(sorted(cells, key=lambda cell: str(cell["keys"])), found.quarter)


def _inside(division: str | None, table: Table, keys: Sequence[str | None]) -> bool:
    if division is None:
        return True
    town = next(keys[place] for place, name in enumerate(table.by) if name.endswith(DIVISION))
    return town is not None and town.startswith(division)


def _told(question: Question, keys: Sequence[Any], value: float | None) -> Mapping[str, Any]:
    return {
        "keys": [{"coordinate": coordinate, "value": key} for coordinate, key in zip(question.by, keys, strict=True)],
        "value": value,
        "suppressed": value is None,
    }


def _answer(cells: Sequence[Mapping[str, Any]], quarter: str | None) -> Mapping[str, Any]:
    hidden = any(cell["suppressed"] for cell in cells)
    return {"cells": cells, "total": None if hidden else sum(cell["value"] for cell in cells), "quarter": quarter}


def text_of(value: Any) -> str | None:
    """A group's value as text; of a list all of it, None where rows have none."""
    if value is None:
        return None
    if isinstance(value, list):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _file_in(relation: str, division: str) -> Formula:
    """The row's child is on file there, as last accepted; of a row that has no child there is nothing to say."""
    if not {"_register", "_person"} & set(keys_of(relation)):
        raise _wrong("where", f"rows of `{relation}` are in no division")
    inside = Compare("_division", "under", Constant(division))
    # The name tells divisions apart: requests of one batch share what is learnt of a fact.
    return Fact(f"asked_in_{division}", "civil_affairs", "Child", inside)


def _check(entitlements: Entitlements, by: tuple[str, ...], measure: str, division: str | None) -> None:
    if not 1 <= len(by) <= 3 or len(set(by)) != len(by):
        raise _wrong("by", f"`by` takes one to three different coordinates, not {len(by)}")
    if measure not in (COUNT, MONEY):
        raise _wrong("measure", f"`measure` is `{COUNT}` or `{MONEY}`")
    for coordinate in by if measure == COUNT else (*by, measure):
        if coordinate not in CATALOGUE:
            raise _wrong("by", "`by` names a coordinate that is not in the catalogue; give one as `Child.sex`")
        if coordinate in NOT_OF_THE_ROW or coordinate.endswith(".id"):
            raise _wrong("by", f"rows cannot be grouped by `{coordinate}`: no department keeps it with them")
        if coordinate not in entitlements.aggregated and coordinate not in entitlements.read:
            raise entitlements.refusal(coordinate, None, "aggregate")
    if division is not None and len(division) > 9:
        raise RefusalError(
            "DISCLOSURE_LIMIT", "an aggregate takes in the district or a town, nothing finer", argument="where"
        )


def relation_of(used: tuple[str, ...]) -> str:
    """The relation whose rows are counted: the one type, or the one beside `Child` in its own department."""
    types = {_type(coordinate) for coordinate in used}
    others = types - {"Child"}
    if len(others) > 1 or (len(types) > 1 and not others <= CIVIL_TYPES):
        raise _wrong("by", "`by` joins `Child` with one more type of its own department at most")
    return others.pop() if others else "Child"


def _declared(entitlements: Entitlements, by: tuple[str, ...], measure: str, division: str | None) -> Table:
    """The table that was declared of this grouping; for a town it must be grouped by town. Or a refusal."""
    policy, unit, purpose = entitlements.policy, entitlements.unit, entitlements.purpose
    for table in policy.tables_of(unit, purpose):
        divided = division is None or any(name.endswith(f".{DIVISION}") for name in by)
        if set(table.by) == set(by) and table.measure == measure and divided:
            return table
    wanted = by if division is None else (*by, f"Child.{DIVISION}")
    near = policy.nearest_table(unit, purpose, wanted, measure)
    hint = f"; the nearest table is `{near.code}`: {', '.join(near.by)} ({near.measure})" if near else ""
    what = "this grouping" if division is None else "this grouping in one division"
    raise RefusalError(
        "DISCLOSURE_LIMIT",
        f"`{unit}` may ask for declared tables alone, and {what} is none{hint}",
        nearest=list(near.by) if near else None,
        measure=near.measure if near else None,
    )


def _type(coordinate: str) -> str:
    return coordinate.partition(".")[0]


def _wrong(argument: str, message: str) -> RefusalError:
    return RefusalError("INVALID_INPUT", message, argument=argument)
