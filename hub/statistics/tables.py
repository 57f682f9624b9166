"""Rows of a department, each with its child -> the cells of every declared table over them, every possible cell there.

Guarantee: a value that fewer than k children have anywhere in these rows is in no table: it stands under null with the
rows that have none, so that a rare workplace or a small division is not even named. A table has a cell for every
combination of the values that are left: what is not there cannot be told from what is too small.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import product
from typing import Any, TypeAlias

from policies.tables import COUNT, Table

Value: TypeAlias = str | None
Keys: TypeAlias = tuple[Value, ...]

STEP_OF_COUNTS = 5
STEP_OF_SUMS = 100
MOST_ROWS = 20_000


class TooManyError(Exception):
    """The declared tables hang together in more combinations than can be judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A cell as everybody may know it; ``value`` is None where it is hidden."""

    table: str
    keys: Keys
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Rows of one child that agree on every coordinate: how many, and the sum of what is summed."""

    keys: Keys
    child: str
    count: int
    amount: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A group of a table: its true value, its children, the largest share that one child has in a sum."""

    table: str
    keys: Keys
    value: float
    children: int
    largest: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a table is told: whether none is shown as nought, and which values are told of which coordinate.

    A coordinate of ``told`` with None: every value but null. What is not told is never shown, and protected alike.
    """

    zeros: bool = False
    told: Mapping[str, frozenset[Value] | None] = field(default_factory=dict)


PLAIN = Shape()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """A coordinate whose value everybody can tell from that of ``parent``, where the parent's is not null."""

    parent: str
    sort: Callable[[Value], Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tabulated:
    """A declared table over the rows: ``k`` children a cell at least, values told in multiples of ``step``.

    Its cells stand in the order of the product of their domains.
    """

    code: str
    by: tuple[str, ...]
    k: int
    step: int
    sums: bool
    cells: tuple[Cell, ...]
    shape: Shape = PLAIN

    def small(self, cell: Cell) -> bool:
        """Whether the cell is hidden for itself."""
        return not self.nought(cell) and (cell.children < self.k or (self.sums and cell.largest > 0.5))

    def nought(self, cell: Cell) -> bool:
        """Whether the cell is shown because nobody is in it."""
        return self.shape.zeros and not cell.value and self.told(cell)

    def told(self, cell: Cell) -> bool:
        """Whether the cell may be shown at all."""
        for name, value in zip(self.by, cell.keys, strict=True):
            if name in self.shape.told:
                values = self.shape.told[name]
                if value is None if values is None else value not in values:
                    return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Tables whose cells hang together: over the same rows, counting or summing alike.

    ``rows``: different ones of these, in the order of ``domains``, no more than ``MOST_ROWS``.
    """

    domains: Mapping[str, tuple[Value, ...]]
    tables: tuple[Tabulated, ...]
    ties: Mapping[str, Tie] = field(default_factory=dict)
    rows: tuple[Keys, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What is tabulated beside declared tables: ``shapes`` by code, whole ``domains`` by coordinate, and ``ties``."""

    shapes: Mapping[str, Shape] = field(default_factory=dict)
    domains: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    ties: Mapping[str, Tie] = field(default_factory=dict)


NOTHING = Beside()


def tabulate(
    rows: Sequence[Counted],
    coordinates: Sequence[str],
    declared: Iterable[Table],
    k_of: Mapping[str, int],
    beside: Beside = NOTHING,
) -> list[Tables]:
    """The tables ``declared`` over ``rows``, whose keys are in the order of ``coordinates``; ``k_of``: code -> k."""
    declared = list(declared)
    plain = [table for table in declared if table.code not in beside.shapes]
    folded = _folded(rows, coordinates, plain, k_of, beside.domains)
    domains = _domains(folded, coordinates) | dict(beside.domains)
    found: list[Tables] = []
    for measure in sorted({table.measure for table in declared}):
        own = [table for table in declared if table.measure == measure]
        made = [_table(table, folded, rows, coordinates, domains, k_of[table.code]) for table in own]
        shaped = [
            replace(each, shape=beside.shapes.get(table.code, PLAIN)) for table, each in zip(own, made, strict=True)
        ]
        used = {name for table in own for name in table.by}
        found.append(
            Tables(
                domains={name: domains[name] for name in sorted(used)},
                tables=tuple(shaped),
                ties={name: tie for name, tie in beside.ties.items() if name in used and tie.parent in used},
                rows=_different(folded, [coordinates.index(name) for name in sorted(used)]),
            )
        )
    return found


def _domains(folded: Sequence[Keys], coordinates: Sequence[str]) -> dict[str, tuple[str | None, ...]]:
    """Coordinate -> the values that rows have of it, in order, null last."""
    return {
        name: tuple(sorted({keys[at] for keys in folded}, key=lambda value: (value is None, value or "")))
        for at, name in enumerate(coordinates)
    }


def _different(folded: Sequence[Keys], places: Sequence[int]) -> tuple[Keys, ...]:
    """Different rows; where there are very many, some of them at even steps."""
    found = sorted({tuple(keys[place] for place in places) for keys in folded}, key=str)
    return tuple(found[:: len(found) // MOST_ROWS + 1])


def _folded(
    rows: Sequence[Counted],
    coordinates: Sequence[str],
    declared: Sequence[Table],
    k_of: Mapping[str, int],
    whole: Mapping[str, tuple[Value, ...]],
) -> list[Keys]:
    """The keys of each row, rare values under null; those of coordinates in ``whole`` stay."""
    kept: list[set[Value]] = []
    for at, name in enumerate(coordinates):
        k = max((k_of[table.code] for table in declared if name in table.by), default=1)
        children: defaultdict[Value, set[str]] = defaultdict(set)
        for row in rows:
            children[row.keys[at]].add(row.child)
        kept.append({value for value, having in children.items() if name in whole or len(having) >= k})
    return [
        tuple(value if value in known else None for value, known in zip(row.keys, kept, strict=True)) for row in rows
    ]


def _table(
    table: Table,
    folded: Sequence[Keys],
    rows: Sequence[Counted],
    coordinates: Sequence[str],
    domains: Mapping[str, tuple[Value, ...]],
    k: int,
) -> Tabulated:
    places = [coordinates.index(name) for name in table.by]
    sums = table.measure != COUNT
    groups: defaultdict[Keys, Counter[str]] = defaultdict(Counter)
    for keys, row in zip(folded, rows, strict=True):
        groups[tuple(keys[place] for place in places)][row.child] += _measured(row, sums)
    grid = product(*(domains[name] for name in table.by))
    return Tabulated(
        code=table.code,
        by=table.by,
        k=k,
        step=STEP_OF_SUMS if sums else STEP_OF_COUNTS,
        sums=sums,
        cells=tuple(_cell(table.code, keys, groups.get(keys, Counter())) for keys in grid),
    )


def _measured(row: Counted, sums: bool) -> Any:
    return row.amount if sums else row.count


def _cell(code: str, keys: Keys, children: Mapping[str, Any]) -> Cell:
    value = float(sum(children.values()))
    largest = float(max(children.values(), default=0)) / value if value else 0.0
    return Cell(table=code, keys=keys, value=value, children=len(children), largest=largest)
