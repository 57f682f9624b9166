"""Child -> family members and guardians as civil affairs keep them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from connectors.demo.batch import Batch
from connectors.demo.citizen_id import ADULT_REGIONS, citizen_id
from connectors.demo.codes import Book
from connectors.demo.names import WORK_PLACES, Draw, full_name, given, phone, pick
from connectors.demo.people import Child, World

BORN = {"parent": (1974, 1996), "grandparent": (1944, 1966)}
MALE = frozenset(
    {"FATHER", "PATERNAL_GRANDFATHER", "MATERNAL_GRANDFATHER", "PATERNAL_UNCLE", "STEP_OR_ADOPTIVE_FATHER"}
)
CAPACITY = {"GOOD": "CAPABLE", "FAIR": "CAPABLE", "ENTRUSTED_INADEQUATE": "INADEQUATE"}
ENTRUSTED = (
    "PATERNAL_GRANDMOTHER",
    "PATERNAL_GRANDFATHER",
    "MATERNAL_GRANDMOTHER",
    "PATERNAL_GRANDMOTHER",
    "MATERNAL_GRANDFATHER",
    "PATERNAL_UNCLE",
    "NON_RELATIVE",
    "MATERNAL_AUNT",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """An invented adult; ``work`` is where he or she works, if away."""

    relation: str
    name: str
    number: str
    birth: date
    phone: str
    capacity: str
    work: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The parents, and who else cares for the child."""

    father: Relative
    mother: Relative
    carer: Relative | None

    @property
    def members(self) -> tuple[Relative, ...]:
        """Everybody."""
        parents = (self.father, self.mother)
        return parents if self.carer is None or self.carer.relation == "NON_RELATIVE" else (*parents, self.carer)

    @property
    def guardian(self) -> Relative:
        """Who actually looks after the child: the carer, else the parent who stayed."""
        return self.carer or (self.mother if self.mother.work is None else self.father)


def family_of(child: Child) -> Family:
    """An invented family: parents of whom one or both are away, a grandparent or other carer where one is entrusted."""
    draw = child.draw
    both = child.away == "BOTH_AWAY"
    step = draw() < 0.03
    father = _relative(
        draw,
        "STEP_OR_ADOPTIVE_FATHER" if step else "FATHER",
        "parent",
        capacity="CAPABLE",
        surname=None if step else child.person.surname,
        work=None if child.away == "NO_LONGER" else pick(draw, WORK_PLACES),
    )
    mother = _relative(
        draw,
        "MOTHER",
        "parent",
        capacity="CAPABLE" if both else _incapable(draw()),
        work=pick(draw, WORK_PLACES) if both else None,
    )
    return Family(father=father, mother=mother, carer=_carer(child))


def _incapable(chance: float) -> str:
    return "INCAPABLE_ILLNESS" if chance < 0.4 else "INCAPABLE_DISABILITY" if chance < 0.7 else "INADEQUATE"


def _carer(child: Child) -> Relative | None:
    if child.guardianship not in CAPACITY:
        return None
    relation = pick(child.draw, ENTRUSTED)
    paternal = relation in ("PATERNAL_GRANDFATHER", "PATERNAL_UNCLE")
    generation = "grandparent" if "GRAND" in relation else "parent"
    surname = child.person.surname if paternal else None
    return _relative(child.draw, relation, generation, capacity=CAPACITY[child.guardianship], surname=surname)


def _relative(
    draw: Draw, relation: str, generation: str, *, capacity: str, surname: str | None = None, work: str | None = None
) -> Relative:
    male = relation in MALE
    first, last = BORN[generation]
    ordinal = date(first, 1, 1).toordinal() + int(draw() * (last - first) * 365)
    return Relative(
        relation=relation,
        name=surname + given(draw, male) if surname else full_name(draw, male),
        number=citizen_id(pick(draw, ADULT_REGIONS), ordinal, int(draw() * 499) * 2 + 2 - male),
        birth=date.fromordinal(ordinal),
        phone=phone(draw),
        capacity=capacity,
        work=work,
    )


def write_family(world: World, child: Child, family: Family, book: Book, batch: Batch) -> None:
    """Rows of the members, and of the guardians that the child's situation and story call for."""
    relations, capacities = book["jtgx"], book["jhnl"]
    members = batch.table("civil_affairs", "etjtcy")
    for number, one in enumerate(family.members, 1):
        members.append(
            (
                f"{child.register}C{number}",
                child.register,
                relations[one.relation],
                one.name,
                one.number,
                one.birth,
                one.phone,
                one.work,
                capacities[one.capacity],
            )
        )
    guardians = batch.table("civil_affairs", "etjhr")
    for number, (kind, one, facts) in enumerate(_guardians(world, child, family), 1):
        guardians.append(
            (
                f"{child.register}J{number}",
                child.register,
                book["jhrlb"][kind],
                one.name,
                one.number,
                one.phone,
                relations[one.relation],
                f"{child.person.village.address}{int(child.draw() * 300) + 1}号",
                child.person.village.code,
                capacities[one.capacity],
                facts.get("neglect"),
                facts.get("supervised"),
            )
        )


def _guardians(world: World, child: Child, family: Family) -> list[tuple[str, Relative, Mapping[str, date]]]:
    """(Kind, who, dates); nobody where the file says that nobody looks after the child."""
    story = child.story
    found: list[tuple[str, Relative, Mapping[str, date]]] = []
    supervised = {"supervised": world.day(int(child.draw() * 300))} if child.draw() < 0.6 else {}
    if story and story.neglect is not None:
        found.append(("PARENT", family.father, {"neglect": world.day(story.neglect), **supervised}))
    elif child.guardianship == "PARENT_INCAPABLE":
        found.append(("PARENT", family.mother, supervised))
    if family.carer:
        found.append(("ENTRUSTED", family.carer, supervised))
    if story and any(report.placement == "KIN" for report in story.reports):
        uncle = _relative(child.draw, "PATERNAL_UNCLE", "parent", capacity="CAPABLE", surname=child.person.surname)
        found.append(("TEMPORARY", uncle, {}))
    if story and any(petition.guardian in ("other", "individual") for petition in story.petitions):
        aunt = _relative(child.draw, "MATERNAL_AUNT", "parent", capacity="CAPABLE")
        found.append(("COURT_APPOINTED", aunt, supervised))
    return found
