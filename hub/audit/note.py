"""Text, keys -> signed note (C2SP signed-note), and back: checkpoints and receipts are such notes.

Guarantee: ``opened`` returns only a text that a given key has signed; a signature by a known key that does not verify
spoils the note; signatures by unknown keys are ignored, so that witnesses may add theirs.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hub.audit.keys import SigningKey, VerifierKey, from_base64
from hub.audit.merkle import HASH_SIZE

DASH = "— "
LARGEST_SIZE: Final = 2**63 - 1
"""Of a tree."""


class NoteError(Exception):
    """A note is malformed or not signed as it must be."""


def signed(text: str, *keys: SigningKey) -> str:
    """``text`` (ends in a newline) with one signature line a key."""
    if not text.endswith("\n") or not _plain(text):
        raise NoteError("the text of a note ends in a newline and holds no other control character")
    return text + "\n" + "".join(signature_line(text, key) for key in keys)


def signature_line(text: str, key: SigningKey) -> str:
    """The line by which ``key`` signs ``text``."""
    signature = key.verifier.id + key.sign(text.encode())
    return f"{DASH}{key.verifier.name} {b64encode(signature).decode()}\n"


def opened(note: str, keys: Sequence[VerifierKey]) -> str:
    """The text of ``note``; ``NoteError`` unless at least one of ``keys`` has signed it and none of them wrongly."""
    text, separator, lines = note.rpartition("\n\n")
    if not separator or not lines.endswith("\n") or not _plain(note):
        raise NoteError("a note is a text, an empty line and signature lines, without control characters")
    text += "\n"
    verified = [_verified(text, line, keys) for line in lines[:-1].split("\n")]
    if not any(verified):
        raise NoteError("no known key has signed the note")
    return text


def lines_by(note: str, keys: Sequence[VerifierKey]) -> str:
    """The signature lines of ``note``, which was opened, that are of ``keys``."""
    lines = note.rpartition("\n\n")[2].removesuffix("\n").split("\n")
    return "".join(line + "\n" for line in lines if _signer(*parts(line), keys) is not None)


def parts(line: str) -> tuple[str, bytes]:
    """(name, id and signature) of a signature line without its newline."""
    name, _, encoded = line.removeprefix(DASH).partition(" ")
    try:
        data = from_base64(encoded)
    except ValueError:
        data = b""
    if not line.startswith(DASH) or not name or len(data) < 5:
        raise NoteError("a signature line of the note is malformed")
    return name, data


def number(text: str) -> int:
    """The size that is written as ``text`` and in no other way; ``ValueError`` otherwise."""
    # Looked at before it is converted: thousands of digits take long, and Python refuses more.
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(LARGEST_SIZE)):
        raise ValueError("no decimal number, or too large")
    found = int(text)
    if str(found) != text or found > LARGEST_SIZE:
        raise ValueError("not as a number is written, or too large")
    return found


def _plain(text: str) -> bool:
    return not any(letter < " " and letter != "\n" for letter in text)


def _signer(name: str, data: bytes, keys: Sequence[VerifierKey]) -> VerifierKey | None:
    return next((key for key in keys if (key.name, key.id) == (name, data[:4])), None)


def _verified(text: str, line: str, keys: Sequence[VerifierKey]) -> bool:
    """Whether a known key signed by ``line``; False if the key is unknown."""
    name, data = parts(line)
    key = _signer(name, data, keys)
    if key is None:
        return False
    if not key.verifies(text.encode(), data[4:]):
        raise NoteError(f"the signature of `{name}` does not verify")
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A tree head of the log ``origin`` (C2SP tlog-checkpoint)."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """The inverse of ``text``; extension lines are allowed and ignored."""
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
            raise NoteError("a checkpoint has at least three lines, none of them empty")
        origin, size, root = lines[:3]
        try:
            leaves = number(size)
        except ValueError:
            raise NoteError("the size of the checkpoint is no decimal number") from None
        try:
            decoded = from_base64(root)
        except ValueError:
            decoded = b""
        if len(decoded) != HASH_SIZE:
            raise NoteError("the root of the checkpoint is no hash")
        return cls(origin=origin, size=leaves, root=decoded)
