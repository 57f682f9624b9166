"""The outbox: events are there with their outcomes, each once, in an order without a gap that no reader can miss."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.audit.entry import Entry
from hub.audit.keys import SigningKey
from hub.audit.log import Log
from hub.audit.session import Session, install
from hub.events.change import Change, Event
from hub.events.outbox import Drafts, Outbox

pytestmark = pytest.mark.postgres

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
CHANGE = Change(type_name="Incident", key="I1", coordinates=("Incident.measures",), cause=("Incident", "I1"))


def session(dsn: str, name: str) -> Session:
    return Session(dsn, name=name, durable=False)


@asynccontextmanager
async def log_of(dsn: str) -> AsyncIterator[Log]:
    key = SigningKey.of("hub.test", Ed25519PrivateKey.generate())
    async with Log.opened(dsn, key=key, durable=False, patience=20.0) as log:
        yield log


def outcome(request: str, words: str = "written", part: int = 0) -> Entry:
    facts = ("intent=x", f"outcome={words}")
    return Entry(kind="outcome", request=request, part=part, at=NOW, unit="u", decision="ALLOWED", facts=facts)


async def drafted(dsn: str, *names: str, request: str = "r1", change: Change = CHANGE) -> None:
    held = session(dsn, "drafts")
    for part, name in enumerate(names):
        await Drafts(connections=held).keep(request, part, NOW, name, [change])
    await held.close()


async def rows(dsn: str, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        found: list[asyncpg.Record] = await connection.fetch(query)
        return found
    finally:
        await connection.close()


OUTBOX = "select position, key, coordinates, at from event.outbox order by position"


async def test_an_event_is_there_with_its_outcome_and_not_before(dsn: str) -> None:
    await drafted(dsn, "n1")
    assert not await rows(dsn, OUTBOX)
    async with log_of(dsn) as log:
        await log.record([outcome("r1")])
    [row] = await rows(dsn, OUTBOX)
    assert (row["position"], row["key"], row["coordinates"], row["at"]) == (1, "I1", ["Incident.measures"], NOW)
    assert not await rows(dsn, "select from event.draft")


@pytest.mark.parametrize("words", ["refused", "given_up"])
async def test_what_did_not_happen_is_no_event(dsn: str, words: str) -> None:
    await drafted(dsn, "n1")
    async with log_of(dsn) as log:
        await log.record([outcome("r1", words)])
    assert not await rows(dsn, OUTBOX)
    assert not await rows(dsn, "select from event.draft"), "what will never happen is not kept"


async def test_a_step_sent_again_and_settled_besides_is_one_event(dsn: str) -> None:
    async with log_of(dsn) as log:
        for request in ("crashed", "sent-again"):
            await drafted(dsn, "the-same-intent", request=request)
        await log.record([outcome("sent-again"), outcome("crashed")])
        await drafted(dsn, "the-same-intent", request="later")
        await log.record([outcome("later")])
    assert [row["position"] for row in await rows(dsn, OUTBOX)] == [1]


async def test_an_outcome_that_is_not_in_the_log_has_no_event(dsn: str) -> None:
    """The transaction that would have written both is rolled back."""
    await drafted(dsn, "n1")
    connection = await asyncpg.connect(dsn)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            "insert into log.pending (request, kind, part, at, leaf, bytes) values"
            " ('r1', 'outcome', 0, now(), sha256('\\x00'::bytea || $1), $1)",
            b'{"facts": ["outcome=written"]}',
        )
        assert await connection.fetchval("select count(*) from event.outbox") == 1
        await transaction.rollback()
    finally:
        await connection.close()
    assert not await rows(dsn, OUTBOX)
    assert await rows(dsn, "select from event.draft"), "it is still open"


@asynccontextmanager
async def followed(dsn: str) -> AsyncIterator[Outbox]:
    reading, following = session(dsn, "reading"), session(dsn, "following")
    outbox = Outbox(connections=reading, following=following)
    task = asyncio.create_task(outbox.run())
    try:
        while outbox.tail is None:
            await asyncio.sleep(0.01)
        yield outbox
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await reading.close()
        await following.close()


async def read(outbox: Outbox, position: int, until: int) -> list[Event]:
    found: list[Event] = []
    while position < until:
        found += await outbox.after(position)
        position = found[-1].position
    return found


async def writes(dsn: str, writer: int, count: int) -> None:
    """One replica's writer: its commits race with those of the others."""
    async with log_of(dsn) as log:
        for number in range(count):
            request = f"{writer}-{number}-{secrets.token_hex(4)}"
            await drafted(dsn, request, request=request)
            await log.record([outcome(request)])


async def test_readers_miss_nothing_while_replicas_write_at_once(dsn: str) -> None:
    async with followed(dsn) as first, followed(dsn) as second:
        readers = [asyncio.create_task(read(outbox, 0, 120)) for outbox in (first, second)]
        await asyncio.gather(*(writes(dsn, writer, 40) for writer in range(3)))
        async with asyncio.timeout(60):
            for found in await asyncio.gather(*readers):
                assert [event.position for event in found] == list(range(1, 121))


async def test_a_late_reader_reads_from_the_database_what_is_no_longer_in_memory(dsn: str) -> None:
    async with followed(dsn) as outbox:
        outbox.recent = type(outbox.recent)(maxlen=5)
        await writes(dsn, 0, 20)
        while outbox.tail != 20:
            await asyncio.sleep(0.01)
        assert len(outbox.recent) == 5
        found = await read(outbox, 0, 20)
    assert [event.position for event in found] == list(range(1, 21))


async def test_a_cut_connection_costs_a_reader_nothing_but_time(dsn: str) -> None:
    async with followed(dsn) as outbox:
        await rows(
            dsn,
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and application_name = 'hub log following'",
        )
        await writes(dsn, 0, 3)
        async with asyncio.timeout(60):
            found = await read(outbox, 0, 3)
    assert [event.position for event in found] == [1, 2, 3]


async def test_what_is_too_old_is_forgotten_and_its_place_is_not_given_again(dsn: str) -> None:
    await writes(dsn, 0, 3)
    await rows(dsn, "select event.forget(now() + interval '1 hour')")
    await writes(dsn, 0, 1)
    assert [row["position"] for row in await rows(dsn, OUTBOX)] == [4]


async def test_installed_again_it_changes_nothing(dsn: str) -> None:
    await writes(dsn, 0, 2)
    await install(dsn)
    assert [row["position"] for row in await rows(dsn, OUTBOX)] == [1, 2]


async def raised(dsn: str, keys: Sequence[str], at: datetime) -> int:
    [row] = await asked(dsn, "select event.raise_alarms('dispatch', 'MandatoryReport', 'w', $1, $2) as n", keys, at)
    return int(row["n"])


async def still(dsn: str, keys: Sequence[str], at: datetime) -> None:
    await asked(dsn, "select event.end_alarms('dispatch', $1, $2)", keys, at)


async def asked(dsn: str, query: str, *given: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        found: list[asyncpg.Record] = await connection.fetch(query, *given)
        return found
    finally:
        await connection.close()


ALARMS = "select position, key, at from event.outbox where clock = 'dispatch' order by position"
OPEN = "select key from event.alarm where ended is null order by key"


async def test_an_alarm_is_an_event_each_time_that_its_row_comes_to_wait_and_once_while_it_does(dsn: str) -> None:
    minutes = [NOW + timedelta(minutes=number) for number in range(4)]
    assert await raised(dsn, ["R1", "R2"], minutes[0]) == 2
    assert await raised(dsn, ["R1", "R2"], minutes[1]) == 0, "both wait still"
    await still(dsn, ["R2"], minutes[2])
    assert [row["key"] for row in await rows(dsn, OPEN)] == ["R2"]
    assert await raised(dsn, ["R1", "R2", "R3"], minutes[3]) == 2, "the first waits again"
    assert await raised(dsn, ["R1", "R2", "R3"], minutes[3]) == 0
    assert [row["key"] for row in await rows(dsn, OPEN)] == ["R1", "R2", "R3"]
    told = [(row["position"], row["key"], row["at"]) for row in await rows(dsn, ALARMS)]
    first, again = minutes[0], minutes[3]
    assert told == [(1, "R1", first), (2, "R2", first), (3, "R1", again), (4, "R3", again)]


async def test_of_replicas_that_find_at_once_that_a_row_waits_again_one_tells_it(dsn: str) -> None:
    await raised(dsn, ["R1"], NOW)
    await still(dsn, [], NOW)
    later = NOW + timedelta(minutes=1)
    assert sum(await asyncio.gather(*(raised(dsn, ["R1"], later) for _ in range(8)))) == 1
    assert len(await rows(dsn, ALARMS)) == 2


async def test_a_look_that_was_held_up_does_not_end_what_was_raised_after_it_began(dsn: str) -> None:
    later = NOW + timedelta(minutes=1)
    await raised(dsn, ["R1"], later)
    await still(dsn, [], NOW)
    assert [row["key"] for row in await rows(dsn, OPEN)] == ["R1"]
    await still(dsn, [], later)
    assert not await rows(dsn, OPEN)


async def test_alarms_of_an_installation_of_before_are_kept_and_raised_again(dsn: str) -> None:
    await raised(dsn, ["R1"], NOW)
    await still(dsn, [], NOW)
    await asked(dsn, "alter table event.alarm drop column round")
    await install(dsn)
    assert await raised(dsn, ["R1"], NOW + timedelta(minutes=1)) == 1


async def test_the_hubs_role_can_take_no_event_back(dsn: str) -> None:
    held = session(dsn, "role")
    for statement in (
        "delete from event.outbox",
        "update event.head set position = 0",
        "insert into event.head values (1)",
    ):
        with pytest.raises(Exception, match="42501"):
            async with held.connection() as connection:
                await connection.execute(statement)
    await held.close()


def test_keys_and_coordinates_are_all_that_an_event_has() -> None:
    assert set(CHANGE.as_json()) == {"type", "key", "coordinates", "causeType", "causeKey", "clock"}
    assert isinstance(CHANGE.coordinates, Sequence)
