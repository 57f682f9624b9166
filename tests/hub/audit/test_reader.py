"""What is read back from the tree: tiles, proofs, heads, against the pure functions over all leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest

from hub.audit.contract import GapError, StoreError
from hub.audit.desk import Desk
from hub.audit.entry import encode
from hub.audit.merkle import ProofError, consistency_proof, inclusion_proof, root_of
from hub.audit.note import Checkpoint, opened
from hub.audit.proofs import consistency, inclusion
from hub.audit.reader import Reader
from hub.audit.sequencer import Sequencer
from hub.audit.session import Session, Sessions
from hub.audit.store import PostgresStore
from tests.hub.audit.support import KEY, PATIENT, entry

pytestmark = pytest.mark.postgres


@pytest.fixture
async def reader(dsn: str) -> AsyncIterator[Reader]:
    reader = Reader(Sessions([Session(dsn, name=f"reader {number}", timeout=PATIENT) for number in range(2)]))
    yield reader
    await reader.close()


async def grow(dsn: str, *counts: int) -> list[bytes]:
    """Appends and sequences so many entries each time; the leaf hashes of all of them."""
    store, desk = (
        PostgresStore(Session(dsn, name="writer", timeout=PATIENT)),
        Desk(Session(dsn, name="sequencer", timeout=PATIENT)),
    )
    hashes: list[bytes] = []
    for count in counts:
        leaves = [encode(entry()) for _ in range(count)]
        for first in range(0, count, 4_096):
            await store.append(leaves[first : first + 4_096])
        # Only now: who holds the lock and asks nothing for four seconds loses it.
        assert await desk.acquire()
        await Sequencer(desk, KEY).drain()
        hashes += [leaf.hash for leaf in leaves]
    await desk.close()
    await store.close()
    return hashes


async def test_tiles_are_full_of_the_leaves_in_order_however_the_steps_fall(dsn: str, reader: Reader) -> None:
    leaves = await grow(dsn, 100, 200, 255, 1, 256, 3)
    assert await reader.hashes(0, 0, len(leaves)) == leaves
    assert await reader.hashes(0, 300, 400) == leaves[300:700]
    assert await reader.hashes(1, 0, 3) == [root_of(leaves[at : at + 256]) for at in (0, 256, 512)]
    owner = await asyncpg.connect(dsn)
    kept = await owner.fetch("select level, index, hashes from log.tile order by level, index")
    await owner.close()
    assert [(row["level"], row["index"]) for row in kept] == [(0, 0), (0, 1), (0, 2)]
    assert [row["hashes"] for row in kept] == [b"".join(leaves[at : at + 256]) for at in (0, 256, 512)]


async def test_a_tile_of_the_second_level_is_filled_after_65536_entries(dsn: str, reader: Reader) -> None:
    leaves = await grow(dsn, 65_536 + 300)
    assert await reader.hashes(2, 0, 1) == [root_of(leaves[:65_536])]
    size = len(leaves)
    for index in (0, 255, 256, 40_000, 65_535, 65_536, size - 1):
        assert await inclusion(reader, index, size) == inclusion_proof(index, leaves)
    for old in (1, 255, 256, 65_000, 65_536, 65_800, size):
        assert await consistency(reader, old, size) == consistency_proof(old, leaves)


async def test_proofs_at_every_size_equal_those_over_all_leaves(dsn: str, reader: Reader) -> None:
    leaves = await grow(dsn, 530)
    for size in (1, 2, 255, 256, 257, 511, 512, 513, 530):
        for index in {0, size // 3, size - 1}:
            assert await inclusion(reader, index, size) == inclusion_proof(index, leaves[:size])
        for old in {1, size // 2 or 1, size}:
            assert await consistency(reader, old, size) == consistency_proof(old, leaves[:size])
    with pytest.raises(ProofError):
        await inclusion(reader, 530, 530)


async def test_heads_come_with_their_cosignatures_and_a_cosigned_one_is_preferred(dsn: str, reader: Reader) -> None:
    assert await reader.checkpoint() is None and await reader.covering(0) is None
    leaves = await grow(dsn, 3, 4)
    owner = await asyncpg.connect(dsn)
    await owner.execute(
        "insert into log.cosignature values (3, 'w.example', '— w.example AAAA\n', $1)", datetime.now(UTC)
    )
    await owner.close()
    newest = await reader.bare_checkpoint()
    assert newest is not None and newest == await reader.checkpoint()
    assert Checkpoint.parse(opened(newest, [KEY.verifier])).root == root_of(leaves)
    size, note = await reader.covering(2) or (0, "")
    assert size == 3 and note.endswith("— w.example AAAA\n")
    assert (await reader.covering(3) or (0, ""))[0] == 7
    assert await reader.covering(7) is None
    assert [size for size, _ in await reader.history(0, 10)] == [3, 7]
    assert [size for size, _ in await reader.history(3, 10)] == [7]


async def test_what_is_not_there_is_an_error_and_a_retired_month_says_so(dsn: str, reader: Reader) -> None:
    leaves = await grow(dsn, 5)
    with pytest.raises(StoreError):
        await reader.hashes(0, 3, 10)
    with pytest.raises(StoreError):
        await reader.entries(3, 10)
    owner = await asyncpg.connect(dsn)
    month = await owner.fetchval("select month from log.month")
    await owner.execute(f"alter table log.entry detach partition log.entry_{month}")
    await owner.execute("update log.month set last = 5, retired = now()")
    await owner.close()
    with pytest.raises(GapError, match="`0` to `4` were retired"):
        await reader.entries(0, 5)
    assert len(leaves) == 5


async def test_an_entry_is_found_by_its_name_before_and_after_it_has_its_place(dsn: str, reader: Reader) -> None:
    store = PostgresStore(Session(dsn, name="writer", timeout=PATIENT))
    await store.append([encode(entry("r1"))])
    waiting = await reader.named("r1", "disclosure", 0)
    assert waiting is not None and waiting.index is None
    await store.close()
    await grow(dsn, 1)
    placed = await reader.named("r1", "disclosure", 0)
    assert placed is not None and placed.index == 0 and placed.data == waiting.data
    assert await reader.named("r1", "refusal", 0) is None
