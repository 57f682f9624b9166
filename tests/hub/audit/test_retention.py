"""A month leaves the log: never before its archive holds, never without an entry, and with every proof still there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from typer.testing import CliRunner, Result

from connectors.demo.server import Server
from hub.audit import tiles
from hub.audit.archive import Archive, ArchiveError
from hub.audit.contract import GapError
from hub.audit.desk import Desk
from hub.audit.entry import Entry, encode
from hub.audit.export import export
from hub.audit.gaps import covered, missing
from hub.audit.live import Live
from hub.audit.log import Log
from hub.audit.merkle import leaf_hash, root_of, verify_consistency, verify_inclusion
from hub.audit.proofs import consistency, inclusion
from hub.audit.reader import Reader
from hub.audit.retention import Month, Retention, RetentionError, earlier
from hub.audit.sequencer import Sequencer
from hub.audit.session import Session
from hub.audit.store import PostgresStore
from hub.audit.verify import verify
from hub.audit.verify_notes import Key
from hub.cli import app
from hub.commands.outcome import REFUSED
from tests.hub.audit.support import KEY, PATIENT, entry
from tests.hub.audit.support.databases import copied

NOW = datetime(2026, 11, 25, 4, tzinfo=UTC)
OLD = datetime(2022, 3, 4, 5, tzinfo=UTC)
COUNTS = (300, 256, 100)
SUBJECTS = [f"f-{number:022}" for number in range(200)]


@dataclass(slots=True, kw_only=True)
class Ledger:
    """A log of three months, two of them old, and the hub that goes on writing to it."""

    dsn: str
    folder: Path
    leaves: list[bytes] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    async def grow(self, entries: Sequence[Entry]) -> None:
        store, desk = (
            PostgresStore(Session(self.dsn, name="w", timeout=PATIENT)),
            Desk(Session(self.dsn, name="s", timeout=PATIENT)),
        )
        await store.append([encode(each) for each in entries])
        self.leaves += [encode(each).hash for each in entries]
        assert await desk.acquire()
        await Sequencer(desk, KEY).drain()
        await desk.close()
        await store.close()

    async def put(self, made: Entry) -> None:
        if "put" in self.faults:
            raise KeyboardInterrupt
        await self.grow([made])
        if "put, reply lost" in self.faults:
            raise KeyboardInterrupt

    async def place(self, made: Entry) -> None:
        if "place" in self.faults:
            raise KeyboardInterrupt

    async def run(self, *statements: str) -> list[Any]:
        owner = await asyncpg.connect(self.dsn)
        await owner.execute("set session_replication_role = replica")
        for statement in statements[:-1]:
            await owner.execute(statement)
        rows: list[Any] = await owner.fetch(statements[-1])
        await owner.close()
        return rows

    async def backdate(self, month: int) -> None:
        """Makes the running month an old one, so that what comes begins another."""
        [row] = await self.run("select max(month) as month from log.month")
        now = row["month"]
        await self.run(
            f"alter table log.entry detach partition log.entry_{now}",
            f"alter table log.entry_{now} rename to entry_{month}",
            f"update log.entry_{month} set month = {month}",
            f"alter table log.entry attach partition log.entry_{month} for values in ({month})",
            f"update log.month set month = {month} where month = {now} returning month",
        )

    async def retire(self, month: int, **changes: Any) -> Month | None:
        session = Session(self.dsn, name="retire", role=None, timeout=10)
        fields: dict[str, Any] = {"clock": lambda: NOW, "floor": 36, "archive": Archive(folder=self.folder)} | changes
        try:
            return await Retention(session=session, writer=self, **fields).retire(month)
        finally:
            await session.close()


@pytest.fixture(scope="module")
async def grown(server: Server, template: str) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A database with the log that every test begins with, to be copied, and its leaves."""
    async with copied(server, template) as name:
        leaves = await grow_old(Ledger(dsn=server.dsn(name), folder=Path()))
    yield name, leaves


@pytest.fixture
async def ledger(server: Server, grown: tuple[str, list[bytes]], tmp_path: Path) -> AsyncIterator[Ledger]:
    template, leaves = grown
    async with copied(server, template) as name:
        yield Ledger(dsn=server.dsn(name), folder=tmp_path / "archive", leaves=list(leaves))


async def grow_old(made: Ledger) -> list[bytes]:
    """Two months that are old by now, and one that begins; their leaves."""
    for number, count in enumerate(COUNTS):
        at = OLD + timedelta(days=31 * number)
        await made.grow(
            [entry(at=at, subjects=SUBJECTS, secret=bytes(32), commitments=["c"]) for _ in range(3)]
            + [entry(at=at) for _ in range(count - 3)]
        )
        if number < 2:
            await made.backdate(202203 + number)
    # What fills up the last bundle of April is as old as it; the rest is of today.
    await made.grow([entry(at=at) for _ in range(112)] + [entry() for _ in range(88)])
    return made.leaves


@pytest.fixture
async def reader(ledger: Ledger) -> AsyncIterator[Reader]:
    made = Reader(Session(ledger.dsn, name="reader", timeout=30))
    yield made
    await made.close()


pytestmark = pytest.mark.postgres


def bundle_of(ledger: Ledger, number: int) -> bytes:
    return (ledger.folder / tiles.path("entries", number)).read_bytes()


async def months(ledger: Ledger) -> list[tuple[int, int, int | None, bool]]:
    rows = await ledger.run("select month, first, last, retired is not null as retired from log.month order by first")
    return [tuple(row) for row in rows]


async def test_a_month_begins_with_a_bundle_of_its_own(ledger: Ledger) -> None:
    [march, april, running] = await months(ledger)
    assert march == (202203, 0, 512, False) and april == (202204, 512, 768, False)
    assert running[1:] == (768, None, False)
    rows = await ledger.run("select month, min(index), max(index), count(*) from log.entry group by 1 order by 1")
    assert [tuple(row)[1:] for row in rows] == [(0, 511, 512), (512, 767, 256), (768, 855, 88)]


async def test_a_retired_month_is_archived_told_and_detached_and_proofs_go_on(ledger: Ledger, reader: Reader) -> None:
    heads = dict(await reader.history(0, 100))
    assert await ledger.retire(202203) == Month(number=202203, first=0, end=512)
    assert await ledger.retire(202203) is None
    found = [leaf_hash(data) for n in (0, 1) for data in tiles.entries(bundle_of(ledger, n))]
    assert found == ledger.leaves[:512]
    with pytest.raises(GapError, match="`0` to `511` were retired"):
        await reader.entries(0, 10)
    [gap] = await reader.find("retired-0-512")
    digest = sha256(b"".join(sha256(bundle_of(ledger, n)).digest() for n in (0, 1)))
    assert orjson.loads(gap.data)["facts"] == ["end=512", "first=0", "reason=retired", f"sha256={digest.hexdigest()}"]
    assert await covered(reader) == [(0, 512)] and await missing(reader) is None
    assert [row[0] for row in await ledger.run("select count(*) from log.retired_202203")] == [512]
    await proofs_hold(ledger, reader, heads)


async def proofs_hold(ledger: Ledger, reader: Reader, heads: dict[int, str]) -> None:
    size = len(ledger.leaves)
    root = root_of(ledger.leaves)
    for index in (0, 255, 300, 511, 512, size - 1):
        verify_inclusion(ledger.leaves[index], index, size, await inclusion(reader, index, size), root)
    for old in heads:
        verify_consistency(old, size, await consistency(reader, old, size), root_of(ledger.leaves[:old]), root)
    verdict = await Live(reader=reader, keys=[KEY.verifier]).run()
    assert (verdict.good, verdict.size) == (True, size), verdict.reason


class Overtaken(Reader):
    """A reader of a log whose next ``due`` month is retired right after it was asked which are."""

    due: Sequence[int] = ()

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(Session(ledger.dsn, name="reader", timeout=30))
        self.ledger = ledger

    async def retired(self) -> list[tuple[int, int]]:
        before = await super().retired()
        for month in self.due:
            await self.ledger.retire(month)
        self.due = ()
        return before


async def test_a_month_that_is_retired_meanwhile_is_no_fault_and_no_gap(ledger: Ledger) -> None:
    reader = Overtaken(ledger)
    reader.due = [202203]
    verdict = await Live(reader=reader, keys=[KEY.verifier]).run()
    assert (verdict.good, verdict.bad) == (True, None), verdict.reason
    reader.due = [202204]
    assert await missing(reader) is None
    assert [gone for *_, gone in await months(ledger)] == [True, True, False]
    await reader.close()


async def test_an_export_beside_the_archives_is_one_log_that_verifies(
    ledger: Ledger, reader: Reader, tmp_path: Path
) -> None:
    await ledger.retire(202203)
    keys = [Key.read(str(KEY.verifier))]
    apart = await export(reader, tmp_path / "apart")
    assert apart.retired == 2
    verdict = verify(tmp_path / "apart", keys)
    assert verdict.good and "entries 0 to 511 were retired" in verdict.remarks[-1], verdict
    assert (await export(reader, ledger.folder)).retired == 0
    whole = verify(ledger.folder, keys)
    assert whole.good and whole.size == len(ledger.leaves), whole
    path = ledger.folder / tiles.path("entries", 1)
    path.write_bytes(path.read_bytes().replace(b"education", b"educatiom", 1))
    assert verify(ledger.folder, keys).bad is not None


async def test_the_log_grows_on_after_every_old_month_has_left(ledger: Ledger, reader: Reader) -> None:
    await ledger.retire(202203)
    await ledger.retire(202204)
    await ledger.grow([entry() for _ in range(700)])
    await proofs_hold(ledger, reader, dict(await reader.history(0, 100)))
    assert await covered(reader) == [(0, 512), (512, 768)] and await missing(reader) is None


async def test_the_command_retires_a_month_while_a_hub_runs(ledger: Ledger, reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "owner").write_text(ledger.dsn + "\n", "utf-8")
    config = tmp_path / "hub.toml"
    config.write_text(f"keys = {json.dumps(str(tmp_path / 'keys'))}\n[databases]\nlog = {json.dumps(ledger.dsn)}\n")
    to = ("--to", str(ledger.folder), "--owner", str(tmp_path / "owner"))

    async def retire(*arguments: str) -> Result:
        words = ["--config", str(config), "audit", "retire", *arguments, *to]
        return await asyncio.to_thread(CliRunner().invoke, app, words)

    async with Log.opened(ledger.dsn, key=KEY, patience=PATIENT):
        assert (await retire("202204")).exit_code == REFUSED
        assert (await retire("202203", "--floor", "600")).exit_code == REFUSED
        result = await retire("202203")
        assert result.exit_code == 0, result.output
        assert "entries 0 to 511" in result.stdout and "drop table log.retired_202203" in result.stdout
        again = await retire("202203")
        assert (again.exit_code, "retired before" in again.stdout) == (0, True)
    assert await covered(reader) == [(0, 512)] and await missing(reader) is None


async def test_what_a_month_says_of_months_before_is_said_again_before_it_leaves(
    ledger: Ledger, reader: Reader
) -> None:
    await ledger.retire(202203)
    await ledger.retire(202204)
    await ledger.grow([entry(at=OLD) for _ in range(300)])
    await ledger.backdate(202205)
    await ledger.grow([entry() for _ in range(300)])
    [*_, may, _] = await months(ledger)
    # Two entries in it were made today (those of the gaps): only a floor of no month lets it go in this test.
    assert await ledger.retire(202205, clock=lambda: datetime.now(UTC) + timedelta(days=1300)) is not None
    assert may[0] == 202205
    assert [kept.index is not None for kept in await reader.find("retired-0-512")] == [True]
    assert await covered(reader) == [(0, 512), (512, 768), (768, may[2])] and await missing(reader) is None
    await proofs_hold(ledger, reader, dict(await reader.history(0, 100)))


async def test_lists_are_archived_and_stay_and_keys_of_commitments_are_not_archived(ledger: Ledger) -> None:
    before = await ledger.run("select count(*) from log.long_list")
    keys = await ledger.run("select count(*) from log.commitment_key")
    await ledger.retire(202203)
    lines = [line for path in (ledger.folder / "lists").rglob("*") for line in path.read_bytes().splitlines()]
    # Of the first three entries of the first step, and of the second, which fills the last bundle up.
    assert sorted(orjson.loads(line)["index"] for line in lines) == [0, 1, 2, 300, 301, 302]
    assert all(orjson.loads(line)["items"] == SUBJECTS for line in lines)
    assert await ledger.run("select count(*) from log.long_list") == before
    assert await ledger.run("select count(*) from log.commitment_key") == keys
    assert not any(bytes(32) in path.read_bytes() for path in ledger.folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("month", "changes", "words"),
    [
        (202204, {}, "retire `202203` first"),
        (202111, {}, "has no month `202111`"),
        (202203, {"floor": 60}, "has entries of the last 60 months"),
        (202203, {"clock": lambda: datetime(2025, 3, 4, tzinfo=UTC)}, "has entries of the last 36 months"),
    ],
)
async def test_a_month_that_is_not_due_stays(ledger: Ledger, month: int, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(RetentionError, match=words):
        await ledger.retire(month, **changes)
    assert not any(retired for *_, retired in await months(ledger))


async def test_the_running_month_stays(ledger: Ledger) -> None:
    await ledger.retire(202203)
    await ledger.retire(202204)
    running = (await months(ledger))[-1][0]
    with pytest.raises(RetentionError, match="is not closed yet"):
        await ledger.retire(running, clock=lambda: datetime(2090, 1, 1, tzinfo=UTC))


def test_the_floor_counts_calendar_months_in_shanghai() -> None:
    assert earlier(datetime(2026, 11, 25, tzinfo=UTC), 36).isoformat() == "2023-11-25T08:00:00+08:00"
    assert earlier(datetime(2026, 3, 31, tzinfo=UTC), 1).isoformat() == "2026-02-28T08:00:00+08:00"


# Interrupted, torn, tampered with.


class _Torn(Archive):
    """An archive on a disk that loses what was written to one bundle."""

    def settle(self) -> None:
        super().settle()
        path = self.folder / tiles.path("entries", 1)
        path.write_bytes(path.read_bytes()[:-5])


class _Stops(Archive):
    """An archive whose process is killed after the first bundle."""

    def write(self, number: int, *rest: Any) -> None:
        if number:
            (self.folder / tiles.path("entries", number)).with_name(f".{number:03}.part").write_bytes(b"half of it")
            raise KeyboardInterrupt
        super().write(number, *rest)


@pytest.mark.parametrize("fault", ["put", "put, reply lost", "place", "after the first bundle", "before the detaching"])
async def test_a_retirement_that_is_interrupted_anywhere_is_done_by_running_it_again(
    ledger: Ledger, reader: Reader, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.faults = [fault]
    changes: dict[str, Any] = {"archive": _Stops(folder=ledger.folder)} if fault == "after the first bundle" else {}
    if fault == "before the detaching":

        async def dies(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(Retention, "_detach", dies)
    with pytest.raises(KeyboardInterrupt):
        await ledger.retire(202203, **changes)
    monkeypatch.undo()
    assert await missing(reader) is None and (await months(ledger))[0][-1] is False
    assert len(await reader.entries(0, 512)) == 512, "nothing has left"
    ledger.faults = []
    assert await ledger.retire(202203) is not None
    assert await covered(reader) == [(0, 512)] and await missing(reader) is None
    assert len(await reader.find("retired-0-512")) == 1
    await proofs_hold(ledger, reader, {})


async def test_an_archive_that_does_not_read_back_lets_nothing_leave(ledger: Ledger, reader: Reader) -> None:
    with pytest.raises(ArchiveError, match=r"torn|does not hold the entries"):
        await ledger.retire(202203, archive=_Torn(folder=ledger.folder))
    assert len(await reader.entries(0, 512)) == 512 and await reader.find("retired-0-512") == []
    with pytest.raises(ArchiveError, match="with other bytes"):
        await ledger.retire(202203)


async def test_an_entry_altered_before_it_was_archived_is_found(ledger: Ledger) -> None:
    await ledger.run(
        "update log.entry set bytes = convert_to(replace(convert_from(bytes, 'UTF8'), 'bureau', 'burean'), 'UTF8')"
        " where index = 300 returning index"
    )
    with pytest.raises(ArchiveError, match="bundle `1` of the archive does not hold"):
        await ledger.retire(202203)


async def test_a_list_altered_before_it_was_archived_is_found(ledger: Ledger) -> None:
    await ledger.run("update log.long_list set items = items || array['more'] returning field")
    with pytest.raises(ArchiveError, match="does not hold the lists"):
        await ledger.retire(202203)


async def test_a_hub_that_reads_long_delays_the_detaching_and_does_not_wait_behind_it(ledger: Ledger) -> None:
    other = await asyncpg.connect(ledger.dsn)
    transaction = other.transaction()
    await transaction.start()
    await other.fetch("select 1 from log.entry limit 1")
    retiring = asyncio.create_task(ledger.retire(202203))
    await asyncio.sleep(2)
    assert not retiring.done()
    await ledger.grow([entry()])
    await transaction.rollback()
    await other.close()
    assert await retiring is not None


@pytest.mark.parametrize(
    ("statements", "first"),
    [
        (["delete from log.entry where index = 600 returning index"], 600),
        (["alter table log.entry detach partition log.entry_202203", "select 1"], 0),
        (
            [
                "alter table log.entry detach partition log.entry_202203",
                "update log.month set retired = now() where month = 202203 returning month",
            ],
            0,
        ),
        (["delete from log.entry where index in (3, 770) returning index"], 3),
    ],
)
async def test_entries_that_are_gone_without_a_word_are_an_alarm(
    ledger: Ledger, reader: Reader, statements: Sequence[str], first: int
) -> None:
    await ledger.run(*statements)
    assert await missing(reader) == first
    verdict = await Live(reader=reader, keys=[KEY.verifier]).run()
    assert (verdict.good, verdict.bad, verdict.reason) == (False, first, "the entry is missing")
