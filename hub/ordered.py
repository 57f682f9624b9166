"""Settings -> the task that fulfils comparisons asked for by step: one at a time, in a process of its own, composed.

Guarantee: no comparison without its entry; an order stands until a comparison is written together with it, so that
whichever hub dies over it, another attempt follows (``hub/reconcile/orders.py``). What a crash leaves open in the log
is settled as steps are (``hub/reconcile/settling.py``). Without ``databases.reconcile`` nobody here fulfils anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from hub.audited import working
from hub.errors import OutageError
from hub.reconcile.child import DONE, FAILED, LOCKED
from hub.reconcile.digest import Digest
from hub.reconcile.orders import Ordered, Orders
from hub.reconcile.recorded import PURPOSE, RIGHT, Comparing
from hub.reconcile.store import Store, StoreError
from hub.recording import Recorder
from hub.settings import Settings
from policies.policy import Policy

_logger = logging.getLogger(__name__)

LOOK_EVERY: Final = 2.0
"""Seconds between two looks at the orders."""
COMPARED: Final = ("civil_affairs", "education", "public_security", "hub")


@dataclass(slots=True, kw_only=True)
class Fulfilling:
    """What fulfilling an order needs; ``dsns``: read roles by source."""

    dsn: str = field(repr=False)
    dsns: Mapping[str, str] = field(repr=False)
    digest: Digest
    timezone: str
    policy: Callable[[], Policy]
    clock: Callable[[], datetime]
    log: Recorder

    async def go_on(self) -> None:
        """Looks for orders until it is cancelled."""
        while True:
            try:
                async with Store.opened(self.dsn) as store:
                    while True:
                        await self.look(store)
                        await asyncio.sleep(LOOK_EVERY)
            except (StoreError, OutageError) as error:
                _logger.warning("ordered comparisons wait: %s", error)
            await asyncio.sleep(LOOK_EVERY)

    async def look(self, store: Store) -> None:
        """Fulfils the oldest order, unless somebody compares already."""
        order = await Orders(store).next()
        if order is None or not await store.free():
            return
        comparing = self._comparing(order)
        if not comparing.decision.allowed:
            await self.log.record([comparing.entry("refusal", self.clock(), {})])
            await Orders(store).failed(order.id, "not entitled")
            return
        code, told = await self._ran(order, comparing)
        if code == DONE:
            await self.log.record([comparing.entry("outcome", self.clock(), json.loads(told or b"{}"))])
        elif code == FAILED and told is not None:
            await self.log.record([comparing.entry("outcome", self.clock(), {}, failed=True)])

    def _comparing(self, order: Ordered) -> Comparing:
        policy = self.policy()
        return Comparing(
            request=secrets.token_hex(16),
            quarter=order.quarter,
            unit=order.unit,
            client="hub",
            operator=order.operator,
            decision=policy.decide(order.unit.partition(":")[0], PURPOSE, RIGHT, "update"),
            policy=policy.version,
        )

    async def _ran(self, order: Ordered, comparing: Comparing) -> tuple[int, bytes | None]:
        """The exit code of the comparison's own process, and what it said; None if it read nothing and has no entry."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hub.reconcile.child"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # What is typed at our terminal is for us; it ends by the end of its input.
            start_new_session=True,
        )
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps(self._task(order, comparing.request)).encode() + b"\n")
            if (await process.stdout.readline()).strip() != LOCKED.encode():
                return await process.wait(), None
            await self.log.record([comparing.entry("intent", self.clock(), {})])
            # The input stays open: its end is what tells the process that we are gone.
            process.stdin.write(b"\n")
            told = await process.stdout.read()
            return await process.wait(), told
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    def _task(self, order: Ordered, request: str) -> dict[str, Any]:
        return {
            "number": order.id,
            "quarter": order.quarter,
            "operator": order.operator,
            "request": request,
            "store": self.dsn,
            "sources": dict(self.dsns),
            "timezone": self.timezone,
            "key": self.digest.key.hex(),
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """The newest orders, for who may place one."""

    dsn: str = field(repr=False)

    async def __call__(self) -> Sequence[Ordered]:
        """As they stand; ``StoreError`` if that cannot be told."""
        async with Store.opened(self.dsn) as store:
            return await Orders(store).latest()


@asynccontextmanager
async def fulfilling(
    settings: Settings, policy: Callable[[], Policy], clock: Callable[[], datetime], log: Recorder, secret: bytes
) -> AsyncIterator[Asked | None]:
    """What tells how far orders are; meanwhile they are fulfilled."""
    dsn = settings.databases.dsn("reconcile")
    dsns = {name: found for name in COMPARED if (found := settings.databases.dsn(name)) is not None}
    if dsn is None or len(dsns) < len(COMPARED):
        yield None
        return
    able = Fulfilling(
        dsn=dsn,
        dsns=dsns,
        digest=Digest.of(secret),
        timezone=settings.timezone,
        policy=policy,
        clock=clock,
        log=log,
    )
    async with working(able.go_on()):
        yield Asked(dsn)
