"""Identity, Request -> Answer: the way of a request, one call a stage. Read this first.

    entitlements  Identity -> Entitlements                   hub/entitlements.py
    document      text -> Document                           hub/document.py    (a mutation goes on in hub/mutation.py)
    plan          Document, Entitlements -> Plan             hub/planner/compile.py
    call          Plan, variables -> Call (arguments, cost)  hub/calls.py
    fetch         Plan, Calls -> pages                       hub/batches.py, hub/batch.py (a batch shares statements)
    stitch        Plan, pages -> data, errors, what leaves   hub/answering.py, hub/stitch.py
    record        all of the above -> Receipt                hub/recording.py (durable before the answer leaves)
    respond       data, errors, Receipt -> Answer            hub/response.py

# INVARIANT 2: no entry, no answer. Every way out of ``answer`` passes ``record``; if that fails, no data leave.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hub.calls import read_call
from hub.document import Document
from hub.entitlements import Entitlements
from hub.errors import HubError, InternalError, RefusedError
from hub.hub import Hub
from hub.identity import Identity
from hub.lifecycle.steps import STEPS
from hub.lifecycle.unaccepted import unaccepted
from hub.mutation import StepRequest, take_step
from hub.planner.compile import compile_plan
from hub.planner.plan import Plan
from hub.planner.scopes import OWN_REPORTS
from hub.response import Answer, respond

log = logging.getLogger("hub")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A GraphQL request as it came in."""

    query: str
    operation_name: str | None
    variables: Mapping[str, Any]
    denied: Literal["refuse", "null"]
    request_id: str


async def answer(hub: Hub, identity: Identity, request: Request) -> Answer:
    """The answer to one request; refusals and failures are answers, and entries, too."""
    operation = hub.operation(request.query, request.operation_name)
    own = False
    try:
        with hub.stage("entitle"):
            entitlements = hub.entitlements(identity.unit, identity.purpose)
            own = entitlements.own_alone
        with hub.stage("document"):
            document = await hub.documents.read_apart(request.query, request.operation_name, request.variables)
        if document.writes:
            ordered = StepRequest(
                identity=identity,
                request_id=request.request_id,
                operation=operation,
                document=document,
                denied=request.denied,
            )
            return await take_step(hub, ordered, entitlements)
        with hub.stage("compile"):
            plan = plan_of(hub, document, entitlements, request.denied)
            own = own or plan.scopes == {OWN_REPORTS}
            call = read_call(hub, identity, request.request_id, document, plan, entitlements)
        call.operation = operation
        return await hub.batches.run(call)
    except RefusedError as refused:
        return await refuse(hub, identity, request, operation, refused.errors, own=own)
    except HubError as error:
        return await refuse(hub, identity, request, operation, (error,), own=own)
    except Exception as error:
        # INVARIANT 7: where and of which kind, never an exception's text, which may hold a value.
        stack = "".join(traceback.format_tb(error.__traceback__))
        log.error("internal error in request %s: %s\n%s", request.request_id, type(error).__name__, stack)
        return await refuse(hub, identity, request, operation, (InternalError(),), own=own)


def plan_of(hub: Hub, document: Document, entitlements: Entitlements, denied: Literal["refuse", "null"]) -> Plan:
    """The plan, from the cache or compiled; a refusal is never kept."""
    key = (
        document.digest,
        document.operation_name,
        document.steering,
        denied,
        entitlements.unit,
        entitlements.purpose,
        entitlements.policy.version,
    )
    plan = hub.plans.get(key)
    if plan is None:
        plan = compile_plan(
            schema=hub.schema,
            operation=document.operation,
            fragments=document.fragments,
            variables=document.values,
            entitlements=entitlements,
            refuse=denied == "refuse",
        )
        hub.plans.put(key, plan, document.weight)
    return plan


async def refuse(
    hub: Hub, identity: Identity, request: Request, operation: str, errors: tuple[HubError, ...], *, own: bool = False
) -> Answer:
    """An answer without data, recorded before it leaves; ``own``: it was, or could only be, about own reports."""
    reporting = next((STEPS[name] for name in _written(hub, request) if STEPS[name].reports), None)
    # Whose report was refused, and then not, is as good a hint at the reporter as the report's own entry would be.
    # So is who could not be shown its own reports; who asked for more than is granted is named.
    more = any("coordinate" in error.facts for error in errors)
    of_author = reporting is not None or (own and not more)
    entry = hub.recording.refusal(identity, request.request_id, operation, errors, of_author=of_author)
    try:
        [receipt] = await hub.recording.record([entry])
    except HubError as outage:
        if reporting is None:
            return respond(None, (outage,))
        open_ = any(error.facts.get("accepted", False) is None for error in errors)
        return respond(None, (unaccepted(reporting, outage, hub.duty_phone, open_=open_),))
    return respond(None, errors, receipt)


def _written(hub: Hub, request: Request) -> list[str]:
    """Steps that the document names, whether it is valid or not."""
    return sorted(hub.documents.fields_written(request.query) & STEPS.keys())


__all__ = ["Answer", "Hub", "Request", "answer", "plan_of", "refuse"]
