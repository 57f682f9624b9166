"""The oracle itself, on rows of which every answer is known by heart (all invented)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.support.handmade import Rows, plain_schema
from tests.support.reference import Expected, Reference
from tests.support.rights import PURPOSES, RIGHTS, UNITS, Me, scopes
from tests.support.scopes import SCOPES, Scopes, months_ago, years_ago
from tests.support.sight import mask_surname
from tests.support.world import FIELDS, HOME, TYPES

SCHEMA = plain_schema()
TOWN = "town_government:120114101"
VILLAGE = "village_committee:120114101201"
NAMES = "{ children { edges { node { name } } } }"


def ask(rows: Rows, key: str, purpose: str, query: str, variables: Any = None, denied: str = "refuse") -> Expected:
    return Reference.of(SCHEMA, rows.world(), Me(key, purpose)).answer(query, variables, denied=denied)


def nodes(expected: Expected, root: str) -> list[Any]:
    assert expected.data is not None, expected
    return [edge["node"] for edge in expected.data[root]["edges"]]


def names(expected: Expected) -> list[Any]:
    return [node["name"] for node in nodes(expected, "children")]


def test_the_vectors_say_what_the_domain_model_says() -> None:
    assert len(UNITS) == 24
    assert len(PURPOSES) == 15
    assert len(TYPES) == 18
    assert len(FIELDS) == 167
    assert {right.scope for table in RIGHTS.values() for found in table.values() for right in found} == set(SCOPES)
    assert len(SCOPES) == 27


def test_a_wildcard_opens_every_field_of_its_type_and_no_other() -> None:
    lead = Me("civil_affairs_bureau", "survey_management")
    assert all(scopes(lead, name, "read") == ("all",) for name in FIELDS if name.startswith("Child."))
    assert not scopes(lead, "Incident.findings", "read")


def test_a_file_of_a_child_under_sixteen_is_there_and_an_older_or_closed_one_is_not() -> None:
    rows = Rows()
    rows.file("young", name="甲", birthDate="2010-11-25")
    rows.file("sixteen", name="乙", birthDate="2010-11-24")
    rows.file("closed", name="丙", _open=False)
    assert names(ask(rows, "civil_affairs_bureau", "survey_management", NAMES)) == ["甲"]


@pytest.mark.parametrize(
    ("relation", "values", "kept"),
    [
        ("MandatoryReport", {"status": "PLANNED"}, True),
        ("MandatoryReport", {"status": "MERGED"}, False),
        ("MandatoryReport", {"status": "CLOSED", "concernKinds": ["ABANDONMENT"]}, True),
        ("GuardianshipCase", {"status": "HEARING"}, True),
        ("GuardianshipCase", {"status": "REJECTED", "decidedOn": "2025-11-25"}, True),
        ("GuardianshipCase", {"status": "REJECTED", "decidedOn": "2025-11-24"}, False),
        ("GuardianshipCase", {"status": "WITHDRAWN", "cause": "REVOKE"}, True),
        ("ProcuratorialSupervision", {}, True),
        ("CriminalCase", {"stage": "DISMISSED", "_case": "c"}, True),
        ("Incident", {"caseFiledOn": "2020-01-01"}, True),
    ],
)
def test_what_keeps_a_file_open_past_sixteen(relation: str, values: dict[str, Any], kept: bool) -> None:
    rows = Rows()
    rows.file("f", "120114200801010011", name="甲", birthDate="2008-01-01")
    rows.add(HOME[relation], relation, "r", **{"_citizen": "120114200801010011", **values})
    assert bool(names(ask(rows, "civil_affairs_bureau", "survey_management", NAMES))) is kept


def test_an_assistance_not_ended_and_an_open_item_keep_a_file_open() -> None:
    for relation, values in (
        ("AssistanceRecord", {"status": "ACTIVE"}),
        ("ReconciliationItem", {"discrepancyClass": "AGED_OUT", "status": "ANSWERED"}),
    ):
        rows = Rows()
        rows.file("f", name="甲", birthDate="2008-01-01")
        row = rows.add(HOME[relation], relation, "r", _register="f", **values)
        assert names(ask(rows, "civil_affairs_bureau", "survey_management", NAMES)) == ["甲"]
        row["status"] = "COMPLETED" if relation == "AssistanceRecord" else "CORRECTED"
        assert not names(ask(rows, "civil_affairs_bureau", "survey_management", NAMES))


HOUSEHOLDS = "{ householdRegistrations { edges { node { status } } } }"


def test_a_row_joins_by_the_accepted_number_or_a_confirmed_link_and_a_candidate_is_seen_by_the_police() -> None:
    rows = Rows()
    rows.file("f", "120114201603010024")
    rows.file("draft", "120114201603010040", _accepted=False, _citizen="120114201603010040")
    police = "public_security"
    rows.add(police, "HouseholdRegistration", "1", _citizen="120114201603010024", status="REGISTERED")
    rows.add(police, "HouseholdRegistration", "2", _person="p2", status="PENDING")
    rows.add(police, "HouseholdRegistration", "3", _person="p3", status="CANCELLED")
    rows.add(police, "HouseholdRegistration", "4", _citizen="120114201603010040", status="UNREGISTERED")
    rows.add("hub", "Link", "l2", _source=police, _person="p2", _register="f", _status="CONFIRMED")
    rows.add("hub", "Link", "l3", _source=police, _person="p3", _register="f", _status="CANDIDATE")
    rows.add("hub", "Link", "l4", _source="education", _person="p4", _register="f", _status="CANDIDATE")
    seen = nodes(ask(rows, "public_security_bureau", "data_reconciliation", HOUSEHOLDS), "householdRegistrations")
    assert [node["status"] for node in seen] == ["REGISTERED", "PENDING", "CANCELLED"]
    query = "{ children { edges { node { householdRegistrations { edges { node { status } } } } } } }"
    files = nodes(ask(rows, "civil_affairs_bureau", "guardianship_protection", query), "children")
    linked = [[edge["node"]["status"] for edge in file["householdRegistrations"]["edges"]] for file in files]
    assert linked == [[], ["REGISTERED", "PENDING"]]


def test_education_data_of_children_who_are_neither_on_file_nor_flagged_do_not_exist() -> None:
    rows = Rows()
    for key, flag in (("1", "NOT"), ("2", "ONE_PARENT_AWAY"), ("3", "BOTH_PARENTS_AWAY")):
        rows.add("education", "Enrolment", key, _person=key, leftBehindFlag=flag)
        rows.add("education", "DropoutRecord", f"d{key}", _enrolment=key, _person=key, status="PERSUADING")
    query = "{ dropoutRecords { edges { node { id } } } }"
    seen = nodes(ask(rows, "education_bureau", "dropout_control", query), "dropoutRecords")
    assert [node["id"] for node in seen] == ["DropoutRecord:d2", "DropoutRecord:d3"]


def test_a_town_reads_its_own_children_by_the_division_of_today_and_other_sources_by_the_accepted_one() -> None:
    rows = Rows()
    rows.file("moved", "120114201603010024", name="甲", _division="120114102201")
    rows.file("other", name="乙", divisionCode="120114102201", _division="120114101201")
    rows.add("education", "Enrolment", "e", _citizen="120114201603010024", status="ENROLLED")
    assert names(ask(rows, TOWN, "guardianship_protection", NAMES)) == ["甲"]
    query = "{ enrolments { edges { node { status } } } }"
    assert nodes(ask(rows, TOWN, "guardianship_protection", query), "enrolments") == []
    assert nodes(ask(rows, "town_government:120114102", "guardianship_protection", query), "enrolments") == [
        {"status": "ENROLLED"}
    ]


def test_a_report_without_a_file_lies_where_the_police_placed_it() -> None:
    rows = Rows()
    rows.file("f", "120114201603010024")
    police = "public_security"
    rows.add(police, "MandatoryReport", "1", divisionCode="120114101201", status="TOWN_NOTIFIED")
    rows.add(police, "MandatoryReport", "2", divisionCode="120114101201", status="TOWN_NOTIFIED")
    rows.add(police, "MandatoryReport", "3", divisionCode="120114102", _citizen="120114201603010024")
    for key, told in (("1", "2026-11-02T08:00:00+08:00"), ("2", None), ("3", "2026-11-02T08:00:00+08:00")):
        rows.add(police, "Incident", f"i{key}", _report=key, townNotifiedAt=told)
    rows.tables[police, "Incident"][2]["_citizen"] = "120114201603010024"
    query = "{ mandatoryReports { edges { node { id incident { id } } } } }"
    seen = nodes(ask(rows, TOWN, "emergency_response", query), "mandatoryReports")
    assert seen == [
        {"id": "MandatoryReport:1", "incident": {"id": "Incident:i1"}},
        {"id": "MandatoryReport:3", "incident": {"id": "Incident:i3"}},
    ]
    assert nodes(ask(rows, "town_government:120114102", "emergency_response", query), "mandatoryReports") == []


def family() -> Rows:
    """Two families; the elder child has an open dropout record."""
    rows = Rows()
    rows.file("a", "120114201603010024")
    rows.file("b", "120114201703010024", birthDate="2017-03-01")
    for register in ("a", "b"):
        rows.add(
            "civil_affairs",
            "FamilyMember",
            f"m{register}",
            _register=register,
            relation="FATHER",
            name="王大山",
            phone="13800001234",
            workPlace="北京市",
        )
    rows.add(
        "education",
        "DropoutRecord",
        "d",
        _citizen="120114201603010024",
        _enrolment="e",
        status="REPORTED",
        townReportedOn="2026-10-01",
    )
    return rows


MEMBERS = "{ children { edges { node { familyMembers { edges { node { name phone workPlace } } } } } } }"


def test_clear_beats_masked_row_by_row_and_a_closed_field_is_null_and_counted() -> None:
    expected = ask(family(), "education_bureau", "dropout_control", MEMBERS)
    seen = [node["familyMembers"]["edges"][0]["node"] for node in nodes(expected, "children")]
    assert seen == [
        {"name": "王大山", "phone": "13800001234", "workPlace": "北京市"},
        {"name": "王**", "phone": "*******1234", "workPlace": None},
    ]
    assert dict(expected.closed) == {
        "FamilyMember.workPlace": [
            ("children", "edges", 1, "node", "familyMembers", "edges", 0, "node", "workPlace"),
        ]
    }


@pytest.mark.parametrize(
    ("filter", "count"),
    [
        ('{name: {eq: "王大山"}}', 1),
        ("{name: {isNull: true}}", 1),
        ("{name: {isNull: false}}", 1),
        ('{not: {name: {eq: "王大山"}}}', 1),
        ('{or: [{name: {contains: "大"}}, {name: {isNull: true}}]}', 2),
        ("{or: []}", 0),
        ("{and: []}", 2),
        ("{name: {eq: null}}", 2),
        ("{relation: {in: [FATHER, MOTHER]}}", 2),
    ],
)
def test_a_filter_sees_null_where_the_value_is_not_read_in_clear(filter: str, count: int) -> None:
    members = f"familyMembers(filter: {filter}) {{ edges {{ node {{ relation }} }} }}"
    query = f"{{ children {{ edges {{ node {{ {members} }} }} }} }}"
    expected = ask(family(), "education_bureau", "dropout_control", query)
    assert sum(len(node["familyMembers"]["edges"]) for node in nodes(expected, "children")) == count


def test_a_filter_on_what_is_read_masked_only_refuses_the_operation() -> None:
    query = '{ children(filter: {citizenId: {eq: "120114201603010024"}}) { edges { node { name } } } }'
    expected = ask(family(), "education_bureau", "dropout_control", query)
    assert expected.data is None
    assert expected.refused == {"Child.citizenId"}


def test_nulls_sort_last_both_ways_and_ties_by_key() -> None:
    rows = Rows()
    for register, updated in (("a", None), ("b", "2026-11-02T00:00:00+08:00"), ("c", "2026-11-01T00:00:00+08:00")):
        rows.file(register, updatedAt=updated)
    rows.file("d", updatedAt="2026-11-01T00:00:00+08:00")
    for direction, wanted in (("ASC", "cdba"), ("DESC", "bcda")):
        order = f"orderBy: [{{field: UPDATED_AT, direction: {direction}}}]"
        query = f"{{ children({order}) {{ edges {{ node {{ id }} }} }} }}"
        seen = nodes(ask(rows, "civil_affairs_bureau", "survey_management", query), "children")
        assert [node["id"] for node in seen] == [f"Child:{register}" for register in wanted]


def test_pages_neither_skip_nor_repeat() -> None:
    rows = Rows()
    for number in range(7):
        rows.file(f"f{number}")
    query = (
        "query($after: String) { children(first: 3, after: $after) "
        "{ edges { node { id } } pageInfo { hasNextPage hasPreviousPage endCursor } } }"
    )
    after, seen, info = None, [], {"hasNextPage": True}
    while info["hasNextPage"]:
        expected = ask(rows, "civil_affairs_bureau", "survey_management", query, {"after": after})
        assert expected.data is not None
        info = expected.data["children"]["pageInfo"]
        assert info["hasPreviousPage"] is (after is not None)
        after = info["endCursor"]
        seen += [node["id"] for node in nodes(expected, "children")]
    assert seen == [f"Child:f{number}" for number in range(7)]


def test_a_denied_field_refuses_the_whole_or_is_null_as_asked() -> None:
    query = "{ children { edges { node { name livesAlone } } } }"
    refused = ask(family(), "education_bureau", "dropout_control", query)
    assert refused.data is None
    assert refused.refused == {"Child.livesAlone"}
    partly = ask(family(), "education_bureau", "dropout_control", query, denied="null")
    paths = [("children", "edges", number, "node", "livesAlone") for number in range(2)]
    assert (partly.refused, partly.denied) == (frozenset(), {"Child.livesAlone": paths})
    assert nodes(partly, "children") == [{"name": "欧阳小雨", "livesAlone": None}] * 2


def test_a_denied_field_that_a_directive_takes_out_denies_nothing() -> None:
    query = "query($x: Boolean!) { children { edges { node { name livesAlone @include(if: $x) } } } }"
    assert ask(family(), "education_bureau", "dropout_control", query, {"x": True}).data is None
    assert ask(family(), "education_bureau", "dropout_control", query, {"x": False}).data is not None


def test_a_flag_is_shown_only_to_who_reads_its_inputs() -> None:
    rows = Rows()
    rows.file("f", "120114201603010024", livesAlone=True, guardianshipType="NONE", schoolingStatus="DROPPED_OUT")
    rows.add(
        "public_security",
        "MandatoryReport",
        "r",
        _citizen="120114201603010024",
        status="DISPATCHED",
        concernKinds=["MISSING"],
    )
    query = "{ children { edges { node { riskFlags } } } }"
    lead = nodes(ask(rows, "civil_affairs_bureau", "guardianship_protection", query), "children")
    assert lead == [{"riskFlags": ["LIVING_ALONE", "NO_GUARDIAN", "OUT_OF_SCHOOL", "MISSING"]}]
    school = nodes(ask(rows, "education_bureau", "dropout_control", query), "children")
    assert school == [{"riskFlags": ["NO_GUARDIAN", "OUT_OF_SCHOOL"]}]
    town = nodes(ask(rows, TOWN, "survey_management", query), "children")
    assert town == [{"riskFlags": ["LIVING_ALONE", "NO_GUARDIAN", "OUT_OF_SCHOOL"]}]


def test_a_second_town_village_or_school_sees_none_of_the_first_ones_rows() -> None:
    rows = family()
    police = "public_security"
    rows.add(police, "MandatoryReport", "r", reporterUnit="mandatory_reporter:2112000001", status="REPORTED")
    reports = "{ mandatoryReports { edges { node { status } } } }"
    world = rows.world(**{"2112000001": "education_bureau"})
    for key, seen in (
        ("mandatory_reporter:2112000001", 1),
        ("mandatory_reporter:2112000002", 0),
        ("education_bureau", 1),
        ("health_commission", 0),
    ):
        expected = Reference.of(SCHEMA, world, Me(key, "emergency_response")).answer(reports)
        assert len(nodes(expected, "mandatoryReports")) == seen
    assert len(names(ask(rows, VILLAGE, "survey_management", NAMES))) == 2
    assert not names(ask(rows, "village_committee:120114101202", "survey_management", NAMES))
    assert not names(ask(rows, "town_government:120114102", "survey_management", NAMES))


def test_the_furthest_part_gives_a_case_its_stage() -> None:
    rows = Rows()
    rows.add("public_security", "CriminalCase", "c", _case="c", stage="INVESTIGATION", offence="ABUSE")
    rows.add("procuratorate", "CriminalCase", "p", _case="c", stage="PROSECUTION_REVIEW", prosecutedOn="2026-10-01")
    query = "{ criminalCases { edges { node { stage caseNumber prosecutedOn } } } }"
    key, purpose = "district_procuratorate", "legal_supervision"
    seen = nodes(ask(rows, key, purpose, query), "criminalCases")
    assert seen == [{"stage": "PROSECUTION_REVIEW", "caseNumber": None, "prosecutedOn": "2026-10-01"}]
    rows.add("courts", "CriminalCase", "k", _case="c", stage="TRIAL", caseNumber="(2026)津0114刑初1号")
    seen = nodes(ask(rows, key, purpose, query), "criminalCases")
    assert seen == [{"stage": "TRIAL", "caseNumber": "(2026)津0114刑初1号", "prosecutedOn": "2026-10-01"}]


def test_watch_for_revocation_ends_when_somebody_moves_the_court() -> None:
    rows = Rows()
    file = rows.file("f", "120114201603010024")
    rows.add("civil_affairs", "Guardian", "g", _register="f", nonPerformanceSince="2026-05-24")
    watching = Scopes(rows.world(), Me("district_procuratorate", "legal_supervision"))
    assert watching.holds("revocation_watch", "Child", file)
    rows.add("courts", "GuardianshipCase", "c", _citizen="120114201603010024", cause="REVOKE", status="HEARING")
    moved = Scopes(rows.world(), Me("district_procuratorate", "legal_supervision"))
    assert not moved.holds("revocation_watch", "Child", file)
    assert moved.holds("procuratorial_cases", "Child", file)


def test_days_months_and_years_are_counted_on_the_calendar() -> None:
    assert years_ago(date(2028, 2, 29), 1) == date(2027, 2, 28)
    assert months_ago(date(2026, 8, 31), 6) == date(2026, 2, 28)
    assert months_ago(date(2026, 3, 15), 6) == date(2025, 9, 15)


def test_a_surname_of_two_characters_is_kept_whole() -> None:
    assert (mask_surname("欧阳小雨"), mask_surname("张三"), mask_surname("欧阳")) == ("欧阳**", "张**", "欧**")
