"""Policy -> what a form offers to choose from: places by town, units by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from hub.identity import DIVISION_DIGITS, INSTITUTION_UNITS, PARKS
from hub.pages.desk_routes import Visit

Groups: TypeAlias = Sequence[tuple[str, Sequence[tuple[str, str]]]]
"""Heading -> code, name."""


def divisions(visit: Visit) -> Groups:
    """Towns, each with itself and its villages; of a town or village first its own."""
    own = (visit.session.credential.division or "")[:9]
    known = visit.desk.policy().divisions
    towns = sorted((one for one in known.values() if len(one.code) == 9), key=lambda one: (one.code != own, one.code))
    villages = sorted(code for code in known if len(code) == 12)
    return [
        (
            town.name,
            [(town.code, town.name), *((code, known[code].name) for code in villages if code.startswith(town.code))],
        )
        for town in towns
    ]


def units(visit: Visit) -> Groups:
    """Bureaus and organisations by name, then towns, then villages."""
    policy = visit.desk.policy()
    plain = [code for code in policy.units if code not in DIVISION_DIGITS and code not in INSTITUTION_UNITS]
    groups = [("", [(code, visit.names.unit(code)) for code in plain])]
    for unit, digits in DIVISION_DIGITS.items():
        codes = sorted(code for code in policy.divisions if len(code) == digits and not code.startswith(PARKS))
        groups.append(
            (visit.names.unit(unit), [(f"{unit}:{code}", visit.names.unit(f"{unit}:{code}")) for code in codes])
        )
    return groups
