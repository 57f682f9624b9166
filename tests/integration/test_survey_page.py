"""The survey's page over real HTTP: a sheet sent, read, corrected, entered, submitted; town and civil affairs go on."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path

import asyncpg
import pytest
from playwright.async_api import Browser, Page, expect
from python_calamine import CalamineWorkbook

from connectors.demo.server import Server
from connectors.source import All, Compare, Constant, Source
from hub.pages.upload import LARGEST
from hub.quarters import before, running
from hub.survey.progress import due_day
from hub.survey.reading import parsed
from hub.workdays import workdays_between
from tests.integration.test_phone_form import tab_to
from tests.integration.test_survey_import import by_name, came_back, form, register, statuses, villages
from tests.support.browsing import Pictures, browsing, follow
from tests.support.course import CIVIL, WOMEN
from tests.support.desk import at_desk, hidden, of
from tests.support.served import Child, Served, today
from tests.support.sheets import entered, others_submit, row_of_page, sent, sheet_of, step
from tests.support.steps import POLICY, rows_of
from tests.survey.forms import as_csv, as_xlsx, grid

pytestmark = pytest.mark.postgres

SURVEY = "survey_management"
QUARTER = running(today())
LAST = before(QUARTER)
WHO = "虚构填表人"


async def test_the_form_is_downloaded_filled_in_and_reads_back_as_the_files_that_the_village_has(
    served: Served, departments: Mapping[str, Source], people: list[Child]
) -> None:
    village = (await villages(departments, people, "DRAFT"))[0]
    async with at_desk(served, f"village_committee:{village}", SURVEY) as client:
        found = await client.get("/survey/template")
        assert found.headers["content-type"].startswith("application/vnd.openxml")
        assert "no-store" in found.headers["cache-control"]
        read = parsed(found.content)
        names = {cells[read.places["name"]] for _, cells in read.data}
        assert names and names <= {one["name"] for one in await register(departments, village)}


async def test_a_sheet_with_errors_is_read_in_words_annotated_and_its_good_rows_are_entered_and_no_other(
    served: Served, departments: Mapping[str, Source], people: list[Child], tmp_path: Path
) -> None:
    village = (await villages(departments, people, "DRAFT"))[1]
    before_ = await register(departments, village)
    rows = form(village, 5, 11)
    rows[1]["sex"], rows[3]["birthDate"] = "不知道", "2014-13-01"
    async with at_desk(served, f"village_committee:{village}", SURVEY) as client:
        assert (await sent(client, sheet_of(rows, tmp_path))).status_code == 303
        shown = of((await client.get("/survey/sheet")).text)
        assert "共 5 行：3 行通过，2 行有误。" in shown
        assert "不在可选范围内" in shown and "日历中没有这一天" in shown and "年-月-日，如 2014-03-09" in shown
        assert re.search(r"\bD3\b", shown) and re.search(r"\bE5\b", shown)
        sheet = await client.get("/survey/sheet/annotated")
        book = CalamineWorkbook.from_filelike(io.BytesIO(sheet.content)).get_sheet_by_index(0).to_python()
        assert [line[-1] for line in book[1:]].count("通过") == 3
        assert "%E6%A3%80%E6%9F%A5%E7%BB%93%E6%9E%9C" in sheet.headers["content-disposition"]
        assert await register(departments, village) == before_
        refused = hidden((await client.get("/survey/sheet")).text, "/survey/sheet/enter")
        refused.pop("good")
        assert (await client.post("/survey/sheet/enter", data={**refused, "preparedBy": WHO})).status_code == 422
        assert await register(departments, village) == before_
        done = await entered(client)
        assert done.status_code == 200 and "已录入 3 行。" in of(done.text) and "另有 2 行有误" in of(done.text)
        names = {one["name"] for one in await register(departments, village)} - {one["name"] for one in before_}
        assert names == {rows[place]["name"] for place in (0, 2, 4)}
        after = await register(departments, village)
        assert (await entered(client)).status_code == 200
        assert await register(departments, village) == after
        for place, column, right in ((1, "sex", "男"), (3, "birthDate", "2014-03-09")):
            rows[place][column] = right
        rows[1]["citizenId"] = rows[3]["citizenId"] = ""
        rows[1]["householdRegistered"] = rows[3]["householdRegistered"] = "否"
        rows[3]["schoolingStatus"] = "初中"
        await sent(client, sheet_of(rows, tmp_path))
        shown = of((await client.get("/survey/sheet")).text)
        assert "共 5 行：5 行通过，0 行有误。" in shown, shown
        done = await entered(client)
        assert "已录入 5 行。" in of(done.text)
        assert by_name(await register(departments, village), rows[3]["name"])["birthDate"] == "2014-03-09"
        assert (await client.get("/survey/sheet")).status_code == 303
        submitted = await step(client, "/survey/", "submitSurvey", childrenCount="8", preparedBy=WHO)
        assert submitted.status_code == 200 and "已办理" in of(submitted.text), submitted.text
        assert (await statuses(departments, village))[QUARTER] == "VILLAGE_SUBMITTED"
        await sent(client, sheet_of(form(village, 1, 12), tmp_path))
        late = await entered(client)
        assert late.status_code == 409 and "已报送，村居不能再修改档案" in of(late.text)


async def test_the_sheet_lies_sealed_in_the_database_and_goes_with_the_session(
    served: Served, departments: Mapping[str, Source], people: list[Child], written: Server, tmp_path: Path
) -> None:
    village = (await villages(departments, people, "DRAFT"))[0]
    rows = form(village, 3, 13)
    file = tmp_path / "form.csv"
    as_csv(file, grid(rows), "utf-8")
    connection = await asyncpg.connect(written.dsn("hub"))
    try:
        await connection.execute("delete from pages.sheet")
        async with at_desk(served, f"village_committee:{village}", SURVEY) as client:
            assert (await sent(client, file.read_bytes(), f"{rows[0]['name']}.csv")).status_code == 303
            sealed = await connection.fetchval("select sealed from pages.sheet")
            for text in (rows[0]["name"], rows[1]["residenceAddress"], "档案标识"):
                assert text.encode() not in sealed
            async with at_desk(served, f"village_committee:{village}", SURVEY) as other:
                assert (await other.get("/survey/sheet")).status_code == 303
            out = {"form": hidden((await client.get("/survey/")).text, "/desk/sign-out")["form"]}
            await client.post("/desk/sign-out", data=out)
            assert await connection.fetchval("select count(*) from pages.sheet") == 0
    finally:
        await connection.close()


async def test_what_is_no_sheet_is_too_large_or_comes_from_elsewhere_is_turned_away_in_words(
    served: Served, departments: Mapping[str, Source], people: list[Child], tmp_path: Path
) -> None:
    village = (await villages(departments, people, "DRAFT"))[0]
    async with at_desk(served, f"village_committee:{village}", SURVEY) as client:
        for data, status, words in (
            (b"PK\x03\x04 no archive", 422, "文件已损坏"),
            (b"a,b,c\n1,2,3\n", 422, "找不到表头"),
            (b"x" * (LARGEST + 1), 413, "文件超过 8 MB"),
        ):
            found = await sent(client, data)
            assert (found.status_code, words in of(found.text)) == (status, True), found.text
        good = sheet_of(form(village, 1, 14), tmp_path)
        files = {"sheet": ("x.xlsx", good)}
        assert (await client.post("/survey/sheet", data={"form": "x"}, files=files)).status_code == 403
        own = {"form": hidden((await client.get("/survey/")).text, "/survey/sheet")["form"]}
        assert (await client.post("/survey/sheet", data=own)).status_code == 415
        foreign = {"Sec-Fetch-Site": "cross-site"}
        assert (await client.post("/survey/sheet", data=own, files=files, headers=foreign)).status_code == 403
        nothing = await client.post("/survey/sheet", data=own, files={"sheet": ("", b"")})
        assert (nothing.status_code, "请选择登记表文件" in nothing.text) == (422, True)
        many = {"sheet": ("x.xlsx", good), "other": ("y.xlsx", good)}
        assert (await client.post("/survey/sheet", data=own, files=many)).status_code == 400
        assert (await client.get("/survey/sheet")).status_code == 303


async def test_what_is_entered_is_what_was_shown_and_if_that_has_changed_it_is_shown_anew(
    served: Served, departments: Mapping[str, Source], people: list[Child], tmp_path: Path
) -> None:
    village = (await villages(departments, people, "DRAFT"))[0]
    before_ = await register(departments, village)
    async with at_desk(served, f"village_committee:{village}", SURVEY) as client:
        await sent(client, sheet_of(form(village, 2, 15), tmp_path))
        seen = hidden((await client.get("/survey/sheet")).text, "/survey/sheet/enter")
        await sent(client, sheet_of(form(village, 3, 16), tmp_path))
        found = await client.post("/survey/sheet/enter", data={**seen, "preparedBy": WHO})
        assert (found.status_code, "检查结果与您看到的不同" in found.text) == (409, True)
        assert await register(departments, village) == before_


async def test_a_value_that_somebody_corrected_meanwhile_is_shown_beside_the_sheets_before_it_is_written_over(
    served: Served, departments: Mapping[str, Source], people: list[Child], written: Server
) -> None:
    village = (await villages(departments, people, "DRAFT"))[0]
    async with at_desk(served, f"village_committee:{village}", SURVEY) as client:
        await sent(client, (await client.get("/survey/template")).content)
        text = (await client.get("/survey/sheet")).text
        assert "录入将新建档案 0 份，修改已有内容 0 处" in of(text)
        seen = hidden(text, "/survey/sheet/enter")
        read = parsed((await client.get("/survey/template")).content)
        bad = {int(one) for one in re.findall(r">[A-Z]+([0-9]+)</th>", text)}
        cells = next(cells for number, cells in read.data if number + 1 not in bad)
        name, was = (str(cells[read.places[column]]) for column in ("name", "residenceAddress"))
        connection = await asyncpg.connect(written.dsn("civil_affairs"))
        try:
            corrected = "update etda set xjzd = '另一处（虚构）' where xm = $1 and xzqhdm = $2"
            assert await connection.execute(corrected, name, village) == "UPDATE 1"
        finally:
            await connection.close()
        late = await client.post("/survey/sheet/enter", data={**seen, "preparedBy": WHO})
        told = of(late.text)
        assert late.status_code == 409 and "检查结果与您看到的不同" in told
        assert "修改已有内容 1 处" in told and f"{name} 现居住地 另一处（虚构） {was}" in told, told
        assert by_name(await register(departments, village), name)["residenceAddress"] == "另一处（虚构）"
        assert (await entered(client)).status_code == 200
        assert by_name(await register(departments, village), name)["residenceAddress"] == was


async def test_a_town_returns_with_a_reason_and_a_stale_form_shows_both_versions(
    served: Served, departments: Mapping[str, Source], people: list[Child]
) -> None:
    village = (await villages(departments, people, "VILLAGE_SUBMITTED"))[0]
    town = f"town_government:{village[:9]}"
    async with at_desk(served, town, SURVEY) as client:
        shown = (await client.get(f"/survey/?quarter={QUARTER}")).text
        name = next(one.name for code, one in POLICY.divisions.items() if code == village)
        page = row_of_page(shown, name)
        stale = hidden((await client.get(page)).text, "/returnToVillage")
        assert (await step(client, page, "returnToVillage")).status_code == 400
        done = await step(client, page, "returnToVillage", returnReason="人数不符（虚构）")
        assert done.status_code == 200 and "回执 1" in of(done.text)
        late = await client.post(f"{page}/returnToVillage", data={**stale, "returnReason": "另一个原因（虚构）"})
        told = of(late.text)
        assert late.status_code == 409 and "您的内容与现状" in told
        assert "另一个原因（虚构）" in told and "人数不符（虚构）" in told and "已退回" in told
        again = await client.post(f"{page}/submitSurvey", data={**stale, "childrenCount": "1", "preparedBy": WHO})
        assert again.status_code == 403
    async with at_desk(served, f"village_committee:{village}", SURVEY) as client:
        shown = of((await client.get("/survey/")).text)
        assert "已退回" in shown and "退回原因：人数不符（虚构）" in shown
    assert (await statuses(departments, village))[QUARTER] == "RETURNED"


async def test_who_is_missing_is_named_with_working_days_a_village_without_a_row_among_them(
    served: Served, departments: Mapping[str, Source], people: list[Child], written: Server
) -> None:
    names = {code: one.name for code, one in POLICY.divisions.items()}
    drafts = await villages(departments, people, "DRAFT")
    village = next(one.village for one in people if one.village not in drafts)
    town = village[:9]
    connection = await asyncpg.connect(written.dsn("civil_affairs"))
    try:
        await connection.execute("delete from dcbs where xzqhdm = $1 and jd = $2", village, LAST)
    finally:
        await connection.close()
    late = workdays_between(due_day(LAST, "VILLAGE"), today())
    async with at_desk(served, f"town_government:{town}", SURVEY) as client:
        shown = of((await client.get(f"/survey/progress?quarter={LAST}")).text)
        assert f"{names[village]} 未开始" in shown and f"逾期 {late} 个工作日" in shown
        warned = of((await client.get(f"/survey/?quarter={LAST}")).text)
        assert f"尚未开始填报的村居（1 个）：{names[village]}" in warned
        other = next(one.village for one in people if one.village[:9] != town)
        assert names[other] not in shown
    async with at_desk(served, CIVIL, SURVEY) as client:
        text = (await client.get(f"/survey/progress?quarter={LAST}")).text
        assert text.count('<li class="tile') == 30
        towns = [code for code in names if len(code) == 9 and not code.startswith("1201144")]
        tiles = re.findall(r'<li class="tile.*?</li>', text, re.DOTALL)
        assert all(any(names[code] in of(tile) and "村居已报" in of(tile) for tile in tiles) for code in towns)
        [open_] = re.findall(rf'<details class="step" id="t{town}">.*?</details>', text, re.DOTALL)
        assert f"{names[village]} 未开始" in of(open_) and f"逾期 {late} 个工作日" in of(open_)


async def test_last_quarters_survey_that_came_back_stands_before_the_new_one_which_may_be_begun(
    served: Served, departments: Mapping[str, Source], people: list[Child], written: Server, tmp_path: Path
) -> None:
    village = (await villages(departments, people, "DRAFT"))[0]
    await came_back(written, village)
    async with at_desk(served, f"village_committee:{village}", SURVEY) as client:
        text = (await client.get("/survey/")).text
        sections = [of(one) for one in re.findall(r"<section.*?</section>", text, re.DOTALL)]
        assert len(sections) == 2
        assert f"{LAST[:4]} 年第 {LAST[5]} 季度 已退回" in sections[0] and "退回原因：人数不符（虚构）" in sections[0]
        assert f"{QUARTER[:4]} 年第 {QUARTER[5]} 季度 未开始" in sections[1]
        await sent(client, sheet_of(form(village, 1, 17), tmp_path))
        assert "已录入 1 行。" in of((await entered(client)).text)
        assert await statuses(departments, village) == {LAST: "RETURNED"}
        assert (await step(client, "/survey/", "submitSurvey", childrenCount="1", preparedBy=WHO)).status_code == 200
        assert (await step(client, "/survey/", "beginSurvey", preparedBy=WHO)).status_code == 200
        assert await statuses(departments, village) == {LAST: "VILLAGE_SUBMITTED", QUARTER: "DRAFT"}
        again = await client.post("/survey/beginSurvey", data={**hidden(text, "/beginSurvey"), "preparedBy": WHO})
        assert again.status_code == 409 or "未再次办理" in again.text, again.text


async def test_the_page_is_for_villages_towns_and_civil_affairs_each_with_its_part(
    served: Served, people: list[Child]
) -> None:
    village = people[0].village
    async with at_desk(served, WOMEN, "emergency_response") as client:
        assert (await client.get("/survey/")).status_code == 403
        assert "/survey/" not in (await client.get("/duty/")).text
    async with at_desk(served, f"town_government:{village[:9]}", SURVEY) as client:
        assert 'href="/survey/"' in (await client.get("/duty/")).text
        for path in ("/survey/template", "/survey/sheet"):
            assert (await client.get(path)).status_code == 403
    async with at_desk(served, f"village_committee:{village}", SURVEY, **{"Accept-Language": "en"}) as client:
        assert (await client.get("/survey/progress")).status_code == 403
        assert "Send the filled form" in (await client.get("/survey/")).text
        assert (await client.get("/survey/nothing")).status_code == 404


# In a browser.


@pytest.mark.browser
async def test_a_quarter_goes_from_a_broken_sheet_to_civil_affairs(
    browser: Browser, served: Served, departments: Mapping[str, Source], people: list[Child], tmp_path: Path
) -> None:
    pictures = Pictures("survey")
    where = All((Compare("quarter", "eq", Constant(QUARTER)), Compare("status", "eq", Constant("DRAFT"))))
    drafts = {one["divisionCode"] for one in await rows_of(departments, "SurveySubmission", where, {}, "divisionCode")}
    here = max(child.village[:9] for child in people)
    village = max(code for code in drafts if len(code) == 12 and code.startswith(here))
    await others_submit(served, here, village, QUARTER)
    rows = form(village, 4, 40)
    async with browsing(browser, served, f"village_committee:{village}", SURVEY, "/survey/") as page:
        await at_the_village(page, pictures, rows, tmp_path / "登记表.xlsx", village)
    files = await register(departments, village)
    assert all(by_name(files, row["name"])["_accepted"] is False for row in rows)
    async with browsing(browser, served, f"town_government:{here}", SURVEY, "/survey/") as page:
        await at_the_town(page, pictures, POLICY.divisions[village].name)
    async with browsing(browser, served, CIVIL, SURVEY, "/survey/") as page:
        await at_the_district(page, pictures, POLICY.divisions[here].name)
    assert (await statuses(departments, village))[QUARTER] == "DISTRICT_ACCEPTED"
    files = await register(departments, village)
    assert all(by_name(files, row["name"])["_accepted"] is True for row in rows)


async def at_the_village(page: Page, pictures: Pictures, rows: list[dict[str, str]], file: Path, village: str) -> None:
    broken = [dict(row) for row in rows]
    broken[0]["sex"], broken[2]["birthDate"], broken[2]["father.phone"] = "不知道", "2014-13-01", "12345"
    await expect(page.get_by_role("heading", name="农村留守儿童季度摸排")).to_be_visible()
    await pictures.of(page, "village", differs=True)
    for words in ("下载登记表", "登记表文件", "上传并检查", "报送镇街"):
        await tab_to(page, words)
    await page.reload()
    async with page.expect_download() as download:
        await page.get_by_role("link", name="下载登记表").click()
    assert (await download.value).suggested_filename == f"登记表-{village}-{QUARTER}.xlsx"
    as_xlsx(file, grid(broken))
    await _send(page, file)
    await expect(page.get_by_role("status")).to_have_text("共 4 行：2 行通过，2 行有误。")
    await expect(page.get_by_role("row", name="日历中没有这一天")).to_contain_text("年-月-日，如 2014-03-09")
    await pictures.of(page, "problems", differs=True)
    async with page.expect_download() as download:
        await page.get_by_role("link", name="下载标注后的登记表").click()
    assert (await download.value).suggested_filename == "登记表-检查结果.xlsx"
    as_xlsx(file, grid(rows))
    await _send(page, file)
    await expect(page.get_by_role("status")).to_have_text("共 4 行：4 行通过，0 行有误。")
    await pictures.of(page, "passed")
    await page.get_by_label("填表人").fill(WHO)
    await page.get_by_role("button", name="全部录入（4 行）").click()
    await expect(page.get_by_role("status")).to_have_text("已录入 4 行。", timeout=60_000)
    await pictures.of(page, "entered")
    await page.get_by_label("填表人").fill(WHO)
    await follow(page.get_by_role("button", name="报送镇街"))
    await expect(page.get_by_role("heading", name="已办理")).to_be_visible()
    await follow(page.get_by_role("link", name="返回季度摸排"))
    await expect(page.locator("section .tag").last).to_have_text("村居已报送")


async def at_the_town(page: Page, pictures: Pictures, village: str) -> None:
    await page.goto(f"/survey/?quarter={QUARTER}")
    await expect(page.locator("li", has_text=village).first).to_contain_text("村居已报送")
    await pictures.of(page, "town")
    await page.goto(f"/survey/progress?quarter={QUARTER}")
    await pictures.of(page, "progress-town")
    await page.goto(f"/survey/?quarter={QUARTER}")
    await page.locator("summary", has_text="镇街汇总报送").click()
    await page.get_by_label("在册儿童数").fill("12")
    await page.get_by_label("填表人").fill(WHO)
    await follow(page.get_by_role("button", name="镇街汇总报送"))
    await expect(page.get_by_role("heading", name="已办理")).to_be_visible()
    await pictures.of(page, "done")


async def at_the_district(page: Page, pictures: Pictures, town: str) -> None:
    await page.goto(f"/survey/?quarter={QUARTER}")
    await pictures.of(page, "district")
    item = page.locator("li", has_text=town)
    await expect(item).to_contain_text("镇街已汇总")
    await follow(item.get_by_role("link", name="查看并办理"))
    await pictures.of(page, "row-district")
    await follow(page.get_by_role("button", name="核准"))
    await expect(page.get_by_role("heading", name="已办理")).to_be_visible()
    await page.goto(f"/survey/progress?quarter={QUARTER}")
    tile = page.locator(".tile", has_text=town)
    await expect(tile).to_contain_text("区级已核准")
    await pictures.of(page, "progress-district")
    await page.goto(f"/survey/progress?quarter={LAST}")
    await pictures.of(page, "progress-late", differs=True)


async def _send(page: Page, file: Path) -> None:
    await page.get_by_label("登记表文件").set_input_files(file)
    await follow(page.get_by_role("button", name="上传并检查"))
    await expect(page.get_by_role("heading", name="登记表检查结果")).to_be_visible()
