"""Orders of comparisons: fulfilled once, taken up again when somebody dies over them, given up after a few times."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest

from hub.quarters import running
from hub.reconcile.child import BUSY, DONE, FAILED, LOCKED, UNKNOWN
from hub.reconcile.orders import MOST, Orders
from hub.reconcile.store import Store
from tests.reconcile.ground import DEPARTMENTS, DIGEST, Ground
from tests.support.running import READ_PASSWORD, ROOT
from tests.support.served import today

pytestmark = pytest.mark.postgres

PLACED = (
    "insert into reconciliation_order (id, quarter, unit, operator, asked_at) "
    "values ($1, $2, 'civil_affairs_bureau', 'T0001', now())"
)


async def order(ground: Ground, number: str, quarter: str | None = None) -> None:
    async with Store.opened(ground.dsn("hub")):
        pass
    await ground.each("hub", PLACED, [(number, quarter or running(today()))])


async def run(ground: Ground, number: str, *, go: bool = True) -> int:
    """The order's process, with the word that its entry is durable, or the end of its input instead."""
    names = {name: ground.names[name] for name in (*DEPARTMENTS, "hub")}
    ((quarter,),) = await ground.rows("hub", "select quarter from reconciliation_order where id = $1", number)
    task: dict[str, Any] = {
        "number": number,
        "quarter": quarter,
        "operator": "T0001",
        "request": f"run of {number}",
        "store": ground.dsn("hub"),
        "sources": {
            name: ground.server.dsn(held, user="hub_read", password=READ_PASSWORD) for name, held in names.items()
        },
        "timezone": "Asia/Shanghai",
        "key": DIGEST.key.hex(),
    }
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hub.reconcile.child"), cwd=ROOT, stdin=pipe, stdout=pipe
    )
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(json.dumps(task).encode() + b"\n")
    if (await child.stdout.readline()).strip() == LOCKED.encode():
        if go:
            child.stdin.write(b"\n")
            await child.stdout.read()
        else:
            child.stdin.close()
    return await child.wait()


async def stands(ground: Ground, number: str) -> tuple[str, int, str | None]:
    ((status, attempts, problem),) = await ground.rows(
        "hub", "select status, attempts, problem from reconciliation_order where id = $1", number
    )
    return status, attempts, problem


async def test_an_order_waits_for_its_entry_and_is_fulfilled_with_its_comparison(ground: Ground) -> None:
    await order(ground, "O1")
    before = await ground.state()
    assert await run(ground, "O1", go=False) == UNKNOWN
    assert await stands(ground, "O1") == ("RUNNING", 1, None)
    assert await ground.state() == before, "without the word that its entry is durable nothing is read or written"
    assert await run(ground, "O1") == DONE
    assert await stands(ground, "O1") == ("DONE", 2, None)
    assert len((await ground.state())["run"]) == 1
    assert await run(ground, "O1") == FAILED, "what is fulfilled is not begun again"


async def test_who_compares_already_is_not_disturbed(ground: Ground) -> None:
    await order(ground, "O1")
    async with Store.opened(ground.dsn("hub")) as store:
        assert await store.free()
        await store.lock()
        async with Store.opened(ground.dsn("hub")) as other:
            assert not await other.free()
        assert await run(ground, "O1") == BUSY
    assert await stands(ground, "O1") == ("QUEUED", 0, None)


async def test_a_quarter_that_is_over_by_now_is_refused_with_a_word(ground: Ground) -> None:
    await order(ground, "O1", "2019Q1")
    assert await run(ground, "O1") == FAILED
    status, _, problem = await stands(ground, "O1")
    assert status == "FAILED" and "`2019Q1`" in str(problem)


async def test_an_order_over_which_everybody_dies_is_given_up(ground: Ground) -> None:
    await order(ground, "O1")
    async with Store.opened(ground.dsn("hub")) as store:
        orders = Orders(store)
        assert [await orders.begin("O1") for _ in range(MOST + 1)] == [*(True for _ in range(MOST)), False]
        assert await orders.next() is None
        await orders.tell("O1", "Child", 1, 2)
        [last] = await orders.latest()
    assert (last.status, last.problem, last.done) == ("FAILED", "ended without a word", 0)
