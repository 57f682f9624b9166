"""One guardianship as a story: half a year of neglect, a village that has to be urged, the court, the new guardian."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from connectors.demo.server import Server
from connectors.source import All, Compare, Constant, Predicate, Source
from hub.app import create_app
from hub.seal import Seals
from hub.secrets import open_secrets
from hub.service import open_service
from hub.today import months_before
from tests.support.course import CIVIL, COURT, GUARDIANSHIP, PROCURATORATE
from tests.support.running import SHANGHAI
from tests.support.served import Child, Reply, Served, settings_of
from tests.support.steps import row_of, rows_of

pytestmark = pytest.mark.postgres

JUDICIAL, SUPERVISION = "judicial_proceeding", "legal_supervision"
WATCHED = "query Watched($number: CitizenId!) { child(citizenId: $number) { id riskFlags } }"


@dataclass(slots=True)
class Calendar:
    """The hub's clock, which a test moves on."""

    at: datetime

    def __call__(self) -> datetime:
        """The time."""
        return self.at

    @property
    def day(self) -> date:
        """The day."""
        return self.at.date()

    def until(self, day: date) -> None:
        """Moves on, never back."""
        assert day >= self.day
        self.at = self.at.replace(year=day.year, month=day.month, day=day.day)


@pytest.fixture
def calendar() -> Calendar:
    return Calendar(datetime.now(SHANGHAI).replace(hour=10))


@pytest.fixture
async def told(written: Server, calendar: Calendar, tmp_path: Path) -> AsyncIterator[Served]:
    """A hub over the departments that goes by the calendar."""
    settings = settings_of(written, tmp_path / "keys").model_copy(update={"fsync_required": False})
    app = create_app(settings, open_service=lambda given, stages: open_service(given, stages, clock=calendar))
    listening = socket.create_server(("127.0.0.1", 0))
    hub = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", lifespan="on"))
    running = asyncio.create_task(hub.serve(sockets=[listening]))
    try:
        while not hub.started:
            assert not running.done(), "the hub did not start"
            await asyncio.sleep(0.02)
        seals = Seals(open_secrets(settings.keys, origin=settings.origin).seal)
        async with httpx.AsyncClient(timeout=30) as client:
            port = listening.getsockname()[1]
            yield Served(settings=settings, log=tmp_path / "hub.log", client=client, seals=seals, port=port)
    finally:
        hub.should_exit = True
        await running


@dataclass(slots=True, kw_only=True)
class Story:
    """A child, its guardian, and everybody who does something about it."""

    served: Served
    departments: Mapping[str, Source]
    child: Child
    guardian: str

    def of(self, who: str) -> str:
        """The id by which a unit knows the child's file."""
        return self.served.id(who, "Child", self.child.register, self.child.citizen)

    async def watched(self) -> list[str] | None:
        """The flags of the child that the procuratorate sees; None: it sees no such child."""
        reply = await self.served(PROCURATORATE, SUPERVISION, WATCHED, {"number": self.child.citizen})
        found = reply.data["child"]
        return None if found is None else list(found["riskFlags"])

    async def supervise(self, step: str, target: str, due: date) -> Reply:
        """The procuratorate addresses a unit about the child."""
        given = {"targetUnit": target, "content": "请依法办理（虚构）", "replyDueOn": due.isoformat()}
        return await self.served.step(PROCURATORATE, SUPERVISION, step, child=self.of(PROCURATORATE), **given)

    async def supervision(self, kind: str) -> str:
        """The key of the one supervision of a kind."""
        return await self._made("ProcuratorialSupervision", Compare("kind", "eq", Constant(kind)))

    async def court(self, step: str, **given: Any) -> Reply:
        """The court's step of the application."""
        key = await self._made("GuardianshipCase", Compare("cause", "eq", Constant("REVOKE")))
        row = self.served.id(COURT, "GuardianshipCase", key)
        return await self.served.step(COURT, JUDICIAL, step, "guardianshipCase { status decidedOn }", id=row, **given)

    async def restore(self, number: str) -> Reply:
        """Somebody asks the court to restore the guardian."""
        given: dict[str, Any] = {"caseNumber": number, "applicantKind": "NEAR_KIN", "respondentName": "虚构父亲"}
        given |= {"grounds": ["NONPERFORMANCE_6M"], "number": self.child.citizen}
        return await self.served.step(COURT, JUDICIAL, "registerRestoration", **given)

    async def _made(self, relation: str, where: Predicate) -> str:
        of_child = Compare("_citizen", "eq", Constant(self.child.citizen))
        rows = await rows_of(self.departments, relation, All((of_child, where)), {}, "_key")
        [key] = [str(row["_key"]) for row in rows if str(row["_key"]).startswith("H")]
        return key


@pytest.fixture
async def story(told: Served, departments: Mapping[str, Source], people: list[Child]) -> Story:
    """About a child whom the procuratorate does not see yet."""
    guardians = await rows_of(
        departments, "Guardian", Compare("nonPerformanceSince", "null", Constant(True)), {}, "_key", "_register"
    )
    of = {row["_register"]: str(row["_key"]) for row in guardians}
    for child in people:
        if child.register in of:
            found = Story(served=told, departments=departments, child=child, guardian=of[child.register])
            if await found.watched() is None:
                return found
    raise AssertionError("the procuratorate sees every child")


async def test_after_six_months_a_village_is_urged_to_apply_the_court_decides_and_a_new_guardian_is_entered(
    story: Story, calendar: Calendar
) -> None:
    served, child, begun = story.served, story.child, calendar.day
    village, town = child.committee, child.town
    # The town finds out that nobody cares for the child.
    neglected = await served.step(
        town,
        GUARDIANSHIP,
        "recordNonPerformance",
        id=served.id(town, "Guardian", story.guardian),
        nonPerformanceSince=begun.isoformat(),
        reason="外出后未再联系（虚构）",
    )
    assert neglected.status == 200, neglected.json
    # Before six months are full it is nobody's case.
    due = months_before(begun, -6)
    calendar.until(due - timedelta(days=1))
    assert await story.watched() is None
    assert (await story.supervise("proposeApplication", village, due)).codes == {"INVALID_INPUT"}
    # On the day it is, and the procuratorate proposes; to urge at once would skip a step.
    calendar.until(due)
    assert "NONPERFORMANCE_6M" in (await story.watched() or [])
    answer_by = due + timedelta(days=30)
    assert (await story.supervise("urgeApplication", village, answer_by)).error["code"] == "CONFLICT"
    proposed = await story.supervise("proposeApplication", village, answer_by)
    assert proposed.status == 200, proposed.json
    await unanswered(story, calendar, answer_by)
    await urged_and_applied(story, calendar, village)
    await decided(story, calendar)
    await guardian_entered(story)
    await restored(story, calendar)


async def unanswered(story: Story, calendar: Calendar, answer_by: date) -> None:
    """The village is silent: that is noted when the day is past, and not on it."""
    served = story.served
    row = served.id(PROCURATORATE, "ProcuratorialSupervision", await story.supervision("PROPOSE"))
    calendar.until(answer_by)
    early = await served.step(PROCURATORATE, SUPERVISION, "noteNoReply", id=row)
    assert early.error["code"] == "CONFLICT" and "回复期限已过" in early.error["messageZh"]
    calendar.until(answer_by + timedelta(days=1))
    assert (await served.step(PROCURATORATE, SUPERVISION, "noteNoReply", id=row)).status == 200


async def urged_and_applied(story: Story, calendar: Calendar, village: str) -> None:
    """Urged, the village answers and applies; nobody else's application is its own."""
    served = story.served
    urged = await story.supervise("urgeApplication", village, calendar.day + timedelta(days=30))
    assert urged.status == 200, urged.json
    calendar.until(calendar.day + timedelta(days=10))
    row = await story.supervision("URGE")
    wrong = await served.step(
        CIVIL, SUPERVISION, "replyToSupervision", id=served.id(CIVIL, "ProcuratorialSupervision", row)
    )
    assert wrong.codes == {"INVALID_INPUT"}
    replied = await served.step(
        village,
        SUPERVISION,
        "replyToSupervision",
        "procuratorialSupervision { repliedOn }",
        id=served.id(village, "ProcuratorialSupervision", row),
    )
    assert replied.data["replyToSupervision"]["procuratorialSupervision"]["repliedOn"] == calendar.day.isoformat()
    applied = await served.step(
        village,
        JUDICIAL,
        "applyRevocation",
        child=story.of(village),
        respondentName="虚构父亲",
        grounds=["NONPERFORMANCE_6M"],
    )
    assert applied.status == 200, applied.json
    adopted = served.id(PROCURATORATE, "ProcuratorialSupervision", row)
    assert (await served.step(PROCURATORATE, SUPERVISION, "noteAdopted", id=adopted)).status == 200
    supported = await story.supervise("supportApplication", village, calendar.day + timedelta(days=30))
    assert supported.status == 200, supported.json


async def decided(story: Story, calendar: Calendar) -> None:
    """The court accepts, hears and grants, each on its day; who is to care for the child must be said."""
    assert (await story.court("grantCase", appointedGuardianKind="INDIVIDUAL")).error["code"] == "CONFLICT"
    assert (await story.court("acceptCase", caseNumber="（2027）津0114民特1号")).status == 200
    calendar.until(calendar.day + timedelta(days=20))
    assert (await story.court("hearCase")).status == 200
    calendar.until(calendar.day + timedelta(days=20))
    assert (await story.court("grantCase")).codes == {"INVALID_INPUT"}
    granted = await story.court("grantCase", appointedGuardianKind="INDIVIDUAL", appointedGuardianName="虚构祖母")
    assert granted.data["grantCase"]["guardianshipCase"] == {
        "status": "GRANTED",
        "decidedOn": calendar.day.isoformat(),
    }


async def guardian_entered(story: Story) -> None:
    """The town enters whom the court appointed."""
    served, town = story.served, story.child.town
    entered = await served.step(
        town, GUARDIANSHIP, "enterAppointedGuardian", child=story.of(town), name="虚构祖母", capacity="CAPABLE"
    )
    assert entered.status == 200, entered.json
    where = Compare("_register", "eq", Constant(story.child.register))
    rows = await rows_of(story.departments, "Guardian", where, {}, "kind", "name")
    assert {"kind": "COURT_APPOINTED", "name": "虚构祖母"} in rows
    kept = await row_of(story.departments, "Guardian", story.guardian, "nonPerformanceSince")
    assert kept is not None and kept["nonPerformanceSince"] is not None, "history is not edited"


async def restored(story: Story, calendar: Calendar) -> None:
    """To be restored may be asked for from three months to one year after the decision."""
    granted = calendar.day
    calendar.until(months_before(granted, -3) - timedelta(days=1))
    early = await story.restore("（2027）津0114民特2号")
    assert early.error["code"] == "CONFLICT" and "已满三个月、未满一年" in early.error["messageZh"]
    calendar.until(months_before(granted, -3))
    assert (await story.restore("（2027）津0114民特2号")).status == 200
    calendar.until(months_before(granted, -12) + timedelta(days=1))
    assert (await story.restore("（2027）津0114民特3号")).error["code"] == "CONFLICT"
