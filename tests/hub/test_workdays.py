"""Working days in China: feasts, and the weekends that are worked on for them."""

from __future__ import annotations

from datetime import date

import pytest

from hub.workdays import workdays_after, workdays_between, works


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        (date(2026, 1, 1), False),  # New Year
        (date(2026, 1, 4), True),  # a Sunday that is worked on for it
        (date(2026, 2, 16), False),  # the eve of the Spring Festival
        (date(2026, 2, 14), True),  # a Saturday that is worked on for it
        (date(2026, 10, 1), False),
        (date(2026, 11, 26), True),
        (date(2026, 11, 28), False),  # an ordinary Saturday
    ],
)
def test_feasts_are_free_and_the_weekends_given_for_them_are_not(day: date, worked: bool) -> None:
    assert works(day) is worked


def test_five_working_days_after_a_quarter_that_ends_before_a_week_of_feasts() -> None:
    assert workdays_after(date(2026, 9, 30), 5) == date(2026, 10, 13)
    assert workdays_between(date(2026, 9, 30), date(2026, 10, 13)) == 5


def test_no_working_day_is_the_day_itself_though_it_be_free() -> None:
    assert workdays_after(date(2026, 10, 1), 0) == date(2026, 10, 1)
