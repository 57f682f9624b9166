"""DSN -> links, items and runs in the hub's own database: what a comparison reads and writes.

Guarantee: a comparison is written in one transaction, under a lock that two of them cannot hold; whatever a person
decided meanwhile stands (people decide by steps: ``hub/lifecycle/reconciliation.py``). If we crash before the commit
nothing has changed; after it, the quarter is whole. Errors are ``StoreError`` with a stable word, never the server's
text.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import asyncpg

from hub.reconcile.items import Change, Item, Outcome
from hub.reconcile.links import CLASS, COORDINATES, TASK, Candidate, Link, Linked

LAYOUT: Final = Path(__file__).with_name("layout.sql")
VERSION: Final = 2
SETTINGS: Final = {
    "application_name": "hub reconcile",
    "synchronous_commit": "on",
    # If we are killed in a statement the server notices within a second, and gives the lock back.
    "client_connection_check_interval": "1000",
}
_ITEMS_OF_LINKS: Final = """
with wanted as (
    select link.*, case link.status when 'CANDIDATE' then 'OPEN' when 'CONFIRMED' then 'CORRECTED' else 'EXPLAINED' end
        as stands
    from link left join reconciliation_item as item on item.id = link.id
    where item.id is null or link.status = 'CANDIDATE' and item.status <> 'OPEN'
)
insert into reconciliation_item (id, register_no, education_person, police_person, coordinates, task, quarter,
    discrepancy_class, compared_field, answering_unit, status)
select id, register_no, case when source = 'education' then person end,
    case when source = 'public_security' then person end,
    case when source = 'education' then $4::text[] else $5::text[] end, $3, coalesce(found_in, $1),
    $2, 'Child.name', 'civil_affairs_bureau', stands
from wanted
on conflict (id) do update set status = excluded.status
"""
LOCK: Final = 0x7265_636F_6E63_696C
"""Advisory lock of a comparison."""


class Busy(Exception):
    """Another comparison is under way."""


class StoreError(Exception):
    """The hub's own database did not do what was asked; ``reason`` is a word, never source text."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the database of links and items is unavailable: {reason}")
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One comparison: its quarter, who started it, the log's entry of it."""

    quarter: str
    request: str
    operator: str
    started_at: datetime
    finished_at: datetime
    counts: dict[str, int]
    order: str | None = None


class Store:
    """The hub's own database, by its owner's or a writing role's connection."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @classmethod
    @asynccontextmanager
    async def opened(cls, dsn: str) -> AsyncIterator[Store]:
        """A store over a connection of its own, its tables up to date; raises ``StoreError``."""
        try:
            connection = await asyncpg.connect(dsn, timeout=5, server_settings=SETTINGS)
            try:
                await _install(connection)
                yield cls(connection)
            finally:
                connection.terminate()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise StoreError(_reason(error)) from error

    async def lock(self) -> None:
        """Holds off other comparisons until the store is closed; raises ``Busy``."""
        if not await self.connection.fetchval("select pg_try_advisory_lock($1)", LOCK):
            raise Busy("another comparison is under way")

    async def free(self) -> bool:
        """Whether nobody compares now."""
        found: bool = await self.connection.fetchval(
            "select case when pg_try_advisory_lock($1) then pg_advisory_unlock($1) else false end", LOCK
        )
        return found

    async def links(self) -> list[Link]:
        """Every link: confirmed, candidate, refused."""
        rows = await self.connection.fetch("select id, source, person, register_no, status from link order by id")
        return [Link(id=row[0], source=row[1], person=row[2], register=row[3], status=row[4]) for row in rows]

    async def items(self) -> list[Item]:
        """Every item that may matter: not closed, or the newest of its kind."""
        rows = await self.connection.fetch(
            "select id, discrepancy_class, quarter, register_no, education_person, police_person, coordinates, "
            "compared_field, status, digest, closed_in "
            "from reconciliation_item where discrepancy_class <> $1 order by id",
            CLASS,
        )
        return [
            Item(
                id=row[0],
                name=row[1],
                quarter=row[2],
                register=row[3],
                education=row[4],
                police=row[5],
                coordinates=tuple(row[6]),
                field=row[7],
                status=row[8],
                digest=row[9],
                closed_in=row[10],
            )
            for row in rows
        ]

    async def apply(self, run: Run, linked: Linked, outcome: Outcome) -> int:
        """Writes the whole comparison at once; the number of the run."""
        async with self.connection.transaction():
            number: int = await self.connection.fetchval(
                "insert into reconciliation_run (quarter, request, operator, started_at, finished_at, counts) "
                "values ($1, $2, $3, $4, $5, $6::jsonb) returning id",
                *(run.quarter, run.request, run.operator, run.started_at, run.finished_at, json.dumps(run.counts)),
            )
            await self._write_candidates(run.quarter, linked.candidates)
            await self._withdraw(number, linked.withdrawn)
            await self._write_items(run.quarter, outcome)
            await self._change_items(number, run.quarter, outcome.changes)
            await self._mark_seen(run.quarter, outcome.seen)
            if run.order is not None:
                # Together with what it was for: an order is fulfilled once, or is there to be run again.
                await self.connection.execute(
                    "update reconciliation_order set status = 'DONE', run = $2, seen_at = now() where id = $1",
                    *(run.order, number),
                )
            return number

    async def run_of(self, request: str) -> str | None:
        """The quarter that was compared under the name."""
        found: str | None = await self.connection.fetchval(
            "select quarter from reconciliation_run where request = $1 and not given_up", request
        )
        return found

    async def settle_run(self, request: str) -> str | None:
        """The same; if there is none, there never will be: a run that stood still cannot be written any more."""
        await self.connection.execute(
            "insert into reconciliation_run (quarter, request, operator, started_at, finished_at, counts, given_up) "
            "values ('', $1, '', now(), now(), '{}', true) on conflict (request) do nothing",
            request,
        )
        return await self.run_of(request)

    async def _write_candidates(self, quarter: str, candidates: Iterable[Candidate]) -> None:
        # A person may have decided since the links were read: only what is still a candidate is touched.
        await self.connection.executemany(
            "insert into link (id, source, person, register_no, status, probability, evidence, found_in, seen_in) "
            "values ($1, $2, $3, $4, 'CANDIDATE', $5, $6, $7, $7) on conflict (source, person, register_no) do update "
            "set probability = excluded.probability, evidence = excluded.evidence, seen_in = excluded.seen_in, "
            "found_in = coalesce(link.found_in, excluded.found_in) where link.status = 'CANDIDATE'",
            [
                (one.id, one.source, one.person, one.register, one.probability, list(one.evidence), quarter)
                for one in candidates
            ],
        )
        # Every link has its item, links of older versions as well; both change together whenever somebody decides.
        await self.connection.execute(
            _ITEMS_OF_LINKS, quarter, CLASS, TASK, list(COORDINATES["education"]), list(COORDINATES["public_security"])
        )

    async def _withdraw(self, run: int, links: Sequence[str]) -> None:
        gone = await self.connection.fetch(
            "delete from link where id = any($1::text[]) and status = 'CANDIDATE' returning id", list(links)
        )
        await self.connection.execute(
            "update reconciliation_item set status = 'CORRECTED' where id = any($1::text[]) and discrepancy_class = $2",
            *([row[0] for row in gone], CLASS),
        )
        await self.connection.executemany(
            "insert into reconciliation_change (run, kind, of, was, now, why) "
            "values ($1, 'link', $2, 'CANDIDATE', 'WITHDRAWN', 'joined_otherwise')",
            [(run, row[0]) for row in gone],
        )

    async def _write_items(self, quarter: str, outcome: Outcome) -> None:
        await self.connection.executemany(
            "insert into reconciliation_item (id, register_no, education_person, police_person, coordinates, task, "
            "quarter, discrepancy_class, compared_field, answering_unit, status, seen_in, digest) "
            "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'OPEN', $7, $11) on conflict (id) do nothing",
            [
                (
                    *(identifier, one.register, one.education, one.police, list(one.coordinates), one.task),
                    *(quarter, one.name, one.coordinates[0], one.answering, one.digest),
                )
                for identifier, one in outcome.new
            ],
        )

    async def _mark_seen(self, quarter: str, seen: Iterable[tuple[str, str]]) -> None:
        """That they were seen, and what differed; of an explanation what differed when it was given stands."""
        pairs = list(seen)
        await self.connection.execute(
            "update reconciliation_item as item set seen_in = $1, digest = case when item.status = 'EXPLAINED' "
            "then coalesce(item.digest, seen.digest) else seen.digest end "
            "from unnest($2::text[], $3::text[]) as seen (id, digest) where item.id = seen.id",
            *(quarter, [one for one, _ in pairs], [digest for _, digest in pairs]),
        )

    async def _change_items(self, run: int, quarter: str, changes: Iterable[Change]) -> None:
        await self.connection.execute(
            "create temp table step (id text, was text, now text, why text, coordinates text[]) on commit drop"
        )
        await self.connection.copy_records_to_table(
            "step",
            records=[
                (one.id, one.was, one.now, one.why, None if one.coordinates is None else list(one.coordinates))
                for one in changes
            ],
        )
        # An answer that came in since the items were read is newer than what we compared: the next run judges it.
        await self.connection.execute(
            "with done as (update reconciliation_item as item set status = step.now, "
            "coordinates = coalesce(step.coordinates, item.coordinates), "
            "compared_field = coalesce(step.coordinates[1], item.compared_field), "
            "closed_in = case when step.now = 'CORRECTED' then $2 end "
            "from step where item.id = step.id and item.status = step.was "
            "returning item.id, step.was, step.now, step.why) "
            "insert into reconciliation_change (run, kind, of, was, now, why) "
            "select $1, 'item', id, was, now, why from done order by id",
            *(run, quarter),
        )


async def _install(connection: Any) -> None:
    present = await connection.fetchval("select to_regclass('reconciliation_layout') is not null")
    version = await connection.fetchval("select max(version) from reconciliation_layout") if present else None
    if version is None or version < VERSION:
        # If we crash in here the old layout stands whole, and the next one to come brings it up to date.
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", LOCK + 1)
            await connection.execute(LAYOUT.read_text(encoding="utf-8"))
    elif version != VERSION:
        raise StoreError(f"its tables have layout `{version}`, `{VERSION}` is needed")


def _reason(error: BaseException) -> str:
    """A stable word for what happened; the server's own words may hold a row."""
    if isinstance(error, asyncpg.PostgresError):
        return f"refused with SQLSTATE `{error.sqlstate}`"
    return "timeout" if isinstance(error, TimeoutError) else "unreachable"
