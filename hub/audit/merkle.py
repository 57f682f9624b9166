"""Leaf hashes -> root, proofs and their verification: the Merkle tree of RFC 6962, section 2.1, as pure functions.

Guarantee: nothing here reads a clock, a file or a database. A proof that does not hold raises ``ProofError``; a
function that returns has verified what its name says. The hash is SHA-256; a leaf is hashed behind 0x00, a node behind
0x01, so that no entry can pass for a node.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()
"""Root of the tree without leaves."""
# Looking up the algorithm takes ten times as long as hashing a node, so what each begins with is copied.
_LEAF, _NODE = sha256(b"\x00").copy, sha256(b"\x01").copy


class ProofError(Exception):
    """A proof does not hold; the message says in which way."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash of one entry as a leaf."""
    own = _LEAF()
    own.update(entry)
    return own.digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node over its two children."""
    own = _NODE()
    own.update(left + right)
    return own.digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontier:
    """The roots of the complete subtrees of a tree of ``size`` leaves, largest first: all that an append needs."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise ProofError(f"a frontier of size `{self.size}` has {self.size.bit_count()} hashes")

    def extend(self, leaves: Iterable[bytes]) -> Frontier:
        """The frontier after the leaf hashes ``leaves`` were appended in order."""
        size, hashes = self.size, list(self.hashes)
        for leaf in leaves:
            merged = leaf
            for _ in range(_trailing_ones(size)):
                merged = node_hash(hashes.pop(), merged)
            hashes.append(merged)
            size += 1
        return Frontier(size=size, hashes=tuple(hashes))

    @property
    def root(self) -> bytes:
        """Root of the tree."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root

    def to_bytes(self) -> bytes:
        """The hashes, one after another."""
        return b"".join(self.hashes)

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> Frontier:
        """The inverse of ``to_bytes``; ``ProofError`` if the length does not fit the size."""
        if len(data) % HASH_SIZE:
            raise ProofError("a frontier is not a whole number of hashes")
        return cls(size=size, hashes=tuple(data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)))


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Root of the tree over the leaf hashes ``leaves``."""
    return Frontier().extend(leaves).root


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """The subtrees (first leaf, leaf after the last) whose roots prove leaf ``index`` in a tree of ``size``, in order.

    Ranges instead of hashes, so that whoever keeps the tree as tiles need not read the leaves.
    """
    if not 0 <= index < size:
        raise ProofError(f"index `{index}` is not in a tree of size `{size}`")
    ranges: list[tuple[int, int]] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(old: int, new: int) -> list[tuple[int, int]]:
    """The subtrees whose roots prove that the tree of size ``old`` is a prefix of that of size ``new``, in order."""
    if not 0 < old <= new:
        raise ProofError(f"no consistency proof leads from size `{old}` to size `{new}`")
    ranges: list[tuple[int, int]] = []
    start, end = 0, new
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    # The subtree in which the old tree ends is needed as a hash of its own, unless it is the old tree (known to all).
    if start > 0:
        ranges.append((start, end))
    return ranges[::-1]


def inclusion_proof(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Proof that the leaf hash at ``index`` is in the tree over all ``leaves``."""
    return [root_of(leaves[start:end]) for start, end in inclusion_ranges(index, len(leaves))]


def consistency_proof(old: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Proof that the tree over the first ``old`` leaf hashes is a prefix of the tree over all ``leaves``."""
    return [root_of(leaves[start:end]) for start, end in consistency_ranges(old, len(leaves))]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Returns if ``proof`` shows leaf hash ``leaf`` at ``index`` in the tree of ``size`` with ``root``."""
    _check_root(root_from(leaf, index, size, proof), root)


def root_from(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root to which ``proof`` leads from leaf hash ``leaf`` at ``index`` in a tree of ``size``."""
    ranges = inclusion_ranges(index, size)
    _check_shape(proof, len(ranges), leaf)
    computed = leaf
    for (start, _), sibling in zip(ranges, proof, strict=True):
        computed = node_hash(sibling, computed) if start <= index else node_hash(computed, sibling)
    return computed


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Returns if ``proof`` shows the tree (``old``, ``old_root``) to be a prefix of (``new``, ``new_root``).

    ``old`` 0 is refused: every tree extends the empty one, so such a proof would say nothing.
    """
    ranges = consistency_ranges(old, new)
    _check_shape(proof, len(ranges))
    # If the old tree is one subtree of the new one, its root opens the walk unsent.
    sent = bool(ranges) and ranges[0][1] == old
    from_old = from_new = proof[0] if sent else old_root
    for (start, _), sibling in list(zip(ranges, proof, strict=True))[1 if sent else 0 :]:
        if start < old:
            from_old, from_new = node_hash(sibling, from_old), node_hash(sibling, from_new)
        else:
            from_new = node_hash(from_new, sibling)
    _check_root(from_old, old_root)
    _check_root(from_new, new_root)


def _trailing_ones(size: int) -> int:
    """How many complete subtrees the next leaf merges with."""
    return (size ^ (size + 1)).bit_length() - 1


def _split(size: int) -> int:
    """The largest power of two smaller than ``size`` (at least 2): leaves of the left subtree."""
    return 1 << ((size - 1).bit_length() - 1)


def _check_shape(proof: Sequence[bytes], length: int, *hashes: bytes) -> None:
    if len(proof) != length:
        raise ProofError(f"the proof has {len(proof)} hashes, {length} are needed")
    if any(len(value) != HASH_SIZE for value in (*proof, *hashes)):
        raise ProofError(f"a hash is not {HASH_SIZE} bytes long")


def _check_root(computed: bytes, root: bytes) -> None:
    if not compare_digest(computed, root):
        raise ProofError("the proof leads to another root")
