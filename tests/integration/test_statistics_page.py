"""The statistics page: charts, tables and a workbook of what a unit may see, and the census figure's form."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import async_playwright, expect
from python_calamine import CalamineWorkbook

from connectors.demo.server import Server
from tests.integration.test_phone_form import CHROMIUM, taken
from tests.integration.test_statistics import BUREAU, DISTRICT, FINANCE, STATISTICS, VILLAGE, kept, quarters
from tests.support.desk import at_desk, hidden, of
from tests.support.served import Served, entries_of, serving, settings_of
from tests.support.steps import POLICY

pytestmark = pytest.mark.postgres

TOWN = "120114101"


@pytest.fixture(scope="module")
async def served(written: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """A hub whose every row is invented, and that says so."""
    folder = tmp_path_factory.mktemp("statistics")
    async with serving(settings_of(written, folder / "keys"), folder, HUB_INVENTED="true") as opened:
        yield opened


def rows_of(text: str) -> dict[str, list[str]]:
    """The cells of all tables by the heading of their row."""
    found = re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', text, re.DOTALL)
    return {of(name).strip(): [of(cell).strip() for cell in re.findall(r"<td.*?</td>", cells)] for name, cells in found}


async def page(client: httpx.AsyncClient, **choice: str) -> str:
    """The page for a choice."""
    found = await client.get("/statistics/", params=choice)
    assert found.status_code == 200, found.text
    return found.text


async def test_every_published_figure_of_a_quarter_stands_in_chart_and_table_and_what_is_hidden_is_said_so(
    served: Served, written: Server
) -> None:
    quarter = (await quarters(written))[-1]
    stored = await kept(
        written,
        "select division_code, value from statistic where quarter = $1 and indicator = $2 and level = 'town'",
        *(quarter, "DISABLED"),
    )
    async with at_desk(served, FINANCE, STATISTICS) as client:
        assert "/statistics/" in (await client.get("/duty/")).text
        text = await page(client, indicator="DISABLED", quarter=quarter)
    assert "演示数据：所有人员和数字均为虚构" in text and "少于 5 名儿童的一般指标" in text
    assert len(re.findall(r"<svg[^>]* role=\"img\" aria-label=\"残疾", text)) == 2
    shown = rows_of(text)
    for row in stored:
        value = row["value"]
        assert shown[POLICY.divisions[row["division_code"]].name][0] == ("＊ 隐去" if value is None else f"{value:,g}")
    assert any(row["value"] is None for row in stored) and any(row["value"] is not None for row in stored)
    entries = re.findall(r"日志记录号 <code>([^<]+)</code>", text)
    kept_entries = [json.loads(one) for one in await entries_of(written)]
    known = {entry["request"] for entry in kept_entries if entry["released"] and entry["unit"] == FINANCE}
    assert len(entries) == 2
    assert all(any(request in entry for request in known) for entry in entries)


async def test_a_town_sees_its_own_figures_the_restricted_ones_with_them_and_nobody_elses(
    served: Served, written: Server
) -> None:
    async with at_desk(served, f"town_government:{TOWN}", STATISTICS) as client:
        text = await page(client, division=DISTRICT)
        assert re.findall(r'<option value="(\d+)"', text) == [TOWN]
        assert "伤害侵害报告" in rows_of(text)
    async with at_desk(served, FINANCE, STATISTICS) as client:
        assert "伤害侵害报告" not in rows_of(await page(client, division=TOWN))


async def test_the_trend_of_a_choice_is_a_line_and_a_table_over_all_its_quarters(
    served: Served, written: Server
) -> None:
    every = await quarters(written)
    async with at_desk(served, FINANCE, STATISTICS, **{"Accept-Language": "en"}) as client:
        text = await page(client, quarter=every[1], indicator="AGE_6_13")
    assert f"aged 6 to 13 by town, {every[1]}" in of(text) and "every figure is invented" in text
    assert [name for name in rows_of(text) if name in every] == every[::-1]
    assert re.search(r'<polyline class="line" points="[\d., ]+"', text)


async def test_a_purpose_that_opens_no_figures_is_told_which_do(served: Served) -> None:
    async with at_desk(served, "housing_bureau", "social_assistance", STATISTICS) as client:
        found = await client.get("/statistics/")
        assert found.status_code == 403 and "可查看统计指标的目的" in found.text
        assert (await client.get("/statistics/figures.xlsx")).status_code == 403
        assert "/statistics/" in (await client.get("/duty/")).text
    async with at_desk(served, f"village_committee:{VILLAGE}", STATISTICS) as client:
        assert 'href="/statistics/"' not in (await client.get("/duty/")).text


async def test_a_workbook_holds_numbers_as_numbers_marks_what_is_hidden_and_says_the_rule(
    served: Served, written: Server
) -> None:
    quarter = (await quarters(written))[-1]
    async with at_desk(served, FINANCE, STATISTICS) as client:
        found = await client.get("/statistics/figures.xlsx", params={"indicator": "DISABLED", "quarter": quarter})
    assert found.status_code == 200 and found.headers["content-disposition"].endswith('.xlsx"')
    book = CalamineWorkbook.from_filelike(io.BytesIO(found.content))
    assert book.sheet_names == ["各镇街", "历季变化", "全部指标", "说明"]
    rows = book.get_sheet_by_name("各镇街").to_python()
    assert rows[2] == ["地区", "数值", "状态", "普查参考值"]
    values = [row[1] for row in rows[3:]]
    assert {type(value) for value in values} == {float, str}
    assert {row[2] for row in rows[3:] if row[1] == "＊"} == {"隐去"}
    notes: dict[Any, Any] = {row[0]: row[1] for row in book.get_sheet_by_name("说明").to_python()}
    assert notes["季度"] == quarter and "按 5 取整" in notes["隐去和取整规则"] and "虚构" in notes["说明"]
    assert notes["日志记录号"]


async def test_the_bureau_gives_a_census_figure_by_a_form_and_a_conflict_shows_what_stands_there(
    served: Served, written: Server
) -> None:
    quarter = (await quarters(written))[0]
    where = {"division": DISTRICT, "quarter": quarter, "indicator": "CARE_SERVED"}
    async with at_desk(served, BUREAU, STATISTICS) as client:
        assert "登记或更正" in await page(client, **where)
        shown = await client.get("/statistics/census", params=where)
        assert "尚无" in shown.text
        form = hidden(shown.text, "/census")
        done = await client.post("/statistics/census", data={**form, "censusReference": "77"})
        assert done.status_code == 200 and "已办理" in done.text and "回执 2" in done.text
        late = await client.post(
            "/statistics/census", data={**form, "idempotencyKey": "another", "censusReference": "78"}
        )
        assert late.status_code == 409 and "现为“77”" in of(late.text) and 'value="78"' in late.text
        again = hidden(late.text, "/census")
        assert again["expected"] == "77"
        wrong = await client.post("/statistics/census", data={**again, "censusReference": "七十八"})
        assert wrong.status_code == 400
        assert (await client.post("/statistics/census", data={**again, "censusReference": "78"})).status_code == 200
        assert rows_of(await page(client, **where))[quarter][1].startswith("78")
    async with at_desk(served, FINANCE, STATISTICS) as client:
        assert (await client.get("/statistics/census", params=where)).status_code == 403
        assert rows_of(await page(client, **where))[quarter][1] == "78"


@pytest.mark.browser
async def test_charts_are_read_at_a_desk_and_on_a_telephone(served: Served, written: Server, tmp_path: Path) -> None:
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("no chromium, and here it must be there")
        pytest.skip("no chromium on this machine")
    folder = Path(os.environ.get("HUB_TEST_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    url, complaints = f"http://127.0.0.1:{served.port}", list[str]()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = await browser.new_context(locale="zh-CN", base_url=url, viewport={"width": 1280, "height": 844})
        shown = await context.new_page()
        shown.on("pageerror", lambda error: complaints.append(str(error)))
        shown.on("console", lambda said: complaints.append(said.text) if "Security" in said.text else None)
        await shown.goto("/statistics/")
        await shown.locator("#token").fill(served.token(BUREAU, STATISTICS))
        await shown.locator("main button").click()
        for width in (1280, 390):
            await shown.set_viewport_size({"width": width, "height": 844})
            await expect(shown.locator("svg.drawn")).to_have_count(2)
            await taken(shown, folder, "statistics", width)
        await shown.locator("#indicator").select_option("CHILDREN_ON_FILE")
        await shown.get_by_role("button", name="查看").click()
        await expect(shown.locator("line.mark").first).to_be_attached()
        await shown.get_by_role("link", name="登记或更正").first.click()
        await taken(shown, folder, "census", 390)
        await browser.close()
    assert not complaints
