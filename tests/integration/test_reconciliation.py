"""Reconciliation by people over HTTP: comparisons asked for, candidates decided, discrepancies answered and judged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from connectors.demo.server import Server
from hub.quarters import running
from hub.reconcile.store import Store
from tests.reconcile.ground import Ground, opened
from tests.reconcile.noise import disturb
from tests.support.clusters import throw_away
from tests.support.course import CIVIL, EDUCATION, POLICE
from tests.support.desk import at_desk, hidden, of
from tests.support.running import start_server
from tests.support.served import Reply, Served, entries_of, fill_writable, serving, settings_of, today

pytestmark = pytest.mark.postgres

RECONCILE = "data_reconciliation"
CANDIDATES = """query Candidates($filter: ReconciliationItemFilter) {
  reconciliationItems(first: 100, filter: $filter) {
    edges { node { id discrepancyClass status answeringUnit sourceValues { source value } child { id name } } }
  }
}"""
WAITING = {"discrepancyClass": {"eq": "LINK_CANDIDATE"}, "status": {"eq": "OPEN"}}
ROW = "step again lawful { name } row: reconciliationItem { status }"
REASON = "核对有误（虚构）"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """A hub over departments that were compared once, by an order that civil affairs placed."""

    served: Served
    server: Server
    ground: Ground
    order: Reply

    async def step(self, who: str, step: str, item: str, **more: Any) -> Reply:
        """A step of an item, by whoever knows the id that would be its own."""
        row = self.served.id(who, "ReconciliationItem", item)
        return await self.served.step(who, RECONCILE, step, ROW, id=row, **more)

    async def item(self, where: str, status: str = "OPEN") -> str:
        """Key of the first item of a kind."""
        rows = await self.ground.rows(
            "hub", f"select id from reconciliation_item where status = $1 and ({where}) order by id limit 1", status
        )
        return str(rows[0][0])

    async def stands(self, item: str) -> tuple[str, str | None]:
        """Status of an item, and of its link."""
        ((found, link),) = await self.ground.rows(
            "hub",
            "select item.status, link.status from reconciliation_item as item left join link using (id) "
            "where item.id = $1",
            item,
        )
        return found, link

    async def households(self, item: str) -> int:
        """How many household registrations civil affairs sees below the file of a candidate."""
        ((register,),) = await self.ground.rows(
            "hub", "select register_no from reconciliation_item where id = $1", item
        )
        ((citizen,),) = await self.ground.rows("civil_affairs", "select sh_sfzh from etda where dabh = $1", register)
        query = "query C($id: ID!) { child(id: $id) { householdRegistrations { edges { node { id } } } } }"
        reply = await self.served(
            CIVIL, "guardianship_protection", query, {"id": self.served.id(CIVIL, "Child", register, citizen)}
        )
        return len(reply.data["child"]["householdRegistrations"]["edges"])


async def placed(served: Served, ground: Ground, step: str = "compareQuarter", key: str | None = None) -> Reply:
    """A comparison asked for, and fulfilled."""
    reply = await served.step(CIVIL, RECONCILE, step, "step again lawful { name }", key=key)
    assert reply.status == 200, reply.json
    async with asyncio.timeout(90):
        while True:
            rows = await ground.rows("hub", "select status, problem from reconciliation_order order by asked_at desc")
            assert rows[0][0] != "FAILED", rows[0][1]
            if {row[0] for row in rows} == {"DONE"}:
                return reply
            await asyncio.sleep(0.2)


@pytest.fixture(scope="module")
def reconciled_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start_server(tmp_path_factory.mktemp("reconciled"))
    yield server
    throw_away(server)


@pytest.fixture(scope="module")
async def reconciled(reconciled_server: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Reconciled]:
    folder: Path = tmp_path_factory.mktemp("reconciled")
    await fill_writable(reconciled_server, children=200, seed=20171201, truth=folder / "truth.jsonl")
    async with opened(reconciled_server, folder / "truth.jsonl", copied=()) as ground:
        await disturb(ground, share=0.15, seed=4)
        settings = settings_of(reconciled_server, folder / "keys", settle=1.0)
        more = {"HUB_DATABASES__RECONCILE": reconciled_server.dsn("hub")}
        async with Store.opened(reconciled_server.dsn("hub")):
            pass  # its tables are there, whenever the hub opens them first
        async with serving(settings, folder, **more) as served:
            order = await placed(served, ground, key="the first comparison")
            yield Reconciled(served=served, server=reconciled_server, ground=ground, order=order)


async def test_civil_affairs_asks_for_a_comparison_which_is_run_once_and_stands_in_the_log(
    reconciled: Reconciled,
) -> None:
    assert reconciled.order.data["compareQuarter"] == {"step": "compareQuarter", "again": False, "lawful": []}
    again = await placed(reconciled.served, reconciled.ground, key="the first comparison")
    assert again.data["compareQuarter"]["again"] is True
    ((quarter, status, counts),) = await reconciled.ground.rows(
        "hub",
        "select orders.quarter, status, counts from reconciliation_order as orders "
        "join reconciliation_run as runs on runs.id = run",
    )
    assert (quarter, status) == (running(today()), "DONE")
    assert json.loads(counts)["candidates"] > 10
    said = [json.loads(entry) for entry in await entries_of(reconciled.server)]
    compared = [one for one in said if "act=reconcile" in one["facts"]]
    assert [one["kind"] for one in compared] == ["intent", "outcome"]
    assert {one["unit"] for one in compared} == {CIVIL}
    assert f"candidates={json.loads(counts)['candidates']}" in compared[1]["facts"]


@pytest.mark.parametrize("who", [EDUCATION, POLICE, "town_government:120114101"])
async def test_nobody_but_civil_affairs_compares_or_decides(reconciled: Reconciled, who: str) -> None:
    candidate = await reconciled.item("discrepancy_class = 'LINK_CANDIDATE'")
    order = await reconciled.served.step(who, RECONCILE, "compareQuarter")
    assert (order.codes, order.error["clause"]) == ({"NOT_ENTITLED"}, "2.4")
    for step in ("confirmLink", "refuseLink"):
        assert (await reconciled.step(who, step, candidate)).codes == {"NOT_ENTITLED"}
    assert (await reconciled.step(who, "undoLink", candidate, reason=REASON)).codes == {"NOT_ENTITLED"}
    assert await reconciled.stands(candidate) == ("OPEN", "CANDIDATE")


async def test_a_candidate_is_shown_with_how_sure_it_is_how_far_it_agrees_and_both_sides(
    reconciled: Reconciled,
) -> None:
    reply = await reconciled.served(CIVIL, RECONCILE, CANDIDATES, {"filter": WAITING})
    nodes = [edge["node"] for edge in reply.data["reconciliationItems"]["edges"]]
    assert nodes
    police = [node for node in nodes if any(one["source"] == "public_security" for one in node["sourceValues"])]
    assert police
    for node in police:
        first, second, *values = node["sourceValues"]
        assert (first["source"], second["source"]) == ("hub", "hub")
        assert 0.05 <= float(first["value"]) <= 1
        assert "name:" in second["value"] and "birth_date:" in second["value"]
        assert [one["source"] for one in values] == ["civil_affairs", "public_security"] * 3
        assert values[0]["value"] == node["child"]["name"]
        assert values[1]["value"]
    said = [json.loads(entry) for entry in await entries_of(reconciled.server)]
    released = {name for one in said for name in one.get("released", ())}
    assert "HouseholdRegistration.name" in released
    assert not [name for name in released if "._" in name]


async def test_a_confirmed_link_counts_at_once_and_an_undone_one_no_more(reconciled: Reconciled) -> None:
    candidate = await reconciled.item("discrepancy_class = 'LINK_CANDIDATE' and police_person is not null")
    before = await reconciled.households(candidate)
    confirmed = await reconciled.step(CIVIL, "confirmLink", candidate)
    assert confirmed.data["confirmLink"] == {
        "step": "confirmLink",
        "again": False,
        "lawful": [{"name": "reopenDiscrepancy"}, {"name": "undoLink"}],
        "row": {"status": "CORRECTED"},
    }
    assert await reconciled.stands(candidate) == ("CORRECTED", "CONFIRMED")
    assert await reconciled.households(candidate) == before + 1
    twice = await reconciled.step(CIVIL, "confirmLink", candidate)
    assert (twice.codes, twice.error["clause"], twice.error["state"]) == ({"CONFLICT"}, "2.4", "CORRECTED")
    assert (await reconciled.step(CIVIL, "refuseLink", candidate)).codes == {"CONFLICT"}
    assert (await reconciled.step(CIVIL, "undoLink", candidate, reason="  ")).error["fields"] == ["reason"]
    undone = await reconciled.step(CIVIL, "undoLink", candidate, reason=REASON)
    assert undone.data["undoLink"]["row"] == {"status": "OPEN"}
    assert await reconciled.stands(candidate) == ("OPEN", "CANDIDATE")
    assert await reconciled.households(candidate) == before
    noted = [json.loads(entry) for entry in await entries_of(reconciled.server)]
    assert [one["notes"] for one in noted if "step=undoLink" in one["facts"] and one["kind"] == "intent"]


async def test_a_decision_sent_twice_is_one_and_one_upon_another_view_is_a_conflict(reconciled: Reconciled) -> None:
    candidate = await reconciled.item("discrepancy_class = 'LINK_CANDIDATE' and education_person is not null")
    first, again = [await reconciled.step(CIVIL, "refuseLink", candidate, key="refused once") for _ in range(2)]
    assert (first.data["refuseLink"]["again"], again.data["refuseLink"]["again"]) == (False, True)
    assert await reconciled.stands(candidate) == ("EXPLAINED", "REFUSED")
    stale = await reconciled.step(CIVIL, "undoLink", candidate, reason=REASON, expected="CORRECTED")
    assert (stale.codes, stale.error["state"], stale.error["expected"]) == ({"CONFLICT"}, "EXPLAINED", "CORRECTED")
    assert (await reconciled.step(CIVIL, "undoLink", candidate, reason=REASON)).status == 200


async def test_a_person_who_is_confirmed_for_one_file_is_confirmed_for_no_second(reconciled: Reconciled) -> None:
    candidate = await reconciled.item("discrepancy_class = 'LINK_CANDIDATE' and police_person is not null")
    await reconciled.ground.rows(
        "hub",
        "insert into link (id, source, person, register_no, status) "
        "select 'elsewhere', source, person, 'LS-OTHER', 'CONFIRMED' from link where id = $1",
        candidate,
    )
    refused = await reconciled.step(CIVIL, "confirmLink", candidate)
    assert refused.codes == {"CONFLICT"}
    assert "该人员未被确认关联其他档案" in refused.error["messageZh"]
    await reconciled.ground.rows("hub", "delete from link where id = 'elsewhere'")
    assert await reconciled.stands(candidate) == ("OPEN", "CANDIDATE")


async def test_a_unit_answers_its_own_discrepancies_and_civil_affairs_judges_the_answer(
    reconciled: Reconciled,
) -> None:
    item = await reconciled.item("answering_unit = 'education_bureau'")
    for who in (POLICE, "town_government:120114101"):
        absent = await reconciled.step(who, "answerDiscrepancy", item)
        missing = await reconciled.step(who, "answerDiscrepancy", "no such item")
        assert absent.error == missing.error
        assert absent.codes == {"INVALID_INPUT"}
    foreign = await reconciled.step(CIVIL, "answerDiscrepancy", item)
    assert foreign.codes == {"CONFLICT"} and "该事项由本单位核实" in foreign.error["messageZh"]
    early = await reconciled.step(EDUCATION, "explainDiscrepancy", item, reason=REASON)
    assert early.codes == {"NOT_ENTITLED"}
    answered = await reconciled.step(EDUCATION, "answerDiscrepancy", item)
    assert answered.data["answerDiscrepancy"]["row"] == {"status": "ANSWERED"}
    back = await reconciled.step(CIVIL, "reopenDiscrepancy", item, reason=REASON)
    assert back.data["reopenDiscrepancy"]["row"] == {"status": "OPEN"}
    assert (await reconciled.step(EDUCATION, "answerDiscrepancy", item)).status == 200
    explained = await reconciled.step(CIVIL, "explainDiscrepancy", item, reason="家长已说明（虚构）")
    assert explained.data["explainDiscrepancy"]["row"] == {"status": "EXPLAINED"}
    assert (await reconciled.step(EDUCATION, "answerDiscrepancy", item)).error["state"] == "EXPLAINED"


async def test_a_town_answers_for_its_own_children_alone(reconciled: Reconciled) -> None:
    item = await reconciled.item("answering_unit like 'town_government:%' and register_no is not null")
    ((town,),) = await reconciled.ground.rows(
        "hub", "select answering_unit from reconciliation_item where id = $1", item
    )
    other = "town_government:120114101" if town != "town_government:120114101" else "town_government:120114102"
    assert (await reconciled.step(other, "answerDiscrepancy", item)).codes == {"INVALID_INPUT"}
    assert (await reconciled.step(town, "answerDiscrepancy", item)).status == 200
    corrected = await reconciled.step(CIVIL, "acceptCorrection", item)
    assert corrected.data["acceptCorrection"]["row"] == {"status": "CORRECTED"}


async def test_a_candidate_is_no_discrepancy_and_a_discrepancy_no_candidate(reconciled: Reconciled) -> None:
    candidate = await reconciled.item("discrepancy_class = 'LINK_CANDIDATE'")
    item = await reconciled.item("discrepancy_class <> 'LINK_CANDIDATE' and answering_unit = 'public_security_bureau'")
    for step, row, more in (
        ("answerDiscrepancy", candidate, {}),
        ("acceptCorrection", candidate, {}),
        ("explainDiscrepancy", candidate, {"reason": REASON}),
    ):
        assert (await reconciled.step(CIVIL, step, row, **more)).codes == {"CONFLICT"}, step
    for step in ("confirmLink", "refuseLink"):
        assert (await reconciled.step(CIVIL, step, item)).codes & {"CONFLICT", "INVALID_INPUT"}, step
    assert (await reconciled.stands(item))[0] == (await reconciled.stands(candidate))[0] == "OPEN"


async def test_civil_affairs_decides_candidates_on_its_page_and_takes_a_decision_back(reconciled: Reconciled) -> None:
    candidate = await reconciled.item("discrepancy_class = 'LINK_CANDIDATE' and police_person is not null")
    row = quote(reconciled.served.id(CIVIL, "ReconciliationItem", candidate), safe="")
    async with at_desk(reconciled.served, CIVIL, RECONCILE) as desk:
        shown = await desk.get("/reconciliation/")
        told = of(shown.text)
        assert "待确认的关联" in told and "相同可能性" in told and "姓名 相同" in told
        assert "比对本季度数据" in told and "已完成" in told
        done = await desk.post(f"/reconciliation/{row}/confirmLink", data=hidden(shown.text, f"{row}/confirmLink"))
        assert done.status_code == 200 and "已办理：确认为同一儿童" in of(done.text) and "回执 1" in of(done.text)
        assert await reconciled.stands(candidate) == ("CORRECTED", "CONFIRMED")
        late = await desk.post(f"/reconciliation/{row}/confirmLink", data=hidden(shown.text, f"{row}/refuseLink"))
        assert late.status_code == 409 and "与现状不符" in of(late.text)
        decided = await desk.get("/reconciliation/?list=rec_decided")
        form = hidden(decided.text, f"{row}/undoLink")
        bare = await desk.post(f"/reconciliation/{row}/undoLink", data=form)
        assert bare.status_code == 400 and 'role="alert"' in bare.text
        undone = await desk.post(f"/reconciliation/{row}/undoLink", data={**form, "reason": REASON})
        assert undone.status_code == 200
    assert await reconciled.stands(candidate) == ("OPEN", "CANDIDATE")


async def test_a_unit_answers_on_its_page_what_it_alone_is_asked(reconciled: Reconciled) -> None:
    item = await reconciled.item("answering_unit = 'public_security_bureau'")
    row = quote(reconciled.served.id(POLICE, "ReconciliationItem", item), safe="")
    async with at_desk(reconciled.served, POLICE, RECONCILE) as desk:
        shown = await desk.get("/reconciliation/")
        assert "待本单位核实" in of(shown.text) and "比对本季度数据" not in of(shown.text)
        assert "confirmLink" not in shown.text and "explainDiscrepancy" not in shown.text
        form = hidden(shown.text, f"{row}/answerDiscrepancy")
        assert (await desk.post(f"/reconciliation/{row}/answerDiscrepancy", data=form)).status_code == 200
        assert (await desk.post(f"/reconciliation/{row}/confirmLink", data=form)).status_code == 403
        assert "比对核实" not in of((await desk.get("/duty/")).text).partition("等待您办理")[2]
    assert (await reconciled.stands(item))[0] == "ANSWERED"
    async with at_desk(reconciled.served, CIVIL, RECONCILE) as desk:
        answered = await desk.get("/reconciliation/?list=rec_answered")
        own = quote(reconciled.served.id(CIVIL, "ReconciliationItem", item), safe="")
        form = hidden(answered.text, f"{own}/acceptCorrection")
        assert (await desk.post(f"/reconciliation/{own}/acceptCorrection", data=form)).status_code == 200
    assert (await reconciled.stands(item))[0] == "CORRECTED"


async def test_where_it_cannot_be_told_how_far_comparisons_are_the_page_says_so(reconciled: Reconciled) -> None:
    async with at_desk(reconciled.served, CIVIL, RECONCILE) as desk:
        await reconciled.ground.rows("hub", "alter table reconciliation_order rename to elsewhere")
        try:
            shown = await desk.get("/reconciliation/")
        finally:
            await reconciled.ground.rows("hub", "alter table elsewhere rename to reconciliation_order")
    assert shown.status_code == 200
    assert "比对进展暂时无法查询" in of(shown.text) and "待确认的关联" in of(shown.text)


async def test_the_next_comparison_asked_for_on_the_page_upholds_what_was_decided(reconciled: Reconciled) -> None:
    confirmed = await reconciled.item("discrepancy_class = 'LINK_CANDIDATE' and police_person is not null")
    assert (await reconciled.step(CIVIL, "confirmLink", confirmed)).status == 200
    refused = await reconciled.item("discrepancy_class = 'LINK_CANDIDATE' and education_person is not null")
    assert (await reconciled.step(CIVIL, "refuseLink", refused)).status == 200
    claimed = await reconciled.item("discrepancy_class = 'HOUSEHOLD_STATUS_CONFLICT'")
    assert (await reconciled.step(CIVIL, "acceptCorrection", claimed)).status == 200
    async with at_desk(reconciled.served, CIVIL, RECONCILE) as desk:
        form = hidden((await desk.get("/reconciliation/")).text, "/order/compareQuarter")
        done = await desk.post("/reconciliation/order/compareQuarter", data=form)
        assert done.status_code == 200 and "已办理：比对本季度数据" in of(done.text)
        async with asyncio.timeout(90):
            while "refresh" in (looked := await desk.get("/reconciliation/")).headers:
                assert "进行中" in of(looked.text) or "排队中" in of(looked.text)
                await asyncio.sleep(0.3)
        assert "未完成" not in of(looked.text) and "新增差异" in of(looked.text)
    assert await reconciled.stands(confirmed) == ("CORRECTED", "CONFIRMED")
    assert await reconciled.stands(refused) == ("EXPLAINED", "REFUSED")
    assert (await reconciled.stands(claimed))[0] == "OPEN", "no comparison bears the correction out"


async def test_killed_amid_decisions_and_comparisons_the_hub_leaves_nothing_half_and_nothing_open(
    reconciled: Reconciled,
) -> None:
    """Each decision is insisted on under its key while the hub is killed; what it left is settled by itself."""
    served = reconciled.served
    rows = await reconciled.ground.rows(
        "hub", "select id from reconciliation_item where discrepancy_class = 'LINK_CANDIDATE' and status = 'OPEN'"
    )
    candidates = [str(row[0]) for row in rows]
    assert len(candidates) > 3
    order = asyncio.create_task(insist(reconciled, "compareQuarter", None))
    deciding = [asyncio.create_task(insist(reconciled, "refuseLink", one)) for one in candidates]
    for wait in (0.2, 2.0):
        await asyncio.sleep(wait)
        await served.kill()
        await served.start()
    await asyncio.gather(order, *deciding)
    assert {await reconciled.stands(one) for one in candidates} == {("EXPLAINED", "REFUSED")}
    async with asyncio.timeout(90):
        while await unsettled(reconciled):
            await asyncio.sleep(0.3)
    begun = await reconciled.ground.rows("hub", "select count(*) from reconciliation_order where status <> 'DONE'")
    assert begun[0][0] == 0
    runs = await reconciled.ground.rows("hub", "select count(distinct run), count(*) from reconciliation_order")
    assert runs[0][0] == runs[0][1], "each order was fulfilled by one comparison"


async def insist(reconciled: Reconciled, step: str, item: str | None) -> None:
    """The step, sent again under its key until it is acknowledged."""
    while True:
        try:
            if item is None:
                reply = await reconciled.served.step(CIVIL, RECONCILE, step, key="insisted order")
            else:
                reply = await reconciled.step(CIVIL, step, item, key=f"insisted {item}")
        except (httpx.TransportError, json.JSONDecodeError):
            await asyncio.sleep(0.05)
            continue
        if reply.status == 200:
            return
        assert reply.codes <= {"SOURCE_UNAVAILABLE", "AUDIT_UNAVAILABLE"}, reply.json
        await asyncio.sleep(0.05)


async def unsettled(reconciled: Reconciled) -> bool:
    """Whether an intent has no outcome, or an order is not fulfilled yet."""
    documents = [json.loads(entry) for entry in await entries_of(reconciled.server)]
    intents = {(one["request"], one["part"]) for one in documents if one["kind"] == "intent"}
    outcomes = {(one["request"], one["part"]) for one in documents if one["kind"] == "outcome"}
    waiting = await reconciled.ground.rows("hub", "select 1 from reconciliation_order where status <> 'DONE'")
    return bool(intents - outcomes or waiting)
