"""The other life cycles over HTTP: revocation with the procuratorate behind it, and dropout control."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from connectors.source import All, Compare, Constant, Predicate, Source
from hub.planner.facts import is_truant
from hub.today import USUAL
from tests.support.course import CIVIL, COURT, EDUCATION, GUARDIANSHIP, PROCURATORATE, strangers_to
from tests.support.served import Child, Reply, Served, today
from tests.support.steps import rows_of

pytestmark = pytest.mark.postgres

JUDICIAL, SUPERVISION, DROPOUT = "judicial_proceeding", "legal_supervision", "dropout_control"
DUE = (today() + timedelta(days=30)).isoformat()


def child_of(served: Served, who: str, child: Child) -> str:
    """The id by which the principal knows the child's file."""
    return served.id(who, "Child", child.register, child.citizen)


async def newest(departments: Mapping[str, Source], relation: str, where: Predicate) -> str:
    """The key of the row that a step made (they begin with an ``H``)."""
    made = [row["_key"] for row in await rows_of(departments, relation, where, {}, "_key")]
    [key] = [key for key in made if key.startswith("H")]
    return str(key)


async def watched(departments: Mapping[str, Source], people: list[Child]) -> Child:
    """A child of ``revocation_watch``: nobody cared for it for half a year, and nobody has applied."""
    half_year = (today() - timedelta(days=190)).isoformat()
    idle = await rows_of(
        departments, "Guardian", Compare("nonPerformanceSince", "lt", Constant(half_year)), {}, "_register"
    )
    registers = {row["_register"] for row in idle}
    cases = await rows_of(departments, "GuardianshipCase", Compare("_citizen", "null", Constant(False)), {}, "_citizen")
    taken = {row["_citizen"] for row in cases}
    return next(child for child in people if child.register in registers and child.citizen not in taken)


async def test_the_procuratorate_urges_a_village_applies_the_court_decides_and_the_town_enters_the_guardian(
    served: Served, departments: Mapping[str, Source], people: list[Child]
) -> None:
    child = await watched(departments, people)
    of_child = Compare("_citizen", "eq", Constant(child.citizen))
    supervision = {"targetUnit": child.committee, "content": "请依法申请（虚构）", "replyDueOn": DUE}
    about = {"child": child_of(served, PROCURATORATE, child)}
    early = await served.step(PROCURATORATE, SUPERVISION, "urgeApplication", **about, **supervision)
    assert (early.error["code"], early.error["clause"]) == ("CONFLICT", "2.7")
    assert "已就该儿童发出建议" in early.error["messageZh"]
    proposed = await served.step(
        PROCURATORATE,
        SUPERVISION,
        "proposeApplication",
        "step lawful { name } supervised: procuratorialSupervision { kind result targetUnit }",
        **about,
        **supervision,
    )
    assert proposed.data["proposeApplication"]["supervised"] == {
        "kind": "PROPOSE",
        "result": "PENDING",
        "targetUnit": child.committee,
    }
    urged = await served.step(PROCURATORATE, SUPERVISION, "urgeApplication", **about, **supervision)
    assert urged.status == 200, urged.json
    key = await newest(
        departments, "ProcuratorialSupervision", All((of_child, Compare("kind", "eq", Constant("URGE"))))
    )
    for stranger in (*strangers_to(child, people), CIVIL):
        reply = await served.step(
            stranger, SUPERVISION, "replyToSupervision", id=served.id(stranger, "ProcuratorialSupervision", key)
        )
        assert reply.codes <= {"INVALID_INPUT", "NOT_ENTITLED"}
        assert reply.codes
    replied = await served.step(
        child.committee,
        SUPERVISION,
        "replyToSupervision",
        "procuratorialSupervision { repliedOn result }",
        id=served.id(child.committee, "ProcuratorialSupervision", key),
    )
    assert replied.data["replyToSupervision"]["procuratorialSupervision"]["repliedOn"] == today().isoformat()
    await applied_and_decided(served, departments, child)


async def applied_and_decided(served: Served, departments: Mapping[str, Source], child: Child) -> None:
    """A village applies, the court accepts, hears and grants, the town enters the new guardian."""
    application: dict[str, Any] = {"respondentName": "虚构监护人", "grounds": ["NONPERFORMANCE_6M"]}
    applied = await served.step(
        child.committee,
        JUDICIAL,
        "applyRevocation",
        "step guardianshipCase { status cause }",
        child=child_of(served, child.committee, child),
        **application,
    )
    assert applied.status == 200, applied.json
    key = await newest(departments, "GuardianshipCase", Compare("_citizen", "eq", Constant(child.citizen)))

    async def court(step: str, **given: Any) -> Reply:
        return await served.step(
            COURT, JUDICIAL, step, "guardianshipCase { status }", id=served.id(COURT, "GuardianshipCase", key), **given
        )

    skipped = await court("hearCase")
    assert (skipped.error["code"], skipped.error["lawful"]) == ("CONFLICT", ["acceptCase"])
    for step, given, status in (
        ("acceptCase", {"caseNumber": "(2026)津0114民特1号"}, "ACCEPTED"),
        ("hearCase", {}, "HEARING"),
        ("grantCase", {"appointedGuardianKind": "INDIVIDUAL"}, "GRANTED"),
    ):
        found = await court(step, **given)
        assert found.data[step]["guardianshipCase"] == {"status": status}
    lacking = await court("grantCase")
    assert lacking.error["fields"] == ["appointedGuardianKind"]
    entered = await served.step(
        child.town,
        GUARDIANSHIP,
        "enterAppointedGuardian",
        "guardian { kind name }",
        child=child_of(served, child.town, child),
        name="虚构新监护人",
    )
    assert entered.data["enterAppointedGuardian"]["guardian"] == {"kind": "COURT_APPOINTED", "name": "虚构新监护人"}


async def test_dropout_control_runs_from_registration_by_persuasion_to_the_town_and_back_to_school(
    served: Served, departments: Mapping[str, Source], people: list[Child]
) -> None:
    absent = {
        row["_enrolment"]
        for row in await rows_of(departments, "AttendanceRecord", is_truant, USUAL.bindings(), "_enrolment")
    }
    rows = await rows_of(
        departments, "Enrolment", Compare("_citizen", "null", Constant(False)), {}, "_key", "_citizen", "status"
    )
    open_ = {row["_enrolment"] for row in await rows_of(departments, "DropoutRecord", _ALL, {}, "_enrolment")}
    by_citizen = {
        row["_citizen"]: row["_key"]
        for row in rows
        if row["_key"] not in open_ and (row["_key"] in absent or row["status"] == "DROPPED_OUT")
    }
    child = next(child for child in people if child.citizen in by_citizen)
    enrolment = by_citizen[child.citizen]
    registered = await served.step(
        EDUCATION,
        DROPOUT,
        "registerDropout",
        "dropoutRecord { id status persuasionCount }",
        enrolment=served.id(EDUCATION, "Enrolment", enrolment),
        reason="WORK",
    )
    row = registered.data["registerDropout"]["dropoutRecord"]
    assert (row["status"], row["persuasionCount"]) == ("REGISTERED", 0)
    key = served.seals.of(EDUCATION).identified(row["id"], "id")[1]
    for count in (1, 2):
        found = await served.step(
            EDUCATION, DROPOUT, "recordPersuasion", "dropoutRecord { status persuasionCount }", id=row["id"]
        )
        assert found.data["recordPersuasion"]["dropoutRecord"] == {"status": "PERSUADING", "persuasionCount": count}
    at_town = served.id(child.town, "DropoutRecord", key)
    assert (await served.step(child.town, DROPOUT, "enforceReturn", id=at_town)).codes == {"INVALID_INPUT"}
    day = today().isoformat()
    half = await served.step(EDUCATION, DROPOUT, "reportDropout", id=row["id"], bureauReportedOn=day)
    assert half.error["fields"] == ["townReportedOn"]
    both = {"bureauReportedOn": day, "townReportedOn": day}
    assert (await served.step(EDUCATION, DROPOUT, "reportDropout", id=row["id"], **both)).status == 200
    assert (await served.step(child.town, DROPOUT, "enforceReturn", id=at_town)).status == 200
    back = await served.step(EDUCATION, DROPOUT, "returnToSchool", "dropoutRecord { status returnedOn }", id=row["id"])
    assert back.data["returnToSchool"]["dropoutRecord"] == {"status": "RETURNED", "returnedOn": day}


_ALL = Compare("status", "null", Constant(False))
