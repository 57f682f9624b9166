"""The IDE: one page that asks nobody but this hub, in a real browser and in its text."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import time
from collections.abc import AsyncIterator, Container, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import uvicorn
from graphql import graphql_sync
from playwright.async_api import Browser, Page, async_playwright
from starlette.applications import Starlette

from hub.app import create_app
from hub.credential import Verifier
from hub.http import Turned
from hub.identity import Identity, Registry
from hub.keys import KeySet
from hub.pages.ide.page import POLICY, graphiql_folder
from hub.pipeline import Request
from hub.response import Answer
from hub.settings import Settings
from hub.telemetry import Silent, Stages
from hub.tokens import open_issuer
from schema.build import whole
from schema.view import view

CASE = "（2017）津0114民初1号"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass(frozen=True)
class Words:
    units: Container[str] = frozenset({"education_bureau"})
    purposes: Mapping[str, Any] = field(
        default_factory=lambda: {
            "dropout_control": {"name_zh": "控辍保学", "needs_case": False},
            "legal_aid": {"name_zh": "法律援助", "needs_case": True},
        }
    )
    institutions: Container[str] = frozenset()
    divisions: Container[str] = frozenset()

    def case_required(self, purpose: str) -> bool:
        return purpose == "legal_aid"


@dataclass
class Fake:
    """Answers from a narrow view of the schema, so that what the IDE shows is the caller's own."""

    verifier: Verifier
    tlog: None = None
    events: None = None
    console: None = None
    desk: None = None
    stages: Stages = field(default_factory=Silent)
    asked: list[tuple[Identity, Request]] = field(default_factory=list)

    @property
    def registry(self) -> Registry:
        return Words()

    async def answer(self, identity: Identity, request: Request) -> Answer:
        self.asked.append((identity, request))
        narrow = frozenset({"Child.id", "Child.name"})
        seen = view(whole(), narrow, narrow)
        result = graphql_sync(
            seen, request.query, {"me": {"unitNameZh": "区教育局", "key": identity.key, "purpose": "DROPOUT_CONTROL"}}
        )
        return Answer(status=200, body=orjson.dumps(result.formatted))

    async def turned_away(self, turned: Turned) -> None:
        pass

    async def ready(self) -> Mapping[str, str]:
        return {}


def make(folder: Path) -> tuple[Starlette, Fake, str]:
    issuer = open_issuer(folder, issuer="i", audience="a")
    verifier = Verifier(
        keys=KeySet(place=str(folder / "jwks.json"), seconds=300, clock=time.monotonic),
        issuer="i",
        audience="a",
        lifetime=900,
        leeway=30,
        clock=time.time,
    )
    fake = Fake(verifier)

    @asynccontextmanager
    async def opened(_: Settings, __: Stages) -> AsyncIterator[Fake]:
        yield fake

    purposes = ["dropout_control", "legal_aid"]
    token = issuer.issue("education_bureau", purposes, operator="o", now=int(time.time()), seconds=600)
    return create_app(Settings(), open_service=opened), fake, token


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    app, _, _ = make(tmp_path)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://hub") as found,
    ):
        yield found


async def test_the_page_is_chinese_first_and_names_every_purpose(client: httpx.AsyncClient) -> None:
    text = (await client.get("/ide/")).text
    assert '<html lang="zh-CN">' in text
    assert '<option value="dropout_control">控辍保学 dropout_control</option>' in text
    assert '<option value="legal_aid" data-case>法律援助 legal_aid</option>' in text
    assert text.index("令牌") < text.index("token</small>")


async def test_everything_on_the_page_is_of_this_host_and_there(client: httpx.AsyncClient) -> None:
    text = (await client.get("/ide/")).text
    places = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert len(places) >= 6
    for place in places:
        assert place.startswith("/ide/") or place == "data:,", place
        if place.startswith("/"):
            assert (await client.get(place)).status_code == 200, place
    assert "<script>" not in text
    assert "onclick" not in text


async def test_the_policy_of_the_page_lets_nothing_in_and_nothing_out(client: httpx.AsyncClient) -> None:
    found = (await client.get("/ide/")).headers["content-security-policy"]
    assert found == POLICY
    rules = dict(part.strip().split(" ", 1) for part in found.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["connect-src"] == "'self'"
    assert "http" not in found


async def test_no_file_outside_the_two_folders_is_served(client: httpx.AsyncClient) -> None:
    for place in ("/ide/own/../page.html", "/ide/own/%2e%2e/page.py", "/ide/graphiql/../../urls.py"):
        assert (await client.get(place)).status_code == 404


async def test_the_ide_can_be_left_out(tmp_path: Path) -> None:
    app = create_app(Settings(ide=False))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://hub") as found:
        assert (await found.get("/ide/")).status_code == 404


def test_the_pattern_of_a_case_is_one_that_browsers_take() -> None:
    # Browsers read it with the flag `v`, where these must be escaped inside a class.
    inside = re.sub(r"\\.", "", Settings().case_pattern.partition("[")[2].partition("]")[0])
    assert not set("()[]{}/|") & set(inside)


def test_graphiql_is_where_its_package_puts_it() -> None:
    assert (graphiql_folder() / "graphiql.min.js").is_file()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[str, Fake, str]]:
    app, fake, token = make(tmp_path)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", lifespan="on"))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.02)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}", fake, token
    server.should_exit = True
    await running


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("no chromium, and here it must be there")
        pytest.skip("no chromium on this machine")
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        await found.close()


async def enter(page: Page, token: str, purpose: str, case: str = "") -> None:
    await page.fill("#token", token)
    await page.select_option("#purpose", purpose)
    await page.fill("#case", case)
    await page.click("button[type=submit]")


@pytest.mark.browser
async def test_in_a_browser_it_shows_the_callers_view_and_asks_nobody_else(served: tuple[str, Fake, str]) -> None:
    url, fake, token = served
    asked: list[str] = []
    complaints: list[str] = []
    async with browser() as chromium:
        page = await chromium.new_page(viewport={"width": 1280, "height": 800})
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(f"{url}/ide/")
        await enter(page, token, "dropout_control")
        await page.wait_for_selector(".graphiql-execute-button")
        await page.click(".graphiql-execute-button")
        await page.wait_for_selector("text=区教育局")
        await page.click("button[aria-label='Show Documentation Explorer']")
        await page.click("a:has-text('Query')")
        fields = await page.inner_text(".graphiql-doc-explorer")
        assert "children" in fields
        assert "incidents" not in fields
        kept = await page.evaluate(
            "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])"
        )
        assert token not in kept
    assert {identity.purpose for identity, _ in fake.asked} == {"dropout_control"}
    assert all(place.startswith((url, "data:")) for place in asked), asked
    assert not complaints


@pytest.mark.browser
async def test_in_a_browser_a_purpose_that_needs_a_case_asks_for_one_and_sends_it(
    served: tuple[str, Fake, str],
) -> None:
    url, fake, token = served
    async with browser() as chromium:
        page = await chromium.new_page()
        await page.goto(f"{url}/ide/")
        await enter(page, token, "legal_aid")
        assert await page.locator(".graphiql-container").count() == 0
        assert await page.evaluate("document.getElementById('case').validity.valueMissing")
        await enter(page, token, "legal_aid", "<script>")
        assert await page.evaluate("document.getElementById('case').validity.patternMismatch")
        await enter(page, token, "legal_aid", CASE)
        await page.wait_for_selector(".graphiql-container")
        while not fake.asked:
            await asyncio.sleep(0.02)
    assert {identity.case for identity, _ in fake.asked} == {CASE}


@pytest.mark.browser
async def test_in_a_browser_a_refusal_is_said_in_words(served: tuple[str, Fake, str]) -> None:
    url, _, _ = served
    async with browser() as chromium:
        page = await chromium.new_page()
        await page.goto(f"{url}/ide/")
        await enter(page, "a.b.c", "dropout_control")
        await page.wait_for_selector("#status.wrong")
        assert "UNAUTHENTICATED" in await page.inner_text("#status")
