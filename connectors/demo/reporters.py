"""Turn, child's place -> who reports: kind, unit key, name, telephone, from the district's units and institutions."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.demo.names import Draw, full_name, phone
from connectors.demo.people import World
from connectors.demo.places import Village
from connectors.demo.stories import REPORTERS

BUREAU_KINDS = {
    "education_bureau": "SCHOOL",
    "health_commission": "MEDICAL_INSTITUTION",
    "civil_affairs_bureau": "RESCUE_INSTITUTION",
}
"""Bureaus that report for the institutions under them."""

ORGANISATIONS = frozenset(
    {
        "trade_union_federation",
        "womens_federation",
        "disabled_persons_federation",
        "organs_work_committee",
        "youth_league_committee",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Who makes a report; ``unit`` is a unit key, null for a citizen."""

    kind: str
    unit: str | None
    name: str
    phone: str


def reporter(world: World, turn: int, village: Village, school: str | None, draw: Draw) -> Reporter:
    """The next reporter in turn, one of the child's own place where there is one."""
    kind, unit = _kind_and_unit(world, turn, village, school)
    return Reporter(kind=kind, unit=unit, name=full_name(draw, draw() < 0.5), phone=phone(draw))


def _kind_and_unit(world: World, turn: int, village: Village, school: str | None) -> tuple[str, str | None]:
    who = REPORTERS[turn % len(REPORTERS)]
    local: dict[str, tuple[str, str | None]] = {
        "VILLAGE_COMMITTEE": (who, f"village_committee:{village.code}"),
        "town_government": ("OTHER_CITIZEN", f"town_government:{village.town}"),
        "OTHER_CITIZEN": (who, None),
    }
    if who in local:
        return local[who]
    if who.isupper():
        return who, f"mandatory_reporter:{_institution(world, who, turn, village, school)}"
    return BUREAU_KINDS.get(who, "SOCIAL_ORGANISATION" if who in ORGANISATIONS else "OTHER_CITIZEN"), who


def _institution(world: World, kind: str, turn: int, village: Village, school: str | None) -> str:
    """The child's own school, or a kindergarten of the town, or the next institution of the district."""
    if kind == "SCHOOL":
        own = school if school and not school.startswith("11") else None
        return own or world.places.school(village.town, "PRIMARY", turn).code
    if kind == "KINDERGARTEN":
        return world.places.school(village.town, "KINDERGARTEN", turn).code
    institutions = world.places.elsewhere[kind]
    return institutions[turn % len(institutions)].code
