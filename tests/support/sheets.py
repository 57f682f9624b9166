"""A unit at the survey's pages, by forms as a browser sends them: a sheet sent and entered, steps taken."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx

from tests.support.desk import hidden
from tests.support.served import Served
from tests.survey.forms import as_xlsx, grid

WHO = "虚构填表人"


def sheet_of(rows: list[dict[str, str]], folder: Path) -> bytes:
    """A workbook with these rows."""
    file = folder / "sheet.xlsx"
    as_xlsx(file, grid(rows))
    return file.read_bytes()


async def sent(client: httpx.AsyncClient, data: bytes, name: str = "登记表.xlsx") -> httpx.Response:
    """The sheet by the form of the village's page."""
    shown = await client.get("/survey/")
    assert shown.status_code == 200, shown.text
    given = {"form": hidden(shown.text, "/survey/sheet")["form"]}
    return await client.post("/survey/sheet", data=given, files={"sheet": (name, data)})


async def entered(client: httpx.AsyncClient, **more: str) -> httpx.Response:
    """The rows that passed, by the form of the result."""
    shown = await client.get("/survey/sheet")
    assert shown.status_code == 200, shown.text
    given = hidden(shown.text, "/survey/sheet/enter")
    return await client.post("/survey/sheet/enter", data={**given, "preparedBy": WHO, **more}, timeout=60)


async def step(client: httpx.AsyncClient, page: str, name: str, **given: str) -> httpx.Response:
    """A step by its form on a page."""
    shown = await client.get(page)
    assert shown.status_code == 200, shown.text
    form = hidden(shown.text, f"/{name}")
    [action] = [one for one in re.findall(r'action="([^"]+)"', shown.text) if one.endswith(f"/{name}")][:1]
    return await client.post(action, data={**form, **given})


def row_of_page(text: str, name: str) -> str:
    """The address behind the button of a place."""
    found = re.search(rf'href="(/survey/[^"]+)">[^<]*<span class="unseen"> {re.escape(name)}<', text)
    assert found, name
    return found[1]


async def others_submit(served: Served, town: str, village: str, quarter: str) -> None:
    """Every other village of the town submits, by its own step."""
    document = """query V($quarter: Quarter!) {
      surveySubmissions(first: 100, filter: {quarter: {eq: $quarter}}) { edges { node { divisionCode status } } }
    }"""
    found = await served(f"town_government:{town}", "survey_management", document, {"quarter": quarter})
    for edge in found.data["surveySubmissions"]["edges"]:
        code = edge["node"]["divisionCode"]
        if len(code) == 12 and code != village and edge["node"]["status"] in {"DRAFT", "RETURNED"}:
            who = f"village_committee:{code}"
            own = "{ surveySubmissions(first: 9) { edges { node { id quarter } } } }"
            rows = (await served(who, "survey_management", own)).data["surveySubmissions"]["edges"]
            [identifier] = [row["node"]["id"] for row in rows if row["node"]["quarter"] == quarter]
            given: dict[str, Any] = {"id": identifier, "childrenCount": 1, "preparedBy": WHO}
            assert (await served.step(who, "survey_management", "submitSurvey", **given)).status == 200
