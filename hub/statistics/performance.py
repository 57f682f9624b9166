"""Reports, discrepancies and surveys of a quarter -> what is told of how units perform: rates and medians, group P.

Guarantee: a rate is reckoned from two counts as they were settled and rounded beside everything else, so that it says
no more than these do; both must be shown, and a rate of nought is not told. A median, or how punctual a town's survey
was, is told of five children at least, and only where their number is shown, so that this too says nothing new.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from connectors.source import All, Column, Compare, Constant, Exists, Fetch, Param, Predicate, Row
from hub.identity import PARKS
from hub.quarters import end, first_day
from hub.sources import Reading
from hub.statistics.indicators import DISTRICT, ON_FILE, TOWN, K
from hub.statistics.tables import Beside, Counted, Published, Shape, Tables, Value, tabulate
from hub.survey.progress import due_day
from policies.policy import Policy
from policies.tables import COUNT, Table

PLACE: Final = "MandatoryReport.divisionCode"
STATUS: Final = "MandatoryReport.status"
ASSESSMENT: Final = "Indicator.ASSESSMENT"
TARGET: Final = "ReconciliationItem.answeringUnit"
ANSWER: Final = "ReconciliationItem.status"
DONE: Final = "DONE"
WAITING: Final = "WAITING"
_STATES: Final[Mapping[Value, str]] = {
    "TOWN_NOTIFIED": WAITING,
    **dict.fromkeys(("ASSESSED", "PLANNED", "CLOSED"), DONE),
}
_TOLD: Final = frozenset({DONE, WAITING})
RATES: Final[Mapping[str, str]] = {
    "ASSESSMENT_AFTER_NOTICE_RATE": "ASSESSMENT",
    "RECONCILIATION_ANSWER_RATE": "RECONCILIATION",
}
"""Indicator -> the tables of which it is the share that is done."""
INDICATORS: Final = ("SURVEY_ON_TIME_RATE", *RATES, "DISPATCH_MEDIAN_MINUTES", "TOWN_NOTICE_MEDIAN_HOURS")
_TOWN_UNIT: Final = "town_government:"


def _keys(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name=name) for name in names)


_MADE: Final[Predicate] = All((Compare("reportedAt", "ge", Param("begin")), Compare("reportedAt", "lt", Param("end"))))
_REPORTS: Final = Fetch(
    source="public_security",
    relation="MandatoryReport",
    columns=_keys("_key", "_person", "_citizen", "divisionCode", "reportedAt"),
    where=_MADE,
)
_INCIDENTS: Final = Fetch(
    source="public_security",
    relation="Incident",
    columns=_keys("_report", "dispatchedAt", "townNotifiedAt"),
    where=Exists("MandatoryReport", (("_report", "_key"),), _MADE),
)
_SURVEYS: Final = Fetch(
    source="civil_affairs",
    relation="SurveySubmission",
    columns=_keys("divisionCode", "level", "submittedAt"),
    where=All((Compare("level", "in", Constant(["VILLAGE", "TOWN"])), Compare("quarter", "eq", Param("of_quarter")))),
)
_ITEMS: Final = Fetch(
    source="hub",
    relation="ReconciliationItem",
    columns=_keys("_key", "_register", "_education", "_police", "answeringUnit", "status"),
    where=Compare("quarter", "eq", Param("of_quarter")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured by indicator and town, and under None of the district; None where it is of too few children."""

    values: Mapping[tuple[str, str | None], float]


async def measure(reading: Reading, quarter: str, policy: Policy) -> Measured:
    """Medians of the reports made in the quarter, and how much of its survey came in time."""
    begin, end = _bounds(quarter)
    made = {"begin": begin, "end": end}
    reports = {row[0]: row for row in await reading.fetch(_REPORTS, made)}
    times = list(_times(reports, await reading.fetch(_INCIDENTS, made)))
    surveys = await reading.fetch(_SURVEYS, {"of_quarter": quarter})
    return Measured(values=dict(_medians(times)) | dict(_punctual(surveys, quarter, policy)))


async def answers(reading: Reading, quarter: str) -> list[Tables]:
    """Discrepancies of the quarter by the town that must answer, and whether it did; ``settle_all`` settles them."""
    rows = list(_answers(await reading.fetch(_ITEMS, {"of_quarter": quarter})))
    made = list(_tables("RECONCILIATION", TARGET, ANSWER))
    beside = Beside(shapes={table.code: shape for table, shape in made}, domains={ANSWER: (DONE, WAITING)})
    tables, k_of = [table for table, _ in made], {table.code: K for table, _ in made}
    return tabulate(rows, (TARGET, ANSWER), tables, k_of, beside) if rows else []


def report_tables() -> Iterator[tuple[Table, Shape]]:
    """What is settled beside the tables that count reports: how many there are, and how many were assessed."""
    yield _table("REPORTS", [PLACE], TOWN), Shape(told={PLACE: None})
    yield _table("REPORTS", [], DISTRICT), Shape()
    yield from _tables("ASSESSMENT", PLACE, ASSESSMENT)


def assessed(status: Value) -> Value:
    """Whether a report of this status, of which the town was told, was assessed."""
    return _STATES.get(status)


def with_assessment(rows: Iterable[Counted], names: Sequence[str], kept: Sequence[str]) -> list[Counted]:
    """Reports by ``names`` -> by ``kept``, and whether they were assessed."""
    places, status = [names.index(name) for name in kept], names.index(STATUS)
    return [
        Counted(
            keys=(*(row.keys[place] for place in places), assessed(row.keys[status])), child=row.child, count=row.count
        )
        for row in rows
    ]


def told(cells: Iterable[Published], measured: Measured, towns: Iterable[str]) -> Iterator[Published]:
    """The indicators of the district and each town, from the settled cells and what was measured."""
    shown = {(cell.table, cell.keys): cell.value for cell in cells}
    for town in (None, *towns):
        where, keys = (DISTRICT, ()) if town is None else (TOWN, (town,))
        for indicator, name in RATES.items():
            parts = (shown.get((f"{name}/{where}", (*keys, part))) for part in (DONE, WAITING))
            yield Published(table=f"{indicator}/{where}", keys=keys, value=_rate(*parts))
        for indicator in INDICATORS:
            if indicator not in RATES:
                of = ON_FILE if indicator == "SURVEY_ON_TIME_RATE" else "REPORTS"
                value = measured.values.get((indicator, town)) if shown.get((f"{of}/{where}", keys)) else None
                yield Published(table=f"{indicator}/{where}", keys=keys, value=value)


def _rate(done: float | None, waiting: float | None) -> float | None:
    """Percent, of counts as they are told."""
    return float(round(100 * done / (done + waiting))) if done and waiting is not None else None


def _tables(name: str, place: str, state: str) -> Iterator[tuple[Table, Shape]]:
    shape = Shape(zeros=True, told={place: None, state: _TOLD})
    yield _table(name, [place, state], TOWN), shape
    yield _table(name, [state], DISTRICT), shape


def _table(name: str, by: Sequence[str], where: str) -> Table:
    return Table(code=f"{name}/{where}", by=tuple(by), measure=COUNT, purpose="performance_assessment", units=())


def _answers(items: Iterable[Row]) -> Iterator[Counted]:
    found: Counter[tuple[tuple[Value, Value], str]] = Counter()
    for key, register, pupil, person, unit, status in items:
        town = str(unit).removeprefix(_TOWN_UNIT) if str(unit).startswith(_TOWN_UNIT) else None
        found[(town, WAITING if status == "OPEN" else DONE), str(register or pupil or person or key)] += 1
    for (keys, child), count in found.items():
        yield Counted(keys=keys, child=child, count=count)


def _times(reports: Mapping[str, Row], incidents: Iterable[Row]) -> Iterator[tuple[str, str | None, str, float]]:
    """(indicator, town, child, minutes or hours) of each report; one about nobody known has no child."""
    for report, dispatched, notified in incidents:
        if report not in reports:
            continue
        _, person, citizen, place, reported = reports[report]
        town, child = str(place or "")[:9] or None, str(person or citizen or "")
        for indicator, at, unit in (
            ("DISPATCH_MEDIAN_MINUTES", dispatched, timedelta(minutes=1)),
            ("TOWN_NOTICE_MEDIAN_HOURS", notified, timedelta(hours=1)),
        ):
            if at is not None:
                yield indicator, town, child, (datetime.fromisoformat(at) - datetime.fromisoformat(reported)) / unit


def _medians(times: Iterable[tuple[str, str | None, str, float]]) -> Iterator[tuple[tuple[str, str | None], float]]:
    values: defaultdict[tuple[str, str | None], list[float]] = defaultdict(list)
    children: defaultdict[tuple[str, str | None], set[str]] = defaultdict(set)
    for indicator, town, child, value in times:
        for place in {town, None}:
            values[indicator, place].append(value)
            children[indicator, place] |= {child} - {""}
    for place_, found in values.items():
        if len(children[place_]) >= K:
            yield place_, float(round(median(found)))


def _punctual(surveys: Iterable[Row], quarter: str, policy: Policy) -> Iterator[tuple[tuple[str, str | None], float]]:
    """The share of villages, and the town itself, that submitted by the day; who never began is late."""
    due = {level: due_day(quarter, level).isoformat() for level in ("VILLAGE", "TOWN")}
    in_time = {str(code) for code, level, at in surveys if at is not None and str(at)[:10] <= due[str(level)]}
    wanted: defaultdict[str | None, list[str]] = defaultdict(list)
    for code, division in policy.divisions.items():
        if division.level in ("town", "village") and not code.startswith(PARKS):
            wanted[code[:9]].append(code)
            wanted[None].append(code)
    for town, codes in wanted.items():
        yield ("SURVEY_ON_TIME_RATE", town), float(round(100 * sum(code in in_time for code in codes) / len(codes)))


def _bounds(quarter: str) -> tuple[str, str]:
    """The first instant of the quarter, and of the next."""
    days = (first_day(quarter), end(quarter) + timedelta(days=1))
    return tuple(f"{day.isoformat()}T00:00:00+08:00" for day in days)  # type: ignore[return-value]
