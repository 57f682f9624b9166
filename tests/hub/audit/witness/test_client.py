"""The hub has its heads cosigned, survives witnesses that are down or lie, and knows how long it has gone without."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.audit.contract import StoreError
from hub.audit.desk import Desk
from hub.audit.entry import encode
from hub.audit.keys import COSIGNATURE, SigningKey
from hub.audit.note import NoteError, opened
from hub.audit.reader import Reader
from hub.audit.sequencer import Sequencer
from hub.audit.session import Session
from hub.audit.store import PostgresStore
from hub.audit.verify_notes import Head, Key
from hub.audit.witness.client import Age, Asked, Failing, OtherTreeError, Post, Witnesses
from hub.audit.witness.ledger import LogLedger
from hub.audit.witness.wire import post
from hub.settings import Settings, Witness
from hub.witnessed import age_of
from hub.witnessed import asking as opened_asking
from tests.hub.audit.support import KEY, PATIENT, entry
from tests.hub.audit.witness.test_server import Running, start, witnessing

pytestmark = pytest.mark.postgres


@pytest.fixture
async def reader(dsn: str) -> AsyncIterator[Reader]:
    reader = Reader(Session(dsn, name="reader", timeout=PATIENT))
    yield reader
    await reader.close()


async def grow(dsn: str, count: int) -> None:
    store, desk = (
        PostgresStore(Session(dsn, name="writer", timeout=PATIENT)),
        Desk(Session(dsn, name="sequencer", timeout=PATIENT)),
    )
    while not await desk.acquire():
        await asyncio.sleep(0.02)
    await store.append([encode(entry()) for _ in range(count)])
    await Sequencer(desk, KEY).drain()
    await desk.close()
    await store.close()


async def leads() -> bool:
    return True


def asking(reader: Reader, *asked: Asked, by: Post = post) -> Witnesses:
    age = Age(alarm=300, limit=900, witnesses=len(asked))
    return Witnesses(ledger=LogLedger(reader), asked=asked, age=age, period=0.05, leads=leads, post=by)


def asked_of(running: Running) -> Asked:
    return Asked(url=running.url, key=running.key)


@asynccontextmanager
async def working(witnesses: Witnesses) -> AsyncIterator[None]:
    """The task at work; a fault in it is one of the test."""
    task = asyncio.create_task(witnesses.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(what: Callable[[], Awaitable[object]]) -> None:
    for _ in range(200):
        if await what():
            return
        await asyncio.sleep(0.05)
    pytest.fail("it never came")


async def test_every_new_head_is_cosigned_also_after_a_restart_of_the_hub(
    dsn: str, reader: Reader, tmp_path: Path
) -> None:
    with witnessing(tmp_path / "one") as running:
        asked = asked_of(running)
        first = asking(reader, asked)
        for count in (5, 300):
            await grow(dsn, count)
            await first.ask(asked)
        again = asking(reader, asked)
        await grow(dsn, 1)
        await again.ask(asked)
    heads = {size: note for size, note in await reader.history(0, 10) if "— w.example/1 " in note}
    assert list(heads) == [5, 305, 306]
    for note in heads.values():
        assert opened(note, [KEY.verifier])
        assert Head.read(note).signers([Key.read(str(running.key))])


async def test_two_witnesses_cosign_each_head_together(dsn: str, reader: Reader, tmp_path: Path) -> None:
    with witnessing(tmp_path / "one") as one, witnessing(tmp_path / "two", name="w.example/2") as two:
        witnesses = asking(reader, asked_of(one), asked_of(two))
        async with working(witnesses):
            for size, count in ((5, 5), (45, 40)):
                await grow(dsn, count)
                await until(lambda size=size: _signers(reader, size, one, two))  # type: ignore[misc]


async def _signers(reader: Reader, size: int, *witnesses: Running) -> bool:
    [(_, note)] = [head for head in await reader.history(0, 10) if head[0] == size]
    return len(Head.read(note).signers([Key.read(str(each.key)) for each in witnesses])) == len(witnesses)


async def test_one_witness_that_is_down_keeps_no_other_from_cosigning(
    dsn: str, reader: Reader, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dead = SigningKey.of("dead.example/w", Ed25519PrivateKey.generate(), COSIGNATURE)
    down = Asked(url="http://127.0.0.1:1", key=dead.verifier)
    await grow(dsn, 5)
    with witnessing(tmp_path / "one") as running:
        async with working(asking(reader, down, asked_of(running))):
            await until(reader.cosigned)
    assert "`dead.example/w` did not cosign" in caplog.text


async def test_a_witness_that_comes_back_is_asked_again(dsn: str, reader: Reader, tmp_path: Path) -> None:
    await grow(dsn, 5)
    with witnessing(tmp_path / "one") as running:
        asked = asked_of(running)
    async with working(asking(reader, asked)):
        await asyncio.sleep(0.3)
        again = start(tmp_path / "one", port=asked.url.rpartition(":")[2])
        try:
            await until(reader.cosigned)
        finally:
            again.kill()


def test_who_keeps_failing_is_asked_less_often_up_to_a_limit() -> None:
    failing, pauses = Failing(), []
    for _ in range(6):
        failing.failed()
        pauses.append(failing.pause)
    assert pauses == [0, 1, 3, 7, 7, 7]


async def test_a_log_whose_database_fails_for_a_moment_is_witnessed_again(
    dsn: str, reader: Reader, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(LogLedger):
        times = 0

        async def consistency(self, old: int, new: int) -> list[bytes]:
            Failing.times += 1
            if Failing.times == 1:
                raise StoreError("unreachable")
            return await LogLedger.consistency(self, old, new)

    await grow(dsn, 5)
    with witnessing(tmp_path / "one") as running:
        asked = asked_of(running)
        await asking(reader, asked).ask(asked)
        await grow(dsn, 5)
        witnesses = asking(reader, asked)
        witnesses.ledger = Failing(reader)
        async with working(witnesses):
            await until(lambda: _signers(reader, 10, running))
    assert "`w.example/1` did not cosign: the log's database is unavailable" in caplog.text


async def test_while_the_log_does_not_grow_a_replica_that_does_not_lead_stays_sure_of_its_witness(
    dsn: str, reader: Reader, tmp_path: Path
) -> None:
    async def follows() -> bool:
        return False

    await grow(dsn, 5)
    with witnessing(tmp_path / "one") as running:
        asked = asked_of(running)
        await asking(reader, asked).ask(asked)
        follower = asking(reader, asked)
        follower.age.alarm, follower.leads = 4, follows
        follower.age.started -= 600
        async with working(follower):
            await until(lambda: _is_young(follower.age))


async def _is_young(age: Age) -> bool:
    return age.standing == "ok" and age.seconds < 3


async def test_a_rewritten_log_is_an_error_in_the_operators_log(
    dsn: str, reader: Reader, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with witnessing(tmp_path / "one") as running:
        asked = asked_of(running)
        await grow(dsn, 5)
        await asking(reader, asked).ask(asked)
        owner = await asyncpg.connect(dsn)
        await owner.execute("set session_replication_role = replica")
        for table in ("entry", "checkpoint", "cosignature", "witnessed"):
            await owner.execute(f"delete from log.{table}")
        await owner.close()
        await grow(dsn, 3)
        with pytest.raises(OtherTreeError, match="cut back"):
            await asking(reader, asked).ask(asked)
        await grow(dsn, 9)
        async with working(asking(reader, asked)):
            await until(lambda: _told(caplog))
    assert await reader.cosigned() is None


async def _told(caplog: pytest.LogCaptureFixture) -> bool:
    return any("a fork or a rollback" in each.message for each in caplog.records if each.levelno == logging.ERROR)


async def test_a_size_that_a_witness_makes_up_is_forgotten_again(dsn: str, reader: Reader, tmp_path: Path) -> None:
    await grow(dsn, 5)
    with witnessing(tmp_path / "one") as running:
        asked = asked_of(running)
        replies = [(409, b"123456789012\n")]
        witnesses = asking(reader, asked, by=lambda *sent: replies.pop() if replies else post(*sent))
        with pytest.raises(OtherTreeError, match="123456789012"):
            await witnesses.ask(asked)
        await witnesses.ask(asked)
    assert await reader.cosigned() is not None


@pytest.mark.parametrize(
    ("status", "reply"),
    [(200, b""), (200, b"\n"), (200, "— w.example/1 AAAAAAAAAAA=\n".encode()), (200, b"\xff\n"), (409, b"x"),
     (409, b"9" * 30), (409, b"9" * 5_000), (409, b"05\n"), (500, b""), (302, b""), (422, b"")],
)  # fmt: skip
async def test_an_answer_that_is_no_cosignature_counts_for_nothing(
    dsn: str, reader: Reader, status: int, reply: bytes
) -> None:
    key = SigningKey.of("w.example/1", Ed25519PrivateKey.generate(), COSIGNATURE)
    asked = Asked(url="http://unused.invalid", key=key.verifier)
    await grow(dsn, 2)
    with pytest.raises((NoteError, OtherTreeError)):
        await asking(reader, asked, by=lambda _url, _body: (status, reply)).ask(asked)
    assert await reader.cosigned() is None


def test_age_is_late_after_the_alarm_and_refuses_after_the_limit() -> None:
    now = [1_000.0]
    age = Age(alarm=300, limit=900, witnesses=1, clock=lambda: now[0])
    assert [age.standing, age.may_release()] == ["ok", True]
    now[0] += 301
    assert [age.standing, age.may_release()] == ["late", True]
    now[0] += 600
    assert [age.standing, age.may_release()] == ["refused", False]
    age.seen(datetime.fromtimestamp(now[0], UTC))
    assert [age.standing] == ["ok"]
    now[0] += 10_000
    assert Age(alarm=300, limit=900, witnesses=0, clock=lambda: now[0]).standing == "none"


async def test_a_head_that_is_cosigned_again_while_the_log_is_idle_keeps_its_age_young(
    dsn: str, reader: Reader, tmp_path: Path
) -> None:
    await grow(dsn, 3)
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    with witnessing(tmp_path / "one") as running:
        asked = asked_of(running)
        await reader.keep_cosignature(3, running.key.name, "an older line\n", long_ago)
        assert await reader.cosigned() == long_ago
        await asking(reader, asked).ask(asked)
    newest = await reader.cosigned()
    assert newest is not None and newest > datetime.now(UTC) - timedelta(minutes=1)
    await reader.keep_cosignature(3, running.key.name, "a late word of an old time\n", long_ago)
    assert await reader.cosigned() == newest
    notes = [note for _, note in await reader.history(0, 10)]
    assert [note.count("an older line") for note in notes] == [1], "a line that was published stays"


async def test_a_restart_of_the_hub_counts_as_no_cosignature(dsn: str, reader: Reader) -> None:
    key = SigningKey.of("w.example/1", Ed25519PrivateKey.generate(), COSIGNATURE).verifier
    settings = Settings(witnesses=(Witness(name="w.example/1", url="http://127.0.0.1:1", key=str(key)),))
    await grow(dsn, 1)
    for minutes, standing in ((None, "ok"), (20, "refused"), (6, "late"), (1, "ok")):
        if minutes is not None:
            await reader.keep_cosignature(1, "w.example/1", "line\n", datetime.now(UTC) - timedelta(minutes=minutes))
        age = age_of(settings)
        async with opened_asking(settings, dsn, reader, age):
            assert age.standing == standing, minutes


async def test_the_alarm_is_told_once_and_once_more_when_it_is_over(
    reader: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    now = [1_000.0]

    async def told(count: int) -> bool:
        return len(_alarms(caplog)) == count

    dead = SigningKey.of("dead.example/w", Ed25519PrivateKey.generate(), COSIGNATURE)
    witnesses = asking(reader, Asked(url="http://127.0.0.1:1", key=dead.verifier))
    witnesses.age = Age(alarm=300, limit=900, witnesses=1, clock=lambda: now[0])
    with caplog.at_level(logging.WARNING):
        async with working(witnesses):
            await asyncio.sleep(0.3)
            now[0] += 301
            await until(lambda: told(1))
            await asyncio.sleep(0.3)
            witnesses.age.seen(datetime.fromtimestamp(now[0], UTC))
            await until(lambda: told(2))
            await asyncio.sleep(0.3)
    assert [(each.levelname, each.message) for each in _alarms(caplog)] == [
        ("ERROR", "the newest cosignature is 301 s old: late"),
        ("WARNING", "the newest cosignature is 0 s old: ok"),
    ]


def _alarms(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if "newest cosignature" in record.message]
