"""Entries in the tree -> the rows by which the console finds them, following the tree a moment behind.

Guarantee: rows of a batch, counts and the position reached are one transaction, so that a crash leaves neither a gap
nor a double; what is indexed was hashed (an entry whose bytes are not those of its leaf stops the index, and the next
full verification names it). Of all replicas one works.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from itertools import accumulate, chain, repeat
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from hub.audit.contract import StoreError
from hub.audit.merkle import leaf_hash
from hub.audit.named import keys_of
from hub.audit.reader import Reader
from hub.audit.session import Connections

BATCH: Final = 1_000
NAMES: Final = 20_000
"""Names that are read and written at once, some 10 ms: of answers of a hundred rows those of thirty entries."""
TURN: Final = 100
"""Entries that are read without giving way to requests: some 2 ms."""
PERIOD: Final = 1.0
REPORTER: Final = "reporter"
"""The one word under which authors of reports are counted."""
LEVELS: Final = ("L1", "L2", "L3", "L4")
UNSOUGHT: Final = ("commitments", "notes")
"""Lists by which nothing is found."""
ZONE: Final = ZoneInfo("Asia/Shanghai")

_logger = logging.getLogger(__name__)

# What many entries have alike comes once for all of them, its lists made arrays once.
_FOUND = """
with alike as materialized (
    select number, kind, decision, unit, operator, purpose, case_ref, sensitivity,
        string_to_array(released, ' ') as released, string_to_array(masked, ' ') as masked,
        string_to_array(refused, ' ') as refused, string_to_array(coordinates, ' ') as coordinates
    from unnest($7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],
        $15::text[], $16::text[], $17::text[]) with ordinality
        as a (kind, decision, unit, operator, purpose, case_ref, sensitivity, released, masked, refused, coordinates,
            number)
)
insert into log.found (index, at, kind, decision, unit, operator, purpose, case_ref, request, rows, subjects,
    sensitivity, released, masked, refused, coordinates)
select n.index, n.at, a.kind, a.decision, a.unit, a.operator, a.purpose, a.case_ref, n.request, n.rows, n.subjects,
    a.sensitivity, a.released, a.masked, a.refused, a.coordinates
from unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::int[], $5::int[], $6::int[])
    as n (index, at, request, rows, subjects, alike) join alike a on a.number = n.alike
"""
# The keys come as one text: an item of an array costs its writer more than the server needs to take a text apart.
_NAMED = """
insert into log.named (index, kind, files, records, names)
select index, kind, files, records, (select string_to_array($6, ' ')::uuid[])[past + 1 : past + names]
from unnest($1::bigint[], $2::text[], $3::int[], $4::int[], $5::int[], $7::int[])
    as n (index, kind, files, records, names, past)
"""
_ALIASES = "insert into log.alias select * from unnest($1::text[], $2::text[], $3::bigint[]) on conflict do nothing"
_TALLY = """
insert into log.tally as t (day, unit, purpose, kind, decision, sensitivity, count)
select * from unnest($1::date[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[])
on conflict (day, unit, purpose, kind, decision, sensitivity) do update set count = t.count + excluded.count
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """An entry as the console finds it; ``subjects`` are all that it names, lists kept beside it included, sorted."""

    index: int
    at: datetime
    kind: str
    decision: str
    unit: str
    operator: str
    purpose: str
    case: str
    request: str
    rows: int
    sensitivity: str
    released: tuple[str, ...]
    masked: tuple[str, ...]
    refused: tuple[str, ...]
    subjects: tuple[str, ...]

    @property
    def tally(self) -> tuple[date, str, str, str, str, str]:
        """Under what it is counted."""
        unit = REPORTER if self.unit.startswith("a-") else self.unit
        day = self.at.astimezone(ZONE).date()
        return day, unit, self.purpose, self.kind, self.decision, self.sensitivity

    @property
    def common(self) -> tuple[Any, ...]:
        """What many entries have alike, its lists last."""
        lists = (self.released, self.masked, self.refused)
        return (self.kind, self.decision, self.unit, self.operator, self.purpose, self.case, self.sensitivity, lists)

    @property
    def alias(self) -> tuple[str, str] | None:
        """The file and the child, if the entry names one of each and no more: two names of one child."""
        files, children = self.of("f"), self.of("i")
        return (files[0], children[0]) if len(files) == len(children) == 1 else None

    def of(self, letter: str) -> tuple[str, ...]:
        """Those of the subjects that are of this kind."""
        return self.subjects[bisect(self.subjects, f"{letter}-") : bisect(self.subjects, f"{letter}.")]

    @property
    def named(self) -> tuple[int, int, tuple[str, ...]]:
        """How many files, how many rows of other types, and all subjects: these first, in that order."""
        files, records = self.of("f"), self.of("r")
        first, last = bisect(self.subjects, "f-"), bisect(self.subjects, "r-")
        others = (
            *self.subjects[:first],
            *self.subjects[first + len(files) : last],
            *self.subjects[last + len(records) :],
        )
        return len(files), len(records), (*files, *records, *others)


def indexed(index: int, data: bytes, lists: Mapping[str, Sequence[str]], sensitivities: Mapping[str, str]) -> Indexed:
    """The row of an entry; ``sensitivities``: coordinate -> L1 to L4."""
    document: dict[str, Any] = {**orjson.loads(data), **lists}
    released, masked = tuple(document["released"]), tuple(document["masked"])
    subjects = [*document["subjects"]]
    if document["kind"] == "review":
        subjects += [f"of:{fact.removeprefix('of=')}" for fact in document["facts"] if fact.startswith("of=")]
    return Indexed(
        index=index,
        at=datetime.fromisoformat(document["at"].replace("Z", "+00:00")),
        kind=document["kind"],
        decision=document["decision"],
        unit=document["unit"],
        operator=document["operator"],
        purpose=document["purpose"],
        case=document["case"],
        request=document["request"],
        rows=sum([int(row.partition("=")[2]) for row in document["rows"]]),
        sensitivity=max(map(sensitivities.get, chain(released, masked), repeat("L1")), default=""),
        released=released,
        masked=masked,
        refused=tuple(document["refused"]),
        subjects=tuple(sorted(dict.fromkeys(subjects))),
    )


@dataclass(slots=True, kw_only=True)
class Indexer:
    """The task; ``leads``: whether this replica is the one that indexes."""

    reader: Reader
    connections: Connections
    sensitivities: Mapping[str, str]
    leads: Callable[[], Awaitable[bool]]
    period: float = PERIOD
    batch: int = BATCH
    """Entries of a transaction: fewer after a failure, since a thousand lists may take longer than a statement may."""

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            try:
                if await self.leads():
                    while await self.step():
                        self.batch = min(self.batch * 2, BATCH)
            except StoreError as error:
                self.batch = max(self.batch // 2, 1)
                _logger.warning("the log is not indexed now: %s", error)
            except ValueError as error:
                _logger.error("the log is not indexed any further: %s", error)
            await asyncio.sleep(self.period)

    async def step(self) -> int:
        """Indexes the next entries; returns how many. ``ValueError`` names one that is not as it was hashed."""
        async with self.connections.connection() as connection:
            position: int = await connection.fetchval("select position from log.indexed")
        found = _together(await self.reader.present(position, self.batch))
        if not found:
            return 0
        lists: dict[int, dict[str, Sequence[str]]] = {}
        for index, name, items in await self.reader.lists(position, found[-1][0] + 1 - position, without=UNSOUGHT):
            lists.setdefault(index, {})[name] = items
        rows: list[Indexed] = []
        for number, (index, leaf, data) in enumerate(found):
            if number % TURN == TURN - 1:
                await asyncio.sleep(0)  # the index may be a moment late, answers may not
            if leaf_hash(data) != leaf:
                raise ValueError(f"entry {index} is not as it was hashed")
            rows.append(indexed(index, data, lists.get(index, {}), self.sensitivities))
        await self._keep(position, rows)
        return len(rows)

    async def _keep(self, position: int, rows: Sequence[Indexed]) -> None:
        """All or nothing; if another replica was here meanwhile, nothing."""
        async with self.connections.connection() as connection, connection.transaction():
            moved = await connection.execute(
                "update log.indexed set position = $1 where position = $2", rows[-1].index + 1, position
            )
            if moved != "UPDATE 1":
                raise StoreError("another replica indexes")
            await connection.execute(_FOUND, *_columns(rows))
            await connection.execute(_NAMED, *_named(rows))
            await connection.execute(
                _ALIASES, *_turned([(*names, row.index) for row in rows if (names := row.alias)], 3)
            )
            counts = Counter(row.tally for row in rows)
            await connection.execute(_TALLY, *_turned([(*key, count) for key, count in sorted(counts.items())], 7))


def _together(found: Sequence[tuple[int, bytes, bytes]]) -> Sequence[tuple[int, bytes, bytes]]:
    """As many of the entries as one transaction takes: lists name hundreds, and all of them at once would take long."""
    names = accumulate(_counted(data) for _, _, data in found)
    return found[: max(bisect(list(names), NAMES), 1)]


def _counted(data: bytes) -> int:
    """How many names a list beside the entry has; of one that has none its few are not worth a look."""
    return int(orjson.loads(data).get("subjectsCount", 0)) if b'"subjectsCount":' in data else 1


def _named(rows: Sequence[Indexed]) -> tuple[Any, ...]:
    """What ``_NAMED`` is given: the keys of all entries stand together, since arrays in an array are of one length."""
    naming = [row for row in rows if row.subjects]
    told = [row.named for row in naming]
    counts = [len(names) for _, _, names in told]
    return (
        [row.index for row in naming],
        [row.kind for row in naming],
        [files for files, _, _ in told],
        [records for _, records, _ in told],
        counts,
        " ".join([key for _, _, names in told for key in keys_of(names)]),
        list(accumulate(counts, initial=0))[:-1],
    )


def _columns(rows: Sequence[Indexed]) -> list[list[Any]]:
    """The arrays of ``_FOUND``: what an entry has of its own, then what many have alike."""
    alike: dict[tuple[Any, ...], int] = {}
    own = [
        (row.index, row.at, row.request, row.rows, len(row.subjects), alike.setdefault(row.common, len(alike) + 1))
        for row in rows
    ]
    return _turned(own, 6) + _turned([(*words, *_words(*lists)) for *words, lists in alike], 11)


@lru_cache(maxsize=1_000)
def _words(released: tuple[str, ...], masked: tuple[str, ...], refused: tuple[str, ...]) -> tuple[str, str, str, str]:
    """Lists as texts, and all of them together: an array of arrays would need them to be of one length."""
    every = sorted({*released, *masked, *refused})
    return " ".join(released), " ".join(masked), " ".join(refused), " ".join(every)


def _turned(rows: Iterable[tuple[Any, ...]], width: int) -> list[list[Any]]:
    columns = [list(column) for column in zip(*rows, strict=True)]
    return columns or [[] for _ in range(width)]
