"""A hub that starts before its log's database answers: waits for it, says so, and ends in time if it never does."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from connectors.demo.server import Server
from hub.audit.contract import StoreError
from hub.awaited import passes
from hub.commands.outcome import MISCONFIGURED
from tests.support.course import EMERGENCY, POLICE
from tests.support.forking import ran
from tests.support.served import AS_DELIVERED, Served, serving, settings_of

WAITING = "waiting for the log's database, which does not answer (timeout)"


@contextmanager
def stopped(server: Server) -> Iterator[Callable[[], None]]:
    """The server takes nobody in, who connects hears nothing, until what is given is called, or at the end."""
    assert server.pid is not None
    let_go = partial(os.kill, server.pid, signal.SIGCONT)
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield let_go
    finally:
        let_go()


def served_by(server: Server, folder: Path, **more: str) -> dict[str, str]:
    """The environment of a hub over it."""
    settings = settings_of(server, folder / "keys")
    more = {**AS_DELIVERED, **more}
    made = Served(settings=settings, log=folder / "log", client=None, seals=None, more=more)  # type: ignore[arg-type]
    return made.environment()


@pytest.mark.postgres
async def test_a_log_that_answers_two_seconds_late_is_waited_for_and_the_operator_is_told(
    written: Server, tmp_path: Path
) -> None:
    with stopped(written) as let_go:
        letting = asyncio.create_task(let_go_late(tmp_path / "hub.log", let_go))
        async with serving(settings_of(written, tmp_path / "keys"), tmp_path, **AS_DELIVERED) as served:
            assert letting.done(), "it did not answer before its log did"
            assert (await served(POLICE, EMERGENCY, "{ me { unit } }")).status == 200


async def let_go_late(log: Path, let_go: Callable[[], None]) -> None:
    """Lets the database go on two seconds after the hub began to wait for it, which it says."""
    async with asyncio.timeout(50):
        while not (log.exists() and WAITING in log.read_text("utf-8")):
            await asyncio.sleep(0.05)
        await asyncio.sleep(2)
    let_go()


@pytest.mark.postgres
def test_a_log_that_never_answers_ends_the_start_when_its_time_is_over(written: Server, tmp_path: Path) -> None:
    begun = time.monotonic()
    with stopped(written):
        done = ran(["serve"], env=served_by(written, tmp_path, HUB_DEADLINES__START="2"))
    assert (done.returncode, "the log takes no entries (timeout)" in done.stderr) == (MISCONFIGURED, True), done.stderr
    assert WAITING in done.stderr
    assert time.monotonic() - begun < 30, "and not when that of the settings is"


@pytest.mark.postgres
def test_what_waiting_does_not_mend_is_told_at_once(written: Server, tmp_path: Path) -> None:
    env = served_by(written, tmp_path, HUB_DEADLINES__START="600")
    done = ran(["serve"], env={**env, "HUB_DATABASES__LOG": written.dsn("education")})
    assert done.returncode == MISCONFIGURED and "the log takes no entries" in done.stderr, done.stderr
    assert "waiting for" not in done.stderr


@pytest.mark.parametrize(
    ("reason", "waited"),
    [
        ("timeout", True),
        ("unreachable", True),
        ("refused with SQLSTATE `57P03`", True),  # the server is starting
        ("refused with SQLSTATE `53300`", True),  # it has too many connections
        ("refused with SQLSTATE `28P01`", False),  # the password is wrong
        ("refused with SQLSTATE `3D000`", False),  # there is no such database
        ("the log's tables are missing", False),
        ("`synchronous_commit` is not on", False),
    ],
)
def test_what_passes_by_itself_is_waited_for_and_nothing_else(reason: str, waited: bool) -> None:
    assert passes(StoreError(reason)) is waited
