"""The log's database refuses, hangs or resets: answers stop at once, nothing piles up, and resume by themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.demo.server import Server
from connectors.source import Source
from hub.audit.keys import SigningKey
from hub.audit.log import PATIENCE, Log
from hub.audit.reader import Reader
from hub.audit.session import Session
from tests.support.proxy import Mode, Proxy, proxied
from tests.support.running import Asking, Reply, compose

pytestmark = pytest.mark.postgres

QUERY = "{ children(first: 2) { edges { node { id name } } } }"
REFUSED = "{ children(first: 1) { edges { node { name } } } }"
BOUND = 0.7
"""Seconds beyond the log's patience: a flood of requests on two cores."""
BACK_WITHIN = 3.0
FLOOD = 64
"""Requests at once of one principal, as many as the door lets in."""
ASKING = (
    ("civil_affairs_bureau", "survey_management"),
    ("civil_affairs_bureau", "guardianship_protection"),
    ("education_bureau", "dropout_control"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A hub whose log alone stands behind a proxy, and a reader of the log that does not."""

    ask: Asking
    log: Log
    proxy: Proxy
    reader: Reader

    async def asked(self, key: str = ASKING[0][0], purpose: str = ASKING[0][1]) -> tuple[Reply, float]:
        """An answer, and how long it took."""
        begun = time.monotonic()
        reply = await self.ask(key, purpose, QUERY)
        return reply, time.monotonic() - begun

    async def answered(self, key: str = ASKING[0][0], purpose: str = ASKING[0][1]) -> Reply:
        """An answer, asked for again where the machine had no second for the log."""
        async with asyncio.timeout(60):
            while refused(reply := (await self.asked(key, purpose))[0]):
                await asyncio.sleep(0.05)
        assert reply.data
        return reply

    async def has_entry(self, reply: Reply) -> bool:
        """Whether the entry of the answer's receipt is in the log."""
        receipt = reply.json["extensions"]["receipt"]
        request = str(receipt["entry"]).partition("/")[0]
        return receipt["leaf"] in {kept.leaf.hex() for kept in await self.reader.find(request)}


@pytest.fixture(scope="module")
async def logged(server: Server, sources: Mapping[str, Source]) -> AsyncIterator[Logged]:
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(proxied(server.dsn("hub")))
        key = SigningKey.of("hub.test", Ed25519PrivateKey.generate())
        log = await stack.enter_async_context(Log.opened(proxy.dsn, key=key, durable=False))
        reader = Reader(Session(server.dsn("hub"), name="test", durable=False, timeout=30.0))
        stack.push_async_callback(reader.close)
        yield Logged(ask=Asking(hub=compose(sources, log)), log=log, proxy=proxy, reader=reader)


def refused(reply: Reply) -> bool:
    """Whether the answer gives nothing away for want of the log."""
    return reply.codes() == {"AUDIT_UNAVAILABLE"} and reply.data is None and "extensions" not in reply.json


@pytest.mark.parametrize("mode", ["refuse", "hang", "reset"])
async def test_without_the_log_nothing_is_answered_and_answers_come_back_by_themselves(
    logged: Logged, mode: Mode
) -> None:
    for who in ASKING:
        before = await logged.answered(*who)
    assert await logged.has_entry(before)
    tasks = len(asyncio.all_tasks())
    await logged.proxy.turn(mode)
    try:
        flood = await asyncio.gather(*(logged.asked(*who) for who in ASKING for _ in range(FLOOD)))
        assert all(refused(reply) and reply.status == 503 for reply, _ in flood)
        assert max(took for _, took in flood) < PATIENCE + BOUND
        # Known to be down: whoever comes now is not kept waiting.
        late = [await logged.asked() for _ in range(20)]
        assert all(refused(reply) for reply, _ in late)
        assert sorted(took for _, took in late)[10] < 0.2
        assert not await logged.log.healthy()
        assert len(asyncio.all_tasks()) < tasks + 20, "nobody is left waiting"
    finally:
        await logged.proxy.turn("pass")
        back = time.monotonic()
    while refused(reply := (await logged.asked())[0]):
        assert time.monotonic() - back < BACK_WITHIN
        await asyncio.sleep(0.05)
    assert reply.data
    assert await logged.has_entry(reply)
    replies = await asyncio.gather(*(logged.answered() for _ in range(50)))
    assert all([await logged.has_entry(reply) for reply in replies])


async def test_refusals_too_wait_for_their_entry_and_are_unavailable_without_the_log(logged: Logged) -> None:
    await logged.proxy.turn("refuse")
    try:
        reply = await logged.ask(
            "finance_bureau", "support_planning", "{ children(first: 1) { edges { node { name } } } }"
        )
    finally:
        await logged.proxy.turn("pass")
    assert refused(reply)
