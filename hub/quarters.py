"""A day, submissions -> the quarter that runs, the one before it, and which of the two is worked on: pure.

Guarantee: what was not accepted when its quarter ended is still worked on in the next one; what lies further back is
history.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any, Final

from hub.workdays import workdays_after

LAST_DAYS: Final = 15
"""Working days after a quarter's end by which civil affairs must have accepted it (domain model, 8.2)."""
QUARTER: Final = re.compile(r"[0-9]{4}Q[1-4]")
"""How a quarter is written."""
FROZEN: Final = "DISTRICT_ACCEPTED"
EDITABLE: Final = ("DRAFT", "RETURNED")
"""States in which a village may write its files."""


def running(day: date) -> str:
    """The quarter of a day, as 2017Q2."""
    return f"{day.year}Q{(day.month + 2) // 3}"


def before(quarter: str) -> str:
    """The quarter before."""
    year, number = int(quarter[:4]), int(quarter[5])
    return f"{year - 1}Q4" if number == 1 else f"{year}Q{number - 1}"


def first_day(quarter: str) -> date:
    """The day on which a quarter begins."""
    return date(int(quarter[:4]), 3 * int(quarter[5]) - 2, 1)


def end(quarter: str) -> date:
    """The last day of a quarter."""
    return date.fromordinal(first_day(_after(quarter)).toordinal() - 1)


def _after(quarter: str) -> str:
    year, number = int(quarter[:4]), int(quarter[5])
    return f"{year + 1}Q1" if number == 4 else f"{year}Q{number + 1}"


def at_hand(day: date) -> str:
    """The quarter about which towns and the district ask on a day: the last one until it must have been accepted."""
    last = before(running(day))
    return last if day <= workdays_after(end(last), LAST_DAYS) else running(day)


def written_with(
    submissions: Iterable[Mapping[str, Any]], quarter: str, lawful: Collection[str | None]
) -> Mapping[str, Any] | None:
    """Of a village's submissions that with which a file is written in one of the ``lawful`` states, if there is any.

    A quarter is submitted after its end: one that came back, or that the town still corrects, is written on while the
    next one runs. Once that is handed on itself, it alone says who may write.
    """
    by_quarter = {one["quarter"]: one for one in submissions}
    now, last = by_quarter.get(quarter), by_quarter.get(before(quarter))
    if last is not None and last["status"] == FROZEN:
        last = None
    if now is None or now["status"] in EDITABLE:
        return next((one for one in (now, last) if one is not None and one["status"] in lawful), now or last)
    return now


def entered(submissions: Iterable[Mapping[str, Any]], quarter: str) -> Mapping[str, Any] | None:
    """The submission with which a village's rows go while ``quarter`` runs; None: it is to be begun."""
    found = written_with(submissions, quarter, EDITABLE)
    return found if found is not None and (found["quarter"] == quarter or found["status"] in EDITABLE) else None
