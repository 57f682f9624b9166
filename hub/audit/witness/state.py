"""The newest head that a witness cosigned of each log -> a folder, before the cosignature leaves.

Guarantee: a head that was kept is on disk, whole, when ``keep`` returns; a folder serves one process at a time. If we
crash before that, no cosignature left; after it, the same head may be cosigned again and no other one of its size.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import orjson

from hub.audit.keys import KeyFileError
from hub.audit.merkle import EMPTY_ROOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The newest head of a log that was cosigned; size 0 before the first."""

    size: int = 0
    root: bytes = EMPTY_ROOT
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What a witness must not forget, in ``folder``."""

    folder: Path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Makes the folder and holds it against a second process."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise KeyFileError(f"`{self.folder}` is in use by another witness") from None
            yield

    def seen(self, origin: str) -> Seen:
        """The newest head cosigned of the log ``origin``; a file that is not whole is an error, no new beginning."""
        path = self._path(origin)
        if not path.exists():
            return Seen()
        try:
            found = orjson.loads(path.read_bytes())
            return Seen(size=found["size"], root=bytes.fromhex(found["root"]), at=datetime.fromisoformat(found["at"]))
        except (ValueError, KeyError, TypeError):
            raise KeyFileError(f"`{path}` is not as a witness writes it: restore it, or it would forget") from None

    def keep(self, origin: str, size: int, root: bytes, note: str) -> None:
        """Makes the head durable."""
        at = datetime.now(UTC).isoformat()
        document = {"origin": origin, "size": size, "root": root.hex(), "at": at, "note": note}
        path = self._path(origin)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        with temporary.open("wb") as file:
            file.write(orjson.dumps(document))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _path(self, origin: str) -> Path:
        return self.folder / f"{sha256(origin.encode()).hexdigest()[:32]}.json"
