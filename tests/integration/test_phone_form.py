"""A child in danger is reported from a telephone, and the report followed to the town; with databases off as well."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect
from pydantic import SecretStr

from connectors.demo.server import Server
from connectors.source import Compare, Constant, Source
from hub.settings import Databases, Writes
from tests.integration.test_reports import KINDS
from tests.support.browsing import Pictures, follow
from tests.support.course import EMERGENCY, GUARDIANSHIP, POLICE
from tests.support.desk import at_desk, hidden, of
from tests.support.proxy import Proxy, proxied
from tests.support.running import SOURCES, close_all, connect
from tests.support.served import WITHOUT, Child, Served, children_of, serving, settings_of
from tests.support.steps import rows_of

pytestmark = pytest.mark.postgres

PHONES = ("110", "022-29341110")
SCHOOL = KINDS["SCHOOL"]
UNDER_A_MINUTE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """A hub process whose ways to the police and to its log can be cut."""

    served: Served
    departments: Mapping[str, Source]
    people: list[Child]
    ways: Mapping[str, Proxy]

    async def count(self, narrative: str) -> int:
        """Reports with this account."""
        where = Compare("narrative", "eq", Constant(narrative))
        return len(await rows_of(self.departments, "MandatoryReport", where, {}, "_key"))

    @asynccontextmanager
    async def without(self, *names: str) -> AsyncIterator[None]:
        """While these do not answer."""
        for name in names:
            await self.ways[name].turn("refuse")
        try:
            yield
        finally:
            for name in names:
                await self.ways[name].turn("pass")


@pytest.fixture(scope="module")
async def behind(written: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Behind]:
    folder: Path = tmp_path_factory.mktemp("phone")
    plain = settings_of(written, folder / "keys")
    async with AsyncExitStack() as stack:
        dsns = {name: plain.databases.dsn(name) for name in (*SOURCES, "log")}
        dsns |= {f"write {name}": plain.writes.dsn(name) for name in Writes.model_fields}
        ways = {name: await stack.enter_async_context(proxied(dsn or "")) for name, dsn in dsns.items()}
        settings = plain.model_copy(
            update={
                "databases": Databases(**{name: SecretStr(ways[name].dsn) for name in (*SOURCES, "log")}),
                "writes": Writes(**{name: SecretStr(ways[f"write {name}"].dsn) for name in Writes.model_fields}),
            }
        )
        departments = connect(written)
        stack.push_async_callback(close_all, departments)
        served = await stack.enter_async_context(serving(settings, folder, **WITHOUT))
        yield Behind(served=served, departments=departments, people=await children_of(departments), ways=ways)


POLICE_OFF = ("public_security", "write public_security")


async def test_a_place_and_a_sentence_suffice_and_sent_twice_it_is_one_report(behind: Behind) -> None:
    narrative = "独自在家，发烧（虚构 一）"
    async with at_desk(behind.served, SCHOOL, EMERGENCY) as client:
        form = hidden((await client.get("/report/")).text, "/report/")
        given = {**form, "divisionCode": behind.people[0].village, "narrative": narrative}
        first, second = [await client.post("/report/", data=given) for _ in range(2)]
        assert "报告已受理" in of(first.text) and "仍为同一报告" in of(second.text)
        assert await behind.count(narrative) == 1
        own = of((await client.get("/report/")).text)
        assert "已报告" in own and narrative not in own


async def test_what_is_wanting_is_said_and_what_was_written_stays(behind: Behind) -> None:
    async with at_desk(behind.served, SCHOOL, EMERGENCY) as client:
        form = hidden((await client.get("/report/")).text, "/report/")
        found = await client.post("/report/", data={**form, "placeAddress": "桥头（虚构）"})
        assert (found.status_code, "未提交" in found.text) == (400, True)
        assert "桥头（虚构）" in found.text
        assert hidden(found.text, "/report/")["idempotencyKey"] == form["idempotencyKey"]


async def test_without_the_police_database_it_says_at_once_that_nothing_was_accepted_and_the_form_works_afterwards(
    behind: Behind,
) -> None:
    narrative = "独自在家（虚构 二）"
    async with at_desk(behind.served, SCHOOL, EMERGENCY) as client:
        form = hidden((await client.get("/report/")).text, "/report/")
        given = {**form, "divisionCode": behind.people[0].village, "narrative": narrative}
        async with behind.without(*POLICE_OFF):
            shown = of((await client.get("/report/")).text)
            assert "公安机关系统目前没有回应" in shown
            begun = time.monotonic()
            refused = await client.post("/report/", data=given)
            assert time.monotonic() - begun < UNDER_A_MINUTE / 4
            # What the department could not be asked about may have been written: then that is said, and never silence.
            told = of(refused.text)
            assert refused.status_code == 503
            assert "报告未被受理，请立即拨打" in told or "目前无法确认报告已被受理，请立即拨打" in told
            assert all(f'href="tel:{phone}"' in refused.text for phone in PHONES)
            assert narrative in refused.text
            again = {**given, **hidden(refused.text, "/report/")}
        async with asyncio.timeout(30):
            while (await client.post("/report/", data=again)).status_code != 200:
                await asyncio.sleep(0.1)
        assert await behind.count(narrative) == 1


async def test_without_the_log_it_says_at_once_that_nothing_was_accepted(behind: Behind) -> None:
    narrative = "独自在家（虚构 三）"
    async with at_desk(behind.served, SCHOOL, EMERGENCY) as client:
        form = hidden((await client.get("/report/")).text, "/report/")
        given = {**form, "divisionCode": behind.people[0].village, "narrative": narrative}
        async with behind.without("log"):
            for reply in (await client.post("/report/", data=given), await client.get("/report/")):
                assert reply.status_code == 503 and "报告未被受理，请立即拨打" in of(reply.text)
                assert all(f'href="tel:{phone}"' in reply.text for phone in PHONES)
            assert "请立即拨打 110 / 022-29341110" in (await client.get("/duty/")).text
        assert await behind.count(narrative) == 0
        async with asyncio.timeout(30):
            while (await client.post("/report/", data=given)).status_code != 200:
                await asyncio.sleep(0.1)
        assert await behind.count(narrative) == 1


async def test_who_may_not_report_here_is_told_where_to(behind: Behind) -> None:
    async with at_desk(behind.served, POLICE, EMERGENCY) as client:
        found = await client.get("/report/")
        assert found.status_code == 403 and "登记电话报告" in found.text
        assert "/report/" not in (await client.get("/duty/")).text


@asynccontextmanager
async def browsing(browser: Browser, behind: Behind, width: int) -> AsyncIterator[Page]:
    """A page of somebody new; whatever it asks of anybody but the hub, and whatever it complains of, fails."""
    url, complaints = f"http://127.0.0.1:{behind.served.port}", list[str]()
    options: dict[str, Any] = {"locale": "zh-CN", "base_url": url, "viewport": {"width": width, "height": 844}}
    context = await browser.new_context(**options)
    try:
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Security" in said.text else None)
        page.on("request", lambda asked: complaints.append(asked.url) if url not in asked.url else None)
        yield page
    finally:
        await context.close()
    assert not complaints


async def sign_in(page: Page, behind: Behind, key: str, purpose: str, path: str) -> None:
    """By the form, to a page."""
    for _ in range(20):
        await page.goto(path)
        await page.locator("#token").fill(behind.served.token(key, purpose))
        await follow(page.locator("main button"))
        if "尝试过于频繁" not in await page.content():
            return
        await asyncio.sleep(0.3)


async def looked_at(page: Page, name: str) -> None:
    """At both widths, each judged by axe; then it is used at its own again."""
    own = page.viewport_size
    await Pictures("report").of(page, name, differs=True)
    assert own is not None
    await page.set_viewport_size(own)


@pytest.mark.browser
async def test_a_school_reports_by_telephone_and_the_report_is_followed_to_the_town(
    browser: Browser, behind: Behind
) -> None:
    child, place = behind.people[1], "村口小桥（虚构）"
    async with browsing(browser, behind, 390) as page:
        await sign_in(page, behind, SCHOOL, EMERGENCY, "/report/")
        await looked_at(page, "report")
        # From here on, since nobody who reports waits for what judges the page.
        begun = time.monotonic()
        await page.get_by_label("发生地区划").select_option(child.village)
        await page.get_by_label("发生地点").fill(place)
        await page.get_by_label("情况说明").fill("有个孩子独自在桥下，衣服湿了（虚构）")
        await follow(page.get_by_role("button", name="立即报告公安机关"))
        await expect(page.get_by_role("heading", name="报告已受理")).to_be_visible()
        assert time.monotonic() - begun < UNDER_A_MINUTE
        await looked_at(page, "reported")
        await follow(page.get_by_role("link", name="报告进展"))
        await expect(page.locator(".waiting .tag").first).to_have_text("已报告")
    async with browsing(browser, behind, 1280) as page:
        await sign_in(page, behind, POLICE, EMERGENCY, "/duty/")
        await looked_at(page, "duty-police")
        await follow(page.locator("li", has_text=place).get_by_role("link", name="查看并办理"))
        await looked_at(page, "row-police")
        row = page.url
        await step(page, row, "受理出警")
        await page.goto(row)
        await opened(page, "记录应急处置")
        await page.get_by_label("制止侵害").first.check()
        await looked_at(page, "row-measures")
        await follow(page.get_by_role("button", name="记录应急处置"))
        await looked_at(page, "done")
        await step(page, row, "通报镇街")
    async with browsing(browser, behind, 390) as page:
        await sign_in(page, behind, child.town, GUARDIANSHIP, "/duty/")
        await looked_at(page, "duty-town")
        item = page.locator("li", has_text=place)
        await expect(item).to_contain_text("已通报镇街")
        await follow(item.get_by_role("link", name="查看并办理"))
        await expect(page.locator("dl.whole")).to_contain_text("制止侵害")
        await looked_at(page, "row-town")
        assert "报告单位" not in await page.content()


async def opened(page: Page, name: str) -> None:
    """The form of a step, open: the one that leads on is from the start."""
    summary = page.locator("summary", has_text=name).first
    if not await summary.evaluate("each => each.parentElement.open"):
        await summary.click()


async def step(page: Page, row: str, name: str) -> None:
    """A step without fields, by its button on the row's page."""
    await page.goto(row)
    await opened(page, name)
    await follow(page.get_by_role("button", name=name, exact=True))
    await expect(page.get_by_role("heading", name="已办理")).to_be_visible()


@pytest.mark.browser
async def test_the_form_is_filled_and_sent_by_keyboard_alone(browser: Browser, behind: Behind) -> None:
    narrative = "只用键盘的报告（虚构）"
    async with browsing(browser, behind, 390) as page:
        await sign_in(page, behind, SCHOOL, EMERGENCY, "/report/")
        for label, text in (("发生地点", "校门口（虚构）"), ("情况说明", narrative)):
            await tab_to(page, label)
            await page.keyboard.insert_text(text)
        await tab_to(page, "立即报告公安机关")
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="报告已受理")).to_be_visible()
    assert await behind.count(narrative) == 1


async def tab_to(page: Page, words: str) -> None:
    """Tab until what holds the focus says ``words``, seen by an outline."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        said, outlined = await page.evaluate(
            """() => {
                const here = document.activeElement, labels = [...(here.labels || [])].map(each => each.innerText);
                return [[here.innerText, ...labels].join(' '), getComputedStyle(here).outlineStyle !== 'none'];
            }"""
        )
        if words in said:
            assert outlined, f"the focus on {words} is not seen"
            return
    raise AssertionError(f"no key leads to {words}")
