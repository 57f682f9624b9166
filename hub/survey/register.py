"""The village's own files as the hub answers them -> rows of the form, and what an import compares new rows with.

Guarantee: the files come through a query of the village itself, by its rights and with its entry in the log; this
module asks nobody and only says what to ask (``QUERY``) and how an answer becomes rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from hub.survey.check import Own
from hub.survey.form import COLUMNS, FORM_AID

QUERY: Final = Path(__file__).with_name("register.graphql").read_text(encoding="utf-8")
PURPOSE: Final = "survey_management"
UNIT: Final = "village_committee"

PARENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "father": ("FATHER", "STEP_OR_ADOPTIVE_FATHER"),
    "mother": ("MOTHER", "STEP_OR_ADOPTIVE_MOTHER"),
}
GUARDIANS: Final = ("COURT_APPOINTED", "ENTRUSTED", "TEMPORARY", "PARENT")
"""Who of several guardians stands in the form: the first kind that there is."""

Node = Mapping[str, Any]


def page(answer: Mapping[str, Any]) -> tuple[list[Node], str | None]:
    """(Children of one answer, cursor of the next page or None)."""
    found = answer["data"]["children"]
    info = found["pageInfo"]
    return _nodes(found), info["endCursor"] if info["hasNextPage"] else None


def submissions(answer: Mapping[str, Any]) -> list[Node]:
    """The village's submissions of one answer."""
    return _nodes(answer["data"]["surveySubmissions"])


def row(child: Node) -> dict[str, Any]:
    """Column name -> value in schema terms."""
    flat = {column.name: child.get(column.name) for column in COLUMNS if column.person is None}
    flat["assistanceKinds"] = [kind for kind in child.get("assistanceKinds") or () if kind in FORM_AID]
    for who in (*PARENTS, "guardian"):
        _add(flat, who, person(child, who))
    return flat


def person(child: Node, who: str) -> Node | None:
    """Who stands in the form as the child's ``father``, ``mother`` or ``guardian``, if anybody does."""
    if who in PARENTS:
        members = _nodes(child.get("familyMembers"))
        return next((one for one in members if one["relation"] in PARENTS[who]), None)
    return min(_nodes(child.get("guardians")), key=lambda one: _rank(one["kind"]), default=None)


def owns(children: Sequence[Node]) -> Iterator[Own]:
    """The own files, for the search for duplicates."""
    for child in children:
        yield Own(
            id=child["id"],
            citizen_id=child.get("citizenId"),
            name=child.get("name"),
            birth_date=child.get("birthDate"),
            values=row(child),
        )


def _rank(kind: str | None) -> int:
    return GUARDIANS.index(kind) if kind in GUARDIANS else len(GUARDIANS)


def _nodes(connection: Any) -> list[Node]:
    return [edge["node"] for edge in (connection or {}).get("edges", ()) if edge and edge.get("node")]


def _add(flat: dict[str, Any], who: str, person: Node | None) -> None:
    for column in COLUMNS:
        if column.person == who:
            flat[column.name] = None if person is None else person.get(column.name.partition(".")[2])
