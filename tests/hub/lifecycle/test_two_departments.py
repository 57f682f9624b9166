"""A step that writes in two departments and is cut off between them: its second half is made up for, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from connectors.source import Bindings, Compare, Constant, SourceError
from connectors.write import Result, Target, Write
from hub.audit.session import Session, install
from hub.errors import HubError
from hub.lifecycle.halves import Halves
from hub.lifecycle.sealed import sealing_of
from hub.lifecycle.way import Taken
from hub.settings import ConfigurationError
from hub.writing import _check as check_halves
from tests.support.course import ASSESSED, EMERGENCY, GUARDIANSHIP, MEASURES, POLICE
from tests.support.served import Child, children_of
from tests.support.steps import Clock, Steps, writing

pytestmark = pytest.mark.postgres

PLANNED = {"kind": "TUTORING", "providerUnit": "womens_federation"}


@dataclass(slots=True)
class Gone:
    """A department that goes away when it is to be written."""

    target: Target
    name: str = "public_security"

    async def write(self, write: Write, bindings: Bindings, *, intent: str, digest: str, deadline: float) -> Result:
        raise SourceError(self.name, "unreachable")

    async def found(self, intent: str, *, deadline: float) -> Any:
        return await self.target.found(intent, deadline=deadline)

    async def touched(self, relation: str, key: str, *, deadline: float) -> int:
        return await self.target.touched(relation, key, deadline=deadline)

    async def settle(self, intent: str, *, deadline: float) -> Any:
        return await self.target.settle(intent, deadline=deadline)

    async def close(self) -> None:
        return None


async def notified(steps: Steps, child: Child) -> str:
    """The key of a report of which the town was told."""
    values = {"MandatoryReport": [{"divisionCode": child.village, "narrative": "独自在家（虚构）"}]}
    taken = await steps(child.committee, EMERGENCY, "reportConcern", values=values)
    (key,) = taken.keys["public_security"]
    await steps(POLICE, EMERGENCY, "matchReport", key=key, number=child.citizen)
    await steps(POLICE, EMERGENCY, "dispatch", key=key)
    await steps(POLICE, EMERGENCY, "recordMeasures", key=key, values={"Incident": [MEASURES]})
    await steps(POLICE, EMERGENCY, "notifyTown", key=key)
    return key


async def test_an_assessment_without_its_state_is_no_assessment_twice_when_it_is_sent_again(
    steps: Steps, targets: Mapping[str, Target]
) -> None:
    child = (await children_of(steps.read))[-1]
    key = await notified(steps, child)
    given: dict[str, Any] = {"name": "two halves", "key": key, "values": {"Assessment": [ASSESSED]}}
    halved = Steps(
        writing=writing(
            steps.read,
            {**targets, "public_security": Gone(targets["public_security"])},
            steps.writing.log,
            steps.clock,
        ),
        read=steps.read,
        clock=steps.clock,
        dsn=steps.dsn,
        opens=steps.opens,
    )
    with pytest.raises(HubError) as caught:
        await halved(child.town, GUARDIANSHIP, "assess", **given)
    assert caught.value.code == "SOURCE_UNAVAILABLE"
    assert await steps.row("MandatoryReport", key, "status") == {"status": "TOWN_NOTIFIED"}
    taken = await steps(child.town, GUARDIANSHIP, "assess", **given)
    assert not taken.again
    assert await steps.row("MandatoryReport", key, "status") == {"status": "ASSESSED"}
    incident = await steps.row("Incident", key, "_key", by="_report")
    assert incident is not None
    of_incident = Compare("_incident", "eq", Constant(incident["_key"]))
    assert len(await steps.rows("Assessment", of_incident, {}, "_key")) == 1
    assert (await steps(child.town, GUARDIANSHIP, "assess", **given)).again


@asynccontextmanager
async def kept(steps: Steps, targets: Mapping[str, Target]) -> AsyncIterator[Steps]:
    """Steps of a hub that keeps what is under way in two departments."""
    session = Session(steps.dsn, name="acts", durable=False)
    halves = Halves(connections=session, sealing=sealing_of(b"only for tests" * 4, "acts"))
    clock = Clock(now=steps.clock.now)
    made = writing(steps.read, targets, steps.writing.log, clock, halves=halves)
    try:
        yield Steps(writing=made, read=steps.read, clock=clock, dsn=steps.dsn, opens=steps.opens)
    finally:
        await made.close()
        await session.close()


async def acts(steps: Steps) -> list[bytes]:
    """What is kept."""
    connection = await asyncpg.connect(steps.dsn)
    try:
        return [row["sealed"] for row in await connection.fetch("select sealed from held.act")]
    finally:
        await connection.close()


async def finished(steps: Steps) -> int:
    """One round, of what is a minute old."""
    assert steps.writing.halves is not None
    return await steps.writing.halves.finish(steps.writing, timedelta(seconds=60))


async def test_what_is_cut_off_between_two_departments_comes_to_its_end_though_nobody_sends_it_again(
    steps: Steps, targets: Mapping[str, Target]
) -> None:
    child = (await children_of(steps.read))[-2]
    key = await notified(steps, child)
    given: dict[str, Any] = {"name": "cut off", "key": key, "values": {"Assessment": [ASSESSED]}}
    async with kept(steps, {**targets, "public_security": Gone(targets["public_security"])}) as halved:
        with pytest.raises(HubError):
            await halved(child.town, GUARDIANSHIP, "assess", **given)
        [sealed] = await acts(steps)
        assert ASSESSED["conclusion"].encode() not in sealed
        assert child.town.encode() not in sealed
        assert await finished(halved) == 0, "it is not old enough: somebody may be about it"
        halved.clock.pass_(minutes=2)
        with pytest.raises(HubError):
            await finished(halved)
    assert await steps.row("MandatoryReport", key, "status") == {"status": "TOWN_NOTIFIED"}
    async with kept(steps, targets) as other:
        other.clock.pass_(minutes=2)
        assert await finished(other) == 1
        assert await acts(steps) == []
        assert await finished(other) == 0
    assert await steps.row("MandatoryReport", key, "status") == {"status": "ASSESSED"}
    incident = await steps.row("Incident", key, "_key", by="_report")
    assert incident is not None
    of_incident = Compare("_incident", "eq", Constant(incident["_key"]))
    assert len(await steps.rows("Assessment", of_incident, {}, "_key")) == 1
    assert (await steps(child.town, GUARDIANSHIP, "assess", **given)).again


async def test_what_is_taken_or_refused_at_once_is_not_kept(steps: Steps, targets: Mapping[str, Target]) -> None:
    child = (await children_of(steps.read))[-3]
    key = await notified(steps, child)
    async with kept(steps, targets) as whole:
        with pytest.raises(HubError) as caught:
            await whole(
                child.town,
                GUARDIANSHIP,
                "planAssistance",
                key=key,
                values={"AssistanceRecord": [{"kind": "TUTORING", "providerUnit": "womens_federation"}]},
            )
        assert caught.value.code == "CONFLICT"
        assert await acts(steps) == []
        await whole(child.town, GUARDIANSHIP, "assess", key=key, values={"Assessment": [ASSESSED]})
        assert await acts(steps) == []
    assert await steps.row("MandatoryReport", key, "status") == {"status": "ASSESSED"}


async def test_a_half_whose_other_half_is_no_longer_lawful_is_given_up_and_forgotten(
    steps: Steps, targets: Mapping[str, Target]
) -> None:
    child = (await children_of(steps.read))[-4]
    key = await notified(steps, child)
    async with kept(steps, {**targets, "public_security": Gone(targets["public_security"])}) as halved:
        with pytest.raises(HubError):
            await halved(child.town, GUARDIANSHIP, "assess", key=key, values={"Assessment": [ASSESSED]})
    await steps(child.town, GUARDIANSHIP, "assess", key=key, values={"Assessment": [ASSESSED]})
    async with kept(steps, targets) as other:
        other.clock.pass_(minutes=2)
        assert await finished(other) == 0
        assert await acts(steps) == []


async def test_of_officers_who_take_it_at_once_one_does_and_nothing_of_the_others_is_left(
    steps: Steps, targets: Mapping[str, Target]
) -> None:
    child = (await children_of(steps.read))[-5]
    key = await notified(steps, child)
    async with kept(steps, targets) as one, kept(steps, targets) as other:
        for step, values in (
            ("assess", {"Assessment": [ASSESSED]}),
            ("planAssistance", {"AssistanceRecord": [PLANNED]}),
        ):
            tries = [
                hub(child.town, GUARDIANSHIP, step, key=key, values=values) for hub in (one, other) for _ in range(3)
            ]
            results = await asyncio.gather(*tries, return_exceptions=True)
            assert sum(isinstance(result, Taken) for result in results) == 1, results
            refusals = [result for result in results if isinstance(result, HubError)]
            assert [(one.code, one.facts["clause"]) for one in refusals] == [("CONFLICT", "2.6")] * 5
        assert await acts(steps) == []
    incident = await steps.row("Incident", key, "_key", by="_report")
    assert incident is not None
    of_incident = Compare("_incident", "eq", Constant(incident["_key"]))
    [assessment] = await steps.rows("Assessment", of_incident, {}, "_key")
    of_assessment = Compare("_assessment", "eq", Constant(assessment["_key"]))
    assert len(await steps.rows("AssistanceRecord", of_assessment, {}, "_key")) == 1


async def test_what_is_taken_and_not_forgotten_yet_stands_in_nobodys_way(
    steps: Steps, targets: Mapping[str, Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    child = (await children_of(steps.read))[-6]
    key = await notified(steps, child)
    forget = Halves._forget

    async def fails(self: Halves, name: str) -> None:
        """The hub's own database is away just now."""

    async with kept(steps, targets) as whole:
        monkeypatch.setattr(Halves, "_forget", fails)
        await whole(child.town, GUARDIANSHIP, "assess", key=key, values={"Assessment": [ASSESSED]})
        assert len(await acts(steps)) == 1
        monkeypatch.setattr(Halves, "_forget", forget)
        await whole(child.town, GUARDIANSHIP, "planAssistance", key=key, values={"AssistanceRecord": [PLANNED]})
        assert await acts(steps) == []
    assert await steps.row("MandatoryReport", key, "status") == {"status": "PLANNED"}


async def test_an_installation_of_before_is_found_out_at_the_start_and_is_well_once_its_tables_are_made_anew(
    steps: Steps, targets: Mapping[str, Target]
) -> None:
    connection = await asyncpg.connect(steps.dsn)
    try:
        await connection.execute("alter table held.act drop column subject")
        async with kept(steps, targets) as older:
            assert older.writing.halves is not None
            with pytest.raises(ConfigurationError, match=r"its owner runs `hub install`"):
                await check_halves(older.writing.halves)
            await install(steps.dsn)
            await check_halves(older.writing.halves)
    finally:
        await connection.close()
