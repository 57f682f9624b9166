"""Tables that hang together -> which of their cells are shown, and as what: settled once, for whoever may ask.

Guarantee: a cell of too few children, or of which one child has more than half, is hidden; and so many others with it
that whoever knows every shown value of every table cannot tell a hidden count closer than that it is one of k, nor a
hidden sum closer than to its own size. What is shown is rounded, after it was judged. Units comparing notes, and the
order of questions, change nothing: there is one answer to each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from random import Random
from typing import Final, TypeAlias

import numpy as np

from hub.statistics.attacker import TOLERANCE, Attacker, Interval, Places, Values
from hub.statistics.otherwise import Otherwise
from hub.statistics.tables import Cell, Keys, Published, Tables, Tabulated, TooManyError, Value

IDLE = 4
"""Rounds without a gain after which cells are looked at one by one."""
SECONDS = 10.0
"""How long one search for whole numbers may take."""


Tick: TypeAlias = Callable[[int, int], None]
"""Told how many of how many small cells are judged, between questions to the solver; may raise to stop the search."""


def unheard(_done: int, _total: int) -> None:
    """A tick that nobody hears."""


def settle(tables: Tables, tick: Tick = unheard) -> list[Published]:
    """The cells of all tables, as they are published."""
    search = _Settling.of(tables, tick)
    hidden = search.run()
    return [
        Published(
            table=cell.table,
            keys=cell.keys,
            value=None if place in hidden else rounded(cell.value, search.table_of[cell.table].step),
        )
        for place, cell in enumerate(search.cells)
    ]


def settle_all(tables: Sequence[Tables], tick: Tick = unheard) -> list[Published]:
    """``settle`` over sets of tables that do not hang together."""
    small = [sum(table.small(cell) for table in each.tables for cell in table.cells) for each in tables]
    found: list[Published] = []
    for each, before in zip(tables, accumulate(small, initial=0), strict=False):
        found += settle(each, partial(_further, tick, before, sum(small)))
    tick(sum(small), sum(small))
    return found


def _further(tick: Tick, before: int, every: int, done: int, _small: int) -> None:
    tick(before + done, every)


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
    """The search over cells by their place: ``width`` is what must be left to a small one, nought to any other."""

    tables: Tables
    cells: Sequence[Cell]
    table_of: Mapping[str, Tabulated]
    width: Values
    truth: Values
    hidden: set[int]
    attacker: Attacker
    tick: Tick
    low: Values
    high: Values

    @classmethod
    def of(cls, tables: Tables, tick: Tick) -> _Settling:
        """The search before anything is found."""
        table_of = {table.code: table for table in tables.tables}
        cells = [cell for table in tables.tables for cell in table.cells]
        open_, owner = _open(tables), [table_of[cell.table] for cell in cells]
        each = list(zip(cells, owner, strict=True))
        width = [_width(cell, table) if table.small(cell) and cell not in open_ else 0.0 for cell, table in each]
        hidden = {at for at, (cell, table) in enumerate(each) if table.small(cell) or not table.told(cell)}
        attacker = Attacker(
            tables=tables,
            cells=cells,
            shown={at: interval(cell, table) for at, (cell, table) in enumerate(each) if at not in hidden},
            most=4 * max((sum(cell.value for cell in table.cells) for table in tables.tables), default=0.0) + 1_000,
            least={at: 1.0 for at, (cell, table) in enumerate(each) if _counts_one(cell, table)},
        )
        truth = np.array([cell.value for cell in cells])
        return cls(
            tables=tables,
            cells=cells,
            table_of=table_of,
            width=np.array(width),
            truth=truth,
            hidden=hidden,
            attacker=attacker,
            tick=tick,
            low=truth.copy(),
            high=truth.copy(),
        )

    def run(self) -> set[int]:
        """The places of the cells to hide."""
        self._widen_many()
        for place in self._narrow():
            while self._is_narrow(place) and self._exposed(place):
                self._hide_beside(place)
        self._prove()
        return self.hidden

    def _widen_many(self) -> None:
        """Finds out of most cells at once that they are wide enough: some are pulled up and some down, by turns."""
        chance, idle = Random(1), 0
        while idle < IDLE and len(open_ := self._narrow()):
            self._note(self.attacker.reach(open_, _signs(open_, chance)))
            idle = idle + 1 if len(self._narrow()) == len(open_) else 0

    def _narrow(self) -> Places:
        return np.flatnonzero(self.high - self.low < self.width - TOLERANCE)

    def _is_narrow(self, place: int) -> bool:
        return bool(self.high[place] - self.low[place] < self.width[place] - TOLERANCE)

    def _note(self, values: Values) -> None:
        self.tick(int(np.count_nonzero(self.width)) - len(self._narrow()), int(np.count_nonzero(self.width)))
        np.minimum(self.low, values, out=self.low)
        np.maximum(self.high, values, out=self.high)

    def _exposed(self, place: int) -> bool:
        """Whether the cell follows from what is shown, too closely; afterwards ``holding`` says from what."""
        for sign in (DOWN, UP):
            self._note(self.attacker.reach(np.array([place]), sign))
            if not self._is_narrow(place):
                return False
        return True

    def _hide_beside(self, place: int) -> None:
        """Hides the least cell of the finest table from which this one follows: totals are wanted most."""
        shown = [other for other in self.attacker.holding().tolist() if self._may_go(other)] or self._all_shown()
        if not shown:
            raise TooManyError("nothing is left to hide, and the solver did not find in time that this is enough")
        least = min(shown, key=lambda other: _least(self.cells[other]))
        self.hidden.add(least)
        self.attacker.hide(least)

    def _all_shown(self) -> list[int]:
        return [place for place in range(len(self.cells)) if self._may_go(place)]

    def _may_go(self, place: int) -> bool:
        """Whether the cell is shown, and not because nobody is in it: that is always said."""
        cell = self.cells[place]
        return place not in self.hidden and not self.table_of[cell.table].nought(cell)

    def _prove(self) -> None:
        """For each small count, whole numbers that explain what is shown and in which it is another; hides until so."""
        open_ = self._unexplained()
        chance, idle = Random(1), 0
        while open_ and idle < IDLE:
            places = np.array(open_)
            left = self._without(open_, self.attacker.other(places, _signs(places, chance), seconds=SECONDS))
            open_, idle = left, idle + 1 if len(left) == len(open_) else 0
        while open_:
            place = open_[0]
            for sign in (UP, DOWN):
                if place in open_:
                    open_ = self._without(open_, self.attacker.other(np.array([place]), sign, seconds=SECONDS))
            if place in open_:
                self.attacker.reach(np.array([place]), UP)
                self._hide_beside(place)

    def _unexplained(self) -> list[int]:
        """Small counts that have none by changing a single row: most have."""
        otherwise = Otherwise.of(self.tables, self.cells, self.attacker.shown, self.attacker.least)
        counts = (at for at in np.flatnonzero(self.width).tolist() if not self.table_of[self.cells[at].table].sums)
        return sorted(
            (at for at in counts if not otherwise.explains(at, self.cells[at])), key=lambda at: _order(self.cells[at])
        )

    def _without(self, open_: list[int], values: Values | None) -> list[int]:
        """Those that have no other value than the true one in ``values``."""
        every = int(np.count_nonzero(self.width))
        self.tick(every - len(open_), every)
        return [at for at in open_ if values is None or values[at] == self.truth[at]]


UP: Final = np.ones(1)
DOWN: Final = -UP


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


def _signs(places: Places, chance: Random) -> Values:
    return np.array([chance.choice((-1.0, 1.0)) for _ in places])


def _least(cell: Cell) -> tuple[int, float, str, str]:
    return -len(cell.keys), cell.value, *_order(cell)


def _order(cell: Cell) -> tuple[str, str]:
    return cell.table, str(cell.keys)
