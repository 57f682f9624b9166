"""Size of a tree -> its files as C2SP tlog-tiles lays them out; entries -> bundles, and back.

Guarantee: pure functions of the specification; a bundle that is not whole raises ``ProofError``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal, TypeAlias

from hub.audit.merkle import ProofError

WIDTH: Final = 256
"""Hashes in a full tile, entries in a full bundle."""
LONGEST: Final = 65_535

Level: TypeAlias = int | Literal["entries"]


def path(level: Level, index: int, width: int = WIDTH) -> str:
    """Where a tile or a bundle is, below the log's prefix: ``tile/0/x001/x234/067.p/8``."""
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(reversed(groups))}{partial}"


def tiles(size: int) -> Iterator[tuple[int, int, int]]:
    """(level, index, width) of every tile of a tree of ``size``, the lowest level first; no empty one."""
    level, hashes = 0, size
    while hashes:
        yield from ((level, index, WIDTH) for index in range(hashes // WIDTH))
        if hashes % WIDTH:
            yield level, hashes // WIDTH, hashes % WIDTH
        level, hashes = level + 1, hashes // WIDTH


def bundles(size: int) -> Iterator[tuple[int, int]]:
    """(index, width) of every entry bundle of a tree of ``size``."""
    yield from ((index, width) for level, index, width in tiles(size) if level == 0)


def bundle(entries: Sequence[bytes]) -> bytes:
    """The entries, each behind its length in two bytes; ``ProofError`` for one that is too long."""
    if any(len(entry) > LONGEST for entry in entries):
        raise ProofError(f"an entry has more than {LONGEST:,} bytes")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def entries(data: bytes) -> list[bytes]:
    """The inverse of ``bundle``."""
    found: list[bytes] = []
    at = 0
    while at < len(data):
        start = at + 2
        at = start + int.from_bytes(data[at:start], "big")
        found.append(data[start:at])
        if start > len(data) or at > len(data):
            raise ProofError("the bundle ends in the middle of an entry")
    return found
