"""Entry -> its proof, in the text of C2SP tlog-proof: what auditors and holders of a receipt take away.

Guarantee: ``checked`` rests on the text, the leaf and verifier keys alone: no hub, no database.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hub.audit import proofs
from hub.audit.keys import VerifierKey, from_base64
from hub.audit.merkle import HASH_SIZE, ProofError, verify_inclusion
from hub.audit.note import Checkpoint, NoteError, opened

HEADER = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"0|[1-9][0-9]{0,17}")


class Tree(proofs.Hashes, Protocol):
    """Where hashes and signed heads are."""

    async def covering(self, index: int) -> tuple[int, str] | None:
        """A head (size, note) over entry ``index``, or None while there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Inclusion:
    """Entry ``index`` is in the tree of ``checkpoint`` (a signed note), by ``hashes``."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str

    @property
    def text(self) -> str:
        """The proof as C2SP tlog-proof has it."""
        lines = [HEADER, f"index {self.index}", *(b64encode(found).decode() for found in self.hashes)]
        return "\n".join(lines) + "\n\n" + self.checkpoint

    @classmethod
    def parse(cls, text: str) -> Inclusion:
        """The inverse of ``text``; an ``extra`` line is allowed and not looked at; raises ``ProofError``."""
        head, separator, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if lines[0] != HEADER or not separator:
            raise ProofError(f"the proof does not begin with `{HEADER}`, or holds no checkpoint")
        lines = lines[2:] if len(lines) > 1 and lines[1].startswith("extra ") else lines[1:]
        word, _, number = lines[0].partition(" ") if lines else ("", "", "")
        if word != "index" or not _INDEX.fullmatch(number):
            raise ProofError("the proof names no index")
        return cls(index=int(number), hashes=tuple(map(_hash, lines[1:])), checkpoint=checkpoint)


def _hash(line: str) -> bytes:
    try:
        found = from_base64(line)
    except ValueError:
        found = b""
    if len(found) != HASH_SIZE:
        raise ProofError("a line of the proof is no hash")
    return found


async def prove(tree: Tree, index: int) -> Inclusion | None:
    """The proof of entry ``index``; None until a head covers it."""
    head = await tree.covering(index)
    if head is None:
        return None
    size, note = head
    return Inclusion(index=index, hashes=tuple(await proofs.inclusion(tree, index, size)), checkpoint=note)


def checked(proof: Inclusion, leaf: bytes, keys: Sequence[VerifierKey]) -> Checkpoint:
    """The head in which ``proof`` shows ``leaf``, signed by one of ``keys``; ``ProofError`` if it does not hold."""
    try:
        head = Checkpoint.parse(opened(proof.checkpoint, keys))
    except NoteError as error:
        raise ProofError(f"the checkpoint of the proof does not hold: {error}") from None
    if head.origin not in {key.name for key in keys}:
        raise ProofError(f"the checkpoint of the proof is of another log, `{head.origin}`")
    verify_inclusion(leaf, proof.index, head.size, proof.hashes, head.root)
    return head
