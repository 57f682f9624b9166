"""A hidden cell, the true rows -> whether rows that there could be as well give it another count, all else as shown.

Guarantee: one whole row is added, taken away or put elsewhere, or two exchange a value; none comes where everybody
knows that there is none. It takes no solver, and is no less of a proof. What is not found proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from hub.statistics.tables import Cell, Tables

Codes: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"
Flags: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"
Interval = tuple[float, float]
FIRST = 400
"""Rows that are looked at before all of them: most often one of these will do."""
FEW = 20
"""Rows that are tried for an exchange."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """A table's cells as numbers: ``columns`` of the rows, what a step in each is worth, and its first cell."""

    columns: Codes
    steps: Codes
    first: int

    def places(self, rows: Codes) -> Codes:
        """The cell in which each row is."""
        found: Codes = rows[:, self.columns] @ self.steps + self.first
        return found

    def values(self, place: int) -> Codes:
        """The values of the cell, in the order of its table's columns."""
        found, left = [], place - self.first
        for step in self.steps.tolist():
            value, left = divmod(left, step)
            found.append(value)
        return np.array(found, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tied:
    """``values``: the value of ``column`` that follows from each of ``parent``, -1 where none does."""

    column: int
    parent: int
    values: Codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Otherwise:
    """Rows as numbers; ``more``, ``fewer``: whether a cell may have one row more, or fewer, than it has."""

    names: Sequence[str]
    rows: Codes
    grids: Mapping[str, _Grid]
    ties: Sequence[_Tied]
    more: Flags
    fewer: Flags

    @classmethod
    def of(
        cls, tables: Tables, cells: Sequence[Cell], shown: Mapping[int, Interval], least: Mapping[int, float]
    ) -> Otherwise:
        """What is ``shown`` of the cells by their place; ``least``: what is known of hidden ones."""
        names = list(tables.domains)
        codes = {name: {value: at for at, value in enumerate(values)} for name, values in tables.domains.items()}
        rows = [[codes[name][value] for name, value in zip(names, row, strict=True)] for row in tables.rows]
        ranges = [shown.get(at, (least.get(at, 0.0), math.inf)) for at in range(len(cells))]
        each = list(zip(cells, ranges, strict=True))
        ties = [
            _Tied(
                column=names.index(name),
                parent=names.index(tie.parent),
                values=np.array(
                    [-1 if value is None else codes[name][tie.sort(value)] for value in tables.domains[tie.parent]]
                ),
            )
            for name, tie in tables.ties.items()
        ]
        return cls(
            names=names,
            rows=np.array(rows, dtype=np.int64).reshape(len(rows), len(names)),
            grids=dict(_grids(tables, names)),
            ties=ties,
            more=np.array([cell.value + 1 <= high for cell, (_, high) in each]),
            fewer=np.array([cell.value - 1 >= low for cell, (low, _) in each]),
        )

    def explains(self, place: int, cell: Cell) -> bool:
        """Whether the cell has another count in rows that one change makes of the true ones."""
        grid = self.grids[cell.table]
        values = grid.values(place)
        parts = (self.rows[:FIRST], self.rows[FIRST:])
        return any(self._found(place, grid, values, rows) for rows in parts) or self._exchanged(place, grid, values)

    def _found(self, place: int, grid: _Grid, values: Codes, rows: Codes) -> bool:
        moved, possible = self._moved(grid.columns, values, rows)
        inside = grid.places(rows) == place
        added, changed, taken = possible.copy(), possible & ~inside, inside.copy()
        for other in self.grids.values():
            before, after = other.places(rows), other.places(moved)
            added &= self.more[after]
            changed &= (before == after) | (self.more[after] & self.fewer[before])
            taken &= self.fewer[before]
            if not (added.any() or changed.any() or taken.any()):
                return False
        return True

    def _exchanged(self, place: int, grid: _Grid, values: Codes) -> bool:
        """Whether a row comes into the cell by exchanging one value with a row outside."""
        alike = self.rows[:, grid.columns] == values
        for at, column in enumerate(grid.columns.tolist()):
            rest = np.delete(alike, at, axis=1).all(axis=1)
            own = self.rows[rest & ~alike[:, at]][:FEW]
            others = self.rows[alike[:, at] & ~rest][:FIRST]
            for row in own if len(others) else ():
                mine, theirs = _exchange(row, others, self._with(column))
                # What goes with the value may lead the row elsewhere.
                if bool((self._may_be(row, mine, others, theirs) & (grid.places(mine) == place)).any()):
                    return True
        return False

    def _with(self, column: int) -> list[int]:
        """The column and those that go with it: what it follows from, and what follows from it."""
        return sorted(
            {column} | {c for tie in self.ties for c in (tie.column, tie.parent) if column in (tie.column, tie.parent)}
        )

    def _may_be(self, row: Codes, mine: Codes, others: Codes, theirs: Codes) -> Flags:
        """For each pair of ``row`` and another one whether all that is shown allows what they become."""
        fine = np.ones(len(others), dtype=bool)
        for grid in self.grids.values():
            [left], entered = grid.places(row[None, :]), grid.places(mine)
            their_left, their_entered = grid.places(others), grid.places(theirs)
            same = (left == entered) | ((left == their_entered) & (entered == their_left))
            apart = (entered != their_entered) & (left != their_left)
            allowed = self.more[entered] & self.fewer[left] & self.more[their_entered] & self.fewer[their_left]
            fine &= same | (apart & allowed)
        return fine

    def _moved(self, columns: Codes, values: Codes, rows: Codes) -> tuple[Codes, Flags]:
        """The rows put into the cell, and which of them there could be."""
        moved, possible = rows.copy(), np.ones(len(rows), dtype=bool)
        moved[:, columns] = values
        fixed = set(columns.tolist())
        for tie in self.ties:
            if tie.column in fixed and tie.parent not in fixed:
                # From which value of the parent the cell's may follow: each of them by turns.
                [wanted] = values[columns == tie.column]
                fitting = np.flatnonzero((tie.values == wanted) | (tie.values == -1))
                moved[:, tie.parent] = np.resize(fitting, len(rows)) if len(fitting) else moved[:, tie.parent]
        for tie in self.ties:
            follows = tie.values[moved[:, tie.parent]]
            if tie.column in fixed:
                possible &= (follows == -1) | (follows == moved[:, tie.column])
            else:
                moved[:, tie.column] = np.where(follows == -1, moved[:, tie.column], follows)
        return moved, possible


def _exchange(row: Codes, others: Codes, columns: Sequence[int]) -> tuple[Codes, Codes]:
    mine, theirs = np.tile(row, (len(others), 1)), others.copy()
    mine[:, columns], theirs[:, columns] = others[:, columns], row[columns]
    return mine, theirs


def _grids(tables: Tables, names: Sequence[str]) -> Iterator[tuple[str, _Grid]]:
    """Cells stand in the order of the product of their domains."""
    first = 0
    for table in tables.tables:
        sizes = [len(tables.domains[name]) for name in table.by]
        steps = [math.prod(sizes[at + 1 :]) for at in range(len(sizes))]
        columns = [names.index(name) for name in table.by]
        yield (
            table.code,
            _Grid(columns=np.array(columns, dtype=np.int64), steps=np.array(steps, dtype=np.int64), first=first),
        )
        first += len(table.cells)
