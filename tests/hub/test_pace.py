"""Pace: what was looked for in vain leaves at whole steps of time, what was found at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from hub import batches, pace
from tests.support.running import Asking
from tests.support.world import World

UNIT, PURPOSE = "civil_affairs_bureau", "survey_management"
NUMBER, NOBODY = "query Q($n: CitizenId!) { child(citizenId: $n) { name } }", "110101190001010014"


@pytest.mark.parametrize("late", [0.0, 0.4, 1.3])
async def test_an_answer_waits_for_the_step_that_comes_next(late: float) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time() - late * pace.STEP
    steps = int((loop.time() - begun) / pace.STEP) + 1
    await pace.whole_step(begun)
    assert loop.time() - begun >= steps * pace.STEP


async def test_while_an_answer_waits_others_go_on() -> None:
    turns = 0

    async def turning() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(turning())
    await pace.whole_step(asyncio.get_running_loop().time())
    other.cancel()
    assert turns > 10


@pytest.mark.parametrize(("given", "turns"), [(0.0, 3), (60.0, 0)])
async def test_a_batch_at_work_gives_way_once_its_time_is_up(
    given: float, turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "GIVEN", given)
    seen = list[int]()

    async def other() -> None:
        while True:
            seen.append(1)
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    turn = pace.Turn()
    for _ in range(3):
        await turn.over()
    assert len(seen) == turns
    beside.cancel()


@pytest.mark.postgres
async def test_only_what_was_looked_for_in_vain_waits(
    ask: Asking, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def waits(begun: float) -> None:
        waited.append(begun)

    monkeypatch.setattr(batches, "whole_step", waits)
    there = next(row for row in world.rows("civil_affairs", "Child") if row["_citizen"] and row["birthDate"] > "2012")
    seal = ask.hub.seals.of(UNIT)

    async def waiting(query: str, variables: Mapping[str, Any], *, purpose: str = PURPOSE) -> bool:
        waited.clear()
        reply = await ask(UNIT, purpose, query, variables)
        assert not reply.errors, reply.json
        return bool(waited)

    by_name = "query Q($v: String!) { children(filter: {name: {eq: $v}}) { edges { cursor } } }"
    assert await waiting(NUMBER, {"n": NOBODY})
    assert not await waiting(NUMBER, {"n": there["_citizen"]})
    for field in ("child", "node"):
        query = f"query Q($i: ID!) {{ {field}(id: $i) {{ id }} }}"
        assert await waiting(query, {"i": seal.identify("Child", "none", None)})
        assert not await waiting(query, {"i": seal.identify("Child", there["_key"], None)})
    assert await waiting(by_name, {"v": "查无此人"})
    assert not await waiting(by_name, {"v": there["name"]})
    assert not await waiting("{ children(filter: {}) { edges { cursor } } me { key } }", {})
    two = "query Q($n: CitizenId!, $m: CitizenId!) { a: child(citizenId: $n) { id } b: child(citizenId: $m) { id } }"
    assert await waiting(two, {"n": there["_citizen"], "m": NOBODY})
