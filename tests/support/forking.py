"""Words of a command line -> a process of its own that runs ``hub`` with them, forked from one that imported it.

To import the hub takes a second, and tests start a hundred of them. What is forked has its own environment, folder,
streams and end as if it had been executed, and is in haste (`tests/support/haste.py`); that a hub starts from nothing
is tested where that is the point.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
WITHIN = 60.0
"""Seconds in which the parent of all must have imported the hub."""


@dataclass(slots=True, kw_only=True)
class Forked:
    """A process; ``told``: where its end is told."""

    pid: int
    told: socket.socket
    code: int | None = None

    @property
    def returncode(self) -> int | None:
        """How it ended, if it did: minus the signal that killed it."""
        if self.code is None and select.select([self.told], [], [], 0)[0]:
            self._ended(self.told.recv(16))
        return self.code

    def send_signal(self, number: int) -> None:
        """Sends a signal, if it still runs."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends it without a word."""
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """How it ended, once it has."""
        return await asyncio.to_thread(self.join)

    def join(self) -> int:
        """The same, for who has nothing else to do."""
        if self.code is None:
            self._ended(self.told.recv(16))
        assert self.code is not None
        return self.code

    def _ended(self, told: bytes) -> None:
        assert told, "nobody is left who knows how it ended"
        self.code = int(told)
        self.told.close()


def fork(words: Sequence[str], *, env: Mapping[str, str], cwd: Path = ROOT, streams: tuple[int, int, int]) -> Forked:
    """``hub`` with these words; ``streams``: its input, output and errors."""
    told = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    told.connect(str(parent()))
    asked = json.dumps({"words": list(words), "env": dict(env), "cwd": str(cwd)}).encode()
    socket.send_fds(told, [asked], list(streams))
    return Forked(pid=int(told.recv(16)), told=told)


def ran(words: Sequence[str], *, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The same to its end: what it said, and its code."""
    with nothing() as empty, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        code = fork(words, env=env, streams=(empty, out.fileno(), err.fileno())).join()
        said = [(stream.seek(0), stream.read().decode())[1] for stream in (out, err)]
    return subprocess.CompletedProcess(list(words), code, *said)


@contextlib.contextmanager
def nothing() -> Iterator[int]:
    """An input that is empty, or an output that nobody reads."""
    opened = os.open(os.devnull, os.O_RDWR)
    yield opened
    os.close(opened)


@cache
def parent() -> Path:
    """Where the parent of all takes what is asked of it; it ends with this process, whose end closes its input."""
    folder = Path(tempfile.mkdtemp(prefix="hub-fork-"))
    place = folder / "socket"
    command = [sys.executable, "-m", "tests.support.forking", str(place)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    assert select.select([process.stdout], [], [], WITHIN)[0] and process.stdout.readline() == b"ready\n"
    process.stdout.close()

    def end() -> None:
        process.kill()
        process.communicate()
        place.unlink(missing_ok=True)
        folder.rmdir()

    atexit.register(end)
    return place


# --- the parent


def serve(place: str) -> None:
    """Forks until its input ends; returns in what was forked, with the words as its command line."""
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(place)
        listening.listen(64)
        print("ready", flush=True)
        while True:
            ready, _, _ = select.select([listening, sys.stdin], [], [])
            if sys.stdin in ready:
                os._exit(0)
            asked, _ = listening.accept()
            with asked:
                if os.fork() == 0:
                    listening.close()
                    _keep(asked)
                    return


def _keep(asked: socket.socket) -> None:
    """Forks once more and tells of the end; returns in the second."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    said, streams, _, _ = socket.recv_fds(asked, 1 << 20, 3)
    pid = os.fork()
    if pid == 0:
        _become(streams, **json.loads(said))
        return
    for stream in (0, 1, 2, *streams):
        os.close(stream)
    asked.send(b"%d" % pid)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):  # nobody may be left to be told
        asked.send(b"%d" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(streams: list[int], *, words: list[str], env: dict[str, str], cwd: str) -> None:
    """Takes on what an executed process would begin with."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["hub", *words]


if __name__ == "__main__":
    import pytest

    from hub.cli import main
    from tests.support.haste import hasten

    hasten(pytest.MonkeyPatch())
    serve(sys.argv[1])
    main()
