"""A report while a department or the log is gone: said at once not to be accepted, with whom to call; never silence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from connectors.demo.server import Server
from connectors.source import Compare, Constant, Source
from hub.settings import Databases, Writes
from tests.support.clusters import throw_away
from tests.support.course import EMERGENCY, POLICE, WOMEN, Course, Turn
from tests.support.proxy import Proxy, proxied
from tests.support.running import SOURCES, close_all, connect, start_server
from tests.support.served import (
    WITHOUT,
    Child,
    Served,
    children_of,
    entries_of,
    fill_writable,
    serving,
    settings_of,
)
from tests.support.steps import rows_of

pytestmark = pytest.mark.postgres


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """A hub process whose ways to the databases can be cut."""

    served: Served
    departments: Mapping[str, Source]
    children: list[Child]
    server: Server
    ways: Mapping[str, Proxy]

    async def count(self, narrative: str) -> int:
        """Reports with this account."""
        where = Compare("narrative", "eq", Constant(narrative))
        return len(await rows_of(self.departments, "MandatoryReport", where, {}, "_key"))


@pytest.fixture(scope="module")
def outage_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start_server(tmp_path_factory.mktemp("outage"))
    yield server
    throw_away(server)


@pytest.fixture(scope="module")
async def behind(outage_server: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Behind]:
    folder: Path = tmp_path_factory.mktemp("hub")
    await fill_writable(outage_server, children=60, seed=5, truth=folder / "truth.jsonl")
    plain = settings_of(outage_server, folder / "keys", settle=1.0)
    async with AsyncExitStack() as stack:
        dsns = {name: plain.databases.dsn(name) for name in (*SOURCES, "log")}
        dsns |= {f"write {name}": plain.writes.dsn(name) for name in Writes.model_fields}
        ways = {name: await stack.enter_async_context(proxied(dsn or "")) for name, dsn in dsns.items()}
        settings = plain.model_copy(
            update={
                "databases": Databases(**{name: SecretStr(ways[name].dsn) for name in (*SOURCES, "log")}),
                "writes": Writes(**{name: SecretStr(ways[f"write {name}"].dsn) for name in Writes.model_fields}),
            }
        )
        departments = connect(outage_server)
        stack.push_async_callback(close_all, departments)
        served = await stack.enter_async_context(serving(settings, folder, **WITHOUT))
        yield Behind(
            served=served,
            departments=departments,
            children=await children_of(departments),
            server=outage_server,
            ways=ways,
        )


async def turn(behind: Behind, mode: str, *names: str) -> None:
    for name in names:
        await behind.ways[name].turn(mode)  # type: ignore[arg-type]


async def restored(behind: Behind, *names: str) -> None:
    """Everything answers again, and the hub has noticed."""
    await turn(behind, "pass", *names)
    given = {"divisionCode": behind.children[0].village, "narrative": "独自在家（虚构 复）"}
    async with asyncio.timeout(30):
        while (await behind.served.step(WOMEN, EMERGENCY, "reportConcern", **given)).status != 200:
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("mode", ["refuse", "hang", "reset"])
async def test_without_the_police_database_a_reporter_is_told_at_once_whom_to_call_and_the_key_works_afterwards(
    mode: str, behind: Behind
) -> None:
    narrative, gone = f"独自在家（虚构 {mode}）", ("public_security", "write public_security")
    given = {"divisionCode": behind.children[0].village, "narrative": narrative}
    await turn(behind, mode, *gone)
    reply = await behind.served.step(WOMEN, EMERGENCY, "reportConcern", key=mode, **given)
    assert reply.status == 503
    error = reply.error
    assert (error["code"], error["source"]) == ("SOURCE_UNAVAILABLE", "public_security")
    assert (error["emergencyPhone"], error["dutyPhone"]) == ("110", "022-29341110")
    assert error["accepted"] in (False, None)
    assert "110、022-29341110" in error["messageZh"]
    assert ("报告未被受理" in error["messageZh"]) is (error["accepted"] is False)
    await restored(behind, *gone)
    reply = await behind.served.step(WOMEN, EMERGENCY, "reportConcern", key=mode, **given)
    assert reply.status == 200, reply.json
    assert await behind.count(narrative) == 1


async def test_while_it_is_known_to_be_gone_nobody_waits(behind: Behind) -> None:
    gone = ("public_security", "write public_security")
    given = {"divisionCode": behind.children[0].village, "narrative": "独自在家（虚构 等）"}
    await turn(behind, "hang", *gone)
    errors = [
        (await behind.served.step(WOMEN, EMERGENCY, "reportConcern", key=f"wait {number}", **given)).error
        for number in range(5)
    ]
    await restored(behind, *gone)
    assert {error["code"] for error in errors} == {"SOURCE_UNAVAILABLE"}
    # Once its breaker is open nothing is sent, so nothing can have been written, and nobody waits for a deadline.
    known = [error for error in errors if error["reason"] == "open"]
    assert known
    assert all(error["accepted"] is False for error in known)


@pytest.mark.parametrize("gone", [("civil_affairs", "write civil_affairs"), ("hub",), ("education", "courts")])
async def test_a_report_is_made_and_officers_are_sent_whatever_other_department_is_gone(
    gone: tuple[str, ...], behind: Behind
) -> None:
    course = Course(served=behind.served, departments=behind.departments, child=behind.children[1])
    await turn(behind, "refuse", *gone)
    try:
        assert (await course.reported(WOMEN)).status == 200
        for step in ("dispatch", "correctDivision"):
            given = {"divisionCode": course.child.village, "reason": "（虚构）"} if step == "correctDivision" else {}
            reply = await course.take(Turn(who=POLICE, purpose=EMERGENCY, step=step, given=given))
            assert reply.status == 200, reply.json
        assert await course.status() == "DISPATCHED"
    finally:
        await turn(behind, "pass", *gone)


async def test_a_step_whose_scope_rests_on_a_department_that_is_gone_is_an_outage_and_never_a_guess(
    behind: Behind,
) -> None:
    course = Course(served=behind.served, departments=behind.departments, child=behind.children[2])
    await course.reported(WOMEN)
    await course.until("TOWN_NOTIFIED")
    assess = Turn(
        who=course.child.town,
        purpose="guardianship_protection",
        step="assess",
        given={
            "safetySituation": "POOR",
            "guardianshipSituation": "NONE",
            "riskLevel": "HIGH",
            "conclusion": "（虚构）",
        },
    )
    await turn(behind, "refuse", "civil_affairs")
    error = (await course.take(assess)).error
    assert (error["code"], error["source"]) == ("SOURCE_UNAVAILABLE", "civil_affairs")
    assert "dutyPhone" not in error
    await turn(behind, "pass", "civil_affairs")
    assert await course.status() == "TOWN_NOTIFIED"


async def test_without_the_log_no_report_is_written_and_the_reporter_is_told_whom_to_call(behind: Behind) -> None:
    given = {"divisionCode": behind.children[3].village, "narrative": "独自在家（虚构 志）"}
    await turn(behind, "refuse", "log")
    reply = await behind.served.step(WOMEN, EMERGENCY, "reportConcern", key="no log", **given)
    await restored(behind, "log")
    error = reply.error
    assert (reply.status, error["code"], error["accepted"]) == (503, "AUDIT_UNAVAILABLE", False)
    assert (error["emergencyPhone"], error["dutyPhone"]) == ("110", "022-29341110")
    assert await behind.count("独自在家（虚构 志）") == 0
    reply = await behind.served.step(WOMEN, EMERGENCY, "reportConcern", key="no log", **given)
    assert reply.status == 200, reply.json
    assert await behind.count("独自在家（虚构 志）") == 1


async def test_what_was_cut_off_is_settled_by_the_hub_itself_once_the_department_is_back(behind: Behind) -> None:
    given = {"divisionCode": behind.children[4].village, "narrative": "独自在家（虚构 断）"}
    await turn(behind, "hang", "write public_security")
    reply = await behind.served.step(WOMEN, EMERGENCY, "reportConcern", key="cut off", **given)
    assert reply.codes == {"SOURCE_UNAVAILABLE"}
    assert await open_intents(behind.server)
    await restored(behind, "write public_security")
    async with asyncio.timeout(60):
        while await open_intents(behind.server):
            await asyncio.sleep(0.1)


async def open_intents(server: Server) -> set[tuple[str, int]]:
    """Intents without an outcome."""
    documents = [json.loads(entry) for entry in await entries_of(server)]
    kinds = {
        kind: {(one["request"], one["part"]) for one in documents if one["kind"] == kind}
        for kind in ("intent", "outcome")
    }
    return kinds["intent"] - kinds["outcome"]
