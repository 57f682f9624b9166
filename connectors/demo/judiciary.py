"""Story -> guardianship and criminal cases at court, prosecutions and supervisions at the procuratorate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from connectors.demo.batch import Batch
from connectors.demo.codes import Book
from connectors.demo.names import full_name
from connectors.demo.people import Child, World
from connectors.demo.stories import Crime, Petition, Supervision

APPLICANTS = {
    "kin": "NEAR_KIN",
    "village_committee": "VILLAGE_COMMITTEE",
    "civil_affairs_bureau": "CIVIL_AFFAIRS",
    "other": "OTHER_LAWFUL",
}
GUARDIANS = {
    "other": "OTHER_GUARDIAN",
    "individual": "INDIVIDUAL",
    "village_committee": "VILLAGE_COMMITTEE",
    "civil_affairs_bureau": "CIVIL_AFFAIRS",
}
REVIEWED = ("PROSECUTION_REVIEW", "NOT_PROSECUTED", "TRIAL", "CONCLUDED")
CONTENTS = {
    "PROPOSE": "建议依法申请撤销监护人资格（虚构）",
    "URGE": "督促依法申请撤销监护人资格（虚构）",
    "SUPPORT": "支持提起撤销监护人资格之诉（虚构）",
    "CASE_FILING": "说明不立案理由（虚构）",
    "ARREST_PROSECUTION": "引导侦查取证，依法从快办理（虚构）",
    "DUTY": "督促落实强制报告和联系走访职责（虚构）",
}
REPLY_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Code books of the two departments."""

    courts: Book
    procuratorate: Book


def unit_key(unit: str, child: Child) -> str:
    """A unit named in a story as a unit key: town and village are the child's."""
    if unit == "village_committee":
        return f"{unit}:{child.person.village.code}"
    if unit == "town_government":
        return f"{unit}:{child.person.village.town}"
    return unit


def write_petition(world: World, chunk: int, child: Child, petition: Petition, book: Book, batch: Batch) -> None:
    """A guardianship case."""
    accepted = world.day(petition.accepted)
    guardian = petition.guardian
    unit = unit_key(guardian, child) if guardian in ("village_committee", "civil_affairs_bureau") else None
    number = batch.key("courts", "jh_aj", chunk)
    batch.table("courts", "jh_aj").append(
        (
            f"M{number}",
            f"({accepted.year})津0114民特{int(number)}号",
            book["ay"][petition.cause],
            book["sqrlb"][APPLICANTS[petition.applicant]],
            None if petition.applicant in ("kin", "other") else unit_key(petition.applicant, child),
            full_name(child.draw, True),
            ",".join(book["sqsy"][ground] for ground in petition.grounds),
            accepted,
            book["jhajzt"][petition.status],
            None if petition.decided is None else world.day(petition.decided),
            book["zdjhrlb"][GUARDIANS[guardian]] if guardian else None,
            _guardian_name(child, guardian),
            unit,
            child.known_to("courts"),
            child.person.number,
        )
    )


def _guardian_name(child: Child, guardian: str | None) -> str | None:
    if guardian == "village_committee":
        return f"{child.person.village.address.removeprefix('天津市武清区')}委会"
    if guardian == "civil_affairs_bureau":
        return "武清区民政局"
    return full_name(child.draw, False) if guardian else None


def write_prosecution(
    world: World, chunk: int, child: Child, crime: Crime, case: tuple[str, date], books: Books, batch: Batch
) -> None:
    """What procuratorate and court hold of a criminal case; ``case``: the police's number, the day it began."""
    if crime.stage not in REVIEWED:
        return
    tried = crime.stage in ("TRIAL", "CONCLUDED")
    prosecuted = min(case[1] + timedelta(days=75), world.day(3)) if tried else None
    stage = "NOT_PROSECUTED" if crime.stage == "NOT_PROSECUTED" else "PROSECUTION_REVIEW"
    key = batch.key("procuratorate", "gs_aj", chunk)
    relief = "1" if tried and child.index % 2 else "0"
    batch.table("procuratorate", "gs_aj").append(
        (f"G{key}", case[0], books.procuratorate["gsajzt"][stage], prosecuted, relief)
    )
    if not tried or prosecuted is None:
        return
    number = batch.key("courts", "xs_aj", chunk)
    batch.table("courts", "xs_aj").append(
        (
            f"X{number}",
            case[0],
            f"({prosecuted.year})津0114刑初{int(number)}号",
            books.courts["cpjg"][crime.outcome] if crime.outcome else None,
            books.courts["xsajzt"][crime.stage],
            child.known_to("courts"),
            child.person.number,
        )
    )


def write_supervision(
    world: World, chunk: int, child: Child, supervision: Supervision, book: Book, batch: Batch
) -> None:
    """A supervision that concerns a child."""
    about = (child.known_to("procuratorate"), child.person.number)
    days = 10 + int(child.draw() * 40)
    write_document(world, chunk, (supervision, unit_key(supervision.target, child), days), about, book, batch)


def write_document(
    world: World,
    chunk: int,
    issued: tuple[Supervision, str, int],
    about: tuple[str | None, str | None],
    book: Book,
    batch: Batch,
) -> None:
    """A supervision: ``issued`` says what, to which unit key, how many days ago; ``about`` whom (nobody: DUTY)."""
    supervision, target, days = issued
    day = world.day(days)
    replied = day + timedelta(days=min(days, 12)) if supervision.result not in ("PENDING", "NO_REPLY") else None
    batch.table("procuratorate", "jd_ws").append(
        (
            f"D{batch.key('procuratorate', 'jd_ws', chunk)}",
            book["jdlb"][supervision.kind],
            target,
            day,
            CONTENTS[supervision.kind],
            day + timedelta(days=REPLY_DAYS),
            replied,
            book["jdjg"][supervision.result],
            *about,
        )
    )


def write_duties(world: World, chunk: int, book: Book, batch: Batch) -> None:
    """Supervisions of a unit's duty, which concern no child: every unit that answers such, some towns and villages."""
    bureaus = ("civil_affairs_bureau", "education_bureau", "public_security_bureau", "health_commission")
    rural = [town for town in world.places.towns if town[6] != "0"]
    targets = [*bureaus, "district_court", *(f"town_government:{town}" for town in rural)]
    targets += [f"village_committee:{village.code}" for village in world.places.villages_of(rural[0])[:12]]
    results = ("PENDING", "ADOPTED", "PARTLY_ADOPTED", "REFUSED", "NO_REPLY")
    for turn, target in enumerate(targets):
        supervision = Supervision(kind="DUTY", target=target, result=results[turn % len(results)])
        write_document(world, chunk, (supervision, target, 15 + turn * 5), (None, None), book, batch)
