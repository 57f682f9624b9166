"""One contract suite over both targets, then what PostgreSQL alone can show: rights, races, crashes."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
import pytest

from connectors.demo.server import Server
from connectors.memory import Fault
from connectors.memory_write import MemoryTarget
from connectors.source import ALWAYS, Compare, Constant, Exists, Not, Param, SourceError
from connectors.write import (
    About,
    Change,
    Copied,
    GivenUp,
    Insert,
    Next,
    NotThere,
    Put,
    Result,
    Reused,
    Stale,
    Sweep,
    Unfit,
    Update,
    Write,
    Written,
)
from connectors.write_postgres import PostgresTarget
from tests.connectors import scratch
from tests.connectors.writable import Department, in_memory, in_postgres

pytestmark = pytest.mark.postgres

KEY, OTHER = "D0001", "D0002"
STATE = Compare("grade", "in", Constant([1, 2]))
HAS_PART = Exists("Part", (("_key", "_person"),), ALWAYS)
MADE: dict[str, Any] = {
    "_group": "x",
    "_open": False,
    "name": "欧阳小明",
    "birthDate": "2012-02-29",
    "bornOn": "2012-03-01",
    "updatedAt": "2017-05-01T09:30:00+08:00",
    "heardAt": "2017-05-01T23:59:59+08:00",
    "sex": "FEMALE",
    "kin": "UNCLE",
    "alone": True,
    "poor": False,
    "incomes": ["WAGES", "FARMING"],
    "kinds": ["LOAN", "GRANT"],
    "parts": ["甲", "乙"],
    "tags": [],
    "division": "120114101201",
    "grade": 3,
    "amount": "12.50",
    "rate": 0.25,
    "phone": None,
}


def write(*changes: Change) -> Write:
    return Write(source="scratch", changes=changes)


def graded(grade: int = 2, *, expect: Any = ALWAYS, scope: Any = ALWAYS) -> Write:
    return write(
        Update(
            relation="Person",
            key=Param("key"),
            puts=(Put("grade", Constant(grade)),),
            expect=expect,
            scope=scope,
            shows=("grade", "name"),
        )
    )


async def send(department: Department, what: Write, *, intent: str = "i", digest: str = "d", **bindings: Any) -> Result:
    return await department.target.write(what, {"key": KEY, **bindings}, intent=intent, digest=digest, deadline=30)


async def put(department: Department, grade: int) -> None:
    assert isinstance(await send(department, graded(grade), intent=f"set {grade}"), Written)


@pytest.fixture(params=["memory", "postgres"])
async def department(request: pytest.FixtureRequest, postgres_server: Server) -> AsyncIterator[Department]:
    if request.param == "memory":
        yield in_memory()
        return
    async with in_postgres(postgres_server) as (made, _):
        yield made


# The contract.


async def test_a_new_row_holds_what_it_was_given_in_the_departments_own_codes(department: Department) -> None:
    puts = tuple(Put(name, Param(name)) for name in MADE)
    made = await send(department, write(Insert(relation="Person", key=Param("new"), puts=puts)), new="N1", **MADE)
    assert made == Written(keys=("N1",))
    assert await department.row("N1", *MADE) == MADE


async def test_a_row_is_changed_where_it_is_as_expected_and_otherwise_stays_and_says_how_it_is(
    department: Department,
) -> None:
    await put(department, 4)
    name = (await department.row(KEY, "name") or {})["name"]
    assert await send(department, graded(expect=STATE)) == Stale(change=0, current={"grade": 4, "name": name})
    assert await department.row(KEY, "grade") == {"grade": 4}
    await put(department, 1)
    assert await send(department, graded(expect=STATE), intent="again") == Written(keys=(KEY,))
    assert await department.row(KEY, "grade") == {"grade": 2}


async def test_a_row_out_of_scope_is_answered_as_one_that_does_not_exist(department: Department) -> None:
    outside = Compare("name", "eq", Param("somebody"))
    refused = await send(department, graded(scope=outside, expect=STATE), somebody="nobody has this name")
    assert refused == await send(department, graded(expect=STATE), key="no such key") == NotThere(change=0)


async def test_scope_and_state_may_look_at_other_rows_of_the_department(department: Department) -> None:
    owners = {row["_person"] for row in scratch.relations()["Part"]}
    keys = [row["_key"] for row in scratch.relations()["Person"]]
    results = {key: await send(department, graded(scope=HAS_PART), intent=key, key=key) for key in keys[:20]}
    assert {key for key, result in results.items() if isinstance(result, Written)} == owners & set(keys[:20])


async def test_a_number_goes_up_by_one_from_whatever_stands_there(department: Department) -> None:
    more = write(Update(relation="Person", key=Param("key"), puts=(Put("grade", Next()),)))
    clear = write(Update(relation="Person", key=Param("key"), puts=(Put("grade", Constant(None)),)))
    await send(department, clear, intent="clear")
    for turn in range(3):
        assert isinstance(await send(department, more, intent=f"more {turn}"), Written)
    assert await department.row(KEY, "grade") == {"grade": 3}


async def test_changes_are_made_together_or_not_at_all(department: Department) -> None:
    await put(department, 1)
    part = Insert(
        relation="Part", key=Param("part"), puts=(Put("_person", Param("key")), Put("kind", Constant("LOAN")))
    )
    both = write(graded(2).changes[0], part, graded(3, expect=Compare("grade", "eq", Constant(9))).changes[0])
    assert isinstance(await send(department, both, part="9001"), Stale)
    assert await department.row(KEY, "grade") == {"grade": 1}
    assert await department.row("9001", "kind", relation="Part") is None
    later = write(graded(2).changes[0], part, graded(3, expect=Compare("grade", "eq", Constant(2))).changes[0])
    assert await send(department, later, part="9001") == Written(keys=(KEY, "9001", KEY))
    assert await department.row(KEY, "grade") == {"grade": 3}
    assert await department.row("9001", "kind", "_person", relation="Part") == {"kind": "LOAN", "_person": KEY}


async def test_a_new_row_about_a_row_that_is_not_there_for_the_writer_is_not_made(department: Department) -> None:
    async def about(scope: Any, *, intent: str, key: str = KEY) -> Result:
        of = About(relation="Person", key=Param("key"), scope=scope)
        puts = (Put("_person", Param("key")), Put("kind", Constant("LOAN")))
        made = write(Insert(relation="Part", key=Param("part"), puts=puts, about=of))
        return await send(department, made, intent=intent, part="9002", key=key)

    await put(department, 4)
    assert await about(STATE, intent="a") == await about(ALWAYS, intent="b", key="nobody") == NotThere(change=0)
    await put(department, 2)
    assert await about(STATE, intent="c") == Written(keys=("9002",))


async def test_a_key_that_a_row_has_already_is_given_to_no_other(department: Department) -> None:
    before = await department.row(KEY, "name", "grade")
    again = Insert(
        relation="Person", key=Param("key"), puts=(Put("name", Constant("张三")), Put("_open", Constant(True)))
    )
    assert await send(department, write(again)) == Stale(change=0)
    assert await department.row(KEY, "name", "grade") == before


async def test_a_look_without_a_change_guards_the_changes_beside_it(department: Department) -> None:
    guard = Update(relation="Person", key=Param("other"), expect=STATE, shows=("grade",))
    await send(department, graded(4), intent="other", key=OTHER)
    assert await send(department, write(guard, graded(1).changes[0]), other=OTHER) == Stale(
        change=0, current={"grade": 4}
    )
    await send(department, graded(1), intent="other again", key=OTHER)
    assert await send(department, write(guard, graded(1).changes[0]), other=OTHER) == Written(keys=(OTHER, KEY))


def swept(where: Any, *puts: Put) -> Sweep:
    return Sweep(relation="Person", where=where, puts=puts)


async def test_all_rows_that_satisfy_a_predicate_are_changed_with_the_row_that_is_named_and_no_other(
    department: Department,
) -> None:
    await put(department, 2)
    three, two = (swept(Compare("grade", "eq", Constant(grade)), Put("grade", Constant(4))) for grade in (3, 2))
    assert await send(department, write(*graded(3).changes, three), intent="both") == Written(keys=(KEY,))
    assert await department.row(KEY, "grade") == {"grade": 4}
    await send(department, graded(2), intent="back")
    stale = write(two, *graded(2, expect=Compare("grade", "eq", Constant(1))).changes)
    assert isinstance(await send(department, stale, intent="stale"), Stale)
    assert await department.row(KEY, "grade") == {"grade": 2}


async def test_rows_are_given_what_stands_in_another_column_of_the_same_form(department: Department) -> None:
    named = Compare("grade", "eq", Constant(1))
    await put(department, 1)
    assert await send(department, write(swept(named, Put("citizenId", Copied("name")))), intent="copy") == Written(
        keys=()
    )
    row = await department.row(KEY, "name", "citizenId")
    assert row is not None
    assert row["name"] == row["citizenId"]


async def test_no_row_may_satisfy_it_and_a_closed_column_is_rejected(department: Department) -> None:
    nobody = swept(Compare("_key", "eq", Constant("nobody")), Put("grade", Constant(3)))
    assert await send(department, write(nobody), intent="nobody") == Written(keys=())
    with pytest.raises(SourceError):
        await send(department, write(swept(ALWAYS, Put("_key", Constant("x")))), intent="closed")


async def test_a_write_sent_twice_happens_once_and_is_answered_as_before(department: Department) -> None:
    more = write(Update(relation="Person", key=Param("key"), puts=(Put("grade", Next()),)))
    await put(department, 1)
    assert await department.target.found("i", deadline=30) is None
    assert await send(department, more) == Written(keys=(KEY,))
    assert await department.target.found("i", deadline=30) == Written(keys=(KEY,), again=True)
    assert await send(department, more) == Written(keys=(KEY,), again=True)
    assert await send(department, more, digest="other content") == Reused()
    assert await department.row(KEY, "grade") == {"grade": 2}
    assert await department.target.settle("i", deadline=30) == (KEY,)


async def test_what_was_refused_may_be_tried_again_under_the_same_intent(department: Department) -> None:
    await put(department, 4)
    assert isinstance(await send(department, graded(expect=STATE)), Stale)
    await put(department, 1)
    assert await send(department, graded(expect=STATE)) == Written(keys=(KEY,))


async def test_a_row_that_another_write_named_since_it_was_looked_at_is_not_written_over(
    department: Department,
) -> None:
    async def looked() -> int:
        return await department.target.touched("Person", KEY, deadline=5)

    async def rewritten(grade: int, seen: int, name: str) -> Result:
        change = Update(
            relation="Person", key=Param("key"), puts=(Put("grade", Constant(grade)),), touched=Param("seen")
        )
        return await send(department, write(change), intent=name, seen=seen)

    await put(department, 1)
    first, second = await looked(), await looked()
    assert isinstance(await rewritten(2, first, "first"), Written)
    assert await rewritten(3, second, "second") == Stale(change=0)
    assert await department.row(KEY, "grade") == {"grade": 2}
    again = await rewritten(2, first, "first")
    assert isinstance(again, Written) and again.again
    assert isinstance(await rewritten(3, await looked(), "second"), Written)
    assert await department.target.touched("Part", KEY, deadline=5) == 0


async def test_a_settled_intent_is_final_and_an_attempt_that_comes_later_does_nothing(department: Department) -> None:
    await put(department, 1)
    assert await department.target.settle("late", deadline=30) is None
    assert await department.target.found("late", deadline=30) == GivenUp()
    assert await send(department, graded(2), intent="late") == GivenUp()
    assert await department.target.settle("late", deadline=30) is None
    assert await department.row(KEY, "grade") == {"grade": 1}


@pytest.mark.parametrize(
    "change",
    [
        Update(relation="Person", key=Param("key"), puts=(Put("_open", Constant(True)),)),
        Update(relation="Person", key=Param("key"), puts=(Put("schoolName", Constant("一小")),)),
        Update(relation="Person", key=Param("key"), puts=(Put("shoeSize", Constant(1)),)),
        Update(relation="Nobody", key=Param("key"), puts=()),
        Update(relation="Person", key=Param("key"), puts=(Put("name", Next()),)),
        Insert(relation="Part", key=Param("key"), puts=(Put("givenAt", Constant("2017-05-01T00:00:00+08:00")),)),
    ],
    ids=lambda change: f"{type(change).__name__} {change.relation} {[put.column for put in change.puts]}",
)
async def test_what_the_mapping_does_not_open_is_rejected_before_anything_happens(
    change: Change, department: Department
) -> None:
    before = await department.row(KEY, "grade")
    with pytest.raises(SourceError) as caught:
        await send(department, write(graded(3).changes[0], change))
    assert caught.value.reason == "rejected"
    assert await department.row(KEY, "grade") == before
    assert await department.target.settle("i", deadline=30) is None


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("sex", "NEITHER"),
        ("name", "欧" * 31),
        ("birthDate", "yesterday"),
        ("parts", [""]),
        ("tags", "x"),
        ("amount", "1.005"),
    ],
)
async def test_what_a_column_cannot_hold_is_named_before_anything_happens(
    column: str, value: Any, department: Department
) -> None:
    before = await department.row(KEY, "grade", "name")
    change = Update(relation="Person", key=Param("key"), puts=(Put(column, Constant(value)),))
    assert await send(department, write(graded(3).changes[0], change)) == Unfit(change=1, column=column)
    assert await department.row(KEY, "grade", "name") == before
    assert await department.target.settle("i", deadline=30) is None


async def test_memory_makes_the_write_whose_answer_it_loses() -> None:
    department = in_memory()
    assert isinstance(department.target, MemoryTarget)
    for kind, grade, happened in (("lose", 3, (KEY,)), ("fail", 2, None)):
        department.target.source.faults = deque([Fault(kind=kind)])
        with pytest.raises(SourceError):
            await send(department, graded(grade), intent=kind)
        assert await department.target.settle(kind, deadline=1) == happened
    assert await department.row(KEY, "grade") == {"grade": 3}


# PostgreSQL alone.


@pytest.fixture
async def opened(postgres_server: Server) -> AsyncIterator[tuple[Department, asyncpg.Connection]]:
    """A department, and its owner's connection, which plays the department's own software."""
    async with in_postgres(postgres_server, statement_timeout=2.0) as (made, dsn):
        owner = await asyncpg.connect(dsn)
        yield made, owner
        await owner.close()


async def test_the_write_role_can_read_and_write_what_is_mapped_and_nothing_else(
    opened: tuple[Department, asyncpg.Connection],
) -> None:
    department, _ = opened
    assert isinstance(department.target, PostgresTarget)
    role = await asyncpg.connect(department.target.dsn)
    closed = [
        "SELECT xm, dh FROM zhu",
        "SELECT * FROM fu",
        "UPDATE zhu SET zt = '1'",
        "UPDATE zhu SET bh = 'x'",
        "DELETE FROM zhu",
        "TRUNCATE zhu",
        "INSERT INTO zhu (bh, zt, xxbm) VALUES ('x', '1', 1)",
        "UPDATE hub.hub_write SET digest = ''",
        "DELETE FROM hub.hub_write",
        "CREATE TABLE hub.more (x int)",
    ]
    try:
        for statement in closed:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await role.execute(statement)
        await role.execute("SELECT bh, dj FROM zhu; SELECT intent FROM hub.hub_write")
    finally:
        await role.close()


async def test_a_change_that_waited_for_another_is_judged_by_what_the_other_left(
    opened: tuple[Department, asyncpg.Connection],
) -> None:
    department, owner = opened
    await put(department, 1)
    for left, result in ((4, Stale), (2, Written)):
        change = owner.transaction()
        await change.start()
        await owner.execute("UPDATE zhu SET dj = $1, xm = 'moved' WHERE bh = $2", left, KEY)
        task = asyncio.create_task(send(department, graded(3, expect=STATE), intent=f"after {left}"))
        await waiting(owner)
        await change.commit()
        found = await task
        assert isinstance(found, result)
        if isinstance(found, Stale):
            assert found.current == {"grade": 4, "name": "moved"}
    assert await department.row(KEY, "grade") == {"grade": 3}


async def test_of_many_who_take_the_same_step_at_once_one_does(opened: tuple[Department, asyncpg.Connection]) -> None:
    department, _ = opened
    await put(department, 1)
    step = graded(3, expect=STATE)
    results = await asyncio.gather(*(send(department, step, intent=f"racer {number}") for number in range(20)))
    assert sum(isinstance(result, Written) for result in results) == 1
    assert sum(isinstance(result, Stale) for result in results) == 19


async def test_of_many_who_saw_the_same_row_and_rewrite_it_at_once_one_does(
    opened: tuple[Department, asyncpg.Connection],
) -> None:
    department, _ = opened
    seen = await department.target.touched("Person", KEY, deadline=5)
    change = Update(relation="Person", key=Param("key"), puts=(Put("grade", Param("grade")),), touched=Param("seen"))
    results = await asyncio.gather(
        *(send(department, write(change), intent=f"saw {grade}", grade=grade, seen=seen) for grade in range(1, 9))
    )
    (winner,) = [grade for grade, result in enumerate(results, 1) if isinstance(result, Written)]
    assert sum(result == Stale(change=0) for result in results) == 7
    assert await department.row(KEY, "grade") == {"grade": winner}


async def test_a_write_sent_many_times_at_once_happens_once(opened: tuple[Department, asyncpg.Connection]) -> None:
    department, _ = opened
    await put(department, 1)
    more = write(Update(relation="Person", key=Param("key"), puts=(Put("grade", Next()),)))
    results = await asyncio.gather(*(send(department, more) for _ in range(20)))
    assert sorted(result.again for result in results if isinstance(result, Written)) == [False] + [True] * 19
    assert await department.row(KEY, "grade") == {"grade": 2}


async def waiting(owner: asyncpg.Connection) -> None:
    """Returns when somebody waits for a lock."""
    for _ in range(200):
        if await owner.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits")


@pytest.mark.parametrize("kept", [True, False])
async def test_settling_waits_for_an_attempt_that_still_runs_and_says_what_became_of_it(
    opened: tuple[Department, asyncpg.Connection], kept: bool
) -> None:
    department, owner = opened
    running = owner.transaction()
    await running.start()
    await owner.execute("INSERT INTO hub.hub_write VALUES ('slow', 'd', '{Person}', '{D0001}', false)")
    task = asyncio.create_task(department.target.settle("slow", deadline=30))
    await waiting(owner)
    await (running.commit() if kept else running.rollback())
    assert await task == ((KEY,) if kept else None)


async def test_while_an_attempt_hangs_settling_does_not_guess(opened: tuple[Department, asyncpg.Connection]) -> None:
    department, owner = opened
    async with owner.transaction():
        await owner.execute("INSERT INTO hub.hub_write VALUES ('hangs', 'd', '{Person}', '{D0001}', false)")
        with pytest.raises(SourceError) as caught:
            await department.target.settle("hangs", deadline=0.3)
        assert caught.value.reason == "timeout"
        # The statement's own limit comes first here.
        with pytest.raises(SourceError) as caught:
            await department.target.settle("hangs", deadline=10)
        assert caught.value.reason == "timeout"
    assert await department.target.settle("hangs", deadline=30) == (KEY,)


async def test_a_caller_cancelled_at_any_moment_leaves_all_or_nothing_and_no_lock(
    opened: tuple[Department, asyncpg.Connection],
) -> None:
    department, _ = opened
    await put(department, 1)
    more = write(Update(relation="Person", key=Param("key"), puts=(Put("grade", Next()),)))
    happened = 0
    for steps in range(40):
        task = asyncio.create_task(send(department, more, intent=f"hasty {steps}"))
        await asyncio.sleep(steps * 0.0002)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        happened += await department.target.settle(f"hasty {steps}", deadline=30) is not None
    assert await department.row(KEY, "grade") == {"grade": 1 + happened}
    assert 0 < happened < 40


async def test_a_hub_that_stands_still_in_the_middle_holds_no_row_for_longer_than_a_statement_may_take(
    opened: tuple[Department, asyncpg.Connection],
) -> None:
    department, _ = opened
    assert isinstance(department.target, PostgresTarget)
    began = asyncio.get_running_loop().time()
    with pytest.raises(SourceError) as caught:
        async with department.target._connections.connection(monotonic() + 30) as frozen:
            await frozen.execute(f"BEGIN; SELECT 1 FROM zhu WHERE bh = '{KEY}' FOR UPDATE")
            assert await patiently(department, graded(2)) == Written(keys=(KEY,))
            await frozen.execute("COMMIT")
    assert caught.value.reason == "unreachable"
    assert asyncio.get_running_loop().time() - began < 10


async def patiently(department: Department, what: Write) -> Result:
    """As a caller that tries again when a row is held for too long."""
    for attempt in range(4):
        try:
            return await send(department, what, intent=f"patient {attempt}")
        except SourceError as error:
            assert error.reason == "timeout"
    raise AssertionError("the row is held for ever")


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that a test may kill."""
    folder = Path(tempfile.mkdtemp(prefix="hub-test-", dir="/var/tmp"))
    # With fsync, since what a killed server had acknowledged is what is tested.
    server = Server(folder=folder / "data", databases=("scratch",))
    with server:
        yield server
    shutil.rmtree(folder)


async def test_a_database_killed_again_and_again_keeps_what_it_acknowledged_and_settles_the_rest(
    own_server: Server,
) -> None:
    async with in_postgres(own_server) as (department, _):
        await put(department, 1)
        more = write(Update(relation="Person", key=Param("key"), puts=(Put("grade", Next()),)))
        acknowledged: set[str] = set()
        all_intents: set[str] = set()
        for round_ in range(4):
            enough = len(acknowledged) + 5 + 3 * round_

            async def pour(worker: int, round_: int = round_) -> None:
                for number in itertools.count():
                    intent = f"{round_}/{worker}/{number}"
                    all_intents.add(intent)
                    try:
                        await send(department, more, intent=intent)
                    except SourceError:
                        return
                    acknowledged.add(intent)

            workers = [asyncio.create_task(pour(worker)) for worker in range(3)]
            # By what was done and not by a clock: killed in the midst of it, however slow the machine.
            while len(acknowledged) < enough and not all(worker.done() for worker in workers):
                await asyncio.sleep(0.001)
            assert own_server.pid is not None
            os.kill(own_server.pid, signal.SIGKILL)
            await asyncio.gather(*workers)
            own_server.stop()
            own_server.start()
        happened = {intent for intent in all_intents if await settled(department, intent) is not None}
        assert acknowledged <= happened
        assert len(acknowledged) > 10
        assert await department.row(KEY, "grade") == {"grade": 1 + len(happened)}


async def settled(department: Department, intent: str) -> tuple[str, ...] | None:
    """As soon as the database answers again."""
    for _ in range(50):
        try:
            return await department.target.settle(intent, deadline=30)
        except SourceError:
            await asyncio.sleep(0.1)
    raise AssertionError("the database does not come back")


async def test_without_the_intent_table_nothing_is_written(opened: tuple[Department, asyncpg.Connection]) -> None:
    department, owner = opened
    await put(department, 1)
    await owner.execute("DROP TABLE hub.hub_write")
    with pytest.raises(SourceError) as caught:
        await send(department, graded(2), intent="nowhere")
    assert caught.value.reason == "rejected"
    assert await department.row(KEY, "grade") == {"grade": 1}


async def test_a_predicate_over_a_closed_column_is_rejected(opened: tuple[Department, asyncpg.Connection]) -> None:
    hidden = Not(Compare("phone", "eq", Param("phone")))
    of_part = Exists("Part", (("_key", "_person"),), Compare("amount", "eq", Constant("1.00")))
    for change in (graded(scope=hidden), graded(expect=hidden), graded(scope=of_part)):
        with pytest.raises(SourceError) as caught:
            await send(opened[0], change, phone="1")
        assert caught.value.reason == "rejected"
