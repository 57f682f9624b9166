"""Body of ``add-checkpoint`` -> Submission, and back, as C2SP tlog-witness writes it.

Guarantee: what is read was written in the one way that the specification allows, or ``MalformedError``.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import Final

from hub.audit.keys import from_base64
from hub.audit.merkle import HASH_SIZE
from hub.audit.note import Checkpoint, NoteError, number

MOST_HASHES: Final = 63
LARGEST: Final = 128 * 1024
"""Bytes of a body: the longest proof, and sixteen signatures of the largest kind that notes may carry."""
SIZE_TYPE: Final = "text/x.tlog.size"


class MalformedError(Exception):
    """A body is not as the specification has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A head to be cosigned: ``note`` extends the head of size ``old`` by ``proof``."""

    old: int
    proof: tuple[bytes, ...]
    note: str

    @property
    def text(self) -> str:
        """The head itself, as it is signed: all before the last empty line, so that no more and no less is cosigned."""
        return self.note.rpartition("\n\n")[0] + "\n"

    @property
    def checkpoint(self) -> Checkpoint:
        """The head."""
        return Checkpoint.parse(self.text)

    @property
    def body(self) -> str:
        """The body of the request."""
        return "\n".join([f"old {self.old}", *(b64encode(each).decode() for each in self.proof), "", self.note])

    @classmethod
    def parse(cls, body: str) -> Submission:
        """The inverse of ``body``."""
        head, separator, note = body.partition("\n\n")
        first, *hashes = head.split("\n")
        if len(hashes) > MOST_HASHES:
            raise MalformedError(f"a proof has at most {MOST_HASHES} lines")
        if not separator:
            raise MalformedError("the body is `old <size>`, proof lines, an empty line and a checkpoint")
        submission = cls(old=_old(first), proof=tuple(map(_hash, hashes)), note=note)
        try:
            newest = submission.checkpoint.size
        except NoteError as error:
            raise MalformedError(str(error)) from None
        if submission.old > newest:
            raise MalformedError("the old size is larger than that of the checkpoint")
        return submission


def _old(line: str) -> int:
    word, _, size = line.partition(" ")
    try:
        if word == "old":
            return number(size)
    except ValueError:
        pass
    raise MalformedError("the first line is `old <size>`")


def _hash(line: str) -> bytes:
    try:
        found = from_base64(line)
    except ValueError:
        found = b""
    if len(found) != HASH_SIZE:
        raise MalformedError("a line of the proof is no hash")
    return found
