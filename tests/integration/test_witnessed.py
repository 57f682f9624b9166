"""The whole hub with a witness behind its log: heads are cosigned, and without one for too long nothing is released."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from connectors.demo.server import Server
from hub.app import create_app
from hub.secrets import open_secrets
from hub.settings import Audit, Databases, Settings, Witness
from hub.tokens import open_issuer
from tests.hub.audit.witness.test_server import Running, start
from tests.support.clusters import throw_away
from tests.support.running import READ_PASSWORD, SOURCES, fill, start_server

pytestmark = pytest.mark.postgres

LIMIT = 2.0


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server of its own: this log has keys and a sequencer of its own."""
    server = start_server(tmp_path_factory.mktemp("witnessed"))
    try:
        await fill(server, children=60, seed=3, truth=tmp_path_factory.mktemp("truth") / "witnessed.jsonl")
        yield server
    finally:
        throw_away(server)


@pytest.fixture
async def witness(tmp_path: Path) -> AsyncIterator[Running]:
    settings = Settings(keys=tmp_path / "keys")
    key = open_secrets(settings.keys, origin=settings.origin).log.current.verifier
    running = start(tmp_path / "witness", str(key))
    yield running
    running.kill()


@pytest.fixture
async def client(server: Server, witness: Running, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    databases = {name: SecretStr(server.dsn(name, user="hub_read", password=READ_PASSWORD)) for name in SOURCES}
    settings = Settings(
        keys=tmp_path / "keys",
        databases=Databases(**databases, log=SecretStr(server.dsn("hub"))),
        witnesses=(Witness(name="w.example/1", url=witness.url, key=str(witness.key), reader=SecretStr("its token")),),
        audit=Audit(witness_period=0.2, unwitnessed_alarm=1, unwitnessed_limit=LIMIT),
        fsync_required=False,
    )
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://hub") as client,
    ):
        issuer = open_issuer(settings.keys, issuer=settings.credentials.issuer, audience=settings.credentials.audience)
        token = issuer.issue(
            "civil_affairs_bureau", ["survey_management"], operator="T1", now=int(time.time()), seconds=600
        )
        client.headers.update({"Authorization": f"Bearer {token}", "Hub-Purpose": "survey_management"})
        yield client


async def code(client: httpx.AsyncClient) -> str:
    """``ok``, or the code of the first error."""
    found = (await client.post("/graphql", json={"query": "{ children(first: 1) { edges { node { name } } } }"})).json()
    return "ok" if found.get("data") else str(found["errors"][0]["extensions"]["code"])


async def until(client: httpx.AsyncClient, wanted: str) -> None:
    for _ in range(150):
        if await code(client) == wanted:
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"the hub never answered with `{wanted}`")


async def test_without_a_cosignature_for_too_long_answers_stop_and_come_back_by_themselves(
    client: httpx.AsyncClient, witness: Running, tmp_path: Path
) -> None:
    await until(client, "ok")
    for _ in range(100):
        head = await client.get("/log/checkpoint", headers={"Authorization": "Bearer its token"})
        if "— w.example/1 " in head.text:
            break
        await asyncio.sleep(0.1)
    assert head.status_code == 200 and "— w.example/1 " in head.text
    port = witness.url.rpartition(":")[2]
    witness.kill()
    await until(client, "AUDIT_UNAVAILABLE")
    key = open_secrets(tmp_path / "keys", origin=Settings().origin).log.current.verifier
    again = start(tmp_path / "witness", str(key), port=port)
    try:
        await until(client, "ok")
    finally:
        again.kill()
