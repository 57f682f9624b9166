"""How long it takes to freeze a quarter of ``BENCH_FREEZE`` children (2,000 and 100,000) by command, at what cost."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg

from connectors.demo.server import Server
from hub.settings import SOURCES
from tests.support.running import READ_PASSWORD, ROOT, SEED_OF_BENCH, fill, start_server

QUARTER = "2026Q3"
COMMAND = (sys.executable, "-c", "from hub.cli import main; main()")


async def measure() -> Sequence[Mapping[str, Any]]:
    """A record for each number of children."""
    sizes = [int(size) for size in os.environ.get("BENCH_FREEZE", "2000 100000").split()]
    return [await _frozen(size) for size in sizes]


async def _frozen(children: int) -> Mapping[str, Any]:
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as name:
        folder = Path(name)
        server = start_server(folder / "postgres")
        try:
            await fill(server, children=children, seed=SEED_OF_BENCH, truth=folder / "truth.jsonl")
            settings = write_settings(server, folder)
            started = time.monotonic()
            process = subprocess.Popen(
                [*COMMAND, "--config", str(settings), "statistics", "freeze", QUARTER],
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            _, status, usage = await asyncio.to_thread(os.wait4, process.pid, 0)
            seconds = time.monotonic() - started
            owner = await asyncpg.connect(server.dsn("hub"))
            cells, hidden = await owner.fetchrow(
                "select count(*), count(*) filter (where value is null) from published_cell where quarter = $1", QUARTER
            )
            await owner.close()
        finally:
            server.stop()
    return {
        "measurement": "freeze",
        "children": children,
        "exit": os.waitstatus_to_exitcode(status),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "rss_mb": usage.ru_maxrss // 1024,
        "cells": cells,
        "hidden": hidden,
    }


def write_settings(server: Server, folder: Path) -> Path:
    """A settings file for commands over the server's databases."""
    databases = {name: server.dsn(name, user="hub_read", password=READ_PASSWORD) for name in SOURCES}
    lines = [f'{name} = "{dsn}"' for name, dsn in (databases | {"log": server.dsn("hub")}).items()]
    file = folder / "hub.toml"
    file.write_text("\n".join((f'keys = "{folder}"', "fsync_required = false", "[databases]", *lines)), "utf-8")
    return file
