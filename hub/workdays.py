"""Day -> whether China works on it, and the day so many working days later: public holidays and weekends worked on.

Guarantee: pure. The calendar is that of ``holidays``, which knows the years that the State Council has announced; one
that it has not has its weekends and fixed feasts alone, so a count into it may end a day early or late.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import holidays


def works(day: date) -> bool:
    """Whether it is a working day in China."""
    return bool(_calendar(day.year).is_working_day(day))


def workdays_after(day: date, count: int) -> date:
    """The ``count``-th working day after ``day``; the day itself does not count. ``count`` is at least 0."""
    while count > 0:
        day += timedelta(days=1)
        count -= works(day)
    return day


def workdays_between(first: date, last: date) -> int:
    """How many working days there are after ``first``, up to ``last``."""
    return sum(works(first + timedelta(days=offset)) for offset in range(1, (last - first).days + 1))


@lru_cache(maxsize=16)
def _calendar(year: int) -> Any:
    return holidays.country_holidays("CN", years=year)
