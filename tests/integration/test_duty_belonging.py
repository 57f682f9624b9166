"""Steps of rows that wait in no state, by forms: visits, guardians, health and injury, dropouts from the enrolment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest

from connectors.source import All, Compare, Constant, Source
from hub.citizen_id import fault
from hub.lifecycle.steps import STEPS
from hub.pages.duty.belonging import begun_about_enrolment, loose, of_files
from tests.integration.test_duty_further import view
from tests.support.course import EDUCATION, EMERGENCY, GUARDIANSHIP, POLICE, WOMEN, Course
from tests.support.desk import at_desk, hidden, links, of, take
from tests.support.served import Child, Served, today
from tests.support.steps import row_of, rows_of

pytestmark = pytest.mark.postgres

HEALTH, MEDICAL = "health_commission", "medical_care"
DROPOUT, SURVEY = "dropout_control", "survey_management"


@pytest.fixture
def child(people: list[Child]) -> Child:
    return next(each for each in people if fault(each.citizen, None, None) is None)


async def found(client: httpx.AsyncClient, child: Child) -> httpx.Response:
    """The child's page, by its number."""
    form = hidden((await client.get("/duty/")).text, "/duty/child")
    shown = await client.post("/duty/child", data={**form, "number": child.citizen})
    assert shown.status_code == 200, shown.text
    return shown


async def test_a_village_records_a_visit_to_its_own_child_and_to_no_other(
    served: Served, departments: Mapping[str, Source], people: list[Child], child: Child
) -> None:
    day = (today() - timedelta(days=1)).isoformat()
    async with at_desk(served, child.committee, SURVEY) as village:
        shown = await found(village, child)
        assert child.citizen not in shown.text
        [file] = links(shown.text, "Child")
        done = await take(village, file, "recordVisit", lastVisitedOn=day)
        assert done.status_code == 200 and "登记走访" in done.text, of(done.text)
        other = next(each for each in people if each.committee != child.committee)
        strange = f"/duty/Child/{served.id(child.committee, 'Child', other.register, '')}"
        assert (await village.get(strange)).status_code == 404
    row = await row_of(departments, "Child", child.register, "lastVisitedOn", by="_register")
    assert row == {"lastVisitedOn": day}


async def test_a_town_supervises_a_guardian_of_a_child_that_it_finds(
    served: Served, departments: Mapping[str, Source], people: list[Child]
) -> None:
    keys = {
        row["_register"]: row["_key"]
        for row in await rows_of(
            departments, "Guardian", Compare("_register", "null", Constant(False)), {}, "_register", "_key"
        )
    }
    child = next(each for each in people if fault(each.citizen, None, None) is None and each.register in keys)
    async with at_desk(served, child.town, GUARDIANSHIP) as town:
        shown = await found(town, child)
        guardians = links(shown.text, "Guardian")
        own = f"/duty/Guardian/{served.id(child.town, 'Guardian', keys[child.register])}"
        assert own in guardians
        done = await take(town, own, "recordNonPerformance", nonPerformanceSince="2026-01-05", reason="（虚构）")
        assert done.status_code == 200, of(done.text)
    row = await row_of(departments, "Guardian", keys[child.register], "nonPerformanceSince")
    assert row == {"nonPerformanceSince": "2026-01-05"}


async def test_health_records_an_injury_of_a_report_and_health_of_an_assessment_from_their_lists(
    served: Served, departments: Mapping[str, Source], child: Child
) -> None:
    course = Course(served=served, departments=departments, child=child)
    await course.reported(WOMEN)
    await course.until("DISPATCHED")
    report = served.id(POLICE, "MandatoryReport", course.key)
    measures: dict[str, Any] = {"measures": ["MEDICAL_HELP"], "parentsReached": False}
    assert (await served.step(POLICE, EMERGENCY, "recordMeasures", id=report, **measures)).status == 200
    incident = await row_of(departments, "Incident", course.key, "_key", by="_report")
    assert incident is not None
    async with at_desk(served, HEALTH, MEDICAL) as health:
        assert 'href="/duty/others"' in (await health.get("/duty/")).text
        shown = await health.get("/duty/others")
        own = f"/duty/Incident/{served.id(HEALTH, 'Incident', incident['_key'])}"
        assert own in links(shown.text, "Incident"), of(shown.text)
        done = await take(health, own, "recordInjury", injuryFinding="轻微擦伤（虚构）")
        assert done.status_code == 200, of(done.text)
    row = await row_of(departments, "Incident", incident["_key"], "injuryFinding")
    assert row == {"injuryFinding": "轻微擦伤（虚构）"}


async def test_a_dropout_is_registered_from_an_enrolment_that_is_found_by_its_number(
    served: Served, departments: Mapping[str, Source]
) -> None:
    where = All((Compare("status", "eq", Constant("DROPPED_OUT")), Compare("studentNumber", "null", Constant(False))))
    every = await rows_of(departments, "Enrolment", where, {}, "_key", "studentNumber", "leftBehindFlag")
    enrolment = next(row for row in every if row["leftBehindFlag"] in ("ONE_PARENT_AWAY", "BOTH_PARENTS_AWAY"))
    async with at_desk(served, EDUCATION, DROPOUT) as bureau:
        form = hidden((await bureau.get("/duty/")).text, "/duty/enrolment")
        absent = await bureau.post("/duty/enrolment", data={**form, "number": "no such number"})
        assert absent.status_code == 404 and "没有这个学籍" in absent.text
        shown = await bureau.post("/duty/enrolment", data={**form, "number": enrolment["studentNumber"]})
        assert shown.status_code == 200, shown.text
        [begin] = re.findall(r'href="(/duty/new/registerDropout\?[^"]+)"', shown.text)
        sent: dict[str, Any] = hidden((await bureau.get(begin)).text, "/registerDropout")
        assert sent["enrolment"]
        done = await bureau.post("/duty/new/registerDropout", data={**sent, "reason": "WEARY_OF_STUDY"})
        assert done.status_code == 200, of(done.text)
    made = await rows_of(
        departments, "DropoutRecord", Compare("_enrolment", "eq", Constant(enrolment["_key"])), {}, "status", "reason"
    )
    assert {"status": "REGISTERED", "reason": "WEARY_OF_STUDY"} in made


async def test_who_registers_no_dropout_finds_no_enrolment(served: Served, child: Child) -> None:
    async with at_desk(served, child.committee, SURVEY) as village:
        board = await village.get("/duty/")
        assert 'action="/duty/enrolment"' not in board.text
        form = {"form": hidden(board.text, "/sign-out")["form"], "number": "1"}
        assert (await village.post("/duty/enrolment", data=form)).status_code == 403


def test_every_step_of_a_row_without_states_is_reached_from_a_page() -> None:
    """Each is on the page of a child, in a list, or begun from an enrolment; a census figure has a page of its own."""
    for step in STEPS.values():
        for actor in step.who:
            seen = view(actor.unit, actor.purposes[0])
            if step.about == "Enrolment" and step.creates:
                assert step in begun_about_enrolment(seen), (step.name, actor.unit)
            elif not step.creates and not step.named and step.subject in {"Child", "Guardian", "FamilyMember"}:
                assert step.subject in of_files(seen), (step.name, actor.unit)
            elif not step.creates and step.subject in {"Incident", "Assessment"}:
                assert step.subject in {one.subject for one in loose(seen)}, (step.name, actor.unit)
