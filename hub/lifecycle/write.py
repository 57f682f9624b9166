"""Identity, step, what is given -> Taken, or one refusal: a step from the right to the department's answer.

In this order: the right, what is given, the rows that it rests on, the guard, the departments (``way.py``).
Guarantee: a step sent again under its name (``again``) is one step; a caller that goes away does not stop it halfway.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from connectors.source import SourceError
from connectors.write import GivenUp, Target, Written
from hub.audit.entry import Pseudonyms
from hub.errors import RefusalError
from hub.events.outbox import Drafts
from hub.identity import Identity
from hub.lifecycle.census import check_figure, keyed
from hub.lifecycle.compile import Compiled, sources_of
from hub.lifecycle.dated import check_dates
from hub.lifecycle.entries import Acting
from hub.lifecycle.found import Finding, Found
from hub.lifecycle.given import Given, check
from hub.lifecycle.named import check_named
from hub.lifecycle.overtaken import check_seen, overtaken, stands_of
from hub.lifecycle.rights import rights_of
from hub.lifecycle.step import Step
from hub.lifecycle.steps import STEPS
from hub.lifecycle.values import Moment
from hub.lifecycle.way import ATTEMPTS, Taken, Way, intent_of, outage_of
from hub.planner.relations import HOME
from hub.recording import Recorder
from hub.registry import Registry
from hub.sources import Breaker, Reading, Sources
from hub.today import USUAL, Truancy, months_before, parks_of, request_bindings
from policies.policy import Policy

if TYPE_CHECKING:
    from hub.lifecycle.halves import Halves


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A step as a principal asks for it; ``name``: the client's own name of it, the same when it is sent again."""

    step: str
    name: str
    request_id: str
    given: Given


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
    drafts: Drafts | None = None
    halves: Halves | None = None
    deadline: float = 3.0
    parks: Mapping[str, str] = field(default_factory=dict)
    truancy: Truancy = USUAL
    set_limit: int = 20_000
    breakers: dict[str, Breaker] = field(default_factory=dict)
    _running: set[asyncio.Task[Taken]] = field(default_factory=set, init=False, repr=False)

    async def take(self, identity: Identity, asked: Asked, *, at: datetime | None = None) -> Taken:
        """The step taken; ``RefusalError`` or ``OutageError`` if it was not, or not to the end.

        A caller that goes away does not stop it halfway. ``at``: when it was first asked for, if that was before.
        """
        task = asyncio.create_task(self._take(identity, asked, at or self.clock()))
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

    async def _take(self, identity: Identity, asked: Asked, now: datetime) -> Taken:
        way = await self.way(identity, asked, now)
        if self.halves is None or len(way.compiled.sources()) == 1:
            return await way.to_the_end()
        return await self.halves.whole(way, identity, asked, now)

    async def way(self, identity: Identity, asked: Asked, now: datetime) -> Way:
        """The step as far as nothing is written."""
        step, policy = STEPS.get(asked.step), self.policy()
        if step is None:
            raise RefusalError("INVALID_INPUT", "there is no such step", argument="step")
        rights = rights_of(policy, identity, step)
        moment = Moment(identity=identity, policy=policy, now=now)
        await self._check(step, asked, moment)
        registry = Registry(reading=self._reading(moment), set_limit=self.set_limit)
        asked = await _keyed(step, asked, moment, registry.reading)
        finding = Finding(
            step=step, given=asked.given, rights=rights, moment=moment, registry=registry, counted=self._counted
        )
        found, refusal = await _found(finding)
        return Way(
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
                base=self.name_of(identity, asked),
            ),
            told=step.shows in policy.grants(identity.unit, identity.purpose, "read"),
            shared=registry.reading.bindings,
            digest=self.digest_of(asked),
            overtaken=refusal,
        )

    async def _check(self, step: Step, asked: Asked, moment: Moment) -> None:
        """Raises ``RefusalError`` if what is given is not what the step takes, of this unit, on this day."""
        check(step, asked.given)
        check_named(step, asked.given, moment.identity, moment.policy)
        check_seen(step, asked.given, moment.identity, moment.policy)
        try:
            check_dates(step, asked.given, moment.now.date())
        except RefusalError:
            # A day that has passed since the step was taken is none to refuse it for when it is sent again.
            if not await self.before(step, self.name_of(moment.identity, asked)):
                raise

    async def before(self, step: Step, base: str) -> bool:
        """Whether some part of a step was written when it was sent before."""
        for source in sources_of(step):
            for attempt in range(ATTEMPTS):
                result = await self._under(source, intent_of(base, source, attempt))
                if isinstance(result, Written):
                    return True
                if not isinstance(result, GivenUp):
                    break
        return False

    async def _under(self, source: str, intent: str) -> Written | GivenUp | None:
        try:
            return await self.targets[source].found(intent, deadline=self.deadline)
        except SourceError as error:
            raise outage_of(error) from None

    async def _counted(self, relation: str, key: str) -> int:
        """How often writes have named a row; raises ``SourceError``."""
        return await self.targets[HOME[relation]].touched(relation, key, deadline=self.deadline)

    def _reading(self, moment: Moment) -> Reading:
        parks = parks_of(self.parks, moment.policy.divisions, moment.identity.division)
        institutions = moment.policy.institutions.values()
        bindings = request_bindings(moment.identity, institutions, moment.now, parks=parks, truancy=self.truancy)
        three = months_before(moment.now.date(), 3).isoformat()
        return Reading(sources=self.sources, bindings={**bindings, "three_months_ago": three})

    def name_of(self, identity: Identity, asked: Asked) -> str:
        """The name under which departments keep the step: one for each principal, step and name of the client's."""
        return self._keyed("name", [identity.key, identity.client, asked.step, asked.name])

    def subject_of(self, step: Step, key: str) -> str:
        """What tells the row that a step is about from others, and nobody which it is."""
        return self._keyed("subject", [step.subject, key])

    def digest_of(self, asked: Asked) -> str:
        """What tells two contents under one name apart."""
        given = asked.given
        content = [given.key, given.about, given.into, given.number, given.reason, dict(given.values)]
        return self._keyed("digest", content)

    def _keyed(self, domain: str, content: Any) -> str:
        message = orjson.dumps([domain, content], option=orjson.OPT_SORT_KEYS)
        return base64.b32encode(hmac.digest(self.secret, message, "sha256")).decode().rstrip("=").lower()


async def _found(finding: Finding) -> tuple[Found, RefusalError | None]:
    """What the step rests on, and why it would write over what its writer has not seen."""
    try:
        found = await finding.found()
        stands = await stands_of(finding.step, finding.given, found, finding.registry.reading)
    except SourceError as error:
        raise outage_of(error) from None
    return found, overtaken(finding.step, finding.given, stands)


async def _keyed(step: Step, asked: Asked, moment: Moment, reading: Reading) -> Asked:
    """The same, with the key of the row that is named by values and not by an id."""
    check_figure(step, asked.given, moment.policy, moment.quarter)
    try:
        return replace(asked, given=await keyed(step, asked.given, reading))
    except SourceError as error:
        raise outage_of(error) from None
