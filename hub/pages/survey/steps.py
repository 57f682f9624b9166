"""A submission, the unit that is signed in -> the steps that it may take of it, as forms, and what came of one.

Guarantee: a step is taken as any client takes it, under the key that its form was shown with, so that a form sent twice
is one step; where the row has changed since the form was shown nothing is done, and both versions are told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from hub.lifecycle.step import Step
from hub.lifecycle.steps import STEPS
from hub.pages.desk import Told
from hub.pages.desk_routes import Visit
from hub.pages.duty.fields import document_of, fields_of, hidden_of, input_of
from hub.pages.duty.routes import lawful, message
from hub.pages.duty.shown import Words
from hub.pages.duty.waiting import steps_in
from hub.pages.forms import Problem
from hub.pages.survey.asking import submission, surveyor
from hub.survey.register import Node

SUBJECT: Final = "SurveySubmission"
BEGIN: Final = STEPS["beginSurvey"]
BEGIN_LAST: Final = STEPS["beginLastSurvey"]
Given = Mapping[str, Sequence[str]]


def forms(visit: Visit, row: Node, given: Given | None = None, tried: str = "") -> list[dict[str, Any]]:
    """The forms of the steps that are lawful of the row as it stands; ``tried`` shows what was ``given`` before."""
    own = "VILLAGE" if row["level"] == "VILLAGE" else "TOWN"
    return [
        form(visit, step, row, (given or {}) if step.name == tried else {})
        for step in steps_in(visit.desk.seen(visit.session))
        if step.subject == SUBJECT and not step.creates and lawful(step, row) and _LEVELS.get(step.name, own) == own
    ]


_LEVELS: Final[Mapping[str, str]] = {
    "summariseSurvey": "TOWN",
    "returnToVillage": "VILLAGE",
    "includeVillage": "VILLAGE",
}
"""Whose submissions a step is about, where its state alone does not say: the hub refuses it of others."""


def form(visit: Visit, step: Step, row: Node | None, given: Given) -> dict[str, Any]:
    """A step's form: ``row`` is None for one that makes a row."""
    view = visit.desk.seen(visit.session)
    held = {} if row is None else {"id": str(row["id"]), "expected": str(row["status"])}
    shown = {"preparedBy": [(row or {}).get("preparedBy") or ""], **given}
    return {"step": step, "fields": fields_of(view, step, shown), "hidden": hidden_of(view, step, held)}


async def row_page(visit: Visit) -> Response:
    """A submission with what may be done about it."""
    visit = surveyor(visit)
    return _shown(visit, await submission(visit, visit.path["id"]))


async def take(visit: Visit) -> Response:
    """A step of a submission."""
    visit, step = surveyor(visit), _step(visit)
    told = await _asked(visit, step)
    if told.data is None or told.data[step.name] is None:
        row = await submission(visit, visit.path["id"])
        return _shown(visit, row, failed=told, tried=step.name)
    return _done(visit, step, told)


async def begin(visit: Visit, step: Step) -> Response:
    """A quarter's submission, made."""
    visit = surveyor(visit)
    told = await _asked(visit, step)
    if told.data is None or told.data[step.name] is None:
        return visit.page("survey/failed.html", told.status, failed=message(told, visit))
    return _done(visit, step, told)


def _shown(visit: Visit, row: Node, *, failed: Told | None = None, tried: str = "") -> Response:
    words = Words(view=visit.desk.seen(visit.session), names=visit.names)
    given = given_of(visit) if tried else {}
    conflict = failed is not None and failed.code == "CONFLICT"
    facts = {name: value for name, value in row.items() if name != "status"}
    return visit.page(
        "survey/row.html",
        200 if failed is None else failed.status,
        state=words.stands(SUBJECT, row["status"]),
        facts=list(words.of_row(SUBJECT, facts)),
        forms=forms(visit, row, given, tried),
        failed=None if failed is None else message(failed, visit),
        versions=_versions(words, STEPS[tried], row, given) if conflict else (),
        tried=tried,
        path=f"/survey/{quote(visit.path['id'], safe='')}",
    )


def _versions(words: Words, step: Step, row: Node, given: Given) -> list[tuple[str, str, str]]:
    """What the writer saw or gave, beside what stands there now."""
    expected = next(iter(given.get("expected", ())), "")
    now = words.stands(SUBJECT, row["status"])
    found = [(words.field(SUBJECT, "status"), words.stands(SUBJECT, expected or None), now)]
    for change in step.changes:
        for name in (*change.needs, *change.may):
            if values := [value for value in given.get(name, ()) if value]:
                stands = "—" if row.get(name) in (None, "") else words.value(SUBJECT, name, row[name])
                found.append((words.field(SUBJECT, name), "、".join(values), stands))
    return found


def _step(visit: Visit) -> Step:
    found = {step.name: step for step in steps_in(visit.desk.seen(visit.session))}.get(visit.path["step"])
    if found is None or found.subject != SUBJECT or found.creates:
        raise Problem(403, "not_your_step")
    return found


async def _asked(visit: Visit, step: Step) -> Told:
    view = visit.desk.seen(visit.session)
    if not any(one.name == step.name for one in steps_in(view)):
        raise Problem(403, "not_your_step")
    given = {**given_of(visit), **({"id": [visit.path["id"]]} if "id" in visit.path else {})}
    return await visit.desk.ask(visit.session, document_of(view, step), {"input": input_of(view, step, given)})


def _done(visit: Visit, step: Step, told: Told) -> Response:
    assert told.data is not None
    receipts = [*told.extensions.get("written", ()), told.extensions.get("receipt")]
    return visit.page(
        "survey/done.html",
        step=step,
        again=told.data[step.name]["again"],
        receipts=[receipt for receipt in receipts if receipt],
    )


def given_of(visit: Visit) -> dict[str, list[str]]:
    """The form's values by field."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, value in visit.pairs:
        found[name].append(value)
    return found
