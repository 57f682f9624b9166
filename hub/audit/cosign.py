"""Head, witness's key -> cosignature line (C2SP tlog-cosignature, Ed25519), and back to who cosigned when.

Guarantee: a cosignature says that at its time the witness had seen no head of the log that this one does not extend;
it verifies only as that, never as a signature over a note.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from hub.audit.keys import COSIGNATURE, SigningKey, VerifierKey
from hub.audit.note import DASH, NoteError, parts

LATEST: Final = 2**63 - 1
"""The largest time that the specification allows, in seconds since 1970."""


def cosignature(text: str, key: SigningKey, moment: int) -> str:
    """The line by which the witness ``key`` cosigns the head ``text`` at ``moment`` (seconds since 1970)."""
    if key.verifier.kind != COSIGNATURE or not 0 < moment <= LATEST:
        raise NoteError("a cosignature is made by a witness's key, at a time after 1970")
    signature = key.sign(_message(text, moment))
    encoded = b64encode(key.verifier.id + moment.to_bytes(8, "big") + signature).decode()
    return f"{DASH}{key.verifier.name} {encoded}\n"


def cosigned(text: str, lines: str, keys: Sequence[VerifierKey]) -> dict[VerifierKey, tuple[datetime, str]]:
    """Witness -> when, and the line, for each of ``keys`` that cosigned; lines of others are ignored.

    ``NoteError`` if a line is malformed, or claims to be of one of ``keys`` and does not verify.
    """
    if not lines.endswith("\n"):
        raise NoteError("signature lines end in a newline")
    found: dict[VerifierKey, tuple[datetime, str]] = {}
    for line in lines[:-1].split("\n"):
        name, data = parts(line)
        key = next((key for key in keys if (key.name, key.id) == (name, data[:4])), None)
        if key is not None:
            found[key] = (_verified(text, key, data[4:]), line + "\n")
    return found


def _verified(text: str, key: VerifierKey, signature: bytes) -> datetime:
    moment = int.from_bytes(signature[:8], "big")
    if len(signature) != 72 or not 0 < moment <= LATEST or not key.verifies(_message(text, moment), signature[8:]):
        raise NoteError(f"the cosignature of `{key.name}` does not verify")
    try:
        return datetime.fromtimestamp(moment, UTC)
    except (OverflowError, ValueError, OSError):
        raise NoteError(f"the cosignature of `{key.name}` is of no time") from None


def _message(text: str, moment: int) -> bytes:
    return f"cosignature/v1\ntime {moment}\n{text}".encode()
