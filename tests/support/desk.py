"""Units at their pages: signed in over real HTTP, by forms as a browser sends them."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.support.served import CASE_REFERENCE, Served


@asynccontextmanager
async def at_desk(
    served: Served, key: str, purpose: str, *more: str, **headers: str
) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without a face, signed in as a unit for a purpose (``more``: others that it holds); follows nothing."""
    url, given = f"http://127.0.0.1:{served.port}", {"Sec-Fetch-Site": "same-origin", **headers}
    async with httpx.AsyncClient(base_url=url, headers=given, timeout=30) as client:
        for _ in range(50):
            reply = await client.post("/desk/sign-in", data={"token": served.token(key, purpose, *more)})
            if reply.status_code != 429:
                break
            await asyncio.sleep(0.2)
        assert reply.status_code == 303, reply.text
        shown = await client.get("/desk/purpose")
        form = {"form": hidden(shown.text)["form"], "purpose": purpose, "case": CASE_REFERENCE}
        assert (await client.post("/desk/purpose", data=form)).status_code == 303
        yield client


def hidden(text: str, action: str = "") -> dict[str, str]:
    """What the hidden fields of the form hold that is sent to ``action`` (its end; the first form's that has any)."""
    for form in re.findall(r"<form [^>]*>.*?</form>", text, re.DOTALL):
        found = re.search(r'action="([^"]*)"', form)
        if found and html.unescape(found[1]).endswith(action) and 'type="hidden"' in form:
            pairs = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', form)
            return {name: html.unescape(value) for name, value in pairs}
    raise AssertionError(f"no form for {action} in {text}")


def filled(text: str, action: str) -> dict[str, list[str]]:
    """What a browser sends of the form as it stands, if nothing is touched."""
    [form] = [one for one in re.findall(r"<form [^>]*>.*?</form>", text, re.DOTALL) if action in one.partition(">")[0]]
    found: dict[str, list[str]] = {}
    for tag in re.findall(r"<input [^>]*>", form):
        name, value = (re.search(rf'\b{part}="([^"]*)"', tag) for part in ("name", "value"))
        if name and value and ('type="checkbox"' not in tag or " checked" in tag):
            found.setdefault(name[1], []).append(html.unescape(value[1]))
    for name_, body in re.findall(r'<select [^>]*name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        found[name_] = re.findall(r'value="([^"]*)" selected', body) or [""]
    for name_, body in re.findall(r'<textarea [^>]*name="([^"]*)"[^>]*>(.*?)</textarea>', form, re.DOTALL):
        found[name_] = [html.unescape(body)]
    return found


def links(text: str, subject: str) -> list[str]:
    """Addresses of rows that a page leads to."""
    return list(dict.fromkeys(html.unescape(one) for one in re.findall(rf'href="(/duty/{subject}/[^"]+)"', text)))


async def take(client: httpx.AsyncClient, link: str, step: str, **given: Any) -> httpx.Response:
    """The step by the form on the row's page."""
    shown = await client.get(link)
    assert shown.status_code == 200, shown.text
    return await client.post(f"{link}/{step}", data={**filled(shown.text, f"/{step}"), **given})


def of(text: str) -> str:
    """What a reader sees of a page."""
    body = re.sub(r"<(script|style|head)\b.*?</\1>", "", text, flags=re.DOTALL)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)))
