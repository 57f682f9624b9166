"""Keys folder -> the key that signs now, and those that signed before: rotation without a restart.

Guarantee: a key is replaced only after the log holds an entry, signed by the old key, that names the new one; a crash
at any moment leaves either the old key in force or the new one, and the same command goes on where it stopped.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from hub.audit.entry import Entry
from hub.audit.keys import KeyFileError, SigningKey, VerifierKey, load_signing_key, make_signing_key

CURRENT = "log.pem"
NEXT = "log.next.pem"
RETIRED = "log.retired"
"""Verifier keys that signed before, the oldest first, one a line."""


class Signer(Protocol):
    """Who knows the key that signs now."""

    @property
    def current(self) -> SigningKey:
        """The key that signs now."""
        ...

    @property
    def retired(self) -> Sequence[VerifierKey]:
        """Keys that signed before, the oldest first."""
        ...


@dataclass(slots=True)
class Keyring:
    """The log's keys in ``folder``; a rotation there is seen at the next signature."""

    folder: Path
    origin: str
    _file: str = field(init=False, repr=False)
    _seen: tuple[int, int] | None = None
    _key: SigningKey | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._file = str(self.folder / CURRENT)

    @property
    def current(self) -> SigningKey:
        """The key that signs now; a file that cannot be read leaves the last good key in force."""
        try:
            # Asked with each answer that leaves: a path made anew each time would cost more than the question.
            status = os.stat(self._file)
            seen = (status.st_ino, status.st_mtime_ns)
            if self._key is None or seen != self._seen:
                self._key, self._seen = load_signing_key(self.folder / CURRENT, self.origin), seen
        except (OSError, KeyFileError):
            if self._key is None:
                raise
        return self._key

    @property
    def retired(self) -> list[VerifierKey]:
        """Keys that signed before, the oldest first."""
        path = self.folder / RETIRED
        return [VerifierKey.parse(text) for text in path.read_text("ascii").split()] if path.exists() else []

    @property
    def verifiers(self) -> list[VerifierKey]:
        """Every key that has signed, the oldest first, the one in force last."""
        return list(dict.fromkeys([*self.retired, self.current.verifier]))


def key_entry(old: SigningKey, new: VerifierKey, at: datetime) -> Entry:
    """The entry by which ``old`` hands over to ``new``."""
    signature = old.sign(f"{old.verifier.name}/key\n{new}\n".encode())
    return Entry(
        kind="key",
        request=f"key-{new.id.hex()}",
        at=at,
        unit="hub",
        decision="ALLOWED",
        facts=(f"old={old.verifier}", f"new={new}", f"signature={b64encode(signature).decode()}"),
    )


def next_key(ring: Keyring) -> SigningKey:
    """The key that will be the next one; made if an earlier rotation did not get that far."""
    path = ring.folder / NEXT
    if not path.exists():
        make_signing_key(path)
    return load_signing_key(path, ring.origin)


def hand_over(ring: Keyring) -> VerifierKey:
    """Puts the next key in force; only once its entry stands in the tree. Returns its verifier key."""
    new = next_key(ring).verifier
    _write(ring.folder / RETIRED, "".join(f"{key}\n" for key in ring.verifiers))
    # If we crash here, the old key is named among the retired and still in force: harmless, and done again.
    os.replace(ring.folder / NEXT, ring.folder / CURRENT)
    return new


def _write(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    with temporary.open("w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
