"""Clock, Identity -> the parameters that every statement of a request may use: who asks, and the days that count.

Days, quarters and clocks are those of Asia/Shanghai.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, Protocol


class Principal(Protocol):
    """Who asks, as far as scopes need it."""

    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def unit(self) -> str: ...  # noqa: D102
    @property
    def division(self) -> str | None: ...  # noqa: D102


class Institution(Protocol):
    """A line of the hub's register of institutions."""

    @property
    def code(self) -> str: ...  # noqa: D102
    @property
    def bureau(self) -> str: ...  # noqa: D102


def months_before(day: date, months: int) -> date:
    """The same day so many months earlier, or that month's last day."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def years_ago(today: date) -> Callable[[int], str]:
    """The day so many years before today, as ISO 8601."""
    return lambda count: months_before(today, 12 * count).isoformat()


def last_quarter(today: date) -> str:
    """The first instant of the quarter before this one."""
    first = months_before(date(today.year, today.month, 1), (today.month - 1) % 3 + 3)
    return f"{first.isoformat()}T00:00:00+08:00"


def request_bindings(principal: Principal, institutions: Iterable[Institution], now: datetime) -> Mapping[str, Any]:
    """The parameters; ``now`` is local to Asia/Shanghai."""
    today = now.date()
    under = [f"mandatory_reporter:{found.code}" for found in institutions if found.bureau == principal.unit]
    return {
        "me": principal.key,
        "units": [principal.key, *under],
        "division": principal.division or "~none",
        "today": today.isoformat(),
        "born_16": months_before(today, 12 * 16).isoformat(),
        "born_6": months_before(today, 12 * 6).isoformat(),
        "half_year_ago": months_before(today, 6).isoformat(),
        "year_ago": months_before(today, 12).isoformat(),
        "last_quarter": last_quarter(today),
    }
