"""Every durable row gets one place, without gaps, whatever the order of commits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial

import asyncpg
import pytest

import hub.audit.entry
from hub.audit.contract import StoreError, Waiting
from hub.audit.desk import Desk
from hub.audit.entry import Leaf, Pseudonyms, encode, without_author
from hub.audit.sequencer import STEP, Sequencer
from hub.audit.session import Session
from hub.audit.store import PostgresStore
from tests.hub.audit.support import KEY, PATIENT, check_log, entry
from tests.support.looking import within

pytestmark = pytest.mark.postgres


@pytest.fixture
async def store(dsn: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(Session(dsn, name="writer", timeout=PATIENT))
    yield store
    await store.close()


@pytest.fixture
async def desk(dsn: str) -> AsyncIterator[Desk]:
    desk = Desk(Session(dsn, name="sequencer", timeout=PATIENT))
    assert await desk.acquire()
    yield desk
    await desk.close()


def leaves(count: int) -> list[Leaf]:
    return [encode(entry()) for _ in range(count)]


async def put_raw(connection: asyncpg.Connection, leaf: Leaf) -> None:
    await connection.execute(
        "insert into log.pending (request, kind, part, at, leaf, bytes) values ($1, $2, $3, $4, $5, $6)",
        *(leaf.request, leaf.kind, leaf.part, leaf.at, leaf.hash, leaf.data),
    )


async def test_rows_get_places_in_order_of_arrival_with_a_checkpoint_every_step(
    dsn: str, store: PostgresStore, desk: Desk
) -> None:
    arrived = leaves(STEP * 2 + 10)
    await store.append(arrived)
    await Sequencer(desk, KEY).drain()
    assert await check_log(dsn) == len(arrived)
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("select leaf from log.entry order by index")
    sizes = await connection.fetch("select size from log.checkpoint order by size")
    await connection.close()
    assert [row["leaf"] for row in rows] == [leaf.hash for leaf in arrived]
    assert [row["size"] for row in sizes] == [STEP, STEP * 2, STEP * 2 + 10]


async def test_nothing_new_makes_no_checkpoint(dsn: str, store: PostgresStore, desk: Desk) -> None:
    sequencer = Sequencer(desk, KEY)
    assert await sequencer.step() == 0
    await store.append(leaves(1))
    await sequencer.drain()
    await sequencer.drain()
    connection = await asyncpg.connect(dsn)
    assert await connection.fetchval("select count(*) from log.checkpoint") == 1
    await connection.close()


async def test_a_row_that_commits_after_later_ones_still_gets_a_place(
    dsn: str, store: PostgresStore, desk: Desk
) -> None:
    slow = await asyncpg.connect(dsn)
    transaction = slow.transaction()
    await transaction.start()
    late = encode(entry())
    await put_raw(slow, late)
    await store.append(leaves(3))
    sequencer = Sequencer(desk, KEY)
    await sequencer.drain()
    assert await check_log(dsn) == 3
    await transaction.commit()
    await slow.close()
    await sequencer.drain()
    assert await check_log(dsn) == 4


async def test_an_entry_written_again_after_it_got_its_place_is_dropped(
    dsn: str, store: PostgresStore, desk: Desk
) -> None:
    sequencer = Sequencer(desk, KEY)
    first = leaves(2)
    await store.append(first)
    await sequencer.drain()
    again = await asyncpg.connect(dsn)
    await put_raw(again, first[1])
    await again.close()
    fresh = leaves(1)
    await store.append(fresh)
    await sequencer.drain()
    assert await check_log(dsn) == 3


class DoubtfulDesk(Desk):
    """A desk whose next step fails, before or after its commit."""

    fault: str | None = None

    async def sequence(self, tip: object, waiting: Waiting, grown: object, note: str, tiles: object = ()) -> None:
        fault, self.fault = self.fault, None
        if fault == "not persisted":
            raise StoreError("injected")
        await super().sequence(tip, waiting, grown, note, tiles)  # type: ignore[arg-type]
        if fault == "persisted, reply lost":
            raise StoreError("injected")


@pytest.mark.parametrize("fault", ["not persisted", "persisted, reply lost"])
async def test_a_step_in_doubt_is_neither_lost_nor_done_twice(dsn: str, store: PostgresStore, fault: str) -> None:
    desk = DoubtfulDesk(Session(dsn, name="sequencer", timeout=PATIENT))
    sequencer = Sequencer(desk, KEY)
    assert await desk.acquire()
    await store.append(leaves(5))
    desk.fault = fault
    with pytest.raises(StoreError):
        await sequencer.step()
    await store.append(leaves(2))
    await sequencer.drain()
    assert await check_log(dsn) == 7
    await desk.close()


async def test_two_sequencers_at_once_make_one_tree(dsn: str, store: PostgresStore) -> None:
    both = [Sequencer(Desk(Session(dsn, name=name, timeout=PATIENT)), KEY) for name in ("one", "two")]
    tasks = [asyncio.create_task(sequencer.run()) for sequencer in both]
    for _ in range(20):
        await store.append(leaves(40))
        both[0].arrived(40)
        both[1].arrived(40)
        await asyncio.sleep(0.02)
    for sequencer in both:
        sequencer.stop()
    await asyncio.gather(*tasks)
    assert await check_log(dsn) == 800


async def test_rows_of_another_process_are_seen_within_two_seconds(dsn: str, store: PostgresStore) -> None:
    sequencer = Sequencer(Desk(Session(dsn, name="sequencer", timeout=PATIENT)), KEY)
    running = asyncio.create_task(sequencer.run())
    await asyncio.sleep(0.2)
    await store.append(leaves(3))
    assert await within(2, partial(placed, dsn, 3))
    assert await check_log(dsn) == 3
    sequencer.stop()
    await running


async def placed(dsn: str, count: int) -> bool:
    connection = await asyncpg.connect(dsn)
    try:
        return bool(await connection.fetchval("select count(*) = $1 from log.entry", count))
    finally:
        await connection.close()


async def test_acts_of_authors_wait_for_the_end_of_their_hour_and_a_wrong_clock_does_not_hold_the_tree_up(
    dsn: str, store: PostgresStore, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Other tests, in the same process, want them at once.
    monkeypatch.setattr(hub.audit.entry, "MIXING", timedelta(hours=1))
    names, now = Pseudonyms(b"n" * 32), datetime.now(UTC)
    act = without_author(entry(at=now), names)
    assert now <= act.at < now + timedelta(hours=1) and act.at.minute == act.at.second == 0
    ahead, far = encode(entry(at=now + timedelta(minutes=30))), encode(entry(at=now + timedelta(days=400)))
    plain = encode(entry(at=now))
    await store.append([ahead, far, plain])
    await Sequencer(desk, KEY).drain()
    connection = await asyncpg.connect(dsn)
    try:
        placed = [row["leaf"] for row in await connection.fetch("select leaf from log.entry order by index")]
        assert placed == [far.hash, plain.hash]
        await connection.execute("update log.pending set at = now() - interval '1 second'")
    finally:
        await connection.close()
    await Sequencer(desk, KEY).drain()
    assert await check_log(dsn) == 3
