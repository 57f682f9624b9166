"""A child or a student number -> the rows of which a step may be taken, for steps of rows that wait in no state.

A visit, a guardian's supervision, a file to revise: none of these waits anywhere, so each is reached from its child; a
dropout is registered from the enrolment, which schools and their bureau find by its number. Guarantee: what is shown
was answered by the pipeline to the unit itself, and a number stands in no address.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from graphql import GraphQLInputObjectType, GraphQLSchema
from starlette.responses import Response

from hub.lifecycle.signatures import ABOUT
from hub.lifecycle.step import Step
from hub.pages.desk_routes import Visit
from hub.pages.duty.shown import Words
from hub.pages.duty.waiting import MOST, Listing, fields, state_field, steps_in
from hub.pages.forms import Problem
from schema.catalogue import LINKS, ROOTS

_FILES: Final = ("Child", "Guardian", "FamilyMember")
BRIEF: Final[Mapping[str, tuple[str, ...]]] = {
    "Child": ("name", "birthDate", "divisionCode", "lastVisitedOn"),
    "Guardian": ("name", "kind", "relation", "lastSupervisedOn"),
    "FamilyMember": ("name", "relation"),
    "Enrolment": ("studentNumber", "schoolName", "status"),
    "Incident": ("measures", "injuryFinding"),
    "Assessment": ("completedOn", "physicalHealth", "mentalHealth"),
}
"""Fields by which rows are told apart here: what a step is taken of is read when its page is opened, and not before."""
_ENROLMENTS: Final = """query Find($number: String!) {{
  enrolments(filter: {{studentNumber: {{eq: $number}}}}, first: 20) {{ edges {{ node {{ {0} }} }} }}
}}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rows of one type: their title, and for each its address and what tells it from the others."""

    title: str
    lines: Sequence[tuple[str, Sequence[tuple[str, str]]]]


def stateless(view: GraphQLSchema) -> list[Step]:
    """Steps of rows that are there, whose type has no states in which they could wait."""
    steps = (step for step in steps_in(view) if not step.creates and not step.named)
    return [step for step in steps if not state_field(step.subject)]


def of_files(view: GraphQLSchema) -> list[str]:
    """Types of a child's file of which the caller may take a step."""
    taken = {step.subject for step in stateless(view)}
    return [name for name in _FILES if name in taken and "id" in fields(view, name)]


def brief(view: GraphQLSchema, subject: str) -> str:
    """The selection of what tells a row from others."""
    opened = fields(view, subject)
    return " ".join(["id", *(name for name in BRIEF.get(subject, ()) if name in opened)])


def loose(view: GraphQLSchema) -> Iterator[Listing]:
    """Lists of rows that wait in no state and of which the caller may take a step, where they can be asked for at all.

    Children are too many to be listed: what is done about one begins with its number.
    """
    for subject in dict.fromkeys(step.subject for step in stateless(view) if step.subject not in _FILES):
        root = next((name for name, target in ROOTS.items() if target == subject), "")
        if root in (view.query_type.fields if view.query_type else {}):
            document = f"query Loose {{ {root}(first: {MOST}) {{ edges {{ node {{ {brief(view, subject)} }} }} }} }}"
            yield Listing(subject=subject, state=None, root=root, document=document, variables={})


async def rows_of_child(visit: Visit, child: str) -> list[Group]:
    """The file, its guardians and its family, as far as there is a step to take of them."""
    view = visit.desk.seen(visit.session)
    types = of_files(view)
    if not types:
        return []
    links = {name: link.target for name, link in LINKS["Child"].items() if link.target in types}
    inner = (f"{name}(first: 20) {{ edges {{ node {{ {brief(view, of)} }} }} }}" for name, of in links.items())
    document = f"query Rows($id: ID!) {{ child(id: $id) {{ {brief(view, 'Child')} {' '.join(inner)} }} }}"
    told = await visit.desk.ask(visit.session, document, {"id": child})
    found = (told.data or {}).get("child")
    return [] if found is None else list(_groups(visit, types, links, found))


def _groups(visit: Visit, types: Sequence[str], links: Mapping[str, str], found: Mapping[str, Any]) -> Iterator[Group]:
    words = Words(view=visit.desk.seen(visit.session), names=visit.names)
    if "Child" in types:
        own = {name: value for name, value in found.items() if name not in links}
        yield Group(title=words.type("Child"), lines=[_line(words, "Child", own)])
    for name, target in links.items():
        rows = [edge["node"] for edge in (found[name] or {"edges": ()})["edges"]]
        if rows:
            yield Group(title=words.type(target), lines=[_line(words, target, row) for row in rows])


def _line(words: Words, subject: str, row: Mapping[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    facts = list(words.of_row(subject, row)) or [(words.type(subject), "—")]
    return f"/duty/{subject}/{quote(row['id'], safe='')}", facts


def begun_about_enrolment(view: GraphQLSchema) -> list[Step]:
    """Steps that make a row about an enrolment, where enrolments may be looked for by their number."""
    found = view.type_map.get("EnrolmentFilter")
    if not isinstance(found, GraphQLInputObjectType) or "studentNumber" not in found.fields:
        return []
    return [step for step in steps_in(view) if step.creates and step.about == "Enrolment"]


async def enrolment_page(visit: Visit) -> Response:
    """What may be begun about the enrolment that has the number."""
    view = visit.desk.seen(visit.session)
    begun = begun_about_enrolment(view)
    if not begun:
        raise Problem(403, "not_your_step")
    number = dict(visit.pairs).get("number", "").strip()
    told = await visit.desk.ask(visit.session, _ENROLMENTS.format(brief(view, "Enrolment")), {"number": number})
    if told.status == 503:
        raise Problem(503, "source_down")
    rows = [edge["node"] for edge in ((told.data or {}).get("enrolments") or {"edges": ()})["edges"]]
    words = Words(view=view, names=visit.names)
    lines = [
        (
            [(step, f"/duty/new/{step.name}?{ABOUT['Enrolment']}={quote(row['id'], safe='')}") for step in begun],
            list(words.of_row("Enrolment", row)),
        )
        for row in rows
    ]
    return visit.page("duty/enrolment.html", 200 if lines else 404, lines=lines)
