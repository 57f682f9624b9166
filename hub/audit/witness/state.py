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
from hub.audit.merkle import EMPTY_ROOT, HASH_SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The newest head of a log that was cosigned, with the log's signatures and ours; size 0 before the first."""

    size: int = 0
    root: bytes = EMPTY_ROOT
    at: datetime | None = None
    note: str = ""

    def to_bytes(self, origin: str) -> bytes:
        """JSON."""
        at = (self.at or datetime.now(UTC)).isoformat()
        return orjson.dumps(
            {"origin": origin, "size": self.size, "root": self.root.hex(), "at": at, "note": self.note},
            option=orjson.OPT_INDENT_2,
        )

    @classmethod
    def from_bytes(cls, data: bytes, origin: str) -> Seen:
        """The inverse of ``to_bytes``; ``ValueError``, ``KeyError`` or ``TypeError`` if it is not."""
        found = orjson.loads(data)
        seen = cls(
            size=int(found["size"]),
            root=bytes.fromhex(found["root"]),
            at=datetime.fromisoformat(found["at"]),
            note=str(found["note"]),
        )
        if found["origin"] != origin or seen.size < 0 or len(seen.root) != HASH_SIZE:
            raise ValueError("of another log, or no head")
        return seen


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
        try:
            return Seen.from_bytes(path.read_bytes(), origin)
        except FileNotFoundError:
            return Seen()
        except (ValueError, KeyError, TypeError):
            raise KeyFileError(f"`{path}` is not as a witness writes it: restore it, or it would forget") from None

    def keep(self, origin: str, seen: Seen) -> None:
        """Makes the head durable."""
        path = self._path(origin)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            with temporary.open("wb") as file:
                file.write(seen.to_bytes(origin))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _path(self, origin: str) -> Path:
        return self.folder / f"{origin_hash(origin)}.json"


def origin_hash(origin: str) -> str:
    """By which name a log goes in files and URLs (C2SP tlog-witness)."""
    return sha256(origin.encode()).hexdigest()
