"""The scratch department with a write side: its mapping, a database and a role of its own, and lists beside it."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from connectors.demo.server import Server
from connectors.mapping import Mapping as SourceMapping
from connectors.mapping import parse
from connectors.memory import MemorySource
from connectors.memory_write import MemoryTarget
from connectors.postgres import PoolSettings, PostgresSource
from connectors.source import Column, Compare, Fetch, Param, Source
from connectors.sql_write import INTENTS_DDL, grants
from connectors.write import Target
from connectors.write_postgres import PostgresTarget
from tests.connectors import scratch

# fmt: off
PERSON = [
    "name", "citizenId", "phone", "birthDate", "bornOn", "updatedAt", "heardAt", "sex", "kin", "alone",
    "poor", "incomes", "kinds", "parts", "tags", "address", "division", "grade", "amount", "rate",
]
# fmt: on
WRITES: Mapping[str, Mapping[str, Any]] = {
    "Person": {
        "insert": ["_key", "_group", "_open", *PERSON],
        "update": [*PERSON],
        "check": ["_group", "_open", "division", "grade", "name", "schoolName", "kinds"],
        "longest": {"name": 30},
    },
    "Part": {
        "insert": ["_key", "_person", "kind", "givenOn", "amount"],
        "update": ["kind"],
        "check": ["_person", "kind"],
    },
}
ROLE, PASSWORD = "scratch_write", "only-for-tests"


def mapping() -> SourceMapping:
    data: dict[str, Any] = tomllib.loads(scratch.TOML)
    for relation, writes in WRITES.items():
        data["relations"][relation]["writes"] = dict(writes)
    data["relations"]["Person"]["keys"]["_open"]["false"] = "2"
    data["relations"]["Person"]["fields"]["poor"]["false"] = "0"
    return parse(data, "scratch.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Department:
    """A department that is read and written."""

    source: Source
    target: Target
    mapping: SourceMapping

    async def row(self, key: str, *names: str, relation: str = "Person") -> dict[str, Any] | None:
        """Values of one row; None if there is none."""
        fetch = Fetch(
            source="scratch",
            relation=relation,
            columns=tuple(Column(name=name) for name in names),
            where=Compare("_key", "eq", Param("key")),
        )
        rows: Sequence[Any] = await self.source.fetch(fetch, {"key": key}, deadline=30)
        return dict(zip(names, rows[0], strict=True)) if rows else None


def in_memory() -> Department:
    known = mapping()
    source = MemorySource(name="scratch", relations=scratch.relations(), decimals={"amount"})
    return Department(source=source, target=MemoryTarget(source=source, mapping=known), mapping=known)


_numbers = itertools.count(1)


@asynccontextmanager
async def in_postgres(server: Server, *, statement_timeout: float = 5.0) -> AsyncIterator[tuple[Department, str]]:
    """A database of its own with the scratch rows, and the DSN of its owner."""
    known = mapping()
    dsn = await scratch.load(server, f"writable_{next(_numbers)}")
    owner = await asyncpg.connect(dsn)
    try:
        await owner.execute(
            f"DO $$ BEGIN CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'; "
            "EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        )
        for statement in (INTENTS_DDL, *grants(known, ROLE)):
            await owner.execute(statement)
    finally:
        await owner.close()
    database = dsn.partition("?")[0].rpartition("/")[2]
    settings = PoolSettings(connections=4, statement_timeout=statement_timeout)
    target = PostgresTarget(
        name="scratch", mapping=known, dsn=server.dsn(database, user=ROLE, password=PASSWORD), settings=settings
    )
    source = PostgresSource(name="scratch", mapping=known, dsn=dsn)
    try:
        yield Department(source=source, target=target, mapping=known), dsn
    finally:
        await target.close()
        await source.close()
