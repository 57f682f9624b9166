"""Rows of a department, each with its child -> the cells of every declared table over them, every possible cell there.

Guarantee: a value that fewer than k children have anywhere in these rows is in no table: it stands under null with the
rows that have none, so that a rare workplace or a small division is not even named. A table has a cell for every
combination of the values that are left: what is not there cannot be told from what is too small.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import Any, TypeAlias

from policies.tables import COUNT, Table

Value: TypeAlias = str | None
Keys: TypeAlias = tuple[Value, ...]

STEP_OF_COUNTS = 5
STEP_OF_SUMS = 100


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
class Tabulated:
    """A declared table over the rows: ``k`` children a cell at least, values told in multiples of ``step``."""

    code: str
    by: tuple[str, ...]
    k: int
    step: int
    sums: bool
    cells: tuple[Cell, ...]

    def small(self, cell: Cell) -> bool:
        """Whether the cell is hidden for itself."""
        return cell.children < self.k or (self.sums and cell.largest > 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Tables whose cells hang together: over the same rows, counting or summing alike."""

    domains: Mapping[str, tuple[Value, ...]]
    tables: tuple[Tabulated, ...]


def tabulate(
    rows: Sequence[Counted], coordinates: Sequence[str], declared: Iterable[Table], k_of: Mapping[str, int]
) -> list[Tables]:
    """The tables ``declared`` over ``rows``, whose keys are in the order of ``coordinates``; ``k_of``: code -> k."""
    declared = list(declared)
    folded = _folded(rows, coordinates, declared, k_of)
    domains = {
        name: tuple(sorted({keys[at] for keys in folded}, key=lambda value: (value is None, value or "")))
        for at, name in enumerate(coordinates)
    }
    found: list[Tables] = []
    for measure in sorted({table.measure for table in declared}):
        own = [table for table in declared if table.measure == measure]
        made = [_table(table, folded, rows, coordinates, domains, k_of[table.code]) for table in own]
        used = {name for table in own for name in table.by}
        found.append(Tables(domains={name: domains[name] for name in sorted(used)}, tables=tuple(made)))
    return found


def _folded(
    rows: Sequence[Counted], coordinates: Sequence[str], declared: Sequence[Table], k_of: Mapping[str, int]
) -> list[Keys]:
    """The keys of each row, rare values under null."""
    kept: list[set[Value]] = []
    for at, name in enumerate(coordinates):
        k = max((k_of[table.code] for table in declared if name in table.by), default=1)
        children: defaultdict[Value, set[str]] = defaultdict(set)
        for row in rows:
            children[row.keys[at]].add(row.child)
        kept.append({value for value, having in children.items() if len(having) >= k})
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
