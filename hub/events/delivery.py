"""Calls for the row of an event -> what each subscriber is sent, its entry durable: alike ones share what they read.

Guarantee (invariant 2): nothing is returned before the entry of this delivery is in the log, one entry a delivery. A
row that does not exist for the subscriber is no delivery.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from hub.audit.receipt import Receipt
from hub.batches import act_of, read_batch
from hub.calls import Call
from hub.errors import HubError, OutageError
from hub.recording import Grounds
from hub.released import Released

if TYPE_CHECKING:
    from hub.hub import Hub

LARGEST = 128
"""Deliveries read and recorded together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What a subscriber may be sent: the row by its response key, errors at closed fields, receipts."""

    data: Any = field(repr=False)
    errors: Sequence[HubError]
    receipts: tuple[Receipt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    call: Call
    row: str
    answered: asyncio.Future[Delivered | None] = field(repr=False)


@dataclass(slots=True, kw_only=True)
class Delivery:
    """Deliveries under way, by plan and principal: subscribers who wake for one event read its row together."""

    hub: Hub
    waiting: dict[tuple[int, str], list[_Waiting]] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __call__(self, call: Call, row: str) -> Delivered | None:
        """What the call's subscriber is sent, its row under the response key ``row``; None: no row is there for it.

        Raises ``OutageError`` if a department or the log does not answer.
        """
        found = _Waiting(call=call, row=row, answered=asyncio.get_running_loop().create_future())
        key = (id(call.plan), call.identity.key)
        if key in self.waiting:
            self.waiting[key].append(found)
        else:
            self.waiting[key] = [found]
            task = asyncio.create_task(self._serve(key))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        return await found.answered

    async def of_nothing(self, call: Call, coordinate: str) -> tuple[Receipt, ...]:
        """Receipts of the entry that says that the subscriber is told of a row that is not there."""
        lines = call.entitlements.read[coordinate]
        grounds = Grounds(
            rules=[line.rule for line in lines],
            clauses=sorted({line.clause for line in lines}),
            policy=call.entitlements.policy.version,
            of_author=False,
        )
        told = self.hub.recording.told(Released(clear={coordinate}), Released(), (), (), grounds)
        entries = [replace(entry, kind="event") for entry in self.hub.recording.entries(act_of(call), told)]
        # INVARIANT 2: no entry, no answer. Crash before this and nothing left; after it, and it is sent once more.
        return tuple(await self.hub.recording.record(entries))

    async def _serve(self, key: tuple[int, str]) -> None:
        await asyncio.sleep(0)  # those who were woken with the first one come in this turn
        try:
            while self.waiting[key]:
                some, self.waiting[key] = self.waiting[key][:LARGEST], self.waiting[key][LARGEST:]
                await self._answer(some)
        finally:
            # The hub is ending, or all is done: nobody may wait for ever.
            for left in self.waiting.pop(key):
                left.answered.cancel()

    async def _answer(self, some: Sequence[_Waiting]) -> None:
        try:
            answers = await self._delivered(some)
        except asyncio.CancelledError:
            for each in some:
                each.answered.cancel()
            raise
        except Exception as error:
            for each in some:
                if not each.answered.done():
                    each.answered.set_exception(error)
            return
        for each, answer in zip(some, answers, strict=True):
            if not each.answered.done():
                each.answered.set_result(answer)

    async def _delivered(self, some: Sequence[_Waiting]) -> list[Delivered | None]:
        hub = self.hub
        found = await read_batch(hub, [each.call for each in some])
        down = next((error for each in found for error in each.errors if isinstance(error, OutageError)), None)
        if down is not None:
            # An event that is sent cannot be sent again when the department is back, so it waits.
            raise down
        there = [stitched.data[each.row] is not None for each, stitched in zip(some, found, strict=True)]
        entries = [
            [replace(entry, kind="event") for entry in hub.recording.entries(act_of(each.call), stitched.told)]
            if seen
            else []
            for each, stitched, seen in zip(some, found, there, strict=True)
        ]
        # INVARIANT 2: no entry, no answer. Crash before this and nothing left; after it, and it is sent once more.
        receipts = iter(await hub.recording.record([entry for each in entries for entry in each]))
        return [
            Delivered(data=stitched.data, errors=stitched.errors, receipts=tuple(islice(receipts, len(own))))
            if seen
            else None
            for stitched, own, seen in zip(found, entries, there, strict=True)
        ]
