from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import traceback
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from connectors import postgres as module
from connectors.demo.server import Server
from connectors.postgres import LONG, PoolSettings, PostgresSource
from connectors.source import Aggregate, Column, Compare, Constant, Fetch, Not, Order, Param, SourceError
from tests.connectors import scratch

pytestmark = pytest.mark.postgres

SESSIONS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'wuqing-hub' AND datname = current_database()"
PEOPLE = Fetch(source="scratch", relation="Person", columns=(Column(name="_key"), Column(name="name")))


@pytest.fixture
async def source(scratch_dsn: str) -> AsyncIterator[PostgresSource]:
    made = PostgresSource(
        name="scratch", mapping=scratch.mapping(), dsn=scratch_dsn, settings=PoolSettings(connections=2)
    )
    yield made
    await made.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """The sessions of the hub in a database that were not there before the test."""

    owner: asyncpg.Connection
    before: frozenset[int]

    async def sessions(self) -> int:
        """How many there are."""
        return len({row["pid"] for row in await self.owner.fetch(SESSIONS)} - self.before)


@pytest.fixture
async def watched(scratch_dsn: str) -> AsyncIterator[Watched]:
    owner = await asyncpg.connect(scratch_dsn)
    try:
        # Those of tests before this one may still be there, and end at any moment.
        yield Watched(owner=owner, before=frozenset(row["pid"] for row in await owner.fetch(SESSIONS)))
    finally:
        await owner.close()


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that a test may stop and kill."""
    folder = Path(tempfile.mkdtemp(prefix="hub-test-", dir="/var/tmp"))
    with Server(folder=folder / "data", fsync=False, databases=("scratch",)) as server:
        yield server
    shutil.rmtree(folder)


async def setting(source: PostgresSource, name: str) -> str:
    return str((await source.query("SELECT current_setting($1)", name, deadline=30))[0][0])


async def working(dsn: str) -> int:
    """Statements of the hub at work in the server."""
    owner = await asyncpg.connect(dsn)
    try:
        return int(await owner.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'wuqing-hub' AND state = 'active'"
        ))  # fmt: skip
    finally:
        await owner.close()


async def settles(dsn: str) -> bool:
    for _ in range(100):
        if await working(dsn) == 0:
            return True
        await asyncio.sleep(0.02)
    return False


async def refused(call: Any) -> str:
    with pytest.raises(SourceError) as caught:
        await call
    return caught.value.reason


async def test_a_session_is_read_only_bounded_and_plans_once(source: PostgresSource) -> None:
    expected = {
        "default_transaction_read_only": "on",
        "statement_timeout": "5s",
        "plan_cache_mode": "force_generic_plan",
        "jit": "off",
        "application_name": "wuqing-hub",
    }
    assert {name: await setting(source, name) for name in expected} == expected


async def test_a_page_among_many_keys_is_planned_with_them(source: PostgresSource, watched: Watched) -> None:
    fetch = Fetch(
        source="scratch",
        relation="Person",
        columns=(Column(name="_key"),),
        where=Compare("_key", "in", Param("keys")),
        limit=Param("limit"),
    )
    for count, planned in ((LONG - 1, 0), (LONG, 1)):
        keys = [str(number) for number in range(count)]
        assert await source.fetch(fetch, {"keys": keys, "limit": 1_000}, deadline=30) is not None
        assert await watched.sessions() == 1 + planned


async def test_a_page_of_a_division_is_planned_with_it(source: PostgresSource, watched: Watched) -> None:
    where = Compare("division", "under", Param("division"))
    fetch = Fetch(source="scratch", relation="Person", columns=(Column(name="_key"),), where=where)
    for asked, planned in ((fetch, 0), (replace(fetch, limit=Param("limit")), 1)):
        assert await source.fetch(asked, {"division": "1", "limit": 1_000}, deadline=30)
        assert await watched.sessions() == 1 + planned


async def test_a_count_among_many_keys_is_planned_with_them(source: PostgresSource, watched: Watched) -> None:
    where = Compare("_key", "in", Param("keys"))
    asked = Aggregate(source="scratch", relation="Person", by=(), where=where)
    for count, planned in ((LONG - 1, 0), (LONG, 1)):
        bound = {"keys": [str(number) for number in range(count)]}
        [row] = await source.aggregate(asked, bound, deadline=30)
        assert row[0] == len(await source.fetch(replace(PEOPLE, where=where), bound, deadline=30))
        assert await watched.sessions() == 1 + planned


async def test_a_count_of_all_but_a_few_is_planned_with_what_these_are(
    source: PostgresSource, watched: Watched
) -> None:
    few = Compare("_key", "in", Param("keys"))
    asked = Aggregate(source="scratch", relation="Person", by=(), apart=few)
    keys = [row[0] for row in await source.fetch(PEOPLE, {}, deadline=30)][:7]
    [row] = await source.aggregate(asked, {"keys": keys}, deadline=30)
    assert row[0] == scratch.PEOPLE - len(keys)
    assert await watched.sessions() == 2


async def test_a_few_that_are_told_by_what_they_are_not_are_planned_with_their_values(
    source: PostgresSource, watched: Watched
) -> None:
    where = Not(Compare("bornOn", "gt", Param("born")))
    fetch = Fetch(source="scratch", relation="Person", columns=PEOPLE.columns, where=where, distinct=True)
    for asked, planned in ((fetch, 0), (replace(fetch, limit=Param("limit")), 1)):
        rows = await source.fetch(asked, {"born": "2012-01-01", "limit": 1_000}, deadline=30)
        assert 0 < len(rows) < scratch.PEOPLE
        assert await watched.sessions() == 1 + planned


async def test_a_write_is_rejected_by_the_server(source: PostgresSource) -> None:
    assert await refused(source.query("DELETE FROM fu RETURNING 1", deadline=30)) == "rejected"
    assert len(await source.query("SELECT 1 FROM fu", deadline=30)) == scratch.PARTS


async def test_after_the_deadline_the_statement_is_cancelled_and_the_connection_serves_again(
    source: PostgresSource, scratch_dsn: str
) -> None:
    began = asyncio.get_running_loop().time()
    assert await refused(source.query("SELECT pg_sleep(20)", deadline=0.2)) == "timeout"
    assert asyncio.get_running_loop().time() - began < 1
    assert await settles(scratch_dsn)
    results = await asyncio.gather(*(source.fetch(PEOPLE, {}, deadline=30) for _ in range(10)))
    assert {len(rows) for rows in results} == {scratch.PEOPLE}


async def test_if_the_caller_is_cancelled_so_is_the_statement(source: PostgresSource, scratch_dsn: str) -> None:
    task = asyncio.create_task(source.query("SELECT pg_sleep(20)", deadline=20))
    while await working(scratch_dsn) == 0:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await settles(scratch_dsn)
    assert len(await source.fetch(PEOPLE, {}, deadline=30)) == scratch.PEOPLE


async def test_cancelling_at_any_moment_never_spoils_another_answer(source: PostgresSource) -> None:
    async def hasty(steps: int) -> None:
        task = asyncio.create_task(source.fetch(PEOPLE, {}, deadline=30))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    for steps in range(40):
        await asyncio.gather(hasty(steps), hasty(steps // 2))
        assert len(await source.fetch(PEOPLE, {}, deadline=30)) == scratch.PEOPLE


async def test_the_servers_own_statement_timeout_is_a_timeout(scratch_dsn: str) -> None:
    settings = PoolSettings(statement_timeout=0.1)
    source = PostgresSource(name="scratch", mapping=scratch.mapping(), dsn=scratch_dsn, settings=settings)
    assert await refused(source.query("SELECT pg_sleep(20)", deadline=30)) == "timeout"
    await source.close()


async def test_waiting_for_a_connection_counts_and_ends_as_overloaded(source: PostgresSource, scratch_dsn: str) -> None:
    long = [asyncio.create_task(source.query("SELECT pg_sleep(20)", deadline=20)) for _ in range(2)]
    while await working(scratch_dsn) < 2:
        await asyncio.sleep(0.01)
    assert await refused(source.fetch(PEOPLE, {}, deadline=0.1)) == "overloaded"
    for task in long:
        task.cancel()
    await asyncio.gather(*long, return_exceptions=True)
    assert len(await source.fetch(PEOPLE, {}, deadline=30)) == scratch.PEOPLE


async def test_many_calls_at_once_share_the_few_connections(source: PostgresSource) -> None:
    fetches = [
        Fetch(
            source="scratch", relation="Person", columns=(Column(name="_key"),), where=Compare("_key", "eq", Param("k"))
        )
        for _ in range(60)
    ]
    rows = await asyncio.gather(
        *(source.fetch(fetch, {"k": f"D{place:04}"}, deadline=30) for place, fetch in enumerate(fetches))
    )
    assert [list(found[0]) for found in rows] == [[f"D{place:04}"] for place in range(60)]


async def test_a_department_that_is_down_blocks_no_start_and_comes_back_by_itself(own_server: Server) -> None:
    await scratch.load(own_server)
    dsn = own_server.dsn("scratch")
    own_server.stop()
    source = PostgresSource(name="scratch", mapping=scratch.mapping(), dsn=dsn)
    assert await refused(source.ping(deadline=1)) == "unreachable"
    own_server.start()
    assert len(await source.fetch(PEOPLE, {}, deadline=30)) == scratch.PEOPLE
    own_server.stop()
    assert await refused(source.fetch(PEOPLE, {}, deadline=30)) == "unreachable"
    own_server.start()
    assert len(await source.fetch(PEOPLE, {}, deadline=30)) == scratch.PEOPLE
    await source.close()


async def test_a_server_killed_in_the_middle_of_a_statement_is_unreachable_then_serves(own_server: Server) -> None:
    await scratch.load(own_server)
    source = PostgresSource(name="scratch", mapping=scratch.mapping(), dsn=own_server.dsn("scratch"))
    task = asyncio.create_task(source.query("SELECT pg_sleep(20)", deadline=20))
    while await working(own_server.dsn("scratch")) == 0:
        await asyncio.sleep(0.01)
    assert own_server.pid is not None
    os.kill(own_server.pid, signal.SIGKILL)
    assert await refused(task) == "unreachable"
    own_server.stop()
    own_server.start()
    assert len(await source.fetch(PEOPLE, {}, deadline=30)) == scratch.PEOPLE
    await source.close()


async def test_a_server_that_accepts_and_never_answers_ends_with_the_deadline() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    source = PostgresSource(
        name="scratch", mapping=scratch.mapping(), dsn=f"postgresql://x:y@127.0.0.1:{port}/x?sslmode=disable"
    )
    began = asyncio.get_running_loop().time()
    assert await refused(source.ping(deadline=0.2)) == "timeout"
    assert asyncio.get_running_loop().time() - began < 0.6
    await source.close()
    server.close()


async def test_garbage_instead_of_the_protocol_is_unreachable() -> None:
    async def babbling(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babbling, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    source = PostgresSource(
        name="scratch", mapping=scratch.mapping(), dsn=f"postgresql://x:y@127.0.0.1:{port}/x?sslmode=disable"
    )
    assert await refused(source.ping(deadline=1)) in {"unreachable", "timeout"}
    await source.close()
    server.close()


async def test_errors_carry_neither_the_password_nor_the_servers_words(postgres_server: Server) -> None:
    dsn = postgres_server.dsn("scratch", password="hush-hush")
    source = PostgresSource(name="scratch", mapping=scratch.mapping(), dsn=dsn)
    with pytest.raises(SourceError) as caught:
        await source.ping(deadline=1)
    text = repr(source) + "".join(traceback.format_exception(caught.value))
    assert caught.value.reason == "unreachable"
    assert "hush-hush" not in text
    assert "password authentication" not in text
    await source.close()


async def test_what_the_database_does_not_know_is_rejected(scratch_dsn: str, source: PostgresSource) -> None:
    assert await refused(source.query("SELECT nothing FROM nowhere", deadline=30)) == "rejected"
    unknown = Fetch(source="scratch", relation="Person", columns=(Column(name="shoeSize"),))
    assert await refused(source.fetch(unknown, {}, deadline=30)) == "rejected"
    assert await refused(source.query("SELECT $1::int", "x", deadline=30)) == "rejected"


async def test_a_closed_source_is_unreachable(scratch_dsn: str) -> None:
    source = PostgresSource(name="scratch", mapping=scratch.mapping(), dsn=scratch_dsn)
    await source.ping(deadline=1)
    await source.close()
    assert await refused(source.ping(deadline=1)) == "unreachable"


async def test_statements_are_remembered_and_bounded(source: PostgresSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STATEMENTS", 3)
    fetches = [
        Fetch(
            source="scratch",
            relation="Person",
            columns=(Column(name="_key"),),
            where=Compare("name", "eq", Constant(word)),
        )
        for word in "abcde"
    ]
    first = source.statement(fetches[0])
    assert source.statement(fetches[0]) is first
    assert source.statement(replace(fetches[0])) is first
    for fetch in fetches[1:]:
        source.statement(fetch)
    assert len(source._statements) == len(source._known) == 3
    assert source.statement(fetches[0]) is not first


async def test_values_travel_as_parameters_and_nothing_is_reset_between_statements(
    postgres_server: Server, source: PostgresSource
) -> None:
    number = next(row["citizenId"] for row in scratch.relations()["Person"] if row["citizenId"])
    where = Compare("citizenId", "in", Param("ids"))
    fetch = Fetch(source="scratch", relation="Person", columns=(Column(name="_key"),), where=where)
    before = postgres_server.log.stat().st_size
    for _ in range(3):
        assert await source.fetch(fetch, {"ids": [number]}, deadline=30)
    with postgres_server.log.open(encoding="utf-8") as log:
        log.seek(before)
        seen = [line for line in log if " scratch " in line]
    statements = "".join(line for line in seen if "DETAIL" not in line)
    assert sum('SELECT t0."bh"' in line for line in seen) == 3
    assert number not in statements
    assert "RESET" not in statements.upper()
    assert "UNLISTEN" not in statements.upper()


async def test_an_instant_counts_by_its_second_and_pages_by_its_fraction(own_server: Server) -> None:
    dsn = await scratch.load(own_server)
    owner = await asyncpg.connect(dsn)
    await owner.execute("DELETE FROM fu; DELETE FROM zhu")
    await owner.execute(
        "INSERT INTO fu (id, sj) SELECT n, timestamptz '2017-06-01 12:00:00+08' + n * interval '0.3 s'"
        " FROM generate_series(0, 9) AS n"
    )
    await owner.close()
    source = PostgresSource(name="scratch", mapping=scratch.mapping(), dsn=dsn)

    async def keys(operator: Any, value: Any) -> list[int]:
        where = Compare("givenAt", operator, Param("v"))
        fetch = Fetch(source="scratch", relation="Part", columns=(Column(name="_key"),), where=where)
        return [int(row[0]) for row in await source.fetch(fetch, {"v": value}, deadline=30)]

    second = "2017-06-01T12:00:01+08:00"
    assert await keys("eq", second) == [4, 5, 6]
    assert await keys("in", [second]) == [4, 5, 6]
    assert await keys("lt", second) == [0, 1, 2, 3]
    assert await keys("le", second) == [0, 1, 2, 3, 4, 5, 6]
    assert await keys("gt", second) == [7, 8, 9]
    assert await keys("ge", "2017-06-01T04:00:01+00:00") == [4, 5, 6, 7, 8, 9]
    page = Fetch(
        source="scratch", relation="Part", columns=(Column(name="_key"), Column(name="givenAt")),
        order=(Order(column="givenAt"),), limit=Param("n"), cursors=True, after=(Param("o"), Param("k")),
    )  # fmt: skip
    place, seen = ("2017-06-01T00:00:00+08:00", "0"), []
    while rows := await source.fetch(page, {"n": 2, "o": place[0], "k": place[1]}, deadline=30):
        assert all(len(row[1]) == len(second) for row in rows)
        seen += [int(row[0]) for row in rows]
        place = (rows[-1][2], rows[-1][0])
    assert seen == list(range(10))
    await source.close()


async def test_a_stored_text_that_is_no_date_is_null_and_compares_as_null(own_server: Server) -> None:
    dsn = await scratch.load(own_server)
    owner = await asyncpg.connect(dsn)
    await owner.execute("DELETE FROM zhu; INSERT INTO zhu (bh, zt, csrq) VALUES ('a', '1', ''), ('b', '1', '20120304')")
    await owner.close()
    source = PostgresSource(name="scratch", mapping=scratch.mapping(), dsn=dsn)
    for operator, operand, expected in (
        ("lt", "2017-01-01", ["b"]), ("null", True, ["a"]), ("null", False, ["b"]), ("eq", "2012-03-04", ["b"]),
    ):  # fmt: skip
        fetch = Fetch(
            source="scratch", relation="Person", columns=(Column(name="_key"),),
            where=Compare("birthDate", operator, Constant(operand)),  # type: ignore[arg-type]
        )  # fmt: skip
        assert [row[0] for row in await source.fetch(fetch, {}, deadline=30)] == expected
    await source.close()


@pytest.mark.parametrize(
    "where",
    [
        Compare("division", "under", Param("v")),
        Compare("division", "eq", Param("v")),
        Compare("birthDate", "ge", Param("v")),
        Compare("citizenId", "in", Param("v")),
        Compare("_citizen", "eq", Param("v")),
        Compare("_key", "in", Param("v")),
    ],
)
async def test_a_comparison_is_served_by_the_index_of_its_column(scratch_dsn: str, where: Compare) -> None:
    source = PostgresSource(name="scratch", mapping=scratch.mapping(), dsn=scratch_dsn)
    fetch = Fetch(source="scratch", relation="Person", columns=(Column(name="_key"),), where=where)
    found = source.statement(fetch)
    owner = await asyncpg.connect(scratch_dsn)
    await owner.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
    await owner.execute("PREPARE asked AS " + found.text)
    plan = await owner.fetch(f"EXPLAIN EXECUTE asked({', '.join(['NULL'] * len(found.binders))})")
    await owner.close()
    await source.close()
    assert any("Index Cond" in line[0] and "$1" in line[0] for line in plan)
