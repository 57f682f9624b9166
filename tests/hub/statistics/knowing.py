"""Answers of declared tables -> hidden cells of which they tell too much: one system over all combinations.

Written apart from ``hub/statistics``: an unknown for every combination of everything that is grouped by, no cliques,
and what a shown value means spelt out once more.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import highspy
import numpy as np

from hub.statistics.tables import Keys, Tabulated, Value

HUGE = 1e5
EVER = 1e-6


class _Silent(highspy.Highs):
    def enableCallbacks(self) -> Any:
        self.setOptionValue("output_flag", False)
        return super().enableCallbacks()  # type: ignore[no-untyped-call]


def narrow(
    tables: Sequence[Tabulated],
    domains: Mapping[str, Sequence[Value]],
    answers: Mapping[str, Mapping[Keys, float | None]],
) -> list[str]:
    """Cells below k, or sums that are too small or one child's, whose value follows too closely."""
    names = sorted({name for table in tables for name in table.by})
    atoms = list(product(*(domains[name] for name in names)))
    members: dict[tuple[str, Keys], list[int]] = {}
    for table in tables:
        places = [names.index(name) for name in table.by]
        for number, atom in enumerate(atoms):
            members.setdefault((table.code, tuple(atom[place] for place in places)), []).append(number)
    solver = _solver(tables, members, answers, len(atoms))
    columns = {place: len(atoms) + at for at, place in enumerate(members)}
    small = {
        (table.code, cell.keys): (cell.value, max(cell.value, 100.0) if table.sums else table.k - 1.0)
        for table in tables
        for cell in table.cells
        if cell.children < table.k or (table.sums and cell.largest > 0.5)
    }
    low, high = (
        {place: truth for place, (truth, _) in small.items()},
        {place: truth for place, (truth, _) in small.items()},
    )

    def pull(costs: Mapping[tuple[str, Keys], float]) -> None:
        row = np.zeros(len(atoms) + len(members))
        for place, cost in costs.items():
            row[columns[place]] = cost
        solver.changeColsCost(len(row), np.arange(len(row), dtype=np.int32), row)
        solver.run()
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


def _solver(
    tables: Sequence[Tabulated],
    members: Mapping[tuple[str, Keys], Sequence[int]],
    answers: Mapping[str, Mapping[Keys, float | None]],
    atoms: int,
) -> Any:
    table_of = {table.code: table for table in tables}
    lower, upper = np.zeros(atoms + len(members)), np.full(atoms + len(members), HUGE)
    starts, index, value = [0], list[int](), list[float]()
    for at, ((code, keys), own) in enumerate(members.items()):
        told, table = answers[code][keys], table_of[code]
        if told is not None:
            near = 50 if table.sums else 2
            lower[atoms + at] = max(told - near, 0 if table.sums else table.k)
            upper[atoms + at] = told + near
        index += [*own, atoms + at]
        value += [1.0] * len(own) + [-1.0]
        starts.append(len(index))
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(lower), len(members)
    model.col_cost_, model.col_lower_, model.col_upper_ = np.zeros(len(lower)), lower, upper
    model.row_lower_ = model.row_upper_ = np.zeros(len(members))
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.array(starts, dtype=np.int32)
    model.a_matrix_.index_ = np.array(index, dtype=np.int32)
    model.a_matrix_.value_ = np.array(value)
    solver = _Silent()  # type: ignore[no-untyped-call]
    solver.passModel(model)
    return solver
