"""Every state, step and unit there is, walked: what is lawful, and what is said of what is not."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from hub.lifecycle.guard import Allowed, Conflict, NotEntitled, Standing, judge
from hub.lifecycle.step import Cycle, Step
from hub.lifecycle.steps import CYCLES, STEPS
from policies import load as load_policy
from schema.catalogue import CATALOGUE
from tests.support.running import ROOT

POLICY = load_policy(ROOT / "policies", CATALOGUE)


@dataclass(frozen=True, slots=True)
class Who:
    unit: str
    purpose: str


PRINCIPALS = [Who(unit, purpose) for unit in POLICY.units for purpose in POLICY.purposes]
LAWFUL_BEFORE = Standing(state="REPORTED")


def states(step: Step) -> list[str | None]:
    cycle = next(cycle for cycle in CYCLES if cycle.state == step.state) if step.state else None
    return [None, *(state.name for state in cycle.states)] if cycle else [None]


def cases() -> Iterator[tuple[Step, Who, str | None]]:
    for step in STEPS.values():
        yield from ((step, who, state) for who, state in itertools.product(PRINCIPALS, states(step)))


def test_a_step_is_allowed_to_its_units_for_its_purposes_from_its_states_and_nowhere_else() -> None:
    seen = {Allowed: 0, Conflict: 0, NotEntitled: 0}
    for step, who, state in cases():
        verdict = judge(step, who, Standing(state=state, into="REPORTED"))
        may = any(actor.unit == who.unit and who.purpose in actor.purposes for actor in step.who)
        here = not step.origin or state in step.origin
        assert type(verdict) is (Allowed if may and here else Conflict if may else NotEntitled)
        seen[type(verdict)] += 1
    assert min(seen.values()) > 50


def test_a_unit_without_any_line_of_the_policy_for_a_step_is_never_allowed_it() -> None:
    for step, who, state in cases():
        if isinstance(judge(step, who, Standing(state=state, into="REPORTED")), Allowed):
            for coordinate in step.coordinates:
                assert POLICY.decide(who.unit, who.purpose, coordinate, step.action).allowed


def test_what_a_conflict_says_would_be_lawful_is_allowed_to_that_unit_from_that_state() -> None:
    offered = 0
    for step, who, state in cases():
        verdict = judge(step, who, Standing(state=state, into="REPORTED"))
        if not isinstance(verdict, Conflict):
            continue
        assert step not in verdict.lawful
        for other in verdict.lawful:
            offered += 1
            (purpose, *_) = other.purposes(who.unit)
            assert isinstance(judge(other, Who(who.unit, purpose), Standing(state=state, into="REPORTED")), Allowed)
        everything = {
            other.name
            for other in STEPS.values()
            if other.state == step.state and other.subject == step.subject and state in other.origin
            if not other.creates and any(actor.unit == who.unit for actor in other.who)
        }
        if step.creates:
            everything = {
                other.name
                for other in STEPS.values()
                if other.creates and not other.origin and not other.conditions
                if (other.cycle, other.subject, other.about) == (step.cycle, step.subject, step.about)
                if any(actor.unit == who.unit for actor in other.who)
            }
        assert {other.name for other in verdict.lawful} == everything - {step.name}
    assert offered > 100


@pytest.mark.parametrize("cycle", CYCLES, ids=[cycle.name for cycle in CYCLES])
def test_nobody_moves_a_row_out_of_a_final_state_but_by_a_step_that_says_why(cycle: Cycle) -> None:
    final = {state.name for state in cycle.states if state.final}
    moves = [step for step in STEPS.values() if step.state == cycle.state and step.moves and set(step.origin) & final]
    assert all(step.explained for step in moves)


@pytest.mark.parametrize("name", [name for name, step in STEPS.items() if step.once])
def test_what_is_done_once_is_not_done_again(name: str) -> None:
    step = STEPS[name]
    who = Who(step.who[0].unit, step.who[0].purposes[0])
    before = Standing(state=step.origin[0] if step.origin else None)
    assert isinstance(judge(step, who, before), Allowed)
    again = judge(step, who, Standing(state=before.state, filled=frozenset(step.once)))
    assert isinstance(again, Conflict)
    assert step not in again.lawful
    assert "once" in again.sentence
    assert "只能办理一次" in again.sentence_zh


@pytest.mark.parametrize("name", [name for name, step in STEPS.items() if step.conditions])
def test_each_condition_alone_stands_in_the_way_and_is_named(name: str) -> None:
    step = STEPS[name]
    who = Who(step.who[0].unit, step.who[0].purposes[0])
    for condition in step.conditions:
        standing = Standing(state=step.origin[0] if step.origin else None, unmet=frozenset({condition}))
        verdict = judge(step, who, standing)
        assert isinstance(verdict, Conflict)
        assert step not in verdict.lawful
        assert step.clause in verdict.sentence
        assert step.clause in verdict.sentence_zh


def test_reports_are_merged_into_open_ones_alone() -> None:
    step, police = STEPS["mergeReport"], Who("public_security_bureau", "emergency_response")
    for into in states(step):
        allowed = isinstance(judge(step, police, Standing(state="REPORTED", into=into)), Allowed)
        assert allowed == (into in ("REPORTED", "DISPATCHED", "HANDLED", "TOWN_NOTIFIED", "ASSESSED", "PLANNED"))
    other = judge(step, police, Standing(state="REPORTED", into="CLOSED"))
    assert isinstance(other, Conflict)
    assert step in other.lawful, "into another report that is open it would be"


def test_a_conflict_names_state_clause_and_what_would_be_lawful_in_two_languages() -> None:
    police = Who("public_security_bureau", "emergency_response")
    verdict = judge(STEPS["notifyTown"], police, Standing(state="DISPATCHED"))
    assert isinstance(verdict, Conflict)
    assert verdict.sentence == (
        "`notifyTown` (clause 2.5) needs `HANDLED`, and the state is `DISPATCHED`; lawful for you now: "
        "`correctDivision`, `matchReport`, `undoMatch`, `recordMeasures`, `supplementIncident`, `notifyVillage`, "
        "`notifyVillageAgain`, `fileCase`, `withdrawCaseFiling`, `findUnfounded`, `mergeReport`"
    )
    assert verdict.sentence_zh.startswith("通报镇街（条款 2.5）：须为“已处置”，当前为“已出警”；您现在可以办理：")
    assert "记录应急处置（`recordMeasures`）" in verdict.sentence_zh


def test_who_is_not_entitled_learns_nothing_of_the_row() -> None:
    step = STEPS["dispatch"]
    verdicts = {judge(step, Who("womens_federation", "care_service"), Standing(state=state)) for state in states(step)}
    assert verdicts == {NotEntitled(step=step, purposes=())}
    other = judge(step, Who("public_security_bureau", "statistics"), Standing(state="REPORTED"))
    assert other == NotEntitled(step=step, purposes=("emergency_response",))
    assert isinstance(other, NotEntitled)
    assert other.units == ("public_security_bureau",)


def test_what_cannot_be_begun_yet_says_what_can_be_begun_in_its_place() -> None:
    procuratorate = Who("district_procuratorate", "legal_supervision")
    urged = judge(STEPS["urgeApplication"], procuratorate, Standing(unmet=frozenset({"proposed_before"})))
    assert isinstance(urged, Conflict)
    named = [step.name for step in urged.lawful]
    assert named == ["proposeApplication", "superviseCaseFiling", "superviseProsecution"]
    assert "建议申请（`proposeApplication`）" in urged.sentence_zh
