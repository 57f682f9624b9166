"""Messages that a unit's own system did not take: shown to that unit alone, and delivered again by its own hand."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from playwright.async_api import Browser

from connectors.demo.server import Server
from connectors.source import Source
from hub.lifecycle.steps import DEADLINES
from tests.integration.test_webhooks import QUICK, Desk, desk, hooks, placed, says, until
from tests.support.browsing import Pictures, browsing, follow
from tests.support.course import EMERGENCY, POLICE, WOMEN, Course
from tests.support.desk import at_desk, hidden, of
from tests.support.served import Child, Served, entries_of, serving, settings_of

pytestmark = pytest.mark.postgres

PAGE = "/duty/webhooks"
SECRETS = ("虚构报告人", "13900000000", "虚构地点")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A hub whose messages to the police and to a town are given up, after a report came to the town."""

    served: Served
    written: Server
    police: Desk
    town: Desk
    child: Child
    other: Child
    course: Course
    departments: Mapping[str, Source]

    async def owner(self, statement: str, *values: Any) -> list[Any]:
        """What the owner of the hub's database may do."""
        connection = await asyncpg.connect(self.written.dsn("hub"))
        try:
            found: list[Any] = await connection.fetch(statement, *values)
            return found
        finally:
            await connection.close()

    async def dead(self, target: str) -> list[str]:
        """Ids of the messages to a target that were given up."""
        query = "select id from event.message where target = $1 and dead is not null order by dead, position"
        return [row["id"] for row in await self.owner(query, target)]

    async def body(self, message: str) -> dict[str, Any]:
        """What a message says."""
        [row] = await self.owner("select body from event.message where id = $1", message)
        found: dict[str, Any] = json.loads(row["body"])
        return found

    async def put(self, message: str, body: Mapping[str, Any]) -> None:
        """Has it say something else."""
        await self.owner("update event.message set body = $2 where id = $1", message, json.dumps(body))


@pytest.fixture(scope="module")
async def given(
    written: Server, departments: Mapping[str, Source], people: list[Child], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Given]:
    folder, child = tmp_path_factory.mktemp("hub"), people[2]
    with desk() as police, desk() as town:
        police.status = town.status = 503
        more = {
            **QUICK,
            "HUB_SENDING__ATTEMPTS": "2",
            "HUB_WEBHOOKS": hooks(("p", POLICE, police.url), ("t", child.town, town.url)),
        }
        async with serving(settings_of(written, folder / "keys"), folder, **more) as served:
            await placed(written, "p", "t")
            course = Course(served=served, departments=departments, child=child)
            await course.reported(reporterName=SECRETS[0], reporterPhone=SECRETS[1], placeAddress=SECRETS[2])
            for turn in course.police():
                assert (await course.take(turn)).status == 200
            made = Given(
                served=served,
                written=written,
                police=police,
                town=town,
                child=child,
                other=next(each for each in people if each.town != child.town),
                course=course,
                departments=departments,
            )
            await says(served, "5 given up")
            yield made


async def test_a_unit_sees_what_its_own_system_did_not_take_in_ids_codes_and_times(given: Given) -> None:
    ids = await given.dead("p")
    async with at_desk(given.served, POLICE, EMERGENCY) as police:
        board = await police.get("/duty/")
        assert f"有 {len(ids)} 条消息未能推送" in of(board.text) and f'href="{PAGE}"' in board.text
        before = len(await entries_of(given.written))
        shown = await police.get(PAGE)
        assert shown.status_code == 200 and len(await entries_of(given.written)) == before + 1, "the look is an entry"
    report = given.served.id(POLICE, "MandatoryReport", given.course.key)
    seen = of(shown.text)
    for said in (*ids, report, "mandatoryReportChanged", "HTTP 状态码 503", "已尝试次数 2", "回执"):
        assert said in seen, (said, seen)
    for value in (*SECRETS, given.child.citizen, given.child.village, given.course.key):
        assert value not in shown.text
    assert "<script" not in shown.text


async def test_no_unit_sees_or_sends_again_what_was_for_another_or_for_another_purpose(given: Given) -> None:
    served, ids = given.served, await given.dead("p")
    [town] = await given.dead("t")
    async with at_desk(served, given.child.town, EMERGENCY) as client:
        shown = await client.get(PAGE)
        assert town in shown.text and not any(one in shown.text for one in ids)
        form = hidden(shown.text, PAGE)
        sent = await client.post(PAGE, data={"form": form["form"], "message": [f"p/{one}" for one in ids]})
        assert (sent.status_code, "没有可重新投递的消息" in sent.text) == (200, True)
        absent = await client.post(PAGE, data={"form": form["form"], "message": "p/msg_absent"})
        assert without_receipt(absent.text) == without_receipt(sent.text), (
            "one of another looks like one that is not there"
        )
    assert await given.dead("p") == ids


async def test_an_alarm_is_shown_for_the_purpose_of_the_webhook_and_to_its_own_town_alone(given: Given) -> None:
    [letter], town = await given.dead("t"), given.child.town
    body = await given.body(letter)
    told = {**body["data"], "clock": "assess", "clause": "2.5"}
    told.pop("changed")
    await given.put(letter, {**body, "type": "overdue", "data": told})
    others = ((given.other.town, EMERGENCY), (town, "guardianship_protection"), (WOMEN, "care_service"))
    for who, purpose in ((town, EMERGENCY), *others):
        async with at_desk(given.served, who, purpose) as client:
            board, shown = (await client.get("/duty/")).text, (await client.get(PAGE)).text
            assert (PAGE in board, letter in shown, DEADLINES["assess"].zh in shown) == (
                (who, purpose) not in others,
            ) * 3
            assert ("没有未送达的消息" in shown) == ((who, purpose) in others)
    await given.put(letter, body)


def without_receipt(text: str) -> str:
    return re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)


async def test_a_row_that_is_not_there_for_the_unit_any_more_is_neither_named_nor_told_of_again(
    given: Given,
) -> None:
    [letter] = await given.dead("t")
    body = await given.body(letter)
    elsewhere = given.served.id(given.child.town, "Incident", "no such row")
    for change in ({"data": {**body["data"], "id": elsewhere}}, {"type": "dropoutRecordChanged"}):
        await given.put(letter, {**body, **change})
        async with at_desk(given.served, given.child.town, EMERGENCY) as client:
            shown = await client.get(PAGE)
            assert elsewhere not in shown.text and f'action="{PAGE}"' not in shown.text
            assert ("不再投递" in shown.text, letter in shown.text) == ("data" in change,) * 2
            form = {"form": hidden(shown.text, "/sign-out")["form"], "message": f"t/{letter}"}
            assert "没有可重新投递的消息" in (await client.post(PAGE, data=form)).text
    assert await given.dead("t") == [letter]
    await given.put(letter, body)


async def test_a_form_of_another_session_or_site_sends_nothing_again(given: Given) -> None:
    [town] = await given.dead("t")
    async with at_desk(given.served, given.child.town, EMERGENCY) as client:
        form = hidden((await client.get(PAGE)).text, PAGE)
        assert form["message"] == f"t/{town}"
        assert (await client.post(PAGE, data={**form, "form": "x"})).status_code == 403
        foreign = await client.post(PAGE, data=form, headers={"Sec-Fetch-Site": "cross-site"})
        assert foreign.status_code == 403
        assert (await client.post(PAGE, data={"form": form["form"]})).status_code == 400
    assert await given.dead("t") == [town]


@pytest.mark.browser
async def test_by_keyboard_on_a_telephone_one_is_delivered_again_and_then_the_rest(
    browser: Browser, given: Given
) -> None:
    first, *rest = await given.dead("p")
    given.police.got.clear()
    given.police.status = 204
    async with browsing(browser, given.served, POLICE, EMERGENCY, "/duty/") as page:
        await follow(page.get_by_role("link", name="未送达的推送消息"))
        await Pictures("webhooks").of(page, "dead", differs=True)
        await page.get_by_role("button", name=f"再次投递 {first}").focus()
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        assert "已将 1 条消息重新排队投递" in await page.inner_text("main")
        await until(lambda: len(given.police.got) == 1)
        assert given.police.got[0][0]["webhook-id"] == first, "under its own id"
        await follow(page.get_by_role("button", name="以上全部再次投递"))
        await until(lambda: len(given.police.got) == 1 + len(rest))
        assert {headers["webhook-id"] for headers, _ in given.police.got} == {first, *rest}
        await page.goto("/duty/")
        assert "未能推送" not in await page.inner_text("main")
    await says(given.served, "1 given up")
