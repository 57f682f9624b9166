"""Caller -> the clocks that have run out for it: ids, codes and times of the rows that wait, the oldest alarm first.

Guarantee: a row is told of only if the caller would be told of its alarm now: it has to act, it reads in clear what the
clock waits for, in that very row, and the department says that the row still waits. What a department or the hub's own
database does not say is an outage, never a shorter list. What is told stands in the entry of the answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from connectors.source import Column, Compare, Fetch, Param, SourceError
from hub.audit.contract import StoreError
from hub.batch import Batch
from hub.calls import NO_ARGUMENTS, Call
from hub.entitlements import Entitlements
from hub.errors import HubError, OutageError
from hub.events.channels import clocks_of
from hub.events.clock import Clock, moments
from hub.events.unbegun import TYPE, WAITS, Unbegun, clocks_within, is_within, told, unbegun
from hub.planner.compile import Compiler, compile_plan
from hub.planner.facts import every_of
from hub.planner.plan import LocalRoot, Reach, RowsRoot
from hub.released import Released
from hub.stitch import Stitch
from policies.decision import Grant
from schema.scalars import SHANGHAI

if TYPE_CHECKING:
    from hub.hub import Hub

FIELD: Final = "overdue"
MOST: Final = 200
"""Rows that are told of at once."""
PAGE: Final = 200
"""Alarms that are looked at together."""
_OPEN: Final = """
select clock, key, at from event.alarm where clock = any ($1) and ended is null
    and ($2::timestamptz is null or (at, clock, key) > ($2, $3, $4)) order by at, clock, key limit $5
"""


@dataclass(slots=True, kw_only=True)
class Late:
    """What a caller is told of: rows as ``me`` shows them (None: not known, see ``errors``), and what that releases.

    ``rows``: whose clock ran out; ``waiting``: that wait for a step (``hub/events/awaiting.py``).
    """

    rows: list[Mapping[str, Any]] | None = field(default_factory=list)
    waiting: list[Mapping[str, Any]] | None = field(default_factory=list)
    errors: list[HubError] = field(default_factory=list)
    released: Released = field(default_factory=Released)
    own: Released = field(default_factory=Released)
    lines: list[Grant] = field(default_factory=list)


async def late_of(hub: Hub, batch: Batch, call: Call) -> Late | None:
    """What the caller is told of; None if it does not ask."""
    path = asked(hub, call, FIELD)
    if path is None:
        return None
    late = Late()
    try:
        await _fill(hub, batch, call, late)
    except (StoreError, SourceError) as error:
        source = error.source if isinstance(error, SourceError) else "hub"
        words = f"clocks that ran out cannot be told: source `{source}` does not answer"
        late.errors = [OutageError("SOURCE_UNAVAILABLE", words, source=source)]
    if late.errors:
        first = late.errors[0]
        first.path = path
        return Late(rows=None, errors=[first])
    return late


def asked(hub: Hub, call: Call, field_name: str) -> tuple[str, ...] | None:
    """Where the answer is to hold this field of ``me``."""
    for root in call.plan.roots:
        if isinstance(root, LocalRoot) and root.name == "me" and root.node.selection_set is not None:
            compiler = Compiler(
                schema=hub.schema,
                entitlements=call.entitlements,
                fragments=call.document.fragments,
                variables=call.document.values,
            )
            named: Any = hub.schema.type_map["Me"]
            for key, nodes in compiler.collect(named, [root.node.selection_set]).items():
                if nodes[0].name.value == field_name:
                    return (root.key, key)
    return None


async def _fill(hub: Hub, batch: Batch, call: Call, late: Late) -> None:
    clocks, missing = clocks_of(call.entitlements), clocks_within(call.entitlements)
    if not clocks and not missing:
        return
    places = {True: MOST, False: MOST}  # of rows, and of what is not there: neither crowds the other out
    reaches = {name: reach_of(hub, call.entitlements, clock.type_name, clock.waits) for name, clock in clocks.items()}
    waits = [*(one.waits for one in clocks.values()), *(WAITS for _ in missing)]
    lines = {line.rule: line for name in waits for line in call.entitlements.read[name]}
    late.lines = list(lines.values())
    async for alarms in _alarms(hub, [*clocks, *missing]):
        shown: dict[tuple[str, str], Any] = {}
        for name, clock in clocks.items():
            keys = [alarm["key"] for alarm in alarms if alarm["clock"] == name]
            keys = await _waiting(hub, batch, clock, keys) if keys else []
            for key, row in (await seen(batch, call, reaches[name], keys, late)).items():
                shown[name, key] = _told(clock, row)
        for name, one in missing.items():
            keys = [alarm["key"] for alarm in alarms if alarm["clock"] == name]
            for key in await _missing(hub, batch, call, one, keys):
                shown[name, key] = told(one, key, batch.seal.identify(TYPE, key))
                late.released.clear.add(WAITS)
        for alarm in alarms:
            found, of_row = shown.get((alarm["clock"], alarm["key"])), alarm["clock"] in clocks
            if found is not None and late.rows is not None and places[of_row]:
                late.rows.append({**found, "at": _local(alarm["at"])})
                places[of_row] -= 1
        if late.errors or late.rows is None or not any(places.values()):
            return


async def _alarms(hub: Hub, clocks: Sequence[str]) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    """Alarms that have not ended, page by page."""
    if hub.events is None:
        raise StoreError("no events are kept")
    last: tuple[Any, Any, Any] = (None, None, None)
    while True:
        async with hub.events.outbox.connections.connection() as connection:
            found = [dict(row) for row in await connection.fetch(_OPEN, clocks, *last, PAGE)]
        if found:
            yield found
        if len(found) < PAGE:
            return
        last = (found[-1]["at"], found[-1]["clock"], found[-1]["key"])


async def _waiting(hub: Hub, batch: Batch, clock: Clock, keys: Sequence[str]) -> list[str]:
    """Those that wait at this moment: an alarm ends a look later than its row."""
    assert hub.events is not None
    fetch = Fetch(
        source=clock.source,
        relation=clock.type_name,
        columns=(Column(name="_key"),),
        where=every_of(clock.where, Compare("_key", "in", Param("keys"))),
    )
    bindings = {**moments(hub.events.limits, hub.clock().astimezone(SHANGHAI)), "keys": sorted(keys)}
    return [str(row[0]) for row in await batch.execution.reading.fetch(fetch, bindings)]


async def _missing(hub: Hub, batch: Batch, call: Call, one: Unbegun, keys: Sequence[str]) -> list[str]:
    """Those that are not there at this moment, of divisions of which the caller would be told."""
    within = {key for key in keys if is_within(call.entitlements, call.identity, key)}
    if not within:
        return []
    assert hub.events is not None
    now = hub.clock().astimezone(SHANGHAI)
    reading = replace(batch.execution.reading, bindings=moments(hub.events.limits, now))
    return [key for key in await unbegun(reading, one, hub.policy.divisions) if key in within]


async def seen(batch: Batch, call: Call, reach: Reach, keys: Sequence[str], late: Late) -> dict[str, Mapping[str, Any]]:
    """The rows that exist for the caller, as it reads them, by key."""
    stitch = Stitch(
        found=batch.found,
        asked={reach.number: NO_ARGUMENTS},
        seal=batch.seal,
        purpose=call.identity.purpose,
        entitlements=call.entitlements,
        unknown=batch.execution.knowledge.unknown,
        down=batch.execution.reading.down,
        released=late.released,
        own=late.own,
    )
    pages = await batch.execution.by_keys(reach, NO_ARGUMENTS, keys) if keys else []
    rows = {key: stitch.root(reach, page, (FIELD,)) for key, page in zip(keys, pages, strict=True)}
    late.errors += stitch.all_errors()
    return {key: row for key, row in rows.items() if row is not None}


def reach_of(hub: Hub, entitlements: Entitlements, type_name: str, waits: str) -> Reach:
    """How a row is reached, as one who reads nothing of it but the coordinate ``waits``."""
    text = f"query Overdue($id: ID!) {{ node(id: $id) {{ ... on {type_name} {{ id {waits.partition('.')[2]} }} }} }}"
    document = hub.documents.read(text, None, {"id": ""})
    plan = compile_plan(
        schema=hub.schema,
        operation=document.operation,
        fragments=document.fragments,
        variables=document.values,
        entitlements=replace(entitlements, read={waits: entitlements.read[waits]}, masked={}, accesses={}, flags=[]),
        refuse=False,
    )
    [root] = plan.roots
    assert isinstance(root, RowsRoot)
    return root.reaches[type_name]


def _told(clock: Clock, row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"clock": clock.name, "clockZh": clock.zh, "clause": clock.clause, "id": row["id"], "type": clock.type_name}


def _local(at: datetime) -> str:
    return at.astimezone(SHANGHAI).isoformat(timespec="seconds")
