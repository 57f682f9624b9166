"""Who is missing, and how late: every division of the list, in working days."""

from __future__ import annotations

from datetime import date

import pytest

from hub.quarters import at_hand, before, end, entered, running
from hub.survey.progress import due_day, progress

NAMES = {"120114101": "某镇", "120114101201": "甲村", "120114101202": "乙村", "120114101203": "丙村"}


@pytest.mark.parametrize(
    ("quarter", "day"), [("2026Q1", date(2026, 3, 31)), ("2026Q2", date(2026, 6, 30)), ("2026Q4", date(2026, 12, 31))]
)
def test_a_quarter_ends_on_its_last_day(quarter: str, day: date) -> None:
    assert end(quarter) == day


def test_a_survey_is_due_so_many_working_days_after_the_quarter() -> None:
    # The third quarter is followed by the holidays of October, and these by a Saturday on which people work.
    assert due_day("2025Q3", "VILLAGE") == date(2025, 10, 14)
    assert due_day("2025Q2", "VILLAGE") == date(2025, 7, 7)
    assert due_day("2025Q2", "TOWN") == date(2025, 7, 14)


def test_who_has_not_begun_is_missing_like_who_has_not_finished_and_late_in_working_days() -> None:
    stands = [
        {"divisionCode": "120114101", "status": "DRAFT"},
        {"divisionCode": "120114101201", "status": "VILLAGE_SUBMITTED"},
        {"divisionCode": "120114101202", "status": "RETURNED"},
    ]
    found = {line.division: line for line in progress(NAMES, stands, "2025Q2", date(2025, 7, 16))}
    assert [line.missing for line in found.values()] == [True, False, True, True]
    assert {code: line.late for code, line in found.items()} == {
        "120114101": 2,
        "120114101201": 0,
        "120114101202": 7,
        "120114101203": 7,
    }
    assert found["120114101203"].words == "未开始"


def test_nobody_is_late_on_the_day_itself() -> None:
    assert {line.late for line in progress(NAMES, [], "2025Q2", date(2025, 7, 7))} == {0}


def test_towns_and_the_district_are_asked_about_a_quarter_until_it_must_have_been_accepted() -> None:
    assert (running(date(2025, 7, 1)), before("2025Q3"), before("2025Q1")) == ("2025Q3", "2025Q2", "2024Q4")
    days = (date(2025, 6, 30), date(2025, 7, 21), date(2025, 7, 22))
    assert [at_hand(day) for day in days] == ["2025Q2", "2025Q2", "2025Q3"]


def stands(**status: str) -> list[dict[str, str]]:
    return [{"quarter": quarter.lstrip("_"), "status": state} for quarter, state in status.items()]


@pytest.mark.parametrize(
    ("states", "quarter"),
    [
        ({"_2025Q2": "RETURNED"}, "2025Q2"),
        ({"_2025Q2": "DRAFT"}, "2025Q2"),
        ({"_2025Q2": "DISTRICT_ACCEPTED"}, None),
        ({"_2025Q2": "VILLAGE_SUBMITTED"}, None),
        ({"_2025Q1": "RETURNED"}, None),
        ({"_2025Q2": "RETURNED", "_2025Q3": "DRAFT"}, "2025Q3"),
        ({"_2025Q2": "RETURNED", "_2025Q3": "VILLAGE_SUBMITTED"}, "2025Q3"),
    ],
)
def test_rows_go_with_the_last_quarter_while_it_is_returned_and_this_one_is_not_begun(
    states: dict[str, str], quarter: str | None
) -> None:
    found = entered(stands(**states), "2025Q3")
    assert (found and found["quarter"]) == quarter
