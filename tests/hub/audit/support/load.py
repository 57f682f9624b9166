"""DSN, name -> lines: a hub's log under load in a process of its own, to be killed. One line an acknowledged entry."""

from __future__ import annotations

import asyncio
import sys

from hub.audit.log import Log
from hub.errors import OutageError
from tests.hub.audit.support import KEY, PATIENT, entry


async def load(dsn: str, name: str, callers: int = 24) -> None:
    async with Log.opened(dsn, key=KEY, patience=PATIENT) as log:

        async def call(caller: int) -> None:
            number = 0
            while True:
                number += 1
                try:
                    (receipt,) = await log.record([entry(f"{name}-{caller}-{number}")])
                except OutageError:
                    await asyncio.sleep(0.01)
                    continue
                # Written at once: a line that is out belongs to an entry that was acknowledged.
                sys.stdout.write(f"{receipt.entry} {receipt.leaf}\n")
                sys.stdout.flush()

        await asyncio.gather(*(call(caller) for caller in range(callers)))


if __name__ == "__main__":
    asyncio.run(load(sys.argv[1], sys.argv[2]))
