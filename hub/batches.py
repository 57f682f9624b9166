"""Calls -> answers: concurrent calls of one plan and one principal travel as a batch, without waiting for one another.

While a batch is at the sources, calls like it gather; once it waits for its entries they leave as the next. A lone call
is a batch of one. Fetch, stitch and record take the batch as a whole: statements and the log's commit are shared,
entries are not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson

from hub.aggregates import Question, ask
from hub.ahead import ask_ahead
from hub.audit.entry import Entry
from hub.batch import Batch, Wish
from hub.calls import Call
from hub.errors import HubError, OutageError, RefusalError
from hub.events.late import Late, late_of
from hub.executor import Execution, Page
from hub.identity import Identity
from hub.local import local_values
from hub.pace import Turn, in_vain, whole_step
from hub.planner.compile import refusals
from hub.planner.plan import Denied, LocalRoot, RowsRoot, Word
from hub.planner.scopes import OWN_REPORTS
from hub.recording import Act, Grounds, Told
from hub.registry import Registry, gather_by
from hub.response import Answer, respond
from hub.sources import Reading
from hub.stitch import Stitch
from hub.today import parks_of, request_bindings, years_ago
from hub.waves import Wave, Waves
from policies.decision import Grant

if TYPE_CHECKING:
    from hub.hub import Hub

LARGEST = 64
SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(slots=True, kw_only=True)
class Batches:
    """Calls that gather, by plan and principal; ``reading``: those of which a batch is at the sources."""

    hub: Hub
    gathering: dict[tuple[int, str], list[Call]] = field(default_factory=dict)
    reading: set[tuple[int, str]] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    waves: Waves = field(default_factory=Waves)

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
                stitched = await read_batch(self.hub, calls)
            finally:
                # The next may read while this one waits for its entries.
                self._arrived(key, calls, begun)
            answers = await tell(self.hub, calls, stitched)
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
        gathered = self.gathering.pop(key, [])
        if len(gathered) > LARGEST:
            self.gathering[key] = gathered[LARGEST:]
        return gathered[:LARGEST]

    async def _gathered(self, key: tuple[int, str]) -> None:
        """Waits for those who asked for the same groups a moment ago: one reading is enough for all of them."""
        loop = asyncio.get_running_loop()
        many, until = self.waves.wanted(key, loop.time())
        while len(self.gathering[key]) < many and loop.time() < until:
            await asyncio.sleep(0.001)

    def _arrived(self, key: tuple[int, str], calls: Sequence[Call], begun: float) -> None:
        now = asyncio.get_running_loop().time()
        if calls[0].questions:
            self.waves.read(key, Wave(calls=len(calls), took=now - begun, ended=now))
        self.reading.discard(key)
        if key in self.gathering:
            self._depart(key)

    def _deal(self, calls: Sequence[Call], answers: Sequence[Answer | BaseException]) -> None:
        for call, found in zip(calls, answers, strict=True):
            if call.answered is None or call.answered.done():
                continue
            if isinstance(found, BaseException):
                call.answered.set_exception(found)
            else:
                call.answered.set_result(found)


async def tell(hub: Hub, calls: Sequence[Call], stitched: Sequence[Stitched]) -> list[Answer]:
    """The answers of calls of one plan and principal, their entries durable."""
    entries, turn = list[list[Entry]](), Turn()
    for call, found in zip(calls, stitched, strict=True):
        await turn.over()
        entries.append(hub.recording.entries(act_of(call), found.told))
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


async def read_batch(hub: Hub, calls: Sequence[Call]) -> list[Stitched]:
    """What each of the calls is answered, and what its entries will say of it; nothing left yet."""
    identity = calls[0].identity
    execution = _execution(hub, identity)
    batch = Batch(execution=execution, seal=hub.seals.of(identity.key), purpose=identity.purpose)
    with hub.stage("fetch"):
        pages, aggregates, late = await asyncio.gather(
            _pages(batch, calls), _aggregates(execution, calls), late_of(hub, batch, calls[0])
        )
        for call in calls:
            call.in_vain = in_vain(call, pages.get(id(call), {}))
    with hub.stage("stitch"):
        return await _stitched(hub, batch, calls, pages, aggregates, late)


def act_of(call: Call) -> Act:
    """Who asked what, for the call's entries."""
    return Act(identity=call.identity, request_id=call.request_id, operation=call.operation)


@dataclass(slots=True, kw_only=True)
class Stitched:
    """What calls that ask alike are answered, and what their entries say of it; ``shared``: by more than one."""

    data: Mapping[str, Any]
    errors: list[HubError]
    told: Sequence[Told]
    shared: bool = False
    written: orjson.Fragment | None = None

    def fragment(self) -> Mapping[str, Any] | orjson.Fragment:
        """The data; what several answers hold is written out once."""
        if self.shared and self.written is None:
            self.written = orjson.Fragment(orjson.dumps(self.data))
        return self.written or self.data


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
    found: list[Stitched] = []
    turn = Turn()
    for call in calls:
        await turn.over()
        own = pages.get(id(call), {})
        key = _alike(call, own)
        stitched = known.get(key)
        if stitched is None:
            stitched = known[key] = _stitch(hub, batch, call, own, aggregates, late or Late())
        else:
            stitched.shared = True
        found.append(stitched)
    return found


def _alike(call: Call, pages: Mapping[str, Page]) -> Any:
    """What decides the answer to a call within its batch; the call itself where it is told of its caller."""
    if call.errors or any(isinstance(root, LocalRoot) and root.name != "aggregate" for root in call.plan.roots):
        return id(call)
    asked = tuple(sorted(call.asked.items(), key=lambda item: item[0])) if call.varied else None
    return (tuple((key, id(page)) for key, page in pages.items()), asked, tuple(call.questions.items()))


def _execution(hub: Hub, identity: Identity) -> Execution:
    now = hub.clock().astimezone(SHANGHAI)
    parks = parks_of(hub.parks, hub.policy.divisions, identity.division)
    bindings = request_bindings(identity, hub.policy.institutions.values(), now, parks=parks)
    reading = Reading(sources=hub.sources, bindings=bindings)
    return Execution(
        reading=reading,
        registry=Registry(reading=reading, set_limit=hub.set_limit),
        years_ago=years_ago(now.date()),
    )


def _grounds(call: Call, late: Late) -> Grounds:
    """On what the call's answer rests."""
    plan, aggregated = call.plan, [*_aggregated_by(call), *late.lines]
    return Grounds(
        rules=(*plan.rules, *(line.rule for line in aggregated)),
        clauses=sorted({*plan.clauses, *(line.clause for line in aggregated)}),
        policy=plan.policy_version,
        of_author=call.reports or _own_alone(call),
    )


def _own_alone(call: Call) -> bool:
    """Whether it asks for own reports alone, or who asks may read nothing else: all that it does hints at a report."""
    if call.entitlements.own_alone and not refused_coordinates(call):
        return True
    return call.plan.scopes | {line.scope for line in _aggregated_by(call)} == {OWN_REPORTS}


def refused_coordinates(call: Call) -> set[str]:
    """Coordinates that the call asked for and no grant opens; a refusal for another reason names none."""
    asked = {str(error.facts["coordinate"]) for error in call.errors if "coordinate" in error.facts}
    return asked | {refused.coordinate for refused in call.plan.refused}


def _aggregated_by(call: Call) -> list[Grant]:
    """The lines on which the call's aggregates rest."""
    granted = call.entitlements.aggregated
    coordinates = {coordinate for question in call.questions.values() for coordinate in question.used}
    return [line for coordinate in sorted(coordinates) for line in granted.get(coordinate, ())]


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


def _stitch(
    hub: Hub, batch: Batch, call: Call, pages: dict[str, Page], aggregates: Mapping[Question, Any], late: Late
) -> Stitched:
    stitch = Stitch(
        found=batch.found,
        asked=call.asked,
        seal=batch.seal,
        purpose=call.identity.purpose,
        entitlements=call.entitlements,
        unknown=batch.execution.unknown_sources,
        down=batch.execution.reading.down,
    )
    local, local_errors = _local(hub, call, aggregates, late)
    stitch.released, stitch.own = stitch.released.with_(late.released), stitch.own.with_(late.own)
    for question in call.questions.values():
        stitch.released.clear.update(question.used)
    data: dict[str, Any] = {}
    for root in call.plan.roots:
        match root:
            case Word():
                data[root.key] = root.text
            case Denied():
                stitch.deny(root.coordinate, (*call.path, root.key))
                data[root.key] = None
            case LocalRoot():
                data[root.key] = local.get(root.key)
            case RowsRoot():
                wish = call.wishes[root.key]
                page = pages.get(root.key, Page())
                data[root.key] = None if wish is None else stitch.root(wish.reach, page, (*call.path, root.key))
    denied = refusals(call.entitlements, call.plan.refused)
    for error in denied:
        paths = stitch.denied.get(str(error.facts["coordinate"]), [])
        error.path = paths[0] if paths else error.path
        error.facts = {**error.facts, "rows": len(paths), "paths": [list(path) for path in paths]}
    errors = [*denied, *call.errors, *local_errors, *stitch.all_errors()]
    told = hub.recording.told(stitch.released, stitch.own, refused_coordinates(call), errors, _grounds(call, late))
    return Stitched(data=data, errors=errors, told=told)


def _local(
    hub: Hub, call: Call, aggregates: Mapping[Question, Any], late: Late
) -> tuple[dict[str, Any], list[HubError]]:
    roots = [root for root in call.plan.roots if isinstance(root, LocalRoot)]
    if not roots:
        return {}, []
    answers = {key: aggregates[question] for key, question in call.questions.items()}
    outages = _outages(answers)
    result = local_values(
        roots,
        schema=hub.view(call.entitlements),
        document=call.document,
        identity=call.identity,
        entitlements=call.entitlements,
        policy=hub.policy,
        aggregates={key: answer for key, answer in answers.items() if not isinstance(answer, BaseException)},
        overdue=late.rows,
    )
    errors = [HubError("INTERNAL", "internal error", path=error.path) for error in result.errors or ()]
    return dict(result.data or {}), [*outages, *late.errors, *errors]


def _outages(answers: Mapping[str, Any]) -> list[HubError]:
    """The errors of aggregates that could not be told, each at its field; a bug of ours is raised."""
    found: list[HubError] = []
    for key, answer in answers.items():
        if isinstance(answer, OutageError | RefusalError):
            found.append(type(answer)(answer.code, answer.message, path=(key,), **answer.facts))
        elif isinstance(answer, BaseException):
            raise answer
    return found
