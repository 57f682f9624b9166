"""A full verification runs by itself, in a process of its own, one at a time, and what it finds is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import asyncpg
import pytest

from hub.audit.inspection import _LOCK, Inspection, inspect
from hub.audit.log import Log
from hub.audit.reader import Reader
from hub.audit.session import Session
from tests.hub.audit.support import KEY, PATIENT, entry

pytestmark = pytest.mark.postgres


@pytest.fixture
async def reader(dsn: str) -> AsyncIterator[Reader]:
    async with Log.opened(dsn, key=KEY, patience=PATIENT) as log:
        await log.record([entry() for _ in range(40)])
    reader = Reader(Session(dsn, name="reader", timeout=PATIENT))
    yield reader
    await reader.close()


def inspection(dsn: str, reader: Reader, *, every: float = 3600) -> Inspection:
    return Inspection(dsn=dsn, durable=True, reader=reader, keys=lambda: [KEY.verifier], every=every, pause=0.05)


async def until_kept(reader: Reader) -> None:
    for _ in range(400):
        if await reader.verification() is not None:
            return
        await asyncio.sleep(0.05)
    pytest.fail("nothing was verified")


async def test_a_log_that_was_never_verified_is_and_then_left_alone_until_it_is_due(dsn: str, reader: Reader) -> None:
    running = asyncio.create_task(inspection(dsn, reader).run())
    await until_kept(reader)
    await asyncio.sleep(0.3)
    running.cancel()
    found = await reader.verification()
    assert found is not None and (found.good, found.size) == (True, 40)
    owner = await asyncpg.connect(dsn)
    assert await owner.fetchval("select count(*) from log.verification") == 1
    await owner.close()


async def test_what_a_superuser_changed_is_an_error_in_the_operators_log(
    dsn: str, reader: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    owner = await asyncpg.connect(dsn)
    await owner.execute("set session_replication_role = replica")
    await owner.execute("update log.entry set bytes = '{}' where index = 7")
    await owner.close()
    with caplog.at_level(logging.ERROR):
        running = asyncio.create_task(inspection(dsn, reader).run())
        await until_kept(reader)
        # What is found is kept before its process ends, and told after.
        for _ in range(200):
            if caplog.text:
                break
            await asyncio.sleep(0.05)
        running.cancel()
    found = await reader.verification()
    assert found is not None and (found.good, found.bad) == (False, 7)
    assert "the access log does not verify: entry 7" in caplog.text


async def test_while_another_replica_verifies_nobody_else_does(dsn: str, reader: Reader) -> None:
    other = Session(dsn, name="other", timeout=PATIENT)
    assert await other.hold(_LOCK)
    await inspect(dsn, durable=True, keys=[KEY.verifier])
    assert await reader.verification() is None
    await other.close()
