"""The duty page where much waits, where no state is given yet, and where nothing waits but something may be done."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
from graphql import GraphQLSchema, parse, validate
from playwright.async_api import Page

from connectors.demo.server import Server
from connectors.source import Source
from hub.citizen_id import fault
from hub.entitlements import Entitlements
from hub.hub import view_of
from hub.lifecycle.signatures import served as whole_schema
from hub.pages.duty.further import others
from hub.pages.duty.waiting import MOST, listings
from tests.integration.test_console import browsing, judged
from tests.support.course import COURT, EMERGENCY, POLICE, WOMEN, Course
from tests.support.desk import at_desk, hidden, links, of, take
from tests.support.served import Child, Served
from tests.support.steps import POLICY

pytestmark = pytest.mark.postgres

JUDICIAL = "judicial_proceeding"
COPY = """
insert into jq_bg select (jsonb_populate_record(b, jsonb_build_object(
    'bgbh', 'COPY' || lpad(n::text, 4, '0'), 'bgsj', b.bgsj - n * interval '1 minute'))).*
from jq_bg as b, generate_series(1, $2::int) as n where b.bgbh = $1
"""


@pytest.fixture
def course(served: Served, departments: Mapping[str, Source], people: list[Child]) -> Course:
    return Course(served=served, departments=departments, child=people[0])


def view(unit: str, purpose: str) -> GraphQLSchema:
    return view_of(whole_schema(), Entitlements.of(POLICY, unit, purpose))


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
    assert rest == {"TOWN_NOTIFIED", "ASSESSED", "PLANNED", "CLOSED", "UNFOUNDED"}
    assert None in [one.state for one in listings(view(COURT, JUDICIAL))]


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
async def test_these_pages_are_fit_for_everybody_and_have_their_pictures_taken(
    served: Served, people: list[Child], tmp_path: Path, width: int
) -> None:
    folder = Path(os.environ.get("HUB_TEST_SCREENSHOTS") or tmp_path)
    child = next(each for each in people if fault(each.citizen, None, None) is None)
    running: Any = SimpleNamespace(url=f"http://127.0.0.1:{served.port}")

    async def taken(page: Page, name: str) -> None:
        await judged(page, name)
        await page.screenshot(path=folder / f"further-{name}-{width}.png", full_page=True)

    async with browsing(running, viewport={"width": width, "height": 844}) as page:
        for who, purpose in ((POLICE, EMERGENCY), (child.town, "guardianship_protection")):
            await page.context.clear_cookies()
            await page.goto("/desk/sign-in")
            await page.get_by_label("访问令牌").fill(served.token(who, purpose))
            await page.get_by_role("button", name="登录").click()
            if "/desk/purpose" in page.url:
                await page.locator("main button").click()
            await page.goto("/duty/")
            await taken(page, f"duty-{who.partition(':')[0]}")
            if who == POLICE:
                await page.get_by_role("link", name="其他可补充").click()
                await taken(page, "others")
        await page.goto("/duty/")
        await page.get_by_label("儿童的公民身份号码").fill(child.citizen)
        await page.get_by_role("button", name="查找").click()
        await taken(page, "child")
        assert child.citizen not in page.url
        await page.get_by_role("link", name="登记监护人变化").click()
        await taken(page, "new")
