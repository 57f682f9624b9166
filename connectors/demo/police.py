"""Story -> reports, incidents and criminal cases as the police keep them. Every account is invented.

Guarantee: a report's times follow each other (reported, accepted, dispatched, notified) and none lies after today.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from connectors.demo.batch import Batch
from connectors.demo.calendar import instant
from connectors.demo.codes import Book
from connectors.demo.names import Draw, full_name, pick
from connectors.demo.people import Child, World, models
from connectors.demo.places import Village
from connectors.demo.reporters import reporter
from connectors.demo.stories import Crime, Report

TOLD_TOWN = ("TOWN_NOTIFIED", "ASSESSED", "PLANNED", "CLOSED", "UNFOUNDED")
NO_INCIDENT = ("REPORTED", "MERGED")
CARERS = {
    "KIN": "祖父母家",
    "VILLAGE_COMMITTEE": "村民委员会临时照料点",
    "RESCUE_INSTITUTION": "示例武清区救助管理站",
    "WELFARE_INSTITUTION": "示例武清区儿童福利院",
    "TEMPORARY_SHELTER": "示例武清区未成年人救助保护中心",
    "HOSPITAL": "示例武清区人民医院",
}
ACCOUNTS = {
    "LIVING_ALONE": "发现该儿童独自居住多日，无成年人照料（虚构）",
    "MISSING": "该儿童放学后未归，家人多处寻找未果（虚构）",
    "GUARDIAN_INCAPACITATED": "监护人患病住院，儿童无人照料（虚构）",
    "GUARDIAN_NONPERFORMANCE": "监护人长期在外，未安排照料（虚构）",
    "SUSPECTED_DOMESTIC_VIOLENCE": "发现该儿童身上有伤，疑似家庭成员所为（虚构）",
    "SUSPECTED_ACCIDENTAL_INJURY": "该儿童玩耍时受伤，无家长在场（虚构）",
    "SUSPECTED_UNLAWFUL_HARM": "该儿童疑似遭受他人侵害（虚构）",
    "ABANDONMENT": "该儿童被遗留，父母失去联系（虚构）",
    "OTHER": "邻里反映该儿童情况异常（虚构）",
}
KIN_SUSPECTS = {"ABANDONMENT": "FATHER", "ABUSE": "STEP_OR_ADOPTIVE_FATHER", "ABUSE_BY_CARER": "OTHER_RELATIVE"}
UNFILED_EVERY = 5
UNFILED = (
    Report(concerns=("LIVING_ALONE",), status="TOWN_NOTIFIED", days=6, sanction="CRITICISM_EDUCATION"),
    Report(concerns=("MISSING",), status="DISPATCHED", days=0, reached=False, measures=("MISSING_CHILD_SEARCH",)),
    Report(concerns=("SUSPECTED_UNLAWFUL_HARM",), status="HANDLED", days=2, measures=("STOP_HARM", "MEDICAL_HELP")),
    Report(concerns=("OTHER",), status="REPORTED", days=0),
    Report(concerns=("GUARDIAN_INCAPACITATED",), status="CLOSED", days=150, placement="KIN"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """A report that was written: the incident's number (null before dispatch) and the day it happened."""

    report: Report
    incident: str | None
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """Whom a report is about: a matched child, or nobody on file."""

    village: Village
    age: int
    male: bool
    person: str | None = None
    number: str | None = None
    school: str | None = None


def write_reports(
    world: World, chunk: int, child: Child, school: str | None, book: Book, batch: Batch
) -> list[Handled]:
    """Rows of the child's reports, oldest first, and now and then one about a child who matches no file."""
    handled = []
    for report in child.story.reports if child.story else ():
        about = _About(
            village=child.person.village,
            age=child.age,
            male=child.person.male,
            person=child.known_to("public_security"),
            number=child.person.number,
            school=school,
        )
        handled.append(_write(world, chunk, report, about, child.draw, book, batch))
        if len(batch.table("public_security", "jq_bg")) % UNFILED_EVERY == 0:
            _write_unfiled(world, chunk, child.draw, book, batch)
    return handled


def write_crime(chunk: int, child: Child, crime: Crime, incident: str, book: Book, batch: Batch) -> str:
    """The police's part of a criminal case; its case number."""
    number = f"A120114{batch.key('public_security', 'xs_aj', chunk)}"
    batch.table("public_security", "xs_aj").append(
        (
            number,
            incident,
            book["zm"][crime.offence],
            full_name(child.draw, True),
            book["jtgx"][KIN_SUSPECTS.get(crime.offence, "NON_RELATIVE")],
            book["ajzt"]["DISMISSED" if crime.stage == "DISMISSED" else "INVESTIGATION"],
            child.known_to("public_security"),
            child.person.number,
        )
    )
    return number


def _write_unfiled(world: World, chunk: int, draw: Draw, book: Book, batch: Batch) -> None:
    """A report about a child without a file: the model villages first, then parks, then anywhere."""
    turn = len(batch.table("public_security", "jq_bg")) // UNFILED_EVERY - 1
    if not chunk and turn < len(UNFILED) * 2:
        village = models(world.places)[turn // len(UNFILED)]
    elif turn % 4 == 0:
        park = world.places.parks[turn // 4 % len(world.places.parks)]
        village = Village(code=park, town=world.places.towns[0], address="天津市武清区工业园区")
    else:
        village = pick(draw, world.places.villages)
    about = _About(village=village, age=4 + int(draw() * 10), male=draw() < 0.5)
    _write(world, chunk, UNFILED[turn % len(UNFILED)], about, draw, book, batch)


def _write(world: World, chunk: int, report: Report, about: _About, draw: Draw, book: Book, batch: Batch) -> Handled:
    """A report, and the incident once officers were dispatched."""
    reports = batch.table("public_security", "jq_bg")
    key = f"B{batch.key('public_security', 'jq_bg', chunk)}"
    who = reporter(world, len(reports), about.village, about.school, draw)
    day = world.day(report.days + int(draw() * 30) * (report.days > 30))
    # Of today only the first hours are sure to lie in the past.
    reported = instant(day, int(draw() * (60 if report.days < 2 else 1200)))
    accepted = reported + timedelta(minutes=1 + int(draw() * 8))
    # Every third place is known by its town only.
    division = about.village.code if len(reports) % 3 or len(about.village.code) == 9 else about.village.town
    reports.append(
        (
            key,
            book["bgzt_lb"][who.kind],
            who.unit,
            who.name,
            who.phone,
            [book["bgqx"][concern] for concern in report.concerns],
            f"{'男' if about.male else '女'}童，约{about.age}岁（虚构）",
            f"{about.village.address}{int(draw() * 200) + 1}号",
            division,
            ACCOUNTS[report.concerns[0]],
            reported,
            None if report.status == "REPORTED" else accepted,
            book["bgzt"][report.status],
            about.person,
            about.number,
        )
    )
    incident = None
    if report.status not in NO_INCIDENT:
        incident = _write_incident(chunk, report, (key, accepted), draw, book, batch)
    return Handled(report=report, incident=incident, day=day)


def _write_incident(
    chunk: int, report: Report, origin: tuple[str, datetime], draw: Draw, book: Book, batch: Batch
) -> str:
    key = f"J{batch.key('public_security', 'jq_cj', chunk)}"
    dispatched = origin[1] + timedelta(minutes=2 + int(draw() * 25))
    notified = dispatched + timedelta(hours=1 + int(draw() * 20))
    batch.table("public_security", "jq_cj").append(
        (
            key,
            origin[0],
            dispatched,
            [book["czcs"][measure] for measure in report.measures],
            report.reached,
            book["zhqx"][report.placement],
            CARERS.get(report.placement),
            book["jhrcl"][report.sanction],
            "轻微伤（虚构）" if "INJURY_APPRAISAL" in report.measures else None,
            None if report.status == "DISPATCHED" else "已到场核实并处置（虚构）",
            dispatched.date() + timedelta(days=3) if report.filed else None,
            notified if report.status in TOLD_TOWN else None,
            notified + timedelta(minutes=30) if report.status in TOLD_TOWN[:4] else None,
        )
    )
    return key
