"""ASGI's receive -> the body of a request: within its size, arrived in time.

Guarantee: no more than ``maximum`` bytes and one message are held. A body that is there already, as nearly all are,
costs no clock: only what is waited for is timed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from hub.errors import RefusalError


async def arrived(receive: Receive, announced: bytes, maximum: int, seconds: float) -> bytes:
    """The body; TOO_COMPLEX if it is too large, ``TimeoutError`` if it is late, ``ClientDisconnect``.

    ``announced``: what ``Content-Length`` says.
    """
    if announced.isdigit() and int(announced) > maximum:
        raise _too_large(maximum)
    begun = _begun(receive().__await__())
    if not isinstance(begun, _Begun):
        body = _part(begun, 0, maximum)
        if not begun.get("more_body", False):
            return body
        async with asyncio.timeout(seconds):
            return await _rest(receive, body, maximum)
    async with asyncio.timeout(seconds):
        message = await begun
        body = _part(message, 0, maximum)
        return await _rest(receive, body, maximum) if message.get("more_body", False) else body


async def _rest(receive: Receive, first: bytes, maximum: int) -> bytes:
    body, more = bytearray(first), True
    while more:
        message = await receive()
        body += _part(message, len(body), maximum)
        more = message.get("more_body", False)
    return bytes(body)


def _part(message: Message, before: int, maximum: int) -> bytes:
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    part: bytes = message.get("body", b"")
    if before + len(part) > maximum:
        raise _too_large(maximum)
    return part


def _too_large(maximum: int) -> RefusalError:
    return RefusalError("TOO_COMPLEX", f"the body has more than {maximum:,} bytes", limit="body_bytes", maximum=maximum)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A message that is on its way: what ``receive`` waits for, and how it goes on."""

    receiving: Generator[Any, Any, Message]
    waited: Any

    def __await__(self) -> Generator[Any, Any, Message]:
        try:
            yield self.waited
        except BaseException:
            self.receiving.close()
            raise
        return (yield from self.receiving)


def _begun(receiving: Generator[Any, Any, Message]) -> Message | _Begun:
    """The message, if it is there; otherwise what is to be awaited."""
    try:
        return _Begun(receiving, next(receiving))
    except StopIteration as ended:
        message: Message = ended.value
        return message
