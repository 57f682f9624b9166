"""Child -> what the hub's own database holds of it: links of persons to files, items of earlier comparisons.

Items stand for three planted discrepancies in four; the fourth is left for the next comparison to find.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.demo import plants
from connectors.demo.batch import Batch
from connectors.demo.calendar import quarter_of, recent_quarters
from connectors.demo.people import Child, Person, World
from connectors.demo.register import wrong_number

KEEPERS = ("town_government", "education_bureau", "public_security_bureau")
NUMBERS = ("Child.citizenId", "Enrolment.studentNumber", "HouseholdRegistration.citizenId")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a class compares and who answers for it."""

    coordinates: tuple[str, ...]
    answering: str
    task: str


COMPARISONS: Mapping[str, Comparison] = {
    "IDENTITY_MISMATCH": Comparison(
        coordinates=("Child.name", "HouseholdRegistration.name"),
        answering="public_security_bureau",
        task="核实户籍姓名、性别、出生日期",
    ),
    "NO_HOUSEHOLD_RECORD": Comparison(
        coordinates=("Child.citizenId", "Child.name", "Child.birthDate"),
        answering="public_security_bureau",
        task="核实是否登记户口",
    ),
    "HOUSEHOLD_STATUS_CONFLICT": Comparison(
        coordinates=("Child.householdRegistered", "HouseholdRegistration.status"),
        answering="public_security_bureau",
        task="核实户口登记状态",
    ),
    "ADDRESS_CONFLICT": Comparison(
        coordinates=("Child.householdPlace", "HouseholdRegistration.address"),
        answering="town_government",
        task="核实户籍所在村居",
    ),
    "NO_ENROLMENT": Comparison(
        coordinates=("Child.schoolingStatus",), answering="education_bureau", task="核实适龄儿童学籍"
    ),
    "SCHOOLING_CONFLICT": Comparison(
        coordinates=("Child.schoolingStatus", "Enrolment.status", "DropoutRecord.status"),
        answering="education_bureau",
        task="核实就学情况",
    ),
    "FLAGGED_NOT_SURVEYED": Comparison(
        coordinates=("Enrolment.leftBehindFlag",), answering="town_government", task="入户核实是否为农村留守儿童"
    ),
    "FLAGGED_ONE_PARENT": Comparison(
        coordinates=("Enrolment.leftBehindFlag",), answering="town_government", task="核实在家一方监护能力"
    ),
    "SURVEYED_NOT_FLAGGED": Comparison(
        coordinates=("Child.leftBehindType", "Enrolment.leftBehindFlag"),
        answering="education_bureau",
        task="核实学籍系统留守儿童标识",
    ),
    "DUPLICATE_FILE": Comparison(
        coordinates=("Child.citizenId",), answering="civil_affairs_bureau", task="核实重复建档"
    ),
    "AGED_OUT": Comparison(coordinates=("Child.birthDate",), answering="town_government", task="核实年满十六周岁档案"),
}
"""Class -> comparison; INVALID_CITIZEN_ID depends on the keeper of the wrong number."""


def write_links(chunk: int, child: Child, batch: Batch) -> str | None:
    """Links of a child who cannot be joined by number, in every department that knows it; their status."""
    if child.person.number is not None and not wrong_number(child):
        return None
    status = plants.link_of(child.index)
    for source, person in child.persons.items() if status else ():
        key = f"L{batch.key('hub', 'link', chunk)}"
        batch.table("hub", "link").append((key, source, person, child.register, status))
    return status


def write_items(world: World, chunk: int, child: Child, mate: Person | None, batch: Batch) -> None:
    """The item of the planted discrepancy, or of one that was corrected since."""
    running, last, before = recent_quarters(world.today, 3)
    turn = child.index // plants.CYCLE
    if child.index % plants.CYCLE in plants.CORRECTED:
        name = list(COMPARISONS)[turn % len(COMPARISONS)]
        person = child.person
        _write(chunk, child, (name, quarter_of(before), "CORRECTED"), person, batch)
    elif child.plant and not child.duplicate_of and turn % 4:
        status = ("OPEN", "ANSWERED", "OPEN", "EXPLAINED")[turn % 4]
        quarter = quarter_of(running if turn % 8 == 6 else last)
        _write(chunk, child, (child.plant, quarter, status), mate or child.person, batch, filed=mate is None)


def _write(
    chunk: int, child: Child, found: tuple[str, str, str], person: Person, batch: Batch, *, filed: bool = True
) -> None:
    name, quarter, status = found
    comparison = COMPARISONS.get(name) or _of_number(child)
    town = f"town_government:{child.person.village.town}"
    education = not filed or "education" in child.persons
    police = filed and "public_security" in child.persons
    batch.table("hub", "reconciliation_item").append(
        (
            f"R{batch.key('hub', 'reconciliation_item', chunk)}",
            child.register if filed else None,
            person.numbered("education") if education else None,
            person.numbered("public_security") if police else None,
            list(comparison.coordinates),
            comparison.task,
            quarter,
            name,
            comparison.coordinates[0],
            town if comparison.answering == "town_government" else comparison.answering,
            status,
        )
    )


def _of_number(child: Child) -> Comparison:
    keeper = child.index // plants.CYCLE % len(KEEPERS)
    return Comparison(coordinates=(NUMBERS[keeper],), answering=KEEPERS[keeper], task="核实公民身份号码")
