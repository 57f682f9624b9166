"""Event, principal -> the coordinates that changed for it: rows and columns are asked for by the plan, as it may read.

Guarantee: nothing is told of a change that the principal may not see. A coordinate counts if it is read in clear in
that very row, if a ``subscribe`` line's own scope holds the row as well, and if the row by which it changed is seen.
What a department does not say is an outage, neither seen nor unseen.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hub.batches import read_batch
from hub.calls import read_call
from hub.document import Document
from hub.entitlements import Entitlements
from hub.errors import OutageError
from hub.events.change import FLAGS, Event
from hub.events.channels import Channel
from hub.identity import Identity
from hub.planner.compile import compile_plan
from hub.planner.plan import Plan
from policies.decision import Grant

if TYPE_CHECKING:
    from hub.hub import Hub, Remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """Looks at rows for principals; what one subscriber has learnt of an event holds for all of the same principal.

    ``plans``: those that look. Made anew for each event, each would be remembered by every source with its statements.
    """

    hub: Hub
    looks: Remembered[asyncio.Task[frozenset[str]]]
    plans: Remembered[Plan]

    async def seen(self, identity: Identity, channel: Channel, event: Event) -> frozenset[str]:
        """Coordinates of the event that the principal is told of; raises ``OutageError`` if that is not known."""
        entitlements = self.hub.entitlements(identity.unit, identity.purpose)
        key = (identity.key, identity.purpose, entitlements.policy.version, channel.name, event.position)
        task = self.looks.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = asyncio.create_task(self._seen(identity, entitlements, channel, event))
            self.looks.put(key, task)
        return await asyncio.shield(task)

    async def _seen(
        self, identity: Identity, entitlements: Entitlements, channel: Channel, event: Event
    ) -> frozenset[str]:
        change = event.change
        if change.clock is not None:
            wanted = {channel.clocks[change.clock].waits}
            return await self._open(identity, _clear(entitlements), change.type_name, change.key, wanted)
        told = {name: lines for name, lines in channel.lines.items() if name in change.own}
        found = await self._open(identity, _clear(entitlements), change.type_name, change.key, told)
        held = {name: lines for name, lines in told.items() if name in found}
        narrower = {name: lines for name, lines in held.items() if not _as_wide(lines, entitlements.read[name])}
        if narrower:
            among = replace(_clear(entitlements), read=narrower, accesses={})
            within = await self._open(identity, among, change.type_name, change.key, narrower)
            found = (found - narrower.keys()) | within
        inputs = [name for name in change.coordinates if name != FLAGS]
        if FLAGS in found and not await self._open(identity, _clear(entitlements), *change.cause, inputs):
            return found - {FLAGS}
        return found

    async def _open(
        self, identity: Identity, entitlements: Entitlements, type_name: str, key: str, names: Iterable[str]
    ) -> frozenset[str]:
        """Those of the coordinates that are open in the row; none if it does not exist for the principal."""
        wanted = sorted(name for name in names if name in entitlements.read)
        if not wanted:
            return frozenset()
        hub, seal = self.hub, self.hub.seals.of(identity.key)
        fields = " ".join(name.partition(".")[2] for name in wanted)
        text = f"query Seen($id: ID!) {{ node(id: $id) {{ __typename ... on {type_name} {{ {fields} }} }} }}"
        document = hub.documents.read(text, None, {"id": seal.identify(type_name, key)})
        plan = self._plan(entitlements, document, text)
        call = read_call(hub, identity, secrets.token_hex(16), document, plan, entitlements)
        [found] = await read_batch(hub, [call])
        for error in found.errors:
            if isinstance(error, OutageError):
                raise error
        closed = {str(error.facts.get("coordinate")) for error in found.errors}
        return frozenset() if found.data["node"] is None else frozenset(wanted) - closed

    def _plan(self, entitlements: Entitlements, document: Document, text: str) -> Plan:
        """The plan of the look: the same for whoever looks for one unit and purpose, with the same rows open."""
        open_to = frozenset((name, line.rule) for name, lines in entitlements.read.items() for line in lines)
        key = (entitlements.unit, entitlements.purpose, entitlements.policy.version, text, open_to)
        plan = self.plans.get(key)
        if plan is None:
            plan = compile_plan(
                schema=self.hub.schema,
                operation=document.operation,
                fragments=document.fragments,
                variables=document.values,
                entitlements=entitlements,
                refuse=False,
            )
            self.plans.put(key, plan)
        return plan


def _clear(entitlements: Entitlements) -> Entitlements:
    """The same, what is read masked left out: a mask may hide that anything changed."""
    return replace(entitlements, masked={}, accesses={})


def _as_wide(lines: Iterable[Grant], read: Iterable[Grant]) -> bool:
    """Whether the lines by which one is told leave out no row that is read."""
    scopes = {line.scope for line in lines}
    return "all" in scopes or {line.scope for line in read} <= scopes
