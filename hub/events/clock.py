"""Clocks of the life cycles as data: which rows wait, since when, who has to act.

Guarantee: pure. Whether a row still waits is asked of its department at each look (``hub/events/clocks.py``), so a step
that was taken in time stops the clock, however late its outcome came to the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Protocol

from connectors.source import Compare, Constant, Exists, Not, Outer, Param, Predicate, Some
from hub.lifecycle.steps import DEADLINES
from hub.planner import facts as f
from hub.planner.relations import HOME
from hub.today import Truancy, months_before
from hub.workdays import workdays_after


class Limits(Protocol):
    """How long each clock runs, by settings."""

    @property
    def dispatch_minutes(self) -> int: ...  # noqa: D102
    @property
    def notify_town_hours(self) -> int: ...  # noqa: D102
    @property
    def assess_days(self) -> int: ...  # noqa: D102
    @property
    def reply_days(self) -> int: ...  # noqa: D102
    @property
    def survey_village_days(self) -> int: ...  # noqa: D102
    @property
    def survey_town_days(self) -> int: ...  # noqa: D102
    @property
    def survey_district_days(self) -> int: ...  # noqa: D102
    @property
    def truancy_run(self) -> int: ...  # noqa: D102
    @property
    def truancy_days(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A clock: rows of ``type_name`` that satisfy ``where`` have waited too long.

    ``units`` have to act, or all who read it if there are none; ``waits``: the coordinate that an alarm names, which
    its reader must be able to read, and ``besides`` as well: that it is raised tells of them. ``where`` has the
    parameters of ``moments``.
    """

    name: str
    zh: str
    clause: str
    type_name: str
    waits: str
    where: Predicate
    units: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The department that knows."""
        return HOME[self.type_name]


def moments(limits: Limits, now: datetime) -> Mapping[str, Any]:
    """The parameters of all clocks; ``now`` is local to Asia/Shanghai."""
    today = now.date()
    surveys = {
        f"surveyed_{level}": _overdue_quarter(today, days)
        for level, days in (
            ("village", limits.survey_village_days),
            ("town", limits.survey_town_days),
            ("district", limits.survey_district_days),
        )
    }
    return {
        "dispatched_by": _instant(now - timedelta(minutes=limits.dispatch_minutes)),
        "notified_by": _instant(now - timedelta(hours=limits.notify_town_hours)),
        "assessed_by": _instant(now - timedelta(days=limits.assess_days)),
        "issued_by": (today - timedelta(days=limits.reply_days)).isoformat(),
        "today": today.isoformat(),
        **Truancy(running=limits.truancy_run, term=limits.truancy_days).bindings(),
        **surveys,
    }


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _overdue_quarter(today: date, days: int) -> str:
    """The last quarter that ended more than so many working days ago."""
    first = months_before(date(today.year, today.month, 1), (today.month - 1) % 3)
    while workdays_after(first - timedelta(days=1), days) >= today:
        first = months_before(first, 3)
    ended = first - timedelta(days=1)
    return f"{ended.year}Q{(ended.month + 2) // 3}"


def _before(column: str, parameter: str, *, strictly: bool = False) -> Predicate:
    return Compare(column, "lt" if strictly else "le", Param(parameter))


def _surveyed(level: str, states: Sequence[str]) -> Predicate:
    return f.every_of(f.is_("status", tuple(states), "in"), Compare("quarter", "eq", Param(f"surveyed_{level}")))


# The step that finds a report unfounded tells the town; what came into the department by another way may not have.
_untold: Final = f.every_of(
    f.is_("status", "UNFOUNDED"), Not(Exists("Incident", (("_key", "_report"),), f.given("townNotifiedAt")))
)


# Of the last term alone: what was missed in terms before is no alarm for ever.
_later_term: Final = Exists("AttendanceRecord", (("_enrolment", "_enrolment"),), Compare("term", "gt", Outer("term")))


def _clock(name: str, **more: Any) -> Clock:
    deadline = DEADLINES[name]
    return Clock(name=name, zh=deadline.zh, clause=deadline.clause, **more)


CLOCKS: Final[Mapping[str, Clock]] = {
    clock.name: clock
    for clock in (
        _clock(
            "dispatch",
            type_name="MandatoryReport",
            waits="MandatoryReport.status",
            units=("public_security_bureau",),
            where=f.every_of(f.is_("status", ("REPORTED",), "in"), _before("reportedAt", "dispatched_by")),
        ),
        _clock(
            "notify_town",
            type_name="MandatoryReport",
            waits="MandatoryReport.status",
            units=("public_security_bureau",),
            where=f.every_of(
                f.either_of(f.is_("status", ("REPORTED", "DISPATCHED", "HANDLED"), "in"), _untold),
                _before("reportedAt", "notified_by"),
            ),
        ),
        _clock(
            "assess",
            type_name="Incident",
            waits="Incident.townNotifiedAt",
            units=("town_government",),
            where=f.every_of(
                f.of_its_report(f.is_("status", ("TOWN_NOTIFIED",), "in")), _before("townNotifiedAt", "assessed_by")
            ),
        ),
        _clock(
            "reply",
            type_name="ProcuratorialSupervision",
            waits="ProcuratorialSupervision.repliedOn",
            where=f.every_of(
                Compare("repliedOn", "null", Constant(True)),
                Some(
                    (
                        _before("replyDueOn", "today", strictly=True),
                        f.every_of(Compare("replyDueOn", "null", Constant(True)), _before("issuedOn", "issued_by")),
                    )
                ),
            ),
        ),
        _clock(
            "survey_village",
            type_name="SurveySubmission",
            waits="SurveySubmission.status",
            units=("village_committee",),
            where=_surveyed("village", ("DRAFT", "RETURNED")),
        ),
        _clock(
            "survey_town",
            type_name="SurveySubmission",
            waits="SurveySubmission.status",
            units=("town_government",),
            where=_surveyed("town", ("DRAFT", "VILLAGE_SUBMITTED", "RETURNED")),
        ),
        _clock(
            "survey_district",
            type_name="SurveySubmission",
            waits="SurveySubmission.status",
            units=("civil_affairs_bureau",),
            where=_surveyed("district", ("DRAFT", "VILLAGE_SUBMITTED", "TOWN_SUMMARISED", "RETURNED")),
        ),
        Clock(
            name="truancy",
            zh="多次旷课",
            clause="2.1.2",
            type_name="Enrolment",
            waits="Enrolment.status",
            besides=("AttendanceRecord.longestUnexcusedRun", "AttendanceRecord.unexcusedDays"),
            units=("education_bureau",),
            where=Exists("AttendanceRecord", (("_key", "_enrolment"),), f.every_of(f.is_truant, Not(_later_term))),
        ),
    )
}
"""Clocks by name; those of the life cycles have the words of ``DEADLINES``."""
