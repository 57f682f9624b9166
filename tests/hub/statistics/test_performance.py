"""How units perform: rates of settled counts alone, medians and punctuality of five children at least."""

from __future__ import annotations

from datetime import date

import pytest

from hub.statistics.performance import (
    DONE,
    WAITING,
    Measured,
    _answers,
    _bounds,
    _medians,
    _punctual,
    _times,
    told,
)
from hub.statistics.tables import Counted, Published
from hub.survey.progress import due_day
from policies import load
from schema.catalogue import CATALOGUE
from tests.support.running import ROOT

TOWN = "120114101"
REPORTS = {
    f"B{number}": (f"B{number}", f"P{number}", None, f"{TOWN}201", "2026-08-01T08:00:00+08:00") for number in range(6)
}


def cell(table: str, *keys: str | None, value: float | None) -> Published:
    return Published(table=table, keys=keys, value=value)


def figures(*cells: Published, **measured: float) -> dict[tuple[str, tuple[str | None, ...]], float | None]:
    values = {(name, place): value for name, value in measured.items() for place in (TOWN, None)}
    return {(found.table, found.keys): found.value for found in told(cells, Measured(values=values), [TOWN])}


@pytest.mark.parametrize(
    ("done", "waiting", "rate"),
    [(15.0, 5.0, 75.0), (20.0, 0.0, 100.0), (None, 5.0, None), (15.0, None, None), (0.0, 15.0, None), (0.0, 0.0, None)],
)
def test_a_rate_is_of_two_counts_that_are_shown_and_nought_is_not_told(
    done: float | None, waiting: float | None, rate: float | None
) -> None:
    found = figures(
        cell("ASSESSMENT/town", TOWN, DONE, value=done),
        cell("ASSESSMENT/town", TOWN, WAITING, value=waiting),
        cell("RECONCILIATION/district", DONE, value=done),
        cell("RECONCILIATION/district", WAITING, value=waiting),
    )
    assert found["ASSESSMENT_AFTER_NOTICE_RATE/town", (TOWN,)] == rate
    assert found["RECONCILIATION_ANSWER_RATE/district", ()] == rate
    assert found["RECONCILIATION_ANSWER_RATE/town", (TOWN,)] is None


def test_what_was_measured_is_told_only_where_the_number_of_children_is_shown() -> None:
    measured = {"DISPATCH_MEDIAN_MINUTES": 12.0, "SURVEY_ON_TIME_RATE": 90.0}
    found = figures(
        cell("REPORTS/district", value=25.0),
        cell("REPORTS/town", TOWN, value=None),
        cell("CHILDREN_ON_FILE/town", TOWN, value=40.0),
        **measured,
    )
    assert found["DISPATCH_MEDIAN_MINUTES/district", ()] == 12.0
    assert found["DISPATCH_MEDIAN_MINUTES/town", (TOWN,)] is None
    assert found["SURVEY_ON_TIME_RATE/town", (TOWN,)] == 90.0
    assert found["SURVEY_ON_TIME_RATE/district", ()] is None


def test_a_median_is_of_five_known_children_at_least() -> None:
    minutes = ["08:04", "08:06", "08:30", "08:31", "09:00", "08:02"]
    incidents = [(f"B{at}", f"2026-08-01T{time}:00+08:00", None) for at, time in enumerate(minutes)]
    enough = dict(_medians(_times(REPORTS, incidents[:5])))
    assert enough == {("DISPATCH_MEDIAN_MINUTES", place): 30.0 for place in (TOWN, None)}
    assert not dict(_medians(_times(REPORTS, incidents[:4])))
    nobody = {**REPORTS, "B4": ("B4", None, None, f"{TOWN}201", "2026-08-01T08:00:00+08:00")}
    assert not dict(_medians(_times(nobody, incidents[:5])))
    assert dict(_medians(_times(nobody, incidents)))["DISPATCH_MEDIAN_MINUTES", None] == 18.0


def test_who_never_began_its_survey_is_late() -> None:
    policy = load(ROOT / "policies", CATALOGUE)
    own = [code for code, found in policy.divisions.items() if code.startswith(TOWN) and found.level == "village"]
    due, late = due_day("2026Q3", "VILLAGE").isoformat(), "2026-12-01T00:00:00+08:00"
    surveys = [(code, "VILLAGE", f"{due}T23:59:00+08:00") for code in own[:3]] + [(own[3], "VILLAGE", late)]
    found = dict(_punctual([*surveys, (TOWN, "TOWN", None)], "2026Q3", policy))
    assert found["SURVEY_ON_TIME_RATE", TOWN] == round(100 * 3 / (len(own) + 1))
    assert found["SURVEY_ON_TIME_RATE", "120114102"] == 0.0
    assert not any(place and place.startswith("1201144") for _, place in found)


def test_discrepancies_are_counted_by_the_child_or_who_stands_for_it() -> None:
    unit = f"town_government:{TOWN}"
    items = [
        ("i1", "LS1", None, None, unit, "OPEN"),
        ("i2", "LS1", None, None, unit, "EXPLAINED"),
        ("i3", "LS1", "G1", None, unit, "CORRECTED"),
        ("i4", None, "G9", None, "education_bureau", "ANSWERED"),
    ]
    assert list(_answers(items)) == [
        Counted(keys=(TOWN, WAITING), child="LS1", count=1),
        Counted(keys=(TOWN, DONE), child="LS1", count=2),
        Counted(keys=(None, DONE), child="G9", count=1),
    ]


def test_a_quarter_begins_and_ends_at_midnight_of_the_place() -> None:
    assert _bounds("2026Q4") == ("2026-10-01T00:00:00+08:00", "2027-01-01T00:00:00+08:00")
    assert date.fromisoformat(_bounds("2026Q1")[1][:10]) == date(2026, 4, 1)
