"""A task as JSON on standard input -> one ordered comparison, in a process of its own; its numbers on standard output.

It takes the lock, says so, and waits for a line: the entry in the log stands between the two, so that an intent of a
comparison that lives is always found with its lock held.
Guarantee: it ends with the process that started it (the input is closed then), and with it its lock and what it had
read; nothing is written by halves. A hub that answers thousands of requests is no place to compare a district in.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import connectors
from connectors.mapping import load as load_mapping
from connectors.postgres import PostgresSource
from connectors.source import Source, SourceError
from hub.reconcile.digest import Digest
from hub.reconcile.orders import Orders
from hub.reconcile.run import Order, Summary, reconcile
from hub.reconcile.store import Busy, Store, StoreError

DONE, FAILED, BUSY, UNKNOWN = 0, 1, 3, 4
"""Exit codes: written; nothing was changed; somebody else compares; whether it was written, nobody here knows."""
LOCKED: Final = "locked"
"""What it says once it holds the lock."""
TELL_EVERY: Final = 0.5
"""Seconds between two words about how far it is."""


@dataclass(slots=True)
class _Far:
    """How far the comparison is, and whether that was told."""

    now: tuple[str, int, int] = ("", 0, 0)
    told: tuple[str, int, int] = field(default=("", 0, 0))

    def __call__(self, doing: str, done: int, whole: int) -> None:
        self.now = (doing, done, whole)


async def run(task: Mapping[str, Any]) -> int:
    """The comparison; an exit code."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(Store.opened(task["store"]))
        beside = Orders(await stack.enter_async_context(Store.opened(task["store"])))
        try:
            await store.lock()
        except Busy:
            return BUSY
        if not await beside.begin(task["number"]):
            return FAILED
        print(LOCKED, flush=True)
        if not await asyncio.to_thread(sys.stdin.buffer.readline):
            return UNKNOWN
        threading.Thread(target=_end_with_parent, daemon=True).start()
        far = _Far()
        telling = asyncio.create_task(_telling(beside, task["number"], far))
        try:
            summary = await _compared(task, store, far)
        except (SourceError, ValueError) as error:
            await _stopped(telling)
            await beside.failed(task["number"], str(error))
            return FAILED
        await _stopped(telling)
        print(json.dumps(summary.counts), flush=True)
        return DONE


async def _compared(task: Mapping[str, Any], store: Store, far: _Far) -> Summary:
    folder, zone = Path(str(connectors.__path__[0])), ZoneInfo(task["timezone"])
    sources: dict[str, Source] = {
        name: PostgresSource(name=name, mapping=load_mapping(folder / f"{name}.toml"), dsn=dsn)
        for name, dsn in task["sources"].items()
    }
    order = Order(
        quarter=task["quarter"],
        request=task["request"],
        operator=task["operator"],
        clock=lambda: datetime.now(zone),
        digest=Digest(key=bytes.fromhex(task["key"])),
        number=task["number"],
    )
    try:
        return await reconcile(sources, store, order, far)
    finally:
        for source in sources.values():
            await source.close()


async def _telling(orders: Orders, number: str, far: _Far) -> None:
    while True:
        if far.now != far.told:
            far.told = far.now
            await orders.tell(number, *far.told)
        await asyncio.sleep(TELL_EVERY)


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _end_with_parent() -> None:
    """Waits for the end of the input, which comes when whoever started us is gone, however that went."""
    sys.stdin.buffer.read()
    os._exit(FAILED)


def main() -> int:
    """The entry point."""
    task = json.loads(sys.stdin.buffer.readline())
    try:
        return asyncio.run(run(task))
    except StoreError:
        return UNKNOWN


if __name__ == "__main__":
    os.nice(5)
    code = main()
    sys.stdout.flush()
    # The thread still reads: an ordinary end would wait for its lock.
    os._exit(code)
