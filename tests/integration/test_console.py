"""An auditor's work in a real browser: by mouse, by keyboard alone, without script, in two widths and two languages."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.browsing import Pictures, follow
from tests.support.console import AUDITOR, READER, Running, patiently

pytestmark = [pytest.mark.postgres, pytest.mark.browser]

NOTE = "已电话核实用途"
HIT = "div.scroll tr"


@asynccontextmanager
async def browsing(browser: Browser, running: Running, **options: Any) -> AsyncIterator[Page]:
    """A page of somebody new; whatever it asks of anybody but the hub, and whatever a page complains of, fails."""
    complaints: list[str] = []
    context = await browser.new_context(**{"locale": "zh-CN", "base_url": running.url, **options})
    try:
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if "Security" in message.text else None)
        page.on("request", lambda asked: complaints.append(asked.url) if running.url not in asked.url else None)
        yield page
    finally:
        await context.close()
    assert not complaints


async def sign_in(page: Page, running: Running, key: str = "auditor", purpose: str = "audit") -> None:
    """By the form; where others tried too often just now, again after a moment."""
    for _ in range(50):
        await page.goto("/console/")
        await page.locator("#token").fill(running.token(key, purpose, operator=AUDITOR))
        await follow(page.locator("main button"))
        if "尝试过于频繁" not in await page.content():
            return
        await asyncio.sleep(0.3)


async def until(page: Page, words: str) -> None:
    """Loads the page again until it shows ``words``: the index follows the log by a moment."""
    for _ in range(60):
        if words in await page.content():
            return
        await asyncio.sleep(0.2)
        await page.reload()
    raise AssertionError(f"the page does not show {words}")


def texts(workbook: bytes) -> str:
    """All texts of a workbook."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
        assert archive.testzip() is None
        return archive.read("xl/sharedStrings.xml").decode()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
async def test_an_auditor_finds_who_read_an_address_verifies_it_reviews_it_and_takes_the_month_home(
    browser: Browser, running: Running, scripts: bool
) -> None:
    number, note = str(running.child()["_citizen"]), f"{NOTE} {scripts}"
    before = await running.size()
    async with browsing(browser, running, java_script_enabled=scripts) as page:
        await sign_in(page, running)
        await page.get_by_label("公民身份号码").fill(number)
        await follow(page.get_by_role("button", name="查找"))
        assert number not in page.url
        row = page.locator(HIT, has_text="现居住地").filter(has_text=READER).first
        await expect(row).to_contain_text("镇街人民政府" if "镇街" in await row.inner_text() else "政府")
        await follow(row.locator("a").first)
        await follow(page.get_by_role("link", name="核验这条记录"))
        await expect(page.get_by_text("核验通过")).to_be_visible()
        await page.get_by_label("已复核").check()
        await page.get_by_label("说明（不要写个人信息）").fill(note)
        await follow(page.get_by_role("button", name="保存复核"))
        await expect(page.get_by_text("复核已记入日志")).to_be_visible()
        await until(page, note)
        await expect(page.locator("article.review", has_text=note)).to_contain_text(f"已复核 · {AUDITOR}")
        await follow(page.get_by_role("link", name="月度报告"))
        await expect(page.get_by_text(note)).to_be_visible()
        async with page.expect_download() as coming:
            await page.get_by_role("link", name="下载 Excel").click()
        file = await coming.value
        assert file.suggested_filename.startswith("audit-2") and file.suggested_filename.endswith(".xlsx")
        told = texts(Path(await file.path()).read_bytes())
        assert note in told and "已复核" in told and number not in told
        await follow(page.get_by_role("button", name="退出登录"))
        await expect(page.get_by_role("heading", name="登录")).to_be_visible()
        await page.go_back()
        await page.reload()
        await expect(page.get_by_label("访问令牌")).to_be_visible()
    kinds = [each["kind"] for each in await running.entries(before)]
    assert kinds.count("review") == 1 and kinds.count("look") >= 6


async def test_a_member_unit_signs_in_and_gets_nothing_and_that_is_an_entry(browser: Browser, running: Running) -> None:
    before = await running.size()
    async with browsing(browser, running) as page:
        await sign_in(page, running, "education_bureau", "dropout_control")
        await expect(page.get_by_role("heading", name="本台仅供审计人员使用")).to_be_visible()
        assert not await page.locator("nav").count()
        for path in ("/console/", "/console/search", "/console/entry/0", "/console/month"):
            await page.goto(path)
            await expect(page.get_by_label("访问令牌")).to_be_visible()
    (refusal,) = [each for each in await running.entries(before) if each["kind"] == "refusal"]
    assert (refusal["unit"], refusal["decision"]) == ("education_bureau", "DENIED")


class Keys:
    """Somebody who has no mouse."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def to(self, words: str, *, backwards: bool = False, whole: bool = False) -> None:
        """Tab until what holds the focus says ``words``, seen by an outline."""
        for _ in range(120):
            said, outlined = await self.page.evaluate(
                """() => {
                    const here = document.activeElement, labels = [...(here.labels || [])].map(l => l.innerText);
                    const said = [here.innerText, here.value, here.getAttribute('aria-label'), ...labels].join(' ');
                    return [said, getComputedStyle(here).outlineStyle !== 'none'];
                }"""
            )
            if (words == said.strip() if whole else words in said) and await self.page.evaluate(
                "document.activeElement !== document.body"
            ):
                assert outlined, f"the focus on {words} is not seen"
                return
            await self.page.keyboard.press("Shift+Tab" if backwards else "Tab")
        raise AssertionError(f"no key leads to {words}")

    async def press(self, key: str) -> None:
        """A key that leads to another page."""
        async with self.page.expect_navigation():
            await self.page.keyboard.press(key)


async def test_the_keyboard_alone_suffices(browser: Browser, running: Running) -> None:
    number = str(running.child()["_citizen"])
    async with browsing(browser, running) as page:
        keys = Keys(page)
        for _ in range(50):
            await page.goto("/console/sign-in")
            await page.keyboard.insert_text(running.token("auditor", "audit", operator=AUDITOR))
            await keys.to("登录")
            await keys.press("Enter")
            if "尝试过于频繁" not in await page.content():
                break
            await asyncio.sleep(0.3)
        await keys.to("跳到正文")
        await page.keyboard.press("Enter")
        await keys.to("公民身份号码")
        await page.keyboard.insert_text(number)
        await keys.press("Enter")
        entry = (
            await page.locator(HIT, has_text="现居住地").filter(has_text=READER).first.locator("a").first.inner_text()
        )
        await keys.to(entry, whole=True)
        await keys.press("Enter")
        await keys.to("核验这条记录")
        await keys.press("Enter")
        await expect(page.get_by_text("核验通过")).to_be_visible()
        await keys.to("已复核")
        await page.keyboard.press("Space")
        await keys.to("说明（不要写个人信息）")
        await page.keyboard.insert_text("键盘复核")
        await keys.to("保存复核")
        await keys.press("Enter")
        await until(page, "键盘复核")
        await keys.to("月度报告")
        await keys.press("Enter")
        await keys.to("下载 Excel")
        async with page.expect_download() as coming:
            await page.keyboard.press("Enter")
        assert "键盘复核" in texts(Path(await (await coming.value).path()).read_bytes())
        await keys.to("退出登录", backwards=True)
        await keys.press("Enter")
        await expect(page.get_by_label("访问令牌")).to_be_visible()


async def places(running: Running) -> dict[str, str]:
    """Name of a page -> address."""
    file, (found, *_) = running.child(), await running.entries()
    names = running.names.citizen(str(file["_citizen"]))
    reads = [each for each in await running.entries() if names in each["subjects"] and each["unit"].startswith("town")]
    read = reads[0]
    assert found["index"] == 0
    return {
        "sign-in": "/console/sign-in",
        "overview": "/console/?span=days_30",
        "child": f"/console/child/{names}",
        "entry": f"/console/entry/{read['index']}",
        "entry-verified": f"/console/entry/{read['index']}?verify=1",
        "search": "/console/search",
        "search-nothing": "/console/search?request=none",
        "operator": f"/console/operator?unit={read['unit']}&operator={READER}",
        "unusual": "/console/unusual",
        "reviews": "/console/reviews",
        "month": "/console/month",
        "cycles": "/console/cycles",
        "problem": "/console/entry/999999",
        "wrong-date": "/console/search?since=yesterday",
    }


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
async def test_every_page_is_fit_for_everybody_on_a_telephone_and_on_a_desk(
    browser: Browser, running: Running, locale: str
) -> None:
    pages, language = await places(running), "en" if locale == "en-GB" else "zh-CN"
    pictures = Pictures(f"console-{language}")

    async def taken(page: Page, name: str) -> None:
        assert await page.evaluate("document.documentElement.lang") == language, name
        await pictures.of(page, name, differs=True)

    async with browsing(browser, running, locale=locale) as page:
        await page.goto(pages.pop("sign-in"))
        await taken(page, "sign-in")
        await refused(running, page, "a.b.c", taken, "sign-in-wrong")
        await refused(running, page, running.token("education_bureau", "audit"), taken, "refused")
        async with running.signed_in() as client:
            await page.context.add_cookies(
                [{"name": each.name, "value": each.value or "", "url": running.url} for each in client.cookies.jar]
            )
            for name, path in pages.items():
                await page.goto(path)
                await taken(page, name)


async def refused(
    running: Running, page: Page, token: str, taken: Callable[[Page, str], Awaitable[None]], name: str
) -> None:
    """A sign-in that fails, and its picture."""
    async with running.client() as client:
        # Attempts are limited; this waits for its turn.
        await patiently(client, {"token": "a.b.c"})
        await asyncio.sleep(0.3)
    await page.goto("/console/sign-in")
    await page.locator("#token").fill(token)
    await follow(page.locator("main button"))
    await taken(page, name)
