"""A condition, seconds -> whether it comes true in so many seconds in which somebody could look.

Guarantee: what counts are looks, and pauses between them: a machine that stands still for a while looks once meanwhile,
and fails nobody; one that runs on sees what is late as soon as a clock would.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import pytest

PAUSE = 0.05

T = TypeVar("T")


async def within(seconds: float, holds: Callable[[], Awaitable[object]]) -> bool:
    """Whether it does."""
    for _ in range(round(seconds / PAUSE)):
        if await holds():
            return True
        await asyncio.sleep(PAUSE)
    return bool(await holds())


def at_once(call: Coroutine[Any, Any, T]) -> T:
    """What the call returns or raises without waiting for anything, however long the machine takes for it."""
    try:
        call.send(None)
    except StopIteration as ended:
        found: T = ended.value
        return found
    call.close()
    pytest.fail("it waits")
