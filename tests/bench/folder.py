"""What an auditor's own check of an exported log costs: ``hub audit verify`` in a process of its own.

``BENCH_ENTRIES`` (1,000,000) entries are written by the log's own store and sequencer, 256 under a head (a busy log),
and every sixteenth of these groups 16 under a head (a quiet one), then exported. It is verified as it is, and once more
with a head for every second entry, as a log has that is written once or twice a second for weeks. The figures are the
command's: seconds from its start to its end, and its largest resident memory; the processes that check its signatures
take 25 MB each beside it. It shows its progress all the while.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from rich.progress import track

from connectors.demo.server import Server
from hub.audit import tiles
from hub.audit.desk import Desk
from hub.audit.entry import Entry, encode
from hub.audit.export import HEADS, export, history_path
from hub.audit.merkle import HASH_SIZE, Frontier
from hub.audit.note import Checkpoint, signed
from hub.audit.reader import Reader
from hub.audit.sequencer import Sequencer
from hub.audit.session import Session, install
from hub.audit.store import PostgresStore
from tests.hub.audit.support import KEY, ORIGIN, entry

CHUNK = 256
QUIET = 16
FIELDS = (
    ("Child.name", "Child.birthDate", "Child.residenceAddress", "Enrolment.status"),
    ("Child.name", "Enrolment.status"),
    ("Child.guardianshipType", "FamilyMember.phone", "Guardian.name", "Guardian.phone"),
)


async def measure() -> list[Mapping[str, Any]]:
    """A record for the export and one for the verification."""
    size = int(os.environ.get("BENCH_ENTRIES", "1000000"))
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)))
        folder.chmod(0o755)
        server = stack.enter_context(Server(folder=folder / "postgres", databases=("hub",)))
        await install(server.dsn("hub"))
        heads = await _fill(server.dsn("hub"), size)
        reader = Reader(Session(server.dsn("hub"), name="bench", timeout=30))
        stack.push_async_callback(reader.close)
        started = time.monotonic()
        done = await export(reader, folder / "export")
        exported = time.monotonic() - started
        (folder / "key").write_text(f"{KEY.verifier}\n", encoding="utf-8")
        verified = await asyncio.to_thread(_verify, folder / "export", folder / "key")
        more = await asyncio.to_thread(_sign_again, folder / "export", size)
        again = await asyncio.to_thread(_verify, folder / "export", folder / "key")
    name = {"workload": "log", "contender": f"{size} entries, {heads} heads"}
    return [
        {**name, "figure": "export", "seconds": round(exported, 1), "files": done.written},
        {**name, "figure": "hub audit verify", **verified},
        {**name, "contender": f"{size} entries, {more} heads", "figure": "hub audit verify", **again},
    ]


def _sign_again(folder: Path, size: int) -> int:
    """Puts a history in place that has a head for every second entry; returns how many."""
    for path in (folder / "history").iterdir():
        path.unlink()
    frontier, lines, count = Frontier(), list[bytes](), 0
    for index, width in track(list(tiles.bundles(size)), description="heads"):
        tile = (folder / tiles.path(0, index, width)).read_bytes()
        for at in range(0, width * HASH_SIZE, HASH_SIZE):
            frontier = frontier.extend([tile[at : at + HASH_SIZE]])
            if frontier.size % 2 == size % 2:
                note = signed(Checkpoint(origin=ORIGIN, size=frontier.size, root=frontier.root).text, KEY)
                lines.append(orjson.dumps({"size": frontier.size, "note": note}) + b"\n")
        if len(lines) >= HEADS or frontier.size == size:
            (folder / history_path(count)).write_bytes(b"".join(lines))
            count, lines = count + 1, []
    return (size + 1) // 2


async def _fill(dsn: str, size: int) -> int:
    """Writes the log; returns how many heads it has."""
    store, desk = PostgresStore(Session(dsn, name="bench")), Desk(Session(dsn, name="sequencer", timeout=30))
    assert await desk.acquire()
    sequencer, chance, heads = Sequencer(desk, KEY), random.Random(1), 0
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for chunk in track(range(0, size, CHUNK), description="entries"):
        width = min(CHUNK, size - chunk)
        step = QUIET if chunk // CHUNK % 16 == 0 else CHUNK
        for first in range(0, width, step):
            at += timedelta(seconds=1)
            await store.append([encode(_entry(chance, at)) for _ in range(min(step, width - first))])
            await sequencer.step()
            heads += 1
    await sequencer.drain()
    for part in (store, desk):
        await part.close()
    return heads


def _entry(chance: random.Random, at: datetime) -> Entry:
    subjects = tuple(f"f-{chance.getrandbits(128):032x}"[:24] for _ in range(chance.choice((1, 1, 1, 20))))
    return entry(at=at, released=chance.choice(FIELDS), subjects=subjects)


def _verify(folder: Path, key: Path) -> Mapping[str, Any]:
    """The command as an auditor gives it; ``SystemExit`` if it finds a fault."""
    command = [str(Path(sys.executable).with_name("hub")), "audit", "verify", str(folder), "--key", str(key)]
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    most = 0
    while process.poll() is None:
        most = max(most, _highest(process.pid))
        time.sleep(0.05)
    seconds = time.monotonic() - started
    assert process.stdout is not None and process.stdout.read()
    if process.returncode:
        raise SystemExit("the exported log does not verify")
    return {"seconds": round(seconds, 1), "rss_mb": round(most / 1024)}


def _highest(pid: int) -> int:
    """The largest resident memory so far, KiB (`wait4` would count what the process was forked from)."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0
