"""No entry, no answer: under load, faults in pairs, outages, cancellation and a full queue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from connectors.demo.server import Server
from hub.audit.contract import StoreError
from hub.audit.desk import Desk
from hub.audit.entry import Pseudonyms
from hub.audit.indexer import Indexer
from hub.audit.log import BATCH, Log
from hub.audit.reader import Reader
from hub.audit.receipt import verify_receipt
from hub.audit.sequencer import Sequencer
from hub.audit.session import Session, install
from hub.audit.store import PostgresStore
from hub.errors import InternalError, OutageError
from tests.hub.audit.support import KEY, PATIENT, Fault, FaultyStore, check_log, entry, names_in
from tests.support.looking import at_once, within

pytestmark = pytest.mark.postgres
PSEUDONYMS = Pseudonyms(b"p" * 32)


@pytest.fixture
async def store(dsn: str) -> AsyncIterator[FaultyStore]:
    faulty = FaultyStore(PostgresStore(Session(dsn, name="writer", timeout=PATIENT)))
    yield faulty
    await faulty.close()


async def sequenced(dsn: str) -> int:
    """The size of the whole verified tree, after all that is durable got its place."""
    desk = Desk(Session(dsn, name="test", timeout=PATIENT))
    assert await desk.acquire()
    await Sequencer(desk, KEY).drain()
    await desk.close()
    return await check_log(dsn)


async def test_a_receipt_is_given_for_each_entry_and_holds(dsn: str) -> None:
    async with Log.opened(dsn, key=KEY, patience=PATIENT) as log:
        receipts = await log.record([entry("r1"), entry("r1", kind="refusal"), entry("r1", part=1)])
        assert sorted(await names_in(dsn)) == sorted(receipt.entry for receipt in receipts)
        for receipt in receipts:
            verify_receipt(receipt, KEY.verifier)
        assert await log.record([]) == []
    assert await check_log(dsn) == 3


async def test_receipts_of_one_call_share_a_signature_but_for_an_authors(dsn: str) -> None:
    """Who holds two receipts with one signature knows that they were made at one moment."""
    author = PSEUDONYMS.author("village_committee:120114101201")
    async with Log.opened(dsn, key=KEY, patience=PATIENT) as log:
        receipts = await log.record([entry("r1"), entry("r2", unit=author), entry("r3"), entry("r4", unit=author)])
        for receipt in receipts:
            verify_receipt(receipt, KEY.verifier)
    first, one, second, other = (receipt.signature.split(".")[0] for receipt in receipts)
    assert first == second
    assert len({first, one, other}) == 3


async def test_many_callers_share_commits_and_every_entry_is_there(dsn: str, store: FaultyStore) -> None:
    log = Log(store=store, key=KEY, patience=PATIENT)
    await log.start()
    receipts = await asyncio.gather(*(log.record([entry()]) for _ in range(1_000)))
    await log.close()
    assert store.writes <= 1_000 / BATCH + 2
    assert sorted(await names_in(dsn)) == sorted(receipt.entry for (receipt,) in receipts)
    assert await sequenced(dsn) == 1_000


async def test_grouped_commits_carry_several_times_what_single_ones_do(
    dsn: str, store: FaultyStore, record_property: Callable[[str, object], None]
) -> None:
    carried, each = {}, 20
    log = Log(store=store, key=KEY, patience=PATIENT)
    await log.start()
    for callers in (1, 128):
        begun, before = time.monotonic(), store.writes
        await asyncio.gather(*(record_so_many(log, each) for _ in range(callers)))
        record_property(f"entries_per_second_with_{callers}_callers", callers * each / (time.monotonic() - begun))
        carried[callers] = callers * each / (store.writes - before)
    await log.close()
    assert carried[128] > 10 * carried[1]
    assert await sequenced(dsn) == 129 * each


async def record_so_many(log: Log, count: int) -> None:
    for _ in range(count):
        await log.record([entry()])


async def test_closing_signs_a_checkpoint_over_everything(dsn: str) -> None:
    async with Log.opened(dsn, key=KEY, patience=PATIENT) as log:
        await asyncio.gather(*(log.record([entry(), entry()]) for _ in range(300)))
    assert await check_log(dsn) == 600


@pytest.mark.parametrize("second", ["none", "not persisted", "persisted, reply lost"])
@pytest.mark.parametrize("first", ["not persisted", "persisted, reply lost"])
async def test_a_commit_in_doubt_is_settled_and_stands_once(
    dsn: str, store: FaultyStore, first: Fault, second: Fault
) -> None:
    log = Log(store=store, key=KEY, patience=PATIENT)
    await log.start()
    store.faults = [first, second]
    (receipt,) = await log.record([entry()])
    assert await names_in(dsn) == [receipt.entry]
    (after,) = await log.record([entry()])
    await log.close()
    assert sorted(await names_in(dsn)) == sorted([receipt.entry, after.entry])
    assert await sequenced(dsn) == 2


@pytest.mark.parametrize("fault", ["not persisted", "persisted, reply lost"])
async def test_while_a_commit_stays_in_doubt_the_caller_is_refused_and_then_served(
    dsn: str, store: FaultyStore, fault: Fault
) -> None:
    log = Log(store=store, key=KEY, patience=0.2)
    await log.start()
    store.faults = [fault] * 50
    refused = asyncio.create_task(log.record([entry("in doubt")]))
    # By the loop's own clock: what stands still for a while is late with both.
    await asyncio.sleep(0.5)
    await turns()
    assert refused.done()
    with pytest.raises(OutageError) as caught:
        await refused
    assert caught.value.code == "AUDIT_UNAVAILABLE"
    store.faults = []
    await until_served(log)
    await log.close()
    names = await names_in(dsn)
    assert ("in doubt/disclosure/0" in names) == (fault == "persisted, reply lost")
    assert await sequenced(dsn) == len(names)


async def turns() -> None:
    """Lets go on whoever can now."""
    for _ in range(20):
        await asyncio.sleep(0)


async def until_served(log: Log) -> None:
    """Returns when an entry is taken again."""

    async def served() -> bool:
        with suppress(OutageError):
            return bool(await log.record([entry()]))
        return False

    assert await within(5, served), "the log does not come back by itself"


async def test_a_name_used_twice_is_our_bug_and_harms_no_other_caller(dsn: str, store: FaultyStore) -> None:
    log = Log(store=store, key=KEY, patience=PATIENT)
    await log.start()
    await log.record([entry("r1")])
    taken, fresh = await asyncio.gather(
        log.record([entry("r1", unit="district_court")]), log.record([entry("r2")]), return_exceptions=True
    )
    await log.close()
    assert isinstance(taken, InternalError)
    assert isinstance(fresh, list) and fresh[0].entry == "r2/disclosure/0"
    assert await sequenced(dsn) == 2


async def test_a_log_that_hangs_refuses_in_time_and_queues_within_its_capacity(dsn: str, store: FaultyStore) -> None:
    log = Log(store=store, key=KEY, capacity=3, patience=0.3)
    await log.start()
    store.faults = ["hangs"]
    waiting = [asyncio.create_task(log.record([entry(f"w{number}")])) for number in range(3)]
    await turns()
    with pytest.raises(OutageError, match="full"):
        at_once(log.record([entry("one too many")]))
    await asyncio.sleep(0.6)
    await turns()
    assert [type(order.exception()) for order in waiting] == [OutageError] * 3
    store.release.set()
    await until_served(log)
    await log.close()
    names = await names_in(dsn)
    assert not any(name.startswith("one too many") for name in names)
    assert await sequenced(dsn) == len(names)


async def test_a_caller_refused_before_its_turn_is_not_written_later(dsn: str, store: FaultyStore) -> None:
    log = Log(store=store, key=KEY, patience=0.2)
    await log.start()
    store.faults = ["hangs"]
    first = asyncio.create_task(log.record([entry("first")]))
    await asyncio.sleep(0.05)
    with pytest.raises(OutageError, match="slow"):
        await log.record([entry("second")])
    with pytest.raises(OutageError, match="slow"):
        await first
    store.release.set()
    await until_served(log)
    await log.close()
    assert not any(name.startswith("second") for name in await names_in(dsn))


async def test_a_cancelled_caller_does_not_cancel_the_commit_of_others_or_its_own(dsn: str, store: FaultyStore) -> None:
    log = Log(store=store, key=KEY, patience=PATIENT)
    await log.start()
    store.faults = ["hangs"]
    gone, stays = (asyncio.create_task(log.record([entry(name)])) for name in ("gone", "stays"))
    await asyncio.sleep(0.05)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    store.release.set()
    (receipt,) = await stays
    await log.close()
    assert receipt.entry == "stays/disclosure/0"
    assert sorted(await names_in(dsn)) == ["gone/disclosure/0", "stays/disclosure/0"]


async def test_an_order_larger_than_a_batch_is_one_commit(dsn: str, store: FaultyStore) -> None:
    log = Log(store=store, key=KEY, patience=PATIENT)
    await log.start()
    receipts = await log.record([entry() for _ in range(BATCH + 50)])
    await log.close()
    assert len(receipts) == BATCH + 50 and store.writes == 1


async def test_a_log_that_is_not_started_or_closed_takes_nothing(dsn: str, store: FaultyStore) -> None:
    log = Log(store=store, key=KEY, patience=PATIENT)
    with pytest.raises(OutageError):
        await log.record([entry()])
    await log.start()
    await log.close()
    with pytest.raises(OutageError):
        await log.record([entry()])


async def test_a_log_without_its_tables_does_not_start(server: Server) -> None:
    with pytest.raises(StoreError, match="tables are missing"):
        async with Log.opened(server.dsn("postgres"), key=KEY):
            pytest.fail("it started")


async def test_two_replicas_share_one_log(dsn: str) -> None:
    async with Log.opened(dsn, key=KEY, patience=PATIENT) as one, Log.opened(dsn, key=KEY, patience=PATIENT) as two:
        await asyncio.gather(*(log.record([entry()]) for log in (one, two) for _ in range(500)))
    assert await check_log(dsn) == 1_000


async def until_indexed(dsn: str) -> None:
    """What is in the tree is shown once it is indexed."""

    async def leads() -> bool:
        return True

    session = Session(dsn, name="indexer", timeout=PATIENT)
    reader = Reader(session)
    while (await reader.backlog()).pending:
        await asyncio.sleep(0.02)
    indexer = Indexer(connections=session, sensitivities={}, leads=leads)
    while await indexer.step():
        pass
    await session.close()


async def test_what_it_shows_is_what_was_recorded(dsn: str) -> None:
    subjects = tuple(f"f-{number:022d}" for number in range(300))
    shown = entry("r1", case="k-abc", masked=("Child.phone",), errors=("NOT_ENTITLED",), clauses=("2.4",))
    async with Log.opened(dsn, key=KEY, patience=PATIENT) as log:
        receipts = await log.record([shown, entry("r2", subjects=subjects, operator="", purpose="")])
        await until_indexed(dsn)
    hub = await asyncpg.connect(dsn, server_settings={"role": "hub_log"})
    first, second = await hub.fetch("select * from access_log order by key")
    await hub.close()
    assert dict(first) == {
        "key": "000000000000000",
        "at": first["at"],
        "unit": "education_bureau",
        "operator_id": "T0042",
        "purpose": "dropout_control",
        "case_ref": "k-abc",
        "fields": ["Child.name", "Enrolment.status"],
        "masked_fields": ["Child.phone"],
        "refused_fields": [],
        "record_refs": ["f-abcdefghijklmnopqrstuv"],
        "decision": "ALLOWED",
        "clause": ["2.4"],
        "entry_hash": receipts[0].leaf,
        "index": 0,
        "request_id": "r1",
        "policy_version": None,
        "error_codes": ["NOT_ENTITLED"],
        "kind": "disclosure",
        "part": 0,
    }
    assert first["at"].isoformat(timespec="milliseconds").replace("+00:00", "Z") == receipts[0].at
    assert second["record_refs"] == list(subjects)
    assert (second["operator_id"], second["purpose"]) == (None, None)


async def test_health_tells_a_tree_that_does_not_grow(dsn: str) -> None:
    from datetime import UTC, datetime, timedelta

    async with Log.opened(dsn, key=KEY, patience=PATIENT) as log:
        await log.record([entry()])
        assert await log.healthy()
    reader = PostgresStore(Session(dsn, name="writer", timeout=PATIENT))
    late = Log(store=reader, key=KEY)
    await late.start()
    assert await late.healthy()
    await late.record([entry(at=datetime.now(UTC) - timedelta(minutes=5))])
    async with Log.opened(dsn, key=KEY, patience=PATIENT) as log:
        pass
    await late.close()
    assert not await late.healthy()


async def test_the_database_stopped_and_started_under_load(folder: Path) -> None:
    """Acknowledged means there; refused at once while it is down; served again by itself."""
    with Server(folder=folder / "restarted", databases=("hub",)) as server:
        dsn = server.dsn("hub")
        await install(dsn)
        acknowledged: list[str] = []
        async with Log.opened(dsn, key=KEY, patience=PATIENT) as log:
            load = [asyncio.create_task(keep_recording(log, acknowledged)) for _ in range(16)]
            for stop in (server.stop, lambda: crash(server)):
                await asyncio.sleep(0.5)
                assert await within(5, log.healthy)
                await asyncio.to_thread(stop)
                assert await within(5, partial(_gone, log)), "it waits although the database is known to be gone"
                assert not await log.healthy()
                before = len(acknowledged)
                await asyncio.to_thread(server.start)
                await until_served(log)
                assert await within(5, partial(_more, acknowledged, before))
            for task in load:
                task.cancel()
            await asyncio.gather(*load, return_exceptions=True)
        assert set(acknowledged) <= set(await names_in(dsn))
        assert await sequenced(dsn) >= len(acknowledged) > 100


async def _gone(log: Log) -> bool:
    """Whether who comes now is refused at once."""
    call = log.record([entry()])
    try:
        call.send(None)
    except OutageError as refused:
        assert "gone" in str(refused)
        return True
    call.close()
    return False


async def _more(acknowledged: list[str], before: int) -> bool:
    return len(acknowledged) > before


async def keep_recording(log: Log, acknowledged: list[str]) -> None:
    while True:
        try:
            (receipt,) = await log.record([entry()])
            acknowledged.append(receipt.entry)
        except OutageError:
            await asyncio.sleep(0.01)


def crash(server: Server) -> None:
    """Ends the server as a power cut would: no checkpoint, no goodbye; its own recovery comes at the next start."""
    import os
    import signal

    assert server.pid is not None
    os.kill(server.pid, signal.SIGQUIT)
    time.sleep(0.3)
    server.stop()


async def test_without_witnesses_for_too_long_nothing_is_released_and_that_is_an_entry(dsn: str) -> None:
    witnessed = False
    async with Log.opened(dsn, key=KEY, patience=PATIENT, may_release=lambda: witnessed) as log:
        with pytest.raises(OutageError, match="not cosigned"):
            await log.record([entry("r1", secret=b"s" * 32, commitments=("c",))])
        await log.record([entry("r2", kind="refusal"), entry("r3", kind="look")])
        witnessed = True
        await log.record([entry("r4")])
    assert sorted(await names_in(dsn)) == ["r1/failure/0", "r2/refusal/0", "r3/look/0", "r4/disclosure/0"]
