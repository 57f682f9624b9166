"""What auditors ask is found in the log, from the log alone, and nobody who reported is found by name."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.audit.contract import GapError
from hub.audit.desk import Desk
from hub.audit.entry import Entry, Pseudonyms, encode, without_author
from hub.audit.indexer import Indexer
from hub.audit.monthly import monthly, workbook
from hub.audit.named import keys_of
from hub.audit.reader import Reader
from hub.audit.reviewing import Auditor, review
from hub.audit.search import Question, QuestionError, Search, TooMuchError
from hub.audit.sequencer import Sequencer
from hub.audit.session import DDL, LAYOUT, Session, Sessions
from hub.audit.store import PostgresStore
from hub.audit.unusual import Hit, Thresholds, Unusual
from hub.workdays import works
from tests.hub.audit.support import KEY, PATIENT, entry
from tests.hub.audit.support.indexed import indexed

pytestmark = pytest.mark.postgres

NAMES = Pseudonyms(b"only for tests of the console...")
NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
"""A Tuesday, 12 o'clock in Wuqing."""
DAY = date(2026, 11, 24)
AUDITOR = Auditor(unit="auditor", client="console", operator="A001")
SENSITIVITIES = {"Child.name": "L3", "Child.residenceAddress": "L4", "Enrolment.status": "L2"}


async def always() -> bool:
    return True


@dataclass
class Bench:
    """A log to write to, indexed, and the ways to ask it."""

    dsn: str
    store: PostgresStore
    desk: Desk
    indexer: Indexer
    search: Search

    async def write(self, entries: Sequence[Entry]) -> None:
        await self.store.append([encode(each) for each in entries])
        await Sequencer(self.desk, KEY).drain()
        while await self.indexer.step():
            pass

    async def hits(self, **thresholds: int) -> list[Hit]:
        unusual = Unusual(connections=self.search.connections, thresholds=Thresholds(**thresholds))  # type: ignore[arg-type]
        return await unusual.hits(DAY - timedelta(days=3), DAY + timedelta(days=6))


@pytest.fixture
async def log(dsn: str) -> AsyncIterator[Bench]:
    store = PostgresStore(Session(dsn, name="writer", timeout=PATIENT))
    desk = Desk(Session(dsn, name="sequencer", timeout=PATIENT))
    sessions = Sessions([Session(dsn, name=f"search {number}", timeout=PATIENT) for number in range(2)])
    reader = Reader(sessions)
    assert await desk.acquire()
    indexer = Indexer(connections=sessions, sensitivities=SENSITIVITIES, leads=always)
    yield Bench(dsn, store, desk, indexer, Search(connections=sessions, reader=reader))
    for part in (store, desk, sessions):
        await part.close()


@asynccontextmanager
async def hurried(log: Bench) -> AsyncIterator[Sessions]:
    """Sessions whose statements may take two seconds."""
    sessions = Sessions([Session(log.dsn, name="hurried", timeout=2.0)])
    yield sessions
    await sessions.close()


def read(number: int, **changes: Any) -> Entry:
    return entry(f"read-{number}", at=NOON + timedelta(seconds=number), **changes)


async def test_each_part_of_a_question_finds_its_entries_newest_first(log: Bench) -> None:
    await log.write(
        [
            read(0, unit="district_court", purpose="judicial_proceeding", case=NAMES.case("（2026）津0114民初1号")),
            read(1, operator="T0007"),
            read(2, kind="refusal", decision="DENIED", released=(), refused=("Child.citizenId",)),
            read(3, released=("Child.residenceAddress",)),
            read(90_000),
        ]
    )
    asked = {
        (0,): Question(unit="district_court"),
        (1,): Question(operator="T0007"),
        (2,): Question(decision="DENIED"),
        (3,): Question(coordinate="Child.residenceAddress"),
        (4,): Question(since=DAY + timedelta(days=1)),
        (3, 2, 1, 0): Question(until=DAY),
        (4, 3, 2, 1): Question(purpose="dropout_control"),
        (): Question(unit="district_court", operator="T0007"),
    }
    asked |= {
        (0,): Question(case=NAMES.case("（2026）津0114民初1号")),
        (2,): Question(kind="refusal", coordinate="Child.citizenId"),
    }
    for indexes, question in asked.items():
        assert tuple(row.index for row in (await log.search.entries(question)).rows) == indexes, question
    assert [row.index for row in (await log.search.entries(Question(request="read-3"))).rows] == [3]


async def test_pages_neither_skip_nor_repeat_while_the_log_grows(log: Bench) -> None:
    await log.write([read(number) for number in range(25)])
    page = await log.search.entries(Question(), page=10)
    seen = [row.index for row in page.rows]
    await log.write([read(number) for number in range(100, 120)])
    while page.before is not None:
        page = await log.search.entries(Question(before=page.before), page=10)
        seen += [row.index for row in page.rows]
    assert seen == list(range(24, -1, -1))


async def test_a_question_upside_down_is_told_and_one_that_matches_too_much_too(log: Bench) -> None:
    with pytest.raises(QuestionError) as caught:
        await log.search.entries(Question(since=DAY, until=DAY - timedelta(days=1)))
    assert caught.value.field == "since" and "晚于" in caught.value.zh
    owner = await asyncpg.connect(log.dsn)
    await owner.execute("alter table log.found rename to hidden")
    await owner.execute("create view log.found as select h.*, pg_sleep(3)::text as slept from log.hidden h")
    await owner.execute("grant select on log.found to hub_log")
    await log.store.append([encode(read(1))])
    await owner.execute(
        "insert into log.hidden values (0, now(), '', '', '', '', '', '', '', 0, 0, '', '{}', '{}', '{}', '{}')"
    )
    async with hurried(log) as connections:
        with pytest.raises(TooMuchError):
            await replace(log.search, connections=connections).entries(Question())
    await owner.close()


async def test_a_child_is_found_by_either_number_and_entries_that_name_both_join_them(log: Bench) -> None:
    file, child, other = NAMES.register("120114101-0001"), NAMES.citizen("12011420150101001X"), NAMES.citizen("other")
    many = tuple(NAMES.register(f"file-{number}") for number in range(200))
    await log.write(
        [
            read(0, subjects=(file,)),
            read(1, subjects=(child,)),
            read(2, subjects=(file, child, NAMES.record("Child", "1"))),
            read(3, subjects=(*many, file)),
            read(4, subjects=(other,)),
        ]
    )
    for asked in ((file,), (child,), (file, child)):
        found = await log.search.child(asked)
        page = await log.search.of_subjects(found.names)
        assert [row.index for row in page.rows] == [3, 2, 1, 0]
    assert (await log.search.child((child,))).joined == (file,)
    whole = await log.search.whole(3)
    assert whole is not None and file in whole.fields["subjects"] and len(whole.fields["subjects"]) == 201


async def test_a_reporter_is_found_under_no_name_and_counted_under_one_word(log: Bench) -> None:
    reporters = ("mandatory_reporter:school-7", "village_committee:120114101204", "mandatory_reporter:clinic-2")
    child = NAMES.register("120114101-0001")
    await log.write(
        [
            without_author(
                read(number, unit=unit, operator="S77", subjects=(child, NAMES.record("MandatoryReport", "9"))), NAMES
            )
            for number, unit in enumerate(reporters)
        ]
    )
    for unit in reporters:
        assert not (await log.search.entries(Question(unit=unit))).rows
    assert not (await log.search.entries(Question(operator="S77"))).rows
    assert not (await log.search.of_subjects((child,))).rows
    counts = await log.search.counts(DAY, DAY)
    assert [(count.unit, count.count) for count in counts] == [("reporter", 3)]
    assert not await log.hits(bulk_subjects=1, caseless_children=1, same_child=1, night_entries=1, refusals=1)


async def test_counts_are_by_day_and_by_the_highest_sensitivity(log: Bench) -> None:
    await log.write(
        [read(0), read(1, masked=("Child.residenceAddress",)), read(2, kind="refusal", decision="DENIED", released=())]
    )
    found = {(count.kind, count.sensitivity): count.count for count in await log.search.counts(DAY, DAY)}
    assert found == {("disclosure", "L3"): 1, ("disclosure", "L4"): 1, ("refusal", ""): 1}
    assert await log.search.counts(DAY - timedelta(days=2), DAY - timedelta(days=1)) == []


async def test_a_crash_in_the_middle_of_a_batch_leaves_nothing_and_the_next_step_all_of_it(log: Bench) -> None:
    await log.store.append([encode(read(number)) for number in range(5)])
    await Sequencer(log.desk, KEY).drain()
    owner = await asyncpg.connect(log.dsn)
    await owner.execute("alter table log.tally rename to hidden")
    with pytest.raises(Exception, match="42P01"):
        await log.indexer.step()
    assert await owner.fetchval("select count(*) from log.found") == 0
    await owner.execute("alter table log.hidden rename to tally")
    assert await log.indexer.step() == 5 and await log.indexer.step() == 0
    assert await owner.fetchval("select sum(count) from log.tally") == 5
    await owner.close()


async def test_an_altered_entry_stops_the_index_instead_of_entering_it(log: Bench) -> None:
    await log.store.append([encode(read(0))])
    await Sequencer(log.desk, KEY).drain()
    owner = await asyncpg.connect(log.dsn)
    await owner.execute("set session_replication_role = replica")
    await owner.execute("update log.entry set bytes = '{}'")
    await owner.close()
    with pytest.raises(ValueError, match="entry 0 is not as it was hashed"):
        await log.indexer.step()


async def test_a_review_is_an_entry_of_its_own_and_stands_with_the_one_that_it_is_of(log: Bench) -> None:
    await log.write([read(0)])
    whole = await log.search.whole(0)
    assert whole is not None and whole.reviews == ()
    await log.write([review(whole, "suspicious", "  请教育局\n说明用途  ", AUDITOR, NOON)])
    again = await log.search.whole(0)
    assert again is not None and again.leaf == whole.leaf
    (mark,) = again.reviews
    assert mark["notes"] == ("请教育局 说明用途",) and "mark=suspicious" in mark["facts"] and mark["operator"] == "A001"
    for bad, field in (("other", "mark"), ("reviewed", "note")):
        with pytest.raises(QuestionError) as caught:
            review(whole, bad, "x" * 4_001, AUDITOR, NOON)
        assert caught.value.field == field


async def test_an_entry_that_is_not_there_and_a_retired_one_are_told_apart(log: Bench) -> None:
    await log.write([read(0)])
    assert await log.search.whole(1) is None
    owner = await asyncpg.connect(log.dsn)
    month = await owner.fetchval("select month from log.month")
    await owner.execute(f"alter table log.entry detach partition log.entry_{month}")
    await owner.execute("update log.month set last = 1, retired = now()")
    await owner.close()
    with pytest.raises(GapError):
        await log.search.whole(0)


def at(hour: int, day: int = 24) -> datetime:
    return (
        datetime(2026, 11, day, hour - 8, 5, tzinfo=UTC)
        if hour >= 8
        else datetime(2026, 11, day - 1, hour + 16, 5, tzinfo=UTC)
    )


CHILD = NAMES.register("120114101-0001")
REPORT = NAMES.record("MandatoryReport", "9")


@pytest.mark.parametrize(
    ("rule", "entries", "quiet"),
    [
        ("bulk", [{"subjects": [f"f-{n}" for n in range(60)], "at": at(10)}] * 2, {"at": at(14), "subjects": ["f-1"]}),
        ("night", [{"at": at(23)}] * 5, {"at": at(9)}),
        ("night", [{"at": at(10, 28)}] * 5, {"at": at(23), "unit": "public_security_bureau"}),
        ("caseless", [{"subjects": (f"f-{n}",)} for n in range(30)], {"subjects": ("f-1", "f-2"), "operator": "T2"}),
        ("refusals", [{"kind": "refusal", "decision": "DENIED"}] * 20, {"kind": "refusal", "operator": "T2"}),
        ("same_child", [{"subjects": (CHILD,)}] * 15, {"subjects": (CHILD,), "operator": "T2"}),
        (
            "undispatched",
            [
                {"kind": "outcome", "released": ("MandatoryReport.child",), "subjects": (CHILD, REPORT),
                 "unit": "public_security_bureau"},
                {"subjects": (CHILD,), "unit": "public_security_bureau"},
            ],
            {"subjects": (CHILD,)},
        ),
    ],
)  # fmt: skip
async def test_each_rule_finds_its_use_and_leaves_another_alone(
    log: Bench, rule: str, entries: Sequence[dict[str, Any]], quiet: dict[str, Any]
) -> None:
    await log.write([entry(**{"at": NOON, "subjects": ("f-x",), **changes}) for changes in entries])
    before = {(hit.rule, hit.operator) for hit in await log.hits(bulk_subjects=100)}
    assert before == {(rule, "T0042")}
    await log.write([entry(**{"at": NOON, "subjects": ("f-y",), **quiet})])
    hits = await log.hits(bulk_subjects=100)
    assert {(hit.rule, hit.operator) for hit in hits} == before
    assert all(hit.entries and str(hit.count) in hit.zh and str(hit.count) in hit.en for hit in hits)


async def test_a_report_to_which_somebody_was_sent_in_time_is_no_hit(log: Bench) -> None:
    police: dict[str, Any] = {"unit": "public_security_bureau", "subjects": (CHILD, REPORT)}
    await log.write(
        [
            entry(kind="outcome", released=("MandatoryReport.child",), at=NOON, **police),
            entry(at=NOON + timedelta(minutes=1), **police),
            entry(kind="outcome", released=("MandatoryReport.acceptedAt",), at=NOON + timedelta(minutes=5), **police),
        ]
    )
    assert await log.hits() == []


def test_working_days_are_those_of_the_calendar() -> None:
    assert not works(date(2026, 10, 1)) and works(date(2026, 10, 10)) and not works(date(2026, 11, 28))


async def test_the_month_is_told_in_figures_and_as_a_workbook(log: Bench) -> None:
    await log.write([entry(at=at(23)) for _ in range(6)])
    whole = await log.search.whole(2)
    assert whole is not None
    await log.write([review(whole, "cleared", "=1+1 值班查询", AUDITOR, NOON)])
    unusual = Unusual(connections=log.search.connections, thresholds=Thresholds())
    report = await monthly(log.search, unusual, DAY)
    assert (report.first, report.last) == (date(2026, 11, 1), date(2026, 11, 30))
    assert [hit.rule for hit in report.hits] == ["night"] and report.reviews[0].mark == "cleared"
    book = zipfile.ZipFile(io.BytesIO(workbook(report, lambda _kind, code: code)))
    text = book.read("xl/sharedStrings.xml").decode()
    assert "=1+1 值班查询" in text and "cleared" in text and "education_bureau" in text
    assert not any(b"<f>" in book.read(name) for name in book.namelist()), "a note must never be a formula"


NAMED = ("f-1", "f-2", "i-1", "r-1", "of:read", "ключ", *(NAMES.register(str(number)) for number in range(3)))
COORDINATES = (*SENSITIVITIES, "Child.sex", "Guardian.phone")
some_coordinates = st.lists(st.sampled_from(COORDINATES), max_size=5)
entries_of_all_kinds = st.builds(
    entry,
    kind=st.sampled_from(["disclosure", "refusal", "review", "intent", "look"]),
    unit=st.sampled_from(["education_bureau", "a-someone"]),
    decision=st.sampled_from(["ALLOWED", "DENIED"]),
    at=st.integers(0, 90_000).map(lambda seconds: NOON + timedelta(seconds=seconds)),
    operator=st.sampled_from(["", "T0007"]),
    case=st.sampled_from(["", "k-case"]),
    released=some_coordinates,
    masked=some_coordinates,
    refused=some_coordinates,
    rows=st.lists(st.sampled_from(["courts=1", "hub=20", "education=3"]), max_size=3),
    facts=st.lists(st.sampled_from(["of=read-1/disclosure/0", "mark=cleared", "often=1"]), max_size=3),
    subjects=st.lists(st.sampled_from(NAMED), max_size=6)
    | st.integers(120, 140).map(lambda count: [NAMES.citizen(str(each)) for each in range(count)]),
)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some=st.lists(entries_of_all_kinds, min_size=1, max_size=25))
async def test_what_the_server_indexes_is_what_the_entry_says(log: Bench, some: list[Entry]) -> None:
    owner = await asyncpg.connect(log.dsn)
    try:
        for table in ("found", "named", "alias", "tally"):
            await owner.execute(f"delete from log.{table}")
        position = await owner.fetchval("select position from log.indexed")
        entries = [replace(each, request=f"{position}-{number}") for number, each in enumerate(some)]
        await log.write(entries)
        order = await owner.fetch("select request, index from log.entry where index >= $1 order by index", position)
        leaves = {each.request: encode(each) for each in entries}
        wanted = [indexed(row["index"], leaves[row["request"]], SENSITIVITIES) for row in order]
        assert await rows_of(owner, "found", "index") == [each.found for each in wanted]
        assert await rows_of(owner, "named", "index") == [each.named for each in wanted if each.named]
        assert {(row["register"], row["citizen"]) for row in await rows_of(owner, "alias", "index")} == {
            each.alias for each in wanted if each.alias
        }
        tally = {tuple(row.values())[:-1]: row["count"] for row in await rows_of(owner, "tally", "day")}
        assert tally == Counter(each.tally for each in wanted)
    finally:
        await owner.close()


async def rows_of(owner: asyncpg.Connection, table: str, order: str) -> list[dict[str, Any]]:
    """All rows of a table of the index."""
    return [dict(row) for row in await owner.fetch(f"select * from log.{table} order by {order}")]


async def test_a_rare_meeting_of_common_parts_is_found_stretch_by_stretch(log: Bench) -> None:
    """60,000 entries, one of which has both parts, far from the newest: found at once, or where the page says."""
    owner = await asyncpg.connect(log.dsn)
    await owner.execute(
        "insert into log.found select i, $1, case when i = 777 then 'refusal' else 'disclosure' end, 'ALLOWED',"
        " case when i % 2 = 0 then 'other' else 'district_court' end, '', '', '', 'r' || i, 1, 1, 'L1',"
        " '{}', '{}', '{}', '{}'"
        " from generate_series(0, 59999) i",
        NOON,
    )
    await owner.execute("update log.indexed set position = 60000")
    await owner.close()
    asked = Question(unit="district_court", kind="refusal")
    page = await log.search.entries(asked)
    assert [row.index for row in page.rows] == [777] and page.before is None and not page.unfinished
    hurried, seen, turns = replace(log.search, patience=0.0), list[int](), 0
    page = await hurried.entries(asked)
    while page.before is not None:
        assert page.unfinished
        page, turns = await hurried.entries(replace(asked, before=page.before)), turns + 1
        seen += [row.index for row in page.rows]
    assert (seen, turns) == ([777], 2)


async def test_unusual_uses_of_too_many_days_are_told_to_be_too_many(log: Bench) -> None:
    owner = await asyncpg.connect(log.dsn)
    await owner.execute("alter table log.found rename to hidden")
    await owner.execute("create view log.found as select h.*, pg_sleep(3)::text as slept from log.hidden h")
    await owner.execute("grant select on log.found to hub_log")
    await owner.execute(
        "insert into log.hidden values (0, $1, 'disclosure', '', 'u', '', '', '', '', 900, 900, '',"
        " '{}', '{}', '{}', '{}')",
        NOON,
    )
    await owner.close()
    async with hurried(log) as connections:
        with pytest.raises(TooMuchError):
            await replace(log, search=replace(log.search, connections=connections)).hits(bulk_subjects=1)


async def test_what_is_too_much_for_one_transaction_is_indexed_by_several(log: Bench) -> None:
    entries = [
        entry(f"many{number}", subjects=[NAMES.register(f"{number}-{each}") for each in range(5)])
        for number in range(40)
    ]
    await log.store.append([encode(each) for each in entries])
    await Sequencer(log.desk, KEY).drain()
    owner = await asyncpg.connect(log.dsn)
    await owner.execute(
        """
        create function log.slow() returns trigger language plpgsql as $$ begin
            if (select count(*) from fresh) > 10 then raise query_canceled; end if;
            return null;
        end $$;
        create trigger slow after insert on log.named referencing new table as fresh
            for each statement execute function log.slow();
        """
    )
    position = await owner.fetchval("select position from log.indexed")
    log.indexer.period = 0.01
    task = asyncio.create_task(log.indexer.run())
    try:
        async with asyncio.timeout(30):
            while await owner.fetchval("select position from log.indexed") < position + len(entries):
                await asyncio.sleep(0.02)
    finally:
        task.cancel()
        await asyncio.wait((task,))
        await owner.close()


async def test_names_that_were_indexed_one_by_one_are_found_after_the_upgrade(log: Bench) -> None:
    file, child, row = NAMES.register("1"), NAMES.citizen("110101"), NAMES.record("Guardian", "5")
    await log.write([read(0, subjects=(file, child, row)), read(1, subjects=(row,)), read(2, subjects=(file,))])
    async with log.search.connections.connection() as connection:
        before = await connection.fetch("select index, kind, files, records, names from log.named order by index")
    owner = await asyncpg.connect(log.dsn)
    try:
        await owner.execute("create table log.subject (pseudonym text, index bigint, primary key (pseudonym, index))")
        named = [(child, 0), (row, 0), (file, 0), (row, 1), (file, 2)]
        await owner.executemany("insert into log.subject values ($1, $2)", named)
        await owner.execute("truncate log.named; update log.layout set version = 3")
        for file_of_ddl in DDL[:2] * 2:
            await owner.execute(file_of_ddl.read_text("utf-8"))
        after = await owner.fetch("select index, kind, files, records, names from log.named order by index")
        assert after == before and len(before) == 3
        assert await owner.fetchval("select to_regclass('log.subject')") is None
        assert await owner.fetchval("select version from log.layout") == LAYOUT
    finally:
        await owner.close()
    assert [found.index for found in (await log.search.of_subjects((file,))).rows] == [2, 0]
    assert not (await log.search.of_subjects((NAMES.register("2"),))).rows


async def test_coordinates_that_were_indexed_one_by_one_are_gathered_after_the_upgrade(log: Bench) -> None:
    options = "select reloptions from pg_class where relname like 'found_%ed' order by relname"
    async with log.search.connections.connection() as connection:
        made = await connection.fetch(options)
    assert [row["reloptions"] for row in made] == [["gin_pending_list_limit=64"]] * 3
    owner = await asyncpg.connect(log.dsn)
    try:
        for name in ("released", "masked", "refused"):
            await owner.execute(f"alter index log.found_{name} reset (gin_pending_list_limit)")
            await owner.execute(f"alter index log.found_{name} set (fastupdate = off)")
        for file_of_ddl in DDL[:2] * 2:
            await owner.execute(file_of_ddl.read_text("utf-8"))
        assert await owner.fetch(options) == made
    finally:
        await owner.close()


async def test_a_name_has_the_same_key_here_and_in_the_database(log: Bench) -> None:
    names = [
        *(NAMES.register(str(number)) for number in range(50)),
        *("of:read-1/disclosure/0", "f-1", "", "sha256:" + "0" * 64, "F-" + "A" * 22, "1-" + "A" * 22),
        *("f-" + "A" * 21 + last for last in "BQ_-+=\u00e9"),
        *("f-" + "A" * 20 + "=A", "f-" + "A" * 20 + "\u5bb6A", "fA" + "A" * 22, "-f" + "A" * 22),
    ]
    owner = await asyncpg.connect(log.dsn)
    try:
        keys = await owner.fetchval(
            "select array_agg(log.name_key(name) order by n) from"
            " unnest($1::text[]) with ordinality as given (name, n)",
            names,
        )
    finally:
        await owner.close()
    assert keys_of(names) == [key.hex for key in keys] and len(set(keys)) == len(names)
    assert (
        keys_of(names[:50])
        == [key.hex for key in keys[:50]]
        == [key for name in names[:50] for key in keys_of((name,))]
    )
    assert keys_of(()) == []


async def test_long_lists_are_indexed_a_few_at_a_time(log: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.audit.indexer.NAMES", 500)
    lists = [[NAMES.register(f"{number}/{each}") for each in range(200)] for number in range(5)]
    entries = [read(number, subjects=tuple(names)) for number, names in enumerate(lists)]
    await log.store.append([encode(each) for each in [*entries, read(9, subjects=(lists[0][0],))]])
    await Sequencer(log.desk, KEY).drain()
    assert [await log.indexer.step() for _ in range(4)] == [2, 2, 2, 0]
    assert [row.request for row in (await log.search.of_subjects((lists[0][0],))).rows] == ["read-9", "read-0"]
