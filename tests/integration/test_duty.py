"""The duty page over real HTTP: what waits for whom and how long, which steps are lawful, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from connectors.source import Source
from tests.support.course import ASSESSED, CIVIL, EMERGENCY, GUARDIANSHIP, POLICE, WOMEN, Course, strangers_to
from tests.support.desk import at_desk, filled, hidden, links, of, take
from tests.support.served import Child, Served
from tests.support.steps import row_of

pytestmark = pytest.mark.postgres


@pytest.fixture
def course(served: Served, departments: Mapping[str, Source], people: list[Child]) -> Course:
    return Course(served=served, departments=departments, child=people[0])


def page_of(course: Course, who: str) -> str:
    """The address of the report's page, of a unit that may have been given its id or not."""
    return f"/duty/MandatoryReport/{course.served.id(who, 'MandatoryReport', course.key)}"


async def test_a_report_waits_for_the_police_and_is_driven_by_forms_until_the_town_has_it(
    served: Served, course: Course, people: list[Child]
) -> None:
    await course.reported(WOMEN, placeAddress="村口小桥（虚构）")
    town, row = course.child.town, page_of(course, POLICE)
    async with at_desk(served, POLICE, EMERGENCY) as police:
        shown = of((await police.get("/duty/")).text)
        assert "村口小桥（虚构）" in shown and "受理出警（条款 3.1.4）" in shown and "已等待 0 分钟" in shown
        found = await take(police, row, "dispatch")
        assert found.status_code == 200, found.text
        assert "已办理" in of(found.text) and "回执 1" in of(found.text)
        assert (await take(police, row, "matchReport", number=course.child.citizen)).status_code == 200
        measures = {"measures": ["CONTACT_PARENTS", "STOP_HARM"], "parentsReached": "false"}
        assert (await take(police, row, "recordMeasures", **measures)).status_code == 200
        assert "剩余 23 小时" in of((await police.get("/duty/")).text)
        assert (await take(police, row, "notifyTown")).status_code == 200
        assert await course.status() == "TOWN_NOTIFIED"
        read = of((await police.get(row)).text)
        assert "联系通知父母返回、制止侵害" in read
        assert "发生地区划" in read and "代码" not in read, "a place is shown, and nobody is asked for a code"
    async with at_desk(served, town, GUARDIANSHIP) as desk:
        shown = (await desk.get("/duty/")).text
        assert page_of(course, town) in links(shown, "MandatoryReport")
        assert "剩余 6 天 23 小时" in of(shown)
        read = of((await desk.get(page_of(course, town))).text)
        assert "报告单位" not in read and "报告主体类别" not in read and "妇联" not in read
        assert (await take(desk, page_of(course, town), "assess", **ASSESSED)).status_code == 200
        service = {"services.0.kind": "COUNSELLING", "services.0.providerUnit": WOMEN}
        assert (await take(desk, page_of(course, town), "planAssistance", **service)).status_code == 200
    assert await course.status() == "PLANNED"
    for stranger in strangers_to(course.child, people)[:1]:
        async with at_desk(served, stranger, GUARDIANSHIP) as desk:
            assert page_of(course, stranger) not in links((await desk.get("/duty/")).text, "MandatoryReport")
            assert (await desk.get(page_of(course, stranger))).status_code == 404


async def test_a_form_sent_twice_is_one_step(served: Served, course: Course) -> None:
    await course.reported(WOMEN)
    row = page_of(course, POLICE)
    async with at_desk(served, POLICE, EMERGENCY) as police:
        form = hidden((await police.get(row)).text, "/dispatch")
        first, second = [await police.post(f"{row}/dispatch", data=form) for _ in range(2)]
        assert (first.status_code, second.status_code) == (200, 200)
        assert "未再次办理" not in first.text and "未再次办理" in second.text


async def test_a_conflict_shows_both_versions_and_what_is_lawful(served: Served, course: Course) -> None:
    await course.reported(WOMEN)
    await course.until("DISPATCHED")
    row = page_of(course, POLICE)
    async with at_desk(served, POLICE, EMERGENCY) as police:
        form = hidden((await police.get(row)).text, "/recordMeasures")
        assert (await take(police, row, "findUnfounded", findings="未见异常（虚构）")).status_code == 200
        late = await police.post(
            f"{row}/recordMeasures", data={**form, "measures": "STOP_HARM", "findings": "（虚构）"}
        )
        assert late.status_code == 409
        assert not re.search(r"（`\w+`）", late.text), "no name of a step that programs use"
        told = of(late.text)
        assert "与现状不符" in told and "您以为当前为“已出警”，实际为“查不属实”" in told
        assert "您的内容与现状" in told and "未见异常（虚构）" in told
        assert "重新处置 （条款 2.5）" in told


async def test_adding_to_what_was_recorded_takes_nothing_of_it_away(served: Served, course: Course) -> None:
    await course.reported(WOMEN)
    await course.until("HANDLED")
    link, names = page_of(course, POLICE), ("measures", "parentsReached", "findings")
    before = await row_of(course.departments, "Incident", course.key, *names, by="_report")
    assert before == {"measures": ["CONTACT_PARENTS"], "parentsReached": False, "findings": None}
    async with at_desk(served, POLICE, EMERGENCY) as one, at_desk(served, POLICE, EMERGENCY) as other:
        form = filled((await other.get(link)).text, "/supplementIncident")
        assert (form["measures"], form["parentsReached"]) == (["CONTACT_PARENTS"], ["false"])
        nothing = await take(one, link, "supplementIncident", reason="没有变化（虚构）")
        assert (nothing.status_code, "缺少" in nothing.text) == (400, True)
        more = {"measures": [*form["measures"], "EVIDENCE"], "reason": "补充（虚构）"}
        mine = {**filled((await one.get(link)).text, "/supplementIncident"), **more}
        for again in (False, True):
            taken = await one.post(f"{link}/supplementIncident", data=mine)
            assert (taken.status_code, "重复提交" in taken.text) == (200, again), of(taken.text)
        # Who saw less before writes over nothing of it, and may still add what nobody has touched.
        late = {**form, "measures": ["CONTACT_PARENTS", "MEDICAL_HELP"], "reason": "补充（虚构）"}
        overtaken = await other.post(f"{link}/supplementIncident", data=late)
        assert overtaken.status_code == 409
        assert "在此期间已被他人更改" in overtaken.text and "调查取证" in of(overtaken.text)
        elsewhere = {**form, "findings": "另有情况（虚构）", "reason": "补充（虚构）"}
        assert (await other.post(f"{link}/supplementIncident", data=elsewhere)).status_code == 200
        emptied = await take(other, link, "supplementIncident", findings="", reason="误填（虚构）")
        assert emptied.status_code == 200
        # Of a client that says what it saw, as the form does: over HTTP, by the schema that is served.
        act = {"id": link.rpartition("/")[2], "reason": "误填（虚构）", "findings": "（虚构）"}
        for saw, codes in (("另有情况（虚构）", {"CONFLICT"}), (None, set())):
            told = await served.step(POLICE, EMERGENCY, "supplementIncident", seen={"findings": saw}, **act)
            assert told.codes == codes, told.error
        form = filled((await one.get(link)).text, "/supplementIncident")
        assert "seen" not in form and set(form["measures"]) == {"CONTACT_PARENTS", "EVIDENCE"}
        fewer = {**form, "measures": ["CONTACT_PARENTS"], "findings": "", "reason": "误填（虚构）"}
        assert (await one.post(f"{link}/supplementIncident", data=fewer)).status_code == 200
    after = await row_of(course.departments, "Incident", course.key, *names, by="_report")
    assert after is not None
    after["measures"].sort()
    assert after == {"measures": ["CONTACT_PARENTS"], "parentsReached": False, "findings": None}


async def test_what_is_wanting_is_named_and_what_was_entered_stays(served: Served, course: Course) -> None:
    await course.reported(WOMEN)
    row = page_of(course, POLICE)
    async with at_desk(served, POLICE, EMERGENCY) as police:
        assert (await take(police, row, "dispatch")).status_code == 200
        found = await take(police, row, "recordMeasures", findings="孩子安全（虚构）", idempotencyKey="虚构之名")
        assert found.status_code == 400
        # Under the same name: of an act of which it is not known whether it was done nothing is done twice.
        assert filled(found.text, "/recordMeasures")["idempotencyKey"] == ["虚构之名"]
        assert "孩子安全（虚构）" in found.text and 'role="alert"' in found.text
        other = await take(police, row, "matchReport", number="110101201001011237")
        assert other.status_code == 409 and "没有档案与该号码相符" in other.text
        assert (
            hidden(other.text, "/matchReport")["idempotencyKey"] != hidden(found.text, "/matchReport")["idempotencyKey"]
        )
        call = filled((await police.get("/duty/new/takeCall")).text, "/takeCall")
        again = await police.post("/duty/new/takeCall", data={**call, "narrative": "（虚构）"})
        assert again.status_code == 400
        assert filled(again.text, "/takeCall")["idempotencyKey"] == call["idempotencyKey"]


async def test_a_step_that_is_not_the_units_is_not_taken_whatever_is_posted(served: Served, course: Course) -> None:
    await course.reported(WOMEN)
    async with at_desk(served, course.child.town, GUARDIANSHIP) as desk:
        form = hidden((await desk.get("/duty/")).text)
        row = page_of(course, course.child.town)
        sent = {**form, "id": row.rpartition("/")[2], "idempotencyKey": "x"}
        assert (await desk.post(f"{row}/dispatch", data=sent)).status_code == 403
        assert (await desk.post(f"{row}/assess", data={**sent, **ASSESSED})).status_code in {400, 404}
    assert await course.status() == "REPORTED"


async def test_the_page_speaks_english_to_who_asks_for_it(served: Served, course: Course) -> None:
    await course.reported(WOMEN)
    async with at_desk(served, POLICE, EMERGENCY, **{"Accept-Language": "en"}) as police:
        shown = of((await police.get("/duty/")).text)
        assert "Waits for you" in shown and "accept the report and send officers (clause 3.1.4)" in shown


async def test_civil_affairs_finds_what_waits_for_it_alone(served: Served, people: list[Child]) -> None:
    async with at_desk(served, CIVIL, "social_assistance") as desk:
        shown = await desk.get("/duty/")
        assert shown.status_code == 200 and "安排救助帮扶" not in of(shown.text)
        assert links(shown.text, "AssistanceRecord") and not links(shown.text, "MandatoryReport")


async def reported(course: Course, narrative: str, division: str = "") -> str:
    """A report with this account; its key."""
    given = {"divisionCode": division or course.child.village, "narrative": narrative}
    assert (await course.served.step(WOMEN, EMERGENCY, "reportConcern", **given)).status == 200
    return await course.key_of(narrative)


async def test_reports_of_one_event_are_proposed_for_merging_into_one_that_is_open(
    served: Served, course: Course, people: list[Child]
) -> None:
    told = "三号楼的小女孩晚上独自在楼道里哭（虚构 %s）"
    first, second = await reported(course, told % "甲"), await reported(course, told % "乙")
    other = await reported(course, "村西池塘边有孩子落水被救起（虚构）")
    away = next(child.village for child in people if child.town != course.child.town)
    elsewhere = await reported(course, told % "丙", away)
    rows = {key: served.id(POLICE, "MandatoryReport", key) for key in (first, second, other, elsewhere)}
    async with at_desk(served, POLICE, EMERGENCY) as police:
        shown = await police.get(f"/duty/MandatoryReport/{rows[second]}")
        proposed = links(shown.text, "MandatoryReport")
        assert f"/duty/MandatoryReport/{rows[first]}" in proposed and "一日内同地同描述" in shown.text
        assert not {f"/duty/MandatoryReport/{rows[key]}" for key in (other, elsewhere, second)} & set(proposed)
        wanting = await take(police, f"/duty/MandatoryReport/{rows[second]}", "mergeReport")
        assert wanting.status_code == 400
        merged = await take(police, f"/duty/MandatoryReport/{rows[second]}", "mergeReport", into=rows[first])
        assert merged.status_code == 200, merged.text
        back = await police.get(f"/duty/MandatoryReport/{rows[first]}")
        assert f"/duty/MandatoryReport/{rows[second]}" not in links(back.text, "MandatoryReport")


async def test_reports_matched_to_one_child_are_proposed_whatever_they_say(served: Served, course: Course) -> None:
    first, second = await reported(course, "在校门口被打（虚构）"), await reported(course, "三天没有吃饭（虚构）")
    rows = [f"/duty/MandatoryReport/{served.id(POLICE, 'MandatoryReport', key)}" for key in (first, second)]
    async with at_desk(served, POLICE, EMERGENCY) as police:
        assert rows[0] not in links((await police.get(rows[1])).text, "MandatoryReport")
        for row in rows:
            assert (await take(police, row, "matchReport", number=course.child.citizen)).status_code == 200
        shown = await police.get(rows[1])
        assert rows[0] in links(shown.text, "MandatoryReport") and "同一儿童" in shown.text


async def test_who_cannot_merge_is_proposed_nothing(served: Served, course: Course) -> None:
    await course.reported(WOMEN)
    await course.until("TOWN_NOTIFIED")
    async with at_desk(served, course.child.town, GUARDIANSHIP) as desk:
        shown = await desk.get(page_of(course, course.child.town))
        assert shown.status_code == 200 and "建议并案" not in shown.text
