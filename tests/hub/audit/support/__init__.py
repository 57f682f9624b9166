"""What the tests of the log share: invented entries, faults in pairs, and a check of the whole log."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.audit.contract import Store, StoreError
from hub.audit.entry import Entry, Leaf
from hub.audit.keys import SigningKey
from hub.audit.merkle import Frontier, consistency_proof, leaf_hash, verify_consistency
from hub.audit.note import Checkpoint, opened

ORIGIN = "hub.example/test-log"
KEY = SigningKey.of(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"only for the tests of the log!!!"))
PATIENT = 30.0
"""Seconds a statement or an entry, for tests of what is kept and not of when: a slow machine is no outage."""
_numbers = itertools.count(1)

Fault: TypeAlias = Literal["none", "not persisted", "persisted, reply lost", "hangs"]


def entry(request: str | None = None, **changes: Any) -> Entry:
    """An entry with a name of its own."""
    fields: dict[str, Any] = {
        "kind": "disclosure",
        "request": request or f"request-{next(_numbers)}",
        "at": datetime.now(UTC),
        "unit": "education_bureau",
        "operator": "T0042",
        "purpose": "dropout_control",
        "decision": "ALLOWED",
        "released": ("Child.name", "Enrolment.status"),
        "subjects": ("f-abcdefghijklmnopqrstuv",),
        "rows": ("civil_affairs=1",),
    }
    return Entry(**(fields | changes))


class FaultyStore:
    """A store whose next writing calls meet ``faults``, in order; afterwards none."""

    def __init__(self, store: Store, faults: Sequence[Fault] = ()) -> None:
        self.store = store
        self.faults = list(faults)
        self.release = asyncio.Event()
        self.writes = 0

    async def append(self, leaves: Sequence[Leaf]) -> frozenset[bytes]:
        return await self._meet(self.store.append, leaves)

    async def settle(self, leaves: Sequence[Leaf]) -> frozenset[bytes]:
        return await self._meet(self.store.settle, leaves)

    async def _meet(
        self, call: Callable[[Sequence[Leaf]], Awaitable[frozenset[bytes]]], leaves: Sequence[Leaf]
    ) -> frozenset[bytes]:
        self.writes += 1
        fault = self.faults.pop(0) if self.faults else "none"
        if fault == "not persisted":
            raise StoreError("injected")
        if fault == "hangs":
            await self.release.wait()
        result = await call(leaves)
        if fault == "persisted, reply lost":
            raise StoreError("injected")
        return result

    async def probe(self) -> None:
        await self.store.probe()

    async def close(self) -> None:
        await self.store.close()


async def names_in(dsn: str) -> list[str]:
    """``request/kind/part`` of every durable entry."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "select request || '/' || kind || '/' || part as name from log.pending"
            " union all select request || '/' || kind || '/' || part from log.entry"
        )
    finally:
        await connection.close()
    return [row["name"] for row in rows]


async def check_log(dsn: str) -> int:
    """The size of the tree, after everything about it was verified by recomputation; nothing may be pending."""
    connection = await asyncpg.connect(dsn)
    try:
        entries = await connection.fetch("select * from log.entry order by index")
        checkpoints = await connection.fetch("select * from log.checkpoint order by size")
        pending = await connection.fetchval("select count(*) from log.pending")
    finally:
        await connection.close()
    assert pending == 0
    assert [row["index"] for row in entries] == list(range(len(entries)))
    leaves = [row["leaf"] for row in entries]
    assert leaves == [leaf_hash(row["bytes"]) for row in entries]
    assert len(set(leaves)) == len(leaves), "an entry stands in the tree twice"
    assert len({(row["request"], row["kind"], row["part"]) for row in entries}) == len(entries)
    check_checkpoints(leaves, checkpoints)
    return len(entries)


def check_checkpoints(leaves: list[bytes], checkpoints: Sequence[Any]) -> None:
    frontier, at, before = Frontier(), 0, None
    for row in checkpoints:
        frontier = frontier.extend(leaves[at : row["size"]])
        at = row["size"]
        head = Checkpoint.parse(opened(row["note"], [KEY.verifier]))
        assert head == Checkpoint(origin=ORIGIN, size=at, root=frontier.root)
        assert (row["root"], row["frontier"]) == (frontier.root, frontier.to_bytes())
        if before is not None and len(leaves) < 3_000:
            proof = consistency_proof(before.size, leaves[:at])
            verify_consistency(before.size, at, proof, before.root, head.root)
        before = head
    assert at == len(leaves), "the newest checkpoint does not cover the tree"
