"""`kill -9` of hubs at random moments under load: every acknowledged entry is there, once, and the tree is whole."""

from __future__ import annotations

import asyncio
import random
import sys
from functools import partial

import asyncpg
import pytest

from hub.audit.log import Log
from tests.hub.audit.support import KEY, PATIENT, check_log, entry
from tests.support.looking import within

pytestmark = pytest.mark.postgres


async def start(dsn: str, name: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.hub.audit.support.load", dsn, name),
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )


async def lines_until_killed(process: asyncio.subprocess.Process, seconds: float) -> list[str]:
    """Every whole line that came out before the kill."""
    assert process.stdout is not None
    first = await process.stdout.readline()
    killing = asyncio.get_running_loop().call_later(seconds, process.kill)
    rest = await process.stdout.read()
    killing.cancel()
    await process.wait()
    lines = (first + rest).decode().split("\n")
    return [line for line in lines[:-1] if line]


async def leaves_in(dsn: str) -> dict[str, str]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch(
        "select request || '/' || kind || '/' || part as name, encode(leaf, 'hex') as leaf from log.entry"
    )
    await connection.close()
    return {row["name"]: row["leaf"] for row in rows}


async def test_killed_again_and_again_with_a_second_replica_beside_it(dsn: str) -> None:
    chance = random.Random(20170412)
    acknowledged: list[str] = []
    for round_ in range(4):
        pair = [await start(dsn, f"{replica}{round_}") for replica in ("one", "two")]
        moments = [chance.uniform(0.05, 1.0) for _ in pair]
        outputs = await asyncio.gather(*(lines_until_killed(*each) for each in zip(pair, moments, strict=True)))
        assert all(outputs)
        acknowledged += [line for output in outputs for line in output]

    # Restart needs no hand: opening the log is enough, and it places what the dead left behind.
    async with Log.opened(dsn, key=KEY, patience=PATIENT) as log:
        await log.record([entry()])
        assert await within(6, partial(_at_rest, log)), "the tree does not take what is durable"
    size = await check_log(dsn)
    kept = await leaves_in(dsn)
    assert len(acknowledged) > 200
    assert [line for line in acknowledged if kept.get(line.split()[0]) != line.split()[1]] == []
    assert size >= len(acknowledged) + 1


async def test_another_replica_sequences_within_five_seconds_of_a_death(dsn: str) -> None:
    first = await start(dsn, "first")
    assert first.stdout is not None
    await first.stdout.readline()
    async with Log.opened(dsn, key=KEY, patience=PATIENT) as log:
        assert await within(5, partial(_placed_some, log)), "the first one did not sequence"
        reading = asyncio.create_task(first.stdout.read())
        first.kill()
        await first.wait()
        await reading
        await log.record([entry("after the death")])
        assert await within(5, partial(placed, dsn, "after the death"))
    await check_log(dsn)


async def _placed_some(log: Log) -> bool:
    return (await log.backlog()).size > 0


async def _at_rest(log: Log) -> bool:
    return await log.healthy() and not (await log.backlog()).pending


async def placed(dsn: str, request: str) -> bool:
    connection = await asyncpg.connect(dsn)
    try:
        return bool(await connection.fetchval("select exists (select from log.entry where request = $1)", request))
    finally:
        await connection.close()
