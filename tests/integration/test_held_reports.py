"""A report while the police database is away: held where nobody reads it, delivered once, dated as of the first try."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import asyncpg
import pytest

from connectors.demo.server import Server
from tests.integration.test_webhooks import command
from tests.support.course import EMERGENCY, POLICE
from tests.support.desk import at_desk, hidden, of
from tests.support.holding import SCHOOL, Holding, holding_hub
from tests.support.served import PASSWORD, Child, entries_of

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
async def holding(written: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Holding]:
    async with holding_hub(written, tmp_path_factory.mktemp("holding")) as found:
        yield found


def at_of(row: Mapping[str, Any]) -> datetime:
    found = row["reportedAt"]
    return found if isinstance(found, datetime) else datetime.fromisoformat(str(found))


async def test_a_report_is_held_while_the_police_are_away_and_delivered_once_with_the_time_of_the_first_try(
    holding: Holding,
) -> None:
    narrative = "独自在家，门反锁（虚构 待）"
    async with holding.away():
        reply = await holding.report("held", narrative)
        error = reply.error
        assert (reply.status, error["code"], error["held"], error["accepted"]) == (
            503,
            "SOURCE_UNAVAILABLE",
            True,
            None,
        )
        assert "公安机关尚未收到报告，平台已加密保存" in error["messageZh"]
        assert "110、022-29341110" in error["messageZh"]
        await asyncio.sleep(1.1)
        assert (await holding.report("held", narrative)).error["held"] is True
        [kept] = await holding.held()
        assert (await holding.parts())["held reports"] == "waiting"
    await holding.delivered()
    [row] = await holding.rows(narrative)
    assert (row["status"], row["reporterUnit"]) == ("REPORTED", SCHOOL)
    assert abs((at_of(row) - kept["first_at"]).total_seconds()) < 1
    assert (await holding.report("held", narrative)).data["reportConcern"]["again"] is True
    assert len(await holding.rows(narrative)) == 1
    assert (await holding.parts())["held reports"] == "ok"


async def test_who_reads_the_hubs_database_learns_neither_what_is_held_nor_who_reported(holding: Holding) -> None:
    narrative = "被锁在屋里（虚构 密）"
    async with holding.away():
        assert (await holding.report("sealed", narrative)).error["held"] is True
        [kept] = await holding.held()
        institution = SCHOOL.partition(":")[2]
        secrets = (narrative, institution, "mandatory_reporter", "T0001", "sealed", holding.child.village)
        assert not [each for each in secrets if each in kept["whole"] or each.encode() in kept["sealed"]]
        reader = await asyncpg.connect(holding.server.dsn("hub", user="hub_read", password=PASSWORD))
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await reader.fetch("select * from held.report")
        finally:
            await reader.close()
    await holding.delivered()
    for entry in await entries_of(holding.server):
        assert institution not in entry.decode() and narrative not in entry.decode()


async def test_another_content_under_the_same_key_is_refused_and_neither_is_lost(holding: Holding) -> None:
    first, second = "独自在家（虚构 先）", "独自在家（虚构 后）"
    async with holding.away():
        assert (await holding.report("one key", first)).error["held"] is True
        other = (await holding.report("one key", second)).error
        assert (other["code"], other["reason"]) == ("CONFLICT", "key")
    await holding.delivered()
    assert (len(await holding.rows(first)), len(await holding.rows(second))) == (1, 0)


async def test_a_report_survives_the_end_of_the_hub_and_one_that_was_tampered_with_is_not_delivered(
    holding: Holding,
) -> None:
    narrative, spoilt = "独自在家（虚构 续）", "独自在家（虚构 篡）"
    async with holding.away():
        assert (await holding.report("killed", narrative)).error["held"] is True
        assert (await holding.report("spoilt", spoilt)).error["held"] is True
        await holding.served.kill()
        connection = await asyncpg.connect(holding.server.dsn("hub"))
        try:
            row = await connection.fetchrow("select name, sealed from held.report order by first_at desc limit 1")
            changed = row["sealed"][:-1] + bytes([row["sealed"][-1] ^ 1])
            await connection.execute("update held.report set sealed = $1 where name = $2", changed, row["name"])
        finally:
            await connection.close()
        await holding.served.start()
    async with asyncio.timeout(60):
        while [row for row in await holding.held() if row["refused"] is None]:
            await asyncio.sleep(0.1)
    assert (len(await holding.rows(narrative)), len(await holding.rows(spoilt))) == (1, 0)
    [left] = await holding.held()
    assert left["refused"] == "INVALID_INPUT" and (await holding.parts())["held reports"] == "refused"
    # Its reporter sends it again: it arrives, and nothing is held any more.
    assert (await holding.report("spoilt", spoilt)).status == 200
    assert await holding.held() == []


NOT_TAKEN = """
create function taken() returns trigger language plpgsql as $$ begin
    if new.jyqk like '%（虚构 不收）' then raise exception 'no'; end if;
    return new;
end $$;
create trigger taken before insert on jq_bg for each row execute function taken()
"""
"""A rule of the police's own system, of which the hub knows nothing."""


async def police_run(holding: Holding, statement: str) -> None:
    """What the police's own administrator does to their database."""
    connection = await asyncpg.connect(holding.server.dsn("public_security"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_report_that_the_police_system_refuses_keeps_none_waiting_is_shown_to_the_police_and_sent_again(
    holding: Holding, people: list[Child]
) -> None:
    refused, later = "被锁在屋里三天（虚构 不收）", "独自在家（虚构 随后）"
    async with holding.away():
        assert (await holding.report("not taken", refused)).error["held"] is True
        [kept] = await holding.held()
        assert (await holding.report("taken", later)).error["held"] is True
        async with at_desk(holding.served, POLICE, EMERGENCY) as client:
            assert "另有 2 份报告由平台加密代存" in of((await client.get("/duty/")).text)
        await police_run(holding, NOT_TAKEN)
    try:
        async with asyncio.timeout(60):
            while not await holding.rows(later) or not all(row["refused"] for row in await holding.held()):
                await asyncio.sleep(0.1)
        assert [row["refused"] for row in await holding.held()] == ["REJECTED"]
        before = set(await entries_of(holding.server))
        async with at_desk(holding.served, POLICE, EMERGENCY) as client:
            assert "其中被系统拒收 1 份" in of((await client.get("/duty/")).text)
            page = await client.get("/duty/held")
            assert page.status_code == 200 and refused in page.text and "REJECTED" in page.text
        fresh = [json.loads(one) for one in await entries_of(holding.server) if one not in before]
        shown = [one for one in fresh if "MandatoryReport.narrative" in one["released"]]
        assert len(shown) == 1 and shown[0]["unit"] == POLICE and shown[0]["rules"] and refused not in str(fresh)
        for key in (people[0].town, "civil_affairs_bureau", SCHOOL):
            async with at_desk(holding.served, key, EMERGENCY) as client:
                assert (await client.get("/duty/held")).status_code == 404
                assert "代存" not in (await client.get("/duty/")).text
        listed = command(holding.served, "held", "list")
        assert (listed.returncode, kept["name"][:12] in listed.stdout, "REJECTED" in listed.stdout) == (1, True, True)
        assert refused not in listed.stdout and SCHOOL.partition(":")[2] not in listed.stdout
        assert command(holding.served, "held", "retry", "nothing").returncode == 1
    finally:
        await police_run(holding, "drop function taken cascade")
    assert command(holding.served, "held", "retry", kept["name"][:12]).returncode == 0
    await holding.delivered()
    [row] = await holding.rows(refused)
    assert row["reporterUnit"] == SCHOOL and abs((at_of(row) - kept["first_at"]).total_seconds()) < 1
    assert command(holding.served, "held", "list").returncode == 0


async def test_the_form_says_that_the_police_have_not_got_it_yet_and_whom_to_call(holding: Holding) -> None:
    narrative = "独自在家（虚构 表）"
    async with at_desk(holding.served, SCHOOL, EMERGENCY) as client:
        form = hidden((await client.get("/report/")).text, "/report/")
        given = {**form, "divisionCode": holding.child.village, "narrative": narrative}
        async with holding.away():
            told = of((await client.post("/report/", data=given)).text)
            assert "公安机关尚未收到，请立即拨打 110 · 022-29341110" in told and "恢复后自动送达" in told
        await holding.delivered()
        again = await client.post("/report/", data=given)
        assert "报告已受理" in again.text and "仍为同一报告" in again.text
    assert len(await holding.rows(narrative)) == 1


async def test_each_delivery_has_its_intent_and_its_outcome(holding: Holding) -> None:
    before = set(await entries_of(holding.server))
    async with holding.away():
        assert (await holding.report("entered", "独自在家（虚构 录）")).error["held"] is True
    await holding.delivered()
    async with asyncio.timeout(60):
        while True:
            entries = [json.loads(entry) for entry in await entries_of(holding.server) if entry not in before]
            acts = {
                kind: {(one["request"], one["part"]) for one in entries if one["kind"] == kind}
                for kind in ("intent", "outcome")
            }
            # The first try's intent is settled when the police are back, by asking them.
            if acts["intent"] and acts["intent"] <= acts["outcome"]:
                break
            await asyncio.sleep(0.1)
    intents = [one for one in entries if one["kind"] == "intent"]
    named = {fact for one in intents for fact in one["facts"] if fact.startswith("intent=")}
    written = [one for one in entries if "outcome=written" in one["facts"] and named & set(one["facts"])]
    assert len(named) == 1
    assert [one for one in written if "settled=later" not in one["facts"]]


async def test_readyz_tells_the_ways_that_write_apart_from_those_that_read(holding: Holding) -> None:
    await holding.ways["write public_security"].turn("refuse")
    try:
        parts = await holding.parts()
        assert (parts["public_security"], parts["write civil_affairs"]) == ("ok", "ok")
        assert parts["write public_security"] in {"unreachable", "timeout"}
    finally:
        await holding.ways["write public_security"].turn("pass")
    async with asyncio.timeout(60):
        while (await holding.parts())["write public_security"] != "ok":
            await asyncio.sleep(0.1)
