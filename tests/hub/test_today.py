"""Days that count: birthdays, half years and quarters, at their edges."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.today import Bindings, last_quarter, months_before, parks_of, request_bindings, years_ago

SHANGHAI = timezone(timedelta(hours=8))
days = st.dates(date(1990, 1, 1), date(2099, 12, 31))


@dataclass(frozen=True)
class Me:
    key: str
    unit: str
    division: str | None


@dataclass(frozen=True)
class School:
    code: str
    bureau: str


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [
        ("2026-11-24", 6, "2026-05-24"),
        ("2026-03-31", 1, "2026-02-28"),
        ("2024-03-31", 1, "2024-02-29"),
        ("2024-02-29", 12, "2023-02-28"),
        ("2024-02-29", 48, "2020-02-29"),
        ("2026-01-15", 1, "2025-12-15"),
        ("2026-12-31", 12, "2025-12-31"),
        ("2026-08-31", 6, "2026-02-28"),
        ("2026-05-24", 0, "2026-05-24"),
    ],
)
def test_the_same_day_months_before_or_the_last_of_that_month(day: str, months: int, before: str) -> None:
    assert months_before(date.fromisoformat(day), months) == date.fromisoformat(before)


@settings(deadline=None)
@given(days, st.integers(0, 400))
def test_months_before_lands_in_the_month_that_counting_back_lands_in(day: date, months: int) -> None:
    found = months_before(day, months)
    assert (day.year - found.year) * 12 + day.month - found.month == months
    assert found.day == day.day or (found.day < day.day and (found + timedelta(days=1)).day == 1)


@settings(deadline=None)
@given(days, days)
def test_whoever_was_born_on_or_before_the_day_years_ago_has_had_the_birthday(today: date, born: date) -> None:
    """A child of 29 February grows a year older on 1 March where there is no such day."""
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    for count in (6, 16):
        assert (born.isoformat() <= years_ago(today)(count)) == (age >= count)


def quarter(day: date) -> tuple[int, int]:
    return day.year, (day.month - 1) // 3


@settings(deadline=None)
@given(days)
def test_the_last_quarter_begins_the_quarter_before_this_one(today: date) -> None:
    text = last_quarter(today)
    assert text.endswith("T00:00:00+08:00")
    first = date.fromisoformat(text[:10])
    assert first.day == 1
    assert quarter(first - timedelta(days=1)) < quarter(first) < quarter(today)
    year, number = quarter(first)
    assert (year + (number + 1) // 4, (number + 1) % 4) == quarter(today)


@pytest.mark.parametrize(
    ("today", "first"),
    [
        ("2026-01-01", "2025-10-01"),
        ("2026-03-31", "2025-10-01"),
        ("2026-04-01", "2026-01-01"),
        ("2026-12-31", "2026-07-01"),
    ],
)
def test_the_last_quarter_at_the_edges_of_this_one(today: str, first: str) -> None:
    assert last_quarter(date.fromisoformat(today)) == f"{first}T00:00:00+08:00"


def test_every_parameter_of_a_request_is_bound() -> None:
    now = datetime(2026, 11, 24, 0, 5, tzinfo=SHANGHAI)
    assert request_bindings(Me("town_government:120114101", "town_government", "120114101"), [], now) == {
        "me": "town_government:120114101",
        "units": ["town_government:120114101"],
        "division": "120114101",
        "parks": [],
        "today": "2026-11-24",
        "born_16": "2010-11-24",
        "born_6": "2020-11-24",
        "half_year_ago": "2026-05-24",
        "year_ago": "2025-11-24",
        "last_quarter": "2026-07-01T00:00:00+08:00",
        "truant_run": 3,
        "truant_days": 10,
    }


def test_a_bureau_stands_for_the_institutions_under_it_and_for_no_other() -> None:
    schools = [School("2112000001", "education_bureau"), School("99", "health_commission")]
    found = request_bindings(
        Me("education_bureau", "education_bureau", None), schools, datetime(2026, 11, 24, tzinfo=SHANGHAI)
    )
    assert found["units"] == ["education_bureau", "mandatory_reporter:2112000001"]


def test_a_park_and_what_lies_in_it_goes_to_the_town_that_settings_name_and_to_no_other() -> None:
    towns = {"120114400": "120114101", "120114403": "120114102"}
    known = ["120114101", "120114101201", "120114400", "120114400498", "120114403", "120114403498"]
    assert parks_of(towns, known, "120114101") == ["120114400", "120114400498"]
    assert parks_of(towns, known, "120114102") == ["120114403", "120114403498"]
    for other in ("120114103", "120114101201", None):
        assert parks_of(towns, known, other) == []


def test_a_unit_without_a_division_lies_in_none() -> None:
    found = request_bindings(
        Me("education_bureau", "education_bureau", None), [], datetime(2026, 1, 1, tzinfo=SHANGHAI)
    )
    assert not str(found["division"]).isdigit()


@dataclass(frozen=True)
class Register:
    divisions: tuple[str, ...]
    institutions: dict[str, School]


def test_remembered_parameters_are_those_of_the_principal_the_policy_and_the_day() -> None:
    bindings = Bindings(parks={"120114400": "120114101"})
    town, other = (Me(f"town_government:{code}", "town_government", code) for code in ("120114101", "120114102"))
    bureau = Me("education_bureau", "education_bureau", None)
    policy = Register(("120114101", "120114400"), {})
    changed = replace(policy, institutions={"99": School("99", "education_bureau")})
    morning = datetime(2026, 11, 24, 0, 5, tzinfo=SHANGHAI)
    for who, register, now in (
        (town, policy, morning),
        (other, policy, morning),
        (bureau, policy, morning),
        (bureau, changed, morning),
        (town, policy, morning + timedelta(days=1)),
        (town, policy, morning),
    ):
        parks = ["120114400"] if who is town else []
        made = request_bindings(who, register.institutions.values(), now, parks=parks)
        assert bindings.of(who, register, now) == made
        assert bindings.of(who, register, now) is bindings.of(who, register, now + timedelta(hours=1))
