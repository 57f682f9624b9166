"""Intents without an outcome are found among very many, also by a server that knows nothing of its tables."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson
import pytest

from hub.audit.session import Session
from hub.lifecycle.settle import OpenIntents

pytestmark = pytest.mark.postgres

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
STEPS, READS = 3_000, 9_000
# What stands in the entries does not matter here, but for three members of an intent.
PUT_IN = """
insert into log.{table} ({columns} request, kind, part, at, leaf, bytes)
select {values} request, kind, 0, $1, sha256('\\x00'::bytea || bytes), bytes
from (
    select n, format('{table}-%s', n) as request, kind,
        convert_to(format('{{"request":"{table}-%s","part":0,"at":"%s"}}', n, $2::text), 'UTF8') as bytes
    from generate_series(1, $3::int) as n cross join unnest($4::text[]) with ordinality as kinds (kind, place)
    where kind <> 'outcome' or n % 1000 <> 0
) as made
"""
OF_PENDING: Mapping[str, str] = {"table": "pending", "columns": "", "values": ""}
OF_TREE: Mapping[str, str] = {
    "table": "entry",
    "columns": "month, index,",
    "values": "202611, (select count(*) from log.entry) + row_number() over (),",
}


@dataclass(slots=True)
class Explained:
    """A session whose statements are explained before they run; ``plans`` are the nodes of their plans."""

    session: Session
    plans: list[Mapping[str, Any]] = field(default_factory=list)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """As of a session."""
        async with self.session.connection() as connection:
            yield Asked(connection, self.plans)

    async def close(self) -> None:
        """As of a session."""
        await self.session.close()


@dataclass(slots=True)
class Asked:
    """A connection, as far as it is asked for open intents."""

    connection: Any
    plans: list[Mapping[str, Any]]

    def transaction(self, **options: Any) -> Any:
        """As of the connection."""
        return self.connection.transaction(**options)

    async def execute(self, text: str) -> Any:
        """As of the connection."""
        return await self.connection.execute(text)

    async def fetch(self, text: str, *arguments: Any) -> Any:
        """As of the connection; the plan is kept."""
        [[plan]] = await self.connection.fetch(f"explain (format json) {text}", *arguments)
        self.plans.extend(nodes(orjson.loads(plan)[0]["Plan"]))
        return await self.connection.fetch(text, *arguments)


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The node and every node below it."""
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)


async def fill(dsn: str) -> None:
    """Thousands of steps that ended, three a table that did not, among entries of reading; no statistics."""
    owner = await asyncpg.connect(dsn)
    try:
        await owner.execute("select log.begin_month(202611, 0)")
        at = NOW - timedelta(hours=2)
        for of in (OF_TREE, OF_PENDING):
            await owner.execute(PUT_IN.format(**of), at, at.isoformat(), STEPS, ["intent", "outcome"])
        reads = PUT_IN.format(**OF_TREE).replace("'entry-%s'", "'read-%s'")
        await owner.execute(reads, at, at.isoformat(), READS, ["access"])
    finally:
        await owner.close()


async def defined(dsn: str, index: str) -> str:
    """The index's definition."""
    owner = await asyncpg.connect(dsn)
    try:
        return str(await owner.fetchval("select indexdef from pg_indexes where indexname = $1", index))
    finally:
        await owner.close()


async def test_open_intents_are_found_without_comparing_each_with_each_or_reading_what_was_read(dsn: str) -> None:
    await fill(dsn)
    explained = Explained(Session(dsn, name="open intents", durable=False))
    found = await OpenIntents(explained)(NOW, timedelta(seconds=60))
    await explained.close()
    wanted = {f"{table}-{n}" for table in ("entry", "pending") for n in range(1000, STEPS + 1, 1000)}
    assert {each["request"] for each in found} == wanted
    assert len(found) == len(wanted)
    assert "Nested Loop" not in {each["Node Type"] for each in explained.plans}
    reading = {each.get("Index Name", each["Relation Name"]) for each in explained.plans if "Relation Name" in each}
    [index] = reading - {"pending"}
    assert "WHERE" in await defined(dsn, index), "an index of steps alone"
