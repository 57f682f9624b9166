"""Step, principal, row as it stands -> Allowed, Conflict or NotEntitled: whether the step is lawful now, and what is.

Guarantee: pure, and it gives no right: it says early and in words what the policy, the scope and the statement that
writes decide in the end. Who may not take a step at all is told nothing of the row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias

from hub.errors import RefusalError
from hub.lifecycle.conditions import CONDITIONS
from hub.lifecycle.step import Step
from hub.lifecycle.steps import CYCLE_OF, STEPS


class Principal(Protocol):
    """Who would take the step: an ``Identity`` is one."""

    @property
    def unit(self) -> str:
        """Code of the unit."""
        ...

    @property
    def purpose(self) -> str:
        """The declared purpose."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A row as it stands: its ``state`` (None: none yet), which fields of ``Step.once`` are ``filled``, which
    conditions are ``unmet``, the state of the row that the step leads ``into``, and what ``stands`` in the field that
    the step replaces."""

    state: str | None = None
    filled: frozenset[str] = frozenset()
    unmet: frozenset[str] = frozenset()
    into: str | None = None
    stands: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """The step is lawful."""

    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """The unit may take the step, but not of this row as it stands; ``lawful``: what it may do instead.

    ``expected``: the state in which the writer believed the row to be, if it was in another.
    """

    step: Step
    standing: Standing
    lawful: tuple[Step, ...]
    expected: str | None = None

    @property
    def clause(self) -> str:
        """The clause on which the step rests."""
        return self.step.clause

    @property
    def sentence(self) -> str:
        """Why, and what would be lawful, in English."""
        lawful = ", ".join(f"`{step.name}`" for step in self.lawful) or "none"
        return f"`{self.step.name}` (clause {self.clause}) {self._why()}; lawful for you now: {lawful}"

    @property
    def sentence_zh(self) -> str:
        """Why, and what would be lawful, in Chinese."""
        lawful = "、".join(f"{step.zh}（`{step.name}`）" for step in self.lawful) or "无"
        return f"{self.step.zh}（条款 {self.clause}）：{self._why_zh()}；您现在可以办理：{lawful}"

    def refusal(self, *, told: bool) -> RefusalError:
        """The error; a writer who may not be ``told`` how the row stands learns what the step needs of any row."""
        step = self.step
        if not told:
            en, zh = _needs(step)
            return RefusalError(
                "CONFLICT",
                f"`{step.name}` (clause {self.clause}) is not lawful of this row as it stands{en}",
                messageZh=f"{step.zh}（条款 {self.clause}）：按该记录的现状不能办理{zh}",
                step=step.name,
                clause=self.clause,
            )
        expected = {} if self.expected is None else {"expected": self.expected}
        return RefusalError(
            "CONFLICT",
            self.sentence,
            messageZh=self.sentence_zh,
            step=step.name,
            **expected,
            state=self.standing.state,
            clause=self.clause,
            lawful=[each.name for each in self.lawful],
        )

    def _why(self) -> str:
        if self.expected is not None:
            return f"was asked for in the state `{self.expected}`, and the state is `{self.standing.state}`"
        if self.standing.state not in (self.step.origin or (self.standing.state,)):
            wanted = " or ".join(f"`{state or 'no state'}`" for state in self.step.origin)
            return f"needs {wanted}, and the state is `{self.standing.state or 'no state'}`"
        if self.standing.filled:
            return f"is taken once, and {_listed(self.standing.filled)} is given already"
        if self.standing.unmet:
            return "needs that " + " and that ".join(CONDITIONS[name].en for name in sorted(self.standing.unmet))
        return "needs another row that is open"

    def _why_zh(self) -> str:
        cycle = CYCLE_OF[self.step.cycle]
        words = {state.name: state.zh for state in cycle.states}

        def word(state: str | None) -> str:
            return "尚无状态" if state is None else words.get(state, state)

        if self.expected is not None:
            return f"您以为当前为“{word(self.expected)}”，实际为“{word(self.standing.state)}”"
        if self.standing.state not in (self.step.origin or (self.standing.state,)):
            wanted = "或".join(f"“{word(state)}”" for state in self.step.origin)
            return f"须为{wanted}，当前为“{word(self.standing.state)}”"
        if self.standing.filled:
            return "只能办理一次，且已经办理"
        if self.standing.unmet:
            return "须" + "、".join(CONDITIONS[name].zh for name in sorted(self.standing.unmet))
        return "须指定另一条未结的报告"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotEntitled:
    """The unit may never take the step, or not for this purpose (``purposes``: for which it may)."""

    step: Step
    purposes: tuple[str, ...]

    @property
    def units(self) -> tuple[str, ...]:
        """Units that may take it."""
        return tuple(actor.unit for actor in self.step.who)


Verdict: TypeAlias = Allowed | Conflict | NotEntitled


def judge(step: Step, principal: Principal, standing: Standing) -> Verdict:
    """Whether the principal may take the step of a row that stands so."""
    purposes = step.purposes(principal.unit)
    if principal.purpose not in purposes:
        return NotEntitled(step=step, purposes=purposes)
    if is_lawful(step, standing):
        return Allowed(step=step)
    return Conflict(step=step, standing=standing, lawful=instead(principal.unit, step, standing))


def is_lawful(step: Step, standing: Standing) -> bool:
    """Whether the row stands as the step needs it."""
    if step.origin and standing.state not in step.origin:
        return False
    if standing.filled & frozenset(step.once) or standing.unmet & frozenset(step.conditions):
        return False
    return not step.into or standing.into in step.into


def instead(unit: str, refused: Step, standing: Standing) -> tuple[Step, ...]:
    """What is lawful in place of a step that is not: itself only if another row to lead into is all that it lacks."""
    if refused.creates:
        return tuple(step for step in STEPS.values() if _begins_as(refused, step) and step.purposes(unit))
    found = lawful(unit, refused, standing.state)
    if refused.into and is_lawful(refused, replace(standing, into=refused.into[0])):
        return found
    return tuple(step for step in found if step is not refused)


def _begins_as(refused: Step, step: Step) -> bool:
    """Whether a step makes a row as the refused one would have, and needs nothing before it."""
    same = (step.cycle, step.subject, step.about) == (refused.cycle, refused.subject, refused.about)
    return same and step.creates and not step.conditions and not step.origin


def lawful(unit: str, wanted: Step, state: str | None) -> tuple[Step, ...]:
    """Steps of the same row that the unit may take from this state, for whatever purpose, in the order of the table."""
    return tuple(
        step
        for step in STEPS.values()
        if step.state == wanted.state
        and step.subject == wanted.subject
        and not step.creates
        and state in step.origin
        and step.purposes(unit)
    )


def _needs(step: Step) -> tuple[str, str]:
    """What a step needs of every row besides its state, in English and Chinese; nothing of this row."""
    if not step.conditions:
        return "", ""
    found = [CONDITIONS[name] for name in step.conditions]
    return "; it needs that " + " and that ".join(one.en for one in found), "；须" + "、".join(one.zh for one in found)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))
