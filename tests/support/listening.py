"""A client of subscriptions over a real WebSocket: graphql-transport-ws as its specification has it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.support.served import CASE_REFERENCE, Served

PROTOCOL = Subprotocol("graphql-transport-ws")
REPORTS = (
    "subscription($after: String) { mandatoryReportChanged(after: $after)"
    " { cursor at changed mandatoryReport { id status } } }"
)


class OverError(AssertionError):
    """What came is no event: the subscription has ended."""


@dataclass(slots=True, kw_only=True)
class Listener:
    """One socket of one principal; ``after``: the place of its beginning, by field."""

    socket: ClientConnection
    after: dict[str, str] = field(default_factory=dict)
    _ids: Any = field(default_factory=lambda: itertools.count(1))

    async def say(self, **message: Any) -> None:
        """Sends a message."""
        await self.socket.send(orjson.dumps(message).decode())

    async def heard(self, within: float = 60.0) -> dict[str, Any]:
        """The next message."""
        async with asyncio.timeout(within):
            found: dict[str, Any] = orjson.loads(await self.socket.recv())
            return found

    async def subscribe(self, query: str, **variables: Any) -> str:
        """Begins a subscription; returns its id."""
        name = str(next(self._ids))
        await self.say(id=name, type="subscribe", payload={"query": query, "variables": variables})
        return name

    async def told(self, within: float = 60.0) -> dict[str, Any]:
        """What the next event tells, by the one field of its subscription, the answer's receipt beside it."""
        message = await self.heard(within)
        if message["type"] != "next":
            raise OverError(message)
        payload = message["payload"]
        [found] = payload["data"].values()
        return {**found, "receipt": payload["extensions"]["receipt"], "errors": payload.get("errors", [])}

    async def silent(self, seconds: float = 0.5) -> None:
        """Nothing comes."""
        try:
            message = await self.heard(seconds)
        except TimeoutError:
            return
        raise AssertionError(message)


def url_of(served: Served) -> str:
    """Where the hub takes sockets."""
    return f"ws://127.0.0.1:{served.port}/graphql"


def words_of(served: Served, unit_key: str, purpose: str, **more: str) -> dict[str, str]:
    """What ``connection_init`` says of the principal."""
    return {
        "authorization": f"Bearer {served.token(unit_key, purpose)}",
        "Hub-Purpose": purpose,
        "Hub-Case": CASE_REFERENCE,
        **more,
    }


@asynccontextmanager
async def line(served: Served, words: Mapping[str, str] | None, **more: Any) -> AsyncIterator[Listener]:
    """A socket; with ``words`` it is greeted already."""
    async with connect(url_of(served), subprotocols=[PROTOCOL], **more) as socket:
        listener = Listener(socket=socket)
        if words is not None:
            await listener.say(type="connection_init", payload=dict(words))
            acknowledged = await listener.heard()
            assert acknowledged["type"] == "connection_ack", acknowledged
            listener.after = acknowledged["payload"]["after"]
        yield listener


@asynccontextmanager
async def listening(served: Served, unit_key: str, purpose: str, **more: Any) -> AsyncIterator[Listener]:
    """A socket of the principal."""
    async with line(served, words_of(served, unit_key, purpose), **more) as listener:
        yield listener
