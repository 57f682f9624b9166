"""``/duty/...`` -> what waits for a unit, a row as it may read it, and the steps that it may take of it.

Guarantee: everything shown was answered by the pipeline to the unit itself; a step is taken as any client takes it, and
what the hub says of it is shown as it is: receipt, refusal, or conflict with both versions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import BaseRoute

from hub.events.unbegun import UNBEGUN, Unbegun
from hub.lifecycle.signatures import ABOUT, IDEMPOTENCY
from hub.lifecycle.step import Deadline, Step
from hub.lifecycle.steps import DEADLINES, STEPS
from hub.pages.desk import Told
from hub.pages.desk_routes import Opened, Visit, at
from hub.pages.duty import belonging, further, held, letters
from hub.pages.duty.duplicates import Proposal, proposals
from hub.pages.duty.failing import first_of, sentence
from hub.pages.duty.fields import WAS, Field, document_of, fields_of, hidden_of, input_of
from hub.pages.duty.limits import instant
from hub.pages.duty.options import divisions, units
from hub.pages.duty.revising import fitting, overtaken, pairs_of, standing
from hub.pages.duty.shown import Words, length, place
from hub.pages.duty.unlisted import unlisted
from hub.pages.duty.waiting import ELSEWHERE, Waiting, fits, listings, selection, steps_in, taken, waiting
from hub.pages.forms import Problem
from hub.pages.words import word
from schema.catalogue import TYPES

_FIRST: Final = 10
"""Rows without a clock that stand open, the rest behind a click; one whose clock runs is never hidden."""
_OVERDUE: Final = "{ me { overdue { clock clockZh clause at id type division quarter } } }"
Given = Mapping[str, Sequence[str]]


def duty_routes(opened: Opened) -> list[BaseRoute]:
    """The routes below ``/duty``."""

    return [
        at(opened, "/", _overview),
        at(opened, "/others", further.others_page),
        at(opened, "/held", held.held_page),
        at(opened, "/webhooks", letters.letters_page),
        at(opened, "/webhooks", letters.again_page, "POST"),
        at(opened, "/child", further.child_page, "POST"),
        at(opened, "/enrolment", belonging.enrolment_page, "POST"),
        at(opened, "/new/{step}", _new),
        at(opened, "/new/{step}", _make, "POST"),
        at(opened, "/{subject}/{id}", _row),
        at(opened, "/{subject}/{id}/{step}", _take, "POST"),
    ]


async def _overview(visit: Visit) -> Response:
    view, now = visit.desk.seen(visit.session), visit.desk.clock()
    groups, failures, known = [], [], dict[str, dict[str, Any]]()
    words, steps = Words(view=view, names=visit.names), steps_in(view)
    for listing in listings(view):
        told = await visit.desk.ask(visit.session, listing.document, listing.variables)
        if told.data is None or told.data[listing.root] is None:
            failures.append(told)
            continue
        found = told.data[listing.root]
        rows = waiting(listing.subject, [edge["node"] for edge in found["edges"]], steps, visit.desk.limits)
        items = [_item(visit, words, row, now) for row in rows]
        known |= {row_id: item for row, item in zip(rows, items, strict=True) for row_id in _ids(row)}
        title = f"{words.type(listing.subject)} · {words.stands(listing.subject, listing.state)}"
        more = found["pageInfo"]["hasNextPage"]
        groups.append({"title": title, "items": items, "first": _open(items), "more": more, "told": told})
    more_groups, more_failures = await unlisted(visit, words, now)
    groups, failures = [*groups, *more_groups], [*failures, *more_failures]
    late = await visit.desk.ask(visit.session, _OVERDUE)
    overdue = (late.data or {}).get("me", {}).get("overdue")
    if overdue is None:
        failures.append(late)
    begun = [step for step in steps if step.creates and step.about is None and not _elsewhere(step)]
    return visit.page(
        "duty/overview.html",
        groups=groups,
        held=await held.notice(visit),
        letters=await letters.count(visit),
        overdue=[_late(words, row, known.get(row["id"])) for row in overdue or ()],
        failures=list({failed["words"]: failed for failed in (message(told, visit) for told in failures)}.values()),
        begun=begun,
        others=any(True for _ in further.others(view)),
        by_child=further.finds(visit),
        by_enrolment=bool(belonging.begun_about_enrolment(view)),
        any_waits=bool(overdue) or any(group["items"] for group in groups),
        now=now,
    )


def _ids(waiting: Waiting) -> list[str]:
    """By which a clock may name the row: its own id, or that of the incident of a report."""
    return [waiting.row["id"], *([incident["id"]] if (incident := waiting.row.get("incident")) else [])]


def _late(words: Words, row: Mapping[str, Any], item: Mapping[str, Any] | None) -> dict[str, Any]:
    """A clock that ran out, in words; ``item``: its row among those that wait, if it stands there."""
    ends: Mapping[str, Deadline | Unbegun] = {**DEADLINES, **UNBEGUN}
    named = ends[row["clock"]].en if words.names.spoken == "en" and row["clock"] in ends else row["clockZh"]
    if row["division"] is not None:
        # Nothing is there that could be opened: who has not begun stands on the survey's own page.
        which = [place(words.names, row["division"]), row["quarter"]]
        return {
            **row,
            "named": named,
            "of": words.type(row["type"]),
            "at": instant(row["at"]),
            "waited": None,
            "left": None,
            "link": "/survey/",
            "which": which,
        }
    link = f"/duty/{row['type']}/{quote(row['id'], safe='')}" if item is None else item["link"]
    which = [text for _, text in item["facts"][:4]] if item is not None else []
    # A row may wait for two things; of the one that is not due first, only when the alarm was raised is known here.
    own = item if item is not None and item["overdue"] and item["clock"].name == row["clock"] else None
    return {
        "named": named,
        "of": words.type(row["type"]),
        "clause": row["clause"],
        "at": instant(row["at"]),
        "waited": None if own is None else own["waited"],
        "left": None if own is None else own["left"],
        "link": link,
        "which": which,
    }


def _open(items: Sequence[Mapping[str, Any]]) -> int:
    return sum(item["clock"] is not None for item in items) + _FIRST


def _elsewhere(step: Step) -> bool:
    """A report in danger has a page of its own, and so has reconciliation."""
    return step.name == "reportConcern" or step.cycle == ELSEWHERE


def _item(visit: Visit, words: Words, waiting: Waiting, now: datetime) -> dict[str, Any]:
    due = waiting.due
    row = {name: value for name, value in waiting.row.items() if name != _state_field(waiting.steps[0])}
    facts = [(name, text) for name, text in words.of_row(waiting.subject, row)]
    return {
        "link": f"/duty/{waiting.subject}/{quote(waiting.row['id'], safe='')}",
        "state": words.stands(waiting.subject, waiting.state),
        "facts": facts[:6],
        "steps": waiting.steps,
        "waited": None if due is None else length(visit.names, now - due.since),
        "left": None if due is None else length(visit.names, abs(due.until - now)),
        "overdue": due is not None and due.until < now,
        "clock": due,
    }


def _state_field(step: Step) -> str:
    return str(step.state).partition(".")[2]


async def _row(visit: Visit) -> Response:
    return await _shown(visit, visit.path["subject"], visit.path["id"])


async def _shown(
    visit: Visit, subject: str, row_id: str, *, status: int = 200, failed: Told | None = None, tried: str = ""
) -> Response:
    """A row with the forms of the steps that are lawful of it; ``failed``: what was refused just now, and why."""
    view, row = visit.desk.seen(visit.session), await _read(visit, subject, row_id)
    words = Words(view=view, names=visit.names)
    open_ = [step for step in steps_in(view) if step.subject == subject and not step.creates]
    # What leads on stands first: an official in a hurry takes the step that is due, not a correction.
    open_.sort(key=lambda step: not step.moves or bool(step.into))
    near = await proposals(visit, row, open_) if subject == "MandatoryReport" else ()
    given = _given(visit, failed) if tried else {}
    forms = [_form(visit, step, row, given if step.name == tried else {}, near) for step in open_ if lawful(step, row)]
    return visit.page(
        "duty/row.html",
        status,
        title=words.type(subject),
        place=words.summary,
        facts=list(words.of_row(subject, row)),
        state=_state(words, open_, row),
        forms=forms,
        begun=_begun_about(visit, subject, row_id),
        near=near,
        failed=None if failed is None else message(failed, visit),
        versions=_versions(words, tried, row, given) if failed is not None and failed.code == "CONFLICT" else (),
        tried=tried,
        path=f"/duty/{subject}/{quote(row_id, safe='')}",
    )


def _begun_about(visit: Visit, subject: str, row_id: str) -> list[tuple[Step, str]]:
    """Steps that make a row about this one, and where their forms are."""
    steps = (step for step in steps_in(visit.desk.seen(visit.session)) if step.creates and step.about == subject)
    return [(step, f"/duty/new/{step.name}?{ABOUT[subject]}={quote(row_id, safe='')}") for step in steps]


async def _read(visit: Visit, subject: str, row_id: str) -> dict[str, Any]:
    """The row as it stands, as this unit may read it; raises ``Problem``."""
    if subject not in TYPES:
        raise Problem(404, "no_row")
    chosen = selection(visit.desk.seen(visit.session), subject, whole=True)
    document = f"query Row($id: ID!) {{ node(id: $id) {{ __typename ... on {subject} {{ {chosen} }} }} }}"
    told = await visit.desk.ask(visit.session, document, {"id": row_id})
    if told.status == 503:
        raise Problem(503, "source_down")
    found = (told.data or {}).get("node")
    if not found or found["__typename"] != subject:
        raise Problem(404, "no_row")
    return {name: value for name, value in found.items() if name != "__typename"}


def lawful(step: Step, row: Mapping[str, Any]) -> bool:
    """Whether the row stands so, as far as the caller sees it; the hub decides."""
    own = step.state is not None and step.state.startswith(f"{step.subject}.") and _state_field(step) in row
    # A state that is null is one: an application that no court has accepted yet. One that is closed decides nothing.
    return (
        (not own or not step.origin or row[_state_field(step)] in step.origin)
        and fits(step, row)
        and not taken(step, row)
    )


def _state(words: Words, steps: Sequence[Step], row: Mapping[str, Any]) -> str:
    named = next((step for step in steps if step.state and _state_field(step) in row), None)
    return "" if named is None else words.stands(named.subject, row[_state_field(named)])


def _form(
    visit: Visit, step: Step, row: Mapping[str, Any], given: Given, near: Sequence[Proposal] = ()
) -> dict[str, Any]:
    view = visit.desk.seen(visit.session)
    # An act of which it is not known whether it was done keeps its name: sent again, it is done once.
    about = {name: given[name][0] for name in (*ABOUT.values(), IDEMPOTENCY) if given.get(name)}
    held = {**about, "id": str(row.get("id", "")), "expected": str(row.get(_state_field(step)) or "")}
    stands = fitting(_controls(visit, fields_of(view, step, {})), standing(step, row))
    return {
        "step": step,
        "fields": _controls(visit, fields_of(view, step, given or stands)),
        "hidden": [*hidden_of(view, step, held).items(), *pairs_of(stands)],
        "near": near,
    }


def _controls(visit: Visit, fields: Sequence[Field]) -> list[tuple[Field, Any]]:
    """Fields with what they offer: places and units by name."""
    offered = {"division": divisions, "unit": units}
    return [(field, offered[field.kind](visit) if field.kind in offered else ()) for field in fields]


def _versions(words: Words, tried: str, row: Mapping[str, Any], given: Given) -> list[tuple[str, str, str]]:
    """What the writer saw or gave, beside what stands there now."""
    step = STEPS[tried]
    field = _state_field(step)
    expected = next(iter(given.get("expected", ())), "")
    found: list[tuple[str, str, str]] = []
    if step.state == f"{step.subject}.{field}":
        found.append((words.field(step.subject, field), words.state(step, expected), _state(words, [step], row)))
    for change in step.changes:
        now = row if change.relation == step.subject else row.get("incident") or {}
        for name in (*change.needs, *change.may):
            values = [value for value in given.get(name, ()) if value]
            if values and not name.startswith("_") and name in now:
                stands = "—" if now[name] in (None, []) else words.value(change.relation, name, now[name])
                found.append((words.field(change.relation, name), "、".join(values), stands))
    return found


async def _take(visit: Visit) -> Response:
    subject, row_id, step = visit.path["subject"], visit.path["id"], _step(visit)
    given = _given(visit)
    if any(name.startswith(WAS) for name in given) and overtaken(step, await _read(visit, subject, row_id), given):
        return await _shown(visit, subject, row_id, status=409, failed=_overtaken(step), tried=step.name)
    told = await _asked(visit, step)
    if told.data is None or told.data[step.name] is None:
        return await _shown(visit, subject, row_id, status=told.status, failed=told, tried=step.name)
    return _done(visit, step, told, f"/duty/{subject}/{quote(row_id, safe='')}")


def _overtaken(step: Step) -> Told:
    """What the official is told whose field somebody else has changed since the form was shown."""
    facts = {"code": "CONFLICT", "messageZh": word("overtaken", "zh"), "clause": step.clause}
    return Told(status=409, data=None, errors=({"message": word("overtaken", "en"), "extensions": facts},))


async def _new(visit: Visit) -> Response:
    about = {name: [visit.query[name]] for name in ABOUT.values() if name in visit.query}
    return _made(visit, _step(visit), about, None)


async def _make(visit: Visit) -> Response:
    step = _step(visit)
    told = await _asked(visit, step)
    if told.data is None or told.data[step.name] is None:
        return _made(visit, step, _given(visit, told), told)
    row = next((value for value in told.data[step.name].values() if isinstance(value, dict) and "id" in value), None)
    link = f"/duty/{step.subject}/{quote(row['id'], safe='')}" if row else "/duty/"
    return _done(visit, step, told, link)


def _made(visit: Visit, step: Step, given: Given, failed: Told | None) -> Response:
    return visit.page(
        "duty/new.html",
        200 if failed is None else failed.status,
        form=_form(visit, step, {}, given),
        failed=None if failed is None else message(failed, visit),
        place=str,
    )


async def _asked(visit: Visit, step: Step) -> Told:
    view = visit.desk.seen(visit.session)
    given = {"input": input_of(view, step, _given(visit))}
    return await visit.desk.ask(visit.session, document_of(view, step), given)


def _done(visit: Visit, step: Step, told: Told, link: str) -> Response:
    assert told.data is not None
    taken = told.data[step.name]
    receipts = [told.extensions.get("receipt"), *told.extensions.get("written", ())]
    return visit.page(
        "duty/done.html",
        step=step,
        again=taken["again"],
        following=taken["lawful"],
        receipts=[receipt for receipt in receipts if receipt],
        link=link,
    )


def _step(visit: Visit) -> Step:
    """The step that the path names, if it is open to the unit; raises ``Problem``."""
    found = {step.name: step for step in steps_in(visit.desk.seen(visit.session))}.get(visit.path["step"])
    if found is None:
        raise Problem(403, "not_your_step")
    return found


def _given(visit: Visit, failed: Told | None = None) -> Given:
    """The form as it came; after a conflict it is another act."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, value in visit.pairs:
        found[name].append(value)
    if failed is not None and failed.code == "CONFLICT":
        found.pop(IDEMPOTENCY, None)
    return found


def message(told: Told, visit: Visit) -> dict[str, Any]:
    """The first error in the language of the page, with its code and clause."""
    error = first_of(told)
    facts = error["extensions"]
    return {"code": facts["code"], "words": sentence(error, visit.spoken), "clause": facts.get("clause", "")}
