"""Who is missing, and how late: every division of the list, in working days."""

from __future__ import annotations

from datetime import date

import pytest

from hub.survey.progress import due_day, progress, quarter_end

NAMES = {"120114101": "某镇", "120114101201": "甲村", "120114101202": "乙村", "120114101203": "丙村"}


@pytest.mark.parametrize(
    ("quarter", "end"), [("2026Q1", date(2026, 3, 31)), ("2026Q2", date(2026, 6, 30)), ("2026Q4", date(2026, 12, 31))]
)
def test_a_quarter_ends_on_its_last_day(quarter: str, end: date) -> None:
    assert quarter_end(quarter) == end


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
