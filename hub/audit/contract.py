"""What the log asks of the place where its entries are kept, in types and prose.

Guarantee: nothing here knows PostgreSQL; tests put faults between the log and its store by this contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hub.audit.entry import Leaf


class StoreError(Exception):
    """The log's database did not do what was asked, or its reply was lost; ``reason`` is a word, never source text."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the log's database is unavailable: {reason}")
        self.reason = reason


class GapError(Exception):
    """Entries that were asked for are not kept here any more: they were retired to an archive, ``first`` to ``end``."""

    def __init__(self, first: int, end: int) -> None:
        super().__init__(f"entries `{first}` to `{end - 1}` were retired to an archive")
        self.first = first
        self.end = end


class Store(Protocol):
    """Where entries become durable.

    Durability: a call that returns has its rows on disk; a row once there stays, unchanged. Concurrency: one call at a
    time (the log's writer makes them); other processes may write to the same log. Retries: none happen here. Errors:
    ``StoreError`` alone, after which the rows of that call may be there or not, and a later commit of the lost call is
    still possible until ``settle`` has returned.
    """

    async def append(self, leaves: Sequence[Leaf]) -> frozenset[bytes]:
        """Puts ``leaves`` in; returns the leaf hashes of those that are durable now: all, unless a name was taken."""
        ...

    async def settle(self, leaves: Sequence[Leaf]) -> frozenset[bytes]:
        """As ``append``, for leaves of a call whose outcome is unknown: none is put in twice."""
        ...

    async def probe(self) -> None:
        """Returns if an entry could be put in now (one is, and taken back)."""
        ...

    async def close(self) -> None:
        """Gives the connection back; a later call opens another."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Durable rows without a place: ``ids`` and their ``leaves`` in order of arrival; ``doubles`` have one already."""

    ids: tuple[int, ...]
    leaves: tuple[bytes, ...]
    doubles: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A full hash tile (C2SP tlog-tiles): 256 ``hashes`` in one text of 8,192 bytes, and the root over them."""

    level: int
    index: int
    hashes: bytes
    root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How far the tree is: its ``size``, ``pending`` rows without a place, and the age of the oldest in seconds."""

    size: int
    pending: int
    lag: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An entry as read back: ``index`` is None until it has its place in the tree."""

    index: int | None
    leaf: bytes
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a full verification of ``size`` entries found; ``bad`` is the first index at which something is wrong."""

    at: datetime
    size: int
    good: bool
    bad: int | None
    reason: str
    seconds: float
