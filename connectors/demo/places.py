"""Divisions and institutions files -> towns, villages, schools in which invented children live."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (
    ("社区居民委员会", "社区"),
    ("社区居委会", "社区"),
    ("村民委员会", "村"),
    ("村委会", "村"),
    ("居民委员会", ""),
    ("居委会", ""),
)
STAGE_BY_PREFIX = {
    "11": "KINDERGARTEN",
    "21": "PRIMARY",
    "31": "JUNIOR_SECONDARY",
    "34": "SENIOR_SECONDARY",
    "36": "VOCATIONAL",
    "51": "SPECIAL_EDUCATION",
}
"""School identifiers begin with the kind of school."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """A line of the divisions file; ``level``: district, town or village."""

    code: str
    level: str
    name: str
    parent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Institution:
    """A line of the institutions file."""

    code: str
    name: str
    kind: str
    bureau: str
    division: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Village:
    """A village or community and what an address in it looks like."""

    code: str
    town: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where things happen. ``towns`` have a government; ``parks`` have none and no survey."""

    divisions: tuple[Division, ...]
    institutions: tuple[Institution, ...]
    towns: tuple[str, ...]
    parks: tuple[str, ...]
    villages: tuple[Village, ...]
    schools: Mapping[tuple[str, str], tuple[Institution, ...]]
    """(Town, stage) -> schools there."""
    elsewhere: Mapping[str, tuple[Institution, ...]]
    """Kind of reporter -> institutions that are no schools."""

    def school(self, town: str, stage: str, turn: int) -> Institution:
        """A school of that stage in the town, or the district's one where the town has none."""
        found = self.schools.get((town, stage)) or self.schools[("", stage)]
        return found[turn % len(found)]

    def villages_of(self, town: str) -> tuple[Village, ...]:
        """Villages of one town, in the order of their codes."""
        return tuple(village for village in self.villages if village.town == town)


def read_places(divisions: Path, institutions: Path) -> Places:
    """Both files whole; a town without a kindergarten or a primary or junior school is an error."""
    lines = tuple(
        Division(code=row["code"], level=row["level"], name=row["name"], parent=row["parent_code"])
        for row in _rows(divisions)
    )
    listed = tuple(
        Institution(
            code=row["code"], name=row["name_zh"], kind=row["kind"], bureau=row["bureau"], division=row["division"]
        )
        for row in _rows(institutions)
    )
    names = {line.code: line.name for line in lines}
    towns = tuple(line.code for line in lines if line.level == "town" and line.code[6] != "4")
    return Places(
        divisions=lines,
        institutions=listed,
        towns=towns,
        parks=tuple(line.code for line in lines if line.level == "town" and line.code[6] == "4"),
        villages=tuple(_village(line, names) for line in lines if line.level == "village" and line.parent in towns),
        schools=_schools(listed, towns),
        elsewhere=_elsewhere(listed),
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _village(line: Division, names: Mapping[str, str]) -> Village:
    name = line.name
    for suffix, short in SUFFIXES:
        if name.endswith(suffix):
            name = name.removesuffix(suffix) + short
            break
    return Village(code=line.code, town=line.parent, address=f"天津市武清区{names[line.parent]}{name}")


def _schools(listed: tuple[Institution, ...], towns: tuple[str, ...]) -> dict[tuple[str, str], tuple[Institution, ...]]:
    found: dict[tuple[str, str], tuple[Institution, ...]] = {}
    for school in listed:
        if school.kind in ("SCHOOL", "KINDERGARTEN"):
            stage = STAGE_BY_PREFIX[school.code[:2]]
            for place in (school.division[:9], ""):
                found[(place, stage)] = (*found.get((place, stage), ()), school)
    for town in towns:
        for stage in ("KINDERGARTEN", "PRIMARY", "JUNIOR_SECONDARY"):
            if (town, stage) not in found:
                raise ValueError(f"town `{town}` has no school of stage `{stage}`")
    return found


def _elsewhere(listed: tuple[Institution, ...]) -> dict[str, tuple[Institution, ...]]:
    found: dict[str, tuple[Institution, ...]] = {}
    for institution in listed:
        if institution.kind not in ("SCHOOL", "KINDERGARTEN"):
            found[institution.kind] = (*found.get(institution.kind, ()), institution)
    return found
