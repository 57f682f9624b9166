"""An opening that rests on the log's database -> opened, once that answers; or its ``StoreError``, in bounded time.

Guarantee: a database that is slow, starting, or not there yet is waited for, and the operator is told for what; what
waiting does not mend (a wrong password, tables that are missing, a server that loses what it commits) is told at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Final, TypeVar

from hub.audit.contract import StoreError

PAUSE: Final = 0.5
"""Seconds between two tries."""
TOLD_EVERY: Final = 10.0
"""Seconds after which it is said again for what is waited."""
_PASSES: Final = frozenset({"timeout", "unreachable"})
_STATES: Final = ("08", "53", "57")
"""Classes of SQLSTATE by which a server says that it does not answer now: connections, resources, its operator."""

T = TypeVar("T")
_logger = logging.getLogger(__name__)


def passes(error: StoreError) -> bool:
    """Whether it may be well if asked again later."""
    return error.reason in _PASSES or error.reason.startswith(
        tuple(f"refused with SQLSTATE `{each}" for each in _STATES)
    )


async def awaited(stack: AsyncExitStack, opening: Callable[[], AbstractAsyncContextManager[T]], *, within: float) -> T:
    """What ``opening`` opens, to be closed with the stack; tried anew for ``within`` seconds while that may help."""
    until = time.monotonic() + within
    told = float("-inf")
    while True:
        try:
            return await stack.enter_async_context(opening())
        except StoreError as error:
            now = time.monotonic()
            if not passes(error) or now + PAUSE >= until:
                raise
            if now - told >= TOLD_EVERY:
                told = now
                _logger.warning(
                    "waiting for the log's database, which does not answer (%s): %d more seconds",
                    error.reason,
                    until - now,
                )
        await asyncio.sleep(PAUSE)
