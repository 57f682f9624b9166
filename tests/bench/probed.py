"""Settings in the environment -> the hub as `hub serve` has it, and a probe beside it that measures how its loop lags.

The longest lag since the last question is answered on the next port (one line: milliseconds, and the most processor
time of the process in one lag, which says more where other work has the machine), by the loop itself.
"""

from __future__ import annotations

import asyncio
import sys
import time

from hub.commands.serving import serve
from hub.settings import load

TICK = 0.002


class Probe:
    """Sleeps for a tick again and again, and notes by how much longer it slept."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.used = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            before, used = clock(), time.process_time()
            await asyncio.sleep(TICK)
            self.longest = max(self.longest, clock() - before - TICK)
            self.used = max(self.used, time.process_time() - used)

    async def tell(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The longest lag in milliseconds; the next one counts anew."""
        writer.write(f"{self.longest * 1_000:.3f} {self.used * 1_000:.3f}\n".encode())
        self.longest = self.used = 0.0
        writer.close()


def main(port: int) -> None:
    """Serves until a signal comes."""
    probe = Probe()

    async def visit(_: str) -> None:
        telling = await asyncio.start_server(probe.tell, "127.0.0.1", port + 1)
        async with telling:
            await probe.run()

    async def watch(url: str) -> None:
        task = asyncio.create_task(visit(url))
        tasks.append(task)

    tasks: list[asyncio.Task[None]] = []
    serve(load(), visit=watch)


if __name__ == "__main__":
    main(int(sys.argv[1]))
