"""Child -> its file in the register of civil affairs, as surveyed, with last accepted number and division."""

from __future__ import annotations

from datetime import datetime, timedelta

from connectors.demo import plants
from connectors.demo.batch import Batch
from connectors.demo.calendar import quarter_of, recent_quarters
from connectors.demo.citizen_id import broken, citizen_id
from connectors.demo.codes import Book
from connectors.demo.names import pick
from connectors.demo.people import Child, World
from connectors.demo.places import Village

ILLNESSES = ("先天性心脏病", "白血病", "哮喘", "癫痫", "肾病综合征")
DISABILITIES = ("VISUAL", "HEARING", "SPEECH", "PHYSICAL", "INTELLECTUAL", "MENTAL", "MULTIPLE")
INCOMES = (
    ("MIGRANT_WAGES",),
    ("MIGRANT_WAGES", "FARMING"),
    ("FARMING", "KIN_SUPPORT"),
    ("MIGRANT_WAGES", "GOVERNMENT_RELIEF"),
    ("OTHER",),
)
OTHER_REGION = "120110"
ETHNICITIES = ("01",) * 40 + ("03", "02", "11")
"""GB/T 3304: Han, Hui, Mongol, Manchu."""


def schooling(child: Child) -> str:
    """The schooling that the survey found, which enrolment data bear out unless a conflict is planted."""
    if child.plant == "NO_ENROLMENT":
        return "PRIMARY" if child.age < 12 else "JUNIOR_SECONDARY"
    if child.story and child.story.dropout and child.story.dropout.status not in ("RETURNED", "CLOSED_OTHER"):
        return "DROPPED_OUT"
    return stage_at(child)


def stage_at(child: Child) -> str:
    """The stage of schooling by age; some of 15 left school after the junior one."""
    if child.age < 3:
        return "NOT_IN_KINDERGARTEN"
    if child.age < 6:
        return "KINDERGARTEN" if child.index % 5 else "NOT_IN_KINDERGARTEN"
    if child.age < 12:
        return "PRIMARY"
    if child.age < 15:
        return "JUNIOR_SECONDARY"
    if child.age == 15 and child.index % 7 == 2:
        return "NOT_IN_SCHOOL"
    return ("SENIOR_SECONDARY", "SENIOR_SECONDARY", "VOCATIONAL")[child.index % 3]


def write_file(world: World, child: Child, kinds: list[str], book: Book, batch: Batch) -> None:
    """One row of the register."""
    person, draw = child.person, child.draw
    number, accepted_number = _numbers(child)
    village, accepted_village = _villages(world, child)
    household = _household_village(world, child)
    hardship = draw() < 0.12
    updated = _updated(world, child)
    batch.table("civil_affairs", "etda").append(
        (
            child.register,
            person.name,
            number,
            book["xb"]["MALE" if person.male else "FEMALE"],
            person.birth,
            pick(draw, ETHNICITIES),
            village.code,
            "0" if not registered(child) else "1",
            f"{household.address}{int(draw() * 400) + 1}号",
            household.code,
            f"{village.address}{int(draw() * 400) + 1}号",
            village.code,
            *_health(child, book),
            book["jxqk"][schooling(child)],
            book["wcqk"][child.away],
            "1" if child.guardianship in ("ENTRUSTED_INADEQUATE", "FAIR", "GOOD") else "0",
            "1" if lives_alone(child) else "0",
            book["jhlx"][child.guardianship],
            ",".join(book["jjly"][income] for income in pick(draw, INCOMES)),
            "1" if hardship else "0",
            ",".join(book["bflb"][kind] for kind in kinds),
            None if child.draft else (updated - timedelta(days=int(draw() * 40))).date(),
            updated,
            "0" if child.closed else "1",
            "0" if child.draft else "1",
            accepted_number,
            accepted_village,
            None if child.draft else quarter_of(recent_quarters(world.today, 2)[1]),
        )
    )


def _health(child: Child, book: Book) -> tuple[str, str | None, int | None, str | None]:
    """Body condition, category and grade of a disability, type of an illness."""
    draw = child.draw
    if child.disabled:
        return book["stqk"]["DISABLED"], book["cjlb"][pick(draw, DISABILITIES)], int(draw() * 4) + 1, None
    if draw() < 0.015:
        return book["stqk"]["ILL"], None, None, pick(draw, ILLNESSES)
    return book["stqk"]["HEALTHY"], None, None, None


def registered(child: Child) -> bool:
    """Whether the survey found the household registered."""
    return child.person.number is not None


def lives_alone(child: Child) -> bool:
    """Whether the survey found the child alone."""
    story = child.story
    reported = story is not None and any("LIVING_ALONE" in report.concerns for report in story.reports)
    return reported or (child.age >= 10 and child.index % 83 == 7)


def wrong_number(child: Child) -> bool:
    """Whether the register itself holds the wrong number, which keeps the file from being joined."""
    return child.plant == "INVALID_CITIZEN_ID" and child.index // plants.CYCLE % 3 == 0


def _numbers(child: Child) -> tuple[str | None, str | None]:
    """Number on file now, number as last accepted."""
    number = child.person.number
    if number is None:
        return None, None
    if wrong_number(child):
        number = broken(number)
    if child.draft:
        return number, None
    if child.edited and child.index // 100 % 2:
        # A valid number that was typed in since: it opens nothing until it is accepted.
        serial = child.index // 200 % 500 * 2 + child.person.male
        return citizen_id(OTHER_REGION, child.person.birth.toordinal(), serial), number
    return number, number


def _villages(world: World, child: Child) -> tuple[Village, str | None]:
    """Village on file now, code of the village as last accepted."""
    here = child.person.village
    if child.draft:
        return here, None
    if child.edited and child.index // 100 % 2 == 0:
        return pick(child.draw, world.places.villages), here.code
    return here, here.code


def _household_village(world: World, child: Child) -> Village:
    if child.plant != "ADDRESS_CONFLICT":
        return child.origin or child.person.village
    others = world.places.villages_of(child.person.village.town)
    here = others.index(child.person.village)
    return others[(here + 1) % len(others)]


def _updated(world: World, child: Child) -> datetime:
    """Local time of the last update: for one file in twenty, before the last quarter."""
    stale = child.index % 20 == 8
    _running, last = recent_quarters(world.today, 2)
    back = (world.today - last).days
    days = back + 5 + int(child.draw() * 300) if stale else int(child.draw() * max(1, back))
    minute = int(child.draw() * 480) + 540
    if days == 0:
        # Never in the future: an update of today lies in the first hours of the day.
        minute = int(child.draw() * 60)
    day = world.day(days)
    return datetime(day.year, day.month, day.day) + timedelta(minutes=minute)
