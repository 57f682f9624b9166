from __future__ import annotations

import errno
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from connectors.demo.process import CAP_DAC_READ_SEARCH, Runner
from connectors.demo.server import DATABASES, LAYOUT, Server, ServerError

pytestmark = pytest.mark.postgres

ROOT = Path(__file__).parents[2]
STARTER = """
import sys, time
from pathlib import Path
from connectors.demo.server import Server
server = Server(folder=Path(sys.argv[1]), databases=("hub",))
server.start()
print(server.pid, flush=True)
time.sleep(float(sys.argv[2]))
server.stop()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that does not exist yet, in one that others may not enter."""
    outer = Path(tempfile.mkdtemp(prefix="hub-test-", dir="/var/tmp"))
    yield outer / "data"
    shutil.rmtree(outer)


def server(folder: Path, **given: Any) -> Server:
    return Server(folder=folder, **{"databases": ("hub",), "fsync": False, **given})


async def asked(dsn: str, question: str) -> Any:
    connection = await asyncpg.connect(dsn, timeout=5)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False


def ends(pid: int) -> bool:
    until = time.monotonic() + 10
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not alive(pid)


async def test_a_new_folder_becomes_a_server_with_six_databases_that_know_chinese(folder: Path) -> None:
    with Server(folder=folder, fsync=False) as running:
        assert set(running.dsns()) == set(DATABASES)
        for database in DATABASES:
            assert await asked(running.dsn(database), "SELECT current_database()") == database
        assert await asked(running.dsn("hub"), "SHOW server_encoding") == "UTF8"
        assert await asked(running.dsn("hub"), "SELECT '武清' ~ '^[[:alpha:]]{2}$'")
        locale = "SELECT datlocprovider::text || ' ' || datlocale FROM pg_database WHERE datname = 'hub'"
        assert await asked(running.dsn("hub"), locale) == "b C.UTF-8"


async def test_a_second_start_is_quick_and_finds_what_was_there(folder: Path) -> None:
    with server(folder) as running:
        await asked(running.dsn("hub"), "CREATE TABLE kept AS SELECT 42 AS answer")
    took = list[float]()
    # The least of some: the machine may have stood still.
    while not took or (min(took) >= 2 and len(took) < 5):
        began = time.monotonic()
        with server(folder) as running:
            took.append(time.monotonic() - began)
            assert await asked(running.dsn("hub"), "SELECT answer FROM kept") == 42
    assert min(took) < 2


async def test_nobody_else_gets_in_and_nothing_outside_the_folder_changes(folder: Path) -> None:
    before = folder.parent.stat()
    with server(folder) as running:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert os.listdir(folder.parent) == ["data"]
        after = folder.parent.stat()
        assert (before.st_mode, before.st_uid, before.st_gid) == (after.st_mode, after.st_uid, after.st_gid)
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asked(running.dsn("hub", password="guess"), "SELECT 1")
        assert running.pid is not None
        assert Path(f"/proc/{running.pid}").stat().st_uid != 0


async def test_fsync_is_on_unless_switched_off_and_settings_reach_the_server(folder: Path) -> None:
    with server(folder, fsync=True, settings={"log_statement": "all"}) as running:
        assert await asked(running.dsn("hub"), "SHOW fsync") == "on"
        await asked(running.dsn("hub"), "SELECT 'a trace'")
        assert "a trace" in running.log.read_text(encoding="utf-8")
    with server(folder) as running:
        assert await asked(running.dsn("hub"), "SHOW fsync") == "off"


def started(folder: Path, seconds: float) -> tuple[subprocess.Popen[str], int]:
    """A process of its own that runs a server, and the server's number."""
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder), str(seconds)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    return starter, int(starter.stdout.readline())


async def test_the_server_ends_with_a_hub_that_is_killed_and_the_next_start_needs_no_hand(folder: Path) -> None:
    for _ in range(3):
        starter, pid = started(folder, 60)
        starter.kill()
        starter.communicate()
        with server(folder) as running:  # at once, while the other may still be ending
            assert await asked(running.dsn("hub"), "SELECT 1") == 1
            assert running.pid != pid
        assert ends(pid)


async def test_the_server_ends_with_a_hub_that_forgets_to_stop_it(folder: Path) -> None:
    starter, pid = started(folder, 60)
    starter.send_signal(signal.SIGINT)
    starter.communicate()
    assert ends(pid)


async def test_after_the_server_was_killed_the_next_start_recovers_what_was_committed(folder: Path) -> None:
    for round_ in range(3):
        running = server(folder)
        running.start()
        await asked(running.dsn("hub"), f"CREATE TABLE kept{round_} ()")
        assert running.pid is not None
        os.kill(running.pid, signal.SIGKILL)
        running.stop()
    with server(folder) as running:
        assert await asked(running.dsn("hub"), "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'kept%'") == 3


def test_a_folder_in_use_is_refused_and_its_server_untouched(folder: Path) -> None:
    with server(folder) as running:
        with pytest.raises(ServerError, match="is in use by another process"):
            server(folder).start()
        assert running.pid is not None


def test_a_folder_of_an_older_layout_is_refused_with_both_layouts_named(folder: Path) -> None:
    folder.mkdir()
    (folder / "layout").write_text("wuqing-hub data 0\n")
    with pytest.raises(ServerError, match=f"has layout `wuqing-hub data 0`, this version needs `{LAYOUT}`"):
        server(folder).start()


def test_a_folder_with_other_peoples_files_is_refused_and_left_alone(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(ServerError, match=r"holds `thesis.txt` and is no data folder of the hub"):
        server(folder).start()
    assert os.listdir(folder) == ["thesis.txt"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


async def test_an_initialisation_that_was_cut_short_begins_anew(folder: Path) -> None:
    (folder / "pg.new").mkdir(parents=True)
    (folder / "pg.new" / "half").touch()
    with server(folder) as running:
        assert await asked(running.dsn("hub"), "SELECT 1") == 1


def test_a_taken_port_is_named(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=f"port {port} is taken"):
            server(folder, port=port).start()


async def test_a_given_port_or_a_path_too_long_for_a_socket_is_served_on_the_loopback(folder: Path) -> None:
    with server(folder / ("long" * 25)) as running:
        assert "@127.0.0.1:" in running.dsn("hub")
        assert await asked(running.dsn("hub"), "SELECT host(inet_server_addr())") == "127.0.0.1"
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asked(running.dsn("hub", password="guess"), "SELECT 1")


@pytest.mark.parametrize(
    ("number", "words"), [(errno.EROFS, "read-only file system"), (errno.ENOSPC, "no space left on device")]
)
def test_a_disk_that_cannot_be_written_is_a_clear_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", failing)
    with pytest.raises(ServerError, match=f"cannot be used: {words}"):
        server(folder).start()


def test_a_folder_below_a_file_is_a_clear_error(folder: Path) -> None:
    folder.touch()
    with pytest.raises(ServerError, match="cannot be used: not a directory"):
        server(folder / "data").start()


def test_settings_that_postgres_refuses_are_told_in_its_words_and_leave_nothing_running(folder: Path) -> None:
    with pytest.raises(ServerError, match="max_connections"):
        server(folder, settings={"max_connections": "many"}).start()
    with server(folder) as running:
        assert running.pid is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test runs as a normal user already")
def test_a_normal_user_runs_the_server_as_itself(folder: Path) -> None:
    folder.mkdir()
    user = pwd.getpwnam("nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    as_nobody = Runner(user=user, capability=CAP_DAC_READ_SEARCH)
    environment = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = as_nobody.run([sys.executable, "-c", STARTER, str(folder), "0"], folder=folder, **environment)
    assert done.returncode == 0, done.stderr
    assert (folder / "pg").stat().st_uid == user.pw_uid
    assert ends(int(done.stdout))
