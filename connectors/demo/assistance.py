"""Child, handled reports -> assessments and assistance records of civil affairs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from connectors.demo.batch import Batch
from connectors.demo.codes import Book
from connectors.demo.judiciary import unit_key
from connectors.demo.names import pick
from connectors.demo.people import Child, World
from connectors.demo.police import Handled
from connectors.demo.stories import DISABILITY_PROVISIONS, FORM_KINDS, PROVISIONS

STATUSES = ("PLANNED", "ACTIVE", "COMPLETED", "ACTIVE", "REFUSED", "COMPLETED", "CANCELLED")
SITUATIONS = ("GOOD", "FAIR", "POOR", "URGENT")
RISKS = ("LOW", "MEDIUM", "HIGH")
RECOMMENDED = (
    ("GUARDIANSHIP_GUIDANCE",),
    ("COUNSELLING", "FAMILY_EDUCATION"),
    ("MEDICAL_TREATMENT", "COUNSELLING"),
    ("LEGAL_AID", "TEMPORARY_RELIEF"),
    (),
)
MANY = 300
"""The first children have assistance more often, so that small demos show every kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a child was given: kind, provider, status."""

    kind: str
    provider: str
    status: str


def write_assistance(
    world: World, chunk: int, child: Child, handled: list[Handled], book: Book, batch: Batch
) -> list[Given]:
    """Rows of assessments and of assistance; what was given, for the file's own list and the statistics."""
    if child.draft or child.duplicate_of or (child.plant == "AGED_OUT" and child.story is None):
        return []
    given: list[Given] = []
    for one in handled:
        given += _after_report(world, chunk, child, one, book, batch)
    for kind, provider in child.story.aid if child.story else ():
        given.append(Given(kind=kind, provider=provider, status="ACTIVE"))
        _write_record(world, chunk, child, None, given[-1], book, batch)
    if child.index % 45 == 2:
        _write_assessment(world, chunk, child, None, child.index % 2 == 0, book, batch)
    if child.disabled:
        kind, provider = DISABILITY_PROVISIONS[child.index % len(DISABILITY_PROVISIONS)]
        status = "COMPLETED" if child.closed else pick(child.draw, ("PLANNED", "ACTIVE", "COMPLETED"))
        given.append(Given(kind=kind, provider=provider, status=status))
        _write_record(world, chunk, child, None, given[-1], book, batch)
    if child.index % (3 if child.index < MANY else 7) == 1:
        given.append(_next(child, batch))
        _write_record(world, chunk, child, None, given[-1], book, batch)
    return given


def _next(child: Child, batch: Batch, status: str | None = None) -> Given:
    turn = len(batch.table("civil_affairs", "bfxx"))
    kind, provider = PROVISIONS[turn % len(PROVISIONS)]
    ended = "COMPLETED" if child.closed else STATUSES[turn % len(STATUSES)]
    return Given(kind=kind, provider=provider, status=status or ended)


def _after_report(world: World, chunk: int, child: Child, handled: Handled, book: Book, batch: Batch) -> list[Given]:
    """The assessment that follows a notice to the town, and the services planned upon it."""
    status = handled.report.status
    if status not in ("TOWN_NOTIFIED", "ASSESSED", "PLANNED", "CLOSED"):
        return []
    assessment = _write_assessment(world, chunk, child, handled, status != "TOWN_NOTIFIED", book, batch)
    if status not in ("PLANNED", "CLOSED"):
        return []
    given = []
    for turn in range(2):
        given.append(_next(child, batch, "COMPLETED" if status == "CLOSED" else ("PLANNED", "ACTIVE")[turn]))
        _write_record(world, chunk, child, assessment, given[-1], book, batch)
    return given


def _write_assessment(
    world: World, chunk: int, child: Child, handled: Handled | None, complete: bool, book: Book, batch: Batch
) -> str:
    draw = child.draw
    key = f"P{batch.key('civil_affairs', 'pgxx', chunk)}"
    began = handled.day if handled else world.day(40 + int(draw() * 100))
    done = min(began + timedelta(days=2 + int(draw() * 9)), world.today) if complete else None
    services = pick(draw, RECOMMENDED) if done else ()
    batch.table("civil_affairs", "pgxx").append(
        (
            key,
            child.register,
            handled.incident if handled else None,
            done,
            book["qk"][pick(draw, SITUATIONS)] if done else None,
            book["jhlx"][child.guardianship] if done else None,
            book["qk"][pick(draw, SITUATIONS)] if done else None,
            book["qk"][pick(draw, SITUATIONS)] if done else None,
            book["fxdj"][pick(draw, RISKS)] if done else None,
            ",".join(book["bflb"][service] for service in services) if done else None,
            "已完成评估，建议持续跟进（虚构）" if done else None,
        )
    )
    return key


def _write_record(
    world: World, chunk: int, child: Child, assessment: str | None, given: Given, book: Book, batch: Batch
) -> None:
    draw, status = child.draw, given.status
    begun = status in ("ACTIVE", "COMPLETED")
    started = world.day(30 + int(draw() * 300)) if begun else None
    ended = started + timedelta(days=int(draw() * 29) + 1) if started and status == "COMPLETED" else None
    eligibility = {"PLANNED": "PENDING", "REFUSED": "INELIGIBLE"}.get(status, "ELIGIBLE")
    money = given.kind in FORM_KINDS and begun
    batch.table("civil_affairs", "bfxx").append(
        (
            f"F{batch.key('civil_affairs', 'bfxx', chunk)}",
            child.register,
            assessment,
            book["bflb"][given.kind],
            book["zgrd"][eligibility],
            unit_key(given.provider, child),
            started,
            ended,
            Decimal(int(draw() * 40) * 50 + 200) if money else None,
            book["bfzt"][status],
        )
    )
