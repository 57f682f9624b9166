"""The hub has its heads cosigned, survives witnesses that are down or lie, and knows how long it has gone without."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.audit.desk import Desk
from hub.audit.entry import encode
from hub.audit.keys import COSIGNATURE, SigningKey
from hub.audit.reader import Reader
from hub.audit.sequencer import Sequencer
from hub.audit.session import Session
from hub.audit.store import PostgresStore
from hub.audit.witness.client import Age, Asked, Post, Witnesses, post
from hub.audit.witness.ledger import LogLedger
from tests.hub.audit.support import KEY, entry
from tests.hub.audit.witness.test_server import start

pytestmark = pytest.mark.postgres


@pytest.fixture
async def reader(dsn: str) -> AsyncIterator[Reader]:
    reader = Reader(Session(dsn, name="reader"))
    yield reader
    await reader.close()


async def grow(dsn: str, count: int) -> None:
    store, desk = PostgresStore(Session(dsn, name="writer")), Desk(Session(dsn, name="sequencer"))
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


async def test_every_new_head_is_cosigned_by_each_witness_also_after_a_restart_of_the_hub(
    dsn: str, reader: Reader, tmp_path: Path
) -> None:
    pair = [start(tmp_path / name) for name in ("one", "two")]
    asked = [Asked(url=running.url, key=running.key) for running in pair]
    # Both were started under one name here; their keys tell them apart.
    first = asking(reader, *asked[:1])
    await grow(dsn, 5)
    await first.ask(asked[0])
    await grow(dsn, 300)
    await first.ask(asked[0])
    again = asking(reader, *asked[:1])
    await grow(dsn, 1)
    await again.ask(asked[0])
    heads = await reader.history(0, 10)
    assert [size for size, note in heads if "— w.example/1 " in note] == [5, 305, 306]
    assert (await reader.cosigned()) is not None
    other = asking(reader, asked[1])
    await other.ask(asked[1])
    for running in pair:
        running.kill()


async def test_one_witness_that_is_down_keeps_no_other_from_cosigning(
    dsn: str, reader: Reader, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    running = start(tmp_path / "one")
    dead = SigningKey.of("dead.example/w", Ed25519PrivateKey.generate(), COSIGNATURE)
    down = Asked(url="http://127.0.0.1:1", key=dead.verifier)
    witnesses = asking(reader, down, Asked(url=running.url, key=running.key))
    await grow(dsn, 5)
    task = asyncio.create_task(witnesses.run())
    for _ in range(200):
        if await reader.cosigned():
            break
        await asyncio.sleep(0.05)
    task.cancel()
    assert await reader.cosigned() is not None
    assert "`dead.example/w` did not cosign" in caplog.text
    running.kill()


async def test_a_rewritten_log_is_an_error_in_the_operators_log(
    dsn: str, reader: Reader, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    running = start(tmp_path / "one")
    asked = Asked(url=running.url, key=running.key)
    await grow(dsn, 5)
    await asking(reader, asked).ask(asked)
    owner = await asyncpg.connect(dsn)
    await owner.execute("set session_replication_role = replica")
    for table in ("entry", "checkpoint", "cosignature"):
        await owner.execute(f"delete from log.{table}")
    await owner.close()
    await grow(dsn, 3)
    with caplog.at_level(logging.WARNING), pytest.raises(Exception, match="cut back"):
        await asking(reader, asked).ask(asked)
    await grow(dsn, 9)
    with caplog.at_level(logging.ERROR), pytest.raises(Exception, match="422"):
        await asking(reader, asked).ask(asked)
    assert "a fork or a rollback" in caplog.text
    running.kill()


@pytest.mark.parametrize(
    ("status", "reply"),
    [(200, b""), (200, b"\n"), (200, "— w.example/1 AAAAAAAAAAA=\n".encode()), (409, b"x"), (409, b"9" * 30),
     (500, b""), (302, b"")],
)  # fmt: skip
async def test_an_answer_that_is_no_cosignature_counts_for_nothing(
    dsn: str, reader: Reader, status: int, reply: bytes
) -> None:
    key = SigningKey.of("w.example/1", Ed25519PrivateKey.generate(), COSIGNATURE)
    asked = Asked(url="http://unused.invalid", key=key.verifier)
    await grow(dsn, 2)
    with pytest.raises(Exception, match=r"it|signature"):
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
