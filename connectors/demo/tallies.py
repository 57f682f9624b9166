"""Child -> indicators in which it counts; counts of all children -> statistics and survey submissions.

Guarantee: cells below k are suppressed, and where a total would give a single one away, a second one with it; what is
shown is rounded (domain model, section 10).
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, datetime, time, timedelta

from connectors.demo.assistance import Given
from connectors.demo.batch import Batch
from connectors.demo.calendar import quarter_of, recent_quarters
from connectors.demo.codes import Book
from connectors.demo.names import full_name
from connectors.demo.people import Child, World, models
from connectors.demo.register import lives_alone, schooling
from connectors.demo.stories import FORM_KINDS, PROVISIONS

GENERAL = (
    "CHILDREN_ON_FILE",
    "AGE_0_5",
    "AGE_6_13",
    "AGE_14_15",
    "NO_GUARDIAN",
    "INCAPABLE_GUARDIAN",
    "OUT_OF_SCHOOL",
    "RETURNED_TO_SCHOOL",
    "UNREGISTERED",
    "DISABLED",
    "ASSISTED",
    "CARE_SERVED",
)
PERFORMANCE = {
    "SURVEY_ON_TIME_RATE": (70, 100),
    "ASSESSMENT_AFTER_NOTICE_RATE": (60, 100),
    "RECONCILIATION_ANSWER_RATE": (50, 100),
    "DISPATCH_MEDIAN_MINUTES": (6, 25),
    "TOWN_NOTICE_MEDIAN_HOURS": (2, 20),
}
"""Indicator -> lowest and highest invented value; rates are in percent."""
RESTRICTED = ("LIVING_ALONE", "HARM_REPORTS", "MISSING", "REVOCATIONS", "CRIMINAL_CASES")
K_GENERAL, K_RESTRICTED = 5, 10
CARE = frozenset(kind for kind, provider in PROVISIONS if kind not in FORM_KINDS and "_bureau" not in provider)
HARM = ("SUSPECTED_DOMESTIC_VIOLENCE", "SUSPECTED_UNLAWFUL_HARM", "ABANDONMENT")
FILES = "FILES"
"""Tally of open accepted files by village, for the survey."""
QUARTERS = 6
"""The running one, the last one, and four of which there are figures."""


def count(child: Child, given: list[Given], tally: Counter[tuple[str, str]]) -> None:
    """Adds an accepted open file of a child under 16 to its village's and town's counts."""
    if child.closed or child.draft or child.age >= 16 or child.duplicate_of:
        return
    village = child.person.village
    tally[(village.code, FILES)] += 1
    for indicator in _indicators(child, given):
        tally[(village.town, indicator)] += 1
        tally[("120114", indicator)] += 1


def _indicators(child: Child, given: list[Given]) -> list[str]:
    story, age = child.story, child.age
    concerns = {concern for report in story.reports for concern in report.concerns} if story else set()
    holds = {
        "NO_GUARDIAN": child.guardianship == "NONE",
        "INCAPABLE_GUARDIAN": child.guardianship in ("PARENT_INCAPABLE", "ENTRUSTED_INADEQUATE"),
        "OUT_OF_SCHOOL": schooling(child) in ("DROPPED_OUT", "NOT_IN_SCHOOL"),
        "RETURNED_TO_SCHOOL": bool(story and story.dropout and story.dropout.status == "RETURNED"),
        "UNREGISTERED": child.person.number is None,
        "DISABLED": child.disabled,
        "ASSISTED": bool(given),
        "CARE_SERVED": any(one.kind in CARE for one in given),
        "LIVING_ALONE": lives_alone(child),
        "HARM_REPORTS": any(concern in HARM for concern in concerns),
        "MISSING": "MISSING" in concerns,
        "REVOCATIONS": bool(story and any(p.cause == "REVOKE" and p.status == "GRANTED" for p in story.petitions)),
        "CRIMINAL_CASES": bool(story and story.crime),
    }
    band = "AGE_0_5" if age < 6 else "AGE_6_13" if age < 14 else "AGE_14_15"
    return ["CHILDREN_ON_FILE", band, *(indicator for indicator, true in holds.items() if true)]


def write_statistics(world: World, tally: Counter[tuple[str, str]], batch: Batch) -> None:
    """Cells of towns and district, and of a few villages, for the quarters before the last one.

    The last quarter is the hub's to freeze, and the running one nobody's yet: of neither is a figure made up here.
    """
    draw = random.Random(f"{world.seed}/statistics").random
    for back, start in list(enumerate(recent_quarters(world.today, QUARTERS)))[2:]:
        quarter = quarter_of(start)
        for indicator in (*GENERAL, *RESTRICTED):
            k = K_GENERAL if indicator in GENERAL else K_RESTRICTED
            # Earlier quarters are invented from the counts of this one.
            counts = {town: _earlier(tally[(town, indicator)], back) for town in world.places.towns}
            hidden = suppressed(counts, k)
            counts["120114"] = sum(counts.values())
            if _small(counts["120114"], k):
                hidden = hidden | {"120114"}
            for division, value in counts.items():
                census = value + value // 9 + 3 if indicator == "CHILDREN_ON_FILE" and division not in hidden else None
                _write(batch, division, quarter, indicator, None if division in hidden else _rounded(value), census)
        for indicator, (low, high) in PERFORMANCE.items():
            for division in ("120114", *world.places.towns):
                shown = _earlier(tally[(division, "CHILDREN_ON_FILE")], back) >= K_GENERAL
                value = low + int(draw() * (high - low + 1))
                _write(batch, division, quarter, indicator, value if shown else None, None)
        for village in models(world.places):
            files = tally[(village.code, FILES)]
            shown_files = None if _small(files, K_GENERAL) else _rounded(files)
            _write(batch, village.code, quarter, "CHILDREN_ON_FILE", shown_files, None)


def _rounded(value: int) -> int:
    """As published figures are told: to the nearest 5."""
    return (value + 2) // 5 * 5


def _earlier(value: int, back: int) -> int:
    return value - value * back // 25


def _small(value: int, k: int) -> bool:
    """Whether the cell is hidden for itself: below k; zero is shown where k is that of general indicators."""
    return value < k and not (value == 0 and k == K_GENERAL)


def suppressed(counts: dict[str, int], k: int) -> set[str]:
    """Cells to hide of one total: small ones, and the smallest other one where a difference would give them away."""
    hidden = {division for division, value in counts.items() if _small(value, k)}
    shown = [division for division, value in counts.items() if division not in hidden and value]
    total_hidden = sum(counts[division] for division in hidden)
    # One hidden cell is the total less the others; several that sum to less than k say as much of each.
    if hidden and shown and (len(hidden) == 1 or 0 < total_hidden < k):
        hidden.add(min(shown, key=lambda division: (counts[division], division)))
    return hidden


def _write(batch: Batch, division: str, quarter: str, indicator: str, value: int | None, census: int | None) -> None:
    level = {6: "district", 9: "town", 12: "village"}[len(division)]
    key = f"{division}-{quarter}-{indicator}"
    cell = None if value is None else float(value)
    batch.table("hub", "statistic").append((key, division, level, quarter, indicator, cell, value is None, census))


def write_surveys(world: World, tally: Counter[tuple[str, str]], book: Book, batch: Batch) -> None:
    """Submissions of every village and town and of the district, for the running and the last quarter."""
    draw = random.Random(f"{world.seed}/surveys").random
    running, last = recent_quarters(world.today, 2)
    for start, current in ((running, True), (last, False)):
        for turn, village in enumerate(world.places.villages):
            files = tally[(village.code, FILES)]
            status = _village_status(turn, current)
            _submit(world, (village.code, "VILLAGE", files, status), start, full_name(draw, True), book, batch)
        for turn, town in enumerate(world.places.towns):
            files = tally[(town, "CHILDREN_ON_FILE")]
            status = _town_status(turn, current)
            _submit(world, (town, "TOWN", files, status), start, full_name(draw, False), book, batch)
        files, status = tally[("120114", "CHILDREN_ON_FILE")], "DRAFT" if current else "DISTRICT_ACCEPTED"
        _submit(world, ("120114", "DISTRICT", files, status), start, full_name(draw, False), book, batch)


def _village_status(turn: int, current: bool) -> str:
    if current:
        return ("DRAFT", "DRAFT", "VILLAGE_SUBMITTED", "RETURNED")[turn % 4]
    return "TOWN_SUMMARISED" if turn % 9 == 0 else "DISTRICT_ACCEPTED"


def _town_status(turn: int, current: bool) -> str:
    if current:
        return "DRAFT"
    return ("DISTRICT_ACCEPTED", "TOWN_SUMMARISED", "DISTRICT_ACCEPTED", "RETURNED")[turn % 4]


def _submit(
    world: World, submission: tuple[str, str, int, str], start: date, prepared_by: str, book: Book, batch: Batch
) -> None:
    division, level, files, status = submission
    # A quarter is submitted in the days after its end; what is due later than today is dated today, at midnight.
    due = {"VILLAGE": 92 + 3, "TOWN": 92 + 8, "DISTRICT": 92 + 13}[level]
    submitted = None if status == "DRAFT" else datetime.combine(min(start + timedelta(days=due), world.today), time())
    batch.table("civil_affairs", "dcbs").append(
        (
            f"S{division}{quarter_of(start)}",
            division,
            book["tbjb"][level],
            quarter_of(start),
            book["bszt"][status],
            files,
            prepared_by,
            submitted,
            "家庭成员信息不完整，请补正（虚构）" if status == "RETURNED" else None,
        )
    )
