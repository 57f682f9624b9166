"""A folder -> a PostgreSQL of one's own in it, a copy of one that was made once in this process.

A copy is what a new one would be, byte for byte, and is a test's to change, stop and kill; only that it is there in
a moment. Its data are kept in memory where there is much of it, else in the folder: thousands of little files are no
work for a disk. Whatever was made to be copied ends with the process; of one that was killed, the next takes it away.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path

from connectors.demo.server import Server

LITTLE_LOG = {"min_wal_size": "32MB", "max_wal_size": "64MB"}
"""What is copied keeps no log of how it was made."""
MEMORY, DISK = Path("/dev/shm"), Path("/var/tmp")
ROOM = 8 << 30
"""Bytes that must be free in memory: about three times what two who share the files have at once."""
PREFIX = "hub-clusters-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """Stopped clusters that are copied, by what they hold."""

    folder: Path
    clusters: dict[Hashable, Path] = field(default_factory=dict)
    numbers: count[int] = field(default_factory=count)


def place() -> Path:
    """Where what is thrown away in the end is kept: the server may work as a user who must get in."""
    with suppress(OSError):
        if os.access(MEMORY, os.W_OK) and min(shutil.disk_usage(MEMORY).free, _available()) > ROOM:
            return MEMORY
    return DISK


def _available() -> int:
    """Bytes of memory that nobody needs."""
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text("ascii").splitlines())
    return int(lines["MemAvailable"].split()[0]) << 10


@cache
def made() -> Made:
    """The process's."""
    for one in (MEMORY, DISK):
        _sweep(one)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place()))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    lock = os.open(folder / "new", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC)
    fcntl.flock(lock, fcntl.LOCK_EX)
    # Held as long as the process lives; whoever sweeps sees it from here on.
    (folder / "new").rename(folder / "lock")
    return Made(folder=folder)


def _sweep(where: Path) -> None:
    """Takes away what processes left that were killed."""
    for lock in where.glob(f"{PREFIX}*/lock"):
        with suppress(OSError), lock.open(encoding="ascii") as left:
            fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)


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
    shutil.rmtree((server.folder / "pg").resolve())
    shutil.rmtree(server.folder)


def _started(holding: Hashable, folder: Path, settings: Mapping[str, str]) -> Server:
    """A server over a copy; its log begins anew."""
    folder.mkdir(parents=True, exist_ok=True)
    source, data = made().clusters[holding], folder / "pg"
    if place() == MEMORY:
        data = made().folder / f"data{next(made().numbers)}"
        (folder / "pg").symlink_to(data)
    # Owners and modes are the server's business: `cp` keeps them, shutil does not.
    copy = ("cp", "-a", "--reflink=auto")
    subprocess.run([*copy, source / "layout", source / "owner-password", folder], check=True)
    subprocess.run([*copy, (source / "pg").resolve(), data], check=True)
    server = Server(folder=folder, fsync=False, settings={"max_wal_size": "256MB", **settings})
    server.start()
    return server
