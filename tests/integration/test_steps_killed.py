"""``kill -9`` of the hub, and of any database, while reports are driven to their ends: nothing lost, nothing twice.

Clients send a step again under its key until they are answered, and subscribers come again with their last cursor. What
was acknowledged must then stand in its department and in the log, and be told once, in order; alarms likewise.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import httpx
import pytest

from connectors.demo.server import DATABASES
from connectors.source import Compare, Constant, Source
from hub.audit.session import Session
from hub.events.change import Change
from hub.events.outbox import Drafts
from hub.settings import Writes
from tests.integration.test_two_hundred_reports import unknown_to_the_police
from tests.support.course import ASSESSED, CIVIL, EMERGENCY, GUARDIANSHIP, POLICE, WOMEN, Course, Turn
from tests.support.drive import CHANGED, ENDS, ROUNDS, Drive, Driven
from tests.support.followers import OVERDUE, Follower, follow_on
from tests.support.insisting import Insistent, awaited
from tests.support.rights import Me
from tests.support.running import close_all, connect
from tests.support.served import (
    AS_DELIVERED,
    Child,
    Served,
    children_of,
    entries_of,
    fill_writable,
    intents_kept,
    serving_as,
    settings_of,
)
from tests.support.spread import Spread, killed, spread
from tests.support.steps import rows_of

pytestmark = pytest.mark.postgres

SOAK_KILLS = int(os.environ.get("HUB_TEST_KILLS", "100"))
CALLERS = 4
REPORTS = 400
"""Of each caller at most: kills take as long as recoveries do, and reports as long as the disk."""
THREE = (("public_security",), ("civil_affairs", "education", "courts", "procuratorate"), ("hub",))
EACH = tuple((name,) for name in DATABASES)
REPORTED_EARLIER = "update jq_bg set bgsj = bgsj - interval '40 minutes' where bgbh = $1"
TOLD_EARLIER = "update jq_cj set tbxzsj = tbxzsj - interval '8 days' where bgbh = $1"
QUICK = {"HUB_CLOCKS__EVERY": "0.5", **AS_DELIVERED}


@dataclass(slots=True, kw_only=True)
class Killing:
    """A hub over servers of its own, whoever asks it without giving up, and what was asked."""

    served: Insistent
    server: Spread
    departments: Mapping[str, Source]
    people: Sequence[Child]
    drives: list[Drive] = field(default_factory=list)
    late: dict[str, list[Course]] = field(default_factory=lambda: {"dispatch": [], "assess": []})
    """Clock -> reports that wait too long."""

    @property
    def taken(self) -> list[Driven]:
        """Every report of which something was acknowledged."""
        return [one for drive in self.drives for one in drive.every if one.taken]

    async def call_on(self, caller: int, ended: asyncio.Event) -> None:
        """Courses of reports, one after the other, each to its end; now and then one that nobody takes up."""
        children = itertools.cycle(self.people[caller::CALLERS])
        drive = Drive.of(self.served, self.departments, children, REPORTS * CALLERS)
        drive.again = True
        self.drives.append(drive)
        for number, one in enumerate(drive.driven):
            if ended.is_set() and number >= len(ENDS):
                return
            if one.into is not None:
                partner = next(each for each in drive.open_ if each.course is one.into)
                await drive.take(partner, "reportConcern")
            for step in (one.step(place) for place in range(len(ROUNDS))):
                if step is not None:
                    await drive.take(one, step)
            if clock := (None, "dispatch", "assess")[(number + caller) % 3]:
                await self.leave(one.course.child, clock)
        assert ended.is_set(), "there are too few reports for so many kills"

    async def leave(self, child: Child, clock: str) -> None:
        """A report that waits for officers, or for its assessment, longer than it may."""
        course = Course(served=self.served, departments=self.departments, child=child)
        await course.reported(WOMEN)
        if clock == "assess":
            await course.until("TOWN_NOTIFIED")
        text = TOLD_EARLIER if clock == "assess" else REPORTED_EARLIER
        await insisted(self.server, "public_security", text, course.key)
        self.late[clock].append(course)


async def insisted(server: Spread, database: str, text: str, *arguments: Any) -> list[asyncpg.Record]:
    """A statement of the database's owner, once it answers."""
    while True:
        try:
            connection = await asyncpg.connect(server.dsn(database))
            try:
                return list(await connection.fetch(text, *arguments))
            finally:
                await connection.close()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            await asyncio.sleep(0.1)


@asynccontextmanager
async def killing(folder: Path, groups: Sequence[Sequence[str]], children: int) -> AsyncIterator[Killing]:
    with spread(folder, groups) as server:
        await fill_writable(server, children=children, seed=20171123, truth=folder / "truth.jsonl")
        departments = awaited(connect(server))
        people = await unknown_to_the_police(departments, await children_of(departments))
        settings = settings_of(server, folder / "keys", settle=1.0)
        async with serving_as(Insistent, settings, folder, **QUICK) as served:
            yield Killing(served=served, server=server, departments=departments, people=people)
        await close_all(departments)


async def kill(killing: Killing, victims: Sequence[str], random: Random) -> None:
    """Each of the victims at a random moment: the hub (``process``), a database, or both at once."""
    for victim in victims:
        await asyncio.sleep(random.uniform(0.2, 1.2))
        first, _, second = victim.partition(" ")
        if database := first if first != "process" else second:
            downtime = asyncio.create_task(killed(killing.server.of(database), random.uniform(0, 0.5)))
            if second:
                await killing.served.kill()
            await downtime
        else:
            await killing.served.kill()
        if first == "process":
            await killing.served.start()


def followers_of(killing: Killing) -> list[Follower]:
    """Police desk, civil affairs and a town of changes; police desk and town of alarms."""
    town = killing.people[0].town
    return [
        Follower(served=killing.served, me=Me(key, EMERGENCY), type_name=type_name)
        for key, type_name in (
            (POLICE, "MandatoryReport"),
            (CIVIL, "Incident"),
            (town, "Incident"),
            (POLICE, OVERDUE),
            (town, OVERDUE),
        )
    ]


async def drive_and_kill(killing: Killing, victims: Sequence[str], seed: str) -> None:
    """The drive, followed, while its victims die; returns when everything that was begun has ended, and was told."""
    followers = followers_of(killing)
    begun = [asyncio.Event() for _ in followers]
    async with asyncio.TaskGroup() as following:
        tasks = [following.create_task(follow_on(one, event)) for one, event in zip(followers, begun, strict=True)]
        await asyncio.gather(*(event.wait() for event in begun))
        [start] = await insisted(killing.server, "hub", "select position from event.head")
        ended = asyncio.Event()
        async with asyncio.TaskGroup() as calling:
            for caller in range(CALLERS):
                calling.create_task(killing.call_on(caller, ended))
            await kill(killing, victims, Random(seed))
            await asyncio.sleep(0.5)
            ended.set()
        documents = await every_intent_is_settled(killing.server)
        await judge(killing, documents, followers, start["position"])
        for task in tasks:
            task.cancel()


async def judge(
    killing: Killing, documents: Sequence[Mapping[str, Any]], followers: Sequence[Follower], start: int
) -> None:
    """Everything that must hold after the kills."""
    await each_stands_where_it_was_driven(killing)
    await written_as_often_as_it_says(documents, killing.server)
    await every_alarm_is_raised_once(killing)
    outbox = await insisted(killing.server, "hub", "select * from event.outbox where position > $1", start)
    every_change_is_one_event(killing, outbox)
    police, civil, town, *overdue = followers
    await told_all(police, [row for row in outbox if (row["type"], row["clock"]) == ("MandatoryReport", None)])
    await told_of_incidents(killing, civil, town, outbox)
    for follower, clock in zip(overdue, ("dispatch", "assess"), strict=True):
        courses = [one for one in killing.late[clock] if clock == "dispatch" or one.child.town == follower.me.key]
        await told_of_alarms(killing, follower, clock, courses)


async def every_intent_is_settled(server: Spread) -> list[dict[str, Any]]:
    """The log's entries, once the hub has settled what was left open."""
    async with asyncio.timeout(120):
        while True:
            documents = [json.loads(entry) for entry in await entries_of(server)]
            intents = [(one["request"], one["part"]) for one in documents if one["kind"] == "intent"]
            outcomes = [(one["request"], one["part"]) for one in documents if one["kind"] == "outcome"]
            assert len(outcomes) == len(set(outcomes))
            assert len(intents) == len(set(intents))
            if set(intents) == set(outcomes):
                return documents
            await asyncio.sleep(0.2)


async def each_stands_where_it_was_driven(killing: Killing) -> None:
    """Each report at the end to which it was acknowledged, with one incident, one assessment, one service."""
    assert len(killing.taken) >= CALLERS * len(ENDS)
    for one in killing.taken:
        key = one.course.key
        names = ("status", "reporterUnit", "reporterKind")
        by_key = Compare("_key", "eq", Constant(key))
        [row] = await rows_of(killing.departments, "MandatoryReport", by_key, {}, *names)
        status = "REPORTED" if one.end == "OPEN" else one.end
        assert row == dict(zip(names, (status, one.reporter, one.kind), strict=True)), one.taken
        incidents = await of(killing, "Incident", "_report", key)
        assert len(incidents) == ("dispatch" in one.taken)
        assessed = [found for each in incidents for found in await of(killing, "Assessment", "_incident", each)]
        assert len(assessed) == ("assess" in one.taken)
        services = [found for each in assessed for found in await of(killing, "AssistanceRecord", "_assessment", each)]
        assert len(services) == ("planAssistance" in one.taken)


async def of(killing: Killing, relation: str, column: str, key: str) -> list[str]:
    """Keys of the rows that belong to another."""
    found = await rows_of(killing.departments, relation, Compare(column, "eq", Constant(key)), {}, "_key")
    return [row["_key"] for row in found]


async def written_as_often_as_it_says(documents: Sequence[Mapping[str, Any]], server: Spread) -> None:
    """An outcome says ``written`` of just those intents under whose name a department keeps a row."""
    said = defaultdict(set)
    for one in documents:
        if one["kind"] == "outcome" and fact(one, "outcome") == "written":
            said[fact(one, "source")].add(fact(one, "intent"))
    for source in Writes.model_fields:
        assert await intents_kept(server, source) == said[source], source


def fact(document: Mapping[str, Any], name: str) -> str:
    """A fact of an entry."""
    return next((text.partition("=")[2] for text in document["facts"] if text.startswith(f"{name}=")), "")


def every_change_is_one_event(killing: Killing, outbox: Sequence[asyncpg.Record]) -> None:
    """Of each report the outbox has each change once, in the order in which its steps were acknowledged."""
    found: dict[str, list[set[str]]] = defaultdict(list)
    for row in sorted(outbox, key=lambda row: int(row["position"])):
        if row["type"] in ("MandatoryReport", "Incident") and row["clock"] is None:
            found[row["type"], row["cause_key"]].append(set(row["coordinates"]))  # type: ignore[index]
    for one in killing.taken:
        wanted = [
            {f"MandatoryReport.{name}" for name in names}
            for step in one.taken
            if (names := CHANGED[step].get("MandatoryReport"))
        ]
        assert found["MandatoryReport", one.course.key] == wanted, one.taken  # type: ignore[index]
    positions = sorted(row["position"] for row in outbox)
    assert positions == list(range(positions[0], positions[0] + len(positions))), "a gap"


async def told_all(follower: Follower, events: Sequence[asyncpg.Record]) -> None:
    """Each of the events once, in their order."""
    wanted = sorted(row["position"] for row in events)
    async with asyncio.timeout(60):
        while [follower.position(told) for told in list(follower.told)] != wanted:
            assert len(follower.told) <= len(wanted)
            await asyncio.sleep(0.1)


async def told_of_incidents(
    killing: Killing, civil: Follower, town: Follower, outbox: Sequence[asyncpg.Record]
) -> None:
    """The town of each notice to it; civil affairs of each placement, but of reports closed before it looked."""
    incidents = {key: one for one in killing.taken for key in await of(killing, "Incident", "_report", one.course.key)}
    late = {key: one for one in killing.late["assess"] for key in await of(killing, "Incident", "_report", one.key)}
    children = {key: one.course.child for key, one in incidents.items()} | {k: one.child for k, one in late.items()}
    by_name = {name: Counter[str]() for name in ("Incident.placementKind", "Incident.townNotifiedAt")}
    for row in outbox:
        for name in set(row["coordinates"]) & by_name.keys():
            by_name[name][row["key"]] += row["clock"] is None
    assert set(by_name["Incident.townNotifiedAt"].values()) == {1}
    wanted = {key for key in by_name["Incident.townNotifiedAt"] if children[key].town == town.me.key}
    await told_once(town, wanted, wanted)
    placed = set(by_name["Incident.placementKind"])
    await told_once(civil, {key for key in placed if key in late}, placed)


async def told_once(follower: Follower, owed: set[str], may: set[str]) -> None:
    """Of every row that is owed, of none but those that may be, of each once, in order."""
    async with asyncio.timeout(60):
        while owed - {follower.key(told) for told in list(follower.told)}:
            await asyncio.sleep(0.1)
    keys = Counter(follower.key(told) for told in follower.told)
    assert set(keys) <= may
    assert set(keys.values()) <= {1}
    positions = [follower.position(told) for told in follower.told]
    assert positions == sorted(set(positions))


async def every_alarm_is_raised_once(killing: Killing) -> None:
    """What was left waiting is an alarm, once; what was taken in time is none."""
    waits = {("dispatch", one.key) for one in killing.late["dispatch"]}
    for one in killing.late["assess"]:
        waits |= {("assess", key) for key in await of(killing, "Incident", "_report", one.key)}
    assert waits
    async with asyncio.timeout(60):
        while not waits <= {(row["clock"], row["key"]) for row in await alarms(killing)}:
            await asyncio.sleep(0.2)
    told = await insisted(killing.server, "hub", "select clock, key from event.outbox where clock is not null")
    assert set(Counter((row["clock"], row["key"]) for row in told).values()) == {1}
    driven = {one.course.key for one in killing.taken}
    driven |= {key for one in killing.taken for key in await of(killing, "Incident", "_report", one.course.key)}
    assert {row["key"] for row in await alarms(killing)} & driven == set()


async def alarms(killing: Killing) -> list[asyncpg.Record]:
    """Alarms that were raised."""
    return await insisted(killing.server, "hub", "select clock, key from event.alarm")


async def told_of_alarms(killing: Killing, follower: Follower, clock: str, courses: Sequence[Course]) -> None:
    """Of each of them once."""
    owed = {one.key for one in courses}
    if clock == "assess":
        owed = {key for one in courses for key in await of(killing, "Incident", "_report", one.key)}
    async with asyncio.timeout(60):
        while owed - {follower.key(told) for told in list(follower.told)}:
            await asyncio.sleep(0.1)
    found = Counter((told["clock"], follower.key(told)) for told in follower.told)
    assert set(found.values()) <= {1}


async def a_draft_outlives_its_database(killing: Killing) -> None:
    """What a step will have changed is on disk before its intent, which may wait for the server to come back."""
    session = Session(killing.server.dsn("hub"), name="drafts", durable=False)
    change = Change(type_name="Child", key="none", coordinates=("Child.riskFlags",), cause=("Child", "none"))
    await Drafts(connections=session).keep("outlives", 0, datetime.now(UTC), "outlives", [change])
    await killed(killing.server.of("hub"), 0)
    await session.close()
    gone = await insisted(killing.server, "hub", "delete from event.draft where request = 'outlives' returning name")
    assert len(gone) == 1


async def a_half_is_made_whole(killing: Killing) -> None:
    """Killed between the writes of two departments, and never sent again: the hub makes up for the second by itself."""
    course = Course(served=killing.served, departments=killing.departments, child=killing.people[0])
    await course.reported(WOMEN)
    await course.until("TOWN_NOTIFIED")
    [incident] = await of(killing, "Incident", "_report", course.key)
    turn = Turn(who=course.child.town, purpose=GUARDIANSHIP, step="assess", given=ASSESSED)
    police = await asyncpg.connect(killing.server.dsn("public_security"))
    async with police.transaction():
        # Whoever writes to the report now waits: the first half is written by then.
        await police.execute("select from jq_bg where bgbh = $1 for update", course.key)
        row = killing.served.id(turn.who, "MandatoryReport", course.key)
        sent = asyncio.create_task(Served.step(killing.served, turn.who, turn.purpose, turn.step, id=row, **turn.given))
        while not await of(killing, "Assessment", "_incident", incident):
            await asyncio.sleep(0.01)
        await killing.served.kill()
    await police.close()
    with pytest.raises(httpx.TransportError):
        await sent
    assert await course.status() == "TOWN_NOTIFIED"
    await killing.served.start()
    async with asyncio.timeout(60):
        while await course.status() != "ASSESSED":
            await asyncio.sleep(0.1)
    assert len(await of(killing, "Assessment", "_incident", incident)) == 1
    await written_as_often_as_it_says(await every_intent_is_settled(killing.server), killing.server)
    while await insisted(killing.server, "hub", "select from held.act"):
        await asyncio.sleep(0.1)


def counted(killing: Killing, victims: Sequence[str]) -> str:
    """Figures of a run."""
    served, again = killing.served, sum(again for _, again in killing.served.acknowledged)
    late = {clock: len(found) for clock, found in killing.late.items()}
    return (
        f"{len(victims)} kills {dict(Counter(victims))}: {len(killing.taken)} reports, "
        f"{len(served.acknowledged)} steps acknowledged ({again} had been taken before the answer came), "
        f"{served.cut} answers cut, outages told {dict(served.refused)}, alarms {late}"
    )


async def test_after_kills_of_hub_and_databases_nothing_acknowledged_is_lost_or_doubled_and_all_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    victims = ("process", "public_security", "civil_affairs", "hub", "process hub", "process public_security")
    async with killing(tmp_path, THREE, children=120) as found:
        await drive_and_kill(found, victims, "杀")
        with capsys.disabled():
            print(f"\n{counted(found, victims)}")
        assert found.served.cut >= 1, "requests were under way when a process died"
        await a_half_is_made_whole(found)
        await a_draft_outlives_its_database(found)


@pytest.mark.soak
async def test_after_very_many_kills_of_hub_and_databases_nothing_is_lost_or_doubled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random = Random("久")
    both = [f"process {name}" for name in ("public_security", "civil_affairs", "hub")]
    kinds = ["process"] * 6 + list(DATABASES) + both
    victims = random.choices(kinds, k=SOAK_KILLS)
    async with killing(tmp_path, EACH, children=900) as found:
        await drive_and_kill(found, victims, "久")
        with capsys.disabled():
            print(f"\n{counted(found, victims)}")
        assert found.served.cut >= SOAK_KILLS // 4
