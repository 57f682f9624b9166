"""The disk of the log full: nothing is acknowledged that is not there, and answers come back once there is room."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.demo.server import Server, ServerError
from hub.audit.log import Log
from hub.audit.session import install
from hub.errors import OutageError
from tests.hub.audit.support import KEY, check_log, entry, names_in

pytestmark = pytest.mark.postgres

MEGABYTES = 160


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of its own with little room."""
    place = folder / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=0755", "none", str(place)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("only who may mount can have a full disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Takes all the room that is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(65_536))
    return filler


async def until_refused(log: Log, acknowledged: list[str]) -> None:
    for _ in range(20_000):
        try:
            (receipt,) = await log.record([entry(released=[f"Child.name{number}" for number in range(500)])])
        except OutageError:
            return
        acknowledged.append(receipt.entry)
    pytest.fail("the disk was never full")


async def until_taken(log: Log, server: Server, acknowledged: list[str]) -> None:
    for _ in range(300):
        if server.pid is None:
            server.stop()
            with contextlib.suppress(ServerError):
                await asyncio.to_thread(server.start)
        try:
            (receipt,) = await log.record([entry()])
        except OutageError:
            await asyncio.sleep(0.1)
        else:
            acknowledged.append(receipt.entry)
            return
    pytest.fail("the log did not come back")


async def test_a_full_disk_refuses_answers_and_loses_none_that_was_given(small_disk: Path) -> None:
    acknowledged: list[str] = []
    with Server(folder=small_disk / "postgres", databases=("hub",)) as server:
        dsn = server.dsn("hub")
        await install(dsn)
        async with Log.opened(dsn, key=KEY, patience=2.0) as log:
            for _ in range(2):
                filler = fill(small_disk)
                await until_refused(log, acknowledged)
                assert not await log.healthy()
                os.unlink(filler)
                await until_taken(log, server, acknowledged)
        names = await names_in(dsn)
        assert set(acknowledged) <= set(names) and len(names) == len(set(names))
        assert await check_log(dsn) >= len(acknowledged)
