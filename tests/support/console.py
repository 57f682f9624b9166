"""The whole hub over real databases and real HTTP, as auditors meet it: tokens, sessions, and things to look at."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
import uvicorn
from pydantic import SecretStr

from connectors.demo.server import Server
from hub.app import create_app
from hub.audit import entry
from hub.audit.entry import Pseudonyms
from hub.secrets import open_secrets
from hub.settings import Credentials, Databases, Deadlines, Settings
from hub.tokens import open_issuer
from tests.support.clusters import throw_away
from tests.support.rights import Me
from tests.support.running import READ_PASSWORD, SOURCES, TODAY, close_all, connect, fill, start_server
from tests.support.world import Row, World, load

AUDITOR = "A0017"
READER = "T0042"
OWN_REPORTS = "{ mandatoryReports(first: 100) { edges { node { id status } } } }"
ADDRESS = "query Where($number: CitizenId!) { child(citizenId: $number) { id name residenceAddress } }"
REFUSED = "query Who($number: CitizenId!) { child(citizenId: $number) { citizenId } }"
REPORTERS = ("SCHOOL", "VILLAGE_COMMITTEE", "MEDICAL_INSTITUTION")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A hub that answers at ``url``, and the rows behind it."""

    url: str
    settings: Settings
    server: Server
    world: World
    folder: Path

    @property
    def names(self) -> Pseudonyms:
        """The log's pseudonyms."""
        return Pseudonyms(open_secrets(self.settings.keys, origin=self.settings.origin).pseudonyms)

    @property
    def revoked(self) -> Path:
        """Revoked token ids, one a line."""
        return self.folder / "revoked"

    def token(self, key: str, purpose: str, *, operator: str = READER, seconds: int = 600) -> str:
        """A token of a principal."""
        credentials, me = self.settings.credentials, Me(key, purpose)
        issuer = open_issuer(self.settings.keys, issuer=credentials.issuer, audience=credentials.audience)
        return issuer.issue(
            me.unit,
            [purpose],
            operator=operator,
            now=int(time.time()),
            seconds=seconds,
            division=me.division,
            institution=me.institution,
        )

    async def ask(self, key: str, purpose: str, query: str, *, operator: str = READER, **given: Any) -> dict[str, Any]:
        """A unit's question over HTTP."""
        token = self.token(key, purpose, operator=operator)
        headers = {"Authorization": f"Bearer {token}", "Hub-Purpose": purpose}
        async with httpx.AsyncClient() as client:
            body = {"query": query, "variables": given}
            reply = await client.post(f"{self.url}/graphql", json=body, headers=headers)
        found: dict[str, Any] = reply.json()
        return found

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A browser without a face; it follows nothing."""
        return httpx.AsyncClient(base_url=self.url, headers={"Sec-Fetch-Site": "same-origin", **headers}, timeout=30)

    @asynccontextmanager
    async def signed_in(self, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
        """The same, signed in as an auditor."""
        async with self.client(**headers) as client:
            reply = await patiently(client, {"token": self.token("auditor", "audit", operator=AUDITOR)})
            assert reply.status_code == 303, reply.text
            yield client

    async def entries(self, since: int = 0) -> list[dict[str, Any]]:
        """Everything in the log from the entry ``since`` on, in the order of the tree."""
        await self.indexed()
        rows = await self.owner("select index, bytes from log.entry where index >= $1 order by index", since)
        return [{**orjson.loads(row["bytes"]), "index": row["index"]} for row in rows]

    async def size(self) -> int:
        """How many entries there are."""
        return len(await self.entries())

    async def owner(self, statement: str, *values: Any) -> list[Any]:
        """What only the owner of the log's database may do."""
        connection = await asyncpg.connect(self.server.dsn("hub"))
        try:
            found: list[Any] = await connection.fetch(statement, *values)
            return found
        finally:
            await connection.close()

    async def indexed(self) -> None:
        """Returns when everything that is in the log can be found."""
        for _ in range(600):
            ((waiting, size, position),) = await self.owner(
                "select (select count(*) from log.pending), (select count(*) from log.entry), position from log.indexed"
            )
            if not waiting and size == position:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("the index does not follow the log")

    def child(self) -> Row:
        """A child on file with a citizen id and an address, whom a school reported."""
        return self.reported("SCHOOL")[0]

    def reported(self, kind: str) -> tuple[Row, str]:
        """A child on file and the unit key of the ``kind`` that reported it."""
        for report in self.world.rows("public_security", "MandatoryReport"):
            files = self.world.files_of("MandatoryReport", report)
            if report["reporterKind"] == kind and report["reporterUnit"] and len(files) == 1 and files[0]["_citizen"]:
                return files[0], str(report["reporterUnit"])
        raise AssertionError(f"no child was reported by a {kind}")


async def patiently(client: httpx.AsyncClient, form: Mapping[str, str]) -> httpx.Response:
    """Signs in; where others tried too often just now, again after a moment."""
    for _ in range(50):
        reply = await client.post("/console/sign-in", data=dict(form))
        if reply.status_code != 429:
            return reply
        await asyncio.sleep(0.2)
    return reply


def form_of(text: str) -> str:
    """What a form of a page must send back."""
    found = re.search(r'name="form" value="([^"]+)"', text)
    assert found, text
    return found[1]


@asynccontextmanager
async def serving(server: Server, folder: Path, institutions: Mapping[str, str]) -> AsyncIterator[Running]:
    """The hub over a filled server; what authors of reports do enters the tree as soon as what others do."""
    databases = {name: SecretStr(server.dsn(name, user="hub_read", password=READ_PASSWORD)) for name in SOURCES}
    (folder / "revoked").touch()
    settings = Settings(
        keys=folder / "keys",
        databases=Databases(**databases, log=SecretStr(server.dsn("hub"))),
        credentials=Credentials(revoked=folder / "revoked"),
        # What is not answered in time is looked at as well: that takes as long as is waited here.
        deadlines=Deadlines(source=30, log=3, body=30),
        fsync_required=False,
    )
    open_issuer(settings.keys, issuer=settings.credentials.issuer, audience=settings.credentials.audience)
    sources = connect(server)
    world = await load(sources, TODAY, institutions)
    await close_all(sources)
    listening = socket.create_server(("127.0.0.1", 0))
    hub = uvicorn.Server(uvicorn.Config(create_app(settings), log_config=None, ws="none", lifespan="on"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entry, "MIXING", timedelta(milliseconds=1))
        running = asyncio.create_task(hub.serve(sockets=[listening]))
        try:
            while not hub.started:
                assert not running.done(), "the hub did not start"
                await asyncio.sleep(0.02)
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            yield Running(url=url, settings=settings, server=server, world=world, folder=folder)
        finally:
            hub.should_exit = True
            await running


@asynccontextmanager
async def console(folder: Path, institutions: Mapping[str, str], *, children: int = 150) -> AsyncIterator[Running]:
    """A server of its own with invented children, the hub over it, and what units did there today."""
    server = start_server(folder / "postgres")
    try:
        await fill(server, children=children, seed=4, truth=folder / "truth.jsonl")
        async with serving(server, folder, institutions) as running:
            await live(running)
            yield running
    finally:
        throw_away(server)


async def live(running: Running) -> None:
    """A day: the town reads an address, a bureau is refused, three reporters read their own reports."""
    file = running.child()
    number, town = file["_citizen"], f"town_government:{str(file['_division'])[:9]}"
    found = await running.ask(town, "guardianship_protection", ADDRESS, number=number)
    assert found["data"]["child"]["residenceAddress"], found
    refused = await running.ask("education_bureau", "dropout_control", REFUSED, number=number)
    assert refused["errors"][0]["extensions"]["code"] == "NOT_ENTITLED", refused
    for kind in REPORTERS:
        file, author = running.reported(kind)
        told = await running.ask(author, "emergency_response", OWN_REPORTS, operator=f"CANARY-{kind}")
        assert told["data"]["mandatoryReports"]["edges"], told
        town = f"town_government:{str(file['_division'])[:9]}"
        await running.ask(town, "guardianship_protection", ADDRESS, number=file["_citizen"])
    await running.indexed()
