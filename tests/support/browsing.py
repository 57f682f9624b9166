"""A real browser at the pages of units: signed in, watched, and its pages looked at on a telephone and on a desk."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from tests.support.served import Served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WIDTHS = (390, 1280)
LITTLE = 10
"""Letters, fewer than which no page is read by."""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The browser; without one CI fails, and elsewhere the test is skipped."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("no chromium, and here it must be there")
        pytest.skip("no chromium on this machine")
    # As long as it waits for anything else.
    expect.set_options(timeout=30_000)
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        await opened.close()


async def follow(link: Locator) -> None:
    """Clicks what leads to another page, loaded afterwards: a key that comes sooner may find no focus there."""
    async with link.page.expect_navigation():
        await link.click()


@asynccontextmanager
async def browsing(browser: Browser, served: Served, key: str, purpose: str, path: str) -> AsyncIterator[Page]:
    """A page of somebody who just signed in; whatever it asks of anybody but the hub, and complains of, fails."""
    url, complaints = f"http://127.0.0.1:{served.port}", list[str]()
    context = await browser.new_context(locale="zh-CN", base_url=url)
    page = await context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Security" in said.text else None)
    page.on("request", lambda asked: complaints.append(asked.url) if url not in asked.url else None)
    await _sign_in(page, served.token(key, purpose), path)
    yield page
    await context.close()
    assert not complaints


async def _sign_in(page: Page, token: str, path: str) -> None:
    for _ in range(20):
        await page.goto(path)
        await page.locator("#token").fill(token)
        await follow(page.locator("main button"))
        if "尝试过于频繁" not in await page.content():
            return
        await asyncio.sleep(0.3)


class Pictures:
    """Pages looked at: what axe finds serious, a page that scrolls sideways, and an empty one, fail."""

    def __init__(self, of: str) -> None:
        self.prefix = of

    async def of(self, page: Page, name: str, *, differs: bool = False) -> None:
        """On a telephone and on a desk; axe is asked of the second only where it ``differs`` in more than width."""
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 844})
            if differs or width == WIDTHS[0]:
                await judged(page, (name, width))
            await fits(page, (name, width))
            await pictured(page, f"{self.prefix}-{name}-{width}")


async def judged(page: Page, place: object) -> None:
    """What axe finds serious fails; a page that was judged before, and is no other since, has axe already."""
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(AXE_SCRIPT)
    violations = await page.evaluate("axe.run({resultTypes: ['violations']}).then(found => found.violations)")
    grave = [each for each in violations if each["impact"] in ("serious", "critical")]
    told = [(each["id"], [node["html"][:160] for node in each["nodes"]][:4]) for each in grave]
    assert not told, (place, told)


async def fits(page: Page, place: object) -> None:
    """A page that scrolls sideways, and one on which nothing is to be read, fail."""
    wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, (place, wide)
    assert len(await page.inner_text("main")) > LITTLE, place


async def pictured(page: Page, name: str) -> None:
    """The whole page as a file, where a folder for it is named: to paint it takes longer than all that is judged."""
    folder = os.environ.get("HUB_TEST_SCREENSHOTS")
    if folder:
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
