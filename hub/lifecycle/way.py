"""A step on its way through the departments -> Taken, or why it was not: intent, write and outcome of each of them.

Guarantee: nothing is written without an intent that is durable before it; what is ``Taken`` is in the departments and
its outcomes in the log. If we crash after an intent, ``hub/lifecycle/settle.py`` asks the department what became of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from connectors.source import SourceError
from connectors.write import GivenUp, NotThere, Result, Reused, Stale, Target, Unfit, Written
from hub.audit.entry import Entry
from hub.audit.receipt import Receipt
from hub.errors import HubError, OutageError, RefusalError
from hub.events.change import changes_of
from hub.lifecycle.census import no_figure, replaced
from hub.lifecycle.compile import Compiled, Part
from hub.lifecycle.entries import Acting
from hub.lifecycle.found import Found
from hub.lifecycle.guard import Conflict, Standing, instead, judge, lawful
from hub.lifecycle.signatures import ABOUT, names_about
from hub.lifecycle.step import Step
from hub.sources import Breaker
from schema.catalogue import CATALOGUE

if TYPE_CHECKING:
    from hub.lifecycle.write import Writing

ATTEMPTS = 8
"""How often a write is tried whose earlier attempts were settled as not happened."""


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
class Way:
    """One step on its way through the departments; ``told``: whether the writer may learn how the row stands."""

    writing: Writing
    acting: Acting
    compiled: Compiled
    told: bool
    shared: Mapping[str, Any] = field(repr=False)
    digest: str
    overtaken: RefusalError | None = None
    """Why it may not go on though the row stands as the step needs it: others wrote what the writer has not seen."""
    receipts: list[Receipt] = field(default_factory=list)
    begins: Callable[[], Awaitable[None]] | None = None
    """Of a step in two departments: what must be done before the first write."""

    async def to_the_end(self) -> Taken:
        """Every part that is not written yet, one department after the other."""
        written: dict[str, Written] = {}
        await self.check()
        if self.begins is not None:
            await self.begins()
        for place, source in enumerate(self.compiled.sources()):
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

    async def check(self) -> None:
        """Returns if the step may go on; raises ``RefusalError`` with the reason why not."""
        refusal = self._refusal(self.acting.found) or self.overtaken
        # Sent again after it was taken, the row stands elsewhere by now: that is no conflict. It is asked for once more
        # all the same: what is acknowledged has its outcome in the log, and is told of before whatever follows it.
        if refusal is not None and not await self.writing.before(self.acting.step, self.compiled.base):
            raise refusal

    def _state_after(self, again: bool) -> str | None:
        """A row that was made before this call may stand anywhere by now, and nobody has looked."""
        step = self.acting.step
        if again:
            return None if step.creates else self.acting.found.standing.state
        return step.target if step.moves else None if step.creates else self.acting.found.standing.state

    def _refusal(self, found: Found) -> RefusalError | None:
        step = self.acting.step
        if not found.there:
            return no_figure(step) if step.named else absent("id")
        if step.creates and not found.about:
            # Before any condition: how the child of somebody else stands is nothing that a refusal may tell.
            return absent(self._about_member())
        refusal = self._unlawful(found)
        if refusal is not None:
            return refusal
        if step.finds and found.file is None:
            return RefusalError(
                "CONFLICT",
                f"`{step.name}` (clause {step.clause}): no accepted file has this number; one that a town has just"
                " opened is accepted by civil affairs first (`acceptFile`)",
                messageZh=f"{step.zh}（条款 {step.clause}）：没有档案与该号码相符；镇街新建的档案须先由民政部门核准",
                step=step.name,
                clause=step.clause,
            )
        return None if found.about else absent(self._about_member())

    def _unlawful(self, found: Found) -> RefusalError | None:
        """Why the step is not lawful of the rows that are there; None if it is."""
        if "into" in found.wanting:
            return absent("into")
        refusal = self._conflict(found.standing)
        return self._nothing_to_change() if refusal is None and found.wanting else refusal

    def _nothing_to_change(self) -> RefusalError:
        """The row is there, in a state of the step's, and what the step would change of it is not."""
        step, standing = self.acting.step, self.acting.found.standing
        following = instead(self.acting.identity.unit, step, standing)
        return RefusalError(
            "CONFLICT",
            f"`{step.name}` (clause {step.clause}) changes what belongs to this row, and nothing of it is there yet",
            messageZh=f"{step.zh}（条款 {step.clause}）：该记录下尚无可办理的内容",
            step=step.name,
            clause=step.clause,
            **({"state": standing.state, "lawful": [each.name for each in following]} if self.told else {}),
        )

    def _about_member(self) -> str:
        """The member of the input that names the child or the enrolment: of a step about a report, the report's own."""
        step = self.acting.step
        return ABOUT[str(step.about)] if names_about(step) else "id"

    def _conflict(self, standing: Standing) -> RefusalError | None:
        """Why the row does not stand as the step needs it, or as the writer believes; None if it does."""
        acting = self.acting
        if acting.step.replaces is not None:
            return replaced(acting.step, acting.given.expected, standing.stands, told=self.told)
        verdict = judge(acting.step, acting.identity, standing)
        expected = acting.given.expected
        if expected not in (None, standing.state):
            following = lawful(acting.identity.unit, acting.step, standing.state)
            verdict = Conflict(step=acting.step, standing=standing, lawful=following, expected=expected)
        return verdict.refusal(told=self.told) if isinstance(verdict, Conflict) else None

    async def _written(self, part: Part, place: int) -> Written:
        for attempt in range(ATTEMPTS):
            result = await self._attempt(
                part, place * ATTEMPTS + attempt, intent_of(self.compiled.base, part.source, attempt)
            )
            if isinstance(result, Written):
                return result
            if not isinstance(result, GivenUp):
                raise self._not_written(part, result)
        raise outage_of(SourceError(part.source, "timeout"))

    async def _attempt(self, part: Part, number: int, name: str) -> Result:
        """Intent, write, outcome. If we crash in between, the intent is open and the department knows the rest."""
        writing, acting = self.writing, self.acting
        breaker = writing.breakers.setdefault(part.source, Breaker())
        if not breaker.allows(writing.sources.monotonic()):
            # It has just failed several times: nobody who reports a child in danger waits for it to fail once more.
            raise outage_of(SourceError(part.source, "open"))
        now = writing.clock()
        if writing.drafts is not None:
            # Crash after it, and it goes with the outcome that is settled later, or is forgotten.
            file = None if acting.found.file is None else acting.found.file[0]
            await writing.drafts.keep(acting.request_id, number, now, name, changes_of(part, file))
        await writing.log.record([acting.intent(part, number, name, now)])
        result, failure = await self._sent(part, name, breaker)
        self.receipts += await self._recorded(acting.outcome(part, number, name, writing.clock(), result))
        if failure is not None and isinstance(result, GivenUp):
            raise outage_of(failure)
        return result

    async def _sent(self, part: Part, name: str, breaker: Breaker) -> tuple[Result, SourceError | None]:
        """What came of the write, and the failure after which that had to be asked."""
        writing = self.writing
        target, bindings = writing.targets[part.source], {**self.shared, **part.bindings}
        try:
            result = await target.write(
                part.write, bindings, intent=name, digest=self.digest, deadline=writing.deadline
            )
        except SourceError as error:
            if error.reason != "rejected":
                breaker.failed(writing.sources.monotonic())
            return await self._settled(target, name, error, breaker), error
        breaker.succeeded()
        return result, None

    async def _recorded(self, outcome: Entry) -> list[Receipt]:
        """Receipts of the outcome."""
        # INVARIANT 2: what has no outcome in the log is not acknowledged, though it may be in the department already.
        try:
            return await self.writing.log.record([outcome])
        except OutageError as outage:
            raise OutageError(outage.code, outage.message, **outage.facts, open=True) from None

    async def _settled(self, target: Target, name: str, error: SourceError, breaker: Breaker) -> Result:
        """After an error nobody knows; the department does. If it does not answer, the intent stays open."""
        try:
            keys = await target.settle(name, deadline=self.writing.deadline / 2)
        except SourceError:
            breaker.failed(self.writing.sources.monotonic())
            raise outage_of(error, open_=True) from None
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
            if step.named:
                return no_figure(step)
            return absent("id" if part.write.keyed[result.change].key.name == "subject" else self._about_member())
        if isinstance(result, Unfit):
            return unfit(step, part.write.changes[result.change].relation, result.column)
        assert isinstance(result, Stale)
        state = next(iter(result.current.values()), found.standing.state)
        refusal = self._conflict(Standing(state=state, into=found.standing.into, stands=state))
        if refusal is not None:
            return refusal
        return RefusalError(
            "CONFLICT",
            f"`{step.name}` (clause {step.clause}): somebody else wrote this row at the same moment, and nothing of"
            " yours was written; read the row again, then take the step with what stands there now",
            messageZh=f"{step.zh}（条款 {step.clause}）：他人刚刚修改了该记录，您的内容未写入；请重新查看后再办理",
            step=step.name,
            clause=step.clause,
            reason="changed",
        )


def intent_of(base: str, source: str, attempt: int) -> str:
    """The name under which a department keeps one attempt of a step."""
    return f"{base}.{source}.{attempt}"


def absent(argument: str) -> RefusalError:
    """A row that does not exist and one that is out of scope are told alike."""
    return RefusalError(
        "INVALID_INPUT",
        f"`{argument}` names no row that is there for you",
        messageZh="所指对象不存在，或不在您的办理范围",
        argument=argument,
    )


def unfit(step: Step, relation: str, column: str | None) -> RefusalError:
    """A text that is too long, or a field that must not be empty: the department would not take it."""
    found = CATALOGUE.get(f"{relation}.{column}")
    fields = [] if found is None else [found.coordinate]
    name = "a field" if found is None else f"`{found.coordinate}`"
    zh = "有字段" if found is None else f"“{found.name_zh}”"
    return RefusalError(
        "INVALID_INPUT",
        f"`{step.name}` gives {name} a value that its department cannot keep: too long, out of range, or empty",
        messageZh=f"{step.zh}：{zh}的内容过长、超出范围或不能为空，主管部门无法保存",
        step=step.name,
        fields=fields,
    )


def outage_of(error: SourceError, *, open_: bool = False) -> OutageError:
    """``open_``: whether the department may have done it, or may still do it, for all that is known."""
    found = OutageError("SOURCE_UNAVAILABLE", str(error), source=error.source, reason=error.reason)
    found.facts = {**found.facts, "open": True} if open_ else found.facts
    return found
