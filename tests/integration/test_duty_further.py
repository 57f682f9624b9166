"""The duty page where much waits, or no state is given; and steps of rows that wait nowhere, found by a number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest
from graphql import GraphQLSchema, parse, validate
from playwright.async_api import Browser
from stdnum.cn import ric

from connectors.demo.server import Server
from connectors.source import All, Compare, Constant, Source
from hub.citizen_id import fault
from hub.entitlements import Entitlements
from hub.hub import view_of
from hub.lifecycle.signatures import served as whole_schema
from hub.lifecycle.steps import STEPS
from hub.pages.duty.belonging import begun_about_enrolment, loose, of_files
from hub.pages.duty.further import others
from hub.pages.duty.waiting import MOST, listings
from tests.integration.test_console import browsing
from tests.support.browsing import Pictures, follow
from tests.support.course import CIVIL, COURT, EDUCATION, EMERGENCY, GUARDIANSHIP, POLICE, WOMEN, Course
from tests.support.desk import at_desk, filled, hidden, links, of, take
from tests.support.served import Child, Served, today
from tests.support.steps import POLICY, row_of, rows_of

pytestmark = pytest.mark.postgres

WHOLE = whole_schema()
JUDICIAL = "judicial_proceeding"
HEALTH, MEDICAL = "health_commission", "medical_care"
DROPOUT, SURVEY = "dropout_control", "survey_management"
COPY = """
insert into jq_bg select (jsonb_populate_record(b, jsonb_build_object(
    'bgbh', 'COPY' || lpad(n::text, 4, '0'), 'bgsj', b.bgsj - n * interval '1 minute'))).*
from jq_bg as b, generate_series(1, $2::int) as n where b.bgbh = $1
"""


@pytest.fixture
def course(served: Served, departments: Mapping[str, Source], people: list[Child]) -> Course:
    return Course(served=served, departments=departments, child=people[0])


@cache
def view(unit: str, purpose: str) -> GraphQLSchema:
    return view_of(WHOLE, Entitlements.of(POLICY, unit, purpose))


def page_of(course: Course, who: str) -> str:
    return f"/duty/MandatoryReport/{course.served.id(who, 'MandatoryReport', course.key)}"


async def test_however_many_wait_in_one_state_a_new_report_stands_on_the_page(
    served: Served, written: Server, course: Course
) -> None:
    await course.reported(WOMEN)
    await course.until("HANDLED")
    connection = await asyncpg.connect(written.dsn("public_security"))
    try:
        await connection.execute(COPY, course.key, MOST + 10)
        await course.reported(WOMEN, placeAddress="新报的地点（虚构）")
        async with at_desk(served, POLICE, EMERGENCY) as police:
            shown = (await police.get("/duty/")).text
            assert page_of(course, POLICE) in links(shown, "MandatoryReport")
            assert "强制报告 · 已报告" in of(shown) and f"强制报告 · 已处置 {MOST}+" in of(shown)
    finally:
        await connection.execute("delete from jq_bg where bgbh like 'COPY%'")
        await connection.close()


async def test_what_was_found_unfounded_waits_for_nobody_and_can_be_found_and_taken_up_again(
    served: Served, course: Course
) -> None:
    await course.reported(WOMEN)
    async with at_desk(served, POLICE, EMERGENCY) as police:
        row = page_of(course, POLICE)
        assert (await take(police, row, "dispatch")).status_code == 200
        assert (await take(police, row, "findUnfounded", findings="未见异常（虚构）")).status_code == 200
        board = await police.get("/duty/")
        assert row not in links(board.text, "MandatoryReport") and 'href="/duty/others"' in board.text
        shown = await police.get("/duty/others")
        assert row in links(shown.text, "MandatoryReport") and "强制报告 · 查不属实" in of(shown.text)
        assert (await take(police, row, "reopenReport", reason="又有新线索（虚构）")).status_code == 200
    assert await course.status() == "DISPATCHED"


async def test_a_village_applies_for_a_child_by_its_number_and_the_application_waits_for_the_court(
    served: Served, people: list[Child]
) -> None:
    good = [each for each in people if fault(each.citizen, None, None) is None]
    child = good[-1]
    other = next(each for each in good if each.committee != child.committee)
    async with at_desk(served, child.committee, JUDICIAL, "survey_management") as village:
        board = await village.get("/duty/")
        form = hidden(board.text, "/duty/child")
        absent = [await village.post("/duty/child", data={**form, "number": each}) for each in (other.citizen, "1")]
        assert [(reply.status_code, "没有这名儿童" in reply.text) for reply in absent] == [(404, True)] * 2
        found = await village.post("/duty/child", data={**form, "number": child.citizen})
        assert child.citizen not in found.text and "申请撤销监护人资格（条款 2.7）" in of(found.text)
        [begin] = re.findall(r'href="(/duty/new/applyRevocation\?[^"]+)"', found.text)
        sent = {**hidden((await village.get(begin)).text, "/applyRevocation"), "respondentName": "虚构监护人"}
        assert sent["child"]
        applied = await village.post("/duty/new/applyRevocation", data={**sent, "grounds": "NONPERFORMANCE_6M"})
        assert applied.status_code == 200, of(applied.text)
    async with at_desk(served, COURT, JUDICIAL) as court:
        board = await court.get("/duty/")
        assert "监护权案件 · 待受理" in of(board.text)
        waiting = of(board.text).partition("监护权案件 · 待受理")[2]
        assert "受理（条款 3.1.14）" in waiting
        section = board.text.partition("· 待受理")[2]
        [row, *_] = links(section, "GuardianshipCase")
        shown = await court.get(row)
        assert 'acceptCase"' in shown.text and 'grantCase"' not in shown.text, "nothing that is not lawful yet"
        accepted = await take(court, row, "acceptCase", caseNumber="(2026)津0114民特77号")
        assert accepted.status_code == 200, of(accepted.text)
        assert 'hearCase"' in (await court.get(row)).text


async def test_who_begins_nothing_about_a_child_has_no_such_form(served: Served) -> None:
    async with at_desk(served, POLICE, EMERGENCY) as police:
        board = await police.get("/duty/")
        assert 'action="/duty/child"' not in board.text
        form = {"form": hidden(board.text, "/sign-out")["form"], "number": "110101201001011237"}
        assert (await police.post("/duty/child", data=form)).status_code == 403


def test_every_list_is_open_to_the_unit_that_asks_and_no_state_is_listed_twice() -> None:
    for unit, purpose in ((POLICE, EMERGENCY), (COURT, JUDICIAL), ("town_government", "guardianship_protection")):
        seen = view(unit, purpose)
        every = [*listings(seen), *others(seen)]
        assert all(validate(seen, parse(listing.document)) == [] for listing in every)
        states = [(one.subject, one.state) for one in every]
        assert states and len(states) == len(set(states))


def test_the_lists_are_those_of_the_table() -> None:
    assert [one.state for one in listings(view(POLICE, EMERGENCY))] == ["REPORTED", "DISPATCHED", "HANDLED"]
    rest = {one.state for one in others(view(POLICE, EMERGENCY))}
    assert rest == {"TOWN_NOTIFIED", "ASSESSED", "PLANNED", "CLOSED", "UNFOUNDED", "MERGED"}
    assert None in [one.state for one in listings(view(COURT, JUDICIAL))]


@pytest.mark.browser
async def test_these_pages_are_fit_for_everybody_on_a_telephone_and_on_a_desk(
    browser: Browser, served: Served, people: list[Child]
) -> None:
    pictures = Pictures("further")
    child = next(each for each in people if fault(each.citizen, None, None) is None)
    running: Any = SimpleNamespace(url=f"http://127.0.0.1:{served.port}")

    async with browsing(browser, running) as page:
        for who, purpose in ((POLICE, EMERGENCY), (child.town, "guardianship_protection")):
            await page.context.clear_cookies()
            await page.goto("/desk/sign-in")
            await page.get_by_label("访问令牌").fill(served.token(who, purpose))
            await follow(page.get_by_role("button", name="登录"))
            if "/desk/purpose" in page.url:
                await follow(page.locator("main button"))
            await page.goto("/duty/")
            await pictures.of(page, f"duty-{who.partition(':')[0]}", differs=True)
            if who == POLICE:
                await follow(page.get_by_role("link", name="其他可补充"))
                await pictures.of(page, "others", differs=True)
        await page.goto("/duty/")
        await page.get_by_label("儿童的公民身份号码").fill(child.citizen)
        await follow(page.get_by_role("button", name="查找"))
        await pictures.of(page, "child", differs=True)
        assert child.citizen not in page.url
        await follow(page.get_by_role("link", name="登记监护人变化"))
        await pictures.of(page, "new", differs=True)


# Steps of rows that wait in no state.


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


async def waiting_at(served: Served, unit_key: str, purpose: str) -> list[dict[str, Any]]:
    """What ``me`` says that waits for a step of the unit's."""
    reply = await served(unit_key, purpose, "{ me { waiting { step stepZh clause since id type } } }")
    assert reply.status == 200, reply.error
    found: list[dict[str, Any]] = reply.data["me"]["waiting"]
    return found


async def test_a_file_that_a_town_opens_is_found_and_accepted_by_civil_affairs_and_once(
    served: Served, child: Child
) -> None:
    number = "12011420190302301" + ric.calc_check_digit("120114201903023010")
    file = {"name": "虚构童", "sex": "MALE", "birthDate": "2019-03-02", "householdRegistered": "false"}
    async with at_desk(served, child.town, GUARDIANSHIP) as town:
        form = filled((await town.get("/duty/new/openFile")).text, "/openFile")
        given = {**form, **file, "divisionCode": child.village, "citizenId": number}
        assert (await town.post("/duty/new/openFile", data=given)).status_code == 200
        assert "待核准" not in (await town.get("/duty/")).text
    assert await waiting_at(served, child.town, GUARDIANSHIP) == await waiting_at(served, POLICE, EMERGENCY) == []
    assert await waiting_at(served, CIVIL, "social_assistance") == [], "who may take the step for this purpose alone"
    async with at_desk(served, CIVIL, SURVEY) as desk:
        shown = await found(desk, Child(register="", citizen=number, village=child.village))
        [page] = links(shown.text, "Child")
        awaited = await waiting_at(served, CIVIL, SURVEY)
        assert page.rpartition("/")[2] in {quote(row["id"], safe="") for row in awaited}
        assert {(row["step"], row["clause"], row["type"]) for row in awaited} == {("acceptFile", "2.2", "Child")}
        assert all(row["since"] for row in awaited)
        listed = (await desk.get("/duty/")).text
        [item] = [one for one in re.findall(r"<li .*?</li>", listed, re.DOTALL) if page in one]
        assert "待核准" in item and "虚构童" in item and "已等待 0 分钟" in item
        assert "核准报告后新建的档案（条款 2.2）" in of(item)
        assert number not in listed
        assert (await take(desk, page, "acceptFile")).status_code == 200
        assert page not in (await desk.get("/duty/")).text
        again = await take(desk, page, "acceptFile")
        told = of(again.text)
        assert again.status_code == 409 and "须档案尚未核准过" in told
        assert "Child" not in told and "acceptFile" not in told


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
