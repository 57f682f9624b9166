"""Divisions, submissions of a quarter, the day -> who has submitted, who is missing, how many working days late: pure.

Guarantee: a division that never began its survey stands in the list like one that has not finished it. Days are working
days, when something is due and how late it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from hub.lifecycle.survey import STATES
from hub.quarters import end
from hub.workdays import workdays_after, workdays_between

DAYS: Final[Mapping[str, int]] = {"VILLAGE": 5, "TOWN": 10}
"""Working days after the quarter's end by which who must have submitted (domain model, 8.2)."""
PENDING: Final = frozenset({"", "DRAFT", "RETURNED"})
"""States in which the division itself has something to do; empty: not begun."""
WORDS: Final[Mapping[str, str]] = {"": "未开始", **{state.name: state.zh for state in STATES}}
WORDS_EN: Final[Mapping[str, str]] = {"": "not begun", **{state.name: state.en for state in STATES}}
QUERY: Final = """query Progress($quarter: Quarter!, $after: String) {
  surveySubmissions(first: 100, after: $after, filter: {quarter: {eq: $quarter}}) {
    pageInfo { hasNextPage endCursor }
    edges { node { divisionCode level status childrenCount submittedAt } }
  }
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How a division stands: ``late`` working days after the day by which it was due, 0 if it is not late."""

    division: str
    name: str
    status: str
    due: date
    late: int

    @property
    def missing(self) -> bool:
        """Whether the division itself has something to do."""
        return self.status in PENDING

    @property
    def words(self) -> str:
        """How it stands, in Chinese."""
        return WORDS[self.status]

    @property
    def words_en(self) -> str:
        """How it stands, in English."""
        return WORDS_EN[self.status]


def progress(names: Mapping[str, str], submissions: Iterable[Mapping[str, Any]], quarter: str, day: date) -> list[Line]:
    """A line for each town and village of ``names`` (code -> name), in the order of their codes."""
    stands = {one["divisionCode"]: str(one["status"] or "") for one in submissions}
    found = []
    for code, name in sorted(names.items()):
        status, due = stands.get(code, ""), due_day(quarter, "TOWN" if len(code) == 9 else "VILLAGE")
        late = max(workdays_between(due, day), 0) if status in PENDING else 0
        found.append(Line(division=code, name=name, status=status, due=due, late=late))
    return found


def due_day(quarter: str, level: str) -> date:
    """The working day by which the survey of a quarter is due from a level."""
    return workdays_after(end(quarter), DAYS[level])
