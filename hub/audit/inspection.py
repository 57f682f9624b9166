"""The log, as time passes -> a full verification of it when the last one has grown old, in a process of its own.

Guarantee: of all replicas one verifies at a time; what is found is kept in the log's database, where the console shows
it, and a log that does not verify is an error in the operator's log at once. The hub's own answers do not wait for it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from hub.audit.contract import StoreError
from hub.audit.keys import VerifierKey
from hub.audit.live import Live
from hub.audit.reader import Reader
from hub.audit.session import Session

PAUSE: Final = 60.0
"""Seconds between two looks at the age of the last verification."""
_LOCK: Final = 0x57757169_6E674956
_TIMEOUT: Final = 60.0

_logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Inspection:
    """The task; ``every`` seconds, ``keys`` all that ever signed the log."""

    dsn: str
    durable: bool
    reader: Reader
    keys: Callable[[], Sequence[VerifierKey]]
    every: float
    pause: float = PAUSE

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            await asyncio.sleep(self.pause)
            try:
                if await self._due():
                    await self._in_a_process()
            except StoreError as error:
                _logger.warning("the log is not verified now: %s", error)

    async def _due(self) -> bool:
        last = await self.reader.verification()
        return last is None or (datetime.now(UTC) - last.at).total_seconds() >= self.every

    async def _in_a_process(self) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hub.audit.inspection"), stdin=asyncio.subprocess.PIPE
        )
        # The DSN holds a password: it goes through a pipe, since a command line can be read by others.
        task = {"dsn": self.dsn, "durable": self.durable, "keys": [str(key) for key in self.keys()]}
        try:
            await process.communicate(json.dumps(task).encode())
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        found = await self.reader.verification()
        if found is not None and not found.good:
            _logger.error("the access log does not verify: entry %s, %s", found.bad, found.reason)


async def inspect(dsn: str, *, durable: bool, keys: Sequence[VerifierKey]) -> None:
    """Verifies and keeps what was found, unless somebody else is at it."""
    session = Session(dsn, name="inspection", durable=durable, timeout=_TIMEOUT)
    reader = Reader(session)
    try:
        if await session.hold(_LOCK):
            await reader.keep(await Live(reader=reader, keys=keys).run())
    finally:
        await reader.close()


def main() -> None:
    """The process: its task is on standard input."""
    os.nice(10)
    task = json.load(sys.stdin)
    keys = [VerifierKey.parse(text) for text in task["keys"]]
    try:
        asyncio.run(inspect(task["dsn"], durable=task["durable"], keys=keys))
    except StoreError as error:
        raise SystemExit(f"hub: {error}") from None


if __name__ == "__main__":
    main()
