"""Name -> what a step changes besides in all rows that it concerns, in words and as one statement's terms.

Guarantee: rows of the division and quarter of the step's own row alone, or of the child of its file; what is accepted
is what stands in the file at that moment. A number that is accepted on another open file is not accepted a second time:
until civil affairs settles which file is right, the old one counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from connectors.source import All, Constant, Exists, Not, Param, Predicate
from connectors.write import Copied, Put
from hub.planner import facts as f


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """Which rows, in English for the table of steps, and what is put there."""

    en: str
    relation: str
    where: Predicate
    puts: tuple[Put, ...]


def _villages(en: str, origin: str, target: str) -> Swept:
    return Swept(
        en=en,
        relation="SurveySubmission",
        where=All(
            (
                f.is_("level", "VILLAGE"),
                f.bound("divisionCode", "under", "swept.divisionCode"),
                f.bound("quarter", "eq", "swept.quarter"),
                f.is_("status", origin),
            )
        ),
        puts=(Put("status", Constant(target)),),
    )


_ACCEPTED: Final = (
    Put("_accepted", Constant(True)),
    Put("_acceptedCitizen", Copied("citizenId")),
    Put("_division", Copied("divisionCode")),
)
ACCEPTED_ELSEWHERE: Final = Exists(
    "Child",
    (("citizenId", "_acceptedCitizen"),),
    All((f.is_("_open", True), f.is_("_accepted", True), f.another_file)),
)

SWEEPS: Final[Mapping[str, Swept]] = {
    "villages_summarised": _villages(
        "the villages' submissions are summarised", "VILLAGE_SUBMITTED", "TOWN_SUMMARISED"
    ),
    "villages_accepted": _villages("the villages' submissions are accepted", "TOWN_SUMMARISED", "DISTRICT_ACCEPTED"),
    "files_accepted": Swept(
        en="the division's files are accepted as they stand, but those with a number accepted on another open file",
        relation="Child",
        where=All(
            (f.is_("_open", True), f.bound("divisionCode", "under", "swept.divisionCode"), Not(ACCEPTED_ELSEWHERE)),
        ),
        puts=(*_ACCEPTED, Put("_acceptedQuarter", Param("swept.quarter"))),
    ),
    "other_file_accepted": Swept(
        en="the other file is accepted",
        relation="Child",
        where=All(
            (
                f.is_("_open", True),
                Exists("Child", (("citizenId", "citizenId"),), f.bound("_register", "eq", "subject")),
                Not(ACCEPTED_ELSEWHERE),
            )
        ),
        puts=_ACCEPTED,
    ),
    "file_accepted": Swept(
        en="the file is accepted as it stands",
        relation="Child",
        where=All((f.is_("_open", True), f.bound("_register", "eq", "subject"))),
        puts=_ACCEPTED,
    ),
}
"""A step names them; ``swept.divisionCode`` and ``swept.quarter`` are bound to those of the step's row."""
