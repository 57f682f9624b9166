"""What an auditor's own check of an exported log costs: ``hub audit verify`` in a process of its own.

``BENCH_ENTRIES`` (1,000,000) entries are written by the log's own store and sequencer, 256 under a head (a busy log),
and every sixteenth of these groups 16 under a head (a quiet one), then exported. The figures are the process's: seconds
from its start to its end, and the largest resident memory. It shows its progress all the while.
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
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.progress import track

from connectors.demo.server import Server
from hub.audit.desk import Desk
from hub.audit.entry import Entry, encode
from hub.audit.export import export
from hub.audit.reader import Reader
from hub.audit.sequencer import Sequencer
from hub.audit.session import Session, install
from hub.audit.store import PostgresStore
from tests.hub.audit.support import KEY, entry

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
    name = {"workload": "log", "contender": f"{size} entries, {heads} heads"}
    return [
        {**name, "figure": "export", "seconds": round(exported, 1), "files": done.written},
        {**name, "figure": "hub audit verify", **verified},
    ]


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
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    said = process.stdout.read()
    if process.returncode:
        raise SystemExit("the exported log does not verify")
    assert said
    return {"seconds": round(seconds, 1), "rss_mb": round(usage.ru_maxrss / 1024)}
