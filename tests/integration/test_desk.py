"""A unit signs in over real HTTP: who gets in, for which purpose, and what is taken from whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from hub.pages.desk import COOKIE
from tests.support.console import AUDITOR, Running, form_of, patiently

pytestmark = pytest.mark.postgres


@asynccontextmanager
async def signed_in(running: Running, key: str, purpose: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without a face, signed in as a unit."""
    async with running.client() as client:
        for _ in range(50):
            reply = await client.post("/desk/sign-in", data={"token": running.token(key, purpose)})
            if reply.status_code != 429:
                break
            await asyncio.sleep(0.2)
        assert reply.status_code == 303, reply.text
        yield client


async def test_who_opens_the_desk_by_its_name_alone_is_asked_who_they_are(running: Running) -> None:
    async with running.client() as client:
        found = [await client.get(path, follow_redirects=True) for path in ("/desk", "/desk/")]
        assert not any("虚构" in reply.text for reply in found)
        assert [(reply.status_code, reply.url.path, reply.url.query) for reply in found] == [
            (200, "/desk/sign-in", b"next=/duty/")
        ] * 2


async def test_a_unit_with_one_purpose_signs_in_and_its_cookie_is_for_no_script(running: Running) -> None:
    async with running.client() as client:
        token = running.token("womens_federation", "care_service")
        reply = await client.post("/desk/sign-in", data={"token": token, "next": "/report/"})
        assert (reply.status_code, reply.headers["location"]) == (303, "/report/")
        attributes = {part.strip().lower() for part in reply.headers["set-cookie"].split(";")[1:]}
        assert {"httponly", "samesite=strict", "path=/"} <= attributes
        elsewhere = await client.post("/desk/sign-in", data={"token": token, "next": "https://elsewhere.invalid/"})
        assert elsewhere.headers["location"] == "/duty/"


async def test_a_purpose_that_needs_a_case_asks_for_one_and_takes_only_one_of_that_form(running: Running) -> None:
    async with signed_in(running, "district_procuratorate", "legal_supervision") as client:
        shown = await client.get("/desk/purpose")
        form = {"form": form_of(shown.text), "purpose": "legal_supervision"}
        assert "办案编号" in shown.text
        assert (await client.post("/desk/purpose", data=form)).status_code == 422
        assert (await client.post("/desk/purpose", data={**form, "case": "×"})).status_code == 422
        assert (await client.post("/desk/purpose", data={**form, "case": "2026-0114-1"})).status_code == 303
        assert (await client.post("/desk/purpose", data={**form, "purpose": "care_service"})).status_code == 400


async def test_an_auditor_gets_nothing_here_and_a_unit_nothing_in_the_console(running: Running) -> None:
    async with running.client() as client:
        reply = await client.post("/desk/sign-in", data={"token": running.token("auditor", "audit", operator=AUDITOR)})
        assert (reply.status_code, COOKIE in client.cookies) == (403, False)
        assert "审计人员请使用审计台" in reply.text
        await patiently(client, {"token": running.token("auditor", "audit", operator=AUDITOR)})
        client.cookies.set(COOKIE, next(iter(client.cookies.jar)).value or "")
        assert (await client.get("/desk/purpose")).headers["location"].startswith("/desk/sign-in")
    async with signed_in(running, "education_bureau", "dropout_control") as client:
        client.cookies.set("hub-session", client.cookies[COOKIE], path="/console")
        assert (await client.get("/console/")).headers["location"] == "/console/sign-in"


async def test_who_signs_in_leaves_no_entry_and_who_is_turned_away_leaves_one(running: Running) -> None:
    before = await running.size()
    async with signed_in(running, running.reported("SCHOOL")[1], "emergency_response"):
        pass
    assert await running.size() == before
    async with running.client() as client:
        reply = await client.post("/desk/sign-in", data={"token": "a.b.c"})
        assert reply.status_code == 401
        assert "请立即拨打 110" in reply.text
    [entry] = await running.entries(before)
    assert (entry["kind"], entry["errors"]) == ("refusal", ["UNAUTHENTICATED"])


async def test_a_form_of_another_site_or_of_another_session_changes_nothing(running: Running) -> None:
    async with signed_in(running, "womens_federation", "care_service") as client:
        form = form_of((await client.get("/desk/purpose")).text)
        foreign = {"Sec-Fetch-Site": "cross-site"}
        assert (await client.post("/desk/sign-out", data={"form": form}, headers=foreign)).status_code == 403
        assert (await client.post("/desk/sign-out", data={"form": "x"})).status_code == 403
        assert (await client.get("/desk/sign-in")).headers["location"] == "/duty/"
        assert (await client.post("/desk/sign-out", data={"form": form})).status_code == 303
        assert (await client.get("/desk/sign-in")).status_code == 200
