"""Text, keys -> signed note (C2SP signed-note), and back: checkpoints and receipts are such notes.

Guarantee: ``opened`` returns only a text that a given key has signed; a signature by a known key that does not verify
spoils the note; signatures by unknown keys are ignored, so that witnesses may add theirs.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from hub.audit.keys import SigningKey, VerifierKey, from_base64
from hub.audit.merkle import HASH_SIZE

DASH = "— "


class NoteError(Exception):
    """A note is malformed or not signed as it must be."""


def signed(text: str, *keys: SigningKey) -> str:
    """``text`` (ends in a newline) with one signature line a key."""
    if not text.endswith("\n") or any(letter < " " and letter != "\n" for letter in text):
        raise NoteError("the text of a note ends in a newline and holds no other control character")
    return text + "\n" + "".join(signature_line(text, key) for key in keys)


def signature_line(text: str, key: SigningKey) -> str:
    """The line by which ``key`` signs ``text``."""
    signature = key.verifier.id + key.sign(text.encode())
    return f"{DASH}{key.verifier.name} {b64encode(signature).decode()}\n"


def opened(note: str, keys: Sequence[VerifierKey]) -> str:
    """The text of ``note``; ``NoteError`` unless at least one of ``keys`` has signed it and none of them wrongly."""
    text, separator, lines = note.rpartition("\n\n")
    if not separator or not lines.endswith("\n"):
        raise NoteError("a note is a text, an empty line and signature lines")
    text += "\n"
    verified = [_verified(text, line, keys) for line in lines[:-1].split("\n")]
    if not any(verified):
        raise NoteError("no known key has signed the note")
    return text


def _verified(text: str, line: str, keys: Sequence[VerifierKey]) -> bool:
    """Whether a known key signed by ``line``; False if the key is unknown."""
    name, _, encoded = line.removeprefix(DASH).partition(" ")
    try:
        data = from_base64(encoded)
    except ValueError:
        data = b""
    if not line.startswith(DASH) or not name or len(data) < 5:
        raise NoteError("a signature line of the note is malformed")
    key = next((key for key in keys if (key.name, key.id) == (name, data[:4])), None)
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
        if not (size.isascii() and size.isdigit()) or str(int(size)) != size:
            raise NoteError("the size of the checkpoint is no decimal number")
        try:
            decoded = from_base64(root)
        except ValueError:
            decoded = b""
        if len(decoded) != HASH_SIZE:
            raise NoteError("the root of the checkpoint is no hash")
        return cls(origin=origin, size=int(size), root=decoded)
