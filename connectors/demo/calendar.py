"""Today -> days that the demo data need: quarters, terms, ages. Local time is Asia/Shanghai, without summer time."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

SHANGHAI = timezone(timedelta(hours=8))


def quarter_of(day: date) -> str:
    """The quarter, as 2017Q2."""
    return f"{day.year}Q{(day.month + 2) // 3}"


def quarter_start(day: date) -> date:
    """The first day of the quarter that holds ``day``."""
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


def recent_quarters(today: date, count: int) -> list[date]:
    """First days of the running quarter and those before it, newest first."""
    starts = [quarter_start(today)]
    while len(starts) < count:
        starts.append(quarter_start(starts[-1] - timedelta(days=1)))
    return starts


def years_before(day: date, years: int) -> date:
    """The same day so many years earlier; 28 February for a 29 February that is not there."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def age_on(day: date, birth: date) -> int:
    """Completed years of age."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def term_of(day: date) -> str:
    """The school term, as 2016-2017-2: the first runs from September to January."""
    if day.month >= 9:
        return f"{day.year}-{day.year + 1}-1"
    return f"{day.year - 1}-{day.year}-{1 if day.month < 2 else 2}"


def instant(day: date, minute: int) -> datetime:
    """A minute of a local day."""
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI) + timedelta(minutes=minute)
