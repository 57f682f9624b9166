"""Steps taken through real departments: the course of a report, and what is refused, repeated, lost and found again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

import hub.audit.entry
from connectors.demo.server import Server
from connectors.source import ALWAYS, All, Bindings, Compare, Constant, Source, SourceError
from connectors.write import Result, Target, Write
from hub.audit.entry import Entry
from hub.audit.log import Log
from hub.audit.receipt import Receipt
from hub.errors import HubError, OutageError, RefusalError
from hub.lifecycle.given import Given
from hub.lifecycle.overtaken import check_seen
from hub.lifecycle.settle import Settled, settle_open
from hub.lifecycle.steps import STEPS
from hub.lifecycle.way import Taken
from hub.planner import facts as conditions
from hub.today import USUAL, Truancy
from tests.support.running import identity
from tests.support.served import Child, children_of
from tests.support.steps import POLICY, Clock, Steps, open_log, writing

pytestmark = pytest.mark.postgres

POLICE, HEALTH, CIVIL = "public_security_bureau", "health_commission", "civil_affairs_bureau"
COURT, PROCURATORATE, EDUCATION = "district_court", "district_procuratorate", "education_bureau"
EMERGENCY, GUARDIANSHIP, JUDICIAL = "emergency_response", "guardianship_protection", "judicial_proceeding"
CANARY = "报告人绝密代号七七"
ASSESSED = {
    "safetySituation": "POOR",
    "guardianshipSituation": "NONE",
    "riskLevel": "HIGH",
    "conclusion": "需要帮扶（虚构）",
}


@pytest.fixture(scope="session")
async def children(steps: Steps) -> list[Child]:
    """Children under 14 on accepted files."""
    return await children_of(steps.read)


async def refused(call: Any) -> HubError:
    with pytest.raises(HubError) as caught:
        await call
    return caught.value


def report(village: str, **more: Any) -> dict[str, Any]:
    return {"values": {"MandatoryReport": [{"divisionCode": village, "narrative": "独自在家（虚构）", **more}]}}


async def reported(steps: Steps, child: Child, unit_key: str | None = None) -> str:
    """The key of a new report."""
    taken = await steps(unit_key or child.committee, EMERGENCY, "reportConcern", **report(child.village))
    return taken.keys["public_security"][0]


async def attended(steps: Steps, child: Child, until: str = "notifyTown") -> str:
    """A report that the police brought as far as this step."""
    key = await reported(steps, child)
    given: dict[str, dict[str, Any]] = {
        "matchReport": {"number": child.citizen},
        "dispatch": {},
        "recordMeasures": {"values": {"Incident": [{"measures": ["CONTACT_PARENTS"], "parentsReached": False}]}},
        "notifyTown": {},
    }
    for step, more in given.items():
        await steps(POLICE, EMERGENCY, step, key=key, **more)
        if step == until:
            break
    return key


async def status(steps: Steps, key: str) -> str:
    row = await steps.row("MandatoryReport", key, "status")
    assert row is not None
    return str(row["status"])


# The course of a report.


async def test_a_report_takes_its_whole_course_and_every_step_is_in_department_and_log(
    steps: Steps, children: list[Child]
) -> None:
    child = children[0]
    before = len(await steps.entries())
    key = await attended(steps, child)
    incident = await steps.row("Incident", key, "_key", "measures", "townNotifiedAt", "dispatchedAt", by="_report")
    assert incident is not None
    assert incident["measures"] == ["CONTACT_PARENTS"]
    assert incident["townNotifiedAt"] == incident["dispatchedAt"] == "2026-11-24T10:00:00+08:00"
    taken = await steps(child.town, GUARDIANSHIP, "assess", key=key, values={"Assessment": [ASSESSED]})
    (assessment,) = taken.keys["civil_affairs"]
    found = await steps.row("Assessment", assessment, "_register", "_incident", "riskLevel", "completedOn")
    assert found == {
        "_register": child.register,
        "_incident": incident["_key"],
        "riskLevel": "HIGH",
        "completedOn": "2026-11-24",
    }
    plan = [{"kind": "COUNSELLING", "providerUnit": "womens_federation"}, {"kind": "TUTORING", "providerUnit": CIVIL}]
    taken = await steps(child.town, GUARDIANSHIP, "planAssistance", key=key, values={"AssistanceRecord": plan})
    records = taken.keys["civil_affairs"]
    assert len(set(records)) == 2
    assert await status(steps, key) == "PLANNED"
    service = await steps.row("AssistanceRecord", records[0], "_assessment", "status", "eligibility", "providerUnit")
    assert service == {
        "_assessment": assessment,
        "status": "PLANNED",
        "eligibility": "PENDING",
        "providerUnit": "womens_federation",
    }
    conflict = await refused(steps(child.town, GUARDIANSHIP, "closeReport", key=key))
    assert conflict.code == "CONFLICT"
    assert "no service is planned or active" in conflict.message
    await steps("womens_federation", "care_service", "startService", key=records[0])
    await steps("womens_federation", "care_service", "completeService", key=records[0])
    await steps(child.town, "social_assistance", "cancelService", key=records[1], reason="不再需要（虚构）")
    others = All(
        (Compare("_register", "eq", Constant(child.register)), Compare("status", "in", Constant(["PLANNED", "ACTIVE"])))
    )
    for row in await steps.rows("AssistanceRecord", others, {}, "_key"):
        await steps(child.town, "social_assistance", "cancelService", key=row["_key"], reason="清理（虚构）")
    guardian = {"kind": "ENTRUSTED", "name": "虚构人", "capacity": "CAPABLE"}
    await steps(child.town, GUARDIANSHIP, "enterGuardian", about=child.register, values={"Guardian": [guardian]})
    await steps(child.town, GUARDIANSHIP, "closeReport", key=key)
    assert await status(steps, key) == "CLOSED"
    documents = [json.loads(entry) for entry in (await steps.entries())[before:]]
    intents = {(one["request"], one["part"]) for one in documents if one["kind"] == "intent"}
    outcomes = {(one["request"], one["part"]) for one in documents if one["kind"] == "outcome"}
    assert intents == outcomes
    assert {"outcome=written"} <= {fact for one in documents for fact in one["facts"]}


async def test_who_reported_stands_in_the_police_database_and_nowhere_in_the_log(
    steps: Steps, children: list[Child]
) -> None:
    child = children[1]
    before = await steps.entries()
    taken = await steps(
        child.committee,
        EMERGENCY,
        "reportConcern",
        **report(child.village, reporterName=CANARY, reporterPhone="13812345678"),
    )
    (key,) = taken.keys["public_security"]
    row = await steps.row("MandatoryReport", key, "reporterUnit", "reporterKind", "reporterName", "concernKinds")
    assert row == {
        "reporterUnit": child.committee,
        "reporterKind": "VILLAGE_COMMITTEE",
        "reporterName": CANARY,
        "concernKinds": ["OTHER"],
    }
    entries = [entry for entry in await steps.entries() if entry not in before]
    assert len(entries) == 2
    for entry in entries:
        text = entry.decode()
        assert CANARY not in text
        assert "village_committee" not in text
        assert child.village not in text
        document = json.loads(text)
        assert document["client"] == ""
        assert all(subject.startswith("r-") for subject in document["subjects"])


async def test_a_wrong_match_is_undone_with_a_reason_and_made_anew(steps: Steps, children: list[Child]) -> None:
    child, other = children[2], children[3]
    key = await reported(steps, child)
    await steps(POLICE, EMERGENCY, "matchReport", key=key, number=other.register)
    assert await steps.row("MandatoryReport", key, "_citizen") == {"_citizen": other.citizen}
    twice = await refused(steps(POLICE, EMERGENCY, "matchReport", key=key, number=child.citizen))
    assert twice.code == "CONFLICT"
    assert (await refused(steps(POLICE, EMERGENCY, "undoMatch", key=key))).facts["fields"] == ["reason"]
    await steps(POLICE, EMERGENCY, "undoMatch", key=key, reason="同名同村，对应有误（虚构）")
    unknown = await refused(steps(POLICE, EMERGENCY, "matchReport", key=key, number="120114201501010000"))
    assert unknown.code == "CONFLICT"
    await steps(POLICE, EMERGENCY, "matchReport", key=key, number=child.citizen)
    assert await steps.row("MandatoryReport", key, "_citizen") == {"_citizen": child.citizen}


async def test_a_report_is_merged_into_another_open_one_and_never_into_itself_or_nothing(
    steps: Steps, children: list[Child]
) -> None:
    child = children[4]
    first, second = [await reported(steps, child) for _ in range(2)]
    for into in (second, "nothing"):
        found = await refused(steps(POLICE, EMERGENCY, "mergeReport", key=second, into=into))
        assert found.code in ("CONFLICT", "INVALID_INPUT")
    await steps(POLICE, EMERGENCY, "mergeReport", key=second, into=first)
    assert await steps.row("MandatoryReport", second, "status", "_mergedInto") == {
        "status": "MERGED",
        "_mergedInto": first,
    }
    assert (await refused(steps(POLICE, EMERGENCY, "mergeReport", key=first, into=second))).code == "CONFLICT"


async def test_dropout_control_from_registration_to_the_town(steps: Steps, children: list[Child]) -> None:
    child, enrolment = await enrolled(steps, children)
    control = "dropout_control"
    taken = await steps(
        EDUCATION, control, "registerDropout", about=enrolment, values={"DropoutRecord": [{"reason": "WORK"}]}
    )
    (key,) = taken.keys["education"]
    for _ in range(2):
        await steps(EDUCATION, control, "recordPersuasion", key=key)
    hidden = await refused(steps(child.town, control, "enforceReturn", key=key))
    assert hidden.code == "INVALID_INPUT"
    dates = {"bureauReportedOn": "2026-11-20", "townReportedOn": "2026-11-21"}
    lacking = await refused(
        steps(
            EDUCATION, control, "reportDropout", key=key, values={"DropoutRecord": [{"bureauReportedOn": "2026-11-20"}]}
        )
    )
    assert lacking.facts["fields"] == ["DropoutRecord.townReportedOn"]
    await steps(EDUCATION, control, "reportDropout", key=key, values={"DropoutRecord": [dates]})
    await steps(child.town, control, "enforceReturn", key=key)
    await steps(EDUCATION, control, "returnToSchool", key=key)
    assert await steps.row("DropoutRecord", key, "status", "persuasionCount", "returnedOn", "townReportedOn") == {
        "status": "RETURNED",
        "persuasionCount": 2,
        "returnedOn": "2026-11-24",
        "townReportedOn": "2026-11-21",
    }


async def enrolled(steps: Steps, children: list[Child], *, absent: bool = True) -> tuple[Child, str]:
    """A child whose enrolment shows that it stays away, or one that does not."""
    truant = {
        row["_enrolment"]
        for row in await steps.rows("AttendanceRecord", conditions.is_truant, USUAL.bindings(), "_enrolment")
    }
    for child in children:
        row = await steps.row("Enrolment", child.citizen, "_key", "status", by="_citizen")
        if row is not None and (row["_key"] in truant or row["status"] == "DROPPED_OUT") is absent:
            return child, row["_key"]
    raise AssertionError("there is no such enrolment")


async def test_no_dropout_is_registered_of_a_child_that_the_schools_own_records_do_not_miss(
    steps: Steps, children: list[Child]
) -> None:
    _, enrolment = await enrolled(steps, children, absent=False)
    values = {"DropoutRecord": [{"reason": "WORK"}]}
    found = await refused(steps(EDUCATION, "dropout_control", "registerDropout", about=enrolment, values=values))
    assert found.code == "CONFLICT"
    assert "attendance shows" in found.message
    nothing = await refused(steps(EDUCATION, "dropout_control", "registerDropout", about="nothing", values=values))
    assert nothing.code == "INVALID_INPUT"


async def test_who_is_truant_is_what_settings_say_for_the_step_as_for_the_alarm(
    steps: Steps, children: list[Child], targets: Mapping[str, Target]
) -> None:
    """One more day than anybody is absent running, and in a term: the enrolment of a truant no longer is one."""
    absent = await steps.rows("AttendanceRecord", ALWAYS, {}, "_enrolment", "longestUnexcusedRun", "unexcusedDays")
    strict = Truancy(
        running=1 + max(row["longestUnexcusedRun"] or 0 for row in absent),
        term=1 + max(row["unexcusedDays"] or 0 for row in absent),
    )
    truant = {
        row["_enrolment"]
        for row in await steps.rows("AttendanceRecord", conditions.is_truant, USUAL.bindings(), "_enrolment")
    }
    open_ = {row["_enrolment"] for row in await steps.rows("DropoutRecord", ALWAYS, {}, "_enrolment")}
    enrolments = [await steps.row("Enrolment", child.citizen, "_key", "status", by="_citizen") for child in children]
    enrolment = next(
        row["_key"] for row in enrolments if row and row["status"] != "DROPPED_OUT" and row["_key"] in truant - open_
    )
    made = writing(steps.read, targets, steps.writing.log, steps.clock, truancy=strict)
    stricter = Steps(writing=made, read=steps.read, clock=steps.clock, dsn=steps.dsn, opens=steps.opens)
    given: dict[str, Any] = {"about": enrolment, "values": {"DropoutRecord": [{"reason": "WORK"}]}}
    found = await refused(stricter(EDUCATION, "dropout_control", "registerDropout", **given))
    assert (found.code, "unexcused days" in found.message) == ("CONFLICT", True)
    assert (await steps(EDUCATION, "dropout_control", "registerDropout", **given)).keys["education"]


async def test_a_village_applies_the_court_decides_and_the_town_enters_the_new_guardian(
    steps: Steps, children: list[Child]
) -> None:
    child = children[6]
    application = {"respondentName": "虚构监护人", "grounds": ["NONPERFORMANCE_6M"]}
    taken = await steps(
        child.committee, JUDICIAL, "applyRevocation", about=child.register, values={"GuardianshipCase": [application]}
    )
    (key,) = taken.keys["courts"]
    assert await steps.row("GuardianshipCase", key, "status", "cause", "_applicant", "applicantKind", "_citizen") == {
        "status": None,
        "cause": "REVOKE",
        "_applicant": child.committee,
        "applicantKind": "VILLAGE_COMMITTEE",
        "_citizen": child.citizen,
    }
    early = await refused(
        steps(
            child.town,
            GUARDIANSHIP,
            "enterAppointedGuardian",
            about=child.register,
            values={"Guardian": [{"name": "虚构人"}]},
        )
    )
    assert early.code == "CONFLICT"
    await steps(
        COURT, JUDICIAL, "acceptCase", key=key, values={"GuardianshipCase": [{"caseNumber": "(2026)津0114民特9号"}]}
    )
    skipped = await refused(
        steps(
            COURT,
            JUDICIAL,
            "grantCase",
            key=key,
            values={"GuardianshipCase": [{"appointedGuardianKind": "INDIVIDUAL"}]},
        )
    )
    assert skipped.facts["lawful"] == ["hearCase", "withdrawCase"]
    await steps(COURT, JUDICIAL, "hearCase", key=key)
    assert (await refused(steps(COURT, JUDICIAL, "grantCase", key=key))).facts["fields"] == [
        "GuardianshipCase.appointedGuardianKind"
    ]
    await steps(
        COURT, JUDICIAL, "grantCase", key=key, values={"GuardianshipCase": [{"appointedGuardianKind": "INDIVIDUAL"}]}
    )
    await steps(
        child.town,
        GUARDIANSHIP,
        "enterAppointedGuardian",
        about=child.register,
        values={"Guardian": [{"name": "虚构人"}]},
    )
    guardians = await steps.rows("Guardian", Compare("_register", "eq", Constant(child.register)), {}, "kind", "name")
    assert {"kind": "COURT_APPOINTED", "name": "虚构人"} in guardians


# What is refused.


async def test_a_row_of_somebody_else_is_refused_in_the_very_words_of_one_that_does_not_exist(
    steps: Steps, children: list[Child]
) -> None:
    child = children[7]
    other = next(one for one in children if one.town != child.town)
    key = await attended(steps, child)
    given: dict[str, Any] = {"values": {"Assessment": [ASSESSED]}}
    foreign = await refused(steps(other.town, GUARDIANSHIP, "assess", key=key, **given))
    absent = await refused(steps(other.town, GUARDIANSHIP, "assess", key="no such report", **given))
    assert foreign.as_json() == absent.as_json()
    assert await status(steps, key) == "TOWN_NOTIFIED"


@pytest.mark.parametrize("step", ["enterGuardian", "planService", "enterAppointedGuardian"])
async def test_nobody_writes_about_a_child_of_another_town(step: str, steps: Steps, children: list[Child]) -> None:
    child = children[8]
    other = next(one for one in children if one.town != child.town)
    given: dict[str, Any] = {
        "enterAppointedGuardian": {"values": {"Guardian": [{"name": "虚构人"}]}},
        "enterGuardian": {"values": {"Guardian": [{"kind": "ENTRUSTED", "name": "虚构人"}]}},
        "planService": {"values": {"AssistanceRecord": [{"kind": "TUTORING", "providerUnit": "womens_federation"}]}},
    }[step]
    found = await refused(steps(other.town, GUARDIANSHIP, step, about=child.register, **given))
    assert found.code == "INVALID_INPUT"
    assert found.facts["argument"] == "child"
    absent = await refused(steps(other.town, GUARDIANSHIP, step, about="no such file", **given))
    assert found.as_json() == absent.as_json()


async def test_a_village_applies_for_children_of_its_own_alone(steps: Steps, children: list[Child]) -> None:
    child = children[9]
    other = next(one for one in children if one.village != child.village)
    given: dict[str, Any] = {"values": {"GuardianshipCase": [{"respondentName": "虚构", "grounds": ["OTHER"]}]}}
    found = await refused(steps(other.committee, JUDICIAL, "applyRevocation", about=child.register, **given))
    assert found.facts["argument"] == "child"


async def test_a_file_is_opened_and_moved_within_the_writers_own_division_alone(
    steps: Steps, children: list[Child]
) -> None:
    child = children[10]
    other = next(one for one in children if one.town != child.town)
    file = {"name": "虚构童", "sex": "MALE", "birthDate": "2018-05-01", "householdRegistered": True}
    foreign: dict[str, Any] = {"values": {"Child": [{**file, "divisionCode": other.village}]}}
    assert (await refused(steps(child.town, GUARDIANSHIP, "openFile", **foreign))).facts["fields"] == [
        "Child.divisionCode"
    ]
    taken = await steps(
        child.town, GUARDIANSHIP, "openFile", values={"Child": [{**file, "divisionCode": child.village}]}
    )
    row = await steps.row(
        "Child", taken.keys["civil_affairs"][0], "name", "_open", "_accepted", "_division", "updatedAt"
    )
    assert row == {
        "name": "虚构童",
        "_open": True,
        "_accepted": False,
        "_division": None,
        "updatedAt": "2026-11-24T10:00:00+08:00",
    }


async def test_a_file_is_accepted_between_surveys_but_no_number_a_second_time(
    steps: Steps, children: list[Child]
) -> None:
    child, survey = children[11], "survey_management"
    file = {"name": "虚构童", "sex": "MALE", "birthDate": "2018-05-01", "householdRegistered": True}
    keys: list[str] = []
    for more in ({"citizenId": child.citizen}, {}):
        given: dict[str, Any] = {"values": {"Child": [{**file, **more, "divisionCode": child.village}]}}
        keys += (await steps(child.town, GUARDIANSHIP, "openFile", **given)).keys["civil_affairs"]
    second = await refused(steps(CIVIL, survey, "acceptFile", key=keys[0]))
    assert "no other accepted file" in second.message, (second.message, second.facts)
    assert await steps.row("Child", keys[0], "_accepted", "_acceptedCitizen") == {
        "_accepted": False,
        "_acceptedCitizen": None,
    }
    await steps(CIVIL, survey, "acceptFile", key=keys[1])
    assert await steps.row("Child", keys[1], "_accepted", "_division") == {
        "_accepted": True,
        "_division": child.village,
    }


async def test_files_are_revised_while_their_submission_is_with_the_reviser_and_not_afterwards(
    steps: Steps, children: list[Child]
) -> None:
    survey = "survey_management"
    child, submission = await drafting(steps, children)
    change: dict[str, Any] = {"key": child.register, "values": {"Child": [{"livesAlone": True}]}}
    await steps(child.committee, survey, "villageReviseFile", **change)
    assert await steps.row("Child", child.register, "livesAlone") == {"livesAlone": True}
    assert (await refused(steps(child.town, survey, "townReviseFile", **change))).code == "CONFLICT"
    counted = {"SurveySubmission": [{"childrenCount": 5, "preparedBy": "虚构人"}]}
    await steps(child.committee, survey, "submitSurvey", key=submission, values=counted)
    late = await refused(steps(child.committee, survey, "villageReviseFile", **change))
    assert (late.code, late.facts["state"]) == ("CONFLICT", "VILLAGE_SUBMITTED")
    await steps(child.town, survey, "townReviseFile", **change)
    early = await refused(steps(child.town, survey, "includeVillage", key=submission))
    assert "every village of the town has submitted" in early.message
    returned = {"SurveySubmission": [{"returnReason": "请补正（虚构）"}]}
    await steps(child.town, survey, "returnToVillage", key=submission, values=returned)
    assert await steps.row("SurveySubmission", submission, "status", "returnReason", "childrenCount") == {
        "status": "RETURNED",
        "returnReason": "请补正（虚构）",
        "childrenCount": 5,
    }
    await steps(child.committee, survey, "villageReviseFile", **change)


async def drafting(steps: Steps, children: list[Child]) -> tuple[Child, str]:
    """A child whose village is at its draft, and that draft."""
    for child in children:
        here = Compare("divisionCode", "eq", Constant(child.village))
        running = All((here, Compare("quarter", "eq", Constant("2026Q4")), Compare("status", "eq", Constant("DRAFT"))))
        found = await steps.rows("SurveySubmission", running, {}, "_key")
        if found:
            return child, found[0]["_key"]
    raise AssertionError("no village is at its draft")


async def test_a_unit_without_the_right_is_told_the_clause_and_whose_step_it_is(
    steps: Steps, children: list[Child]
) -> None:
    key = await reported(steps, children[11])
    for unit, purpose in (
        ("womens_federation", "care_service"),
        (POLICE, "statistics"),
        (children[11].town, GUARDIANSHIP),
    ):
        found = await refused(steps(unit, purpose, "dispatch", key=key))
        assert found.code == "NOT_ENTITLED"
        assert found.facts["clause"] == "3.1.4"
        assert found.facts["units"] == [POLICE]
    assert await status(steps, key) == "REPORTED"


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({}, ["MandatoryReport.divisionCode", "MandatoryReport.narrative"]),
        (report("120114101201", status="CLOSED"), ["MandatoryReport.status"]),
        (report("120114101201", reporterUnit=POLICE), ["MandatoryReport.reporterUnit"]),
        (report("120114101201", _citizen="1"), ["MandatoryReport._citizen"]),
        ({"values": {**report("120114101201")["values"], "Incident": [{"findings": "x"}]}}, ["Incident.findings"]),
    ],
)
async def test_what_is_wanting_or_not_taken_is_named(given: dict[str, Any], fields: list[str], steps: Steps) -> None:
    found = await refused(steps("village_committee:120114101201", EMERGENCY, "reportConcern", **given))
    assert found.code == "INVALID_INPUT"
    assert found.facts["fields"] == fields


@pytest.mark.parametrize("division", ["999999999999", "120114", "", "12011410120", "河西村"])
async def test_a_report_from_nowhere_is_refused_since_nobody_would_ever_see_it(division: str, steps: Steps) -> None:
    found = await refused(steps("womens_federation", EMERGENCY, "reportConcern", **report(division)))
    assert found.facts["fields"] == ["MandatoryReport.divisionCode"]


@pytest.mark.parametrize(
    "unit", ["somebody", "town_government", "town_government:999", "womens_federation:1", "auditor "]
)
async def test_only_units_of_the_hub_provide_or_are_addressed(unit: str, steps: Steps, children: list[Child]) -> None:
    child = children[24]
    plan = {"AssistanceRecord": [{"kind": "TUTORING", "providerUnit": unit}]}
    found = await refused(steps(child.town, GUARDIANSHIP, "planService", about=child.register, values=plan))
    assert found.facts["fields"] == ["AssistanceRecord.providerUnit"]
    duty = {"targetUnit": unit, "content": "履职（虚构）", "replyDueOn": "2026-12-24"}
    values = {"ProcuratorialSupervision": [duty]}
    found = await refused(steps(PROCURATORATE, "legal_supervision", "superviseDuty", values=values))
    assert found.facts["fields"] == ["ProcuratorialSupervision.targetUnit"]


@pytest.mark.parametrize(
    ("step", "unit", "purpose", "row", "day", "wrong"),
    [
        (
            "superviseDuty",
            PROCURATORATE,
            "legal_supervision",
            {"targetUnit": CIVIL, "content": "（虚构）"},
            "replyDueOn",
            -1,
        ),
        ("reportDropout", EDUCATION, "dropout_control", {"bureauReportedOn": "2026-11-20"}, "townReportedOn", 1),
        ("returnToSchool", EDUCATION, "dropout_control", {}, "returnedOn", 1),
        ("recordNonPerformance", "town", GUARDIANSHIP, {}, "nonPerformanceSince", 1),
    ],
)
async def test_a_day_that_cannot_be_true_is_named_and_today_is_one_that_can(
    step: str, unit: str, purpose: str, row: dict[str, Any], day: str, wrong: int, steps: Steps, children: list[Child]
) -> None:
    who, today = children[0].town if unit == "town" else unit, steps.clock.now.date()
    relation = STEPS[step].subject
    given: dict[str, Any] = {} if STEPS[step].creates else {"key": "none"}
    if STEPS[step].explained:
        given["reason"] = "（虚构）"
    for days, told in ((wrong, [f"{relation}.{day}"]), (0, None)):
        values = {relation: [{**row, day: (today + timedelta(days=days)).isoformat()}]}
        if STEPS[step].creates and not days:
            assert (await steps(who, purpose, step, values=values)).keys
            continue
        found = await refused(steps(who, purpose, step, values=values, **given))
        assert (found.code, found.facts.get("fields")) == ("INVALID_INPUT", told)
        assert told is None or "今天" in found.facts["messageZh"]


async def test_a_supervision_is_answered_once_by_the_unit_that_it_addresses(
    steps: Steps, children: list[Child]
) -> None:
    child, supervision = children[25], "legal_supervision"
    duty = {"targetUnit": child.town, "content": "履职（虚构）", "replyDueOn": "2026-12-24"}
    values = {"ProcuratorialSupervision": [duty]}
    (key,) = (await steps(PROCURATORATE, supervision, "superviseDuty", values=values)).keys["procuratorate"]
    other = next(one for one in children if one.town != child.town)
    assert (await refused(steps(other.town, supervision, "replyToSupervision", key=key))).code == "INVALID_INPUT"
    early = await refused(steps(PROCURATORATE, supervision, "noteNoReply", key=key))
    assert "the day by which a reply was due is past" in early.message
    await steps(child.town, supervision, "replyToSupervision", key=key)
    assert (await refused(steps(child.town, supervision, "replyToSupervision", key=key))).code == "CONFLICT"
    await steps(PROCURATORATE, supervision, "noteAdopted", key=key)
    assert await steps.row("ProcuratorialSupervision", key, "result", "repliedOn", "issuedOn", "kind") == {
        "result": "ADOPTED",
        "repliedOn": "2026-11-24",
        "issuedOn": "2026-11-24",
        "kind": "DUTY",
    }


async def test_a_department_on_which_the_scope_rests_and_that_does_not_answer_is_an_outage_and_nothing_is_written(
    steps: Steps, children: list[Child], read: Mapping[str, Source], targets: Mapping[str, Target]
) -> None:
    child = children[12]
    key = await attended(steps, child)
    broken = Steps(
        writing=writing({**read, "civil_affairs": Dead()}, targets, steps.writing.log, steps.clock),
        read=read,
        clock=steps.clock,
        dsn=steps.dsn,
        opens=steps.opens,
    )
    found = await refused(broken(child.town, GUARDIANSHIP, "assess", key=key, values={"Assessment": [ASSESSED]}))
    assert (found.code, found.facts["source"]) == ("SOURCE_UNAVAILABLE", "civil_affairs")
    assert await status(steps, key) == "TOWN_NOTIFIED"


class Dead:
    """A department whose line is cut."""

    name = "civil_affairs"

    async def fetch(self, *_: Any, **__: Any) -> Any:
        raise SourceError("civil_affairs", "unreachable")

    aggregate = ping = fetch

    async def close(self) -> None:
        return None


# What is repeated.


async def test_a_step_sent_again_is_one_step_at_once_or_later(steps: Steps, children: list[Child]) -> None:
    child = children[13]
    given = report(child.village)
    results = await asyncio.gather(
        *(steps(child.committee, EMERGENCY, "reportConcern", name="one report", **given) for _ in range(10))
    )
    assert len({taken.keys["public_security"] for taken in results}) == 1
    assert sorted(taken.again for taken in results) == [False] + [True] * 9
    ((key,),) = {taken.keys["public_security"] for taken in results}
    await steps(POLICE, EMERGENCY, "dispatch", key=key, name="one dispatch")
    again = await steps(POLICE, EMERGENCY, "dispatch", key=key, name="one dispatch")
    assert again.again
    assert (await refused(steps(POLICE, EMERGENCY, "dispatch", key=key, name="another"))).code == "CONFLICT"


async def test_a_supervision_and_its_reply_sent_again_after_the_due_day_are_what_they_were_and_no_new_one_is_made(
    steps: Steps, children: list[Child], targets: Mapping[str, Target]
) -> None:
    child, supervision = children[28], "legal_supervision"
    clock = Clock(now=steps.clock.now - timedelta(days=40))
    made = writing(steps.read, targets, steps.writing.log, clock)
    ours = Steps(writing=made, read=steps.read, clock=clock, dsn=steps.dsn, opens=steps.opens)
    duty = {"targetUnit": child.town, "content": "履职（虚构）", "replyDueOn": "2026-11-01"}
    values = {"ProcuratorialSupervision": [duty]}
    first = await ours(PROCURATORATE, supervision, "superviseDuty", name="due soon", values=values)
    (key,) = first.keys["procuratorate"]
    await ours(child.town, supervision, "replyToSupervision", name="our reply", key=key)
    replied = await ours.row("ProcuratorialSupervision", key, "repliedOn")
    clock.pass_(days=40)
    again = await ours(PROCURATORATE, supervision, "superviseDuty", name="due soon", values=values)
    assert (again.again, again.keys) == (True, first.keys)
    answered = await ours(child.town, supervision, "replyToSupervision", name="our reply", key=key)
    assert answered.again
    assert await ours.row("ProcuratorialSupervision", key, "repliedOn") == replied
    # Under a name of its own it is another act, and its day has passed.
    late = await refused(ours(PROCURATORATE, supervision, "superviseDuty", name="another", values=values))
    assert late.facts["fields"] == ["ProcuratorialSupervision.replyDueOn"]
    other = {"ProcuratorialSupervision": [{**duty, "content": "另一项（虚构）"}]}
    reused = await refused(ours(PROCURATORATE, supervision, "superviseDuty", name="due soon", values=other))
    assert (reused.code, reused.facts["reason"]) == ("CONFLICT", "key")


async def test_one_name_for_two_contents_is_a_conflict(steps: Steps, children: list[Child]) -> None:
    village = children[14].committee
    await steps(village, EMERGENCY, "reportConcern", name="reused", **report(children[14].village))
    found = await refused(
        steps(village, EMERGENCY, "reportConcern", name="reused", **report(children[14].village, subject="另一名儿童"))
    )
    assert (found.code, found.facts["reason"]) == ("CONFLICT", "key")


async def test_two_principals_with_one_name_take_two_steps(steps: Steps, children: list[Child]) -> None:
    keys = {
        (await steps(unit, EMERGENCY, "reportConcern", name="same", **report(children[15].village))).keys[
            "public_security"
        ]
        for unit in (children[15].committee, "womens_federation")
    }
    assert len(keys) == 2


async def test_of_many_officers_who_dispatch_at_once_one_does(steps: Steps, children: list[Child]) -> None:
    key = await reported(steps, children[16])
    results = await asyncio.gather(
        *(steps(POLICE, EMERGENCY, "dispatch", key=key) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(result, Taken) for result in results) == 1
    assert {result.code for result in results if isinstance(result, HubError)} == {"CONFLICT"}
    assert len(await steps.rows("Incident", Compare("_report", "eq", Constant(key)), {}, "_key")) == 1


@dataclass(slots=True)
class Meeting:
    """A target before which writers wait for each other: each has looked at the row before one writes it."""

    target: Target
    writers: asyncio.Barrier
    name: str = "public_security"

    async def write(self, write: Write, bindings: Bindings, *, intent: str, digest: str, deadline: float) -> Result:
        await self.writers.wait()
        return await self.target.write(write, bindings, intent=intent, digest=digest, deadline=deadline)

    async def found(self, intent: str, *, deadline: float) -> Any:
        return await self.target.found(intent, deadline=deadline)

    async def touched(self, relation: str, key: str, *, deadline: float) -> int:
        return await self.target.touched(relation, key, deadline=deadline)

    async def settle(self, intent: str, *, deadline: float) -> Any:
        return await self.target.settle(intent, deadline=deadline)

    async def close(self) -> None:
        return None


def supplement(*measures: str) -> dict[str, Any]:
    return {"reason": "补充（虚构）", "values": {"Incident": [{"measures": list(measures)}]}}


async def test_of_two_who_write_the_same_row_in_no_state_at_the_same_moment_one_is_told_to_read_it_again(
    steps: Steps, children: list[Child], targets: Mapping[str, Target]
) -> None:
    key = await attended(steps, children[17])
    meeting = Meeting(targets["public_security"], asyncio.Barrier(2))
    made = writing(steps.read, {**targets, "public_security": meeting}, steps.writing.log, steps.clock)
    both = Steps(writing=made, read=steps.read, clock=steps.clock, dsn=steps.dsn, opens=steps.opens)
    wanted = {"doctor": ("CONTACT_PARENTS", "MEDICAL_HELP"), "proof": ("CONTACT_PARENTS", "EVIDENCE")}
    results = await asyncio.gather(
        *(
            both(POLICE, EMERGENCY, "supplementIncident", key=key, name=name, **supplement(*measures))
            for name, measures in wanted.items()
        ),
        return_exceptions=True,
    )
    ended = dict(zip(wanted, results, strict=True))
    (winner,) = [name for name, result in ended.items() if isinstance(result, Taken)]
    (loser,) = [name for name, result in ended.items() if isinstance(result, HubError)]
    error = ended[loser]
    assert isinstance(error, HubError)
    assert (error.code, error.facts["reason"], error.facts["clause"]) == ("CONFLICT", "changed", "3.1.4")
    assert "read the row again" in error.message
    assert "重新查看" in error.facts["messageZh"]
    row = await steps.row("Incident", key, "measures", by="_report")
    assert row == {"measures": list(wanted[winner])}
    # The acknowledged step sent again is that step; the refused one is taken with what stands there by now.
    again = await steps(POLICE, EMERGENCY, "supplementIncident", key=key, name=winner, **supplement(*wanted[winner]))
    assert again.again
    all_three = dict.fromkeys((*wanted[winner], *wanted[loser]))
    await steps(POLICE, EMERGENCY, "supplementIncident", key=key, **supplement(*all_three))
    assert await steps.row("Incident", key, "measures", by="_report") == {"measures": list(all_three)}


async def test_what_others_wrote_since_a_writer_looked_is_not_written_over_and_no_list_is_shortened_unseen(
    steps: Steps, children: list[Child]
) -> None:
    key, step = await attended(steps, children[18]), "supplementIncident"
    both = ("CONTACT_PARENTS", "EVIDENCE")
    await steps(POLICE, EMERGENCY, step, key=key, name="first", **supplement(*both))
    # A second officer read before the first one wrote: said or not, nothing of the first is lost.
    late = supplement("CONTACT_PARENTS", "MEDICAL_HELP")
    for seen in ({}, {"Incident": {"measures": ["CONTACT_PARENTS"]}}):
        found = await refused(steps(POLICE, EMERGENCY, step, key=key, seen=seen, **late))
        assert (found.code, found.facts["reason"], found.facts["fields"]) == (
            "CONFLICT",
            "changed",
            ["Incident.measures"],
        )
        assert "EVIDENCE" not in found.message + found.facts["messageZh"]
    assert await steps.row("Incident", key, "measures", by="_report") == {"measures": list(both)}
    # What is seen as it stands, in whatever order, may be corrected; sent again it is that act.
    saw: dict[str, Any] = {"measures": list(reversed(both)), "findings": None}
    fewer = {**supplement("EVIDENCE"), "seen": {"Incident": saw}}
    await steps(POLICE, EMERGENCY, step, key=key, name="corrected", **fewer)
    assert (await steps(POLICE, EMERGENCY, step, key=key, name="corrected", **fewer)).again
    assert await steps.row("Incident", key, "measures", by="_report") == {"measures": ["EVIDENCE"]}


def test_what_a_writer_does_not_read_wherever_it_may_write_it_is_not_compared_for_it() -> None:
    given, step, who = (
        Given(seen={"Incident": {"measures": []}}),
        STEPS["supplementIncident"],
        identity(POLICE, EMERGENCY),
    )
    check_seen(step, given, who, POLICY)

    def narrower(unit: str, purpose: str, action: str) -> dict[str, list[SimpleNamespace]]:
        return {"Incident.measures": [SimpleNamespace(scope="all" if action == "update" else "open_cases")]}

    for grants in (narrower, lambda *asked: {} if asked[2] == "read" else narrower(*asked)):
        policy: Any = SimpleNamespace(grants=grants)
        with pytest.raises(RefusalError) as caught:
            check_seen(step, given, who, policy)
        assert (caught.value.code, caught.value.facts["fields"]) == ("INVALID_INPUT", ["Incident.measures"])


# What is lost, and found again.


@dataclass(slots=True)
class Crashing:
    """A target before which the hub dies, or behind which it does."""

    target: Target
    when: str
    name: str = "public_security"

    async def write(self, write: Write, bindings: Bindings, *, intent: str, digest: str, deadline: float) -> Result:
        if self.when == "before":
            raise Crash
        result = await self.target.write(write, bindings, intent=intent, digest=digest, deadline=deadline)
        if self.when == "after":
            raise Crash
        if self.when == "lost":
            raise SourceError(self.name, "unreachable")
        return result

    async def found(self, intent: str, *, deadline: float) -> Any:
        return await self.target.found(intent, deadline=deadline)

    async def touched(self, relation: str, key: str, *, deadline: float) -> int:
        return await self.target.touched(relation, key, deadline=deadline)

    async def settle(self, intent: str, *, deadline: float) -> Any:
        if self.when == "deaf":
            raise SourceError(self.name, "timeout")
        return await self.target.settle(intent, deadline=deadline)

    async def close(self) -> None:
        return None


class Crash(BaseException):
    """Not even an error: the process is gone."""


def crashing(steps: Steps, targets: Mapping[str, Target], when: str, log: Any = None) -> Steps:
    broken = {**targets, "public_security": Crashing(targets["public_security"], when)}
    made = writing(steps.read, broken, log or steps.writing.log, steps.clock)
    return Steps(writing=made, read=steps.read, clock=steps.clock, dsn=steps.dsn, opens=steps.opens)


async def settle(steps: Steps, targets: Mapping[str, Target]) -> Settled:
    steps.clock.pass_(minutes=5)
    return await settle_open(steps.opens, targets, steps.writing.log, steps.clock)


@pytest.mark.parametrize(("when", "happened"), [("before", False), ("after", True)])
async def test_an_intent_left_open_by_a_crash_is_settled_by_asking_and_the_step_can_be_sent_again(
    when: str, happened: bool, steps: Steps, children: list[Child], targets: Mapping[str, Target]
) -> None:
    child = children[17]
    given = {"name": f"crash {when}", **report(child.village)}
    with pytest.raises(Crash):
        await crashing(steps, targets, when)(child.committee, EMERGENCY, "reportConcern", **given)
    assert await settle(steps, targets) == Settled(happened=happened, given_up=not happened, left=0)
    assert await settle(steps, targets) == Settled(happened=0, given_up=0, left=0)
    outcome = json.loads((await steps.entries())[-1])
    assert outcome["kind"] == "outcome"
    assert "settled=later" in outcome["facts"]
    assert "village_committee" not in json.dumps(outcome)
    taken = await steps(child.committee, EMERGENCY, "reportConcern", **given)
    assert taken.again == happened
    assert await steps.row("MandatoryReport", taken.keys["public_security"][0], "status") == {"status": "REPORTED"}


async def test_an_intent_of_an_author_is_dated_ahead_and_settled_once_it_has_been_open_for_a_while(
    steps: Steps, children: list[Child], targets: Mapping[str, Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub.audit.entry, "MIXING", timedelta(hours=1))
    steps.clock.pass_(minutes=67 - steps.clock.now.minute)
    with pytest.raises(Crash):
        await crashing(steps, targets, "after")(
            children[16].committee, EMERGENCY, "reportConcern", **report(children[16].village)
        )
    assert await settle(steps, targets) == Settled(happened=0, given_up=0, left=0), "it may still be on its way"
    assert await settle(steps, targets) == Settled(happened=1, given_up=0, left=0)
    assert await settle(steps, targets) == Settled(happened=0, given_up=0, left=0)
    steps.clock.pass_(hours=1)


async def test_an_answer_that_is_lost_is_asked_for_and_the_step_is_taken(
    steps: Steps, children: list[Child], targets: Mapping[str, Target]
) -> None:
    taken = await crashing(steps, targets, "lost")(
        children[18].committee, EMERGENCY, "reportConcern", **report(children[18].village)
    )
    assert await status(steps, taken.keys["public_security"][0]) == "REPORTED"


async def test_a_department_that_answers_neither_write_nor_question_leaves_the_intent_open_for_later(
    steps: Steps, children: list[Child], targets: Mapping[str, Target]
) -> None:
    deaf = {**targets, "public_security": Crashing(Crashing(targets["public_security"], "lost"), "deaf")}
    made = writing(steps.read, deaf, steps.writing.log, steps.clock)
    broken = Steps(writing=made, read=steps.read, clock=steps.clock, dsn=steps.dsn, opens=steps.opens)
    given = {"name": "deaf", **report(children[19].village)}
    found = await refused(broken(children[19].committee, EMERGENCY, "reportConcern", **given))
    assert found.code == "SOURCE_UNAVAILABLE"
    assert (await settle(steps, deaf)).left == 1
    assert await settle(steps, targets) == Settled(happened=1, given_up=0, left=0)
    assert (await steps(children[19].committee, EMERGENCY, "reportConcern", **given)).again


@dataclass(slots=True)
class Forgetful:
    """A log that goes away once it has the intent."""

    log: Log
    kinds: list[str] = field(default_factory=list)

    async def record(self, entries: list[Entry]) -> list[Receipt]:
        self.kinds += [entry.kind for entry in entries]
        if any(entry.kind == "outcome" for entry in entries):
            raise OutageError("AUDIT_UNAVAILABLE", "the access log is gone")
        return await self.log.record(entries)


async def test_without_an_outcome_in_the_log_nothing_is_acknowledged_and_it_is_made_up_for(
    steps: Steps, children: list[Child], targets: Mapping[str, Target], written_server: Server
) -> None:
    async with open_log(written_server) as log:
        broken = crashing(steps, targets, "never", Forgetful(log))
        given = {"name": "forgetful", **report(children[20].village)}
        found = await refused(broken(children[20].committee, EMERGENCY, "reportConcern", **given))
    assert found.code == "AUDIT_UNAVAILABLE"
    assert await settle(steps, targets) == Settled(happened=1, given_up=0, left=0)
    assert (await steps(children[20].committee, EMERGENCY, "reportConcern", **given)).again


async def test_without_the_log_nothing_is_written(
    steps: Steps, children: list[Child], targets: Mapping[str, Target]
) -> None:
    class Gone:
        async def record(self, _: Any) -> Any:
            raise OutageError("AUDIT_UNAVAILABLE", "the access log is gone")

    before = len(await steps.rows("MandatoryReport", ALWAYS, {}, "_key"))
    broken = crashing(steps, targets, "never", Gone())
    found = await refused(broken(children[21].committee, EMERGENCY, "reportConcern", **report(children[21].village)))
    assert found.code == "AUDIT_UNAVAILABLE"
    assert len(await steps.rows("MandatoryReport", ALWAYS, {}, "_key")) == before


async def test_a_caller_that_goes_away_does_not_stop_a_step_halfway(steps: Steps, children: list[Child]) -> None:
    child = children[22]
    given = {"name": "gone", **report(child.village)}
    for _ in range(5):
        task = asyncio.create_task(steps(child.committee, EMERGENCY, "reportConcern", **given))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await steps.writing.close()
    assert (await steps(child.committee, EMERGENCY, "reportConcern", **given)).again
    assert (await settle_open(steps.opens, steps.writing.targets, steps.writing.log, Clock())).left == 0


async def test_an_unmatched_report_is_not_assessed_before_the_police_match_it(
    steps: Steps, children: list[Child]
) -> None:
    child = children[23]
    key = await reported(steps, child)
    for step in ("dispatch", "recordMeasures", "notifyTown"):
        values = {"Incident": [{"measures": ["EVIDENCE"]}]} if step == "recordMeasures" else {}
        await steps(POLICE, EMERGENCY, step, key=key, values=values)
    given: dict[str, Any] = {"key": key, "values": {"Assessment": [ASSESSED]}}
    conflict = await refused(steps(child.town, GUARDIANSHIP, "assess", **given))
    assert (conflict.code, "matched to a file" in conflict.message) == ("CONFLICT", True)
    await steps(POLICE, EMERGENCY, "matchReport", key=key, number=child.register)
    await steps(child.town, GUARDIANSHIP, "assess", **given)
    assert await status(steps, key) == "ASSESSED"
