"""Identity, Document -> Answer: a step of a life cycle, from the right to what its writer may read of it afterwards.

    right     which lines open the step                             hub/lifecycle/rights.py
    payload   the answer's plan, refused while nothing is written   hub/planner/payload.py
    given     the input, ids opened                                 hub/lifecycle/asked.py
    take      intent entry, write, outcome entry                    hub/lifecycle/write.py
    read      the row, as any query reads it                        hub/batches.py
    record    the entry of what the answer releases                 hub/recording.py

An operation takes one step. Guarantee: a step that is acknowledged is in its department and in the log; whatever is
refused is said with its reason, and a report that is not accepted is said to be so with the numbers to call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from hub.batch import links_of
from hub.batches import act_of, read_batch
from hub.calls import Call, read_call
from hub.document import Document
from hub.entitlements import Entitlements
from hub.errors import HubError, OutageError, RefusalError
from hub.identity import Identity
from hub.lifecycle.asked import asked_of
from hub.lifecycle.guard import lawful
from hub.lifecycle.rights import rights_of
from hub.lifecycle.step import Step
from hub.lifecycle.steps import STEPS
from hub.lifecycle.unaccepted import unaccepted
from hub.lifecycle.way import Taken
from hub.planner.payload import Entry, Payload, Told, compile_payload
from hub.planner.plan import RowsRoot
from hub.response import Answer, respond

if TYPE_CHECKING:
    from hub.hub import Hub


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRequest:
    """A request for a step, as far as it is understood."""

    identity: Identity
    request_id: str
    operation: str
    document: Document
    denied: Literal["refuse", "null"]


async def take_step(hub: Hub, ordered: StepRequest, entitlements: Entitlements) -> Answer:
    """The answer to a mutation; raises ``HubError`` or ``RefusedError`` if the step was not taken."""
    with hub.stage("compile"):
        payload, step = _compiled(hub, ordered, entitlements)
        seal = hub.seals.of(ordered.identity.key)
        asked = asked_of(step, payload.given, seal, ordered.request_id)
        call = _call(hub, ordered, payload, step, entitlements)
    with hub.stage("write"):
        taken = await _taken(hub, ordered.identity, step, asked)
    call.wishes = {key: None if wish is None else replace(wish, key=taken.subject) for key, wish in call.wishes.items()}
    return await _answer(hub, call, payload, step, taken)


def _compiled(hub: Hub, ordered: StepRequest, entitlements: Entitlements) -> tuple[Payload, Step]:
    document = ordered.document
    payload = compile_payload(
        schema=hub.schema,
        operation=document.operation,
        fragments=document.fragments,
        variables=document.values,
        # Who may not take the step is told that, and not what of its answer would be closed.
        entitled=lambda name: rights_of(entitlements.policy, ordered.identity, STEPS[name]),
        entitlements=entitlements,
        refuse=ordered.denied == "refuse",
    )
    step = STEPS[payload.step]
    reaches = [reach for root in payload.plan.roots if isinstance(root, RowsRoot) for reach in root.reaches.values()]
    if step.reports and any(True for reach in reaches for _ in links_of(reach)):
        # The entry of a report names neither author nor child: it cannot cover a look at anything else.
        message = f"what `{step.name}` answers holds fields of the report alone, ask for what belongs to it apart"
        raise RefusalError("INVALID_DOCUMENT", message, step=step.name)
    return payload, step


def _call(hub: Hub, ordered: StepRequest, payload: Payload, step: Step, entitlements: Entitlements) -> Call:
    call = read_call(hub, ordered.identity, ordered.request_id, ordered.document, payload.plan, entitlements)
    call.operation, call.path, call.reports = ordered.operation, (payload.key,), step.reports
    return call


async def _taken(hub: Hub, identity: Identity, step: Step, asked: Any) -> Taken:
    try:
        if hub.writing is None:
            raise OutageError("SOURCE_UNAVAILABLE", "no department takes writes from this hub")
        if step.reports and hub.held is not None:
            return await hub.held.take(identity, asked)
        return await hub.writing.take(identity, asked)
    except OutageError as outage:
        raise unaccepted(step, outage, hub.duty_phone) from None


async def _answer(hub: Hub, call: Call, payload: Payload, step: Step, taken: Taken) -> Answer:
    [found] = await read_batch(hub, [call])
    entries = hub.recording.entries(act_of(call), found.told)
    try:
        # INVARIANT 2: no entry, no answer. The step stays taken; sent again under its key, it answers then.
        receipts = await hub.recording.record(entries)
    except HubError as outage:
        return respond(None, (unaccepted(step, outage, hub.duty_phone, open_=True),))
    told = _told(call.identity, step, taken, hub.entitlements(call.identity.unit, call.identity.purpose))
    data = {entry.key: _value(entry, found.data, told) for entry in payload.entries}
    words = dict.fromkeys(payload.words, "Mutation")
    return respond({payload.key: data, **words}, found.errors, *receipts, written=taken.receipts)


def _value(entry: Entry, rows: Mapping[str, Any], told: Mapping[str, Any]) -> Any:
    if not isinstance(entry, Told):
        return rows[entry.key]
    value = told[entry.name]
    if not entry.fields:
        return value
    return [{key: each[name] for key, name in entry.fields} for each in value]


def _told(identity: Identity, step: Step, taken: Taken, entitlements: Entitlements) -> Mapping[str, Any]:
    """What the step tells of itself; what is lawful next says how the row stands, so only who reads that is told."""
    known = taken.state is not None and step.state is not None and entitlements.reads(step.state)
    following = lawful(identity.unit, step, taken.state) if known else ()
    following = tuple(each for each in following if each is not step or not step.once)
    return {
        "step": step.name,
        "again": taken.again,
        "lawful": [
            {
                "name": each.name,
                "nameZh": each.zh,
                "nameEn": each.en,
                "clause": each.clause,
                "__typename": "LawfulStep",
            }
            for each in following
        ],
    }
