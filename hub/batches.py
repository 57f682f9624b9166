"""Calls -> answers: concurrent calls of one plan and one principal travel as a batch, without waiting for one another.

While a batch is at the sources, calls like it gather; once its rows are there they leave as the next. A lone call is a
batch of one. Fetch, stitch and record take the batch as a whole: statements and the log's commit are shared,
entries are not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from hub.aggregates import Question, ask
from hub.ahead import ask_ahead
from hub.answering import Stitched, alike, lay_out
from hub.audit.entry import Entry
from hub.batch import Batch, Wish
from hub.calls import Call
from hub.departure import departing
from hub.errors import OutageError
from hub.events.awaiting import told_of
from hub.events.late import Late
from hub.executor import Execution, Page
from hub.identity import Identity
from hub.pace import Turn, in_vain, whole_step
from hub.planner.plan import LocalRoot
from hub.recording import Act
from hub.registry import Registry, gather_by
from hub.response import Answer, respond
from hub.sources import Reading
from hub.today import Bindings, years_ago
from hub.waves import Wave, Waves

if TYPE_CHECKING:
    from hub.hub import Hub

TURNS = 4
"""Turns of the loop until the statements of a batch that left are on their way."""
SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(slots=True, kw_only=True)
class Batches:
    """Calls that gather, by plan and principal; ``reading``: those of which a batch is at the sources."""

    hub: Hub
    gathering: dict[tuple[int, str], list[Call]] = field(default_factory=dict)
    reading: set[tuple[int, str]] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    waves: Waves = field(default_factory=Waves)
    bindings: Bindings = field(init=False)

    def __post_init__(self) -> None:
        self.bindings = Bindings(parks=self.hub.parks, truancy=self.hub.truancy)

    async def run(self, call: Call) -> Answer:
        """The call's answer; if the caller goes away, the batch goes on for the others."""
        loop = asyncio.get_running_loop()
        begun, call.answered = loop.time(), loop.create_future()
        key = (id(call.plan), call.identity.key)
        self.gathering.setdefault(key, []).append(call)
        if key not in self.reading:
            self._depart(key)
        answer = await call.answered
        if call.in_vain:
            await whole_step(begun)
        return answer

    def _depart(self, key: tuple[int, str]) -> None:
        """Has those who gathered leave at the loop's next turn, together with whoever comes in this one."""
        self.reading.add(key)
        task = asyncio.create_task(self._travel(key))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _travel(self, key: tuple[int, str]) -> None:
        await self._gathered(key)
        begun, calls = asyncio.get_running_loop().time(), self._take(key)
        answers: Sequence[Answer | BaseException]
        try:
            try:
                fetched = await fetch_batch(self.hub, calls)
            finally:
                # The next may read while this one is laid out and waits for its entries.
                left = self._arrived(key, calls, begun)
            await _sent(left)
            answers = await tell(self.hub, calls, await stitch_batch(self.hub, calls, fetched))
        except Exception as error:
            answers = [error] * len(calls)
        except BaseException:
            # The hub is ending: nobody that waits, or still gathers, may wait for ever.
            for call in (*calls, *self.gathering.pop(key, ())):
                if call.answered is not None:
                    call.answered.cancel()
            raise
        self._deal(calls, answers)

    def _take(self, key: tuple[int, str]) -> list[Call]:
        leaving, staying = departing(self.gathering.pop(key, []))
        if staying:
            self.gathering[key] = staying
        return leaving

    async def _gathered(self, key: tuple[int, str]) -> None:
        """Waits for those who asked for the same groups a moment ago: one reading is enough for all of them."""
        loop = asyncio.get_running_loop()
        many, until = self.waves.wanted(key, loop.time())
        while len(self.gathering[key]) < many and loop.time() < until:
            await asyncio.sleep(0.001)

    def _arrived(self, key: tuple[int, str], calls: Sequence[Call], begun: float) -> bool:
        """Lets those leave who gathered meanwhile; whether there were any."""
        now = asyncio.get_running_loop().time()
        if calls[0].questions:
            self.waves.read(key, Wave(calls=len(calls), took=now - begun, ended=now))
        self.reading.discard(key)
        if key not in self.gathering:
            return False
        self._depart(key)
        return True

    def _deal(self, calls: Sequence[Call], answers: Sequence[Answer | BaseException]) -> None:
        for call, found in zip(calls, answers, strict=True):
            if call.answered is None or call.answered.done():
                continue
            if isinstance(found, BaseException):
                call.answered.set_exception(found)
            else:
                call.answered.set_result(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What the sources held for a batch: pages by call and root, groups by question."""

    batch: Batch
    pages: Mapping[int, dict[str, Page]]
    aggregates: Mapping[Question, Any]
    late: Late | None


async def tell(hub: Hub, calls: Sequence[Call], stitched: Sequence[Stitched]) -> list[Answer]:
    """The answers of calls of one plan and principal, their entries durable."""
    entries, turn, at = list[list[Entry]](), Turn(), hub.recording.clock()
    for call, found in zip(calls, stitched, strict=True):
        await turn.over()
        entries.append(hub.recording.entries(act_of(call), found.told, at))
    # INVARIANT 2: no entry, no answer. Crash before this and nothing left; after it, and an entry tells of too much.
    with hub.stage("record"):
        try:
            receipts = iter(await hub.recording.record([entry for each in entries for entry in each]))
        except OutageError as outage:
            return [respond(None, (outage,)) for _ in calls]
    with hub.stage("respond"):
        return [
            respond(found.fragment(), found.errors, *islice(receipts, len(each)))
            for found, each in zip(stitched, entries, strict=True)
        ]


async def _sent(left: bool) -> None:
    """Lets the statements of those who left go out, lest their department waits until this batch is laid out."""
    for _ in range(TURNS if left else 0):
        await asyncio.sleep(0)


async def read_batch(hub: Hub, calls: Sequence[Call]) -> list[Stitched]:
    """What each of the calls is answered, and what its entries will say of it; nothing left yet."""
    return await stitch_batch(hub, calls, await fetch_batch(hub, calls))


async def fetch_batch(hub: Hub, calls: Sequence[Call]) -> Fetched:
    """What the sources hold for the calls."""
    identity = calls[0].identity
    execution = _execution(hub, identity)
    batch = Batch(execution=execution, seal=hub.seals.of(identity.key), purpose=identity.purpose)
    with hub.stage("fetch"):
        late: Late | None = None
        aggregates: Mapping[Question, Any] = {}
        if any([isinstance(root, LocalRoot) for root in calls[0].plan.roots]):
            pages, aggregates, late = await asyncio.gather(
                _pages(batch, calls), _aggregates(execution, calls), told_of(hub, batch, calls[0])
            )
        else:
            pages = await _pages(batch, calls)
        for call in calls:
            call.in_vain = in_vain(call, pages.get(id(call), {}))
    return Fetched(batch=batch, pages=pages, aggregates=aggregates, late=late)


async def stitch_batch(hub: Hub, calls: Sequence[Call], fetched: Fetched) -> list[Stitched]:
    """What each of the calls is answered, of what was fetched for them."""
    with hub.stage("stitch"):
        return await _stitched(hub, fetched.batch, calls, fetched.pages, fetched.aggregates, fetched.late)


def act_of(call: Call) -> Act:
    """Who asked what, for the call's entries."""
    return Act(identity=call.identity, request_id=call.request_id, operation=call.operation)


async def _stitched(
    hub: Hub,
    batch: Batch,
    calls: Sequence[Call],
    pages: Mapping[int, dict[str, Page]],
    aggregates: Mapping[Question, Any],
    late: Late | None,
) -> list[Stitched]:
    """For each call what it is answered; calls that found the same pages by the same arguments share it."""
    known: dict[Any, Stitched] = {}
    below: dict[int, dict[int, Mapping[int, Page]]] = {}
    found: list[Stitched] = []
    turn = Turn()
    for call in calls:
        await turn.over()
        own = pages.get(id(call), {})
        key = alike(call, own)
        stitched = known.get(key)
        if stitched is None:
            # Calls that ask with the very same arguments find the pages of links in the same places.
            links = below.setdefault(id(call.asked), {})
            stitched = known[key] = lay_out(hub, batch, call, own, aggregates, late, links)
        else:
            stitched.shared = True
        found.append(stitched)
    return found


def _execution(hub: Hub, identity: Identity) -> Execution:
    now, policy = hub.clock().astimezone(SHANGHAI), hub.policy
    bindings = hub.batches.bindings.of(identity, policy, now)
    reading = Reading(sources=hub.sources, bindings=bindings)
    shared = hub.questions.of((identity.key, identity.purpose, policy.version, bindings["today"]))
    return Execution(
        reading=reading,
        registry=Registry(reading=reading, set_limit=hub.set_limit, shared=shared),
        years_ago=years_ago(now.date()),
        patience=hub.patience,
    )


async def _pages(batch: Batch, calls: Sequence[Call]) -> dict[int, dict[str, Page]]:
    wanted: list[tuple[Call, str, Wish]] = []
    for call in calls:
        wanted.extend((call, key, wish) for key, wish in call.wishes.items() if wish is not None)
    wishes = [wish for _, _, wish in wanted]
    found = await batch.roots(wishes, *ask_ahead(batch.execution, wishes))
    pages: dict[int, dict[str, Page]] = {}
    for (call, key, _), page in zip(wanted, found, strict=True):
        pages.setdefault(id(call), {})[key] = page
    return pages


async def _aggregates(execution: Execution, calls: Sequence[Call]) -> Mapping[Question, Any]:
    """Each question asked once, however many calls ask it; an outage stands as the answer."""
    asked = {question for call in calls for question in call.questions.values()}
    return await gather_by(asked, lambda question: ask(execution, question))
