"""Small cells: hidden, and not to be had by taking the others from a total; and which questions may be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, product
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.memory import Fault, MemorySource
from hub.aggregates import Cell, ask, complement, read_question
from hub.entitlements import Entitlements
from hub.errors import OutageError, RefusalError
from hub.executor import Execution
from hub.registry import Registry
from hub.sources import Reading, Sources
from policies import load
from policies.policy import Policy
from schema.catalogue import CATALOGUE
from tests.support.running import ROOT

K = 5


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load(ROOT / "policies", CATALOGUE)


def table(counts: Mapping[tuple[Any, ...], int]) -> list[Cell]:
    return [
        Cell(keys=keys, value=float(count), subjects=count, suppressed=count < K)
        for keys, count in counts.items()
        if count
    ]


@st.composite
def tables(draw: st.DrawFn) -> list[Cell]:
    """Tables of one, two or three groupings; groups of nobody have no cell."""
    sides = [draw(st.integers(1, size)) for size in draw(st.sampled_from([(7,), (5, 4), (3, 3, 2)]))]
    keys = list(product(*(range(side) for side in sides)))
    return table({key: draw(st.integers(0, 12)) for key in keys})


def lines(cells: list[Cell]) -> list[list[Cell]]:
    """Every set of cells whose total may be known: those that share some of the keys, all of them included."""
    width = len(cells[0].keys) if cells else 0
    found: list[list[Cell]] = []
    for count in range(width):
        for places in combinations(range(width), count):
            shared: dict[tuple[Any, ...], list[Cell]] = {}
            for cell in cells:
                shared.setdefault(tuple(cell.keys[place] for place in places), []).append(cell)
            found += shared.values()
    return found


@settings(deadline=None)
@given(tables())
def test_no_hidden_cell_stands_alone_among_shown_ones_in_any_line(cells: list[Cell]) -> None:
    complement(cells)
    for line in lines(cells):
        hidden = sum(cell.suppressed for cell in line)
        assert hidden != 1 or len(line) == 1


@settings(deadline=None)
@given(tables())
def test_what_was_hidden_stays_hidden_and_nothing_is_hidden_without_need(cells: list[Cell]) -> None:
    small = {cell.keys for cell in cells if cell.suppressed}
    complement(cells)
    assert small <= {cell.keys for cell in cells if cell.suppressed}
    if not small:
        assert not any(cell.suppressed for cell in cells)


@settings(deadline=None)
@given(tables(), st.randoms())
def test_asking_again_shows_nothing_more_in_whatever_order_the_department_answers(
    cells: list[Cell], random: Random
) -> None:
    again = [replace(cell) for cell in cells]
    random.shuffle(again)
    for each in (cells, again):
        complement(each)
    assert {cell.keys for cell in cells if cell.suppressed} == {cell.keys for cell in again if cell.suppressed}


def less(row: list[Fraction], echelon: Mapping[int, list[Fraction]]) -> list[Fraction]:
    """What is left of a row when the rows of an echelon are taken off."""
    for column, lead in echelon.items():
        if row[column]:
            row = [value - row[column] / lead[column] * other for value, other in zip(row, lead, strict=True)]
    return row


def reckoned(cells: list[Cell], small: set[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
    """Small cells that whoever knows every total of more than one cell can reckon from them, over fractions."""
    hidden = [cell.keys for cell in cells if cell.suppressed]
    echelon: dict[int, list[Fraction]] = {}
    for line in lines(cells):
        keys = {cell.keys for cell in line}
        row = less([Fraction(key in keys) for key in hidden], echelon)
        if len(line) > 1 and any(row):
            echelon[next(column for column, value in enumerate(row) if value)] = row
            echelon = dict(sorted(echelon.items()))
    return {key for key in hidden if key in small and not any(less([Fraction(key == k) for k in hidden], echelon))}


@settings(max_examples=60, deadline=None)
@given(tables())
def test_no_small_cell_can_be_reckoned_from_totals_while_anything_beside_it_is_shown(cells: list[Cell]) -> None:
    small = {cell.keys for cell in cells if cell.suppressed}
    complement(cells)
    for key in reckoned(cells, small):
        beside = [other for line in lines(cells) if any(cell.keys == key for cell in line) for other in line]
        assert all(cell.suppressed for cell in beside)


def test_a_small_cell_between_two_hidden_blocks_is_not_left_to_be_reckoned() -> None:
    """Two rows less two columns leave the one cell that joins the blocks: no line of it has fewer than two hidden."""
    block = {(row, column): 3 for rows in ((0, 1), (2, 3)) for row in rows for column in rows}
    cells = table({key: 20 for key in product(range(4), range(4))} | block | {(1, 2): 4})
    complement(cells)
    assert not reckoned(cells, {(1, 2)})


def test_of_the_shown_cells_the_smallest_is_hidden_beside_a_small_one() -> None:
    cells = table({("a",): 9, ("b",): 3, ("c",): 6, ("d",): 20})
    complement(cells)
    assert {cell.keys for cell in cells if cell.suppressed} == {("b",), ("c",)}


def test_an_empty_table_hides_nothing() -> None:
    complement([])


# --- questions


def question(policy: Policy, unit: str, purpose: str, by: list[str], **more: Any) -> Any:
    return read_question(Entitlements.of(policy, unit, purpose), {"by": by, "measure": "COUNT", **more})


def refused(policy: Policy, unit: str, purpose: str, by: list[str], **more: Any) -> RefusalError:
    with pytest.raises(RefusalError) as found:
        question(policy, unit, purpose, by, **more)
    return found.value


FINANCE = ("finance_bureau", "support_planning")


def test_a_declared_table_may_be_asked_with_a_threshold_in_any_order_of_its_groupings(policy: Policy) -> None:
    by = ["AssistanceRecord.kind", "AssistanceRecord.status"]
    for order in (by, by[::-1]):
        assert question(policy, *FINANCE, order).threshold == K


def test_a_grouping_that_is_not_declared_is_refused_with_the_nearest_table(policy: Policy) -> None:
    error = refused(policy, *FINANCE, ["AssistanceRecord.status"])
    assert error.code == "DISCLOSURE_LIMIT"
    assert error.facts["nearest"] == ["AssistanceRecord.kind", "AssistanceRecord.status"]


def test_a_coordinate_of_a_grave_kind_doubles_the_threshold(policy: Policy) -> None:
    """Every declared table, for every unit that may ask it and does not read its rows."""
    seen = set()
    for table_ in policy.tables:
        used = {*table_.by, table_.measure} - {"COUNT"}
        grave = any(CATALOGUE[coordinate].sensitivity == "L4" for coordinate in used)
        for unit in table_.units:
            if not used <= set(policy.grants(unit, table_.purpose, "read")):
                made = question(policy, unit, table_.purpose, list(table_.by), measure=table_.measure)
                assert made.threshold == (2 * K if grave else K), table_.code
                seen.add(grave)
    assert False in seen


def test_whoever_reads_the_rows_counts_them_by_anything_with_no_threshold(policy: Policy) -> None:
    made = question(policy, "civil_affairs_bureau", "survey_management", ["Child.sex", "Child.guardianshipType"])
    assert made.threshold is None


def test_a_coordinate_that_is_not_held_is_refused_by_name(policy: Policy) -> None:
    error = refused(policy, *FINANCE, ["Child.name"])
    assert (error.code, error.facts["coordinate"]) == ("NOT_ENTITLED", "Child.name")


@pytest.mark.parametrize(
    ("by", "more", "code"),
    [
        ([], {}, "INVALID_INPUT"),
        (["AssistanceRecord.kind"] * 2, {}, "INVALID_INPUT"),
        (["AssistanceRecord.unheard"], {}, "INVALID_INPUT"),
        (["AssistanceRecord.kind"], {"measure": "AVERAGE"}, "INVALID_INPUT"),
        (["AssistanceRecord.kind"], {"where": {"divisionCode": "120114101201"}}, "DISCLOSURE_LIMIT"),
    ],
)
def test_questions_that_make_no_sense_or_go_too_far_are_refused(
    policy: Policy, by: list[str], more: dict[str, Any], code: str
) -> None:
    assert refused(policy, *FINANCE, by, **more).code == code


def execution(source: MemorySource) -> Execution:
    sources = Sources.of({source.name: source}, deadline=1.0, monotonic=lambda: 0.0)
    reading = Reading(sources=sources, bindings={"today": "2026-11-24", "born_16": "2010-11-24"})
    return Execution(reading=reading, registry=Registry(reading=reading, set_limit=100), years_ago=None)


def assisted(**kinds: int) -> MemorySource:
    rows = [
        {"_key": f"{kind}{n}", "_register": f"DA{n}", "kind": kind, "amount": "100.00"}
        for kind, count in kinds.items()
        for n in range(count)
    ]
    return MemorySource(name="civil_affairs", relations={"AssistanceRecord": rows}, decimals={"amount"})


async def test_cells_of_too_few_children_have_no_value_and_the_total_goes_with_them(policy: Policy) -> None:
    made = question(policy, *FINANCE, ["AssistanceRecord.kind"])
    answer = await ask(execution(assisted(TUTORING=2, HOUSING_AID=7, COUNSELLING=9)), made)
    shown = {cell["keys"][0]["value"]: cell["value"] for cell in answer["cells"]}
    assert shown == {"COUNSELLING": 9.0, "HOUSING_AID": None, "TUTORING": None}
    assert answer["total"] is None


async def test_a_table_without_small_cells_has_its_total(policy: Policy) -> None:
    made = question(policy, *FINANCE, ["AssistanceRecord.kind"])
    answer = await ask(execution(assisted(HOUSING_AID=7, COUNSELLING=9)), made)
    assert answer["total"] == 16.0


async def test_a_sum_of_which_one_child_has_more_than_half_is_hidden(policy: Policy) -> None:
    source = assisted(HOUSING_AID=7, COUNSELLING=9, TUTORING=8)
    source.relations["AssistanceRecord"][0]["amount"] = "100000.00"
    made = question(policy, *FINANCE, ["AssistanceRecord.kind"], measure="AssistanceRecord.amount")
    answer = await ask(execution(source), made)
    hidden = {cell["keys"][0]["value"] for cell in answer["cells"] if cell["suppressed"]}
    assert hidden == {"HOUSING_AID", "TUTORING"}


async def test_a_department_that_does_not_answer_is_an_outage_and_no_empty_table(policy: Policy) -> None:
    source = assisted(HOUSING_AID=7)
    source.outage = Fault(kind="fail", reason="timeout")
    with pytest.raises(OutageError) as found:
        await ask(execution(source), question(policy, *FINANCE, ["AssistanceRecord.kind"]))
    assert (found.value.code, found.value.facts["source"]) == ("SOURCE_UNAVAILABLE", "civil_affairs")
