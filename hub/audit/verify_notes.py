"""Text of a signed note -> who signed it: the auditor's own reading of C2SP signed-note, checkpoint and cosignature.

Guarantee: written apart from what the hub signs with, so that a fault there is not repeated here; nothing of the hub is
imported. A malformed note raises ``NoteError``; a signature counts only if a key that the caller trusts made it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LOG: Final = 1
"""Type of a log's key: Ed25519 over the note."""
WITNESS: Final = 4
"""Type of a witness's key: Ed25519 over a cosignature message with a time."""


_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,17}")
"""A size as it is written: no tree has as many entries as would need a digit more."""


class NoteError(Exception):
    """A note or a key is not as the specifications have it, or not signed as it must be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A verifier key: ``kind`` is ``LOG`` or ``WITNESS``."""

    name: str
    number: bytes
    kind: int
    public: bytes

    @classmethod
    def read(cls, text: str) -> Key:
        """A key from its text ``<name>+<number>+<base64>``."""
        parts = text.strip().split("+", 2)
        data = decode(parts[2]) if len(parts) == 3 else b""
        if len(data) != 33 or data[0] not in (LOG, WITNESS):
            raise NoteError("a verifier key is `<name>+<number>+<base64>` of an Ed25519 key")
        number = hashlib.sha256(parts[0].encode() + b"\n" + data).digest()[:4]
        if number.hex() != parts[1]:
            raise NoteError(f"the number of the key `{parts[0]}` is not its own")
        return cls(name=parts[0], number=number, kind=data[0], public=data[1:])

    def claim(self, text: str, signature: bytes) -> tuple[bytes, bytes]:
        """What this key says to have signed with a line's ``signature`` under the note's ``text``, and the signature
        itself: empty, so that it verifies nothing, if the line has not its length."""
        message = text.encode()
        if self.kind != WITNESS:
            return message, signature
        if len(signature) != 72:
            return message, b""
        moment = int.from_bytes(signature[:8], "big")
        return f"cosignature/v1\ntime {moment}\n".encode() + message, signature[8:]

    def signed(self, text: str, signature: bytes) -> bool:
        """Whether this key made ``signature`` over the note's ``text``."""
        return verifies(self.public, *self.claim(text, signature))


def verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the Ed25519 key ``public`` made ``signature`` over ``message``."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A signed head of a tree: ``lines`` are its signatures (name, number, signature) as they came."""

    origin: str
    size: int
    root: bytes
    text: str
    lines: tuple[tuple[str, bytes, bytes], ...]

    @classmethod
    def read(cls, note: str) -> Head:
        """A head from a note, its signatures not looked at yet."""
        text, separator, signatures = note.partition("\n\n")
        lines = text.split("\n")
        if not separator or len(lines) < 3 or not signatures.endswith("\n"):
            raise NoteError("a head is an origin, a size, a root, an empty line and signatures")
        if not _SIZE.fullmatch(lines[1]):
            raise NoteError("the size of the head is no decimal number")
        root = decode(lines[2])
        if not lines[0] or len(root) != 32:
            raise NoteError("the head has no origin, or no root")
        found = tuple(_line(line) for line in signatures[:-1].split("\n"))
        return cls(origin=lines[0], size=int(lines[1]), root=root, text=text + "\n", lines=found)

    def signatures(self, key: Key) -> list[bytes]:
        """What the lines that claim to be of ``key`` hold."""
        return [signature for name, number, signature in self.lines if (name, number) == (key.name, key.number)]

    def signers(self, keys: Iterable[Key]) -> list[Key]:
        """The ``keys`` that signed; ``NoteError`` if a line claims to be of one of them and does not verify."""
        signers: list[Key] = []
        for key in keys:
            own = self.signatures(key)
            if not all(key.signed(self.text, signature) for signature in own):
                raise NoteError(f"a signature of `{key.name}` on the head of size {self.size} does not verify")
            if own:
                signers.append(key)
        return signers


def decode(text: str) -> bytes:
    """Base64 as it is written, and in no other way; ``NoteError`` otherwise."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if base64.b64encode(data).decode() != text:
        raise NoteError("a part of a note is no base64")
    return data


def _line(line: str) -> tuple[str, bytes, bytes]:
    mark, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    data = decode(encoded)
    if mark != "—" or not name or len(data) < 5:
        raise NoteError("a signature line is `— <name> <base64>`")
    return name, data[:4], data[4:]


def read_keys(texts: Sequence[str]) -> list[Key]:
    """Keys, one a text."""
    return [Key.read(text) for text in texts]
