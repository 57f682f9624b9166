"""Departments -> contenders: processes that answer the same questions over the same rows, each with one worker."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.bench.departments import TOGETHER, Departments
from tests.support.running import ROOT

SOURCES = ("civil_affairs", "education", "public_security", "courts", "procuratorate", "hub")
START_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A running process that answers at ``url``."""

    name: str
    url: str
    process: psutil.Process

    @property
    def ours(self) -> bool:
        """Whether it is the hub, in one process or several."""
        return self.name in {"hub", "two workers"}

    def cpu(self) -> float:
        """Seconds of processor time so far, of it and its children."""
        return sum(_seconds(process) for process in [self.process, *self.process.children(recursive=True)])

    def rss(self) -> int:
        """Bytes of memory that it holds now."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(int(process.memory_info().rss) for process in family)


def cpu_of_server(departments: Departments) -> float:
    """Seconds of processor time of PostgreSQL so far, with backends that ended: a count may start one for itself."""
    assert departments.server.pid is not None
    postmaster: Any = psutil.Process(departments.server.pid)
    ended = postmaster.cpu_times()
    running = sum(_seconds(process) for process in [postmaster, *postmaster.children()])
    return float(running + ended.children_user + ended.children_system)


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


@contextmanager
def contenders(
    departments: Departments, wanted: Sequence[str], settings: Mapping[str, str]
) -> Iterator[list[Contender]]:
    """Those that can be had, running; ``settings``: the environment of the hub."""
    starts: Mapping[str, Callable[[], AbstractContextManager[Contender | None]]] = {
        "hub": lambda: hub(settings),
        "two workers": lambda: workers(settings, 2),
        "handwritten": lambda: by_uvicorn(departments, "handwritten"),
        "strawberry": lambda: by_uvicorn(departments, "naive"),
        "postgraphile": lambda: postgraphile(departments),
    }
    with ExitStack() as stack:
        found = [stack.enter_context(starts[name]()) for name in wanted]
        yield [one for one in found if one is not None]


@contextmanager
def hub(settings: Mapping[str, str]) -> Iterator[Contender]:
    """The hub as it is served."""
    with _served("hub", settings) as found:
        yield found


@contextmanager
def workers(settings: Mapping[str, str], count: int) -> Iterator[Contender]:
    """The hub by several processes on one port."""
    with _served("two workers", settings, "--workers", str(count)) as found:
        yield found


@contextmanager
def _served(name: str, settings: Mapping[str, str], *options: str) -> Iterator[Contender]:
    port = free_port()
    command = [sys.executable, "-c", "from hub.cli import main; main()", "serve", *options]
    with _running(name, command, {**settings, "HUB_PORT": str(port)}, port, "/graphql") as found:
        yield found


@contextmanager
def probed(settings: Mapping[str, str]) -> Iterator[Contender]:
    """The hub with a probe of its loop beside it (``tests/bench/probed.py``), which costs it some of its speed."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.probed", str(port)]
    with _running("hub", command, {**settings, "HUB_PORT": str(port)}, port, "/graphql") as found:
        yield found


@contextmanager
def by_uvicorn(departments: Departments, module: str) -> Iterator[Contender]:
    """An application of the bench, served as the hub is."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", f"tests.bench.{module}:create_app"]
    command += ["--port", str(port), "--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    command += ["--log-level", "warning"]
    dsns = {"BENCH_DSNS": json.dumps({name: departments.dsn(name) for name in SOURCES})}
    name = {"naive": "strawberry"}.get(module, module)
    path = {"naive": "/graphql", "handwritten": ""}[module]
    with _running(name, command, dsns, port, path) as found:
        yield found


@contextmanager
def postgraphile(departments: Departments) -> Iterator[Contender | None]:
    """PostGraphile 5 from npm over the tables side by side; None if it cannot be had."""
    home = departments.folder / "postgraphile"
    if not _installed(home):
        print("bench: PostGraphile cannot be had here, left out", file=sys.stderr)
        yield None
        return
    port = free_port()
    environment = {"BENCH_PORT": str(port), "BENCH_DSN": departments.dsn(TOGETHER), "NODE_ENV": "production"}
    command = [str(home / "node_modules" / ".bin" / "node"), str(home / "server.mjs")]
    with _running("postgraphile", command, environment, port, "/graphql", folder=home) as found:
        yield found


def _installed(home: Path) -> bool:
    """Installs PostGraphile and a Node of its own once."""
    home.mkdir(exist_ok=True)
    for file in sorted((Path(__file__).parent / "postgraphile").iterdir()):
        shutil.copy(file, home / file.name)
    if (home / "node_modules" / ".bin" / "node").exists():
        return True
    npm = shutil.which("npm")
    if npm is None:
        return False
    done = subprocess.run([npm, "install", "--no-audit", "--no-fund"], cwd=home, capture_output=True, check=False)
    return done.returncode == 0 and (home / "node_modules" / ".bin" / "node").exists()


@contextmanager
def _running(
    name: str, command: Sequence[str], environment: Mapping[str, str], port: int, path: str, *, folder: Path = ROOT
) -> Iterator[Contender]:
    process = subprocess.Popen(command, cwd=folder, env={**os.environ, **environment})
    try:
        _wait(process, port)
        yield Contender(name=name, url=f"http://127.0.0.1:{port}{path}", process=psutil.Process(process.pid))
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            httpx.get(f"http://127.0.0.1:{port}/", timeout=5)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"bench: `{' '.join(process.args if isinstance(process.args, list) else [])}` did not start")


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
