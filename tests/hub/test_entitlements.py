"""Entitlements: what one unit may do under one purpose, row by row, and which line says so."""

from __future__ import annotations

import pytest

from hub.entitlements import Entitlements
from hub.planner.formula import FALSE, Formula, either, implies
from hub.planner.scopes import SCOPES, ScopeError, scope_formula
from policies import load
from policies.policy import Policy
from schema.catalogue import CATALOGUE, LINKS, TYPES
from tests.support.running import ROOT


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load(ROOT / "policies", CATALOGUE, scopes=frozenset(SCOPES))


@pytest.fixture(scope="module")
def every(policy: Policy) -> list[Entitlements]:
    """Of every unit under every purpose."""
    return [Entitlements.of(policy, unit, purpose) for unit in policy.units for purpose in policy.purposes]


def test_every_scope_that_a_line_uses_means_something_for_the_lines_type(every: list[Entitlements]) -> None:
    for held in every:
        for type_name in TYPES:
            held.access(type_name)


def test_a_coordinate_without_a_line_has_no_formula_at_all(every: list[Entitlements]) -> None:
    for held in every:
        for type_name in TYPES:
            access = held.access(type_name)
            assert set(access.clear) == {name for name in held.read if name.startswith(f"{type_name}.")}
            assert set(access.masked) == {name for name in held.masked if name.startswith(f"{type_name}.")}


def test_a_row_exists_wherever_some_field_of_it_is_open(every: list[Entitlements]) -> None:
    for held in every:
        for type_name in TYPES:
            access = held.access(type_name)
            parts = [*access.clear.values(), *access.masked.values()]
            assert all(implies(part, access.visible) for part in parts)
            assert (access.visible == FALSE) == (not parts)
            assert held.opens_type(type_name) == bool(parts)


def test_what_is_opened_by_several_lines_is_open_in_the_rows_of_each(every: list[Entitlements]) -> None:
    found = 0
    for held in every:
        for coordinate, lines in held.read.items():
            if len({line.scope for line in lines}) > 1:
                type_name = coordinate.partition(".")[0]
                scopes: list[Formula] = [scope_formula(line.scope, type_name, divided=held.divided) for line in lines]
                assert held.access(type_name).clear[coordinate] == either(*scopes)
                found += 1
    assert found


def test_a_link_and_an_id_are_open_if_a_field_of_the_type_is(every: list[Entitlements]) -> None:
    for held in every:
        for type_name in TYPES:
            assert held.opens(f"{type_name}.id") == held.opens_type(type_name)
            for name, link in LINKS[type_name].items():
                assert held.opens(f"{type_name}.{name}") == held.opens_type(link.target)


def test_a_masked_coordinate_is_opened_but_not_read(policy: Policy) -> None:
    held = Entitlements.of(policy, "womens_federation", "care_service")
    assert held.opens("Child.name")
    assert not held.reads("Child.name")
    assert held.reads("Child.sex")
    assert not held.opens("Child.citizenId")


def test_another_purpose_opens_nothing_of_this_one(policy: Policy) -> None:
    held = Entitlements.of(policy, "womens_federation", "statistics")
    assert not held.opens("Child.sex")
    assert not held.opens_type("Child")


def test_an_unknown_unit_or_purpose_holds_nothing(policy: Policy) -> None:
    for unit, purpose in (("nobody", "care_service"), ("womens_federation", "curiosity")):
        held = Entitlements.of(policy, unit, purpose)
        assert not any(held.opens_type(type_name) for type_name in TYPES)


def test_lines_are_those_of_the_coordinates_asked_for_each_once(policy: Policy) -> None:
    held = Entitlements.of(policy, "district_court", "judicial_proceeding")
    rules = [line.rule for line in held.lines(["Child.name", "Child.sex", "Enrolment.stage", "Child.unknown"])]
    assert rules == sorted(set(rules))
    assert len(rules) == 2


def test_a_refusal_names_the_line_that_is_wanted_and_whom_to_ask(policy: Policy) -> None:
    held = Entitlements.of(policy, "education_bureau", "dropout_control")
    error = held.refusal("Child.livesAlone", ("children", "livesAlone"))
    assert error.code == "NOT_ENTITLED"
    assert error.path == ("children", "livesAlone")
    assert error.facts["wanted"] == "education_bureau,Child.livesAlone,read,<scope>,,dropout_control"
    assert "区民政局" in error.facts["ask"]
    assert error.facts["clause"]


def test_a_refusal_of_what_is_only_masked_says_so(policy: Policy) -> None:
    error = Entitlements.of(policy, "education_bureau", "dropout_control").refusal("Child.citizenId", None)
    assert error.facts["reason"] == "masked_only"
    assert error.facts["rules"]


def test_a_refusal_of_a_whole_type_names_it(policy: Policy) -> None:
    error = Entitlements.of(policy, "education_bureau", "dropout_control").refusal("CriminalCase.*", ("criminalCases",))
    assert (error.code, error.facts["coordinate"]) == ("NOT_ENTITLED", "CriminalCase.*")


def test_a_scope_of_a_town_means_nothing_for_a_unit_without_a_division() -> None:
    assert scope_formula("own_town", "Child", divided=True)
    with pytest.raises(ScopeError):
        scope_formula("own_town", "Child", divided=False)
    with pytest.raises(ScopeError):
        scope_formula("answering_own", "Child", divided=False)
    with pytest.raises(ScopeError):
        scope_formula("no_such_scope", "Child", divided=True)
