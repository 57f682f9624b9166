"""Questions of batches that overlap: asked once, and never answered by what was asked before a batch began."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from hub.shared import Questions, Shared


@dataclass(slots=True)
class Department:
    """Answers with how often it was asked, when it is let."""

    let: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0

    async def __call__(self) -> int:
        self.asked += 1
        number = self.asked
        await self.let.wait()
        return number


async def begin(shared: Shared, department: Department, what: str = "facts") -> asyncio.Task[int]:
    """A batch that asks, and has begun to wait."""
    task = asyncio.create_task(shared.ask(what, department))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


async def test_batches_that_ask_the_same_at_once_ask_once() -> None:
    questions, department = Questions(), Department()
    batches = [questions.of("court") for _ in range(3)]
    tasks = [await begin(batch, department) for batch in batches]
    department.let.set()
    assert await asyncio.gather(*tasks) == [1, 1, 1]


async def test_who_comes_later_is_told_what_was_asked_after_it_came_and_so_are_those_beside_it() -> None:
    questions, department = Questions(), Department()
    first = await begin(questions.of("court"), department)
    await asyncio.sleep(0.001)
    late = [await begin(questions.of("court"), department) for _ in range(3)]
    assert department.asked == 1
    department.let.set()
    assert await asyncio.gather(first, *late) == [1, 2, 2, 2]


async def test_nothing_is_kept_of_what_was_answered() -> None:
    questions, department = Questions(), Department()
    department.let.set()
    shared = questions.of("court")
    assert [await shared.ask("facts", department) for _ in range(2)] == [1, 2]
    assert not questions.under_way


@pytest.mark.parametrize(("whose", "what"), [("police", "facts"), ("court", "others")])
async def test_other_principals_and_other_questions_share_nothing(whose: str, what: str) -> None:
    questions, department = Questions(), Department()
    one, other = questions.of("court"), questions.of(whose)
    tasks = [await begin(one, department), await begin(other, department, what)]
    department.let.set()
    assert await asyncio.gather(*tasks) == [1, 2]


async def test_who_goes_away_takes_the_answer_from_nobody() -> None:
    questions, department = Questions(), Department()
    batches = [questions.of("court") for _ in range(2)]
    gone, left = [await begin(batch, department) for batch in batches]
    gone.cancel()
    await asyncio.sleep(0)
    department.let.set()
    assert await left == 1
    assert gone.cancelled()


async def test_a_question_that_fails_fails_for_all_who_wait_and_is_asked_anew() -> None:
    questions, department = Questions(), Department()

    async def fails() -> int:
        await department.let.wait()
        raise LookupError

    batches = [questions.of("court") for _ in range(2)]
    tasks = [asyncio.create_task(batch.ask("facts", fails)) for batch in batches]
    await asyncio.sleep(0)
    department.let.set()
    failed = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(error) for error in failed] == [LookupError, LookupError]
    assert await batches[0].ask("facts", department) == 1
