"""Step, file of its child -> the number by which the row's own department knows the child, where it does.

Guarantee: it is the department's own number, by a confirmed link or by the citizen id, and goes nowhere else. A
department finds its rows of one child by it, so that a row that comes to be of a child is among them at once.
"""

from __future__ import annotations

from typing import Final

from connectors.source import All, Column, Compare, Constant, Fetch, Order, Param
from hub.files import Files
from hub.lifecycle.step import Step
from hub.planner.relations import HOME
from hub.registry import Registry

KNOWN_BY: Final = {
    "MandatoryReport": "HouseholdRegistration",
    "GuardianshipCase": "GuardianshipCase",
    "ProcuratorialSupervision": "ProcuratorialSupervision",
}
"""Rows that come to be of a child by its file, and those by which their department knows it already."""
_NOBODY: Final = "-"


async def person_of(step: Step, files: Files, registry: Registry) -> str | None:
    """The number; None if the department does not know the child, or the step makes no row the child's."""
    relation = KNOWN_BY.get(step.subject)
    if relation is None or step.reports or not (step.finds or step.creates):
        return None
    linked = await registry.persons(HOME[relation], files.citizen)
    fetch = Fetch(
        source=HOME[relation],
        relation=relation,
        columns=(Column(name="_person"),),
        where=All((Compare("_citizen", "eq", Param("number")), Compare("_person", "null", Constant(False)))),
        order=(Order(column="_key"),),
        limit=Param("one"),
    )
    number = next(iter(files.citizen.values()), None) or _NOBODY
    rows = await registry.reading.fetch(fetch, {"number": number, "one": 1})
    return next(iter(linked), rows[0][0] if rows else None)
