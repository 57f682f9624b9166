"""``kill -9`` of the hub, and of the databases, while steps are taken: nothing acknowledged is lost, nothing twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from connectors.demo.server import Server
from connectors.source import Compare, Constant, Source, SourceError
from tests.support.course import EMERGENCY, MEASURES, POLICE, WOMEN
from tests.support.served import Child, Reply, Served, entries_of, intents_kept, serving, settings_of
from tests.support.steps import rows_of

pytestmark = pytest.mark.postgres

KILLS = 8
SOAK_KILLS = int(os.environ.get("HUB_TEST_KILLS", "100"))
CALLERS = 4
COURSE = ("reportConcern", "dispatch", "recordMeasures", "notifyTown")
STATES = {"dispatch": "DISPATCHED", "recordMeasures": "HANDLED", "notifyTown": "TOWN_NOTIFIED"}


@dataclass(slots=True, kw_only=True)
class Caller:
    """Reports and steps without a pause, each under one key until it is acknowledged; ``cut``: answers that never came.

    ``acknowledged``: account of a report -> the steps that were acknowledged, in order.
    """

    served: Served
    departments: Mapping[str, Source]
    village: str
    name: str
    acknowledged: dict[str, list[str]] = field(default_factory=dict)
    cut: int = 0
    refused: list[str] = field(default_factory=list)

    async def call_on(self, ended: asyncio.Event) -> None:
        """Courses of reports, one after the other, until the event."""
        number = 0
        while not ended.is_set():
            number += 1
            account = f"独自在家（虚构 {self.name} {number}）"
            self.acknowledged[account] = []
            for step in COURSE:
                await self.insist(step, account)
                self.acknowledged[account].append(step)

    async def insist(self, step: str, account: str) -> None:
        """The step, sent again under its key until an answer comes that is none of an outage."""
        key = f"{step} {account}"
        while True:
            try:
                reply = await self.sent(step, account, key)
            except (httpx.TransportError, json.JSONDecodeError):
                self.cut += 1
                await asyncio.sleep(0.02)
                continue
            if reply.status == 200 and "data" in reply.json:
                return
            assert reply.codes <= {"SOURCE_UNAVAILABLE", "AUDIT_UNAVAILABLE"}, (step, reply.json)
            self.refused += reply.codes
            await asyncio.sleep(0.02)

    async def sent(self, step: str, account: str, key: str) -> Reply:
        """The step, once."""
        if step == "reportConcern":
            given = {"divisionCode": self.village, "narrative": account}
            return await self.served.step(WOMEN, EMERGENCY, step, key=key, **given)
        more: dict[str, Any] = MEASURES if step == "recordMeasures" else {}
        row = self.served.id(POLICE, "MandatoryReport", await self.key_of(account))
        return await self.served.step(POLICE, EMERGENCY, step, key=key, id=row, **more)

    async def key_of(self, account: str) -> str:
        """The report's key: of an acknowledged report there is one, and one alone."""
        where = Compare("narrative", "eq", Constant(account))
        while True:
            try:
                [row] = await rows_of(self.departments, "MandatoryReport", where, {}, "_key")
            except SourceError:
                await asyncio.sleep(0.05)
            else:
                return str(row["_key"])


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One hub's keys: the log knows its key."""
    return tmp_path_factory.mktemp("killed") / "keys"


@pytest.fixture
async def killed(written: Server, keys: Path, tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(settings_of(written, keys, settle=1.0), tmp_path) as opened:
        yield opened


async def call_and_kill(
    served: Served, departments: Mapping[str, Source], child: Child, kills: int, name: str
) -> list[Caller]:
    """Callers under way while the hub is killed and started again, so many times."""
    callers = [
        Caller(served=served, departments=departments, village=child.village, name=f"{name} {number}")
        for number in range(CALLERS)
    ]
    ended, random = asyncio.Event(), Random(name)
    async with asyncio.TaskGroup() as group:
        for caller in callers:
            group.create_task(caller.call_on(ended))
        for _ in range(kills):
            await asyncio.sleep(random.uniform(0.1, 0.8))
            await served.kill()
            await served.start()
        await asyncio.sleep(0.3)
        ended.set()
    return callers


async def nothing_is_lost_or_doubled(callers: list[Caller], departments: Mapping[str, Source]) -> int:
    """Each report stands where its last acknowledged step left it, with one incident; how many there are."""
    count = 0
    for caller in callers:
        for account, steps in caller.acknowledged.items():
            where = Compare("narrative", "eq", Constant(account))
            rows = await rows_of(departments, "MandatoryReport", where, {}, "_key", "status", "reporterUnit")
            assert len(rows) == 1, (account, steps, rows)
            assert rows[0]["reporterUnit"] == WOMEN
            assert rows[0]["status"] == STATES[steps[-1]], (account, steps)
            belongs = Compare("_report", "eq", Constant(rows[0]["_key"]))
            assert len(await rows_of(departments, "Incident", belongs, {}, "_key")) == 1
            count += 1
    return count


async def every_intent_is_settled(server: Server) -> list[dict[str, object]]:
    """The log's entries, once the hub has settled what was left open."""
    async with asyncio.timeout(90):
        while True:
            documents = [json.loads(entry) for entry in await entries_of(server)]
            intents = [(one["request"], one["part"]) for one in documents if one["kind"] == "intent"]
            outcomes = [(one["request"], one["part"]) for one in documents if one["kind"] == "outcome"]
            assert len(outcomes) == len(set(outcomes))
            if set(intents) == set(outcomes):
                return documents
            await asyncio.sleep(0.2)


async def written_as_often_as_it_says(documents: list[dict[str, object]], server: Server) -> None:
    """An outcome says ``written`` of just those intents under whose name the police database keeps a row."""
    said = {fact(one, "intent") for one in documents if one["kind"] == "outcome" and fact(one, "outcome") == "written"}
    assert await intents_kept(server, "public_security") == {name for name in said if ".public_security." in name}


def fact(document: Mapping[str, object], name: str) -> str:
    """A fact of an entry."""
    facts = document["facts"]
    assert isinstance(facts, list)
    return next((text.partition("=")[2] for text in facts if text.startswith(f"{name}=")), "")


async def check(callers: list[Caller], departments: Mapping[str, Source], server: Server, kills: int) -> None:
    """Everything that must hold after the kills."""
    assert await nothing_is_lost_or_doubled(callers, departments) > CALLERS
    documents = await every_intent_is_settled(server)
    await written_as_often_as_it_says(documents, server)
    assert sum(caller.cut for caller in callers) > kills, "requests were under way when the process died"


async def test_after_kills_of_the_hub_no_acknowledged_step_is_lost_and_none_is_taken_twice(
    killed: Served, departments: Mapping[str, Source], people: list[Child], written: Server
) -> None:
    callers = await call_and_kill(killed, departments, people[0], KILLS, "杀")
    await check(callers, departments, written, KILLS)


@pytest.mark.soak
async def test_after_very_many_kills_of_the_hub_no_acknowledged_step_is_lost(
    killed: Served, departments: Mapping[str, Source], people: list[Child], written: Server
) -> None:
    callers = await call_and_kill(killed, departments, people[1], SOAK_KILLS, "久")
    await check(callers, departments, written, SOAK_KILLS)


async def test_after_every_database_was_killed_no_acknowledged_step_is_lost(
    killed: Served, departments: Mapping[str, Source], people: list[Child], written: Server
) -> None:
    callers = [
        Caller(served=killed, departments=departments, village=people[2].village, name=f"库 {number}")
        for number in range(CALLERS)
    ]
    ended, random = asyncio.Event(), Random(3)
    async with asyncio.TaskGroup() as group:
        for caller in callers:
            group.create_task(caller.call_on(ended))
        for _ in range(3):
            await asyncio.sleep(random.uniform(0.5, 1.0))
            # As after a power cut of all databases at once: each recovers from what it had committed.
            assert written.pid is not None
            os.kill(written.pid, signal.SIGKILL)
            await asyncio.to_thread(written.stop)
            await asyncio.to_thread(written.start)
        await asyncio.sleep(0.5)
        ended.set()
    assert await nothing_is_lost_or_doubled(callers, departments) > 0
    await written_as_often_as_it_says(await every_intent_is_settled(written), written)
