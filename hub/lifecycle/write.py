"""Identity, step, what is given -> Taken, or one refusal: a step from the right to the department's answer.

In this order: the right, what is given, the rows that it rests on, the guard; then for each department the intent
entry, the write, the outcome entry. Guarantee: nothing is written without an intent that is durable before it; what is
``Taken`` is in the departments and its outcomes in the log. If we crash after an intent, ``hub/lifecycle/settle.py``
asks the department what became of it. A step sent again under its name (``again``) is one step.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from connectors.source import SourceError
from connectors.write import GivenUp, NotThere, Result, Reused, Stale, Target, Written
from hub.audit.entry import Pseudonyms
from hub.audit.receipt import Receipt
from hub.errors import HubError, OutageError, RefusalError
from hub.identity import Identity
from hub.lifecycle.compile import Compiled, Part
from hub.lifecycle.entries import Acting
from hub.lifecycle.found import Finding, Found
from hub.lifecycle.given import Given, check
from hub.lifecycle.guard import Conflict, Standing, judge, lawful
from hub.lifecycle.named import check_named
from hub.lifecycle.rights import rights_of
from hub.lifecycle.step import Step
from hub.lifecycle.steps import STEPS
from hub.lifecycle.values import Moment
from hub.recording import Recorder
from hub.registry import Registry
from hub.sources import Breaker, Reading, Sources
from hub.today import months_before, request_bindings
from policies.policy import Policy

ATTEMPTS = 8
"""How often a write is tried whose earlier attempts were settled as not happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A step as a principal asks for it; ``name``: the client's own name of it, the same when it is sent again."""

    step: str
    name: str
    request_id: str
    given: Given


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A step taken: keys of the rows written by department; ``again``: it had been taken under this name before.

    ``subject``: key of the row that it is about, or has made. ``state``: how that row stands now; None: not known.
    """

    step: Step
    subject: str
    state: str | None
    keys: Mapping[str, tuple[str, ...]]
    again: bool
    receipts: tuple[Receipt, ...]


@dataclass(slots=True, kw_only=True)
class Writing:
    """What taking a step needs; ``secret`` makes the names of intents, which tell nobody who gave them."""

    sources: Sources
    targets: Mapping[str, Target]
    log: Recorder
    pseudonyms: Pseudonyms
    policy: Callable[[], Policy]
    clock: Callable[[], datetime]
    secret: bytes = field(repr=False)
    deadline: float = 3.0
    set_limit: int = 20_000
    breakers: dict[str, Breaker] = field(default_factory=dict)
    _running: set[asyncio.Task[Taken]] = field(default_factory=set, init=False, repr=False)

    async def take(self, identity: Identity, asked: Asked) -> Taken:
        """The step taken; ``RefusalError`` or ``OutageError`` if it was not, or not to the end.

        A caller that goes away does not stop it halfway.
        """
        task = asyncio.create_task(self._take(identity, asked))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Taken]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # its caller may be gone: nobody else will look

    async def close(self) -> None:
        """Returns when no step is under way."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _take(self, identity: Identity, asked: Asked) -> Taken:
        step = STEPS.get(asked.step)
        if step is None:
            raise RefusalError("INVALID_INPUT", "there is no such step", argument="step")
        policy = self.policy()
        rights = rights_of(policy, identity, step)
        check(step, asked.given)
        moment = Moment(identity=identity, policy=policy, now=self.clock())
        check_named(step, asked.given, identity, policy)
        registry = Registry(reading=self._reading(moment), set_limit=self.set_limit)
        finding = Finding(step=step, given=asked.given, rights=rights, moment=moment, registry=registry)
        try:
            found = await finding.found()
        except SourceError as error:
            raise _outage(error) from None
        way = _Way(
            writing=self,
            acting=Acting(
                identity=identity,
                request_id=asked.request_id,
                policy=policy.version,
                step=step,
                given=asked.given,
                rights=rights,
                found=found,
                pseudonyms=self.pseudonyms,
            ),
            compiled=Compiled(
                step=step,
                given=asked.given,
                found=found,
                rights=rights,
                moment=moment,
                base=self._name(identity, asked),
            ),
            told=step.state is not None and step.state in policy.grants(identity.unit, identity.purpose, "read"),
            shared=registry.reading.bindings,
            digest=self._digest(asked),
        )
        return await way.to_the_end()

    def _reading(self, moment: Moment) -> Reading:
        bindings = request_bindings(moment.identity, moment.policy.institutions.values(), moment.now)
        three = months_before(moment.now.date(), 3).isoformat()
        return Reading(sources=self.sources, bindings={**bindings, "three_months_ago": three})

    def _name(self, identity: Identity, asked: Asked) -> str:
        """The name under which departments keep the step: one for each principal, step and name of the client's."""
        return self._keyed("name", [identity.key, identity.client, asked.step, asked.name])

    def _digest(self, asked: Asked) -> str:
        given = asked.given
        content = [given.key, given.about, given.into, given.number, given.reason, dict(given.values)]
        return self._keyed("digest", content)

    def _keyed(self, domain: str, content: Any) -> str:
        message = orjson.dumps([domain, content], option=orjson.OPT_SORT_KEYS)
        return base64.b32encode(hmac.digest(self.secret, message, "sha256")).decode().rstrip("=").lower()


@dataclass(slots=True, kw_only=True)
class _Way:
    """One step on its way through the departments; ``told``: whether the writer may learn how the row stands."""

    writing: Writing
    acting: Acting
    compiled: Compiled
    told: bool
    shared: Mapping[str, Any] = field(repr=False)
    digest: str
    receipts: list[Receipt] = field(default_factory=list)

    async def to_the_end(self) -> Taken:
        """Every part that is not written yet, one department after the other."""
        written: dict[str, Written] = {}
        refusal = self._refusal(self.acting.found)
        if refusal is not None:
            # Sent again after it was taken, the row stands elsewhere by now: that is no conflict.
            written = await self._before()
            if not written:
                raise refusal
        for place, source in enumerate(self.compiled.sources()):
            if source not in written:
                written[source] = await self._written(self.compiled.part(source), place)
        again = all(result.again for result in written.values())
        return Taken(
            step=self.acting.step,
            subject=self.compiled.subject_key(),
            state=self._state_after(again),
            keys={source: result.keys for source, result in written.items()},
            again=again,
            receipts=tuple(self.receipts),
        )

    def _state_after(self, again: bool) -> str | None:
        """A row that was made before this call may stand anywhere by now, and nobody has looked."""
        step = self.acting.step
        if again:
            return None if step.creates else self.acting.found.standing.state
        return step.target if step.moves else None if step.creates else self.acting.found.standing.state

    def _refusal(self, found: Found) -> RefusalError | None:
        step = self.acting.step
        if not found.there:
            return _absent("id")
        refusal = self._conflict(found.standing)
        if refusal is not None:
            return refusal
        if step.finds and found.file is None:
            return RefusalError(
                "CONFLICT",
                "no file has this number",
                messageZh="没有档案与该号码相符",
                step=step.name,
                clause=step.clause,
            )
        return None if found.about else _absent("about")

    def _conflict(self, standing: Standing) -> RefusalError | None:
        """Why the row does not stand as the step needs it, or as the writer believes; None if it does."""
        acting = self.acting
        verdict = judge(acting.step, acting.identity, standing)
        expected = acting.given.expected
        if expected not in (None, standing.state):
            following = lawful(acting.identity.unit, acting.step, standing.state)
            verdict = Conflict(step=acting.step, standing=standing, lawful=following, expected=expected)
        return verdict.refusal(told=self.told) if isinstance(verdict, Conflict) else None

    async def _before(self) -> dict[str, Written]:
        """Parts that were written when the step was sent before, by department."""
        found: dict[str, Written] = {}
        for source in self.compiled.sources():
            for attempt in range(ATTEMPTS):
                result = await self._asked(source, attempt)
                if isinstance(result, Written):
                    found[source] = result
                if not isinstance(result, GivenUp):
                    break
        return found

    async def _asked(self, source: str, attempt: int) -> Written | GivenUp | None:
        try:
            target = self.writing.targets[source]
            return await target.found(self._intent(source, attempt), deadline=self.writing.deadline)
        except SourceError as error:
            raise _outage(error) from None

    def _intent(self, source: str, attempt: int) -> str:
        return f"{self.compiled.base}.{source}.{attempt}"

    async def _written(self, part: Part, place: int) -> Written:
        for attempt in range(ATTEMPTS):
            result = await self._attempt(part, place * ATTEMPTS + attempt, self._intent(part.source, attempt))
            if isinstance(result, Written):
                return result
            if not isinstance(result, GivenUp):
                raise self._not_written(part, result)
        raise OutageError("SOURCE_UNAVAILABLE", f"source `{part.source}` is unavailable: timeout", source=part.source)

    async def _attempt(self, part: Part, number: int, name: str) -> Result:
        """Intent, write, outcome. If we crash in between, the intent is open and the department knows the rest."""
        writing, acting = self.writing, self.acting
        breaker = writing.breakers.setdefault(part.source, Breaker())
        if not breaker.allows(writing.sources.monotonic()):
            # It has just failed several times: nobody who reports a child in danger waits for it to fail once more.
            raise _outage(SourceError(part.source, "open"))
        await writing.log.record([acting.intent(part, number, name, writing.clock())])
        target, failure = writing.targets[part.source], None
        try:
            result = await target.write(
                part.write,
                {**self.shared, **part.bindings},
                intent=name,
                digest=self.digest,
                deadline=writing.deadline,
            )
        except SourceError as error:
            if error.reason != "rejected":
                breaker.failed(writing.sources.monotonic())
            result, failure = await self._settled(target, name, error), error
        else:
            breaker.succeeded()
        self.receipts += await writing.log.record([acting.outcome(part, number, name, writing.clock(), result)])
        if failure is not None and isinstance(result, GivenUp):
            raise _outage(failure)
        return result

    async def _settled(self, target: Target, name: str, error: SourceError) -> Result:
        """After an error nobody knows; the department does. If it does not answer, the intent stays open."""
        try:
            keys = await target.settle(name, deadline=self.writing.deadline)
        except SourceError:
            raise OutageError("SOURCE_UNAVAILABLE", str(error), source=error.source, open=True) from None
        return GivenUp() if keys is None else Written(keys=keys)

    def _not_written(self, part: Part, result: Result) -> HubError:
        step, found = self.acting.step, self.acting.found
        if isinstance(result, Reused):
            return RefusalError(
                "CONFLICT",
                "this key was given to an act with another content before",
                messageZh="该幂等键已用于另一项内容不同的办理",
                step=step.name,
                reason="key",
            )
        if isinstance(result, NotThere):
            return _absent("id" if part.write.changes[result.change].key.name == "subject" else "about")
        assert isinstance(result, Stale)
        state = next(iter(result.current.values()), found.standing.state)
        refusal = self._conflict(Standing(state=state, into=found.standing.into))
        if refusal is not None:
            return refusal
        return RefusalError(
            "CONFLICT",
            "the row was changed meanwhile, look at it again",
            messageZh="该记录刚被修改，请重新查看后办理",
            step=step.name,
            clause=step.clause,
        )


def _absent(argument: str) -> RefusalError:
    """A row that does not exist and one that is out of scope are told alike."""
    return RefusalError(
        "INVALID_INPUT",
        f"`{argument}` names no row that is there for you",
        messageZh="所指对象不存在，或不在您的办理范围",
        argument=argument,
    )


def _outage(error: SourceError) -> OutageError:
    return OutageError("SOURCE_UNAVAILABLE", str(error), source=error.source)
