"""Whatever is changed in the database, by whoever may, is found, and the first index named."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.audit.contract import Verification
from hub.audit.desk import Desk
from hub.audit.entry import encode
from hub.audit.keyring import Signer
from hub.audit.keys import SigningKey, VerifierKey
from hub.audit.live import Live
from hub.audit.reader import Reader
from hub.audit.sequencer import Sequencer
from hub.audit.session import Session
from hub.audit.store import PostgresStore
from tests.hub.audit.support import KEY, PATIENT, entry
from tests.hub.audit.support.written import NEXT_KEY

pytestmark = pytest.mark.postgres

COUNT = 700


@pytest.fixture
async def reader(dsn: str) -> AsyncIterator[Reader]:
    store, desk = (
        PostgresStore(Session(dsn, name="writer", timeout=PATIENT)),
        Desk(Session(dsn, name="sequencer", timeout=PATIENT)),
    )
    assert await desk.acquire()
    for count in (300, 100, COUNT - 400):
        await store.append([encode(entry()) for _ in range(count)])
        await Sequencer(desk, KEY).drain()
    await desk.close()
    await store.close()
    reader = Reader(Session(dsn, name="reader", timeout=30))
    yield reader
    await reader.close()


async def inspect(reader: Reader) -> Verification:
    return await Live(reader=reader, keys=[KEY.verifier]).run()


async def as_superuser(dsn: str, *statements: str) -> None:
    owner = await asyncpg.connect(dsn)
    await owner.execute("set session_replication_role = replica")  # what triggers there are do not fire
    for statement in statements:
        await owner.execute(statement)
    await owner.close()


async def test_an_untouched_log_is_good_and_what_was_found_is_kept(reader: Reader) -> None:
    found = await inspect(reader)
    assert (found.good, found.size, found.bad) == (True, COUNT, None)
    await reader.keep(found)
    kept = await reader.verification()
    assert kept is not None and (kept.good, kept.size) == (True, COUNT)


@dataclass(frozen=True)
class Rotated:
    """The keys after a rotation."""

    current: SigningKey = NEXT_KEY
    retired: Sequence[VerifierKey] = (KEY.verifier,)


class Busy(Reader):
    """A reader of a log that another replica's sequencer lengthens between any two of its questions."""

    def __init__(self, dsn: str) -> None:
        super().__init__(Session(dsn, name="reader", timeout=30))
        self.dsn, self.grown = dsn, 0

    async def _rows(self, query: str, *values: Any) -> list[Any]:
        found = await super()._rows(query, *values)
        await grow(self.dsn, 1)
        self.grown += 1
        return found


async def grow(dsn: str, count: int, key: Signer = KEY) -> None:
    store, desk = (
        PostgresStore(Session(dsn, name="writer", timeout=PATIENT)),
        Desk(Session(dsn, name="sequencer", timeout=PATIENT)),
    )
    try:
        assert await desk.acquire()
        await store.append([encode(entry()) for _ in range(count)])
        await Sequencer(desk, key).step()
    finally:
        await desk.close()
        await store.close()


async def test_a_log_that_grows_between_any_two_questions_is_good(dsn: str, reader: Reader) -> None:
    busy = Busy(dsn)
    found = await inspect(busy)
    await busy.close()
    assert busy.grown > 5 and found.size == COUNT
    assert found.good, found.reason
    assert (await inspect(reader)).size == COUNT + busy.grown


async def test_a_head_signed_by_a_key_that_is_newer_than_the_run_is_left_to_the_next(dsn: str, reader: Reader) -> None:
    class Rotating(Reader):
        async def newest(self) -> int | None:
            await grow(dsn, 1, Rotated())
            return await super().newest()

    rotating = Rotating(Session(dsn, name="reader", timeout=30))
    found = await inspect(rotating)
    await rotating.close()
    assert found.good, found.reason
    assert not (await inspect(reader)).good


async def test_entries_far_behind_the_last_head_are_found(dsn: str, reader: Reader) -> None:
    await as_superuser(dsn, "update log.entry set index = 900 where index = 699")
    await as_superuser(dsn, "delete from log.checkpoint", "delete from log.entry where index < 699")
    found = await inspect(reader)
    assert (found.good, found.bad) == (False, 0) and "behind the last signed head" in found.reason


async def test_an_empty_log_is_good(dsn: str) -> None:
    reader = Reader(Session(dsn, name="reader", timeout=PATIENT))
    assert (await inspect(reader)).good
    await reader.close()


REHASH = "leaf = sha256('\\x00'::bytea || bytes)"
OTHER = "convert_to(replace(convert_from(bytes, 'UTF8'), 'education_bureau', 'health_commission'), 'UTF8')"


@pytest.mark.parametrize(
    ("statements", "bad"),
    [
        ([f"update log.entry set bytes = {OTHER} where index = 5"], 5),
        (
            [f"update log.entry set bytes = {OTHER} where index = 5", f"update log.entry set {REHASH} where index = 5"],
            0,
        ),
        (["delete from log.entry where index = 433"], 433),
        (["delete from log.entry where index >= 650"], 650),
        (["update log.entry set leaf = sha256('x') where index = 699"], 699),
        (["update log.tile set hashes = set_byte(hashes, 40, 1 - get_byte(hashes, 40) % 2) where index = 1"], 256),
        (["update log.tile set root = sha256('x') where index = 0"], 0),
        (["delete from log.tile where index = 1"], 256),
        (["update log.checkpoint set note = replace(note, '700', '701') where size = 700"], 0),
        (["update log.checkpoint set note = (select note from log.checkpoint where size = 300) where size = 400"], 399),
        (["delete from log.checkpoint where size > 400"], 400),
        (
            [
                "update log.entry e set bytes = o.bytes, leaf = o.leaf from log.entry o"
                " where (e.index, o.index) in ((600, 601), (601, 600))"
            ],
            655,
        ),
    ],
)
async def test_each_change_is_found(dsn: str, reader: Reader, statements: Sequence[str], bad: int) -> None:
    await as_superuser(dsn, *statements)
    found = await inspect(reader)
    assert not found.good and found.reason
    assert found.bad == bad, found


async def test_a_head_signed_by_another_key_is_found(reader: Reader) -> None:
    other = SigningKey.of("hub.example/test-log", Ed25519PrivateKey.generate())
    found = await Live(reader=reader, keys=[other.verifier]).run()
    assert not found.good and "no known key" in found.reason


async def test_hashes_of_a_retired_month_stand_for_its_entries(dsn: str, reader: Reader) -> None:
    owner = await asyncpg.connect(dsn)
    month = await owner.fetchval("select month from log.month")
    await owner.execute(f"alter table log.entry detach partition log.entry_{month}")
    await owner.close()
    found = await inspect(reader)
    assert (found.good, found.bad) == (False, 0) and "missing" in found.reason
