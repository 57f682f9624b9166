"""Tile hashes -> proofs of RFC 6962: that an entry is in the tree, that one tree is the beginning of another.

Guarantee: no leaf is read that a full tile stands for, so a proof costs a few short reads at any size of the log.
"""

from __future__ import annotations

from typing import Protocol

from hub.audit.merkle import consistency_ranges, inclusion_ranges, node_hash, root_of

WIDTH = 256


class Hashes(Protocol):
    """Where the hashes of tiles are."""

    async def hashes(self, level: int, first: int, count: int) -> list[bytes]:
        """The roots of ``count`` complete subtrees of 256 ** ``level`` leaves, from the ``first`` on."""
        ...


async def inclusion(tree: Hashes, index: int, size: int) -> list[bytes]:
    """Proof of the entry ``index`` in the tree of ``size``; ``ProofError`` if it has none."""
    return [await subtree_root(tree, start, end) for start, end in inclusion_ranges(index, size)]


async def consistency(tree: Hashes, old: int, new: int) -> list[bytes]:
    """Proof that the tree of size ``old`` is the beginning of that of size ``new``; ``ProofError`` if there is none."""
    return [await subtree_root(tree, start, end) for start, end in consistency_ranges(old, new)]


async def subtree_root(tree: Hashes, start: int, end: int) -> bytes:
    """Root over the leaves from ``start`` to before ``end``; ``start`` is a multiple of the subtree's full size."""
    pieces: list[bytes] = []
    while start < end:
        level = _level(end - start)
        count = (end - start) // WIDTH**level
        if count > 1:
            count = 1 << (count.bit_length() - 1)
        pieces.append(root_of(await tree.hashes(level, start // WIDTH**level, count)))
        start += count * WIDTH**level
    root = pieces.pop()
    while pieces:
        root = node_hash(pieces.pop(), root)
    return root


def _level(leaves: int) -> int:
    """The highest level with a hash that covers no more than ``leaves``; one hash of it is worth reading before 256."""
    level = 0
    while leaves >= WIDTH ** (level + 1):
        level += 1
    return level
