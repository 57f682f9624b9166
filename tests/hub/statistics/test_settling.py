"""No hidden cell follows from what is shown, by any reckoning: tried out over all tables together."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from hub.statistics.settle import interval, settle, settle_all
from hub.statistics.tables import Beside, Cell, Counted, Shape, Tables, Tabulated, Tie, Value, tabulate
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


def in_want(value: Value) -> Value:
    """An indicator that counts two values of a coordinate as one."""
    return "WANT" if value in ("m", "n") else None


def told_beside(seed: int, *, k: int) -> Tables:
    """Tables by town and kind, and beside them an indicator that follows from the kind, told by town and of all."""
    chance = random.Random(seed)
    kinds = [(chance.choice("xy"), chance.choice("mnoo")) for _ in range(chance.randint(8, 13))]
    rows = [Counted(keys=(town, kind, in_want(kind)), child=str(at), count=1) for at, (town, kind) in enumerate(kinds)]
    plain = declared([("a",), ("b",), ("a", "b")])
    made = [replace(table, code=f"i{at}") for at, table in enumerate(declared([("a", "i"), ("i",)]))]
    shape = Shape(zeros=True, told={"a": None, "i": frozenset({"WANT"})})
    beside = Beside(
        shapes={table.code: shape for table in made},
        domains={"i": ("WANT", None)},
        ties={"i": Tie(parent="b", sort=in_want)},
    )
    tables = [*plain, *made]
    [found] = tabulate(rows, ("a", "b", "i"), tables, {table.code: k for table in tables}, beside)
    return replace(found, tables=tuple(replace(table, step=1) for table in found.tables))


def tells_nought(tables: Tables, cell: Cell, noughts: Sequence[tuple[Tabulated, Cell]]) -> bool:
    """Whether an empty cell lies within one that is told as nought."""
    by = {table.code: table.by for table in tables.tables}
    values = dict(zip(by[cell.table], cell.keys, strict=True))
    if values.get("b") is not None:
        values["i"] = in_want(values["b"])
    return any(
        all(values.get(name, "-") == value for name, value in zip(table.by, told.keys, strict=True))
        for table, told in noughts
    )


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("k", [2, 3])
def test_trying_everything_out_indicators_and_tables_together_determine_no_cell_below_k(seed: int, k: int) -> None:
    tables = told_beside(seed, k=k)
    each = [(table, cell) for table in tables.tables for cell in table.cells]
    told = {(cell.table, cell.keys): cell.value for cell in settle(tables)}
    noughts = [(table, cell) for table, cell in each if table.nought(cell)]
    known: dict[tuple[str, tuple[Value, ...]], tuple[int, int]] = {}
    for table, cell in each:
        if told[cell.table, cell.keys] is not None:
            low, high = interval(cell, table)
            known[cell.table, cell.keys] = (int(low), int(high))
        elif table.shape.zeros and table.told(cell):
            # None at all would have been told.
            known[cell.table, cell.keys] = (1, 99)
    possible = ranges(tables, known)
    for table, cell in each:
        own = possible[cell.table, cell.keys]
        assert int(cell.value) in own
        if (
            cell.children < k
            and not table.nought(cell)
            and not (not cell.value and tells_nought(tables, cell, noughts))
        ):
            assert max(own) - min(own) >= k - 1, f"{cell} is known too closely: {own}"


def test_a_search_tells_how_far_it_is_and_ends_when_it_is_told_to() -> None:
    heard: list[tuple[int, int]] = []
    tables = [world(seed, GROUPINGS[0], k=3, step=1) for seed in range(3)]
    settle_all(tables, lambda done, every: heard.append((done, every)))
    every = sum(table.small(cell) for each in tables for table in each.tables for cell in table.cells)
    assert len(heard) > 3 and heard[-1] == (every, every)
    assert all(0 <= done <= total == every for done, total in heard)

    def stop(_done: int, _every: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        settle_all(tables, stop)
