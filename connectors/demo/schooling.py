"""Child or schoolmate -> enrolments, attendance, dropout records as the education bureau keeps them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta

from connectors.demo import plants
from connectors.demo.batch import Batch
from connectors.demo.calendar import age_on, term_of
from connectors.demo.citizen_id import broken
from connectors.demo.codes import Book
from connectors.demo.names import Draw, full_name, given
from connectors.demo.people import Child, Person, World
from connectors.demo.places import Institution
from connectors.demo.register import stage_at
from connectors.demo.stories import Dropout

FLAGS = {"BOTH_AWAY": "BOTH_PARENTS_AWAY", "ONE_AWAY_OTHER_INCAPABLE": "ONE_PARENT_AWAY", "NO_LONGER": "NOT"}
SCHOOLS = {"NOT_IN_SCHOOL": "JUNIOR_SECONDARY"}
LEFT_OUT = ("NOT_IN_KINDERGARTEN",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pupil:
    """What an enrolment says of a person."""

    person: Person
    stage: str
    status: str
    flag: str
    school: Institution
    number: str | None
    draw: Draw
    parents: tuple[str | None, str | None] = (None, None)


def write_schooling(world: World, chunk: int, child: Child, book: Book, batch: Batch) -> str | None:
    """Rows of a child on file; the school that it attends, by its code."""
    stage = stage_at(child)
    if stage in LEFT_OUT or child.plant == "NO_ENROLMENT":
        return None
    child.known_to("education")
    pupil = _pupil(world, child, SCHOOLS.get(stage, stage))
    if child.age >= 12 and child.index % 5 < 2:
        _write_enrolment(chunk, _earlier(world, child, pupil), book, batch)
    key = _write_enrolment(chunk, pupil, book, batch)
    if stage in ("PRIMARY", "JUNIOR_SECONDARY"):
        _write_attendance(world, chunk, child, key, batch)
    dropout = _dropout(child)
    if dropout:
        _write_dropout(world, chunk, child, key, dropout, book, batch)
    return pupil.school.code


def write_schoolmate(world: World, chunk: int, mate: Person, flag: str, draw: Draw, book: Book, batch: Batch) -> None:
    """The enrolment of a child who is not on file."""
    age = age_on(world.today, mate.birth)
    stage = "KINDERGARTEN" if age < 6 else "PRIMARY" if age < 12 else "JUNIOR_SECONDARY"
    pupil = Pupil(
        person=mate,
        stage=stage,
        status="ENROLLED",
        flag=flag,
        school=world.places.school(mate.village.town, stage, mate.index),
        number=mate.number,
        draw=draw,
        parents=_parents_of(world, mate),
    )
    _write_enrolment(chunk, pupil, book, batch)


def _parents_of(world: World, mate: Person) -> tuple[str, str]:
    """Names of parents of whom no department knows more; drawn apart, so that they change nothing else."""
    draw = random.Random(f"{world.seed}/parents/{mate.index}").random
    return mate.surname + given(draw, True), full_name(draw, False)


def name_parents(batch: Batch, first: int, father: str, mother: str) -> None:
    """Gives the enrolments from ``first`` on the names of their parents, which are invented after them."""
    rows = batch.table("education", "jy_xsxj")
    rows[first:] = [(*row[:-2], father, mother) for row in rows[first:]]


def _pupil(world: World, child: Child, stage: str) -> Pupil:
    if child.disabled and stage in ("PRIMARY", "JUNIOR_SECONDARY") and child.index % 3 == 0:
        stage = "SPECIAL_EDUCATION"
    number = child.person.number
    if number and child.plant == "INVALID_CITIZEN_ID" and child.index // plants.CYCLE % 3 == 1:
        number = broken(number)
    return Pupil(
        person=child.person,
        stage=stage,
        status=_status(child),
        flag="NOT" if child.plant == "SURVEYED_NOT_FLAGGED" else FLAGS[child.away],
        school=world.places.school(child.person.village.town, stage, child.index),
        number=number,
        draw=child.draw,
    )


def _status(child: Child) -> str:
    dropout = child.story.dropout if child.story else None
    if child.plant == "SCHOOLING_CONFLICT" or (dropout and dropout.status not in ("RETURNED", "CLOSED_OTHER")):
        return "DROPPED_OUT"
    if stage_at(child) == "NOT_IN_SCHOOL":
        return "GRADUATED"
    return ("SUSPENDED" if child.index % 400 == 1 else "ENROLLED") if child.open else "TRANSFERRED_OUT"


def _earlier(world: World, child: Child, now: Pupil) -> Pupil:
    """The primary school that the child left."""
    return Pupil(
        person=child.person,
        stage="PRIMARY",
        status="GRADUATED",
        flag=now.flag,
        school=world.places.school(child.person.village.town, "PRIMARY", child.index),
        number=now.number,
        draw=child.draw,
    )


def _write_enrolment(chunk: int, pupil: Pupil, book: Book, batch: Batch) -> str:
    person, draw = pupil.person, pupil.draw
    key = batch.key("education", "jy_xsxj", chunk)
    boarding = draw() < (0.04 if pupil.stage in ("KINDERGARTEN", "PRIMARY") else 0.35)
    batch.table("education", "jy_xsxj").append(
        (
            key,
            person.numbered("education"),
            pupil.number,
            person.name,
            "1" if person.male else "2",
            _digits(person.birth),
            f"G{pupil.number}" if pupil.number else f"L{person.numbered('education'):0>18}",
            pupil.school.code,
            book["xd"][pupil.stage],
            book["xjzt"][pupil.status],
            book["jdfs"]["BOARDING" if boarding else "DAY"],
            book["sflset"][pupil.flag],
            ";".join(book["zzlb"][kind] for kind in _subsidies(pupil.stage, boarding, draw())),
            person.village.code,
            *pupil.parents,
        )
    )
    return key


def _subsidies(stage: str, boarding: bool, chance: float) -> list[str]:
    if stage in ("PRIMARY", "JUNIOR_SECONDARY", "SPECIAL_EDUCATION"):
        return ["FREE_COMPULSORY", "BOARDING_ALLOWANCE"] if boarding else ["FREE_COMPULSORY"]
    return ["GRANT"] if chance < 0.15 else ["OTHER"] if chance < 0.18 else []


def _write_attendance(world: World, chunk: int, child: Child, enrolment: str, batch: Batch) -> None:
    """Two terms for a child in twelve: most missed little, some are truants by the project's thresholds."""
    if child.index % 12 != 4 and not (child.story and child.story.dropout):
        return
    for back in (20, 200):
        days = int(child.draw() * 14)
        run = min(days, int(child.draw() * 6))
        day = world.day(back)
        contacted = _digits(day - timedelta(days=int(child.draw() * 15))) if days >= 2 else None
        batch.table("education", "jy_kqjl").append(
            (batch.key("education", "jy_kqjl", chunk), enrolment, term_of(day), days, run, contacted)
        )


def _dropout(child: Child) -> Dropout | None:
    if child.story and child.story.dropout:
        return child.story.dropout
    if child.plant == "SCHOOLING_CONFLICT" and child.index // plants.CYCLE % 2:
        return Dropout(status="REGISTERED", reason="OTHER")
    return None


def _write_dropout(
    world: World, chunk: int, child: Child, enrolment: str, dropout: Dropout, book: Book, batch: Batch
) -> None:
    status = dropout.status
    registered = world.day(60 + int(child.draw() * 120))
    reported = registered + timedelta(days=30) if _was_reported(child, status) else None
    returned = registered + timedelta(days=45) if status == "RETURNED" else None
    batch.table("education", "jy_kcbx").append(
        (
            batch.key("education", "jy_kcbx", chunk),
            enrolment,
            _digits(registered),
            book["cxyy"][dropout.reason],
            book["kczt"][status],
            0 if status == "REGISTERED" else 1 + int(child.draw() * 4),
            _digits(reported) if reported else None,
            _digits(reported) if reported else None,
            _digits(returned) if returned else None,
        )
    )


def _was_reported(child: Child, status: str) -> bool:
    return status in ("REPORTED", "ENFORCING") or (status in ("RETURNED", "CLOSED_OTHER") and child.index % 2 == 0)


def _digits(day: date) -> str:
    # isoformat is several times as fast as strftime, and this runs for every row.
    return day.isoformat().replace("-", "")
