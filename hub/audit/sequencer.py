"""Durable rows -> places in the tree, and a signed checkpoint over it, by one process at a time.

Guarantee: every durable row gets exactly one index, without gaps; every checkpoint extends the one before. Each step is
one transaction on the connection that holds the lock, so a crash anywhere leaves the tree as it was or one step on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from itertools import count

from hub.audit.contract import StoreError, Tile
from hub.audit.desk import Desk
from hub.audit.keyring import Signer
from hub.audit.keys import VerifierKey
from hub.audit.merkle import root_of
from hub.audit.note import Checkpoint, NoteError, opened, signed

STEP = 256
"""Entries in one step, so that a checkpoint is never further apart."""
TILE = 256
"""Hashes in a full tile (C2SP tlog-tiles)."""
PERIOD = 1.0
"""Seconds between checkpoints while fewer wait; also how soon a free lock is taken, and rows of others are seen."""

_logger = logging.getLogger(__name__)


class Sequencer:
    """The task that sequences; every replica runs one, the holder of the lock works, the others wait for it."""

    def __init__(self, desk: Desk, signer: Signer, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._desk = desk
        self._signer = signer
        self._followed: VerifierKey | None = None
        self._monotonic = monotonic
        self._arrived = 0
        self._enough = asyncio.Event()
        self._stopping = False

    def arrived(self, count: int) -> None:
        """Tells that ``count`` rows have become durable here."""
        self._arrived += count
        if self._arrived >= STEP:
            self._enough.set()

    async def run(self) -> None:
        """Works until stopped or cancelled. An outage is waited out: the rows are durable and keep."""
        while True:
            started, last = self._monotonic(), self._stopping
            try:
                if await self._desk.acquire():
                    await self.drain()
                else:
                    self._followed = None
            except StoreError as error:
                # The outcome of the last step is unknown, and does not matter: the next one asks where the tree stands.
                _logger.warning("the sequencer waits: %s", error)
            if last:
                break
            await self._pause(PERIOD - (self._monotonic() - started))
        await self._desk.close()

    def stop(self) -> None:
        """Lets ``run`` end after one more round, which places what is durable now under a last checkpoint."""
        self._stopping = True
        self._enough.set()

    async def drain(self) -> None:
        """Steps until nothing waits; only for the holder of the lock."""
        self._arrived = 0
        self._enough.clear()
        if self._stopping:
            self._enough.set()
        while await self.step() == STEP:
            pass

    async def step(self) -> int:
        """Gives at most ``STEP`` waiting rows their places; returns how many rows it took from those that waited."""
        tip = await self._desk.tip()
        waiting = await self._desk.waiting(STEP)
        if not waiting.ids and not waiting.doubles:
            return 0
        key = self._signer.current
        await self._check_key(key.verifier)
        grown = tip.extend(waiting.leaves)
        checkpoint = Checkpoint(origin=key.verifier.name, size=grown.size, root=grown.root)
        # If we crash before the commit, this signature was seen by nobody, and the tree may grow otherwise. If we crash
        # after it, places and checkpoint stand together, and whoever takes over goes on from them.
        tiles = await self._filled(tip.size, waiting.leaves)
        await self._desk.sequence(tip, waiting, grown, signed(checkpoint.text, key), tiles)
        return len(waiting.ids) + len(waiting.doubles)

    async def _check_key(self, key: VerifierKey) -> None:
        """Stops a replica whose keys folder missed a rotation from signing on with the old key."""
        if self._followed == key:
            return
        note = await self._desk.head()
        known = [*self._signer.retired, key]
        try:
            if note is not None:
                opened(note, known)
        except NoteError:
            raise StoreError("the newest head is signed by a key that is not in the keys folder") from None
        self._followed = key

    async def _filled(self, size: int, hashes: Sequence[bytes]) -> list[Tile]:
        """The tiles that ``hashes`` fill after the ``size`` there are, and those of the levels above."""
        tiles: list[Tile] = []
        for level in count():
            first = size // TILE * TILE
            full = (size + len(hashes) - first) // TILE
            if not full:
                return tiles
            known = [*(await self._desk.hashes(level, first, size - first) if size > first else ()), *hashes]
            if len(known) != size - first + len(hashes):
                raise StoreError("a part of the tree is missing")
            groups = [known[at : at + TILE] for at in range(0, full * TILE, TILE)]
            new = [
                Tile(level=level, index=first // TILE + number, hashes=b"".join(group), root=root_of(group))
                for number, group in enumerate(groups)
            ]
            tiles += new
            size, hashes = first // TILE, [tile.root for tile in new]
        return tiles

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._enough.wait(), max(seconds, 0.001))
        except TimeoutError:
            return
