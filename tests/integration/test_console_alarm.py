"""What a superuser does to the log is found at the next run of the verification, and the console says so in red."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import asyncpg
import pytest
from playwright.async_api import async_playwright

from hub.audit.inspection import inspect
from hub.audit.keys import VerifierKey
from hub.secrets import open_secrets
from tests.support.browsing import judged, pictured
from tests.support.clusters import throw_away
from tests.support.console import Running, serving
from tests.support.running import start_filled

pytestmark = pytest.mark.postgres

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
RED = "rgb(163, 22, 33)"


@pytest.fixture
async def alone(tmp_path: Path, institutions: Mapping[str, str]) -> AsyncIterator[Running]:
    """A hub whose log may be spoilt: nobody else's tests look at it."""
    server = await start_filled(tmp_path / "postgres", children=20, seed=6)
    try:
        async with serving(server, tmp_path, institutions) as running:
            async with running.signed_in() as client:
                for _ in range(6):
                    assert (await client.get("/console/")).status_code == 200
            await running.indexed()
            yield running
    finally:
        throw_away(server)


async def verified(running: Running) -> None:
    """The next run: what the hub starts by itself once a day, now."""
    keys: list[VerifierKey] = list(open_secrets(running.settings.keys, origin=running.settings.origin).log.verifiers)
    await inspect(running.server.dsn("hub"), durable=False, keys=keys)


async def as_superuser(running: Running, *statements: str) -> None:
    owner = await asyncpg.connect(running.server.dsn("hub"))
    await owner.execute("set session_replication_role = replica")
    for statement in statements:
        await owner.execute(statement)
    await owner.close()


OTHER = "convert_to(replace(convert_from(bytes, 'UTF8'), 'A0017', 'A0018'), 'UTF8')"


async def test_what_a_superuser_changed_is_red_on_the_console_after_the_next_run(
    alone: Running, tmp_path: Path
) -> None:
    await verified(alone)
    async with alone.signed_in() as client:
        page = (await client.get("/console/")).text
        assert "通过" in page and 'class="alarm"' not in page
        await as_superuser(alone, f"update log.entry set bytes = {OTHER} where index = 3")
        assert 'class="alarm"' not in (await client.get("/console/")).text, "not looked at yet"
        await verified(alone)
        for path in ("/console/", "/console/month"):
            for spoken, words in (("zh-CN", "日志核验不通过：第 3 条记录异常"), ("en", "does not verify: entry 3")):
                page = (await client.get(path, headers={"Accept-Language": spoken})).text
                assert 'class="alarm" role="alert"' in page and words in page, path
        shown = await client.get("/console/entry/3")
        assert (shown.status_code, "已被改动，不予显示" in shown.text) == (409, True)
        assert "A0018" not in shown.text
        await seen_red(alone, dict(client.cookies), tmp_path)


async def test_an_entry_changed_together_with_its_hash_does_not_verify_on_its_page(alone: Running) -> None:
    rehash = "leaf = sha256('\\x00'::bytea || bytes)"
    await as_superuser(
        alone, f"update log.entry set bytes = {OTHER} where index = 2", f"update log.entry set {rehash} where index = 2"
    )
    await as_superuser(
        alone, "update log.entry set bytes = '{}' where index = 4", f"update log.entry set {rehash} where index = 4"
    )
    async with alone.signed_in() as client:
        page = (await client.get("/console/entry/2?verify=1")).text
        assert "核验不通过" in page and 'class="alarm"' in page
        assert (await client.get("/console/entry/4")).status_code == 409
        assert (await client.get("/console/entry/4/proof")).status_code == 409


async def seen_red(alone: Running, cookies: Mapping[str, str], tmp_path: Path) -> None:
    """The alarm as a browser paints it, in both widths."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("no chromium, and here it must be there")
        return
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for width in (1280, 390):
            context = await browser.new_context(viewport={"width": width, "height": 900}, locale="zh-CN")
            await context.add_cookies(
                [{"name": name, "value": value, "url": alone.url} for name, value in cookies.items()]
            )
            page = await context.new_page()
            await page.goto(f"{alone.url}/console/")
            alarm = page.get_by_role("alert")
            assert await alarm.evaluate("each => getComputedStyle(each).borderLeftColor") == RED
            box = await alarm.bounding_box()
            assert box is not None and box["y"] < 900, "seen without scrolling"
            await judged(page, width)
            await pictured(page, f"alarm-{width}")
        await browser.close()
