"""The table of life cycles against the schema, the mappings and, above all, the policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.mapping import Mapping, load
from hub.lifecycle.conditions import CONDITIONS
from hub.lifecycle.step import Credential, Cycle, Fixed, OneMore, Step
from hub.lifecycle.steps import ALONE, APART, CYCLES, DEADLINES, STEPS, WIDER
from hub.planner.relations import HOME
from policies import load as load_policy
from policies.policy import Policy
from schema.build import whole
from schema.catalogue import CATALOGUE

ROOT = Path(__file__).parents[3]
MAPPINGS: dict[str, Mapping] = {path.stem: load(path) for path in (ROOT / "connectors").glob("*.toml")}
Right = tuple[str, str, str, str]
"""(unit, purpose, action, coordinate)"""

every_step = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
every_cycle = pytest.mark.parametrize("cycle", CYCLES, ids=[cycle.name for cycle in CYCLES])


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy(ROOT / "policies", CATALOGUE)


def rights_of(step: Step) -> Iterator[Right]:
    for actor in step.who:
        for purpose in actor.purposes:
            for coordinate in step.coordinates:
                yield actor.unit, purpose, step.action, coordinate


def granted(policy: Policy) -> set[Right]:
    return {
        (unit, purpose, action, coordinate)
        for unit, purpose, action, held in policy.sets()
        for coordinate in held
        if action in ("report", "update")
    }


@every_step
def test_whoever_takes_a_step_is_granted_every_coordinate_of_it_for_every_purpose(step: Step, policy: Policy) -> None:
    assert step.coordinates
    assert set(rights_of(step)) - granted(policy) == set()


def unused(policy: Policy) -> set[Right]:
    used = {right for step in STEPS.values() for right in rights_of(step)}
    return {right for right in granted(policy) - used if right[3] not in APART}


def named(right: Right) -> bool:
    unit, _, action, coordinate = right
    type_name, _, field = coordinate.partition(".")
    return any(
        (not wider.units or unit in wider.units)
        and (wider.action, wider.type_name) == (action, type_name)
        and field in wider.fields
        for wider in WIDER
    )


def test_every_right_to_write_is_used_by_a_step_or_named_with_the_reason_why_not(policy: Policy) -> None:
    assert {right for right in unused(policy) if not named(right)} == set()


def test_no_reason_is_given_for_what_a_step_uses_or_nobody_is_granted(policy: Policy) -> None:
    left = {(action, coordinate) for _, _, action, coordinate in unused(policy)}
    spoken = {(wider.action, f"{wider.type_name}.{field}") for wider in WIDER for field in wider.fields}
    assert spoken - left == set()
    assert set(APART) <= {coordinate for _, _, _, coordinate in granted(policy)}
    assert set(APART) & {coordinate for step in STEPS.values() for coordinate in step.coordinates} == set()


@every_step
def test_what_a_step_names_exists(step: Step, policy: Policy) -> None:
    assert {actor.unit for actor in step.who} <= set(policy.units)
    assert {purpose for actor in step.who for purpose in actor.purposes} <= set(policy.purposes)
    assert policy.clause(step.clause)
    assert step.coordinates <= set(CATALOGUE)
    assert {*step.starts, *step.stops} <= set(DEADLINES)
    assert set(step.conditions) <= set(CONDITIONS)
    assert len({actor.unit for actor in step.who}) == len(step.who)


@every_step
def test_every_field_of_a_step_is_open_to_it_in_its_departments_mapping(step: Step) -> None:
    for change in step.changes:
        relation = MAPPINGS[HOME[change.relation]].relation(change.relation)
        assert relation.writes is not None
        keys = {name for name in (*change.needs, *(name for name, _ in change.sets)) if name.startswith("_")}
        written = {*change.fields, *keys}
        assert written - (relation.writes.insert if change.creates else relation.writes.update) == set()
        counted = {name for name, value in change.sets if isinstance(value, OneMore)}
        assert counted <= relation.writes.check
    if step.state is not None:
        type_name, _, field = step.state.partition(".")
        relation = MAPPINGS[HOME[type_name]].relation(type_name)
        assert relation.writes is not None
        assert field in relation.writes.check
        assert not step.moves or field in (relation.writes.insert if step.creates else relation.writes.update)


def enum_values(coordinate: str) -> set[str]:
    type_name, _, field = coordinate.partition(".")
    found = whole().type_map[type_name].fields[field].type  # type: ignore[attr-defined]
    while hasattr(found, "of_type"):
        found = found.of_type
    return set(found.values)


@every_cycle
def test_the_states_of_a_cycle_are_the_values_of_its_field(cycle: Cycle) -> None:
    assert {state.name for state in cycle.states} == enum_values(cycle.state)


@every_step
def test_every_value_that_a_step_sets_is_one_of_the_schema(step: Step) -> None:
    for change in step.changes:
        for name, value in (*change.sets, *change.absent):
            if isinstance(value, Fixed) and isinstance(value.value, str) and not name.startswith("_"):
                assert value.value in enum_values(f"{change.relation}.{name}")


@every_cycle
def test_every_state_is_reached_and_only_a_final_one_has_no_way_on(cycle: Cycle) -> None:
    moves = [step for step in cycle.steps if step.moves and step.state == cycle.state]
    reached: set[str | None] = {None, cycle.begun}
    while fresh := {step.target for step in moves if not step.origin or set(step.origin) & reached} - reached:
        reached |= fresh
    assert reached == {None, *(state.name for state in cycle.states)}
    left = {origin for step in moves for origin in step.origin}
    assert {state.name for state in cycle.states if not state.final} <= left
    taken_up_again = {"UNFOUNDED", "MERGED", "CLOSED", "CORRECTED", "EXPLAINED"}  # what was said in error is taken back
    assert {state.name for state in cycle.states if state.final} & left <= taken_up_again


def test_a_row_is_created_in_its_first_state_and_never_moved_to_it_from_nowhere() -> None:
    first = {step.name: step.target for step in STEPS.values() if step.creates and step.moves}
    assert first == {
        "reportConcern": "REPORTED",
        "takeCall": "REPORTED",
        "planService": "PLANNED",
        "beginSurvey": "DRAFT",
        "beginLastSurvey": "DRAFT",
        "registerCase": "ACCEPTED",
        "registerRestoration": "ACCEPTED",
        "proposeApplication": "PENDING",
        "urgeApplication": "PENDING",
        "supportApplication": "PENDING",
        "superviseCaseFiling": "PENDING",
        "superviseProsecution": "PENDING",
        "superviseDuty": "PENDING",
        "registerDropout": "REGISTERED",
    }
    assert [step.name for step in STEPS.values() if step.moves and not step.creates and not step.origin] == []


def test_who_reported_and_when_comes_from_credential_and_clock_alone() -> None:
    (report,) = STEPS["reportConcern"].changes
    given = {*report.needs, *report.may}
    assert given & {"reporterKind", "reporterUnit", "reportedAt", "status", "acceptedAt"} == set()
    assert dict(report.sets)["reporterUnit"] == Credential("unit")


def test_a_place_and_a_sentence_are_enough_for_a_report() -> None:
    (report,) = STEPS["reportConcern"].changes
    assert report.needs == ("divisionCode", "narrative")


def test_names_of_steps_and_words_of_conditions_are_each_said_once() -> None:
    assert sum(len(cycle.steps) for cycle in CYCLES) + len(ALONE) == len(STEPS)
    assert len({step.zh for step in STEPS.values() if step.cycle == "report"}) == len(
        [step for step in STEPS.values() if step.cycle == "report"]
    )
    used = {name for step in STEPS.values() for name in step.conditions}
    assert used == set(CONDITIONS)


@every_step
def test_a_step_that_explains_itself_corrects_or_ends_something(step: Step) -> None:
    corrections = {
        "correctDivision", "undoMatch", "supplementIncident", "reopenReport", "refuseService", "cancelService",
        "closeDropout", "recordNonPerformance", "settleDuplicate", "undoMerge", "resumeMerged", "undoClosing",
        "notifyTownAgain", "notifyVillageAgain", "reassess", "withdrawCaseFiling",
        "explainDiscrepancy", "reopenDiscrepancy", "undoLink",
    }  # fmt: skip
    assert step.explained == (step.name in corrections)


def test_every_clock_is_started_and_stopped_by_some_step() -> None:
    assert {name for step in STEPS.values() for name in step.starts} == set(DEADLINES)
    assert {name for step in STEPS.values() for name in step.stops} == set(DEADLINES)
