"""A folder -> a PostgreSQL of one's own in it, a copy of one that was made once in this process.

A copy is what a new one would be, byte for byte, and is a test's to change, stop and kill; only that it is there in
a moment. Whatever was made to be copied ends with the process.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from connectors.demo.server import Server

LITTLE_LOG = {"min_wal_size": "32MB", "max_wal_size": "64MB"}
"""What is copied keeps no log of how it was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Stopped clusters that are copied, by what they hold."""

    folder: Path
    clusters: dict[Hashable, Path] = field(default_factory=dict)


@cache
def made() -> Made:
    """The process's."""
    folder = Path(tempfile.mkdtemp(prefix="hub-clusters-", dir="/var/tmp"))
    # The server may work as a user who must get in.
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Made(folder=folder)


def start_empty(folder: Path, settings: Mapping[str, str]) -> Server:
    """A server whose six databases are empty."""
    if "empty" not in made().clusters:
        with Server(folder=made().folder / "empty", fsync=False, settings=LITTLE_LOG) as server:
            made().clusters["empty"] = server.folder
    return _started("empty", folder, settings)


async def start_filled(
    folder: Path, holding: Hashable, fill: Callable[[Server], Awaitable[None]], settings: Mapping[str, str]
) -> Server:
    """A server with the rows that ``fill`` gives: it is called once for all that are to hold the same."""
    if holding not in made().clusters:
        server = start_empty(made().folder / str(len(made().clusters)), LITTLE_LOG)
        try:
            await fill(server)
        finally:
            server.stop()
        made().clusters[holding] = server.folder
    return _started(holding, folder, settings)


def throw_away(server: Server) -> None:
    """Ends a server at once, without a last word on disk, and its folder with it."""
    if server.pid is not None:
        with suppress(ProcessLookupError):  # a test may have ended it
            os.kill(server.pid, signal.SIGQUIT)
    server.stop()
    shutil.rmtree(server.folder)


def _started(holding: Hashable, folder: Path, settings: Mapping[str, str]) -> Server:
    """A server over a copy; its log begins anew."""
    folder.mkdir(parents=True, exist_ok=True)
    # Owners and modes are the server's business: `cp` keeps them, shutil does not.
    subprocess.run(["cp", "-a", "--reflink=auto", f"{made().clusters[holding]}/.", str(folder)], check=True)
    (folder / "postgres.log").unlink()
    server = Server(folder=folder, fsync=False, settings=settings)
    server.start()
    return server
