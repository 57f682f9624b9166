"""An item as the hub answered it -> lines for officials: which field, which source, what it holds, in words.

Guarantee: pure. ``sourceValues`` comes without names of fields; they follow from the class, by the order in which a
comparison names its coordinates and by what they look like. Where nothing fits, values stand without a name rather
than with a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hub.pages.console.names import Names
from hub.pages.words import SOURCES, word
from hub.reconcile.links import CLASS, COORDINATES
from schema.catalogue import CATALOGUE
from schema.inputs import ENUMS

_NAME: Final = ("Child.name", "HouseholdRegistration.name")
_BIRTH: Final = ("Child.birthDate", "HouseholdRegistration.birthDate")
_ORDER: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "IDENTITY_MISMATCH": (
        (*_NAME, *_BIRTH, "Child.sex"),
        (*_NAME, *_BIRTH),
        (*_NAME, "Child.sex"),
        (*_BIRTH, "Child.sex"),
        _NAME,
        _BIRTH,
        ("Child.sex",),
    ),
    "NO_HOUSEHOLD_RECORD": (("Child.citizenId", "Child.name", "Child.birthDate"),),
    "HOUSEHOLD_STATUS_CONFLICT": (("Child.householdRegistered", "HouseholdRegistration.status"),),
    "ADDRESS_CONFLICT": (("Child.householdPlace", "HouseholdRegistration.address"),),
    "NO_ENROLMENT": (("Child.schoolingStatus",),),
    "SCHOOLING_CONFLICT": (("Child.schoolingStatus", "Enrolment.status", "DropoutRecord.status"),),
    "SURVEYED_NOT_FLAGGED": (("Child.leftBehindType", "Enrolment.leftBehindFlag"),),
    "FLAGGED_NOT_SURVEYED": (("Enrolment.leftBehindFlag",),),
    "FLAGGED_ONE_PARENT": (("Enrolment.leftBehindFlag",),),
    "DUPLICATE_FILE": (("Child.citizenId",),),
    "AGED_OUT": (("Child.birthDate",),),
    CLASS: tuple(COORDINATES.values()),
}
"""Class -> the orders of coordinates that its items may have (``compared.sql``)."""
_HOME: Final = {
    "Child": "civil_affairs",
    "Enrolment": "education",
    "DropoutRecord": "education",
    "HouseholdRegistration": "public_security",
    "Link": "hub",
}
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Line:
    """What one source holds of a field."""

    field: str
    source: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How sure the hub is that two records are of one child (never quite; None: an older link), and what agrees."""

    percent: float | None
    words: Sequence[str]


def coordinates(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The coordinates of the item's values, in their order; empty if that cannot be told."""
    held = [(value["source"], value.get("value")) for value in row.get("sourceValues") or ()]
    alone = ((str(row.get("comparedField") or ""),),)
    for order in _ORDER.get(str(row.get("discrepancyClass")), alone):
        if len(order) == len(held) and all(_fits(name, *one) for name, one in zip(order, held, strict=True)):
            return order
    return ()


def _fits(name: str, source: str, value: str | None) -> bool:
    """Whether it can be what the source holds of the field: a date is no name, and a name no sex."""
    if _HOME.get(name.partition(".")[0]) != source:
        return False
    found = CATALOGUE.get(name)
    if value is None or found is None:
        return True
    if found.inner in ENUMS:
        return value in ENUMS[found.inner].__members__
    return bool(_DATE.fullmatch(value)) == (found.inner == "Date")


def lines(row: Mapping[str, Any], names: Names) -> Iterator[Line]:
    """The values side by side, without what the hub says of a candidate."""
    order = coordinates(row)
    for place, value in enumerate(row.get("sourceValues") or ()):
        name = order[place] if order else ""
        if value["source"] == "hub":
            continue
        pair = SOURCES.get(value["source"], (value["source"], value["source"]))
        field = names.coordinate(name) if name else ""
        yield Line(field, pair[names.spoken == "en"], _text(name, value["value"], names))


def evidence(row: Mapping[str, Any], names: Names) -> Evidence | None:
    """What the hub says of a candidate; None of a discrepancy."""
    if row.get("discrepancyClass") != CLASS:
        return None
    own = [value["value"] for value in row.get("sourceValues") or () if value["source"] == "hub"]
    sure, features = own if len(own) == 2 else (None, None)
    told = [_agrees(part, names) for part in (features or "").split(",") if part]
    return Evidence(percent=None if sure is None else min(99.9, round(float(sure) * 100, 1)), words=told)


def _agrees(part: str, names: Names) -> str:
    feature, _, level = part.partition(":")
    return f"{word(f'rec_{feature}', names.spoken)} {word(f'rec_{level}', names.spoken)}"


def _text(name: str, value: str | None, names: Names) -> str:
    """A value in words; ``true`` and codes as the schema has them."""
    if value is None:
        return "—"
    found = CATALOGUE.get(name)
    inner = "" if found is None else found.inner
    if inner == "Boolean" and value in ("true", "false"):
        return word("yes" if value == "true" else "no", names.spoken)
    if inner in ENUMS and value in ENUMS[inner].__members__:
        meaning = ENUMS[inner][value].value
        return str(meaning.en if names.spoken == "en" else meaning.zh)
    return value
