"""Caller -> rows that wait for a step of its own though they hold no state by which it could ask for them.

A file that a town opened waits until civil affairs accept it; whether it was accepted is a key of the department, and
no field. Guarantee: a row is told of only to who may take the step, if it exists for the caller and it reads since when
it stands so; what a department does not say is an outage, never a shorter list. It stands in the entry of the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from connectors.source import Column, Fetch, Order, Param, Predicate, SourceError
from hub.batch import Batch
from hub.calls import Call
from hub.errors import OutageError
from hub.events.late import MOST, Late, asked, late_of, reach_of, seen
from hub.lifecycle.conditions import CONDITIONS
from hub.lifecycle.rights import open_steps
from hub.lifecycle.step import Step
from hub.lifecycle.steps import STEPS
from hub.planner import facts as f
from hub.planner.formula import Local
from hub.planner.relations import HOME

if TYPE_CHECKING:
    from hub.hub import Hub

FIELD: Final = "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """Rows that satisfy ``where`` wait for ``step``, since the instant in their field ``since`` at the latest."""

    step: Step
    since: str
    where: Predicate

    @property
    def coordinate(self) -> str:
        """What its reader must be able to read."""
        return f"{self.step.subject}.{self.since}"


def _awaited(name: str, since: str, *besides: Predicate) -> Awaited:
    formulas = (CONDITIONS[condition].formula for condition in STEPS[name].conditions)
    where = f.every_of(*besides, *(formula.predicate for formula in formulas if isinstance(formula, Local)))
    return Awaited(step=STEPS[name], since=since, where=where)


AWAITED: Final = (_awaited("acceptFile", "updatedAt", f.is_("_open", True)),)
"""Of a file its last change: when it was opened no department keeps."""


async def told_of(hub: Hub, batch: Batch, call: Call) -> Late | None:
    """What ``me`` tells the caller of rows; None if it does not ask."""
    late, path = await late_of(hub, batch, call), asked(hub, call, FIELD)
    if path is None:
        return late
    found = Late()
    try:
        await _fill(hub, batch, call, found)
    except SourceError as error:
        words = f"what waits cannot be told: source `{error.source}` does not answer"
        found.errors = [OutageError("SOURCE_UNAVAILABLE", words, source=error.source)]
    if found.errors:
        found.errors[0].path = path
        found = Late(waiting=None, errors=found.errors[:1])
    return found if late is None else _both(late, found)


def _both(late: Late, found: Late) -> Late:
    return Late(
        rows=late.rows,
        waiting=found.waiting,
        errors=[*late.errors, *found.errors],
        released=late.released.with_(found.released),
        own=late.own.with_(found.own),
        lines=[*late.lines, *found.lines],
    )


def _open(hub: Hub, call: Call) -> Iterator[Awaited]:
    opened = open_steps(hub.policy, call.identity.unit, call.identity.purpose)
    yield from (one for one in AWAITED if one.step.name in opened and call.entitlements.reads(one.coordinate))


async def _fill(hub: Hub, batch: Batch, call: Call, late: Late) -> None:
    assert late.waiting is not None
    for one in _open(hub, call):
        reach = reach_of(hub, call.entitlements, one.step.subject, one.coordinate)
        late.lines += call.entitlements.read[one.coordinate]
        keys = await _keys(batch, one)
        rows = await seen(batch, call, reach, keys, late)
        late.waiting += [_told(one, rows[key]) for key in keys if key in rows]


async def _keys(batch: Batch, one: Awaited) -> Sequence[str]:
    """The rows, those that have stood so for longest first."""
    fetch = Fetch(
        source=HOME[one.step.subject],
        relation=one.step.subject,
        columns=(Column(name="_key"),),
        where=one.where,
        order=(Order(column=one.since), Order(column="_key")),
        limit=Param("most"),
    )
    return [str(row[0]) for row in await batch.execution.reading.fetch(fetch, {"most": MOST})]


def _told(one: Awaited, row: Mapping[str, Any]) -> Mapping[str, Any]:
    step = one.step
    return {
        "step": step.name,
        "stepZh": step.zh,
        "clause": step.clause,
        "since": row[one.since],
        "id": row["id"],
        "type": step.subject,
    }
