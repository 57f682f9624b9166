"""What becomes of an item when the next comparison finds it again, or does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.reconcile.digest import Digest
from hub.reconcile.discrepancies import DISCREPANCIES, answering_unit, subject_of
from hub.reconcile.items import Found, Item, settle
from hub.reconcile.links import CLASS
from schema.enums.governance import DiscrepancyClass

FOUND = Found(
    name="ADDRESS_CONFLICT",
    subject="file:LS1",
    register="LS1",
    education=None,
    police="77",
    division="120114101201",
    coordinates=("Child.householdPlace", "HouseholdRegistration.address"),
    digest="same",
)


def item(
    status: str,
    *,
    quarter: str = "2026Q3",
    number: str = "R1",
    closed_in: str | None = None,
    digest: str | None = "same",
) -> Item:
    return Item(
        id=number,
        name=FOUND.name,
        quarter=quarter,
        register=FOUND.register,
        education=None,
        police=FOUND.police,
        coordinates=FOUND.coordinates,
        field=FOUND.coordinates[0],
        status=status,
        closed_in=closed_in,
        digest=digest,
    )


def test_a_discrepancy_that_nobody_knew_gets_an_item() -> None:
    outcome = settle("2026Q4", [], [FOUND], set())
    assert outcome.new == ((FOUND.id_in("2026Q4"), FOUND),)
    assert not outcome.changes


@pytest.mark.parametrize("status", ["OPEN", "ANSWERED", "EXPLAINED"])
def test_a_discrepancy_that_is_known_gets_no_second_item(status: str) -> None:
    assert settle("2026Q4", [item(status)], [FOUND], set()).new == ()


def test_an_answer_is_for_civil_affairs_to_judge_and_no_comparison_opens_it_again() -> None:
    changed = replace(FOUND, digest="other")
    assert settle("2026Q4", [item("ANSWERED")], [FOUND], set()).changes == ()
    assert settle("2026Q4", [item("ANSWERED")], [changed], set()).changes == ()


def test_what_differs_beside_an_answer_is_told_with_it() -> None:
    elsewhere = replace(FOUND, coordinates=("Child.birthDate", "HouseholdRegistration.birthDate"))
    (change,) = settle("2026Q4", [item("ANSWERED")], [elsewhere], set()).changes
    assert (change.was, change.now, change.coordinates) == ("ANSWERED", "ANSWERED", elsewhere.coordinates)


def test_an_explanation_stands_while_the_same_values_differ() -> None:
    assert settle("2026Q4", [item("EXPLAINED")], [FOUND], set()).changes == ()
    assert settle("2026Q4", [item("EXPLAINED", digest=None)], [FOUND], set()).changes == (), "of an older version"


def test_an_explanation_of_other_values_is_opened_again() -> None:
    (change,) = settle("2026Q4", [item("EXPLAINED")], [replace(FOUND, digest="other")], set()).changes
    assert (change.was, change.now, change.why) == ("EXPLAINED", "OPEN", "values_changed")


@pytest.mark.parametrize("quarter", ["2026Q3", "2026Q4"])
def test_a_correction_that_a_person_claims_and_no_comparison_finds_is_opened_again(quarter: str) -> None:
    outcome = settle("2026Q4", [item("CORRECTED", quarter=quarter)], [FOUND], set())
    assert [(change.id, change.now, change.why) for change in outcome.changes] == [("R1", "OPEN", "differs_still")]
    assert outcome.new == ()


def test_an_explanation_of_something_else_is_opened_again() -> None:
    elsewhere = replace(FOUND, coordinates=("Child.birthDate", "HouseholdRegistration.birthDate"))
    (change,) = settle("2026Q4", [item("EXPLAINED")], [elsewhere], set()).changes
    assert (change.now, change.why, change.coordinates) == ("OPEN", "differs_elsewhere", elsewhere.coordinates)


@pytest.mark.parametrize("status", ["OPEN", "ANSWERED"])
def test_what_agrees_is_closed(status: str) -> None:
    (change,) = settle("2026Q4", [item(status)], [], {"R1"}).changes
    assert (change.was, change.now, change.why) == (status, "CORRECTED", "agrees")


@pytest.mark.parametrize("status", ["EXPLAINED", "CORRECTED"])
def test_what_is_closed_already_is_left_alone(status: str) -> None:
    assert settle("2026Q4", [item(status)], [], {"R1"}).changes == ()


@pytest.mark.parametrize("status", ["OPEN", "ANSWERED", "EXPLAINED", "CORRECTED"])
def test_what_could_not_be_compared_is_left_alone(status: str) -> None:
    outcome = settle("2026Q4", [item(status)], [], set())
    assert (outcome.changes, outcome.new, outcome.seen) == ((), (), ())


def test_what_was_corrected_in_an_earlier_quarter_and_differs_anew_is_a_new_item() -> None:
    outcome = settle("2026Q4", [item("CORRECTED", closed_in="2026Q3")], [FOUND], set())
    assert [number for number, _ in outcome.new] == [FOUND.id_in("2026Q4")]
    assert outcome.changes == ()


def test_what_was_corrected_in_this_quarter_and_differs_anew_is_opened_again() -> None:
    outcome = settle("2026Q4", [item("CORRECTED", quarter="2026Q4", closed_in="2026Q4")], [FOUND], set())
    assert outcome.new == ()
    assert [change.now for change in outcome.changes] == ["OPEN"]


def test_of_several_items_the_one_that_is_not_closed_counts() -> None:
    known = [item("CORRECTED", quarter="2026Q4", number="R9"), item("OPEN", quarter="2026Q2", number="R2")]
    outcome = settle("2026Q4", known, [FOUND], set())
    assert (outcome.new, outcome.changes, outcome.seen) == ((), (), (("R2", "same"),))


def test_the_number_of_an_item_is_the_same_whenever_it_is_found_and_another_in_another_quarter() -> None:
    assert FOUND.id_in("2026Q4") == replace(FOUND, police="78").id_in("2026Q4") != FOUND.id_in("2027Q1")


def test_the_twelve_classes_of_the_schema_are_compared() -> None:
    assert set(DISCREPANCIES) | {CLASS} == {one.name for one in DiscrepancyClass}
    assert len(DISCREPANCIES) == 12


def test_who_answers_for_a_wrong_number_is_who_keeps_it() -> None:
    assert answering_unit("INVALID_CITIZEN_ID", "file:LS1", "120114101201") == "town_government:120114101"
    assert answering_unit("INVALID_CITIZEN_ID", "education:5", None) == "education_bureau"
    assert answering_unit("INVALID_CITIZEN_ID", "public_security:5", None) == "public_security_bureau"


def test_where_no_town_government_is_known_the_lead_bureau_answers() -> None:
    assert answering_unit("FLAGGED_NOT_SURVEYED", "education:5", None) == "civil_affairs_bureau"
    assert answering_unit("AGED_OUT", "file:LS1", "120114403498") == "civil_affairs_bureau"


def test_an_item_is_known_again_by_what_it_is_about() -> None:
    assert subject_of("FLAGGED_ONE_PARENT", "Enrolment.leftBehindFlag", None, "5", None) == "education:5"
    assert subject_of("INVALID_CITIZEN_ID", "HouseholdRegistration.citizenId", "LS1", "5", "6") == "public_security:6"
    assert subject_of("INVALID_CITIZEN_ID", "Child.citizenId", "LS1", "5", "6") == "file:LS1"
    assert subject_of("NO_ENROLMENT", "Child.schoolingStatus", "LS1", None, "6") == "file:LS1"


def test_a_digest_tells_the_same_values_of_one_child_and_nothing_without_the_key() -> None:
    digest, other = Digest.of(b"one hub"), Digest.of(b"another hub")
    assert digest("ADDRESS_CONFLICT", "file:LS1", ["a", None]) == digest("ADDRESS_CONFLICT", "file:LS1", ["a", None])
    every = {
        digest("ADDRESS_CONFLICT", "file:LS1", ["a", None]),
        digest("ADDRESS_CONFLICT", "file:LS1", ["a", "None"]),
        digest("ADDRESS_CONFLICT", "file:LS2", ["a", None]),
        digest("AGED_OUT", "file:LS1", ["a", None]),
        other("ADDRESS_CONFLICT", "file:LS1", ["a", None]),
    }
    assert len(every) == 5
    assert "one hub" not in repr(digest)
