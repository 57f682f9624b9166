"""What is held back from a family, what is released to it, and by whom alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.audit.entry import Pseudonyms, encode
from hub.audit.holds import HOLDERS, Child, Holder, act_entry, tellable
from hub.audit.naming import Recorded, parsed
from policies import load
from schema.catalogue import CATALOGUE
from tests.hub.audit.support import entry
from tests.support.running import ROOT

NAMES = Pseudonyms(key=b"only for the tests of the holds!")
CHILD = Child.of(NAMES, citizen_id="120114201203070016", register="WQ2017-000017")
OTHER = Child.of(NAMES, citizen_id="120114201405060027", register="WQ2017-000018")
START = datetime(2026, 3, 2, 1, tzinfo=UTC)
POLICE, PROCURATORATE, COURT = "public_security_bureau", "district_procuratorate", "district_court"
CASE, ANOTHER_CASE = NAMES.case("(2026)津0114刑初1号"), NAMES.case("(2026)津0114刑初2号")


def recorded(number: int, **changes: Any) -> Recorded:
    """Entry ``number`` as it is read back, one minute after the one before."""
    subjects = changes.pop("subjects", [*CHILD.names, CHILD.row])
    made = encode(entry(at=START + timedelta(minutes=number), subjects=subjects, **changes))
    return parsed(made.data, made.lists, number)


def act(number: int, word: Any, unit: str, *, case: str = "", child: Child = CHILD) -> Recorded:
    holder = Holder(unit=unit, client="client", operator="P0001", purpose="judicial_proceeding", case=case)
    at = START + timedelta(minutes=number)
    made = encode(act_entry(word, holder, sorted(child.names), request=f"act-{number}", at=at))
    return parsed(made.data, made.lists, number)


def units(*entries: Recorded, child: Child = CHILD) -> list[str]:
    return [told.unit for told in tellable(entries, child)]


@pytest.mark.parametrize(
    "changes",
    [
        {"unit": POLICE, "purpose": "emergency_response"},
        {"unit": POLICE, "purpose": "guardianship_protection"},
        {"unit": PROCURATORATE, "purpose": "legal_supervision"},
        {"unit": COURT, "purpose": "judicial_proceeding"},
        {"unit": "justice_bureau", "purpose": "legal_aid"},
        {"unit": "health_commission", "purpose": "medical_care"},
        {"unit": "civil_affairs_bureau", "purpose": "judicial_proceeding"},
        *(
            {"unit": "town_government:120114101", "purpose": "guardianship_protection", "released": (f"{name}.id",)}
            for name in (
                "MandatoryReport",
                "Incident",
                "Assessment",
                "CriminalCase",
                "ProcuratorialSupervision",
                "GuardianshipCase",
            )
        ),
    ],
)
def test_an_entry_of_a_proceeding_is_held_until_it_is_released(changes: dict[str, Any]) -> None:
    held = recorded(1, **changes)
    assert units(held) == []
    for holder in HOLDERS:
        assert units(held, act(2, "release", holder)) == [changes["unit"]]
        assert units(held, act(2, "release", holder), act(3, "hold", holder)) == []


def test_what_is_of_no_proceeding_is_told_at_once() -> None:
    assert units(recorded(1, unit="education_bureau")) == ["education_bureau"]
    assert units(recorded(1, unit=POLICE, purpose="data_reconciliation")) == [POLICE]
    assert units(recorded(1, unit="education_bureau", case=CASE)) == ["education_bureau"], "else a unit could hide"


def test_a_release_is_of_the_entries_before_it_of_one_child_and_one_case() -> None:
    first = recorded(1, unit=POLICE, purpose="judicial_proceeding", case=CASE)
    second = recorded(2, unit=COURT, purpose="judicial_proceeding", case=ANOTHER_CASE)
    without = recorded(3, unit=POLICE, purpose="emergency_response")
    later = recorded(9, unit=PROCURATORATE, purpose="legal_supervision", case=CASE)
    release = act(5, "release", POLICE, case=CASE)
    assert units(first, second, without, release, later) == [POLICE]
    assert units(first, second, without, act(5, "release", POLICE, case=ANOTHER_CASE), later) == [COURT]
    assert units(first, act(5, "release", POLICE, case=CASE, child=OTHER)) == []


def test_a_hold_stands_until_the_unit_that_placed_it_releases_it() -> None:
    held = recorded(1, unit=POLICE, purpose="emergency_response")
    hold, by_police = act(2, "hold", PROCURATORATE), act(3, "release", POLICE)
    assert units(held, hold, by_police) == []
    assert units(held, hold, by_police, act(4, "release", PROCURATORATE)) == [POLICE]


def test_a_hold_under_one_number_holds_for_whoever_asks_by_the_other() -> None:
    by_citizen = Child(names=frozenset({NAMES.citizen("120114201203070016")}))
    by_register = Child.of(NAMES, citizen_id=None, register="WQ2017-000017")
    held = recorded(1, unit=POLICE, purpose="emergency_response")
    hold = act(2, "hold", PROCURATORATE, child=by_citizen)
    release = act(3, "release", POLICE, child=by_register)
    assert units(held, release, child=by_register) == [POLICE]
    assert units(held, hold, release, child=by_register) == []
    assert units(held, release, child=by_citizen) == [], "the release named another number than was asked for"


@pytest.mark.parametrize("unit", ["town_government:120114101", COURT, "auditor", "mandatory_reporter:1112000001"])
def test_a_release_by_another_unit_is_refused_and_counts_for_nothing(unit: str) -> None:
    refused = act(2, "release", unit)
    assert refused.kind == "refusal"
    forged = encode(entry(kind="release", at=START + timedelta(minutes=3), unit=unit, subjects=sorted(CHILD.names)))
    held = recorded(1, unit=POLICE, purpose="emergency_response")
    assert units(held, refused, parsed(forged.data, forged.lists, 3)) == []


def test_a_read_of_a_proceeding_beside_others_is_cut_and_not_left_out() -> None:
    released = ("Child.name", "Incident.findings", "Enrolment.status")
    mixed = recorded(1, unit="town_government:120114101", purpose="guardianship_protection", released=released)
    [told] = tellable([mixed], CHILD)
    assert told.clear == {"Child.name", "Enrolment.status"}
    [told] = tellable([mixed, act(2, "release", POLICE)], CHILD)
    assert told.clear == set(released)


def test_a_child_that_is_named_for_the_proceeding_alone_is_not_told_of_the_rest() -> None:
    mixed = recorded(
        1,
        unit="town_government:120114101",
        purpose="guardianship_protection",
        released=("Child.name", "MandatoryReport.status"),
        subjects=[*CHILD.names, OTHER.row, *OTHER.names],
    )
    assert units(mixed) == []
    assert units(mixed, child=OTHER) == ["town_government:120114101"]


REPORTING = [
    {"unit": NAMES.author("mandatory_reporter:1112000001")},
    {"unit": "mandatory_reporter:1112000001"},
    {"unit": "education_bureau", "purpose": "emergency_response", "released": ("MandatoryReport.status",)},
    {"unit": "village_committee:120114101201", "purpose": "emergency_response"},
    {"unit": PROCURATORATE, "purpose": "emergency_response"},
    *({"unit": POLICE, "kind": kind} for kind in ("intent", "outcome", "look", "review", "refusal", "failure")),
]


@pytest.mark.parametrize("changes", REPORTING)
def test_what_would_tell_of_reporting_is_never_told(changes: dict[str, Any]) -> None:
    found = recorded(1, **changes)
    assert units(found) == []
    assert units(found, act(2, "release", POLICE), act(3, "release", PROCURATORATE)) == []


def test_own_reports_are_read_for_the_one_purpose_that_is_never_told() -> None:
    policy = load(ROOT / "policies", CATALOGUE)
    found = {
        (unit == POLICE, purpose, line.coordinate.partition(".")[0])
        for unit, purpose, _, grants in policy.sets()
        for lines in grants.values()
        for line in lines
        if line.scope == "own_reports"
    }
    assert found == {(False, "emergency_response", "MandatoryReport")}
