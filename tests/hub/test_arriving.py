"""Bodies that are there, that come later, and that never come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from hub.arriving import arrived
from hub.errors import RefusalError

GONE: Message = {"type": "http.disconnect"}


def part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def coming(*messages: Message, pause: float | None = None) -> Callable[[], Awaitable[Message]]:
    """``receive`` of a server; with ``pause`` each message is waited for."""
    left = list(messages)

    async def receive() -> Message:
        if pause is not None:
            await asyncio.sleep(pause)
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    return receive


@pytest.mark.parametrize("pause", [None, 0, 0.001])
@pytest.mark.parametrize("parts", [[b"abc"], [b"", b"a", b"bc"], [b"abc", b""]])
async def test_a_body_arrives_whole_however_it_comes(parts: list[bytes], pause: float | None) -> None:
    messages = [part(one, more=place < len(parts) - 1) for place, one in enumerate(parts)]
    assert await arrived(coming(*messages, pause=pause), b"3", 3, 5) == b"abc"


@pytest.mark.parametrize("before", [[], [part(b"a", more=True)]])
async def test_a_body_that_does_not_come_is_waited_for_so_long_and_no_longer(before: list[Message]) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(arrived(coming(*before), b"", 10, 0.02), 5)


@pytest.mark.parametrize("pause", [None, 0])
@pytest.mark.parametrize("before", [[], [part(b"a", more=True)]])
async def test_a_client_that_goes_away_is_no_body(before: list[Message], pause: float | None) -> None:
    with pytest.raises(ClientDisconnect):
        await arrived(coming(*before, GONE, pause=pause), b"", 10, 5)


@pytest.mark.parametrize("pause", [None, 0])
async def test_no_more_is_read_than_is_allowed(pause: float | None) -> None:
    receive = coming(*[part(b"12345", more=True)] * 3, part(b""), pause=pause)
    with pytest.raises(RefusalError) as refused:
        await arrived(receive, b"", 10, 5)
    assert refused.value.facts["limit"] == "body_bytes"
    assert await receive() == part(b""), "the third part was one too many, and the last that was read"


async def test_what_is_announced_too_large_is_not_read() -> None:
    receive = coming(part(b"1"))
    with pytest.raises(RefusalError):
        await arrived(receive, b"11", 10, 5)
    assert await receive() == part(b"1")


async def test_one_that_is_cancelled_while_it_waits_ends_what_it_waits_for() -> None:
    ended = asyncio.Event()

    async def receive() -> Message:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        raise AssertionError

    task = asyncio.create_task(arrived(receive, b"", 10, 60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
