"""The store on a real PostgreSQL: durable, once, and out of reach of the hub's own role."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from itertools import product
from pathlib import Path

import asyncpg
import pytest

from connectors.demo.server import Server
from hub.audit.contract import StoreError
from hub.audit.desk import Desk
from hub.audit.entry import Leaf, encode
from hub.audit.session import Session, install
from hub.audit.store import PostgresStore
from tests.hub.audit.support import PATIENT, entry, names_in
from tests.support.looking import within

pytestmark = pytest.mark.postgres


@pytest.fixture
async def store(dsn: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(Session(dsn, name="test", timeout=PATIENT))
    yield store
    await store.close()


@pytest.fixture
async def owner(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


def hashes(*leaves: object) -> frozenset[bytes]:
    return frozenset(leaf.hash for leaf in leaves)  # type: ignore[attr-defined]


async def test_what_is_appended_is_there_for_another_connection(store: PostgresStore, dsn: str) -> None:
    leaves = [encode(entry(f"r{number}")) for number in range(3)]
    assert await store.append(leaves) == hashes(*leaves)
    assert sorted(await names_in(dsn)) == [leaf.name for leaf in leaves]


async def test_a_session_that_is_closed_while_it_opens_leaves_no_connection(
    dsn: str, owner: asyncpg.Connection
) -> None:
    session = Session(dsn, name="closing", timeout=PATIENT)

    async def used() -> None:
        async with session.connection():
            pytest.fail("closed, and yet there is a connection")

    opening = asyncio.create_task(used())
    await asyncio.sleep(0)
    await session.close()
    with pytest.raises(StoreError, match="closed"):
        await opening
    async with asyncio.timeout(10):
        while await owner.fetchval("select count(*) from pg_stat_activity where application_name = 'hub log closing'"):
            await asyncio.sleep(0.05)


async def test_settling_puts_in_what_is_missing_and_nothing_twice(store: PostgresStore, dsn: str) -> None:
    first, second = encode(entry("r1")), encode(entry("r2"))
    await store.append([first])
    assert await store.settle([first, second]) == hashes(first, second)
    assert sorted(await names_in(dsn)) == [first.name, second.name]


async def test_settling_waits_for_a_lost_call_that_still_commits(
    store: PostgresStore, owner: asyncpg.Connection, dsn: str
) -> None:
    leaf = encode(entry("r1"))
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute(
        "insert into log.pending (request, kind, part, at, leaf, bytes) values ($1, $2, $3, $4, $5, $6)",
        *(leaf.request, leaf.kind, leaf.part, leaf.at, leaf.hash, leaf.data),
    )
    settling = asyncio.create_task(store.settle([leaf]))
    await asyncio.sleep(0.2)
    assert not settling.done()
    await transaction.commit()
    assert await settling == hashes(leaf)
    assert await names_in(dsn) == [leaf.name]


async def test_a_name_already_given_to_another_entry_is_not_called_durable(store: PostgresStore) -> None:
    first, other = encode(entry("r1")), encode(entry("r1", unit="district_court"))
    fresh = encode(entry("r2"))
    await store.append([first])
    assert await store.append([other, fresh]) == hashes(fresh)
    assert await store.settle([other, fresh]) == hashes(fresh)


async def test_long_lists_are_kept_with_their_entry_and_shown(store: PostgresStore, owner: asyncpg.Connection) -> None:
    subjects = [f"f-{number:022d}" for number in range(500)]
    leaf = encode(entry("r1", subjects=subjects))
    await store.append([leaf])
    await store.settle([leaf])
    kept = await owner.fetch("select field, items from log.long_list")
    assert [(row["field"], row["items"]) for row in kept] == [("subjects", subjects)]


async def test_whatever_stands_beside_some_of_the_rows_is_put_in_with_them(
    store: PostgresStore, owner: asyncpg.Connection
) -> None:
    """Each has a statement of its own."""
    subjects = [f"f-{number:022d}" for number in range(200)]
    for count, lists, secrets in product((1, 2, 3), (0, 1, 3), (0, 1, 3)):
        names = [f"r{count}{lists}{secrets}{number}" for number in range(count)]
        long = {name: {"subjects": subjects} for name in names[:lists]}
        secret = {name: {"secret": name.encode().ljust(32)} for name in names[:secrets]}
        leaves = [encode(entry(name, **long.get(name, {}), **secret.get(name, {}))) for name in names]
        for _ in range(2):  # as if the first reply had been lost
            assert await store.append(leaves) == hashes(*leaves)
        rows = [(leaf.request, leaf.kind, leaf.part, leaf.at, leaf.hash, leaf.data) for leaf in leaves]
        assert await found(owner, "request, kind, part, at, leaf, bytes", "pending", names) == rows
        items = [(name, "subjects", subjects) for name in long]
        assert await found(owner, "request, field, items", "long_list", names) == items
        keys = [(name, "disclosure", 0, name.encode().ljust(32)) for name in secret]
        assert await found(owner, "request, kind, part, secret", "commitment_key", names) == keys


async def found(owner: asyncpg.Connection, columns: str, table: str, names: list[str]) -> list[tuple[object, ...]]:
    rows = await owner.fetch(f"select {columns} from log.{table} where request = any ($1) order by request", names)
    return [tuple(row) for row in rows]


async def test_an_entry_whose_leaf_is_not_its_hash_is_refused_by_the_database(owner: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute(
            "insert into log.pending (request, kind, part, at, leaf, bytes)"
            " values ('r', 'k', 0, now(), sha256('other'), 'bytes')"
        )


@pytest.mark.parametrize(
    "table", ["pending", "entry", "checkpoint", "long_list", "layout", "tile", "cosignature", "commitment_key", "month"]
)
@pytest.mark.parametrize(
    "statement", ["update log.{} set {column} = {column}", "delete from log.{}", "truncate log.{}"], ids=str.split
)
async def test_the_hubs_role_changes_and_removes_nothing(dsn: str, table: str, statement: str) -> None:
    columns = {"checkpoint": "note", "long_list": "field", "layout": "version", "cosignature": "line", "month": "last"}
    column = columns.get(table, "index" if table == "tile" else "request")
    hub = await asyncpg.connect(dsn, server_settings={"role": "hub_log"})
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await hub.execute(statement.format(table, column=column))
    finally:
        await hub.close()


async def test_the_hubs_role_puts_nothing_into_the_tree_but_what_was_durable(dsn: str, store: PostgresStore) -> None:
    await store.append([encode(entry())])
    hub = await asyncpg.connect(dsn, server_settings={"role": "hub_log"})
    try:
        for table in ("entry", "checkpoint"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await hub.execute(f"insert into log.{table} select * from log.{table}")
        root = b"0" * 32
        step = "select log.sequence($1, $2, $3, $4, $4, 'n', '{}', '{}', '{}', '{}')"
        for first, ids in ((1, [1]), (0, [1, 999])):  # a gap; a row that is not there
            with pytest.raises(asyncpg.SerializationError):
                await hub.execute(step, first, ids, [], root)
        # No row is dropped as a double unless its entry stands in the tree.
        await hub.execute(step, 0, [], [1], root)
    finally:
        await hub.close()
    assert len(await names_in(dsn)) == 1


async def test_even_the_owner_meets_a_refusal_before_changing_the_tree(dsn: str, owner: asyncpg.Connection) -> None:
    for statement in ("delete from log.entry", "truncate log.checkpoint", "update log.long_list set field = 'x'"):
        with pytest.raises(asyncpg.RaiseError, match="only ever appended"):
            await owner.execute(statement)


async def test_a_probe_leaves_nothing(store: PostgresStore, dsn: str) -> None:
    await store.probe()
    assert await names_in(dsn) == []


async def test_installing_again_changes_nothing(store: PostgresStore, dsn: str) -> None:
    leaf = encode(entry("r1"))
    await store.append([leaf])
    await install(dsn)
    assert await names_in(dsn) == [leaf.name]


async def test_missing_tables_and_another_layout_are_told(server: Server, dsn: str, owner: asyncpg.Connection) -> None:
    bare = PostgresStore(Session(server.dsn("postgres"), name="test"))
    with pytest.raises(StoreError, match="tables are missing"):
        await bare.probe()
    await owner.execute("update log.layout set version = 99")
    later = PostgresStore(Session(dsn, name="test"))
    with pytest.raises(StoreError, match="layout `99`"):
        await later.probe()


async def test_a_server_that_could_lose_a_commit_is_refused(folder: Path) -> None:
    with Server(folder=folder / "unsafe", databases=("hub",), fsync=False) as unsafe:
        await install(unsafe.dsn("hub"))
        with pytest.raises(StoreError, match="`fsync` or `full_page_writes` is off"):
            await PostgresStore(Session(unsafe.dsn("hub"), name="test")).probe()
        allowed = PostgresStore(Session(unsafe.dsn("hub"), name="test", durable=False))
        await allowed.probe()
        await allowed.close()


async def test_an_unreachable_database_is_a_store_error_without_the_dsn(tmp_path: Path) -> None:
    store = PostgresStore(Session(f"postgresql://someone:secret@/hub?host={tmp_path}", name="test"))
    with pytest.raises(StoreError) as caught:
        await store.append([encode(entry())])
    assert str(caught.value) == "the log's database is unavailable: unreachable"
    with pytest.raises(StoreError):
        await install(f"postgresql://someone:secret@/hub?host={tmp_path}")


async def test_a_cancelled_call_gives_its_connection_up_and_the_next_works(store: PostgresStore) -> None:
    await store.probe()
    session = store._session
    async with session.connection() as connection:
        first = connection.get_server_pid()

    async def long() -> None:
        async with session.connection() as held:
            await held.execute("select pg_sleep(30)")

    task = asyncio.create_task(long())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    leaf = encode(entry())
    assert await store.append([leaf]) == hashes(leaf)
    async with session.connection() as connection:
        assert connection.get_server_pid() != first


async def test_a_statement_that_hangs_ends_as_unknown(dsn: str, owner: asyncpg.Connection) -> None:
    store = PostgresStore(Session(dsn, name="test", timeout=0.3))
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute("lock table log.pending in exclusive mode")
    leaf = encode(entry())
    with pytest.raises(StoreError):
        await store.append([leaf])
    await transaction.rollback()
    assert await within(30, partial(_settled, store, leaf)), "and what became of it is found out"
    await store.close()


async def _settled(store: PostgresStore, leaf: Leaf) -> bool:
    try:
        return await store.settle([leaf]) == hashes(leaf)
    except StoreError:  # also this statement has no time on a machine that stands still
        return False


async def test_one_desk_holds_the_lock_until_it_closes(dsn: str) -> None:
    first, second = (Desk(Session(dsn, name=name, timeout=PATIENT)) for name in ("first", "second"))
    assert await first.acquire() and await first.acquire()
    assert not await second.acquire()
    await first.close()
    # The server notices the end of a connection a moment later.
    assert await within(1, second.acquire), "the lock was not given back"
    await second.close()


async def test_a_frozen_holder_loses_the_lock_within_five_seconds(dsn: str) -> None:
    frozen, waiting = (Desk(Session(dsn, name=name, timeout=PATIENT)) for name in ("frozen", "waiting"))
    assert await frozen.acquire()
    assert await within(5, waiting.acquire)
    with pytest.raises(StoreError):
        await frozen.tip()
    assert not await frozen.acquire()
    await frozen.close()
    await waiting.close()
