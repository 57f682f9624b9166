"""A closed month older than the floor -> an archive of it, an entry that says so, and a detached partition.

Guarantee: nothing leaves the log before its archive was read back against the tree's own leaf hashes and an entry that
names the range stands in the tree. Whatever is interrupted is done again from the start and ends the same. Leaf hashes
stay, so proofs of every entry still hold. What is detached is kept as a table: to drop it is the owner's own act.
Long lists and keys of commitments stay where they are: lists are archived too, keys never, since who holds both an
entry and its key can try values. An erased key stays erased.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

import orjson

from hub.audit.archive import Archive
from hub.audit.contract import StoreError
from hub.audit.entry import Entry
from hub.audit.gaps import gap_facts, gap_request
from hub.audit.reader import Reader
from hub.audit.session import Session
from hub.audit.tiles import WIDTH

TRIES: Final = 20
"""How often a lock that the hub's own statements hold is tried for, a second apart."""
_LOCK: Final = 0x57757169_6E675265
_LOCKED: Final = "55P03"
"""SQLSTATE of a lock that was not to be had in time."""
_SHANGHAI: Final = ZoneInfo("Asia/Shanghai")


class RetentionError(Exception):
    """A month cannot be retired; the message says why and what would be right."""


class Writer(Protocol):
    """How an entry gets into the log."""

    async def put(self, entry: Entry) -> None:
        """Makes it durable."""
        ...

    async def place(self, entry: Entry) -> None:
        """Returns when the durable entry of this name stands in the tree."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A month of the log (202611): its entries are those from ``first`` to before ``end``."""

    number: int
    first: int
    end: int


@dataclass(slots=True, kw_only=True)
class Retention:
    """Retires months, as the database's owner (``session``); ``floor`` is in months."""

    session: Session
    archive: Archive
    writer: Writer
    clock: Callable[[], datetime]
    floor: int
    progress: Callable[[int, int], None] = lambda _done, _all: None
    _reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        self._reader = Reader(self.session)

    async def retire(self, number: int) -> Month | None:
        """The month, retired now; None if it was before. ``RetentionError``, ``ArchiveError``, ``StoreError``."""
        if not await self.session.hold(_LOCK):
            raise RetentionError("another retirement is under way")
        month = await self._due(number)
        if month is None:
            return None
        older = await self._write(month)
        digest = await self._read_back(month)
        # If we crash here, the month is whole in the log and nothing says otherwise: the archive is compared next time.
        for entry in (*older, self._gap(month, digest)):
            await self._say(entry)
        # If we crash here, an entry says that the month was retired while it is still there: harmless, and done again.
        await self._detach(month)
        return month

    async def _due(self, number: int) -> Month | None:
        """The month if it may be retired now."""
        months = await self._rows("select month, first, last, retired from log.month order by month")
        found = {row["month"]: row for row in months}.get(number)
        if found is None:
            raise RetentionError(f"the log has no month `{number}`")
        if found["retired"] is not None:
            return None
        before = [row["month"] for row in months if row["retired"] is None and row["month"] < number]
        if before:
            raise RetentionError(f"retire `{before[0]}` first: months leave in their order")
        if found["last"] is None:
            raise RetentionError(f"month `{number}` is not closed yet")
        if found["first"] % WIDTH or found["last"] % WIDTH:
            raise RetentionError(f"month `{number}` does not begin and end with a bundle of {WIDTH} entries")
        newest = await self._rows("select max(at) as at from log.entry where month = $1", number)
        if newest[0]["at"] >= earlier(self.clock(), self.floor):
            raise RetentionError(f"month `{number}` has entries of the last {self.floor} months")
        return Month(number=number, first=found["first"], end=found["last"])

    async def _write(self, month: Month) -> list[Entry]:
        """Writes the archive; returns anew what the month says of months retired before, lest that leave with it."""
        older: list[Entry] = []
        for first in range(month.first, month.end, WIDTH):
            kept = await self._reader.present(first, WIDTH)
            if len(kept) != WIDTH:
                raise RetentionError(f"entries from `{first}` on are missing: run `hub audit inspect`")
            entries = [data for _, _, data in kept]
            lists = await self._reader.lists(first, WIDTH)
            self.archive.write(first // WIDTH, entries, await self._tile(first // WIDTH), lists)
            older += [self._again(data) for data in entries if b'"kind":"gap"' in data]
            self.progress(first + WIDTH - month.first, month.end - month.first)
        self.archive.settle()
        return older

    async def _read_back(self, month: Month) -> str:
        """SHA-256 over the bundles' own, all read from the files and compared with the tree."""
        digest = sha256()
        for number in range(month.first // WIDTH, month.end // WIDTH):
            digest.update(self.archive.read_back(number, await self._tile(number)))
        return digest.hexdigest()

    async def _tile(self, number: int) -> bytes:
        """The leaf hashes of bundle ``number`` as the tree has them."""
        found = await self._reader.tiles(0, number, 1)
        if number not in found:
            raise RetentionError(f"tile `{number}` is missing: run `hub audit inspect`")
        return found[number][0]

    def _gap(self, month: Month, digest: str) -> Entry:
        return Entry(
            kind="gap",
            request=gap_request(month.first, month.end),
            at=self.clock(),
            unit="hub",
            decision="ALLOWED",
            facts=gap_facts(month.first, month.end, digest),
        )

    def _again(self, data: bytes) -> Entry:
        document: Mapping[str, Any] = orjson.loads(data)
        return Entry(
            kind="gap",
            request=document["request"],
            part=document["part"] + 1,
            at=self.clock(),
            unit=document["unit"],
            decision="ALLOWED",
            facts=document["facts"],
        )

    async def _say(self, entry: Entry) -> None:
        """Puts the entry in and waits for its place; one that was put in before must say the same."""
        kept = await self._reader.named(entry.request, entry.kind, entry.part)
        if kept is None:
            await self.writer.put(entry)
        elif orjson.loads(kept.data)["facts"] != sorted(entry.facts):
            raise RetentionError(f"entry `{entry.request}/{entry.kind}/{entry.part}` says something else")
        await self.writer.place(entry)

    async def _detach(self, month: Month) -> None:
        for attempt in range(1, TRIES + 1):
            try:
                # Asked again at each try: a lock lives with its connection, and a failed try has ended that.
                if await self.session.hold(_LOCK):
                    return await self._detach_once(month.number)
            except StoreError as error:
                # Whoever waits for a table's lock makes the hub wait behind it: short waits, and several.
                if attempt == TRIES or _LOCKED not in error.reason:
                    raise
            await asyncio.sleep(1)
        raise RetentionError("another retirement is under way")

    async def _detach_once(self, number: int) -> None:
        async with self.session.connection() as connection, connection.transaction():
            await connection.execute("set local lock_timeout = '300ms'")
            await connection.execute(f"alter table log.entry detach partition log.entry_{number}")
            await connection.execute(f"alter table log.entry_{number} rename to retired_{number}")
            await connection.execute("update log.month set retired = now() where month = $1", number)

    async def _rows(self, query: str, *values: Any) -> list[Any]:
        async with self.session.connection() as connection:
            found: list[Any] = await connection.fetch(query, *values)
            return found


def earlier(now: datetime, months: int) -> datetime:
    """``now`` so many calendar months ago, in Shanghai; a day that the month lacks becomes its 28th."""
    local = now.astimezone(_SHANGHAI)
    count = local.year * 12 + local.month - 1 - months
    return local.replace(year=count // 12, month=count % 12 + 1, day=min(local.day, 28))
