"""Embedded PostgreSQL, the demo's rows, the real pipeline over them: what the tests of the whole way share.

Everything is composed here as the hub's own composition root does it, with two differences: the clock stands still on
``TODAY``, and the test server does not sync to disk.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any, Literal, Protocol

import asyncpg
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from graphql import GraphQLSchema

from connectors.demo.generate import load
from connectors.demo.server import Server
from connectors.mapping import load as load_mapping
from connectors.postgres import PoolSettings, PostgresSource
from connectors.source import Source
from hub.audit.entry import Pseudonyms
from hub.audit.keys import SigningKey
from hub.audit.log import Log
from hub.audit.session import Session, install
from hub.audit.store import PostgresStore
from hub.document import Documents
from hub.hub import Hub
from hub.identity import Identity
from hub.lifecycle.signatures import served
from hub.pipeline import Request, answer
from hub.recording import Recorder, Recording
from hub.seal import Seals
from hub.settings import Limits
from hub.sources import Sources
from policies import Current
from policies import load as load_policy
from schema.catalogue import CATALOGUE
from tests.support import clusters
from tests.support.rights import Me
from tests.support.world import PARKS, World

ROOT = Path(__file__).parent.parent.parent
SHANGHAI = timezone(timedelta(hours=8))
TODAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=SHANGHAI)
SEED_OF_BENCH = 20170601
READ_PASSWORD = "only-for-tests"
SOURCES = ("civil_affairs", "education", "public_security", "courts", "procuratorate", "hub")
CASE = "(2026)津0114民特1号"


class Where(Protocol):
    """Where the databases are."""

    def dsn(self, database: str, *, user: str = ..., password: str | None = ...) -> str:
        """A DSN for one database."""
        ...

    def dsns(self) -> dict[str, str]:
        """Database -> DSN, as its owner."""
        ...


def start_server(folder: Path, **settings: str) -> Server:
    """A server in ``folder`` that keeps nothing through a power cut."""
    return clusters.start_empty(folder, settings)


async def start_filled(folder: Path, *, children: int, seed: int, **settings: str) -> Server:
    """The same with the generator's rows and the tables of the log: for rows that several tests begin with."""

    async def filled(server: Server) -> None:
        await fill(server, children=children, seed=seed, truth=server.folder.with_suffix(".truth"))

    return await clusters.start_filled(folder, (children, seed), filled, settings)


async def fill(server: Server, *, children: int, seed: int, truth: Path) -> None:
    """The generator's rows, and the tables of the log."""
    await load(
        server.dsns(),
        children=children,
        seed=seed,
        today=TODAY,
        divisions=ROOT / "policies" / "divisions.csv",
        institutions=ROOT / "policies" / "institutions.csv",
        truth=truth,
        read_password=READ_PASSWORD,
        progress=lambda _what, _done, _whole: None,
    )
    await install(server.dsn("hub"))
    connection = await asyncpg.connect(server.dsn("hub"))
    try:
        await connection.execute("GRANT SELECT ON access_log TO hub_read")
    finally:
        await connection.close()


def connect(server: Where, *, settings: PoolSettings | None = None) -> dict[str, Source]:
    """The six sources, read by the role that may read and nothing else."""
    return {
        name: PostgresSource(
            name=name,
            mapping=load_mapping(ROOT / "connectors" / f"{name}.toml"),
            dsn=server.dsn(name, user="hub_read", password=READ_PASSWORD),
            settings=settings or PoolSettings(connect_timeout=30.0, statement_timeout=30.0),
        )
        for name in SOURCES
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer as a client reads it."""

    status: int
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body."""
        found: dict[str, Any] = orjson.loads(self.body)
        return found

    @property
    def data(self) -> dict[str, Any] | None:
        """The data, if there are any."""
        return self.json.get("data")

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The errors."""
        found: list[dict[str, Any]] = self.json.get("errors", [])
        return found

    def codes(self) -> set[str]:
        """Codes of the errors."""
        return {error["extensions"]["code"] for error in self.errors}


@dataclass(slots=True, kw_only=True)
class Asking:
    """Requests of any principal, straight to the pipeline."""

    hub: Hub
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    async def __call__(
        self,
        unit_key: str,
        purpose: str,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        case: str | None = None,
        denied: Literal["refuse", "null"] = "refuse",
        operation_name: str | None = None,
    ) -> Reply:
        """The hub's answer."""
        number = next(self._numbers)
        request = Request(
            query=query,
            operation_name=operation_name,
            variables=dict(variables or {}),
            denied=denied,
            request_id=hashlib.sha256(f"test {id(self)} {number}".encode()).hexdigest()[:32],
        )
        found = await answer(self.hub, identity(unit_key, purpose, case=case), request)
        return Reply(status=found.status, body=found.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A hub over databases in which every value is a canary."""

    server: Server
    world: World
    ask: Asking
    canaries: Any


def identity(unit_key: str, purpose: str, *, case: str | None = None) -> Identity:
    """The identity that a credential of this principal would give."""
    me = Me(unit_key, purpose)
    return Identity(
        client=f"test:{me.unit}",
        unit=me.unit,
        operator="T0001",
        division=me.division,
        institution=me.institution,
        purpose=purpose,
        purposes=(purpose,),
        case=case or CASE,
        expires_at=2_000_000_000,
    )


@cache
def whole() -> GraphQLSchema:
    """The schema, made once: every hub has the same, and none changes it."""
    return served()


def compose(sources: Mapping[str, Source], log: Recorder, *, deadline: float = 30.0) -> Hub:
    """The hub over these sources and this log."""
    schema, limits = whole(), Limits()
    current = Current(lambda: load_policy(ROOT / "policies", CATALOGUE))
    pseudonyms = Pseudonyms(key=hashlib.sha256(b"pseudonyms of the tests").digest())
    return Hub(
        schema=schema,
        current=current,
        documents=Documents(schema=schema, limits=limits),
        sources=Sources.of(sources, deadline=deadline, monotonic=monotonic),
        recording=Recording(
            log=log,
            pseudonyms=pseudonyms,
            clock=lambda: NOW,
            policy_version=lambda: current.policy.version,
        ),
        pseudonyms=pseudonyms,
        seals=Seals(hashlib.sha256(b"seals of the tests").digest()),
        limits=limits,
        clock=lambda: NOW,
        parks=PARKS,
    )


@asynccontextmanager
async def open_hub(server: Server, sources: Mapping[str, Source]) -> AsyncIterator[Hub]:
    """The hub with the real log in the server's own database."""
    key = SigningKey.of("hub.test", Ed25519PrivateKey.generate())
    async with Log.opened(server.dsn("hub"), key=key, durable=False, patience=60.0) as log:
        yield compose(sources, log)


@asynccontextmanager
async def open_alone(log_dsn: str, sources: Mapping[str, Source], *, deadline: float = 30.0) -> AsyncIterator[Hub]:
    """The hub with the log's writer, and nothing that works behind requests: no sequencer, no indexer."""
    key = SigningKey.of("hub.test", Ed25519PrivateKey.generate())
    session = Session(log_dsn, name="writer", role="hub_log", durable=False, timeout=2 * deadline)
    log = Log(store=PostgresStore(session), key=key, patience=2 * deadline)
    await log.start()
    try:
        yield compose(sources, log, deadline=deadline)
    finally:
        await log.close()


async def close_all(sources: Mapping[str, Source]) -> None:
    """Gives every connection back."""
    for source in sources.values():
        await source.close()
