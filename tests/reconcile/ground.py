"""A server with invented departments -> grounds: the sources, a hub database of its own, and the truth about them."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from connectors.demo.server import Server
from connectors.mapping import load as load_mapping
from connectors.postgres import PostgresSource
from connectors.source import Source
from hub.reconcile.digest import Digest
from hub.reconcile.items import Outcome
from hub.reconcile.links import Linked
from hub.reconcile.run import Order, Summary, reconcile
from hub.reconcile.store import Run, Store
from tests.support.running import NOW, READ_PASSWORD, ROOT

DEPARTMENTS = ("civil_affairs", "education", "public_security")
QUARTER = "2026Q4"
DIGEST = Digest.of(b"digests of the tests")
STATE = {
    "link": "select source, person, register_no, status, probability, evidence, found_in, seen_in from link",
    "item": "select id, register_no, education_person, police_person, coordinates, task, quarter, discrepancy_class, "
    "compared_field, answering_unit, status, seen_in, closed_in from reconciliation_item",
    "change": "select kind, of, was, now, why from reconciliation_change",
    "run": "select quarter, operator, counts from reconciliation_run",
}
"""What a comparison leaves behind, but for times and numbers of runs."""

_numbers = itertools.count(1)


class _Held(Store):
    """A store that lets something happen just before the comparison is written."""

    def __init__(self, store: Store, before: Callable[[], Awaitable[None]] | None) -> None:
        super().__init__(store.connection)
        self._before = before

    async def apply(self, run: Run, linked: Linked, outcome: Outcome) -> int:
        if self._before is not None:
            await self._before()
        return await super().apply(run, linked, outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Three departments and a hub database; ``truth``: lines of the generator."""

    server: Server
    names: Mapping[str, str]
    sources: Mapping[str, Source]
    truth: list[dict[str, Any]] = field(repr=False)

    def dsn(self, source: str) -> str:
        """The owner's DSN of one database."""
        return self.server.dsn(self.names[source])

    async def run(
        self,
        quarter: str = QUARTER,
        *,
        now: datetime = NOW,
        before_writing: Callable[[], Awaitable[None]] | None = None,
        request: str | None = None,
    ) -> Summary:
        """One comparison; ``before_writing`` happens when all is read and compared and nothing is written."""
        order = Order(
            quarter=quarter,
            request=request or secrets.token_hex(16),
            operator="T0001",
            clock=lambda: now,
            digest=DIGEST,
        )
        async with Store.opened(self.dsn("hub")) as store:
            return await reconcile(self.sources, _Held(store, before_writing), order, lambda *_: None)

    async def rows(self, source: str, statement: str, *arguments: Any) -> list[Any]:
        """Rows of a statement, as the owner."""
        connection = await asyncpg.connect(self.dsn(source))
        try:
            found: list[Any] = await connection.fetch(statement, *arguments)
            return found
        finally:
            await connection.close()

    async def each(self, source: str, statement: str, records: Iterable[tuple[Any, ...]]) -> None:
        """A statement for each record, as the owner."""
        connection = await asyncpg.connect(self.dsn(source))
        try:
            await connection.executemany(statement, list(records))
        finally:
            await connection.close()

    async def decide(self, link: str, status: str) -> None:
        """A person's word on a link, as the step leaves it: the link and its item, in one transaction."""
        stands = {"CANDIDATE": "OPEN", "CONFIRMED": "CORRECTED", "REFUSED": "EXPLAINED"}[status]
        await self.rows(
            "hub",
            "with decided as (update link set status = $2 where id = $1 returning id) "
            "update reconciliation_item set status = $3 where id = (select id from decided)",
            *(link, status, stands),
        )

    async def state(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that comparisons left in the hub's database."""
        found = {}
        for name, statement in STATE.items():
            found[name] = sorted((tuple(row) for row in await self.rows("hub", statement)), key=repr)
        return found


@asynccontextmanager
async def opened(
    server: Server, truth: Path, *, copied: Iterable[str] = ("hub",), of: Mapping[str, str] | None = None
) -> AsyncIterator[Ground]:
    """A ground over databases of the server; those ``copied`` are this ground's own."""
    names = {name: (of or {}).get(name, name) for name in (*DEPARTMENTS, "hub")}
    names |= {name: await _copy(server, names[name]) for name in copied}
    sources: dict[str, Source] = {
        name: PostgresSource(
            name=name,
            mapping=load_mapping(ROOT / "connectors" / f"{name}.toml"),
            dsn=server.dsn(names[name], user="hub_read", password=READ_PASSWORD),
        )
        for name in names
    }
    lines = [json.loads(line) for line in truth.read_text(encoding="utf-8").splitlines()][1:]
    try:
        yield Ground(server=server, names=names, sources=sources, truth=lines)
    finally:
        for source in sources.values():
            await source.close()
        # Its databases stay as long as the server: to drop each, that would first write all there is to disk.


async def _copy(server: Server, name: str) -> str:
    copy = f"{name}_{next(_numbers)}"
    await _owner(server, f'create database "{copy}" template "{name}" strategy file_copy')
    return copy


async def _owner(server: Server, statement: str) -> None:
    connection = await asyncpg.connect(server.dsn("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
