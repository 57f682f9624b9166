"""Command -> process of an unprivileged user that ends with ours: how the embedded PostgreSQL is run.

Guarantee: no process of root, none that outlives the hub (even at `kill -9`), and of root's rights at most the one to
pass a folder, if the way to the data folder or to the programs is closed to that user.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import queue
import signal
import stat
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
CAPABILITY_VERSION_3 = 0x20080522


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """As whom to run: ourselves (``user`` None), or another user, with one ``capability`` kept or none."""

    user: pwd.struct_passwd | None = None
    capability: int | None = None

    def own(self, path: Path) -> None:
        """Gives a file or folder to that user."""
        if self.user is not None:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def run(self, command: list[str], *, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end, as that user."""
        return subprocess.run(
            command,
            env=_environment(**environment),
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            # The prepared calls below are all that the child does between fork and exec: no lock, no import.
            preexec_fn=self._entry(),
        )

    def spawn(self, command: list[str], *, folder: Path, log: Path) -> subprocess.Popen[bytes]:
        """Starts a command that ends when we do, as that user, its output appended to ``log``.

        Linux sends the signal of PR_SET_PDEATHSIG when the *thread* that forked ends, so a thread of its own forks and
        lives as long as the process.
        """
        started: queue.SimpleQueue[subprocess.Popen[bytes] | Exception] = queue.SimpleQueue()

        def watch() -> None:
            try:
                process = self._fork(command, folder, log)
            except Exception as error:
                started.put(error)
                return
            started.put(process)
            process.wait()

        threading.Thread(target=watch, name="embedded-postgres", daemon=True).start()
        result = started.get()
        if isinstance(result, Exception):
            raise result
        return result

    def _fork(self, command: list[str], folder: Path, log: Path) -> subprocess.Popen[bytes]:
        enter, prctl, parent = self._entry(), _libc().prctl, os.getpid()

        def end_with_parent() -> None:
            enter()
            # After the change of user, which would clear it.
            prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
            if os.getppid() != parent:  # it died before the signal was set
                os._exit(1)

        with log.open("ab") as out:
            return subprocess.Popen(
                command,
                cwd=folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # a Ctrl-C at the hub's terminal is the hub's to handle
                preexec_fn=end_with_parent,  # noqa: PLW1509
            )

    def _entry(self) -> Callable[[], None]:
        """What the child does to become that user; everything is prepared before the fork."""
        user, capability, libc = self.user, self.capability, _libc()
        if user is None:
            return _nothing
        uid, gid, held = user.pw_uid, user.pw_gid, 0 if capability is None else 1 << capability
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        sets = (ctypes.c_uint32 * 6)(held, held, held, 0, 0, 0)

        def become() -> None:
            if capability is not None:
                libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
            if capability is not None:
                libc.capset(header, sets)
                libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)

        return become


def runner(folder: Path, programs: Path) -> Runner | str:
    """As whom to run in ``folder`` with ``programs``, or why nobody can.

    If we are root: the folder's owner, else `postgres`, else `nobody`, since PostgreSQL refuses to run as root.
    """
    owner = folder.stat().st_uid
    if os.geteuid() != 0:
        return Runner() if owner == os.geteuid() else f"`{folder}` belongs to another user"
    user = _user(owner)
    if user is None:
        return "there is no unprivileged user `postgres` or `nobody` to run the database server as"
    barred = _barred(folder.parent, user) or _barred(programs, user)
    if barred is None:
        return Runner(user=user)
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        if _holds(capability):
            return Runner(user=user, capability=capability)
    return f"the user `{user.pw_name}`, as which the database server runs if started by root, may not pass `{barred}`"


def _user(owner: int) -> pwd.struct_passwd | None:
    with contextlib.suppress(KeyError):
        if owner != 0:
            return pwd.getpwuid(owner)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    return None


def _barred(path: Path, user: pwd.struct_passwd) -> Path | None:
    """The first folder on the way down to ``path`` that the user may not pass."""
    for folder in [*reversed(path.resolve().parents), path.resolve()]:
        found = folder.stat()
        bit = stat.S_IXOTH
        if found.st_uid == user.pw_uid:
            bit = stat.S_IXUSR
        elif found.st_gid == user.pw_gid:
            bit = stat.S_IXGRP
        if not found.st_mode & bit:
            return folder
    return None


def _holds(capability: int) -> bool:
    """Whether we hold a capability and may pass it on; never where the system does not say."""
    with contextlib.suppress(OSError, ValueError):
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        given = dict(line.split(":", 1) for line in lines if line.startswith(("CapPrm:", "CapBnd:")))
        return all(int(given[name], 16) >> capability & 1 for name in ("CapPrm", "CapBnd"))
    return False


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _environment(**more: str) -> dict[str, str]:
    """Nothing of ours but the path: a PGHOST or PGDATA around us must not lead the programs elsewhere."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **more}


def _nothing() -> None:
    return None
