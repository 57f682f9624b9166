"""A report over HTTP to CLOSED, UNFOUNDED and MERGED: each step by whom it belongs to, and by nobody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from stdnum.cn import ric

from connectors.demo.server import Server
from connectors.source import Compare, Constant, Source
from tests.support.course import (
    ASSESSED,
    CIVIL,
    EMERGENCY,
    GUARDIANSHIP,
    MEASURES,
    NOWHERE,
    POLICE,
    WOMEN,
    Course,
    Turn,
    strangers_to,
)
from tests.support.served import Child, Reply, Served, entries_of
from tests.support.steps import POLICY, row_of, rows_of

pytestmark = pytest.mark.postgres

UNDONE = [("REPORTED", "undoMerge", "resumeMerged"), ("DISPATCHED", "resumeMerged", "undoMerge")]
ROW = "step again lawful { name nameZh clause } mandatoryReport { id status }"


@pytest.fixture
def begun(served: Served, departments: Mapping[str, Source]) -> Course:
    return Course(served=served, departments=departments, child=Child(register="", citizen="", village=""))


def course_of(begun: Course, child: Child) -> Course:
    return Course(served=begun.served, departments=begun.departments, child=child)


async def nobody_else_can(course: Course, turn: Turn, children: list[Child]) -> None:
    """Everybody else tries the step, and nothing changes."""
    before = await course.status()
    tries = list(course.others(turn, strangers_to(course.child, children)))
    replies = await asyncio.gather(*(course.tried(who, purpose, turn) for who, purpose in tries))
    for (who, purpose), reply in zip(tries, replies, strict=True):
        assert reply.codes <= NOWHERE, (turn.step, who, purpose, reply.json)
        assert reply.codes, (turn.step, who, purpose, reply.json)
        if reply.codes == {"NOT_ENTITLED"}:
            assert reply.error["clause"], reply.json
            assert reply.error["messageZh"], reply.json
    assert await course.status() == before


async def sees(course: Course, who: str, purpose: str) -> bool:
    """Whether the report is there for the principal."""
    query = "query Row($id: ID!) { node(id: $id) { id } }"
    reply = await course.served(who, purpose, query, {"id": course.served.id(who, "MandatoryReport", course.key)})
    return reply.json.get("data", {}).get("node") is not None


async def test_a_report_is_driven_to_closed_by_the_right_principals_and_by_nobody_else(
    begun: Course, people: list[Child], written: Server
) -> None:
    course = course_of(begun, people[0])
    child, served = course.child, course.served
    reply = await served.step(
        child.committee, EMERGENCY, "reportConcern", ROW, divisionCode=child.village, narrative="独自在家（虚构 甲）"
    )
    course.key = await course.key_of("独自在家（虚构 甲）")
    answered = reply.data["reportConcern"]
    assert (answered["again"], answered["lawful"]) == (False, [])
    assert answered["mandatoryReport"]["status"] == "REPORTED"
    assert answered["mandatoryReport"]["id"] == served.id(child.committee, "MandatoryReport", course.key)
    for turn in course.police():
        assert not await sees(course, child.town, GUARDIANSHIP), "a town is told, it does not watch"
        await nobody_else_can(course, turn, people)
        found = (await course.take(turn, ROW)).data[turn.step]
        assert found["mandatoryReport"]["status"] == await course.status()
    assert await course.status() == "TOWN_NOTIFIED"
    assert await sees(course, child.town, GUARDIANSHIP)
    assess = Turn(who=child.town, purpose=GUARDIANSHIP, step="assess", given=ASSESSED)
    services = {"services": [{"kind": "COUNSELLING", "providerUnit": WOMEN}]}
    plan = Turn(who=child.town, purpose=GUARDIANSHIP, step="planAssistance", given=services)
    for turn in (assess, plan):
        await nobody_else_can(course, turn, people)
        found = (await course.take(turn, ROW)).data[turn.step]
        assert found["mandatoryReport"]["status"] == await course.status()
    assert found["lawful"] == [
        {"name": "reassess", "nameZh": "重新调查评估", "clause": "2.6"},
        {"name": "closeReport", "nameZh": "结案", "clause": "3.2.2"},
    ]
    again = {**ASSESSED, "riskLevel": "LOW", "reason": "首次评估有误（虚构）"}
    anew = Turn(who=child.town, purpose=GUARDIANSHIP, step="reassess", given=again)
    assert (await course.take(anew, reason="")).error["fields"] == ["reason"]
    await nobody_else_can(course, anew, people)
    assert (await course.take(anew)).status == 200
    incident = await row_of(course.departments, "Incident", course.key, "_key", by="_report")
    assert incident is not None
    of_incident = Compare("_incident", "eq", Constant(incident["_key"]))
    levels = await rows_of(course.departments, "Assessment", of_incident, {}, "riskLevel")
    assert sorted(row["riskLevel"] for row in levels) == ["HIGH", "LOW"], "what was said first stays"
    close = Turn(who=child.town, purpose=GUARDIANSHIP, step="closeReport")
    early = (await course.take(close)).error
    assert (early["code"], early["clause"], early["state"]) == ("CONFLICT", "3.2.2", "PLANNED")
    await course.care_ends()
    await nobody_else_can(course, close, people)
    assert [one["name"] for one in (await course.take(close, ROW)).data["closeReport"]["lawful"]] == ["undoClosing"]
    assert await course.status() == "CLOSED"
    undo = Turn(who=child.town, purpose=GUARDIANSHIP, step="undoClosing", given={"reason": "误结（虚构）"})
    assert (await course.take(undo, reason=" ")).error["fields"] == ["reason"]
    await nobody_else_can(course, undo, people)
    assert (await course.take(undo)).status == 200
    assert await course.status() == "PLANNED"
    assert (await course.take(close)).status == 200
    documents = [json.loads(entry) for entry in await entries_of(written)]
    intents = {(one["request"], one["part"]) for one in documents if one["kind"] == "intent"}
    assert intents == {(one["request"], one["part"]) for one in documents if one["kind"] == "outcome"}
    assert len(intents) >= 9


async def test_a_case_that_was_filed_in_error_is_withdrawn_with_a_reason(begun: Course, people: list[Child]) -> None:
    course = course_of(begun, people[8])
    await course.reported()
    await course.until("HANDLED")
    withdraw = Turn(who=POLICE, purpose=EMERGENCY, step="withdrawCaseFiling", given={"reason": "误立（虚构）"})
    early = (await course.take(withdraw)).error
    assert (early["code"], early["clause"], "fileCase" in early["lawful"]) == ("CONFLICT", "3.1.4", True)
    assert (await course.take(Turn(who=POLICE, purpose=EMERGENCY, step="fileCase"))).status == 200
    await nobody_else_can(course, withdraw, people)
    assert (await course.take(withdraw)).status == 200
    assert await row_of(course.departments, "Incident", course.key, "caseFiledOn", by="_report") == {
        "caseFiledOn": None
    }


async def test_an_unfounded_report_still_tells_the_town(begun: Course, people: list[Child]) -> None:
    course = course_of(begun, people[1])
    await course.reported()
    await course.until("DISPATCHED")
    turn = Turn(who=POLICE, purpose=EMERGENCY, step="findUnfounded", given={"findings": "未见异常（虚构）"})
    await nobody_else_can(course, turn, people)
    assert (await course.take(turn, ROW)).data["findUnfounded"]["mandatoryReport"]["status"] == "UNFOUNDED"
    incident = await row_of(course.departments, "Incident", course.key, "townNotifiedAt", "findings", by="_report")
    assert incident is not None
    assert incident["townNotifiedAt"] is not None
    again = (await course.take(Turn(who=POLICE, purpose=EMERGENCY, step="recordMeasures", given=MEASURES))).error
    assert (again["code"], again["lawful"]) == ("CONFLICT", ["tellUnfounded", "reopenReport"])


async def test_a_report_is_merged_into_a_named_open_one_and_never_into_nothing(
    begun: Course, people: list[Child]
) -> None:
    first, second = course_of(begun, people[2]), course_of(begun, people[2])
    await first.reported()
    await second.reported(WOMEN)
    turn = Turn(who=POLICE, purpose=EMERGENCY, step="mergeReport")
    for who, purpose in second.others(turn, strangers_to(second.child, people)):
        reply = await second.tried(who, purpose, turn, into=second.served.id(who, "MandatoryReport", first.key))
        assert reply.codes == {"NOT_ENTITLED"}, (who, reply.json)
    itself = second.served.id(POLICE, "MandatoryReport", second.key)
    nothing = second.served.id(POLICE, "MandatoryReport", "no such report")
    stolen = second.served.id(WOMEN, "MandatoryReport", first.key)
    for into, code in ((itself, "CONFLICT"), (nothing, "INVALID_INPUT"), (stolen, "INVALID_INPUT")):
        assert (await second.take(turn, into=into)).codes == {code}
    into = second.served.id(POLICE, "MandatoryReport", first.key)
    assert (await second.take(turn, ROW, into=into)).data["mergeReport"]["mandatoryReport"]["status"] == "MERGED"
    row = await row_of(second.departments, "MandatoryReport", second.key, "_mergedInto")
    assert row == {"_mergedInto": first.key}
    back = (await first.take(turn, into=second.served.id(POLICE, "MandatoryReport", second.key))).error
    assert (back["code"], back["clause"]) == ("CONFLICT", "2.5")


@pytest.mark.parametrize(("until", "undo", "other"), UNDONE)
async def test_a_wrong_merge_is_taken_back_with_a_reason_and_the_report_goes_on_where_it_was(
    until: str, undo: str, other: str, begun: Course, people: list[Child]
) -> None:
    first, second = course_of(begun, people[6]), course_of(begun, people[7])
    await first.reported()
    await second.reported(WOMEN)
    await second.until(until)
    into = second.served.id(POLICE, "MandatoryReport", first.key)
    assert (await second.take(Turn(who=POLICE, purpose=EMERGENCY, step="mergeReport"), into=into)).status == 200
    given = {"reason": "不是同一儿童（虚构）"}
    wrong = (await second.take(Turn(who=POLICE, purpose=EMERGENCY, step=other, given=given))).error
    assert (wrong["code"], wrong["clause"], wrong["lawful"]) == ("CONFLICT", "2.5", [undo])
    turn = Turn(who=POLICE, purpose=EMERGENCY, step=undo, given=given)
    assert (await second.take(turn, reason="")).error["fields"] == ["reason"]
    await nobody_else_can(second, turn, people)
    assert (await second.take(turn)).status == 200
    row = await row_of(second.departments, "MandatoryReport", second.key, "status", "_mergedInto")
    assert row == {"status": until, "_mergedInto": None}
    if until == "REPORTED":
        assert (await second.take(Turn(who=POLICE, purpose=EMERGENCY, step="dispatch"))).status == 200
    handled = Turn(who=POLICE, purpose=EMERGENCY, step="recordMeasures", given=MEASURES)
    assert (await second.take(handled)).status == 200
    incidents = await rows_of(
        second.departments, "Incident", Compare("_report", "eq", Constant(second.key)), {}, "_key"
    )
    assert len(incidents) == 1


KINDS = {POLICY.institutions[code].kind: f"mandatory_reporter:{code}" for code in POLICY.institutions}
BUREAUS = {"OTHER_CITIZEN": "finance_bureau", "SOCIAL_ORGANISATION": WOMEN}


@pytest.mark.parametrize(("kind", "reporter"), sorted({**KINDS, **BUREAUS}.items()))
async def test_each_kind_of_reporter_is_what_its_credential_says_and_sees_its_own_report_alone(
    kind: str, reporter: str, begun: Course, people: list[Child]
) -> None:
    course = course_of(begun, people[3])
    reply = await course.reported(reporter)
    assert reply.status == 200, reply.json
    row = await row_of(course.departments, "MandatoryReport", course.key, "reporterKind", "reporterUnit", "status")
    assert row == {"reporterKind": kind, "reporterUnit": reporter, "status": "REPORTED"}
    assert await sees(course, reporter, EMERGENCY)
    assert not await sees(course, next(key for key in KINDS.values() if key != reporter), EMERGENCY)


@pytest.mark.parametrize("member", ["reporterKind", "reporterUnit", "reportedAt", "status", "acceptedAt"])
async def test_who_reported_and_when_is_never_taken_from_the_input(member: str, served: Served) -> None:
    given = {"divisionCode": "120114101001", "narrative": "独自在家（虚构）", member: "x"}
    reply = await served.step(WOMEN, EMERGENCY, "reportConcern", **given)
    assert reply.codes == {"INVALID_INPUT"}


async def test_a_report_with_nothing_but_a_place_and_a_sentence_runs_by_its_division(
    begun: Course, people: list[Child]
) -> None:
    course = course_of(begun, people[4])
    await course.reported(WOMEN)
    for turn in course.police()[1:]:
        assert (await course.take(turn)).status == 200
    assert await sees(course, course.child.town, GUARDIANSHIP)
    assert not await sees(course, strangers_to(course.child, people)[0], GUARDIANSHIP)


async def test_a_report_of_which_only_a_description_is_known_is_closed_by_a_town_that_opens_the_file(
    begun: Course, people: list[Child]
) -> None:
    course = course_of(begun, people[5])
    served, town, village = course.served, course.child.town, course.child.village
    number = "12011420190301301" + ric.calc_check_digit("120114201903013010")
    await course.reported(WOMEN)
    match, *others = course.police()
    for turn in others:
        assert (await course.take(turn)).status == 200
    assess = Turn(who=town, purpose=GUARDIANSHIP, step="assess", given=ASSESSED)
    early = (await course.take(assess)).error
    assert (early["code"], early["clause"], early["lawful"]) == ("CONFLICT", "2.6", ["completeAssessment"])
    file: dict[str, Any] = {"name": "虚构童", "sex": "MALE", "birthDate": "2019-03-01", "householdRegistered": False}
    opened = await served.step(town, GUARDIANSHIP, "openFile", divisionCode=village, citizenId=number, **file)
    assert opened.status == 200, opened.json
    [row] = await rows_of(course.departments, "Child", Compare("citizenId", "eq", Constant(number)), {}, "_key")
    course.child = Child(register=str(row["_key"]), citizen=number, village=village)
    match = course.police()[0]
    # A file that civil affairs have not accepted opens nothing but itself.
    assert (await course.take(match)).error["code"] == "CONFLICT"
    for who in (town, course.child.committee, POLICE, WOMEN):
        reply = await accepted(course, who, "survey_management")
        assert (reply.error["code"], reply.error["units"]) == ("NOT_ENTITLED", [CIVIL])
    assert (await accepted(course, CIVIL, "survey_management")).status == 200
    again = (await accepted(course, CIVIL, "survey_management")).error
    assert (again["code"], again["clause"], "never accepted" in again["message"]) == ("CONFLICT", "2.2", True)
    assert (await course.take(match)).status == 200
    assert (await course.take(assess)).status == 200
    services = {"services": [{"kind": "COUNSELLING", "providerUnit": WOMEN}]}
    plan = Turn(who=town, purpose=GUARDIANSHIP, step="planAssistance", given=services)
    assert (await course.take(plan)).status == 200
    await course.care_ends()
    assert (await course.take(Turn(who=town, purpose=GUARDIANSHIP, step="closeReport"))).status == 200
    assert await course.status() == "CLOSED"


async def accepted(course: Course, who: str, purpose: str) -> Reply:
    """The file of the course's child is accepted, by anybody."""
    file = course.served.id(who, "Child", course.child.register, "")
    return await course.served.step(who, purpose, "acceptFile", id=file)


async def test_what_is_missing_is_named_in_chinese_and_english_whether_by_variable_or_in_the_text(
    served: Served,
) -> None:
    reply = await served.step(WOMEN, EMERGENCY, "reportConcern")
    assert [error["extensions"]["fields"] for error in reply.json["errors"]] == [["divisionCode"], ["narrative"]]
    assert reply.json["errors"][1]["extensions"]["messageZh"] == "缺少：情况说明"
    text = 'mutation { reportConcern(input: {idempotencyKey: "a", narrative: "虚构"}) { step } }'
    error = (await served(WOMEN, EMERGENCY, text)).error
    assert (error["code"], error["fields"], error["messageZh"]) == (
        "INVALID_INPUT",
        ["divisionCode"],
        "缺少：发生地区划代码",
    )
    blank = await served.step(WOMEN, EMERGENCY, "reportConcern", divisionCode="120114101001", narrative="  ")
    assert (blank.error["fields"], blank.error["messageZh"]) == (
        ["MandatoryReport.narrative"],
        "强制报告缺少：情况说明",
    )
    nameless = await served.step(
        WOMEN, EMERGENCY, "reportConcern", key=" ", divisionCode="120114101001", narrative="虚构"
    )
    assert nameless.error["fields"] == ["idempotencyKey"]


async def test_a_variable_that_is_null_where_a_value_must_be_is_named_and_no_fault_of_the_hub(served: Served) -> None:
    node, total = "node(id: $v) { id }", "aggregate(by: $v) { __typename }"
    report = 'reportConcern(input: {idempotencyKey: "n", divisionCode: "120114101001", narrative: $v}) { step }'
    for asked, field in (
        (f'query Q($v: ID = "x") {{ {node} }}', "id"),
        (f'query Q($v: [String!] = ["x"]) {{ {total} }}', "by"),
        (f'mutation M($v: String = "x") {{ {report} }}', "narrative"),
    ):
        error = (await served(WOMEN, EMERGENCY, asked, {"v": None})).error
        assert (error["code"], error["variable"], error["fields"]) == ("INVALID_INPUT", "v", [field]), error
        assert "须有值，变量 `$v` 为空或未给出" in error["messageZh"]


async def test_a_text_that_the_police_database_cannot_keep_is_named(served: Served) -> None:
    reply = await served.step(WOMEN, EMERGENCY, "reportConcern", divisionCode="120114101001", narrative="长" * 1001)
    assert (reply.error["code"], reply.error["fields"]) == ("INVALID_INPUT", ["MandatoryReport.narrative"])
    assert "情况说明" in reply.error["messageZh"]
    assert "长长" not in json.dumps(reply.json, ensure_ascii=False)


async def test_a_retried_key_is_one_report_and_the_same_key_with_another_content_a_conflict(
    begun: Course, people: list[Child]
) -> None:
    child, served = people[5], begun.served
    given = {"divisionCode": child.village, "narrative": "独自在家（虚构 乙）"}
    replies = await asyncio.gather(
        *(served.step(child.committee, EMERGENCY, "reportConcern", ROW, key="one", **given) for _ in range(8))
    )
    assert len({reply.data["reportConcern"]["mandatoryReport"]["id"] for reply in replies}) == 1
    assert sorted(reply.data["reportConcern"]["again"] for reply in replies) == [False] + [True] * 7
    assert await begun.key_of("独自在家（虚构 乙）")
    other = await served.step(child.committee, EMERGENCY, "reportConcern", key="one", **{**given, "subject": "另一名"})
    assert other.error["code"] == "CONFLICT"
    assert other.error["reason"] == "key"
    elsewhere = await served.step(WOMEN, EMERGENCY, "reportConcern", key="one", **{**given, "narrative": "（虚构 丙）"})
    assert not elsewhere.data["reportConcern"]["again"]


async def test_a_row_that_is_not_as_expected_is_a_conflict_that_shows_both(begun: Course, people: list[Child]) -> None:
    course = course_of(begun, people[6])
    await course.reported()
    correct = Turn(who=POLICE, purpose=EMERGENCY, step="correctDivision", given={"reason": "地址有误（虚构）"})
    stale = {"divisionCode": course.child.village, "expected": "DISPATCHED"}
    error = (await course.take(correct, **stale)).error
    assert (error["code"], error["expected"], error["state"]) == ("CONFLICT", "DISPATCHED", "REPORTED")
    assert "您以为当前为“已出警”，实际为“已报告”" in error["messageZh"]
    assert error["lawful"] == ["dispatch", "correctDivision", "matchReport", "undoMatch", "mergeReport"]
    assert (await course.take(correct, **{**stale, "expected": "REPORTED"})).status == 200


async def test_whoever_does_not_read_the_state_of_a_report_does_not_learn_it_from_a_conflict(
    begun: Course, people: list[Child]
) -> None:
    course = course_of(begun, people[7])
    await course.reported()
    await course.until("DISPATCHED")
    given = {**MEASURES, "measures": ["MEDICAL_HELP"]}
    assert (await course.take(Turn(who=POLICE, purpose=EMERGENCY, step="recordMeasures", given=given))).status == 200
    incident = await row_of(course.departments, "Incident", course.key, "_key", by="_report")
    assert incident is not None
    injury = Turn(
        who="health_commission",
        purpose="medical_care",
        step="recordInjury",
        subject="Incident",
        key=incident["_key"],
        given={"injuryFinding": "轻微伤（虚构）", "expected": "REPORTED"},
    )
    error = (await course.take(injury)).error
    assert error["code"] == "CONFLICT"
    assert "state" not in error
    assert "lawful" not in error
    assert "HANDLED" not in json.dumps(error)


async def test_one_operation_takes_one_step(served: Served) -> None:
    given = '{idempotencyKey: "k", divisionCode: "120114101001", narrative: "（虚构 丁）"}'
    two = f"mutation {{ a: reportConcern(input: {given}) {{ step }} b: reportConcern(input: {given}) {{ step }} }}"
    assert (await served(WOMEN, EMERGENCY, two)).error["code"] == "INVALID_DOCUMENT"
    one = f"mutation {{ __typename a: reportConcern(input: {given}) {{ name: step __typename }} }}"
    found = (await served(WOMEN, EMERGENCY, one)).data
    assert found == {"__typename": "Mutation", "a": {"name": "reportConcern", "__typename": "MandatoryReportStep"}}


async def test_what_a_caller_may_not_read_refuses_the_step_before_anything_is_written(
    begun: Course, people: list[Child]
) -> None:
    course = course_of(begun, people[8])
    given = {"divisionCode": course.child.village, "narrative": "独自在家（虚构 戊）"}
    reply = await course.served.step(
        WOMEN, EMERGENCY, "reportConcern", "step mandatoryReport { narrative }", key="closed", **given
    )
    assert reply.error["code"] == "NOT_ENTITLED"
    where = Compare("narrative", "eq", Constant(given["narrative"]))
    assert await rows_of(course.departments, "MandatoryReport", where, {}, "_key") == []
    looking = await course.served.step(
        CIVIL, EMERGENCY, "reportConcern", "step mandatoryReport { incident { measures } }", **given
    )
    assert looking.error["code"] == "INVALID_DOCUMENT"


async def test_where_the_caller_asks_for_nulls_the_step_is_taken_and_what_is_closed_is_null_with_its_code(
    served: Served,
) -> None:
    document = """mutation Take($input: ReportConcernInput!) {
        reportConcern(input: $input) { step mandatoryReport { status narrative } } }"""
    given = {"idempotencyKey": "nulls", "divisionCode": "120114101001", "narrative": "独自在家（虚构 辛）"}
    reply = await served(WOMEN, EMERGENCY, document, {"input": given}, Hub_On_Denied="null")
    assert reply.data["reportConcern"]["mandatoryReport"] == {"status": "REPORTED", "narrative": None}
    assert reply.error["code"] == "NOT_ENTITLED"
    assert reply.error["coordinate"] == "MandatoryReport.narrative"
    [error] = reply.json["errors"]
    assert error["path"] == ["reportConcern", "mandatoryReport", "narrative"]


async def test_each_unit_sees_its_own_steps_alone_in_introspection(served: Served) -> None:
    query = "{ __schema { mutationType { fields { name } } } }"

    async def steps(unit_key: str, purpose: str) -> set[str]:
        found = (await served(unit_key, purpose, query)).data["__schema"]["mutationType"]
        return set() if found is None else {each["name"] for each in found["fields"]}

    assert await steps(WOMEN, EMERGENCY) == {"reportConcern"}
    assert "dispatch" in await steps(POLICE, EMERGENCY)
    assert "reportConcern" not in await steps(POLICE, EMERGENCY)
    assert await steps("auditor", "audit") == set()
    assert await steps("statistics_bureau", "statistics") == {"giveCensusFigure"}
    assert await steps("finance_bureau", "statistics") == set()


async def test_who_reported_stands_in_no_entry_of_the_log_not_even_of_a_refused_try(
    served: Served, written: Server, people: list[Child]
) -> None:
    institution = KINDS["WELFARE_INSTITUTION"]
    before = set(await entries_of(written))
    given = {"divisionCode": people[9].village, "narrative": "独自在家（虚构 己）", "reporterName": "虚构报告人"}
    assert (await served.step(institution, EMERGENCY, "reportConcern", ROW, key="author", **given)).status == 200
    assert (await served.step(institution, EMERGENCY, "reportConcern", ROW, key="author", **given)).status == 200
    assert (await served.step(institution, EMERGENCY, "reportConcern", ROW, key="author", narrative="x")).codes
    other = {**given, "divisionCode": "999999999999"}
    assert (await served.step(institution, EMERGENCY, "reportConcern", ROW, **other)).codes == {"INVALID_INPUT"}
    # By content: acts of authors are dated ahead, so their order tells nothing.
    entries = [entry for entry in await entries_of(written) if entry not in before]
    assert {json.loads(entry)["kind"] for entry in entries} == {"intent", "outcome", "disclosure", "refusal"}
    for entry in entries:
        text = entry.decode()
        assert institution not in text
        assert institution.partition(":")[2] not in text
        assert "虚构" not in text
        assert "T0001" not in text
        assert all(subject.startswith("r-") for subject in json.loads(text)["subjects"])
