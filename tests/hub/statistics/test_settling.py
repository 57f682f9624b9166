"""No hidden cell follows from what is shown, by any reckoning: tried out over all tables together."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from hub.statistics.settle import interval, settle
from hub.statistics.tables import Counted, Tables, tabulate
from policies.tables import COUNT, Table
from tests.hub.statistics.brute import ranges

COORDINATES = ("a", "b", "c")
GROUPINGS: Sequence[Sequence[tuple[str, ...]]] = (
    [("a",), ("b",), ("a", "b")],
    [("a", "b"), ("b", "c"), ("a", "c")],
    [("a",), ("a", "b"), ("b", "c")],
    [("a", "b", "c"), ("a",), ("b", "c")],
    [("a",), ("b",), ("c",), ("a", "b"), ("a", "c")],
)


def declared(groupings: Sequence[tuple[str, ...]], measure: str = COUNT) -> list[Table]:
    return [
        Table(code=f"t{at}", by=by, measure=measure, purpose="statistics", units=("a_unit",))
        for at, by in enumerate(groupings)
    ]


def world(seed: int, groupings: Sequence[tuple[str, ...]], *, k: int, step: int) -> Tables:
    """A few invented rows, and tables over them."""
    chance = random.Random(seed)
    rows = [
        Counted(keys=(chance.choice("xxy"), chance.choice("mmn"), chance.choice("pq")), child=str(at), count=1)
        for at in range(chance.randint(6, 14))
    ]
    tables = declared(groupings)
    used = {name for by in groupings for name in by}
    at = [place for place, name in enumerate(COORDINATES) if name in used]
    rows = [replace(row, keys=tuple(row.keys[place] for place in at)) for row in rows]
    [made] = tabulate(rows, [COORDINATES[place] for place in at], tables, {table.code: k for table in tables})
    return replace(made, tables=tuple(replace(table, step=step) for table in made.tables))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("groupings", GROUPINGS)
@pytest.mark.parametrize(("k", "step"), [(2, 1), (3, 1), (3, 3)])
def test_trying_everything_out_determines_no_cell_below_k(
    seed: int, groupings: Sequence[tuple[str, ...]], k: int, step: int
) -> None:
    tables = world(seed, groupings, k=k, step=step)
    table_of = {table.code: table for table in tables.tables}
    truth = {(cell.table, cell.keys): cell for table in tables.tables for cell in table.cells}
    published = settle(tables)
    shown = {
        (cell.table, cell.keys): interval(truth[cell.table, cell.keys], table_of[cell.table])
        for cell in published
        if cell.value is not None
    }
    for place, cell in truth.items():
        if place in shown:
            assert cell.children >= k
            assert shown[place][0] <= cell.value <= shown[place][1]
    possible = ranges(tables, {place: (int(low), int(high)) for place, (low, high) in shown.items()})
    for place, cell in truth.items():
        if cell.children < k:
            assert int(cell.value) in possible[place]
            assert len(possible[place]) >= 2, f"{place} can only be {cell.value}"
            assert max(possible[place]) - min(possible[place]) >= k - 1, f"{place} is known too closely"
