"""An item in words: fields by the order in which a comparison names them, evidence, and lists for who may act."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from graphql import GraphQLSchema, parse, validate

from hub.entitlements import Entitlements
from hub.hub import view_of
from hub.lifecycle.signatures import served
from hub.pages.console.names import Names
from hub.pages.reconciliation.lists import document, lawful, lists, orders
from hub.pages.reconciliation.shown import coordinates, evidence, lines
from hub.pages.words import WORDS
from hub.reconcile.linkage import FEATURES
from hub.reconcile.links import CLASS, COORDINATES
from tests.support.steps import POLICY

WHOLE = served()
NAMES = Names(policy=POLICY, spoken="zh")
RECONCILE = "data_reconciliation"


@cache
def view(unit: str, purpose: str = RECONCILE) -> GraphQLSchema:
    return view_of(WHOLE, Entitlements.of(POLICY, unit, purpose))


def row(kind: str, first: str, *values: tuple[str, str | None], **more: Any) -> dict[str, Any]:
    held = [{"source": source, "value": value} for source, value in values]
    return {"discrepancyClass": kind, "comparedField": first, "sourceValues": held, "status": "OPEN", **more}


@pytest.mark.parametrize("unit", sorted(POLICY.units))
def test_what_a_list_asks_for_is_open_to_the_unit_that_asks(unit: str) -> None:
    for purpose in sorted(POLICY.purposes):
        seen = view(unit, purpose)
        if lists(seen, unit):
            assert purpose == RECONCILE
            assert validate(seen, parse(document(seen))) == []
    assert bool(orders(view(unit))) == (unit == "civil_affairs_bureau")


def test_who_decides_has_the_candidates_first_and_who_answers_its_own_alone() -> None:
    civil = [one.name for one in lists(view("civil_affairs_bureau"), "civil_affairs_bureau")]
    assert civil[0] == "rec_candidates" and len(civil) == 6
    [mine] = lists(view("education_bureau"), "education_bureau")
    assert mine.where["answeringUnit"] == {"eq": "education_bureau"}
    assert CLASS not in mine.where["discrepancyClass"]["in"]


def test_steps_are_offered_of_rows_that_stand_for_them() -> None:
    civil = view("civil_affairs_bureau")

    def names(found: dict[str, Any]) -> list[str]:
        return [step.name for step in lawful(civil, "civil_affairs_bureau", found)]

    other = row("AGED_OUT", "Child.birthDate", answeringUnit="town_government:120114101")
    assert names(row(CLASS, "Child.name")) == ["confirmLink", "refuseLink"]
    assert names(other) == ["acceptCorrection", "explainDiscrepancy"]
    assert names({**other, "answeringUnit": "civil_affairs_bureau"})[0] == "answerDiscrepancy"
    assert names({**other, "status": "EXPLAINED"}) == ["reopenDiscrepancy"]
    assert names({**row(CLASS, "Child.name"), "status": "CORRECTED"}) == ["undoLink"]


def test_values_stand_under_their_fields_and_in_words() -> None:
    found = row(
        "SCHOOLING_CONFLICT",
        "Child.schoolingStatus",
        ("civil_affairs", "PRIMARY"),
        ("education", "DROPPED_OUT"),
        ("education", None),
    )
    told = [(line.field, line.text) for line in lines(found, NAMES)]
    assert told == [("就学情况", "小学"), ("学籍状态", "辍学"), ("控辍状态", "—")]
    registered = row(
        "HOUSEHOLD_STATUS_CONFLICT",
        "Child.householdRegistered",
        ("civil_affairs", "true"),
        ("public_security", "UNREGISTERED"),
    )
    assert [line.text for line in lines(registered, NAMES)] == ["是", "无户籍"]


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        ("cn pn cd pd cs", ["Child.name", "HouseholdRegistration.name", "Child.birthDate"]),
        ("cn pn cs", ["Child.name", "HouseholdRegistration.name", "Child.sex"]),
        ("cd pd cs", ["Child.birthDate", "HouseholdRegistration.birthDate", "Child.sex"]),
        ("cd pd", ["Child.birthDate", "HouseholdRegistration.birthDate"]),
        ("cn pn", ["Child.name", "HouseholdRegistration.name"]),
        ("cs", ["Child.sex"]),
        ("cd pn", []),
        ("cn", []),
    ],
)
def test_what_differs_in_an_identity_follows_from_what_it_looks_like(held: str, wanted: list[str]) -> None:
    sources = {"c": "civil_affairs", "p": "public_security"}
    values = {"n": "虚构", "d": "2015-01-02", "s": "MALE"}
    pairs = [(sources[one[0]], values[one[1]]) for one in held.split()]
    found = coordinates(row("IDENTITY_MISMATCH", "Child.name", *pairs))
    assert list(found[:3]) == wanted


def test_evidence_is_told_in_words_and_no_degree_is_without_one() -> None:
    given = [("hub", "0.99997"), ("hub", "name:homophone,birth_date:same"), ("civil_affairs", "虚构")]
    found = evidence(row(CLASS, "Child.name", *given), NAMES)
    assert found is not None
    assert (found.percent, list(found.words)) == (99.9, ["姓名 同音", "出生日期 相同"])
    assert evidence(row("AGED_OUT", "Child.birthDate"), NAMES) is None
    for feature in FEATURES:
        assert f"rec_{feature.name}" in WORDS
        assert all(f"rec_{level.name}" in WORDS for level in feature.levels)
    for source, order in COORDINATES.items():
        held = [(_home(name), None if name.endswith("birthDate") else "x") for name in order]
        assert coordinates(row(CLASS, "Child.name", *held)) == order, source


def _home(coordinate: str) -> str:
    homes = {"Link": "hub", "Child": "civil_affairs", "Enrolment": "education"}
    return homes.get(coordinate.partition(".")[0], "public_security")
