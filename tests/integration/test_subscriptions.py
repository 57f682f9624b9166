"""Subscriptions over real WebSockets: who is told of what, in order and without a gap, and when a socket ends."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import asyncpg
import orjson
import pytest
from websockets.exceptions import ConnectionClosed

from connectors.demo.server import Server
from connectors.source import Compare, Constant, Source
from tests.support.course import CIVIL, EDUCATION, EMERGENCY, GUARDIANSHIP, POLICE, PROCURATORATE, Course, Turn
from tests.support.listening import REPORTS, Listener, line, listening, words_of
from tests.support.served import Child, Served, entries_of, serving, today
from tests.support.steps import rows_of

pytestmark = pytest.mark.postgres

TOWN = (
    "subscription($after: String) { incidentChanged(after: $after) { cursor changed incident { id townNotifiedAt } } }"
)
FLAGS = "subscription { childChanged { changed child { id riskFlags } } }"


@pytest.fixture
def course(served: Served, departments: Mapping[str, Source], people: list[Child]) -> Course:
    return Course(served=served, departments=departments, child=people[0])


async def ended(listener: Listener, within: float = 60.0) -> tuple[int, str]:
    """How the hub closed the socket."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            await listener.heard(within)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


async def started(listener: Listener) -> None:
    """Returns when what was subscribed before is under way: messages are taken in order."""
    await listener.say(type="ping")
    while (await listener.heard())["type"] != "pong":
        pass
    await asyncio.sleep(0.3)


async def test_the_police_are_told_of_a_report_at_once_and_of_each_step_and_each_time_is_an_entry(
    course: Course, served: Served, written: Server
) -> None:
    async with listening(served, POLICE, EMERGENCY) as desk:
        await desk.subscribe(REPORTS)
        await started(desk)
        await course.reported()
        first = await desk.told()
        assert first["mandatoryReport"] == {
            "id": served.id(POLICE, "MandatoryReport", course.key),
            "status": "REPORTED",
        }
        assert "MandatoryReport.status" in first["changed"]
        await served.step(POLICE, EMERGENCY, "dispatch", id=first["mandatoryReport"]["id"])
        second = await desk.told()
        assert second["mandatoryReport"]["status"] == "DISPATCHED"
        assert second["changed"] == ["MandatoryReport.acceptedAt", "MandatoryReport.status"]
    entries = [orjson.loads(entry) for entry in await entries_of(written)]
    events = [entry for entry in entries if entry["kind"] == "event" and entry["unit"] == POLICE]
    names = {f"{entry['request']}/event/0" for entry in events}
    for told in (first, second):
        assert told["receipt"]["entry"] in names, "the receipt is that of its own entry"
    assert len(events) == 2
    assert "MandatoryReport.status" in events[-1]["released"]


async def test_a_town_is_told_when_it_is_notified_and_of_nothing_before(
    course: Course, served: Served, people: list[Child]
) -> None:
    other = next(child for child in people if child.town != course.child.town)
    async with (
        listening(served, course.child.town, EMERGENCY) as town,
        listening(served, other.town, EMERGENCY) as stranger,
    ):
        for listener in (town, stranger):
            await listener.subscribe(TOWN)
            await started(listener)
        await course.reported()
        for turn in course.police():
            await course.take(turn)
        told = await town.told()
        assert told["changed"] == ["Incident.townNotifiedAt"]
        assert told["incident"]["townNotifiedAt"]
        await town.silent()
        await stranger.silent(0.1)
        # The notice went to the wrong town: the right one is told as soon as the police have corrected that.
        for step, given in (
            ("undoMatch", {"reason": "对应有误（虚构）"}),
            ("matchReport", {"number": other.citizen}),
            ("notifyTownAgain", {"reason": "儿童属另一镇街（虚构）"}),
        ):
            again = await course.take(Turn(who=POLICE, purpose=EMERGENCY, step=step, given=given))
            assert again.status == 200, (step, again.json)
        assert (await stranger.told())["changed"] == ["Incident.townNotifiedAt"]
        await town.silent()


async def test_a_reporter_is_told_how_its_report_stands_and_its_entries_do_not_name_it(
    course: Course, served: Served, written: Server, institutions: Mapping[str, str]
) -> None:
    school = f"mandatory_reporter:{next(iter(institutions))}"
    other = f"mandatory_reporter:{list(institutions)[1]}"
    before = len(await entries_of(written))
    async with listening(served, school, EMERGENCY) as reporter, listening(served, other, EMERGENCY) as stranger:
        for listener in (reporter, stranger):
            await listener.subscribe(REPORTS)
            await started(listener)
        await course.reported(school)
        assert (await reporter.told())["mandatoryReport"]["status"] == "REPORTED"
        await served.step(POLICE, EMERGENCY, "dispatch", id=served.id(POLICE, "MandatoryReport", course.key))
        told = await reporter.told()
        assert (told["changed"], told["mandatoryReport"]["status"]) == (["MandatoryReport.status"], "DISPATCHED")
        await stranger.silent(0.2)
    entries = (await entries_of(written))[before:]
    assert not [entry for entry in entries if school.encode() in entry]
    connection = await asyncpg.connect(written.dsn("hub"))
    try:
        kept = await connection.fetch("select row_to_json(o)::text as row from event.outbox o")
        assert not [row for row in kept if school in row["row"] or school.partition(":")[2] in row["row"]]
    finally:
        await connection.close()


async def test_risk_flags_are_told_of_only_by_inputs_that_the_subscriber_reads(course: Course, served: Served) -> None:
    """A report raises a flag for who reads reports; to the town, which does not, nothing is said."""
    async with listening(served, course.child.town, GUARDIANSHIP) as town:
        await town.subscribe(FLAGS)
        await started(town)
        await course.reported(concernKinds=["ABANDONMENT"])
        key = served.id(POLICE, "MandatoryReport", course.key)
        reply = await served.step(POLICE, EMERGENCY, "matchReport", id=key, number=course.child.citizen)
        assert "errors" not in reply.json, reply.json
        await town.silent()


async def test_a_flag_that_a_change_raises_is_told_to_who_sees_by_what_it_is_raised(
    course: Course, served: Served, departments: Mapping[str, Source], people: list[Child]
) -> None:
    child, other = course.child, next(one for one in people if one.town != course.child.town)
    of_child = Compare("_register", "eq", Constant(child.register))
    [guardian, *_] = await rows_of(departments, "Guardian", of_child, {}, "_key")
    async with (
        listening(served, child.town, GUARDIANSHIP) as town,
        listening(served, CIVIL, GUARDIANSHIP) as bureau,
        listening(served, PROCURATORATE, "legal_supervision") as procuratorate,
        listening(served, other.town, GUARDIANSHIP) as stranger,
    ):
        everybody = (town, bureau, procuratorate, stranger)
        for listener in everybody:
            await listener.subscribe(FLAGS)
            await started(listener)
        reply = await served.step(
            child.town,
            GUARDIANSHIP,
            "recordNonPerformance",
            id=served.id(child.town, "Guardian", guardian["_key"]),
            nonPerformanceSince=(today() - timedelta(days=200)).isoformat(),
            reason="长期在外，未履行监护职责（虚构）",
        )
        assert reply.status == 200, reply.json
        for listener, key in ((town, child.town), (bureau, CIVIL), (procuratorate, PROCURATORATE)):
            told = await listener.told()
            assert told["changed"] == ["Child.riskFlags"]
            assert told["child"]["id"] == served.id(key, "Child", child.register, child.citizen)
            assert "NONPERFORMANCE_6M" in told["child"]["riskFlags"]
        await stranger.silent(0.2)


async def test_the_bureau_and_the_town_are_told_of_a_dropout_when_it_is_reported_to_them_and_of_nothing_before(
    served: Served, departments: Mapping[str, Source], people: list[Child]
) -> None:
    query = "subscription { dropoutRecordChanged { changed dropoutRecord { id status } } }"
    persuading = Compare("status", "eq", Constant("PERSUADING"))
    rows = {
        row["_citizen"]: row["_key"]
        for row in await rows_of(departments, "DropoutRecord", persuading, {}, "_key", "_citizen")
    }
    child = next(child for child in people if child.citizen in rows)
    key = rows[child.citizen]
    async with (
        listening(served, EDUCATION, "dropout_control") as bureau,
        listening(served, child.town, "dropout_control") as town,
    ):
        for listener in (bureau, town):
            await listener.subscribe(query)
            await started(listener)
        row = served.id(EDUCATION, "DropoutRecord", key)
        assert (await served.step(EDUCATION, "dropout_control", "recordPersuasion", id=row)).status == 200
        both = {"bureauReportedOn": today().isoformat(), "townReportedOn": today().isoformat()}
        assert (await served.step(EDUCATION, "dropout_control", "reportDropout", id=row, **both)).status == 200
        for listener, who, day in ((bureau, EDUCATION, "bureauReportedOn"), (town, child.town, "townReportedOn")):
            told = await listener.told()
            assert told["changed"] == [f"DropoutRecord.{day}"]
            assert told["dropoutRecord"] == {"id": served.id(who, "DropoutRecord", key), "status": "REPORTED"}
            await listener.silent(0.1)


async def test_civil_affairs_are_told_of_a_placement_and_a_village_when_it_is_notified(
    course: Course, served: Served
) -> None:
    query = "subscription { incidentChanged { changed incident { id placementKind } } }"
    village = course.child.committee
    async with listening(served, CIVIL, EMERGENCY) as bureau, listening(served, village, EMERGENCY) as committee:
        for listener in (bureau, committee):
            await listener.subscribe(query)
            await started(listener)
        await course.reported()
        for turn in course.police():
            more = {"placementKind": "KIN"} if turn.step == "recordMeasures" else {}
            assert (await course.take(turn, **more)).status == 200
        told = await bureau.told()
        assert (told["changed"], told["incident"]["placementKind"]) == (["Incident.placementKind"], "KIN")
        await committee.silent(0.2)
        assert (await course.take(Turn(who=POLICE, purpose=EMERGENCY, step="notifyVillage"))).status == 200
        assert (await committee.told())["changed"] == ["Incident.villageNotifiedAt"]
        await bureau.silent(0.1)


@pytest.mark.parametrize(
    ("unit", "purpose", "query", "code"),
    [
        (POLICE, EMERGENCY, "subscription { childChanged { child { id } } }", "NOT_ENTITLED"),
        (CIVIL, GUARDIANSHIP, "subscription { mandatoryReportChanged { mandatoryReport { id } } }", "NOT_ENTITLED"),
        (POLICE, EMERGENCY, "subscription { mandatoryReportChanged { cursor } }", "INVALID_DOCUMENT"),
        (POLICE, EMERGENCY, "subscription { nothing }", "INVALID_DOCUMENT"),
        (
            POLICE,
            EMERGENCY,
            'subscription { mandatoryReportChanged(after: "x") { mandatoryReport { id } } }',
            "INVALID_INPUT",
        ),
        (
            "town_government:120114101",
            EMERGENCY,
            "subscription { incidentChanged { incident { id reporterName } } }",
            "INVALID_DOCUMENT",
        ),
        (
            "town_government:120114101",
            EMERGENCY,
            "subscription { incidentChanged { incident { id report: caseFiledOn } } }",
            "NOT_ENTITLED",
        ),
    ],
)
async def test_what_may_not_be_is_refused_with_its_reason_and_the_socket_stays(
    served: Served, unit: str, purpose: str, query: str, code: str
) -> None:
    async with listening(served, unit, purpose) as listener:
        name = await listener.subscribe(query)
        answer = await listener.heard()
        assert (answer["type"], answer["id"]) == ("error", name)
        assert {error["extensions"]["code"] for error in answer["payload"]} == {code}
        await listener.subscribe("{ me { key } }")
        assert (await listener.heard())["payload"]["data"] == {"me": {"key": unit}}
        assert (await listener.heard())["type"] == "complete"


async def test_a_cursor_is_good_for_its_principal_purpose_and_field_alone(course: Course, served: Served) -> None:
    async with listening(served, POLICE, EMERGENCY) as desk:
        own = desk.after["mandatoryReportChanged"]
        overdue = desk.after["overdue"]
    async with listening(served, course.child.town, EMERGENCY) as town:
        foreign = town.after["incidentChanged"]
    async with listening(served, POLICE, EMERGENCY) as desk:
        for after in (foreign, overdue, own[:-2]):
            await desk.subscribe(REPORTS, after=after)
            answer = await desk.heard()
            assert answer["payload"][0]["extensions"]["code"] == "INVALID_INPUT"


async def test_events_survive_kill_nine_and_reach_the_other_replica_in_order(
    course: Course, served: Served, tmp_path: Path
) -> None:
    async with listening(served, POLICE, EMERGENCY) as desk:
        after = desk.after["mandatoryReportChanged"]
        await desk.subscribe(REPORTS)
        await started(desk)
        await course.reported()
        first = await desk.told()
        await served.kill()
    async with serving(served.settings, tmp_path) as other:
        there = Course(served=other, departments=course.departments, child=course.child)
        keys = [first["mandatoryReport"]["id"]]
        for _ in range(5):
            await there.reported()
            keys.append(other.id(POLICE, "MandatoryReport", there.key))
        await served.start()
        for hub in (served, other):
            async with listening(hub, POLICE, EMERGENCY) as desk:
                await desk.subscribe(REPORTS, after=after)
                told = [await desk.told() for _ in keys]
                assert [each["mandatoryReport"]["id"] for each in told] == keys
                await desk.silent(0.2)
            async with listening(hub, POLICE, EMERGENCY) as desk:
                await desk.subscribe(REPORTS, after=told[2]["cursor"])
                assert [(await desk.told())["mandatoryReport"]["id"] for _ in keys[3:]] == keys[3:]


async def fill_outbox(server: Server, key: str, count: int) -> None:
    """So many events about one report."""
    connection = await asyncpg.connect(server.dsn("hub"))
    change = {
        "type": "MandatoryReport",
        "key": key,
        "coordinates": ["MandatoryReport.status"],
        "causeType": "MandatoryReport",
        "causeKey": key,
    }
    mark = secrets.token_hex(4)
    try:
        await connection.execute(
            "select event.append(array_agg(now()), array_agg($2 || n::text), array_agg($1::jsonb))"
            " from generate_series(1, $3) n",
            orjson.dumps([change]).decode(),
            mark,
            count,
        )
    finally:
        await connection.close()


async def queued_arrive(course: Course, served: Served, written: Server, count: int) -> None:
    async with listening(served, POLICE, EMERGENCY) as desk:
        after = desk.after["mandatoryReportChanged"]
    await course.reported()
    await fill_outbox(written, course.key, count)
    query = REPORTS.replace(" at changed", "")
    places: list[str] = []
    while len(places) <= count:
        # The connection is lost again and again: each one goes on where the last one has got to.
        async with listening(served, POLICE, EMERGENCY) as desk:
            await desk.subscribe(query, after=places[-1] if places else after)
            for _ in range(min(count + 1 - len(places), max(count // 3, 10))):
                places.append((await desk.told())["cursor"])
    assert len(set(places)) == count + 1
    seal = served.seals.of(POLICE)
    positions = [int(seal.place(place, b"event/emergency_response/mandatoryReportChanged")[1]) for place in places]
    assert positions == list(range(positions[0], positions[0] + count + 1))


async def test_queued_events_arrive_in_order_and_without_a_gap(course: Course, served: Served, written: Server) -> None:
    await queued_arrive(course, served, written, 300)


@pytest.mark.soak
async def test_ten_thousand_queued_events_arrive_in_order_and_without_a_gap(
    course: Course, served: Served, written: Server
) -> None:
    await queued_arrive(course, served, written, 10_000)


async def test_a_token_that_is_none_or_runs_out_ends_the_socket(served: Served, tmp_path: Path) -> None:
    words = words_of(served, POLICE, EMERGENCY)
    for bad in (
        {},
        {**words, "authorization": words["authorization"][:-4] + "AAAA"},
        {**words, "Hub-Purpose": "audit"},
    ):
        async with line(served, None) as listener:
            await listener.say(type="connection_init", payload=bad)
            code, reason = await ended(listener)
            assert (code, reason in {"UNAUTHENTICATED", "PURPOSE_NOT_ALLOWED"}) == (4403, True)
    async with line(served, None) as listener:
        await listener.say(id="1", type="subscribe", payload={"query": REPORTS})
        assert (await ended(listener))[0] == 4401
    async with line(served, words) as listener:
        await listener.say(type="connection_init", payload=words)
        assert (await ended(listener))[0] == 4429
    async with line(served, words) as listener:
        await listener.say(type="nonsense")
        assert (await ended(listener))[0] == 4400
    async with line(served, words) as listener:
        await listener.say(id="a", type="subscribe", payload={"query": REPORTS})
        await listener.say(id="a", type="subscribe", payload={"query": REPORTS})
        assert (await ended(listener))[0] == 4409
    async with line(served, None) as listener:
        assert (await ended(listener))[0] == 4408
