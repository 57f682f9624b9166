"""Answers of declared tables -> hidden cells of which they tell too much: one system over all combinations.

Written apart from ``hub/statistics``: an unknown for every combination of everything that is grouped by, no cliques,
and what a shown value means spelt out once more.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import highspy
import numpy as np

from hub.statistics.indicators import DIVISION, SORTINGS
from hub.statistics.tables import Cell, Keys, Tabulated, Value

NOTICED = {"TOWN_NOTIFIED": "WAITING", "ASSESSED": "DONE", "PLANNED": "DONE", "CLOSED": "DONE"}

HUGE = 1e5
EVER = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """What is told beside declared tables, place by place: values, and from which coordinate's value each follows."""

    name: str
    coordinate: str
    place: str
    parent: str | None
    values: Sequence[Value]
    by_parent: Callable[[Value], Value]


SORTED = [
    *(
        Sorted(
            name=one.name,
            coordinate=one.coordinate,
            place=DIVISION,
            parent=one.parent,
            values=(*one.told, None),
            by_parent=one.by_parent,
        )
        for one in SORTINGS
    ),
    Sorted(
        name="ASSESSMENT",
        coordinate="Indicator.ASSESSMENT",
        place="MandatoryReport.divisionCode",
        parent="MandatoryReport.status",
        values=("DONE", "WAITING", None),
        by_parent=lambda status: NOTICED.get(status or ""),
    ),
]


class _Silent(highspy.Highs):
    def enableCallbacks(self) -> Any:
        self.setOptionValue("output_flag", False)
        return super().enableCallbacks()  # type: ignore[no-untyped-call]


Floor = tuple[Sequence[tuple[str, Keys]], float]
"""Cells that are so many together at least."""


def narrow(
    tables: Sequence[Tabulated],
    domains: Mapping[str, Sequence[Value]],
    answers: Mapping[str, Mapping[Keys, float | None]],
    floors: Sequence[Floor] = (),
) -> list[str]:
    """Cells below k, or sums that are too small or one child's, whose value follows too closely."""
    system = _combined(tables, domains)
    members, unknowns = system.members, system.unknowns
    solver = _solver(tables, system, answers, floors)
    columns = {place: unknowns + at for at, place in enumerate(members)}
    small = {
        (table.code, cell.keys): (cell.value, max(cell.value, 100.0) if table.sums else table.k - 1.0)
        for table in tables
        for cell in table.cells
        if (cell.children < table.k or (table.sums and cell.largest > 0.5)) and not _said(tables, table, cell, answers)
    }
    low, high = (
        {place: truth for place, (truth, _) in small.items()},
        {place: truth for place, (truth, _) in small.items()},
    )

    def pull(costs: Mapping[tuple[str, Keys], float]) -> None:
        row = np.zeros(unknowns + len(members))
        for place, cost in costs.items():
            row[columns[place]] = cost
        solver.changeColsCost(len(row), np.arange(len(row), dtype=np.int32), row)
        solver.run()
        # From now on only what is pulled changes: the last answer is a start for the primal simplex.
        solver.setOptionValue("simplex_strategy", 4)
        assert solver.getModelStatus() == highspy.HighsModelStatus.kOptimal, "the answers contradict each other"
        values = solver.getSolution().col_value
        for place in small:
            low[place] = min(low[place], values[columns[place]])
            high[place] = max(high[place], values[columns[place]])

    def wanting() -> list[tuple[str, Keys]]:
        return [place for place, (_, width) in small.items() if high[place] - low[place] < width - EVER]

    # Many at once, some up and some down; then those that are left one by one.
    chance, idle = random.Random(1), 0
    while idle < 4 and (open_ := wanting()):
        pull({place: chance.choice((-1.0, 1.0)) for place in open_})
        idle = idle + 1 if len(wanting()) == len(open_) else 0
    for place in wanting():
        pull({place: 1.0})
        pull({place: -1.0})
    return [f"{place}: {low[place]:g} to {high[place]:g}, is {small[place][0]:g}" for place in wanting()]


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Unknowns, which of them a cell is the sum of, which there cannot be, and sums that are equal."""

    unknowns: int
    members: Mapping[tuple[str, Keys], Sequence[int]]
    void: Sequence[int]
    equal: Sequence[tuple[Sequence[int], Sequence[int]]]


def _combined(tables: Sequence[Tabulated], domains: Mapping[str, Sequence[Value]]) -> System:
    """All combinations of what declared tables group by; each indicator's values beside, town by town."""
    names = sorted({name for table in tables for name in table.by if not name.startswith("Indicator.")})
    atoms = list(product(*(domains[name] for name in names)))
    members: dict[tuple[str, Keys], list[int]] = {}
    void, equal, unknowns = list[int](), list[tuple[list[int], list[int]]](), len(atoms)

    for table in tables:
        if not any(name.startswith("Indicator.") for name in table.by):
            places = [names.index(name) for name in table.by]
            for number, atom in enumerate(atoms):
                members.setdefault((table.code, tuple(atom[place] for place in places)), []).append(number)
    for sorting in SORTED:
        own = [table for table in tables if table.code.startswith(f"{sorting.name}/")]
        if own:
            parent = sorting.parent if sorting.parent in names else None
            places = [names.index(name) for name in (sorting.place, parent) if name is not None]
            groups: dict[Keys, list[int]] = {}
            for number, atom in enumerate(atoms):
                groups.setdefault(tuple(atom[place] for place in places), []).append(number)
            for keys, whole in groups.items():
                parts = []
                for value in sorting.values:
                    if parent is not None and keys[1] is not None and sorting.by_parent(keys[1]) != value:
                        void.append(unknowns)
                    members.setdefault((f"{sorting.name}/town", (keys[0], value)), []).append(unknowns)
                    members.setdefault((f"{sorting.name}/district", (value,)), []).append(unknowns)
                    parts.append(unknowns)
                    unknowns += 1
                equal.append((parts, whole))
    return System(unknowns=unknowns, members=members, void=void, equal=equal)


def _said(
    tables: Sequence[Tabulated], table: Tabulated, cell: Cell, answers: Mapping[str, Mapping[Keys, float | None]]
) -> bool:
    """Whether the cell is empty inside an indicator that is told as nought: that none is told is the rule."""
    if cell.value:
        return False
    values = dict(zip(table.by, cell.keys, strict=True))
    for sorting in SORTED:
        if sorting.parent is not None and values.get(sorting.parent) is not None:
            values[sorting.coordinate] = sorting.by_parent(values[sorting.parent])
    return any(
        answers[other.code][keys] == 0
        and all(values.get(name, "-") == value for name, value in zip(other.by, keys, strict=True))
        for other in tables
        if "/" in other.code
        for keys in answers[other.code]
    )


def _solver(
    tables: Sequence[Tabulated],
    system: System,
    answers: Mapping[str, Mapping[Keys, float | None]],
    floors: Sequence[Floor],
) -> Any:
    table_of = {table.code: table for table in tables}
    members, atoms = system.members, system.unknowns
    lower, upper = np.zeros(atoms + len(members)), np.full(atoms + len(members), HUGE)
    upper[list(system.void)] = 0
    starts, index, value = [0], list[int](), list[float]()
    for at, ((code, keys), own) in enumerate(members.items()):
        told, table = answers[code][keys], table_of[code]
        if told is not None:
            near = 50 if table.sums else 2
            lower[atoms + at] = max(told - near, 0 if table.sums else table.k) if told else 0
            upper[atoms + at] = told + near if told else 0
        elif table.shape.zeros and _tellable(table, keys):
            # None at all would have been told.
            lower[atoms + at] = 1
        index += [*own, atoms + at]
        value += [1.0] * len(own) + [-1.0]
        starts.append(len(index))
    for parts, whole in system.equal:
        index += [*parts, *whole]
        value += [1.0] * len(parts) + [-1.0] * len(whole)
        starts.append(len(index))
    places = {place: atoms + at for at, place in enumerate(members)}
    for own_, _ in floors:
        index += [places[place] for place in own_]
        value += [1.0] * len(own_)
        starts.append(len(index))
    rows = len(starts) - 1
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(lower), rows
    model.col_cost_, model.col_lower_, model.col_upper_ = np.zeros(len(lower)), lower, upper
    equal = np.zeros(rows - len(floors))
    model.row_lower_ = np.append(equal, [least for _, least in floors])
    model.row_upper_ = np.append(equal, [np.inf] * len(floors))
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.array(starts, dtype=np.int32)
    model.a_matrix_.index_ = np.array(index, dtype=np.int32)
    model.a_matrix_.value_ = np.array(value)
    solver = _Silent()  # type: ignore[no-untyped-call]
    solver.passModel(model)
    return solver


def _tellable(table: Tabulated, keys: Keys) -> bool:
    """Whether the cell is one that an indicator shows: of a town or the district, and of a value that has a name."""
    return None not in keys
