"""Steps of any principal through real departments and the real log, and what these hold afterwards."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.demo.server import Server
from connectors.source import Column, Compare, Fetch, Param, Predicate, Source
from connectors.write import Target
from hub.audit.entry import Pseudonyms
from hub.audit.keys import SigningKey
from hub.audit.log import Log
from hub.lifecycle.dated import AHEAD
from hub.lifecycle.given import Given
from hub.lifecycle.settle import OpenIntents
from hub.lifecycle.way import Taken
from hub.lifecycle.write import Asked, Writing
from hub.planner.relations import HOME
from hub.recording import Recorder
from hub.sources import Sources
from policies import load as load_policy
from schema.build import whole
from schema.catalogue import CATALOGUE
from tests.support.running import NOW, ROOT, identity

WRITTEN = ("civil_affairs", "education", "public_security", "courts", "procuratorate", "hub")
PASSWORD = "only-for-tests"
POLICY = load_policy(ROOT / "policies", CATALOGUE)
TYPES = whole().type_map


@dataclass(slots=True, kw_only=True)
class Clock:
    """A clock that tests move."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def pass_(self, **time: float) -> None:
        """Time goes on."""
        self.now += timedelta(**time)


@dataclass(slots=True, kw_only=True)
class Steps:
    """Steps of any principal, and what the departments and the log hold afterwards."""

    writing: Writing
    read: Mapping[str, Source]
    clock: Clock
    dsn: str
    opens: OpenIntents

    async def __call__(
        self, unit_key: str, purpose: str, step: str, *, name: str | None = None, case: str | None = None, **given: Any
    ) -> Taken:
        request = secrets.token_hex(16)
        asked = Asked(step=step, name=name or request, request_id=request, given=Given(**given))
        return await self.writing.take(identity(unit_key, purpose, case=case), asked)

    async def row(self, relation: str, key: str, *names: str, by: str = "_key") -> dict[str, Any] | None:
        """A row of a department, as it is."""
        return await row_of(self.read, relation, key, *names, by=by)

    async def rows(
        self, relation: str, where: Predicate, bindings: Mapping[str, Any], *names: str
    ) -> list[dict[str, Any]]:
        """Rows of a department, as they are."""
        return await rows_of(self.read, relation, where, bindings, *names)

    async def entries(self) -> list[bytes]:
        """Every entry of the log."""
        connection = await asyncpg.connect(self.dsn)
        try:
            found = await connection.fetch(
                "select bytes from (select at, bytes from log.pending union all select at, bytes from log.entry) e"
                " order by at"
            )
            return [row["bytes"] for row in found]
        finally:
            await connection.close()


async def row_of(
    read: Mapping[str, Source], relation: str, key: str, *names: str, by: str = "_key"
) -> dict[str, Any] | None:
    """A row of a department, as it is."""
    found = await rows_of(read, relation, Compare(by, "eq", Param("key")), {"key": key}, *names)
    return found[0] if found else None


async def rows_of(
    read: Mapping[str, Source], relation: str, where: Predicate, bindings: Mapping[str, Any], *names: str
) -> list[dict[str, Any]]:
    """Rows of a department, as they are."""
    source = HOME[relation]
    fetch = Fetch(source=source, relation=relation, columns=tuple(Column(name=name) for name in names), where=where)
    rows = await read[source].fetch(fetch, bindings, deadline=30)
    return [dict(zip(names, row, strict=False)) for row in rows]


def value_of(coordinate: str) -> Any:
    """A value that the coordinate takes."""
    found = CATALOGUE[coordinate]
    if coordinate in AHEAD:
        return "2099-12-31"
    plain = {
        "String": "虚构",
        "Date": "2026-11-01",
        "DateTime": "2026-11-01T08:00:00+08:00",
        "CitizenId": "12011420150101001X",
        "Phone": "13800000000",
        "DivisionCode": "120114101201",
        "Boolean": True,
        "Int": 1,
        "Decimal": "10.00",
        "Quarter": "2026Q2",
    }
    one = plain[found.inner] if found.inner in plain else next(iter(TYPES[found.inner].values))  # type: ignore[attr-defined]
    return [one] if found.many else one


@asynccontextmanager
async def open_log(server: Server) -> AsyncIterator[Log]:
    """The real log."""
    key = SigningKey.of("hub.test", Ed25519PrivateKey.generate())
    async with Log.opened(server.dsn("hub"), key=key, durable=False, patience=60.0) as log:
        yield log


def writing(
    read: Mapping[str, Source], targets: Mapping[str, Target], log: Recorder, clock: Clock, **more: Any
) -> Writing:
    """Steps through these departments and this log."""
    return Writing(
        sources=Sources.of(read, deadline=30.0, monotonic=monotonic),
        targets=targets,
        log=log,
        pseudonyms=Pseudonyms(key=hashlib.sha256(b"pseudonyms of the tests").digest()),
        policy=lambda: POLICY,
        clock=clock,
        secret=hashlib.sha256(b"names of the tests").digest(),
        **{"deadline": 10.0, **more},
    )
