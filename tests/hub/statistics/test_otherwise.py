"""What one changed row explains is explained indeed: held against every explanation that there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from hub.statistics.otherwise import Otherwise
from hub.statistics.settle import interval
from hub.statistics.tables import Counted, Tables, Tie, tabulate
from tests.hub.statistics.brute import ranges
from tests.hub.statistics.test_settling import GROUPINGS, declared, world


def shown_of(tables: Tables, k: int) -> dict[int, tuple[float, float]]:
    """What is told if cells below k are hidden and no other."""
    table_of = {table.code: table for table in tables.tables}
    cells = [cell for table in tables.tables for cell in table.cells]
    return {at: interval(cell, table_of[cell.table]) for at, cell in enumerate(cells) if cell.children >= k}


@pytest.mark.parametrize("groupings", GROUPINGS)
@pytest.mark.parametrize("step", [1, 3])
def test_another_count_that_a_changed_row_gives_is_one_that_can_be(
    groupings: Sequence[tuple[str, ...]], step: int
) -> None:
    found = missed = 0
    for seed in range(4 if step == 1 else 2):
        tables = world(seed, groupings, k=3, step=step)
        cells = [cell for table in tables.tables for cell in table.cells]
        shown = shown_of(tables, 3)
        otherwise = Otherwise.of(tables, cells, shown, {})
        possible = ranges(
            tables, {(cells[at].table, cells[at].keys): (int(low), int(high)) for at, (low, high) in shown.items()}
        )
        for at, cell in enumerate(cells):
            others = possible[cell.table, cell.keys] - {int(cell.value)}
            if otherwise.explains(at, cell):
                assert others, f"{cell} can only be {cell.value}"
                found += 1
            else:
                missed += bool(others)
    assert found > missed and found > (5 if step > 1 else 0), (found, missed)


def test_a_row_never_comes_where_its_values_contradict_each_other() -> None:
    rows = [Counted(keys=(one, one.upper()), child=f"{one}{at}", count=1) for one in "xy" for at in range(3)]
    [made] = tabulate(rows, ("a", "b"), declared([("a",), ("b",), ("a", "b")]), dict.fromkeys(("t0", "t1", "t2"), 1))
    tied = replace(made, ties={"b": Tie(parent="a", sort=lambda value: None if value is None else value.upper())})
    cells = [cell for table in tied.tables for cell in table.cells]
    can = {
        (cell.table, cell.keys) for at, cell in enumerate(cells) if Otherwise.of(tied, cells, {}, {}).explains(at, cell)
    }
    assert ("t2", ("x", "X")) in can and ("t2", ("x", "Y")) not in can and ("t0", ("x",)) in can
