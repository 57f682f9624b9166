"""Callers who count the same again and again, and come back one after another, share each reading."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from connectors.postgres import PostgresSource
from hub import waves
from tests.support.running import Asking

pytestmark = pytest.mark.postgres

BY_SEX = """{ aggregate(by: ["Child.sex"]) { cells { keys { value } value } total } }"""
CALLERS, TIMES = 6, 3


async def test_who_comes_back_is_waited_for_by_the_first(ask: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    readings, whole = list[Any](), PostgresSource.aggregate
    monkeypatch.setattr(waves, "SHARE", 0.001)  # so long that no machine is too slow

    async def slow(source: PostgresSource, asked: Any, *given: Any, **named: Any) -> Any:
        readings.append(asked)
        await asyncio.sleep(2 * waves.LONG)
        return await whole(source, asked, *given, **named)

    monkeypatch.setattr(PostgresSource, "aggregate", slow)

    async def caller(number: int) -> list[Any]:
        found = []
        for _ in range(TIMES):
            reply = await ask("civil_affairs_bureau", "guardianship_protection", BY_SEX)
            found.append(orjson.loads(reply.body))
            await asyncio.sleep(0.002 * number)
        return found

    answers = await asyncio.gather(*map(caller, range(CALLERS)))
    assert len({orjson.dumps(answer["data"]) for each in answers for answer in each}) == 1
    receipts = {answer["extensions"]["receipt"]["entry"] for each in answers for answer in each}
    assert len(receipts) == CALLERS * TIMES  # shared is the reading, never an entry
    alone = len(readings) // TIMES
    assert len(readings) == alone * TIMES and alone <= 2


async def test_nobody_waits_for_one_who_stays_away(ask: Asking) -> None:
    await ask("civil_affairs_bureau", "guardianship_protection", BY_SEX)
    [*_, key] = ask.hub.batches.waves.last
    ask.hub.batches.waves.read(key, waves.Wave(calls=50, took=0.1, ended=asyncio.get_running_loop().time()))
    async with asyncio.timeout(30):
        reply = await ask("civil_affairs_bureau", "guardianship_protection", BY_SEX)
    assert reply.status == 200
