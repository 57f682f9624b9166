"""The hub as a process of its own that takes steps: real HTTP, real tokens, real departments that are written."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import httpx
from pydantic import SecretStr

from connectors.demo.generate import load
from connectors.demo.server import Server
from connectors.source import All, Compare, Constant, Source
from hub.audit.session import install
from hub.commands.principals import dev_token
from hub.seal import Seals
from hub.secrets import open_secrets
from hub.settings import Databases, Deadlines, Settings, Writes
from tests.support import clusters
from tests.support.forking import Forked, fork, nothing
from tests.support.rights import Me
from tests.support.running import ROOT, SHANGHAI, SOURCES, Where
from tests.support.steps import POLICY, rows_of

PASSWORD = "only-for-tests"
CASE_REFERENCE = "2026-0114-1"
START_WITHIN = 60.0
RENEWED_AFTER = 300.0
"""Seconds; a token lives a quarter of an hour, and a test may take longer."""
WAITED_FOR = ("source", "write", "log", "body", "reading")
PATIENT = {f"HUB_DEADLINES__{name.upper()}": "60" for name in WAITED_FOR}
"""What every hub here gets: tests are of what is answered, on a machine that does other things as well."""
AS_DELIVERED = {f"HUB_DEADLINES__{name.upper()}": str(getattr(Deadlines(), name)) for name in WAITED_FOR}
"""For tests of what is said when a time is over."""
WITHOUT = {**AS_DELIVERED, "HUB_DEADLINES__LOG": "4"}
"""For tests of what is said without a department: a machine that stands still for a while is not without its log."""


def today() -> date:
    """The day on which the hub's clock is."""
    return datetime.now(SHANGHAI).date()


async def fill_writable(server: Where, *, children: int, seed: int, truth: Path) -> None:
    """Departments that take writes, of the day on which the test runs, and the tables of the log."""
    await load(
        server.dsns(),
        children=children,
        seed=seed,
        today=today(),
        divisions=ROOT / "policies" / "divisions.csv",
        institutions=ROOT / "policies" / "institutions.csv",
        truth=truth,
        read_password=PASSWORD,
        write_password=PASSWORD,
        progress=lambda *_: None,
    )
    await install(server.dsn("hub"))


async def start_writable(folder: Path, *, children: int, seed: int, **settings: str) -> Server:
    """A server with such departments: for rows that several tests begin with."""

    async def filled(server: Server) -> None:
        await fill_writable(server, children=children, seed=seed, truth=server.folder.with_suffix(".truth"))

    return await clusters.start_filled(folder, ("writable", children, seed, today()), filled, settings)


def settings_of(server: Where, keys: Path, *, settle: float = 60.0) -> Settings:
    """Settings of a hub over the server, by the roles that read and write."""
    read = {name: SecretStr(server.dsn(name, user="hub_read", password=PASSWORD)) for name in SOURCES}
    write = {name: SecretStr(server.dsn(name, user="hub_write", password=PASSWORD)) for name in Writes.model_fields}
    return Settings(
        databases=Databases(**read, log=SecretStr(server.dsn("hub"))),
        writes=Writes(**write),
        keys=keys,
        deadlines=Deadlines(settle=settle),
        duty_phone="022-29341110",
    )


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer as a client reads it."""

    status: int
    json: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        """The data."""
        assert "data" in self.json, self.json
        found: dict[str, Any] = self.json["data"]
        return found

    @property
    def error(self) -> dict[str, Any]:
        """What the one error tells programs, with its message."""
        assert "errors" in self.json, self.json
        [error] = self.json["errors"]
        return {**error["extensions"], "message": error["message"]}

    @property
    def codes(self) -> set[str]:
        """Codes of the errors."""
        return {error["extensions"]["code"] for error in self.json.get("errors", ())}


@dataclass(slots=True, kw_only=True)
class Served:
    """A hub process, and requests of any principal over HTTP."""

    settings: Settings
    log: Path
    client: httpx.AsyncClient
    seals: Seals
    port: int = field(default_factory=free_port)
    process: Forked | None = None
    tokens: dict[tuple[str, ...], tuple[float, str]] = field(default_factory=dict)
    more: Mapping[str, str] = field(default_factory=dict)

    async def start(self) -> None:
        """Returns when it takes requests."""
        with self.log.open("ab") as log, nothing() as empty:
            streams = (empty, log.fileno(), log.fileno())
            self.process = fork(["serve"], env=self.environment(), streams=streams)
        begun = time.monotonic()
        while True:
            assert self.process.returncode is None, self.log.read_text("utf-8")[-2000:]
            assert time.monotonic() - begun < START_WITHIN
            try:
                if (await self.client.get(f"http://127.0.0.1:{self.port}/healthz")).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """The end without a word."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def __call__(
        self, unit_key: str, purpose: str, query: str, variables: Mapping[str, Any] | None = None, **more: str
    ) -> Reply:
        """The hub's answer over HTTP; ``more``: headers."""
        headers = {
            "Authorization": f"Bearer {self.token(unit_key, purpose)}",
            "Hub-Purpose": purpose,
            "Hub-Case": CASE_REFERENCE,
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        url = f"http://127.0.0.1:{self.port}/graphql"
        found = await self.client.post(url, json={"query": query, "variables": dict(variables or {})}, headers=headers)
        return Reply(status=found.status_code, json=found.json())

    async def step(
        self,
        unit_key: str,
        purpose: str,
        step: str,
        answer: str = "step again",
        *,
        key: str | None = None,
        **given: Any,
    ) -> Reply:
        """A step; ``answer``: what is selected of it; ``key``: the idempotency key (default: a new one)."""
        kind = f"{step[:1].upper()}{step[1:]}Input"
        document = f"mutation Take($input: {kind}!) {{ {step}(input: $input) {{ {answer} }} }}"
        members = {"idempotencyKey": key or secrets.token_hex(8), **given}
        return await self(unit_key, purpose, document, {"input": members})

    def id(self, unit_key: str, type_name: str, *parts: str | None) -> str:
        """The id by which the principal knows a row, as the hub would give it: also of rows that it never was given."""
        return self.seals.of(unit_key).identify(type_name, *parts)

    def token(self, unit_key: str, *purposes: str) -> str:
        """A token of the principal, the same each time while it is young."""
        made, token = self.tokens.get((unit_key, *purposes), (-RENEWED_AFTER, ""))
        if time.monotonic() - made > RENEWED_AFTER or not token:
            me = Me(unit_key, purposes[0])
            token = dev_token(
                self.settings,
                me.unit,
                purposes=purposes,
                division=me.division,
                institution=me.institution,
                operator="T0001",
                policy=POLICY,
            )
            self.tokens[unit_key, *purposes] = (time.monotonic(), token)
        return token

    def environment(self) -> dict[str, str]:
        """Settings of the process, for it and for commands beside it."""
        settings = self.settings
        given = {f"HUB_DATABASES__{name.upper()}": settings.databases.dsn(name) or "" for name in (*SOURCES, "log")}
        given |= {f"HUB_WRITES__{name.upper()}": settings.writes.dsn(name) or "" for name in Writes.model_fields}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        return {
            **kept,
            **given,
            "HUB_KEYS": str(settings.keys),
            "HUB_PORT": str(self.port),
            "HUB_DUTY_PHONE": settings.duty_phone,
            "HUB_HOLD_REPORTS": str(settings.hold_reports).lower(),
            "HUB_DEADLINES__SETTLE": str(settings.deadlines.settle),
            "HUB_FSYNC_REQUIRED": "false",
            **PATIENT,
            **self.more,
        }


S = TypeVar("S", bound=Served)


@asynccontextmanager
async def serving(settings: Settings, folder: Path, **more: str) -> AsyncIterator[Served]:
    """A hub process over the departments of the settings; ``more``: further settings, as the environment has them."""
    async with serving_as(Served, settings, folder, **more) as served:
        yield served


@asynccontextmanager
async def serving_as(kind: type[S], settings: Settings, folder: Path, **more: str) -> AsyncIterator[S]:
    """The same, asked by clients of this kind."""
    seals = Seals(open_secrets(settings.keys, origin=settings.origin).seal)
    async with httpx.AsyncClient(timeout=90) as client:
        served = kind(settings=settings, log=folder / "hub.log", client=client, seals=seals, more=more)
        await served.start()
        try:
            yield served
        finally:
            await served.kill()


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A child with an accepted file, found by every department by its number."""

    register: str
    citizen: str
    village: str

    @property
    def town(self) -> str:
        """The unit key of its town."""
        return f"town_government:{self.village[:9]}"

    @property
    def committee(self) -> str:
        """The unit key of its village."""
        return f"village_committee:{self.village}"


async def children_of(read: Mapping[str, Source]) -> list[Child]:
    """Children under 14 on accepted files."""
    young = date(today().year - 13, 1, 1).isoformat()
    where = All(
        (
            Compare("_open", "eq", Constant(True)),
            Compare("_accepted", "eq", Constant(True)),
            Compare("birthDate", "gt", Constant(young)),
        )
    )
    found = await rows_of(read, "Child", where, {}, "_register", "_citizen", "_division", "divisionCode")
    return [
        Child(register=row["_register"], citizen=row["_citizen"], village=row["divisionCode"])
        for row in found
        if row["_citizen"] and row["_division"] == row["divisionCode"]
    ]


async def entries_of(server: Where) -> list[bytes]:
    """Every entry of the log, in order of time."""
    connection = await asyncpg.connect(server.dsn("hub"))
    try:
        query = "select bytes from (select at, bytes from log.pending union all select at, bytes from log.entry) e"
        return [row["bytes"] for row in await connection.fetch(f"{query} order by at")]
    finally:
        await connection.close()


async def intents_kept(server: Where, source: str) -> set[str]:
    """Names of intents under which a department keeps a row."""
    connection = await asyncpg.connect(server.dsn(source))
    try:
        return {row["intent"] for row in await connection.fetch("select intent from hub.hub_write where not given_up")}
    finally:
        await connection.close()
