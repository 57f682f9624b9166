"""What is shown of tables -> what follows for a hidden cell: least and greatest value that it may have.

Guarantee: the bounds are those of somebody who knows every shown value, how values are rounded, the threshold, and that
all tables are of the same rows. ``reach`` allows fractions, which no count has; that there are whole numbers as well,
``other`` finds out. The one file that knows the solver (HiGHS).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final, TypeAlias

import highspy
import numpy as np

from hub.statistics.cliques import Tree, tree_of
from hub.statistics.tables import Cell, Keys, Tables, TooManyError

TOLERANCE: Final = 1e-6
PRIMAL: Final = 4
"""Between two questions what is aimed at changes, or a bound gives way: the last answer is a start for the next."""
DUAL: Final = 1
LARGEST: Final = 400_000
"""Unknowns of a system; tables that need more are too many together."""

Interval = tuple[float, float]
Places: TypeAlias = "np.ndarray[Any, np.dtype[np.int_]]"
Values: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"


@dataclass(slots=True, kw_only=True)
class Attacker:
    """The system of one set of tables: an unknown for each combination in a clique, and one for each cell.

    Cells are spoken of by their place in ``cells``. ``least``: what is known of a cell for being hidden, where none
    would be shown as nought.
    """

    tables: Tables
    cells: Sequence[Cell]
    shown: dict[int, Interval]
    most: float
    least: Mapping[int, float] = field(default_factory=dict)
    _solver: Any = field(init=False)
    _first: int = field(init=False)
    _aimed: Places = field(init=False)

    def __post_init__(self) -> None:
        sizes = {name: len(values) for name, values in self.tables.domains.items()}
        tied = [(name, tie.parent) for name, tie in self.tables.ties.items()]
        tree = tree_of([*(table.by for table in self.tables.tables), *tied], sizes)
        self._first = sum(math.prod(sizes[name] for name in clique) for clique in tree.cliques)
        if self._first > LARGEST:
            raise TooManyError(f"the declared tables hang together in {self._first:,} combinations")
        built = _System.of(self.tables, tree)
        self._solver = _Quiet()
        self._solver.setOptionValue("threads", 1)
        self._solver.setOptionValue("simplex_strategy", PRIMAL)
        self._solver.passModel(built.model(self._first + len(self.cells), self.most))
        self._aimed = np.zeros(0, dtype=np.int32)
        for place in range(len(self.cells)):
            self._bound(place, self.shown.get(place, (self.least.get(place, 0.0), self.most)))

    def hide(self, place: int) -> None:
        """Shows the cell no longer."""
        del self.shown[place]
        self._bound(place, (self.least.get(place, 0.0), self.most))

    def reach(self, places: Places, signs: Values) -> Values:
        """Values that all cells may have together, those of ``places`` as far up (1) or down (-1) as they can be."""
        self._aim(places, signs)
        self._solver.run()
        if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise TooManyError(f"the solver gave up: {self._solver.getModelStatus().name}")
        return np.array(self._solver.getSolution().col_value[self._first :])

    def holding(self) -> Places:
        """The shown cells without which the last answer would have been farther out."""
        duals = np.array(self._solver.getSolution().col_dual[self._first :])
        return np.flatnonzero(np.abs(duals) > TOLERANCE)

    def other(self, places: Places, signs: Values, *, seconds: float) -> Values | None:
        """Whole numbers that explain what is shown, those of ``places`` far out; None if none were found in time."""
        whole = highspy.HighsVarType.kInteger
        count = self._solver.getNumCol()
        every = np.arange(count, dtype=np.int32)
        self._aim(places, signs)
        self._solver.changeColsIntegrality(count, every, np.full(count, whole, dtype=np.uint8))
        self._solver.setOptionValue("time_limit", self._solver.getRunTime() + seconds)
        self._solver.setOptionValue("mip_max_improving_sols", 1)
        self._solver.setOptionValue("simplex_strategy", DUAL)
        self._solver.run()
        info = self._solver.getInfo()
        found = None
        if info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
            found = np.round(np.array(self._solver.getSolution().col_value[self._first :]))
        self._solver.setOptionValue("simplex_strategy", PRIMAL)
        self._solver.setOptionValue("time_limit", math.inf)
        self._solver.changeColsIntegrality(count, every, np.zeros(count, dtype=np.uint8))
        return found

    def _aim(self, places: Places, signs: Values) -> None:
        self._cost(self._aimed, np.zeros(len(self._aimed)))
        self._aimed = (places + self._first).astype(np.int32)
        self._cost(self._aimed, np.asarray(signs, dtype=np.float64))

    def _cost(self, columns: Places, costs: Values) -> None:
        if len(columns):
            self._solver.changeColsCost(len(columns), columns, costs)

    def _bound(self, place: int, interval: Interval) -> None:
        self._solver.changeColBounds(self._first + place, *interval)


class _Quiet(highspy.Highs):
    """The solver, which says nothing on standard output, not even who it is."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def enableCallbacks(self) -> Any:
        """The first thing that it does."""
        self.setOptionValue("output_flag", False)
        return super().enableCallbacks()  # type: ignore[no-untyped-call]


@dataclass(slots=True, kw_only=True)
class _System:
    """Rows of a sparse matrix, each equal to nought; ``void``: combinations that there cannot be."""

    starts: list[int] = field(default_factory=lambda: [0])
    columns: list[int] = field(default_factory=list)
    factors: list[float] = field(default_factory=list)
    void: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, tables: Tables, tree: Tree) -> _System:
        """Neighbours agree where they overlap; a cell is the sum of what it takes in."""
        system, first, blocks = cls(), 0, list[Mapping[Keys, int]]()
        for clique in tree.cliques:
            keys = list(product(*(tables.domains[name] for name in clique)))
            system.void += [first + at for at, key in enumerate(keys) if _absurd(tables, clique, key)]
            blocks.append({key: first + at for at, key in enumerate(keys)})
            first += len(keys)
        for edge in tree.edges:
            shared = tree.shared(edge)
            one, other = (_sums(blocks[side], tree.cliques[side], shared) for side in edge)
            for keys_, members in one.items():
                system.add([(column, 1.0) for column in members] + [(column, -1.0) for column in other[keys_]])
        for table in tables.tables:
            around = tree.around(table.by)
            sums = _sums(blocks[around], tree.cliques[around], table.by)
            for cell in table.cells:
                system.add([(column, 1.0) for column in sums[cell.keys]] + [(first, -1.0)])
                first += 1
        return system

    def add(self, row: Iterable[tuple[int, float]]) -> None:
        """One equation."""
        for column, factor in row:
            self.columns.append(column)
            self.factors.append(factor)
        self.starts.append(len(self.columns))

    def model(self, columns: int, most: float) -> Any:
        """The solver's model: ``columns`` unknowns between nought and ``most``."""
        model = highspy.HighsLp()
        model.sense_ = highspy.ObjSense.kMaximize
        rows = len(self.starts) - 1
        model.num_col_, model.num_row_ = columns, rows
        model.col_cost_ = np.zeros(columns)
        model.col_lower_, model.col_upper_ = np.zeros(columns), self._upper(columns, most)
        model.row_lower_, model.row_upper_ = np.zeros(rows), np.zeros(rows)
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.array(self.starts, dtype=np.int32)
        model.a_matrix_.index_ = np.array(self.columns, dtype=np.int32)
        model.a_matrix_.value_ = np.array(self.factors)
        return model

    def _upper(self, columns: int, most: float) -> Any:
        upper = np.full(columns, most)
        upper[self.void] = 0.0
        return upper


def _absurd(tables: Tables, clique: Sequence[str], key: Keys) -> bool:
    """Whether a value of the combination contradicts another one from which it follows."""
    values = dict(zip(clique, key, strict=True))
    return any(
        name in values and values.get(tie.parent) is not None and tie.sort(values[tie.parent]) != values[name]
        for name, tie in tables.ties.items()
    )


def _sums(block: Mapping[Keys, int], clique: Sequence[str], names: Sequence[str]) -> dict[Keys, list[int]]:
    """The unknowns of a clique by their values of ``names``."""
    places = [clique.index(name) for name in names]
    found: dict[Keys, list[int]] = {}
    for keys, column in block.items():
        found.setdefault(tuple(keys[place] for place in places), []).append(column)
    return found
