"""The log as its database holds it now -> Verification: every entry, tile and head of it computed anew.

Guarantee: a change of any byte that proofs rest on, made by whoever may write to the database, is found and its first
index named. It shows what the database says today; that it says what it said before is for witnesses and exports.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hub.audit.contract import StoreError, Verification
from hub.audit.gaps import covered
from hub.audit.keys import VerifierKey
from hub.audit.merkle import Frontier, leaf_hash, root_of
from hub.audit.note import Checkpoint, NoteError, opened
from hub.audit.reader import WIDTH, Reader

CHUNK = 16 * WIDTH


class Bad(Exception):
    """Something is wrong, first of all at ``index``."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index


@dataclass(slots=True, kw_only=True)
class Live:
    """One run over the whole log; ``keys`` are all that ever signed it."""

    reader: Reader
    keys: Sequence[VerifierKey]
    progress: Callable[[int, int], None] = lambda _done, _all: None
    frontier: Frontier = field(default_factory=Frontier)

    async def run(self) -> Verification:
        """What a full verification finds; ``StoreError`` if the database does not answer."""
        started = time.monotonic()
        bad, reason, size = None, "", 0
        try:
            size = await self._size()
            await self._all(size)
        except Bad as found:
            bad, reason = found.index, str(found)
        return Verification(
            at=datetime.now(UTC),
            size=size,
            good=bad is None,
            bad=bad,
            reason=reason,
            seconds=time.monotonic() - started,
        )

    async def _size(self) -> int:
        note = await self.reader.bare_checkpoint()
        if note is None:
            return 0
        return self._head(note, 0).size

    async def _all(self, size: int) -> None:
        retired = await covered(self.reader)
        for first in range(0, size, CHUNK):
            count = min(CHUNK, size - first)
            try:
                leaves = await self._leaves(first, count, retired)
            except Bad:
                # A month may have been retired since.
                retired = await covered(self.reader)
                leaves = await self._leaves(first, count, retired)
            await self._tiles(first, leaves)
            await self._heads(first, leaves)
            self.progress(first + count, size)
        await self._upper(size)
        await self._end()

    async def _end(self) -> None:
        """Whether the newest head covers the last entry."""
        # The entry is asked for first: the log grows meanwhile, an entry and the head over it become visible together.
        # What came since the run began, its heads' signatures included, is for the next run.
        last = await self.reader.newest()
        note = await self.reader.bare_checkpoint()
        size = 0 if note is None else self._unsigned(note, 0).size
        if last is not None and last >= size:
            raise Bad(size, "an entry stands behind the last signed head")

    async def _leaves(self, first: int, count: int, retired: Sequence[tuple[int, int]]) -> list[bytes]:
        """The hashes of the entries' own bytes; of retired ones those that were kept."""
        found = {index: (leaf, data) for index, leaf, data in await self.reader.present(first, count)}
        kept: Sequence[bytes] | None = None
        leaves: list[bytes] = []
        for index in range(first, first + count):
            if index in found:
                leaf, data = found[index]
                if leaf_hash(data) != leaf:
                    raise Bad(index, "the bytes of the entry are not those that were hashed")
            elif any(begin <= index < end for begin, end in retired):
                kept = kept or await self._kept(first, count)
                leaf = kept[index - first]
            else:
                raise Bad(index, "the entry is missing")
            leaves.append(leaf)
        return leaves

    async def _kept(self, first: int, count: int) -> list[bytes]:
        try:
            return await self.reader.hashes(0, first, count)
        except StoreError as error:
            raise Bad(first, "hashes of retired entries are missing") from error

    async def _tiles(self, first: int, leaves: Sequence[bytes]) -> None:
        """Whether full tiles hold these leaves."""
        tiles = await self.reader.tiles(0, first // WIDTH, len(leaves) // WIDTH)
        for number in range(len(leaves) // WIDTH):
            group = leaves[number * WIDTH : (number + 1) * WIDTH]
            hashes, root = tiles.get(first // WIDTH + number, (b"", b""))
            if hashes != b"".join(group) or root != root_of(group):
                raise Bad(first + number * WIDTH, "a tile of the tree does not hold the hashes of these entries")

    async def _heads(self, first: int, leaves: Sequence[bytes]) -> None:
        """Whether every head signed over a tree that ends here is that of these entries."""
        for size, note in await self.reader.heads(first + 1, first + len(leaves)):
            self.frontier = self.frontier.extend(leaves[self.frontier.size - first : size - first])
            head = self._head(note, size - 1)
            if (head.size, head.root) != (size, self.frontier.root):
                raise Bad(size - 1, f"the signed head of size {size} is not that of the entries")
        self.frontier = self.frontier.extend(leaves[self.frontier.size - first :])

    async def _upper(self, size: int) -> None:
        """Whether the tiles above the leaves' hold the roots of those below."""
        level, count = 1, size // WIDTH // WIDTH
        while count:
            tiles = await self.reader.tiles(level, 0, count)
            for number in range(count):
                below = await self.reader.hashes(level, number * WIDTH, WIDTH)
                if tiles.get(number) != (b"".join(below), root_of(below)):
                    raise Bad(
                        number * WIDTH ** (level + 1), f"a tile of level {level} does not hold the roots below it"
                    )
            level, count = level + 1, count // WIDTH

    def _head(self, note: str, index: int) -> Checkpoint:
        try:
            return Checkpoint.parse(opened(note, self.keys))
        except NoteError as error:
            raise _spoilt(error, index) from None

    def _unsigned(self, note: str, index: int) -> Checkpoint:
        """A head whose signature is not looked at: its key may be newer than this run."""
        try:
            return Checkpoint.parse(note.rpartition("\n\n")[0] + "\n")
        except NoteError as error:
            raise _spoilt(error, index) from None


def _spoilt(error: NoteError, index: int) -> Bad:
    return Bad(max(index, 0), f"a head of the tree is not as it was signed: {error}")
