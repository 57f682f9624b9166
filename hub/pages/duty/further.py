"""``/duty/others``, ``/duty/child`` -> rows that do not wait but may be corrected, and what may be begun about a child.

Guarantee: a list is asked for when somebody opens it and not before; a child is found by its number alone, as any
query of the unit finds it, and whoever may not see it is told what is told of a number that nobody has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from graphql import GraphQLSchema
from starlette.responses import Response

from hub.lifecycle.step import Step
from hub.pages.desk_routes import Visit
from hub.pages.duty.belonging import loose, of_files, rows_of_child
from hub.pages.duty.shown import Words
from hub.pages.duty.waiting import ELSEWHERE, MOST, Listing, fields, listed, listings, state_field, steps_in
from hub.pages.forms import Problem
from hub.pages.words import word

_SHOWN: Final = 6
_CHILD: Final = "query Find($number: CitizenId!) { child(citizenId: $number) { id } }"


def others(view: GraphQLSchema) -> Iterator[Listing]:
    """Lists of rows that do not wait for the caller and of which it may take a step: corrections, taking up again."""
    waiting = {(one.subject, one.state) for one in listings(view)}
    every = [step for step in steps_in(view) if step.cycle != ELSEWHERE]
    steps = [step for step in every if not step.creates and step.origin and _own(step)]
    for subject in dict.fromkeys(step.subject for step in steps):
        states = dict.fromkeys(state for step in steps if step.subject == subject for state in step.origin)
        left = [state for state in states if (subject, state) not in waiting]
        yield from listed(view, subject, left, newest=True)
    yield from loose(view)


def _own(step: Step) -> bool:
    return step.state == f"{step.subject}.{state_field(step.subject)}"


async def others_page(visit: Visit) -> Response:
    """Rows that do not wait but of which a step may be taken, the newest first."""
    view = visit.desk.seen(visit.session)
    words, groups, failures = Words(view=view, names=visit.names), [], []
    for listing in others(view):
        told = await visit.desk.ask(visit.session, listing.document, listing.variables)
        if told.data is None or told.data[listing.root] is None:
            failures.append("source_down" if told.status == 503 else "no_row")
            continue
        rows = [edge["node"] for edge in told.data[listing.root]["edges"]]
        stands = f" · {words.stands(listing.subject, listing.state)}" if state_field(listing.subject) else ""
        title = f"{words.type(listing.subject)}{stands}"
        groups.append({"title": title, "lines": [_line(words, listing, row) for row in rows]})
    told_of = [word(key, visit.spoken) for key in dict.fromkeys(failures)]
    return visit.page("duty/others.html", groups=groups, failures=told_of, most=MOST)


def _line(words: Words, listing: Listing, row: dict[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    shown = {name: value for name, value in row.items() if name != state_field(listing.subject)}
    link = f"/duty/{listing.subject}/{quote(row['id'], safe='')}"
    return link, list(words.of_row(listing.subject, shown))[:_SHOWN] or [(words.type(listing.subject), "—")]


def begun_about_child(visit: Visit) -> list[Step]:
    """Steps of the visitor's that make a row about a child on file."""
    steps = steps_in(visit.desk.seen(visit.session))
    return [step for step in steps if step.creates and step.about == "Child"]


def finds(visit: Visit) -> bool:
    """Whether the visitor does anything about a child or its file, and finds one by its number."""
    does = begun_about_child(visit) or of_files(visit.desk.seen(visit.session))
    return bool(does) and bool(_purposes(visit))


def _purposes(visit: Visit) -> list[str]:
    """Purposes for which the visitor may find a child by its number, the chosen one first.

    Who may apply for a child need not be able to find it for that purpose; the id of the child is the same for all.
    """
    desk, session = visit.desk, visit.session
    held = [name for name in desk.purposes(session.credential) if not desk.policy().case_required(name)]
    every = dict.fromkeys((session.purpose, *held))
    return [name for name in every if "citizenId" in fields(desk.seen(replace(session, purpose=name)), "Child")]


async def child_page(visit: Visit) -> Response:
    """What may be begun about the child that has the number, and the rows of its file of which a step may be taken."""
    begun = begun_about_child(visit)
    if not finds(visit):
        raise Problem(403, "not_your_step")
    number, child = dict(visit.pairs).get("number", "").strip(), None
    for purpose in _purposes(visit):
        told = await visit.desk.ask(replace(visit.session, purpose=purpose), _CHILD, {"number": number})
        found = (told.data or {}).get("child")
        if found is not None:
            child = found["id"]
            break
    groups = [] if child is None else await rows_of_child(visit, child)
    return visit.page("duty/child.html", 404 if child is None else 200, child=child, begun=begun, groups=groups)
