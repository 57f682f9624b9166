"""Divisions, submissions of a quarter -> surveys that nobody began and that are overdue: an alarm of no row.

Survey days run from the quarter's end, whether a draft was begun or not: what is not there is asked for by division.
Guarantee: an alarm is one division and quarter, raised once; it ends with the row that is begun. A quarter before the
first that a department holds is none. Who is told of it reads how the row would stand, if it were there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from connectors.source import Column, Fetch, Order, Param
from hub.entitlements import Entitlements
from hub.identity import PARKS, Identity
from hub.planner import facts as f
from hub.planner.relations import HOME
from hub.sources import Reading

TYPE: Final = "SurveySubmission"
WAITS: Final = "SurveySubmission.status"
PAGE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbegun:
    """A clock for surveys of a ``level`` that were never begun; ``quarter``: the parameter of ``moments`` that says of
    which quarter they are overdue, ``length``: characters of the codes of its divisions."""

    name: str
    zh: str
    en: str
    level: str
    quarter: str
    length: int
    units: tuple[str, ...]
    clause: str = "2.2"


UNBEGUN: Final[Mapping[str, Unbegun]] = {
    one.name: one
    for one in (
        Unbegun(
            name="survey_village_unbegun",
            zh="村居未开始摸排",
            en="the village never began its survey",
            level="VILLAGE",
            quarter="surveyed_village",
            length=12,
            units=("village_committee", "town_government", "civil_affairs_bureau"),
        ),
        Unbegun(
            name="survey_town_unbegun",
            zh="镇街未开始摸排",
            en="the town never began its survey",
            level="TOWN",
            quarter="surveyed_town",
            length=9,
            units=("town_government", "civil_affairs_bureau"),
        ),
    )
}


async def unbegun(reading: Reading, one: Unbegun, divisions: Iterable[str]) -> list[str]:
    """Keys of the alarms: divisions without a submission of the quarter that is overdue; ``SourceError``.

    ``reading`` binds ``moments``; ``divisions`` are all that there are, an industrial park has no survey.
    """
    expected = [code for code in divisions if len(code) == one.length and not code.startswith(PARKS)]
    if not expected or not await _kept(reading, one):
        return []
    begun = await _begun(reading, one)
    quarter = reading.bindings[one.quarter]
    return sorted(f"{code}/{quarter}" for code in expected if code not in begun)


async def _kept(reading: Reading, one: Unbegun) -> bool:
    """Whether surveys were kept there by then at all: a new installation is late with nothing."""
    fetch = Fetch(
        source=HOME[TYPE],
        relation=TYPE,
        columns=(Column(name="_key"),),
        where=f.bound("quarter", "le", one.quarter),
        limit=Param("one"),
    )
    return bool(await reading.fetch(fetch, {"one": 1}))


async def _begun(reading: Reading, one: Unbegun) -> frozenset[str]:
    fetch = Fetch(
        source=HOME[TYPE],
        relation=TYPE,
        columns=(Column(name="_key"), Column(name="divisionCode")),
        where=f.every_of(
            f.is_("level", one.level), f.bound("quarter", "eq", one.quarter), f.bound("_key", "gt", "after_key")
        ),
        order=(Order(column="_key"),),
        limit=Param("page"),
    )
    found, last = set[str](), ""
    while True:
        rows = await reading.fetch(fetch, {"after_key": last, "page": PAGE})
        found |= {str(row[1]) for row in rows}
        if len(rows) < PAGE:
            return frozenset(found)
        last = str(rows[-1][0])


def clocks_within(entitlements: Entitlements) -> Mapping[str, Unbegun]:
    """Of which alarms the unit is told: it has to see to it, and reads what they wait for."""
    if not entitlements.reads(WAITS):
        return {}
    return {name: one for name, one in UNBEGUN.items() if entitlements.unit in one.units}


def is_within(entitlements: Entitlements, identity: Identity, key: str) -> bool:
    """Whether the row would be in a scope in which the caller reads how it stands, if it were there."""
    division, own = key.partition("/")[0], identity.division
    holds = {
        "all": True,
        "own_town": own is not None and division[:9] == own,
        "own_village": own is not None and division == own,
    }
    return any(holds.get(line.scope, False) for line in entitlements.read[WAITS])


def told(one: Unbegun, key: str, sealed: str) -> Mapping[str, Any]:
    """As ``me`` shows it; ``sealed``: its name, an id that leads to no row."""
    return {
        "clock": one.name,
        "clockZh": one.zh,
        "clause": one.clause,
        "id": sealed,
        "type": TYPE,
        **place_of(key),
    }


def place_of(key: str) -> dict[str, str]:
    """Whose survey of which quarter it is."""
    division, _, quarter = key.partition("/")
    return {"division": division, "quarter": quarter}
