"""Clocks: what waits too long is told once, to whom it concerns, whatever dies meanwhile; what was in time never."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from connectors.demo.server import Server
from connectors.source import ALWAYS, Compare, Constant, Param, Source
from hub.audit.session import Session
from hub.eventing import LOOKS, PLANS
from hub.events.clock import CLOCKS, _overdue_quarter, moments
from hub.events.clocks import Clocks
from hub.events.delivery import Delivery
from hub.events.outbox import Outbox
from hub.events.seen import Looking
from hub.events.subscription import Events
from hub.hub import Remembered
from hub.pipeline import refuse
from hub.quarters import before, end, running
from hub.settings_events import Clocks as Limits
from hub.sources import Sources
from hub.workdays import workdays_after
from tests.faults.switched import Switched
from tests.support.course import EDUCATION, EMERGENCY, GUARDIANSHIP, POLICE, Course, Turn
from tests.support.desk import at_desk, of
from tests.support.listening import Listener, listening
from tests.support.running import SHANGHAI, Asking, Reply, open_hub
from tests.support.served import Child, Served, entries_of, serving, settings_of, today
from tests.support.steps import POLICY, rows_of

pytestmark = pytest.mark.postgres

OVERDUE = "subscription($after: String) { overdue(after: $after) { cursor at clock clockZh clause node { id } } }"


BEGUN = """
insert into dcbs select
    (jsonb_populate_record(d, jsonb_build_object('bsbh', 'S' || d.xzqhdm || $1::text, 'jd', $1::text))).*
from dcbs as d where jd = $2 on conflict do nothing
"""
UNBEGUN = "delete from dcbs as d where jd = $1 and xzqhdm = $2 returning to_jsonb(d)::text"
OF_SURVEYS = """
subscription($after: String) { overdue(after: $after) { __typename cursor at clock division quarter node { id } } }
"""
RECORD = "surveySubmission { quarter status }"
OVERDUE_OF_ME = "{ me { overdue { clock clockZh clause at id type } } }"
REPORTED_EARLIER = "update jq_bg set bgsj = bgsj - $2::int * interval '1 minute' where bgbh = $1"
TOLD_EARLIER = "update jq_cj set tbxzsj = tbxzsj - $2::int * interval '1 day' where bgbh = $1"


@pytest.fixture(scope="module")
async def served(written: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """A hub whose own clocks stand still: tests move theirs."""
    folder = tmp_path_factory.mktemp("hub")
    settings = settings_of(written, folder / "keys")
    async with serving(settings, folder, HUB_CLOCKS__EVERY="3600") as opened:
        yield opened


@dataclass(slots=True, kw_only=True)
class Ticking:
    """The clocks of one replica, at a moment that the test chooses."""

    clocks: Clocks
    now: datetime = field(default_factory=lambda: datetime.now(SHANGHAI))


@asynccontextmanager
async def ticking(written: Server, departments: Mapping[str, Source]) -> AsyncIterator[Ticking]:
    session = Session(written.dsn("hub"), name="clocks", durable=False, timeout=10)
    held: list[Ticking] = []
    clocks = Clocks(
        connections=session,
        leads=lambda: session.hold(4711),
        sources=Sources.of(departments, deadline=10.0, monotonic=time.monotonic),
        limits=Limits(),
        now=lambda: held[0].now,
        every=60,
        keep=timedelta(days=30),
    )
    held.append(Ticking(clocks=clocks))
    try:
        yield held[0]
    finally:
        await session.close()


@pytest.fixture
def course(served: Served, departments: Mapping[str, Source], people: list[Child]) -> Course:
    return Course(served=served, departments=departments, child=people[1])


async def alarms(written: Server, key: str) -> list[tuple[str, bool]]:
    """(clock, whether it has ended) of the row's alarms, and that each is one event."""
    connection = await asyncpg.connect(written.dsn("hub"))
    try:
        rows = await connection.fetch("select clock, ended from event.alarm where key = $1 order by clock", key)
        told = await connection.fetch("select clock from event.outbox where key = $1 and clock is not null", key)
        assert sorted(row["clock"] for row in told) == [row["clock"] for row in rows]
        return [(row["clock"], row["ended"] is not None) for row in rows]
    finally:
        await connection.close()


async def moved_back(written: Server, key: str, minutes: int) -> None:
    """The report was made earlier."""
    connection = await asyncpg.connect(written.dsn("public_security"))
    try:
        assert await connection.execute(REPORTED_EARLIER, key, minutes) == "UPDATE 1"
    finally:
        await connection.close()


async def told_days_ago(written: Server, key: str, days: int) -> None:
    """The town was told earlier."""
    connection = await asyncpg.connect(written.dsn("public_security"))
    try:
        assert await connection.execute(TOLD_EARLIER, key, days) == "UPDATE 1"
    finally:
        await connection.close()


async def overdue(served: Served, unit_key: str) -> list[dict[str, Any]]:
    """What the principal is told of by ``me``."""
    reply = await served(unit_key, EMERGENCY, OVERDUE_OF_ME)
    found: list[dict[str, Any]] = reply.data["me"]["overdue"]
    return found


async def entry_of(written: Server, reply: Reply) -> dict[str, Any]:
    """The entry that the answer's receipt promises."""
    request, kind, _ = reply.json["extensions"]["receipt"]["entry"].split("/")
    entries = [json.loads(entry) for entry in await entries_of(written)]
    [found] = [entry for entry in entries if (entry["request"], entry["kind"]) == (request, kind)]
    return dict(found)


async def of_nothing(listener: Listener, within: float = 60.0) -> Any:
    """The first alarm about what is not there; None if none comes in time."""
    try:
        while True:
            found = await listener.told(within)
            if found["node"] is None:
                return found
    except TimeoutError:
        return None


async def of_row(listener: Listener, served: Served, unit_key: str, type_name: str, key: str) -> dict[str, Any]:
    """The first alarm about the row: those of others that were late already come as well."""
    while True:
        found = await listener.told()
        if found["node"]["id"] == served.id(unit_key, type_name, key):
            return found


async def test_a_report_without_officers_is_an_alarm_once_and_one_with_them_never(
    course: Course, served: Served, departments: Mapping[str, Source], written: Server
) -> None:
    await course.reported()
    late = course.key
    await course.reported()
    in_time = course.key
    row = served.id(POLICE, "MandatoryReport", in_time)
    async with (
        listening(served, POLICE, EMERGENCY) as desk,
        ticking(written, departments) as first,
        ticking(written, departments) as second,
    ):
        await desk.subscribe(OVERDUE, after=desk.after["overdue"])
        for replica in (first, second):
            replica.now += timedelta(minutes=29)
            await replica.clocks.look()
        assert await alarms(written, late) == []
        assert (await served.step(POLICE, EMERGENCY, "dispatch", id=row)).status == 200
        for replica in (first, second):
            replica.now += timedelta(minutes=2)
        await asyncio.gather(first.clocks.look(), second.clocks.look(), return_exceptions=False)
        assert await first.clocks.look() == 0, "a second look raises nothing"
        assert await alarms(written, late) == [("dispatch", False)]
        assert await alarms(written, in_time) == []
        told = await of_row(desk, served, POLICE, "MandatoryReport", late)
        assert (told["clock"], told["clockZh"], told["clause"]) == ("dispatch", "受理出警", "2.5")
        # The step is taken at last: the alarm has ended, and is not raised again.
        late_row = served.id(POLICE, "MandatoryReport", late)
        await moved_back(written, late, 31)
        [shown] = [one for one in await overdue(served, POLICE) if one["id"] == late_row]
        assert {**shown, "at": ""} == {
            "clock": "dispatch",
            "clockZh": "受理出警",
            "clause": "2.5",
            "at": "",
            "id": late_row,
            "type": "MandatoryReport",
        }
        assert row not in {one["id"] for one in await overdue(served, POLICE)}
        async with at_desk(served, POLICE, EMERGENCY) as page:
            text = (await page.get("/duty/")).text
            [card] = re.findall(rf'<li class="overdue"><a href="/duty/MandatoryReport/{late_row}">.*?</li>', text)
            assert "受理出警" in card
            assert re.search(r"已等待 3[12] 分钟 · <strong>已超时 [12] 分钟", card), (
                "since it came, not since the alarm"
            )
            assert f'<li class="overdue"><a href="/duty/MandatoryReport/{row}">' not in text
        await served.step(POLICE, EMERGENCY, "dispatch", id=late_row)
        assert late_row not in {one["id"] for one in await overdue(served, POLICE)}, "nobody has looked again yet"
        assert await first.clocks.look() == 0
        assert await alarms(written, late) == [("dispatch", True)]


async def test_a_town_that_does_not_assess_is_told_so_and_nobody_elses_town(
    course: Course, served: Served, departments: Mapping[str, Source], written: Server, people: list[Child]
) -> None:
    await course.reported()
    for turn in course.police():
        assert (await course.take(turn)).status == 200
    [incident] = await rows_of(departments, "Incident", Compare("_report", "eq", Constant(course.key)), {}, "_key")
    other = next(child for child in people if child.town != course.child.town)
    async with (
        listening(served, course.child.town, EMERGENCY) as town,
        listening(served, other.town, EMERGENCY) as stranger,
        ticking(written, departments) as replica,
    ):
        for listener in (town, stranger):
            await listener.subscribe(OVERDUE, after=listener.after["overdue"])
        replica.now += timedelta(days=7, minutes=-1)
        await replica.clocks.look()
        assert await alarms(written, incident["_key"]) == []
        replica.now += timedelta(minutes=2)
        await replica.clocks.look()
        assert await alarms(written, incident["_key"]) == [("assess", False)]
        told = await of_row(town, served, course.child.town, "Incident", incident["_key"])
        assert told["clock"] == "assess"
        assert await overdue(served, course.child.town) == [], "by the hub's own time there is none yet"
        await told_days_ago(written, course.key, 8)
        for key, there in ((course.child.town, True), (other.town, False), (course.child.committee, False)):
            ids = {one["id"] for one in await overdue(served, key)}
            assert (served.id(key, "Incident", incident["_key"]) in ids) is there, key
        report = served.id(course.child.town, "MandatoryReport", course.key)
        async with at_desk(served, course.child.town, "guardianship_protection") as page:
            text = (await page.get("/duty/")).text
            # The clock is the incident's, the step that stops it is the report's.
            assert re.search(rf'<li class="overdue"><a href="/duty/MandatoryReport/{report}">[^<]*调查评估', text)
        foreign = served.id(other.town, "Incident", incident["_key"])
        try:
            while (await stranger.told(1))["node"]["id"] != foreign:
                pass
            raise AssertionError("a town was told of another one's child")
        except TimeoutError:
            pass


async def test_a_town_that_was_never_told_that_a_report_was_unfounded_is_told_late_and_the_police_reminded(
    course: Course, served: Served, departments: Mapping[str, Source], written: Server
) -> None:
    """Such rows come into the police system by another way than the hub, whose own step tells the town."""
    await course.reported()
    await course.until("DISPATCHED")
    found = Turn(who=POLICE, purpose=EMERGENCY, step="findUnfounded", given={"findings": "未见异常（虚构）"})
    assert (await course.take(found)).status == 200
    await moved_back(written, course.key, 25 * 60)
    row = served.id(POLICE, "MandatoryReport", course.key)
    async with (
        listening(served, course.child.town, EMERGENCY) as town,
        ticking(written, departments) as replica,
    ):
        await town.subscribe(
            "subscription($after: String) { incidentChanged(after: $after) { cursor at changed incident { id } } }",
            after=town.after["incidentChanged"],
        )
        await replica.clocks.look()
        assert await alarms(written, course.key) == []
        await never_told(written, course.key)
        await replica.clocks.look()
        assert await alarms(written, course.key) == [("notify_town", False)]
        assert row in {one["id"] for one in await overdue(served, POLICE)}
        told = Turn(who=POLICE, purpose=EMERGENCY, step="tellUnfounded")
        assert (await course.take(told)).status == 200
        assert row not in {one["id"] for one in await overdue(served, POLICE)}
        assert (await town.told())["changed"] == ["Incident.townNotifiedAt"]
        await replica.clocks.look()
        assert await alarms(written, course.key) == [("notify_town", True)]
        assert (await course.take(told)).error["code"] == "CONFLICT", "once"
    assert await course.status() == "UNFOUNDED"


async def test_a_report_that_is_taken_up_again_is_overdue_again(
    course: Course, served: Served, departments: Mapping[str, Source], written: Server
) -> None:
    await course.reported()
    await course.until("DISPATCHED")
    await moved_back(written, course.key, 25 * 60)
    row = served.id(POLICE, "MandatoryReport", course.key)
    unfounded = Turn(who=POLICE, purpose=EMERGENCY, step="findUnfounded", given={"findings": "未见异常（虚构）"})
    again = Turn(who=POLICE, purpose=EMERGENCY, step="reopenReport", given={"reason": "又有人看见（虚构）"})
    async with listening(served, POLICE, EMERGENCY) as desk, ticking(written, departments) as replica:
        await desk.subscribe(OVERDUE, after=desk.after["overdue"])
        await replica.clocks.look()
        assert await alarms(written, course.key) == [("notify_town", False)]
        assert (await of_row(desk, served, POLICE, "MandatoryReport", course.key))["clock"] == "notify_town"
        assert (await course.take(unfounded)).status == 200
        replica.now += timedelta(seconds=5)
        await replica.clocks.look()
        assert await alarms(written, course.key) == [("notify_town", True)]
        assert (await course.take(again)).status == 200
        replica.now += timedelta(seconds=5)
        assert await replica.clocks.look() >= 1
        assert await replica.clocks.look() == 0, "it waits, and is told once"
        assert row in {one["id"] for one in await overdue(served, POLICE)}
        assert (await of_row(desk, served, POLICE, "MandatoryReport", course.key))["clock"] == "notify_town"


async def never_told(written: Server, key: str) -> None:
    """As if nobody had told the town."""
    connection = await asyncpg.connect(written.dsn("public_security"))
    try:
        assert await connection.execute("update jq_cj set tbxzsj = null where bgbh = $1", key) == "UPDATE 1"
    finally:
        await connection.close()


async def test_every_clock_raises_its_alarms_for_the_rows_that_wait(
    departments: Mapping[str, Source], written: Server
) -> None:
    connection = await asyncpg.connect(written.dsn("hub"))
    try:
        async with ticking(written, departments) as replica:
            replica.now += timedelta(days=400)
            await connection.execute("delete from event.alarm")
            await replica.clocks.look()
            raised = {
                row["clock"]: set(row["keys"])
                for row in await connection.fetch("select clock, array_agg(key) as keys from event.alarm group by 1")
            }
            bindings = moments(Limits(), replica.now)
        for name, clock in CLOCKS.items():
            rows = await rows_of(departments, clock.type_name, clock.where, bindings, "_key")
            assert raised.get(name, set()) == {row["_key"] for row in rows}, name
        assert raised.keys() >= {"dispatch", "notify_town", "assess", "reply", "truancy"}, sorted(raised)
    finally:
        await connection.close()


async def test_a_truant_of_the_last_term_is_an_alarm_of_the_enrolment_from_which_a_dropout_is_registered(
    served: Served, departments: Mapping[str, Source], written: Server
) -> None:
    columns = ("_enrolment", "term", "longestUnexcusedRun", "unexcusedDays")
    last: dict[str, dict[str, Any]] = {}
    terms = 0
    for row in await rows_of(departments, "AttendanceRecord", ALWAYS, {}, *columns):
        terms += 1
        if row["term"] >= last.setdefault(row["_enrolment"], row)["term"]:
            last[row["_enrolment"]] = row
    truants = {key for key, row in last.items() if row["longestUnexcusedRun"] >= 3 or row["unexcusedDays"] >= 10}
    assert 0 < len(truants) < len(last) < terms
    async with ticking(written, departments) as replica:
        await replica.clocks.look()
    connection = await asyncpg.connect(written.dsn("hub"))
    try:
        rows = await connection.fetch("select key from event.alarm where clock = 'truancy' and ended is null")
    finally:
        await connection.close()
    assert {row["key"] for row in rows} == truants
    ids = {served.id(EDUCATION, "Enrolment", key) for key in truants}
    async with at_desk(served, EDUCATION, "dropout_control") as page:
        text = (await page.get("/duty/")).text
        shown = set(re.findall(r'<li class="overdue"><a href="/duty/Enrolment/([^"]+)">', text))
        assert shown and shown <= ids
        link = sorted(shown)[0]
        page_text = (await page.get(f"/duty/Enrolment/{link}")).text
        assert f"/duty/new/registerDropout?enrolment={link}" in page_text and "登记辍学" in page_text


async def test_a_department_that_does_not_answer_stops_only_its_own_clocks(
    course: Course, departments: Mapping[str, Source], written: Server
) -> None:
    await course.reported()
    async with ticking(written, departments) as replica:
        broken: dict[str, Source] = {
            **departments,
            "education": Switched(inner=departments["education"], name="education", off=True),
        }
        replica.clocks.sources = Sources.of(broken, deadline=10.0, monotonic=time.monotonic)
        replica.now += timedelta(minutes=31)
        await replica.clocks.look()
    assert await alarms(written, course.key) == [("dispatch", False)]


async def test_a_running_hub_raises_it_by_itself_after_kill_nine_too(
    course: Course, served: Served, written: Server, tmp_path: Path
) -> None:
    """The report is accepted by a hub that dies; another one, with a clock of one minute, tells of it."""
    await course.reported()
    await moved_back(written, course.key, 5)
    await served.kill()
    quick = {"HUB_CLOCKS__EVERY": "0.2", "HUB_CLOCKS__DISPATCH_MINUTES": "1"}
    try:
        async with (
            serving(served.settings, tmp_path, **quick) as one,
            serving(served.settings, tmp_path, **quick) as two,
            listening(two, POLICE, EMERGENCY) as desk,
        ):
            await desk.subscribe(OVERDUE)
            while await alarms(written, course.key) != [("dispatch", False)]:
                await asyncio.sleep(0.1)
            await one.kill()
            await asyncio.sleep(1)
            assert await alarms(written, course.key) == [("dispatch", False)]
    finally:
        await served.start()


async def test_what_is_overdue_stands_in_the_entry_and_is_an_outage_where_nobody_can_tell(
    course: Course, departments: Mapping[str, Source], written: Server, institutions: Mapping[str, str]
) -> None:
    await course.reported()
    await moved_back(written, course.key, 31)
    async with ticking(written, departments) as replica:
        await replica.clocks.look()
    switched = Switched(inner=departments["public_security"], name="public_security")
    broken: dict[str, Source] = {**departments, "public_security": switched}
    async with open_hub(written, broken) as hub:
        hub.clock = lambda: datetime.now(SHANGHAI)
        session = Session(written.dsn("hub"), name="late", durable=False, timeout=10)
        ask, outbox = Asking(hub=hub), Outbox(connections=session, following=session)
        unheard = await ask(POLICE, EMERGENCY, OVERDUE_OF_ME)
        assert unheard.codes() == {"SOURCE_UNAVAILABLE"} and unheard.data is not None
        hub.events = Events(
            hub=hub,
            outbox=outbox,
            looking=Looking(hub=hub, looks=Remembered(LOOKS), plans=Remembered(PLANS)),
            delivery=Delivery(hub=hub),
            refuse=refuse,
        )
        reply = await ask(POLICE, EMERGENCY, OVERDUE_OF_ME)
        assert reply.data is not None and reply.data["me"]["overdue"]
        entry = await entry_of(written, reply)
        assert entry["released"] == ["MandatoryReport.id", "MandatoryReport.status"] and entry["rules"]
        assert hub.pseudonyms.record("MandatoryReport", course.key) in entry["subjects"]
        fragment = "query($no: Boolean!) { me { key ... on Me @skip(if: $no) { overdue { id } } } }"
        skipped = await ask(POLICE, EMERGENCY, fragment, {"no": True})
        assert skipped.data == {"me": {"key": POLICE}}
        assert (await entry_of(written, skipped))["released"] == []
        switched.off = True
        down = await ask(POLICE, EMERGENCY, OVERDUE_OF_ME)
        [error] = down.errors
        assert (error["extensions"]["code"], error["path"]) == ("SOURCE_UNAVAILABLE", ["me", "overdue"])
        assert down.data == {"me": {"overdue": None}}
        await session.close()


@asynccontextmanager
async def nobody_began(written: Server, quarters: Mapping[str, str]) -> AsyncIterator[Callable[[str], Awaitable[None]]]:
    """As if these divisions had no submission of their quarter, and all others had; what it gives begins one."""
    connection, kept = await asyncpg.connect(written.dsn("civil_affairs")), dict[str, str]()

    async def begin(division: str) -> None:
        await connection.execute(
            "insert into dcbs select (jsonb_populate_record(null::dcbs, $1::jsonb)).*", kept.pop(division)
        )

    try:
        for quarter in set(quarters.values()):
            await connection.execute(BEGUN, quarter, running(today()))
        for division, quarter in quarters.items():
            kept[division] = await connection.fetchval(UNBEGUN, quarter, division)
        assert None not in kept.values()
        yield begin
        for division in list(kept):
            await begin(division)
    finally:
        await connection.close()


async def unbegun_of(served: Served, unit_key: str, purpose: str = "survey_management") -> set[tuple[str, str]]:
    """(clock, division) of what the principal is told that was never begun."""
    reply = await served(unit_key, purpose, "{ me { overdue { clock clockZh clause at id type division quarter } } }")
    rows = [row for row in reply.data["me"]["overdue"] if row["division"] is not None]
    assert all(row["type"] == "SurveySubmission" and row["clause"] == "2.2" and row["at"] for row in rows)
    return {(row["clock"], row["division"]) for row in rows}


async def test_a_survey_that_nobody_began_is_an_alarm_from_its_survey_days_on_once_and_until_it_is_begun(
    served: Served, departments: Mapping[str, Source], written: Server, people: list[Child]
) -> None:
    child = people[1]
    other = next(one for one in people if one.town != child.town)
    village, town = child.village, child.town.partition(":")[2]
    quarter, of_town = (
        _overdue_quarter(today(), days) for days in (Limits().survey_village_days, Limits().survey_town_days)
    )
    late = {("survey_village_unbegun", village), ("survey_town_unbegun", town)}
    async with (
        ticking(written, departments) as one,
        ticking(written, departments) as two,
        nobody_began(written, {village: quarter, town: of_town}) as begin,
        listening(served, child.town, "survey_management") as desk,
        listening(served, other.town, "survey_management") as stranger_desk,
    ):
        for listener in (desk, stranger_desk):
            await listener.subscribe(OF_SURVEYS, after=listener.after["overdue"])
        for replica in (one, two):
            replica.clocks.divisions = lambda: POLICY.divisions
        one.now = datetime.combine(end(quarter) + timedelta(days=1), datetime.min.time(), SHANGHAI)
        await one.clocks.look()
        assert await alarms(written, f"{village}/{quarter}") == [], "there is time still"
        one.now = two.now
        await asyncio.gather(one.clocks.look(), two.clocks.look())
        await two.clocks.look()
        assert await alarms(written, f"{village}/{quarter}") == [("survey_village_unbegun", False)]
        assert await alarms(written, f"{town}/{of_town}") == [("survey_town_unbegun", False)]
        assert await unbegun_of(served, child.town) == late
        told = [await of_nothing(desk), await of_nothing(desk)]
        assert {(each["clock"], each["division"]) for each in told} == late
        assert all(each["cursor"] and each["receipt"] and each["__typename"] == "OverdueChange" for each in told)
        assert await of_nothing(stranger_desk, within=1.0) is None
        assert await unbegun_of(served, "civil_affairs_bureau") == late, "no park, and nobody who has begun"
        assert await unbegun_of(served, child.committee) == {("survey_village_unbegun", village)}
        for stranger in (other.town, other.committee, "education_bureau", POLICE):
            assert await unbegun_of(served, stranger, EMERGENCY) == set()
        for stranger in (other.town, other.committee):
            assert await unbegun_of(served, stranger) == set()
        async with at_desk(served, child.town, "survey_management") as page:
            text = of((await page.get("/duty/")).text)
            assert "村居未开始摸排（条款 2.2）" in text and POLICY.divisions[village].name in text and quarter in text
        await begin(village)
        assert await unbegun_of(served, child.town) == {("survey_town_unbegun", town)}, "nobody has looked again yet"
        await one.clocks.look()
        assert await alarms(written, f"{village}/{quarter}") == [("survey_village_unbegun", True)]


async def test_a_village_and_a_town_that_never_began_the_last_survey_begin_it_late_and_are_no_alarm_any_more(
    served: Served, departments: Mapping[str, Source], written: Server, people: list[Child]
) -> None:
    child, last, purpose = people[-1], before(running(today())), "survey_management"
    town = child.town.partition(":")[2]
    assert child.town != people[1].town
    connection = await asyncpg.connect(written.dsn("civil_affairs"))
    async with ticking(written, departments) as one, nobody_began(written, {child.village: last, town: last}):
        one.clocks.divisions = lambda: POLICY.divisions
        one.now = datetime.combine(workdays_after(end(last), 16), datetime.min.time(), SHANGHAI)
        await one.clocks.look()
        assert await alarms(written, f"{child.village}/{last}") == [("survey_village_unbegun", False)]
        async with at_desk(served, child.committee, purpose) as page:
            assert "补开上季度摸排" in of((await page.get("/survey/")).text)
        async with at_desk(served, child.town, purpose) as page:
            assert "补开上季度摸排" in of((await page.get(f"/survey/?quarter={last}")).text)
        for key in (child.committee, child.town):
            begun = await served.step(key, purpose, "beginLastSurvey", RECORD, preparedBy="虚构填表人")
            assert begun.data["beginLastSurvey"]["surveySubmission"] == {"quarter": last, "status": "DRAFT"}
            twice = await served.step(key, purpose, "beginLastSurvey", RECORD, preparedBy="虚构填表人")
            assert twice.codes == {"CONFLICT"}, "a quarter has one submission of a division"
        await one.clocks.look()
        assert await alarms(written, f"{child.village}/{last}") == [("survey_village_unbegun", True)]
        async with at_desk(served, child.committee, purpose) as page:
            text = of((await page.get("/survey/")).text)
            assert "补开上季度摸排" not in text and "报送镇街" in text
        for division in (child.village, town):
            assert await connection.fetchval(UNBEGUN, last, division), "the one that was begun makes room"
    await connection.close()


async def test_what_waits_for_a_step_stands_in_the_entry_and_is_an_outage_where_nobody_can_tell(
    course: Course, departments: Mapping[str, Source], written: Server, institutions: Mapping[str, str]
) -> None:
    file: dict[str, Any] = {"name": "虚构童", "sex": "MALE", "birthDate": "2019-03-02", "householdRegistered": False}
    opened = await course.served.step(
        course.child.town, GUARDIANSHIP, "openFile", "child { id }", divisionCode=course.child.village, **file
    )
    key = course.served.seals.of(course.child.town).identified(opened.data["openFile"]["child"]["id"], "id")[1]
    switched = Switched(inner=departments["civil_affairs"], name="civil_affairs")
    async with open_hub(written, {**departments, "civil_affairs": switched}) as hub:
        hub.clock = lambda: datetime.now(SHANGHAI)
        ask, query = Asking(hub=hub), "{ me { waiting { since id } } }"
        reply = await ask("civil_affairs_bureau", "survey_management", query)
        assert reply.data is not None
        ids = {row["id"] for row in reply.data["me"]["waiting"]}
        assert ("Child", key) in {hub.seals.of("civil_affairs_bureau").identified(one, "id") for one in ids}
        entry = await entry_of(written, reply)
        assert entry["released"] == ["Child.id", "Child.updatedAt"] and entry["rules"]
        assert len(entry["subjects"]) >= len(ids)
        town = await ask(course.child.town, GUARDIANSHIP, query)
        assert town.data == {"me": {"waiting": []}} and (await entry_of(written, town))["released"] == []
        switched.off = True
        down = await ask("civil_affairs_bureau", "survey_management", query)
        [error] = down.errors
        assert (error["extensions"]["code"], error["path"]) == ("SOURCE_UNAVAILABLE", ["me", "waiting"])
        assert down.data == {"me": {"waiting": None}}


def parameters(found: Any) -> set[str]:
    """Names of the parameters in a predicate."""
    if isinstance(found, Param):
        return {found.name}
    if isinstance(found, tuple | list):
        return {name for each in found for name in parameters(each)}
    if not is_dataclass(found):
        return set()
    return {name for each in fields(found) for name in parameters(getattr(found, each.name))}


def test_survey_days_are_working_days_after_the_quarters_end() -> None:
    """The week of National Day is free: five working days after the third quarter end on 13 October 2026."""
    assert _overdue_quarter(datetime(2026, 10, 13, tzinfo=SHANGHAI).date(), 5) == "2026Q2"
    assert _overdue_quarter(datetime(2026, 10, 14, tzinfo=SHANGHAI).date(), 5) == "2026Q3"
    assert _overdue_quarter(datetime(2026, 1, 5, tzinfo=SHANGHAI).date(), 15) == "2025Q3"


def test_every_clock_says_since_when_by_a_setting() -> None:
    names = moments(Limits(), datetime(2026, 11, 24, 10, 0, tzinfo=UTC)).keys()
    used = {name for clock in CLOCKS.values() for name in parameters(clock.where)}
    assert used == names
