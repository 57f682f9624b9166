"""Tables that hang together -> which of their cells are shown, and as what: settled once, for whoever may ask.

Guarantee: a cell of too few children, or of which one child has more than half, is hidden; and so many others with it
that whoever knows every shown value of every table cannot tell a hidden count closer than that it is one of k, nor a
hidden sum closer than to its own size. What is shown is rounded, after it was judged. Units comparing notes, and the
order of questions, change nothing: there is one answer to each.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from hub.statistics.attacker import TOLERANCE, Attacker, Interval
from hub.statistics.tables import Cell, Keys, Published, Tables, Tabulated, TooManyError, Value

IDLE = 4
"""Rounds without a gain after which cells are looked at one by one."""
SECONDS = 10.0
"""How long one search for whole numbers may take."""


def settle(tables: Tables) -> list[Published]:
    """The cells of all tables, as they are published."""
    hidden = _Settling.of(tables).run()
    return [
        Published(table=cell.table, keys=cell.keys, value=None if cell in hidden else rounded(cell.value, table.step))
        for table in tables.tables
        for cell in table.cells
    ]


def settle_all(tables: Iterable[Tables]) -> list[Published]:
    """``settle`` over sets of tables that do not hang together."""
    return [cell for each in tables for cell in settle(each)]


def rounded(value: float, step: int) -> float:
    """The nearest multiple of ``step``, a half upwards."""
    return float(math.floor(value / step + 0.5) * step)


def interval(cell: Cell, table: Tabulated) -> Interval:
    """What everybody knows of a shown cell."""
    near = rounded(cell.value, table.step)
    if table.nought(cell):
        return 0.0, 0.0
    if table.sums:
        return max(near - table.step / 2, 0.0), near + table.step / 2
    half = (table.step - 1) // 2
    return max(near - half, table.k), near + half


@dataclass(slots=True, kw_only=True)
class _Settling:
    """The search: ``small`` are the cells that must not be known, with the width that must be left to each."""

    tables: Tables
    table_of: Mapping[str, Tabulated]
    small: Mapping[Cell, float]
    hidden: set[Cell]
    attacker: Attacker
    low: dict[Cell, float] = field(default_factory=dict)
    high: dict[Cell, float] = field(default_factory=dict)

    @classmethod
    def of(cls, tables: Tables) -> _Settling:
        """The search before anything is found."""
        table_of = {table.code: table for table in tables.tables}
        cells = [cell for table in tables.tables for cell in table.cells]
        open_ = _open(tables)
        small = {
            cell: _width(cell, table_of[cell.table])
            for cell in cells
            if table_of[cell.table].small(cell) and cell not in open_
        }
        hidden = {cell for cell in cells if table_of[cell.table].small(cell) or not table_of[cell.table].told(cell)}
        shown = {cell: interval(cell, table_of[cell.table]) for cell in cells if cell not in hidden}
        least = {cell: 1.0 for cell in cells if _counts_one(cell, table_of[cell.table])}
        most = 4 * max((sum(cell.value for cell in table.cells) for table in tables.tables), default=0.0) + 1_000
        attacker = Attacker(tables=tables, shown=shown, most=most, least=least)
        return cls(tables=tables, table_of=table_of, small=small, hidden=hidden, attacker=attacker)

    def run(self) -> set[Cell]:
        """The cells to hide."""
        self.low = {cell: cell.value for cell in self.small}
        self.high = dict(self.low)
        self._widen_many()
        for cell in self._narrow():
            while self._is_narrow(cell) and self._exposed(cell):
                self._hide_beside(cell)
        self._prove()
        return self.hidden

    def _widen_many(self) -> None:
        """Finds out of most cells at once that they are wide enough: some are pulled up and some down, by turns."""
        chance, idle = Random(1), 0
        while idle < IDLE and (open_ := self._narrow()):
            self._note(self.attacker.reach(_signs(open_, chance)))
            idle = idle + 1 if len(self._narrow()) == len(open_) else 0

    def _narrow(self) -> list[Cell]:
        return [cell for cell in self.small if self._is_narrow(cell)]

    def _is_narrow(self, cell: Cell) -> bool:
        return self.high[cell] - self.low[cell] < self.small[cell] - TOLERANCE

    def _note(self, values: Mapping[Cell, float]) -> None:
        for cell in self.small:
            self.low[cell] = min(self.low[cell], values[cell])
            self.high[cell] = max(self.high[cell], values[cell])

    def _exposed(self, cell: Cell) -> bool:
        """Whether the cell follows from what is shown, too closely; afterwards ``holding`` says from what."""
        self._note(self.attacker.reach({cell: -1.0}))
        if not self._is_narrow(cell):
            return False
        self._note(self.attacker.reach({cell: 1.0}))
        return self._is_narrow(cell)

    def _hide_beside(self, cell: Cell) -> None:
        """Hides the least cell of the finest table from which this one follows: totals are wanted most."""
        shown = [other for other in self.attacker.holding() if self._may_go(other)] or self._all_shown()
        if not shown:
            raise TooManyError("nothing is left to hide, and the solver did not find in time that this is enough")
        least = min(shown, key=lambda other: (-len(other.keys), other.value, *_order(other)))
        self.hidden.add(least)
        self.attacker.hide(least)

    def _all_shown(self) -> list[Cell]:
        return [cell for table in self.tables.tables for cell in table.cells if self._may_go(cell)]

    def _may_go(self, cell: Cell) -> bool:
        """Whether the cell is shown, and not because nobody is in it: that is always said."""
        return cell not in self.hidden and not self.table_of[cell.table].nought(cell)

    def _prove(self) -> None:
        """For each small count, whole numbers that explain what is shown and in which it is another; hides until so."""
        open_ = {cell for cell in self.small if not self.table_of[cell.table].sums}
        chance, idle = Random(1), 0
        while open_ and idle < IDLE:
            left = len(open_)
            self._take(open_, self.attacker.other(_signs(sorted(open_, key=_order), chance), seconds=SECONDS))
            idle = idle + 1 if len(open_) == left else 0
        for cell in sorted(open_, key=_order):
            while cell in open_ and not self._differs(cell, open_):
                self.attacker.reach({cell: 1.0})
                self._hide_beside(cell)

    def _differs(self, cell: Cell, open_: set[Cell]) -> bool:
        for sign in (1.0, -1.0):
            if cell in open_:
                self._take(open_, self.attacker.other({cell: sign}, seconds=SECONDS))
        return cell not in open_

    def _take(self, open_: set[Cell], values: Mapping[Cell, float] | None) -> None:
        open_ -= {cell for cell in open_ if values is not None and values[cell] != cell.value}


def _counts_one(cell: Cell, table: Tabulated) -> bool:
    """Whether everybody knows, of the cell being hidden, that somebody is in it."""
    return table.shape.zeros and table.told(cell) and not table.nought(cell)


def _open(tables: Tables) -> set[Cell]:
    """Empty cells inside one that is shown as nought: it says so of them, which is nobody's secret."""
    noughts = [
        dict(zip(table.by, cell.keys, strict=True))
        for table in tables.tables
        for cell in table.cells
        if table.nought(cell)
    ]
    empty = ((table, cell) for table in tables.tables for cell in table.cells if not cell.value)
    return {cell for table, cell in empty if any(_inside(table.by, cell.keys, nought, tables) for nought in noughts)}


def _inside(by: Sequence[str], keys: Keys, nought: Mapping[str, Value], tables: Tables) -> bool:
    values = dict(zip(by, keys, strict=True))
    for name, tie in tables.ties.items():
        if values.get(tie.parent) is not None:
            values[name] = tie.sort(values[tie.parent])
    return all(name in values and values[name] == value for name, value in nought.items())


def _width(cell: Cell, table: Tabulated) -> float:
    """How far apart the least and the greatest value must be that the cell may have."""
    return max(cell.value, float(table.step)) if table.sums else float(table.k - 1)


def _signs(cells: Iterable[Cell], chance: Random) -> dict[Cell, float]:
    return {cell: chance.choice((-1.0, 1.0)) for cell in cells}


def _order(cell: Cell) -> tuple[str, str]:
    return cell.table, str(cell.keys)
