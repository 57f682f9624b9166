"""What stands in a table: rare values under null, every combination, and cliques that suffice to judge it."""

from __future__ import annotations

from decimal import Decimal

from hub.statistics.cliques import tree_of
from hub.statistics.settle import rounded, settle
from hub.statistics.tables import Counted, tabulate
from policies.tables import Table

MONEY = "AssistanceRecord.amount"


def table(code: str, *by: str, measure: str = "COUNT") -> Table:
    return Table(code=code, by=by, measure=measure, purpose="statistics", units=("a_unit",))


def rows(*groups: tuple[str, str, int]) -> list[Counted]:
    return [
        Counted(keys=(one, other), child=f"{one}{other}{at}", count=1, amount=Decimal(100))
        for one, other, count in groups
        for at in range(count)
    ]


def test_a_value_that_too_few_children_have_is_not_even_named() -> None:
    [made] = tabulate(rows(("x", "m", 9), ("rare", "m", 4)), ("a", "b"), [table("t", "a")], {"t": 5})
    assert made.domains["a"] == ("x", None)
    assert {cell.keys: cell.children for cell in made.tables[0].cells} == {("x",): 9, (None,): 4}


def test_a_table_has_a_cell_for_every_combination_so_that_none_and_few_look_alike() -> None:
    found = tabulate(rows(("x", "m", 9), ("y", "n", 9), ("y", "m", 2)), ("a", "b"), [table("t", "a", "b")], {"t": 5})
    [made] = found
    told = {cell.keys: cell.value for cell in settle(made)}
    assert set(told) == {("x", "m"), ("x", "n"), ("y", "m"), ("y", "n")}
    assert told["x", "n"] is None and told["y", "m"] is None


def test_many_rows_of_one_child_are_one_child() -> None:
    many = [Counted(keys=("x",), child="one", count=50)] + [
        Counted(keys=("y",), child=str(at), count=1) for at in range(9)
    ]
    [made] = tabulate(many, ("a",), [table("t", "a")], {"t": 5})
    assert {cell.keys: (cell.value, cell.children) for cell in made.tables[0].cells} == {
        ("y",): (9.0, 9),
        (None,): (50.0, 1),
    }


def test_a_sum_of_which_one_child_has_more_than_half_is_hidden() -> None:
    given = [*rows(("x", "m", 9), ("y", "m", 9)), Counted(keys=("x", "m"), child="big", count=1, amount=Decimal(5000))]
    [made] = tabulate(given, ("a", "b"), [table("t", "a", measure=MONEY)], {"t": 5})
    told = {cell.keys: cell.value for cell in settle(made)}
    assert told["x",] is None


def test_halves_are_rounded_upwards() -> None:
    assert [rounded(value, 5) for value in (7, 8, 12.5, 0)] == [5, 10, 15, 0]


def test_cliques_are_small_where_groupings_only_touch_and_whole_where_they_go_round() -> None:
    sizes = dict.fromkeys("abcd", 3)
    assert {frozenset(clique) for clique in tree_of([("a", "b"), ("b", "c")], sizes).cliques} == {
        frozenset("ab"),
        frozenset("bc"),
    }
    assert {frozenset(clique) for clique in tree_of([("a", "b"), ("b", "c"), ("a", "c")], sizes).cliques} == {
        frozenset("abc")
    }
    around = tree_of([("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")], sizes)
    assert sorted(len(clique) for clique in around.cliques) == [3, 3]
    assert len(around.edges) == 1 and len(around.shared(around.edges[0])) == 2
