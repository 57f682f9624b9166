"""``hub demo``: an empty folder -> five departments with invented children, and a hub that answers about them.

What is in the folder: ``server/`` (the embedded PostgreSQL), ``keys/``, ``tokens/`` of the three units shown,
``truth.jsonl`` (who is who, what was planted; for tests), ``hub.toml`` for the other commands, ``loaded.json``.
If we crash while data are loaded, ``loading`` is left behind and the next start begins anew.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

import policies
from connectors.demo.generate import load as load_children
from connectors.demo.server import Server, ServerError
from hub.audit.session import install
from hub.commands.outcome import Failure, err, out, outcomes
from hub.commands.serving import Done, listen, serve
from hub.commands.showing import show_units
from hub.quarters import before, running
from hub.settings import SOURCES, ConfigurationError, Settings, Writes, load

CHILDREN = 2000
SEED = 20170501
_DAY = 12 * 3600
Dsns = dict[str, dict[str, str]]
_READER, _WRITER = "hub_read", "hub_write"


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """The demo's data folder."""

    path: Path

    @property
    def server(self) -> Path:
        """The embedded PostgreSQL."""
        return self.path / "server"

    @property
    def loading(self) -> Path:
        """There while data are loaded."""
        return self.path / "loading"

    @property
    def loaded(self) -> Path:
        """What was loaded."""
        return self.path / "loaded.json"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Makes the folder and holds it against a second demo, which could take a load under way for a broken one."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.path / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConfigurationError(
                    f"`{self.path}` is in use by another demo: choose another `--data-dir`"
                ) from None
            yield

    def contents(self) -> dict[str, Any] | None:
        """What was loaded, or None; raises ``ConfigurationError`` if the file is not ours."""
        try:
            contents = json.loads(self.loaded.read_text("utf-8"))
            return {name: int(contents[name]) for name in ("children", "seed", "writes")}
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            raise ConfigurationError(f"`{self.loaded}` is not as this version writes it: remove the folder") from None

    def prepare(self) -> None:
        """Clears away what an interrupted load left."""
        if self.loading.exists():
            err.print("hub: the last load was interrupted, beginning anew", markup=False)
            shutil.rmtree(self.server, ignore_errors=True)
            self.loaded.unlink(missing_ok=True)
            self.loading.unlink()


def add(app: typer.Typer) -> None:
    """Adds ``demo``."""

    @app.command()
    def demo(
        children: Annotated[
            int | None, typer.Option(help=f"Children on file in a new folder (default {CHILDREN}).", min=1)
        ] = None,
        port: Annotated[int, typer.Option(help="Port to answer on; 0 takes a free one.")] = 8000,
        data_dir: Annotated[Path, typer.Option(help="Folder of the data; made if it is not there.")] = Path("data"),
        once: Annotated[bool, typer.Option("--once", help="Show the three units' answers, then end.")] = False,
    ) -> None:
        """Start everything on this machine with invented children: databases, hub, and three units' questions.

        演示：在本机启动五个部门数据库和共享平台（数据均为虚构），并展示三个单位各自能看到什么。

        Exit codes: 0 ended in good order; 1 a question got no answer; 2 a port that is taken, a folder that cannot be
        used or is of an older layout, a disk that cannot be written.
        """
        with outcomes():
            run(Folder(path=data_dir), children=children, port=port, once=once)


def run(folder: Folder, *, children: int | None, port: int, once: bool) -> None:
    """The whole demo; returns when it is stopped, or after the three questions."""
    listen("127.0.0.1", port).close()
    with folder.held():
        folder.prepare()
        contents = folder.contents()
        if contents is not None and children not in {None, contents["children"]}:
            raise ConfigurationError(
                f"`{folder.path}` holds {contents['children']:,} children: choose another `--data-dir`, or remove it"
            )
        with _server(folder) as server:
            read, write = _password(folder, "read-password"), _password(folder, "write-password")
            if contents is None:
                with progress_bars() as report:
                    asyncio.run(_fill(folder, server, children or CHILDREN, (read, write), report))
            else:
                # A folder of an earlier version: the hub's own tables as this one has them.
                asyncio.run(install(server.dsn("hub")))
            _answer(folder, _dsns(server, read, write), port, once)


def _answer(folder: Folder, dsns: Dsns, port: int, once: bool) -> None:
    settings = load(None, **dsns, keys=folder.path / "keys", port=port, invented=True, credentials={"lifetime": _DAY})
    freezing: list[subprocess.Popen[bytes]] = []

    async def visit(url: str) -> None:
        _write_settings(folder, settings, dsns, url)
        if await asyncio.to_thread(show_units, settings, url, folder.path):
            raise Failure("the hub did not answer every question, see above")
        if once:
            raise Done
        out.print(f"\n审计台 audit console: {url}/console/ · 令牌 token: {_command(folder)}", markup=False)
        out.print(f"服务地址 {url}/graphql · 查询台 {url}/ide/ · 按 Ctrl+C 结束 (Ctrl+C ends)", markup=False)
        freezing.append(_freeze(folder))

    try:
        serve(settings, visit=visit)
    finally:
        for process in freezing:
            process.terminate()
            process.wait()


def _freeze(folder: Folder) -> subprocess.Popen[bytes]:
    """Freezes the last quarter's tables beside the answers: some ten seconds, and nothing at a second start."""
    quarter = before(running(datetime.now(ZoneInfo("Asia/Shanghai")).date()))
    asked = ["--config", str(folder.path / "hub.toml"), "statistics", "freeze", quarter]
    command = [sys.executable, "-c", "from hub.cli import main; main()", *asked]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _command(folder: Folder) -> str:
    """How a token for the console is had."""
    return f"hub --config {folder.path / 'hub.toml'} token auditor --purpose audit"


@contextmanager
def _server(folder: Folder) -> Iterator[Server]:
    try:
        with Server(folder=folder.server) as server:
            yield server
    except ServerError as error:
        raise ConfigurationError(str(error)) from None


@contextmanager
def progress_bars() -> Iterator[Any]:
    """A function ``report(what, done, total)`` that draws one bar for each thing under way."""
    columns = (TextColumn("{task.description:>12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err) as progress:
        tasks: dict[str, TaskID] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield report


async def _fill(folder: Folder, server: Server, children: int, passwords: tuple[str, str], report: Any) -> None:
    folder.loading.touch()
    policy_folder = Path(str(policies.__path__[0]))
    today = datetime.now(ZoneInfo("Asia/Shanghai")).date()
    started = time.monotonic()
    # The log first: the load then lets the read role see the auditor's view of it, like any other table.
    await install(server.dsn("hub"))
    try:
        await load_children(
            server.dsns(),
            children=children,
            seed=SEED,
            today=today,
            divisions=policy_folder / "divisions.csv",
            institutions=policy_folder / "institutions.csv",
            truth=folder.path / "truth.jsonl",
            read_password=passwords[0],
            write_password=passwords[1],
            progress=report,
        )
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    contents = {"children": children, "seed": SEED, "today": today.isoformat(), "invented": True, "writes": 1}
    folder.loaded.write_text(json.dumps(contents), "utf-8")
    folder.loading.unlink()
    err.print(f"hub: {children:,} invented children loaded in {time.monotonic() - started:.1f} s", markup=False)


def _password(folder: Folder, name: str) -> str:
    path = folder.path / "keys" / name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text("ascii")


def _dsns(server: Server, read: str, write: str) -> Dsns:
    """The tables of DSNs of the settings."""
    found = {name: server.dsn(name, user=_READER, password=read) for name in SOURCES}
    written = {name: server.dsn(name, user=_WRITER, password=write) for name in Writes.model_fields}
    return {"databases": {**found, "log": server.dsn("hub"), "reconcile": server.dsn("hub")}, "writes": written}


def _write_settings(folder: Folder, settings: Settings, dsns: Dsns, url: str) -> None:
    """For `hub query`, `hub audit show` and the others; it holds passwords, so its owner alone may read it."""
    lines = [
        f"keys = {json.dumps(str((folder.path / 'keys').absolute()))}",
        f"port = {url.rpartition(':')[2]}",
        "invented = true",
        "[credentials]",
        f"lifetime = {settings.credentials.lifetime}",
    ]
    for table, found in dsns.items():
        lines += [f"[{table}]", *(f"{name} = {json.dumps(dsn)}" for name, dsn in found.items())]
    path = folder.path / "hub.toml"
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
