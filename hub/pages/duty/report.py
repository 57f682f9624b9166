"""``/report`` -> the form by which a child in danger is reported, from a telephone's screen, and how own reports stand.

Guarantee: a place and a sentence suffice; sent twice, it is one report; one that is not accepted is said at once not to
be, with whom to call, and what was written stays in the form under the same key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import BaseRoute

from hub.lifecycle.steps import STEPS
from hub.pages.desk import Desk, Told
from hub.pages.desk_routes import Opened, Visit, at, framed
from hub.pages.duty.failing import first_of, sentence
from hub.pages.duty.fields import document_of, fields_of, hidden_of, input_of
from hub.pages.duty.options import divisions
from hub.pages.duty.shown import Words
from hub.pages.duty.waiting import fields, selection
from hub.pages.forms import Problem
from hub.pages.words import Language

_STEP: Final = STEPS["reportConcern"]
_PURPOSE: Final = "emergency_response"
_FIRST: Final = ("divisionCode", "placeAddress", "narrative")
"""Fields at the top of the form; the others may be opened."""
_MOST: Final = 20


def report_routes(opened: Opened) -> list[BaseRoute]:
    """The routes below ``/report``."""
    return [
        at(opened, "/", _form, broken=_unaccepted),
        at(opened, "/", _send, "POST", broken=_unaccepted),
    ]


def _unaccepted(desk: Desk, spoken: Language) -> Response:
    """The hub's own database does not answer: nobody can be known, and nothing can be entered."""
    return framed(desk, "duty/unaccepted.html", spoken, 503, outage="report_unaccepted")


async def _form(visit: Visit) -> Response:
    return await _page(_reporter(visit), {}, None)


async def _send(visit: Visit) -> Response:
    visit = _reporter(visit)
    given: dict[str, list[str]] = defaultdict(list)
    for name, value in visit.pairs:
        given[name].append(value)
    view = visit.desk.seen(visit.session)
    told = await visit.desk.ask(visit.session, document_of(view, _STEP), {"input": input_of(view, _STEP, given)})
    if told.data is None or told.data[_STEP.name] is None:
        return await _page(visit, given, told)
    receipts = [*told.extensions.get("written", ()), told.extensions.get("receipt")]
    return visit.page(
        "duty/reported.html", again=told.data[_STEP.name]["again"], receipts=[one for one in receipts if one]
    )


def _reporter(visit: Visit) -> Visit:
    """The visit for the purpose of reporting, whatever else was chosen; raises ``Problem``."""
    credential = visit.session.credential
    if _PURPOSE not in credential.purposes or not _STEP.purposes(credential.unit):
        raise Problem(403, "no_reporting")
    return replace(visit, session=replace(visit.session, purpose=_PURPOSE))


async def _page(visit: Visit, given: Mapping[str, Sequence[str]], failed: Told | None) -> Response:
    view = visit.desk.seen(visit.session)
    shown = {"divisionCode": [_place(visit)], **given}
    controls = [
        (field, divisions(visit) if field.kind == "division" else ()) for field in fields_of(view, _STEP, shown)
    ]
    first = [next(pair for pair in controls if pair[0].name == name) for name in _FIRST]
    key = next(iter(given.get("idempotencyKey", ())), "")
    own, out = await _own(visit)
    return visit.page(
        "duty/report.html",
        200 if failed is None else failed.status,
        first=first,
        rest=[pair for pair in controls if pair not in first],
        hidden=hidden_of(view, _STEP, {"idempotencyKey": key} if key else {}),
        failed=None if failed is None else _failure(failed, visit),
        own=own,
        out=out,
    )


def _place(visit: Visit) -> str:
    """Where the reporter is: its village, its town, or its institution's."""
    credential = visit.session.credential
    institution = visit.desk.policy().institutions.get(credential.institution or "")
    return credential.division or (institution.division if institution else "")


def _failure(told: Told, visit: Visit) -> dict[str, Any]:
    """What went wrong; ``accepted``: false, null where that cannot be told, or absent of a report that is malformed."""
    error = first_of(told)
    facts = error["extensions"]
    return {"words": sentence(error, visit.spoken), "outage": told.status == 503, "state": _outage_of(facts)}


def _outage_of(facts: Mapping[str, Any]) -> str:
    """The key of what is said of a report that did not arrive."""
    if facts.get("held"):
        return "report_held"
    return "report_open" if facts.get("accepted", False) is None else "report_unaccepted"


async def _own(visit: Visit) -> tuple[list[dict[str, Any]], bool]:
    """The newest reports that the unit may see, and whether the police database is out."""
    view = visit.desk.seen(visit.session)
    if "mandatoryReports" not in (view.query_type.fields if view.query_type else {}):
        return [], False
    order = (
        ", orderBy: [{field: REPORTED_AT, direction: DESC}]" if "reportedAt" in fields(view, "MandatoryReport") else ""
    )
    chosen = " ".join(name for name in selection(view, "MandatoryReport").split(" incident")[0].split())
    told = await visit.desk.ask(
        visit.session, f"{{ mandatoryReports(first: {_MOST}{order}) {{ edges {{ node {{ {chosen} }} }} }} }}"
    )
    if told.data is None or told.data["mandatoryReports"] is None:
        return [], told.status == 503 or told.code == "SOURCE_UNAVAILABLE"
    words = Words(view=view, names=visit.names)
    return [_line(words, edge["node"]) for edge in told.data["mandatoryReports"]["edges"]], False


def _line(words: Words, row: Mapping[str, Any]) -> dict[str, Any]:
    facts = {name: value for name, value in row.items() if name != "status"}
    return {
        "state": words.state(_STEP, row["status"]) if row.get("status") else "—",
        "facts": list(words.of_row("MandatoryReport", facts)),
    }
