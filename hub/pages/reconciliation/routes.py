"""``/reconciliation/`` -> what waits to be decided, answered or judged, with both sides; and comparisons on their way.

Guarantee: items are what the pipeline answers to the unit, steps are taken as any client takes them, and what the hub
says of one is shown as it is. How far a comparison is comes from its order: numbers of rows, for who may place one.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import BaseRoute

from hub.lifecycle.signatures import IDEMPOTENCY
from hub.lifecycle.step import Step
from hub.pages.desk import Told
from hub.pages.desk_routes import Opened, Visit, at
from hub.pages.duty.fields import document_of, input_of
from hub.pages.duty.routes import message
from hub.pages.duty.shown import Words
from hub.pages.duty.waiting import steps_in
from hub.pages.forms import Problem
from hub.pages.reconciliation.lists import Listed, document, lawful, lists, orders
from hub.pages.reconciliation.shown import evidence, lines
from hub.pages.words import word
from hub.reconcile.links import CLASS
from hub.reconcile.store import StoreError

REFRESH = 3
"""Seconds after which a page is asked for again while a comparison is on its way."""


def reconciliation_routes(opened: Opened) -> list[BaseRoute]:
    """The routes below ``/reconciliation``."""
    return [
        at(opened, "/", _page),
        at(opened, "/order/{step}", _take, "POST"),
        at(opened, "/{id}/{step}", _take, "POST"),
    ]


async def _page(visit: Visit) -> Response:
    return await _shown(visit, visit.query.get("list", ""), visit.query.get("after"))


async def _shown(
    visit: Visit, name: str, after: str | None, taken: Told | None = None, step: Step | None = None
) -> Response:
    """A list with the forms of its rows; ``taken``: what the hub said of a step just now."""
    view = visit.desk.seen(visit.session)
    found = lists(view, visit.session.credential.key)
    listed = next((one for one in found if one.name == name), found[0] if found else None)
    told = None if listed is None else await _asked_for(visit, listed, after)
    ordered, running = await _orders(visit)
    data = None if told is None or told.data is None else told.data["reconciliationItems"]
    shown = visit.page(
        "reconciliation/list.html",
        200 if taken is None else taken.status,
        lists=found,
        listed=listed,
        items=[] if data is None else [_item(visit, edge["node"]) for edge in data["edges"]],
        more=data["pageInfo"]["endCursor"] if data is not None and data["pageInfo"]["hasNextPage"] else None,
        missing=None if told is None or data is not None else message(told, visit),
        orders=[(one, secrets.token_urlsafe(16)) for one in orders(view)],
        ordered=ordered,
        taken=_taken(visit, taken, step),
        failed=None if taken is None or taken.data is not None else message(taken, visit),
    )
    if running and step is None:
        shown.headers["Refresh"] = str(REFRESH)
    return shown


async def _asked_for(visit: Visit, listed: Listed, after: str | None) -> Told:
    asked = {"filter": listed.where, "after": after}
    return await visit.desk.ask(visit.session, document(visit.desk.seen(visit.session)), asked)


async def _orders(visit: Visit) -> tuple[list[dict[str, Any]] | None, bool]:
    """Comparisons as they stand (None: that cannot be told), and whether one is on its way.

    Nothing for who may not place one.
    """
    if not orders(visit.desk.seen(visit.session)):
        return [], False
    try:
        every = await visit.desk.orders() if visit.desk.orders is not None else None
    except StoreError:
        every = None
    if every is None:
        return None, False
    shown = [
        {
            "order": one,
            "state": word(f"rec_{one.status}", visit.spoken),
            "by": visit.names.unit(one.unit),
            "percent": min(100, one.done * 100 // one.whole) if one.whole else None,
            "counts": _counts(visit, one.counts),
        }
        for one in every
    ]
    return shown, any(one.status in ("QUEUED", "RUNNING") for one in every)


def _counts(visit: Visit, counts: str | None) -> list[tuple[str, int]]:
    found = json.loads(counts) if counts else {}
    named = ("candidates", "new", "reopened", "corrected")
    return [(word(f"rec_{name}_count", visit.spoken), found[name]) for name in named if name in found]


def _item(visit: Visit, row: Mapping[str, Any]) -> dict[str, Any]:
    view, key = visit.desk.seen(visit.session), visit.session.credential.key
    words = Words(view=view, names=visit.names)
    kind = row.get("discrepancyClass")
    return {
        "id": quote(row["id"], safe=""),
        "row": row,
        "title": "" if kind is None else words.value("ReconciliationItem", "discrepancyClass", kind),
        "state": _state(visit, words, row),
        "unit": visit.names.unit(row["answeringUnit"]) if row.get("answeringUnit") else "",
        "child": list(words.of_row("Child", row.get("child") or {})),
        "lines": list(lines(row, visit.names)),
        "evidence": evidence(row, visit.names),
        "steps": [(step, secrets.token_urlsafe(16)) for step in lawful(view, key, row)],
    }


def _state(visit: Visit, words: Words, row: Mapping[str, Any]) -> str:
    """How the item stands; of a candidate what was decided."""
    if row.get("status") is None:
        return ""
    if row.get("discrepancyClass") == CLASS:
        return word(f"rec_link_{row['status']}", visit.spoken)
    return words.value("ReconciliationItem", "status", row["status"])


def _taken(visit: Visit, told: Told | None, step: Step | None) -> dict[str, Any] | None:
    if told is None or told.data is None or step is None:
        return None
    receipts = [told.extensions.get("receipt"), *told.extensions.get("written", ())]
    return {
        "step": step,
        "again": told.data[step.name]["again"],
        "receipts": [receipt for receipt in receipts if receipt],
    }


async def _take(visit: Visit) -> Response:
    view = visit.desk.seen(visit.session)
    step = next((one for one in steps_in(view) if one.name == visit.path["step"]), None)
    if step is None or step.cycle != "reconciliation":
        raise Problem(403, "not_your_step")
    sent = dict(visit.pairs)
    given = {name: [sent[name]] for name in (IDEMPOTENCY, "expected", "reason") if sent.get(name)}
    if not step.creates:
        given["id"] = [visit.path["id"]]
    told = await visit.desk.ask(visit.session, document_of(view, step), {"input": input_of(view, step, given)})
    return await _shown(visit, sent.get("list", ""), None, told, step)
