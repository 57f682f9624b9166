"""Readings that come to undecided rows together ask once for the rows of all, and none waits for one that has ended."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from connectors.source import Compare, Constant
from hub.meeting import Ask, Learnt, Meeting, People
from hub.planner.formula import Fact

RAISED = Fact("raised", "courts", "CriminalCase", Compare("status", "eq", Constant("OPEN")))
KNOWN = frozenset({RAISED})


@dataclass
class Asked:
    """Notes whom was asked for; ``broken``: the next question fails."""

    people: list[list[object]] = field(default_factory=list)
    broken: bool = False

    async def know(self, facts: frozenset[Fact], home: str, people: People) -> Learnt:
        self.people.append([person[0] for person in people])
        await asyncio.sleep(0)
        if self.broken:
            self.broken = False
            raise ConnectionError
        return {fact: {home: len(people)} for fact in facts}


async def read(meeting: Meeting, ask: Ask, *rounds: str, before: int = 0) -> list[Learnt]:
    """A reading that comes to undecided rows so often, each time of these people."""
    found = []
    with meeting.attended():
        for _ in range(before + 1):
            await asyncio.sleep(0)
        for people in rounds:
            found.append(await meeting.know(ask, KNOWN, "civil_affairs", [(person,) for person in people]))
    return found


async def test_what_all_want_to_know_is_asked_once_and_told_to_each() -> None:
    asked = Asked()
    meeting = Meeting()
    found = await asyncio.gather(
        read(meeting, asked.know, "ab"), read(meeting, asked.know, "c", before=5), read(meeting, asked.know, "d", "e")
    )
    assert asked.people == [["a", "b", "d", "c"], ["e"]]
    assert found[0] == found[1] == [{RAISED: {"civil_affairs": 4}}]
    assert found[2][1] == {RAISED: {"civil_affairs": 1}}
    assert not meeting.rounds


async def test_a_reading_that_ends_without_a_question_is_not_waited_for() -> None:
    asked = Asked()
    meeting = Meeting()
    await asyncio.wait_for(
        asyncio.gather(read(meeting, asked.know, before=9), read(meeting, asked.know, "a"), read(meeting, asked.know)),
        timeout=60,
    )
    assert asked.people == [["a"]]


async def test_a_failure_is_told_to_all_who_wait_and_to_nobody_later() -> None:
    asked = Asked(broken=True)
    meeting = Meeting()
    found = await asyncio.gather(*(read(meeting, asked.know, person) for person in "ab"), return_exceptions=True)
    assert [type(each) for each in found] == [ConnectionError] * 2
    assert await read(meeting, asked.know, "c") == [{RAISED: {"civil_affairs": 1}}]


async def test_when_the_hub_ends_nobody_waits_for_ever() -> None:
    never = asyncio.Event()

    async def know(*_: object) -> Learnt:
        await never.wait()
        return {}

    meeting = Meeting()
    reading = asyncio.create_task(read(meeting, know, "a"))
    while not meeting.tasks:
        await asyncio.sleep(0)
    for task in tuple(meeting.tasks):
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(reading, timeout=60)
