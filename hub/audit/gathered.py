"""Texts, key -> signatures: texts that become durable together are signed once, and each can still be checked alone.

A signature is written in base64. Of one among several texts it is ``<signature>.<place>.<size>.<path>``: signed are
``<origin>/receipts``, size and root (hexadecimal) of the RFC 6962 tree over the texts, each on a line; the path, base64
of its hashes, leads from the text to that root. The others cannot be read from it: each names a request, 128 random
bits.

Guarantee: no text that was not signed for verifies, whether alone or as one of several; what is signed for several can
be taken for no receipt and no checkpoint, since its first line is that of neither.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterator, Sequence
from typing import Final

from hub.audit.keys import SigningKey, VerifierKey, from_base64
from hub.audit.merkle import HASH_SIZE, ProofError, leaf_hash, node_hash, root_from
from hub.audit.note import NoteError

LARGEST: Final = 65_536
"""Texts of one signature, more than which nobody signs."""


def signatures(texts: Sequence[bytes], key: SigningKey) -> list[str]:
    """The signature of each text; one alone is signed as it is."""
    if len(texts) < 2:
        return [_written(key.sign(text)) for text in texts]
    levels = _levels([leaf_hash(text) for text in texts])
    size, [root] = len(texts), levels[-1]
    shared = _written(key.sign(_signed(key.verifier.name, size, root)))
    return [f"{shared}.{place}.{size}.{_written(path)}" for place, path in enumerate(_paths(levels))]


def verify(text: bytes, signature: str, key: VerifierKey) -> None:
    """Returns if ``key`` signed ``text``, alone or with others; ``NoteError`` otherwise."""
    first, *gathered = signature.split(".")
    try:
        made = from_base64(first)
        signed = _signed(key.name, *_found(text, gathered)) if gathered else text
    except (ValueError, ProofError):
        raise NoteError("the signature of the receipt is not written as one") from None
    if not key.verifies(signed, made):
        raise NoteError("the signature of the receipt does not verify")


def _found(text: bytes, gathered: Sequence[str]) -> tuple[int, bytes]:
    """Size and root of the tree to which a text leads; ``ValueError`` or ``ProofError`` if it leads nowhere."""
    place, size, path = gathered
    if (str(int(place)), str(int(size))) != (place, size) or not 1 < int(size) <= LARGEST:
        raise ValueError("not as numbers are written")
    hashes = from_base64(path)
    cut = [hashes[at : at + HASH_SIZE] for at in range(0, len(hashes), HASH_SIZE)]
    return int(size), root_from(leaf_hash(text), int(place), int(size), cut)


def _signed(origin: str, size: int, root: bytes) -> bytes:
    return f"{origin}/receipts\n{size}\n{root.hex()}\n".encode()


def _levels(hashes: list[bytes]) -> list[list[bytes]]:
    """The tree from its leaves to its root; a node without a neighbour stands in the next level as it is."""
    levels = [hashes]
    while len(hashes) > 1:
        odd = hashes[-1:] if len(hashes) % 2 else []
        hashes = [*map(node_hash, hashes[0::2], hashes[1::2]), *odd]
        levels.append(hashes)
    return levels


def _paths(levels: Sequence[Sequence[bytes]]) -> Iterator[bytes]:
    """For each leaf what stands beside its way to the root, one after another."""
    paths = [b""]
    for level in reversed(levels[:-1]):
        last = len(level) - 1
        paths = [
            paths[place // 2] if place == last and last % 2 == 0 else level[place ^ 1] + paths[place // 2]
            for place in range(len(level))
        ]
    yield from paths


def _written(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode()
