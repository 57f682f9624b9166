"""Clock, row, settings -> since when it runs and when it strikes: the moment at which the alarm of the clock is raised.

Guarantee: pure, and the same as in ``hub/events/clock.py``: a page never says that there is time when an alarm says
that there is none. A clock whose beginning the unit may not read is not shown, and not guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from hub.events.clock import Limits
from hub.quarters import end
from hub.settings_events import Clocks
from hub.workdays import workdays_after

TABLE: Final[Limits] = Clocks()
"""What settings say if they say nothing."""
_ZONE: Final = ZoneInfo("Asia/Shanghai")
_LEVELS: Final = {"survey_village": "VILLAGE", "survey_town": "TOWN", "survey_district": "TOWN"}


def span(name: str, starts: Sequence[Any], row: Mapping[str, Any], limits: Limits) -> tuple[datetime, datetime] | None:
    """When the clock began and when it strikes; ``starts``: what the row holds of its beginning."""
    if name in _LEVELS:
        return _survey(name, row, limits) if row.get("level") == _LEVELS[name] else None
    since = next((at for at in map(instant, starts) if at is not None), None)
    if since is None:
        return None
    match name:
        case "dispatch":
            return since, since + timedelta(minutes=limits.dispatch_minutes)
        case "notify_town":
            return since, since + timedelta(hours=limits.notify_town_hours)
        case "assess":
            return since, since + timedelta(days=limits.assess_days)
    named = instant(row.get("replyDueOn"))
    # The day that a supervision names still counts.
    return since, since + timedelta(days=limits.reply_days) if named is None else named + timedelta(days=1)


def _survey(name: str, row: Mapping[str, Any], limits: Limits) -> tuple[datetime, datetime] | None:
    days = {
        "survey_village": limits.survey_village_days,
        "survey_town": limits.survey_town_days,
        "survey_district": limits.survey_district_days,
    }
    ended = _quarter_end(str(row.get("quarter") or ""))
    if ended is None:
        return None
    return _midnight(ended + timedelta(days=1)), _midnight(workdays_after(ended, days[name]) + timedelta(days=1))


def _quarter_end(quarter: str) -> date | None:
    """The last day of a quarter such as 2017Q2; None of anything else."""
    year, _, number = quarter.partition("Q")
    return end(quarter) if year.isascii() and year.isdecimal() and number in {"1", "2", "3", "4"} else None


def instant(value: Any) -> datetime | None:
    """An instant of GraphQL's; a day begins at midnight in Shanghai."""
    if value is None:
        return None
    text = str(value)
    if len(text) == 10:
        return _midnight(date.fromisoformat(text))
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, _ZONE)
