"""Killed at any point a comparison leaves no half quarter, and the next one ends as if nothing had happened."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from connectors.source import SourceError
from connectors.write import Written
from hub.reconcile.settling import RunTarget
from hub.reconcile.store import Store, StoreError
from tests.reconcile.ground import Ground
from tests.support.running import ROOT

pytestmark = pytest.mark.postgres

SLOW = "create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(0.1); return new; end'"
TRIGGER = "create trigger slow before insert on {table} for each row execute function slow()"


def victim(ground: Ground) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.reconcile.victim"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps({name: ground.dsn(name) for name in ground.names}) + "\n")
    process.stdin.flush()
    return process


def killed_at(ground: Ground, step: str, *, after: float = 0.0) -> None:
    """Starts a comparison and kills it (no signal that it could handle) ``after`` seconds from a step."""
    process = victim(ground)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(step):
            break
    else:
        pytest.fail(f"the comparison never came to `{step}`")
    time.sleep(after)
    process.kill()
    assert process.wait(60) == -9
    process.stdout.close()
    if process.stdin is not None:
        process.stdin.close()


def finished(ground: Ground) -> None:
    """Starts a comparison, again while the server has not yet noticed that the last one is dead, and waits for it."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with victim(ground) as process:
            process.communicate()
        if process.returncode == 0:
            return
        assert process.returncode == 3
    pytest.fail("the dead comparison kept its lock")


async def test_wherever_it_is_killed_nothing_has_changed_and_the_next_one_ends_alike(ground: Ground) -> None:
    async with Store.opened(ground.dsn("hub")):
        pass
    before = await ground.state()
    for step in ("Child 0", "HouseholdRegistration", "比对 compare 0"):
        killed_at(ground, step)
        assert await ground.state() == before, step
    # From here on rows are written slowly: a comparison dies in the middle of its transaction.
    await ground.rows("hub", SLOW)
    for table in ("link", "reconciliation_item"):
        await ground.rows("hub", TRIGGER.format(table=table))
        killed_at(ground, "写入 write 0", after=0.4)
        assert await ground.state() == before, table
        await ground.rows("hub", f"drop trigger slow on {table}")


async def test_a_run_after_a_kill_ends_in_the_state_of_an_undisturbed_one(ground: Ground, own: Ground) -> None:
    """Killed as it begins to write: whether or not the commit was quicker, the quarter ends alike."""
    killed_at(ground, "写入 write 0")
    finished(ground)
    finished(own)
    assert {**await ground.state(), "run": []} == {**await own.state(), "run": []}


async def test_what_became_of_a_killed_comparison_is_told_once_and_for_all(ground: Ground) -> None:
    target = RunTarget(dsn=ground.dsn("hub"))
    await ground.run()
    ((done,),) = await ground.rows("hub", "select request from reconciliation_run")
    assert await target.settle(done, deadline=30) == ("2026Q4",)
    assert await target.found(done, deadline=30) == Written(keys=("2026Q4",), again=True)
    never = "a" * 32
    assert [await target.settle(never, deadline=30) for _ in range(2)] == [None, None]
    assert await target.found(never, deadline=30) is None
    before = await ground.state()
    with pytest.raises(StoreError, match="23505"):
        await ground.run(request=never)  # it only stood still, and comes too late
    assert await ground.state() == before
    async with Store.opened(ground.dsn("hub")) as store:
        await store.lock()
        with pytest.raises(SourceError, match="timeout"):
            await target.settle("b" * 32, deadline=30)
