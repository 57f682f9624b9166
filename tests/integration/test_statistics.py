"""Published figures over real HTTP: trends over frozen quarters, census figures, and the page with its charts."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, expect
from python_calamine import CalamineWorkbook

from connectors.demo.server import Server
from hub.statistics.freeze import FreezeError
from tests.support.browsing import Pictures, follow
from tests.support.desk import at_desk, hidden, of
from tests.support.served import Reply, Served, entries_of, serving, settings_of
from tests.support.statistics import (
    BUREAU,
    DISTRICT,
    FINANCE,
    STATISTICS,
    TREND,
    Row,
    cells_of,
    figure,
    following,
    frozen,
    kept,
    quarters,
    shown,
    trend,
)
from tests.support.steps import POLICY

pytestmark = pytest.mark.postgres

TOWN = "120114101"
STEP = "giveCensusFigure"
VILLAGE = next(code for code in POLICY.divisions if len(code) == 12)
GIVEN = "step again statistic { divisionCode quarter indicator value suppressed censusReference }"


@pytest.fixture(scope="module")
async def served(written: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """A hub whose every row is invented, and that says so."""
    folder = tmp_path_factory.mktemp("statistics")
    async with serving(settings_of(written, folder / "keys"), folder, HUB_INVENTED="true") as opened:
        yield opened


async def test_a_trend_has_a_figure_a_quarter_in_order_within_its_bounds(served: Served, written: Server) -> None:
    every = await quarters(written)
    assert len(every) > 3
    rows = await trend(served, FINANCE, figure("CHILDREN_ON_FILE", {"gte": every[1], "lte": every[-1]}))
    assert [row["quarter"] for row in rows] == every[1:]
    stored = await kept(
        written,
        "select quarter, value from statistic where division_code = $1 and indicator = $2 order by quarter",
        *(DISTRICT, "CHILDREN_ON_FILE"),
    )
    assert [row["value"] for row in rows] == [row["value"] for row in stored][1:]
    back = await trend(served, FINANCE, figure("CHILDREN_ON_FILE", {"in": [every[2], every[0]]}), direction="DESC")
    assert [row["quarter"] for row in back] == [every[2], every[0]]
    assert await trend(served, FINANCE, figure("CHILDREN_ON_FILE", {"gt": every[-1]})) == []


async def test_a_figure_that_is_suppressed_stays_null_and_says_so_in_every_quarter(
    served: Served, written: Server
) -> None:
    every = await quarters(written)
    rows = await trend(served, FINANCE, {"quarter": {"gte": every[0], "lte": every[-1]}}, first=100)
    stored = await kept(
        written,
        "select count(*) from statistic where suppressed and level <> 'village' and indicator = any($1)",
        sorted({row["indicator"] for row in rows}),
    )
    hidden = [row for row in rows if row["value"] is None]
    assert len(hidden) == stored[0]["count"] > 10
    assert all(row["suppressed"] is (row["value"] is None) for row in rows)


async def test_a_trend_comes_in_pages_that_are_bounded(served: Served, written: Server) -> None:
    every = await quarters(written)
    span = {"quarter": {"gte": every[0]}, "indicator": {"eq": "CHILDREN_ON_FILE"}}
    assert await trend(served, FINANCE, span, first=7) == await trend(served, FINANCE, span, first=100)
    reply = await served(FINANCE, STATISTICS, TREND, {"filter": span, "first": 101})
    assert (reply.error["code"], reply.error["argument"]) == ("INVALID_INPUT", "first")
    reply = await served(FINANCE, STATISTICS, TREND, {"filter": {"quarter": {"gte": "2026Q5"}}})
    assert reply.codes == {"INVALID_INPUT"}


async def test_a_quarter_that_is_frozen_now_joins_the_trend_and_leaves_the_earlier_ones_as_they_were(
    served: Served, written: Server
) -> None:
    every = await quarters(written)
    last = following(every[-1])
    span = {"indicator": {"in": ["CHILDREN_ON_FILE", "AGE_0_5"]}, "divisionCode": {"eq": DISTRICT}}
    before = await trend(served, FINANCE, span)
    await frozen(written, last)
    after = await trend(served, FINANCE, span)
    assert [row for row in after if row["quarter"] != last] == before
    new = [row for row in after if row["quarter"] == last]
    assert len(new) == 2
    assert all(row["suppressed"] and row["value"] is None for row in new)
    with pytest.raises(FreezeError):
        await frozen(written, last)
    assert await trend(served, FINANCE, span) == after


# Census figures.


async def give(served: Served, figure: int, *, unit: str = BUREAU, key: str | None = None, **given: Any) -> Reply:
    """A census figure for a cell of which there is none yet, unless ``given`` says another."""
    return await served.step(unit, STATISTICS, STEP, GIVEN, key=key, censusReference=figure, **given)


async def cell(server: Server, indicator: str, division: str = DISTRICT) -> Row:
    """What a member of an input names, of the oldest quarter."""
    return {"divisionCode": division, "quarter": (await quarters(server))[0], "indicator": indicator}


async def test_a_census_figure_stands_beside_the_published_one_for_whoever_reads_that(
    served: Served, written: Server
) -> None:
    named = await cell(written, "DISABLED")
    before = await trend(served, FINANCE, figure("DISABLED", {"eq": named["quarter"]}))
    assert before[0]["censusReference"] is None
    entries = len(await entries_of(written))
    first = await give(served, 431, key="census-1", **named)
    assert first.data[STEP] == {"step": STEP, "again": False, "statistic": {**before[0], "censusReference": 431}}
    assert len(first.json["extensions"]["written"]) == 1
    again = await give(served, 431, key="census-1", **named)
    assert again.data[STEP]["again"] is True
    assert await trend(served, FINANCE, figure("DISABLED", {"eq": named["quarter"]})) == [
        {**before[0], "censusReference": 431}
    ]
    made = [json.loads(one) for one in (await entries_of(written))[entries:]]
    acts = [one for one in made if f"step={STEP}" in one["facts"]]
    assert [one["kind"] for one in acts] == ["intent", "outcome"] * 2, "who asks again is answered by entries, too"
    assert all(one["released"] == ["Statistic.censusReference"] and one["clauses"] == ["3.1.12"] for one in acts)
    assert not any("431" in json.dumps(one["facts"]) for one in acts)


async def test_a_census_figure_is_replaced_by_who_says_what_it_replaces_and_a_conflict_shows_both(
    served: Served, written: Server
) -> None:
    named = await cell(written, "ASSISTED")
    assert (await give(served, 120, **named)).codes == set()
    unseen = await give(served, 125, **named)
    assert unseen.status == 409
    assert (unseen.error["expected"], unseen.error["current"]) == (None, 120)
    assert "您看到的原值为空，现为“120”" in unseen.error["messageZh"]
    assert (await give(served, 125, expected=120, **named)).data[STEP]["statistic"]["censusReference"] == 125
    late = await give(served, 130, expected=120, **named)
    assert (late.error["expected"], late.error["current"]) == (120, 125)
    both = await asyncio.gather(*(give(served, figure, expected=125, **named) for figure in (140, 150)))
    [lost] = [reply for reply in both if reply.codes]
    [won] = [reply for reply in both if not reply.codes]
    assert lost.error["code"] == "CONFLICT"
    assert lost.error["current"] == won.data[STEP]["statistic"]["censusReference"]


@pytest.mark.parametrize(
    ("wrong", "fields", "zh", "en"),
    [
        ({"divisionCode": "120115"}, ["divisionCode"], "没有这个地区代码", "no division of this district"),
        ({"divisionCode": VILLAGE}, ["divisionCode"], "不按村居和园区", "the district and its towns alone"),
        ({"quarter": "2099Q1"}, ["quarter"], "季度尚未结束", "is not over yet"),
        ({"censusReference": -1}, ["censusReference"], "应为0至", "a whole number from 0"),
        (
            {"censusReference": 3_000_000, "quarter": "2099Q1"},
            ["quarter", "censusReference"],
            "应为0至",
            "is not over yet",
        ),
    ],
)
async def test_what_is_wrong_with_a_census_figure_is_told_by_its_members_in_both_languages(
    served: Served, written: Server, wrong: Row, fields: list[str], zh: str, en: str
) -> None:
    before = await kept(written, "select * from statistic order by id")
    named = {"censusReference": 7, **await cell(written, "UNREGISTERED"), **wrong}
    reply = await served.step(BUREAU, STATISTICS, STEP, GIVEN, **named)
    assert reply.error["code"] == "INVALID_INPUT"
    assert reply.error["fields"] == [f"Statistic.{name}" for name in fields]
    assert zh in reply.error["messageZh"] and en in reply.error["message"]
    assert await kept(written, "select * from statistic order by id") == before


async def test_a_figure_out_of_scope_and_one_that_was_never_published_are_told_alike(
    served: Served, written: Server
) -> None:
    hidden = await give(served, 7, **await cell(written, "HARM_REPORTS"))
    absent = await give(served, 7, **{**await cell(written, "DISABLED"), "quarter": "2019Q1"})
    assert hidden.error == absent.error
    assert absent.error["code"] == "INVALID_INPUT"
    refused = await give(served, 7, unit=FINANCE, **await cell(written, "DISABLED"))
    assert refused.error["code"] == "NOT_ENTITLED"
    assert "区统计局" in refused.error["messageZh"]


# The page.


async def test_every_published_figure_of_a_quarter_stands_in_chart_and_table_and_what_is_hidden_is_said_so(
    served: Served, written: Server
) -> None:
    quarter = (await quarters(written))[1]
    stored = await kept(
        written,
        "select division_code, value from statistic where quarter = $1 and indicator = $2 and level = 'town'",
        *(quarter, "DISABLED"),
    )
    async with at_desk(served, FINANCE, STATISTICS) as client:
        assert "/statistics/" in (await client.get("/duty/")).text
        text = await shown(client, indicator="DISABLED", quarter=quarter)
    assert "演示数据：所有人员和数字均为虚构" in text and "少于 5 名儿童的一般指标" in text
    assert len(re.findall(r"<svg[^>]* role=\"img\" aria-label=\"残疾", text)) == 2
    cells = cells_of(text)
    for row in stored:
        value = row["value"]
        assert cells[POLICY.divisions[row["division_code"]].name][0] == ("＊ 隐去" if value is None else f"{value:,g}")
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
        text = await shown(client, division=DISTRICT)
        assert re.findall(r'<option value="(\d+)"', text) == [TOWN]
        assert "伤害侵害报告 (人)" in cells_of(text)
    async with at_desk(served, FINANCE, STATISTICS) as client:
        assert "伤害侵害报告" not in await shown(client, division=TOWN)


@pytest.mark.parametrize("path", ["/desk/sign-in", "/console/sign-in", "/console/nowhere", "/ide/"])
async def test_where_every_row_is_invented_all_pages_say_so(served: Served, path: str) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{served.port}", follow_redirects=True) as client:
        assert "所有人员和数字均为虚构" in (await client.get(path)).text


async def test_the_trend_of_a_choice_is_a_line_and_a_table_over_all_its_quarters(
    served: Served, written: Server
) -> None:
    every = await quarters(written)
    async with at_desk(served, FINANCE, STATISTICS, **{"Accept-Language": "en"}) as client:
        text = await shown(client, quarter=every[1], indicator="AGE_6_13")
    assert f"aged 6 to 13 by town, {every[1]}" in of(text) and "every figure is invented" in text
    assert [name for name in cells_of(text) if name in every] == every[::-1]
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
    quarter = (await quarters(written))[1]
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
        assert "登记或更正" in await shown(client, **where)
        blank = await client.get("/statistics/census", params=where)
        assert "尚无" in blank.text
        form = hidden(blank.text, "/census")
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
        assert cells_of(await shown(client, **where))[quarter][1].startswith("78")
    async with at_desk(served, FINANCE, STATISTICS) as client:
        assert (await client.get("/statistics/census", params=where)).status_code == 403
        assert cells_of(await shown(client, **where))[quarter][1] == "78"


@pytest.mark.browser
async def test_charts_are_read_at_a_desk_and_on_a_telephone(browser: Browser, served: Served, written: Server) -> None:
    pictures = Pictures("statistics")
    url, complaints = f"http://127.0.0.1:{served.port}", list[str]()
    context = await browser.new_context(locale="zh-CN", base_url=url, viewport={"width": 1280, "height": 844})
    tab = await context.new_page()
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda said: complaints.append(said.text) if "Security" in said.text else None)
    await tab.goto("/statistics/")
    await tab.locator("#token").fill(served.token(BUREAU, STATISTICS))
    await follow(tab.locator("main button"))
    await tab.goto(f"/statistics/?quarter={(await quarters(written))[1]}")
    for width in (1280, 390):
        await tab.set_viewport_size({"width": width, "height": 844})
        await expect(tab.locator("svg.drawn")).to_have_count(2)
    await pictures.of(tab, "figures", differs=True)
    await tab.set_viewport_size({"width": 390, "height": 844})
    await tab.locator("#indicator").select_option("CHILDREN_ON_FILE")
    await follow(tab.get_by_role("button", name="查看"))
    await expect(tab.locator("line.mark").first).to_be_attached()
    await follow(tab.get_by_role("link", name="登记或更正").first)
    await pictures.of(tab, "census", differs=True)
    await context.close()
    assert not complaints
