"""The door over HTTP: what GraphQL-over-HTTP asks, what never gets in, and what is an entry."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Container, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from hub.app import create_app
from hub.credential import Verifier
from hub.errors import OutageError, RefusalError
from hub.gate import Bucket, Gate
from hub.hardened import HEADERS
from hub.http import Turned
from hub.identity import Identity, Registry
from hub.keys import KeySet
from hub.pipeline import Request
from hub.response import Answer
from hub.settings import Settings
from hub.telemetry import Silent, Stages, open_telemetry
from hub.tlog import Tlog
from hub.tokens import open_issuer

GRAPHQL, JSON = "application/graphql-response+json", "application/json"
QUERY = {"query": "{ me { key } }"}


@dataclass(frozen=True)
class Words:
    units: Container[str] = frozenset({"education_bureau", "justice_bureau"})
    purposes: Mapping[str, Any] = field(default_factory=lambda: {"dropout_control": {}, "legal_aid": {}})
    institutions: Container[str] = frozenset()
    divisions: Container[str] = frozenset()

    def case_required(self, purpose: str) -> bool:
        return purpose == "legal_aid"


@dataclass
class Fake:
    """A service that answers as it is told, and keeps what it was asked."""

    verifier: Verifier
    words: Registry = field(default_factory=Words)
    tlog: Tlog | None = None
    events: None = None
    console: None = None
    desk: None = None
    stages: Stages = field(default_factory=Silent)
    asked: list[tuple[Identity, Request]] = field(default_factory=list)
    turned: list[Turned] = field(default_factory=list)
    status: int = 200
    failure: Exception | None = None
    log_failure: Exception | None = None
    hold: asyncio.Event | None = None
    parts: Mapping[str, str] = field(default_factory=lambda: {"log": "ok", "policy": "ok", "education": "ok"})

    @property
    def registry(self) -> Registry:
        return self.words

    async def answer(self, identity: Identity, request: Request) -> Answer:
        self.asked.append((identity, request))
        if self.hold is not None:
            await self.hold.wait()
        if self.failure is not None:
            raise self.failure
        return Answer(status=self.status, body=b'{"data":{}}')

    async def turned_away(self, turned: Turned) -> None:
        if self.log_failure is not None:
            raise self.log_failure
        self.turned.append(turned)

    async def ready(self) -> Mapping[str, str]:
        return self.parts


@dataclass
class World:
    app: Starlette
    client: httpx.AsyncClient
    fake: Fake
    token: Callable[..., str]

    async def post(self, content: Any = None, **headers: str | None) -> httpx.Response:
        body = json.dumps(QUERY) if content is None else content
        found = {
            "Authorization": f"Bearer {self.token()}",
            "Hub-Purpose": "dropout_control",
            "Content-Type": JSON,
            "Accept": GRAPHQL,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        kept = {name: value for name, value in found.items() if value is not None}
        return await self.client.post("/graphql", content=body, headers=kept)


@asynccontextmanager
async def world_of(folder: Path, **changes: Any) -> AsyncIterator[World]:
    issuer = open_issuer(folder, issuer="i", audience="a")
    verifier = Verifier(
        keys=KeySet(place=str(folder / "jwks.json"), seconds=300, clock=time.monotonic),
        issuer="i",
        audience="a",
        lifetime=900,
        leeway=30,
        clock=time.time,
    )
    fake = Fake(verifier)

    @asynccontextmanager
    async def opened(_: Settings, stages: Stages) -> AsyncIterator[Fake]:
        fake.stages = stages
        yield fake

    def token(unit: str = "education_bureau", seconds: int = 600, **named: Any) -> str:
        purposes = ["dropout_control", "legal_aid"]
        return issuer.issue(unit, purposes, operator="o", now=int(time.time()), seconds=seconds, **named)

    settings = Settings(**changes)
    telemetry = open_telemetry({}, page=settings.metrics)
    app = create_app(settings, open_service=opened, telemetry=telemetry)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://hub") as client,
    ):
        yield World(app=app, client=client, fake=fake, token=token)
    if telemetry is not None:
        telemetry.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with world_of(tmp_path) as found:
        yield found


def code(response: httpx.Response) -> str:
    return str(response.json()["errors"][0]["extensions"]["code"])


async def test_a_good_request_reaches_the_pipeline_whole(world: World) -> None:
    members = {"query": "query a { x }", "operationName": "a", "variables": {"v": [1]}, "extensions": {"x": 1}}
    response = await world.post(json.dumps(members), Hub_On_Denied="null")
    assert (response.status_code, response.json()) == (200, {"data": {}})
    [(identity, request)] = world.fake.asked
    assert (identity.key, identity.purpose, identity.operator) == ("education_bureau", "dropout_control", "o")
    assert (request.query, request.operation_name, request.variables) == ("query a { x }", "a", {"v": [1]})
    assert request.denied == "null"
    assert response.headers["hub-request-id"] == request.request_id
    assert response.headers["cache-control"] == "no-store"
    assert not world.fake.turned


class Everything:
    """Holds whatever is asked for."""

    def __contains__(self, _: object) -> bool:
        return True


async def test_what_headers_said_before_counts_only_while_token_and_policy_do(world: World) -> None:
    authorization = f"Bearer {world.token()}"
    for _ in range(2):
        assert (await world.post(Authorization=authorization)).status_code == 200
    [(first, _), (second, _)] = world.fake.asked
    assert first is second
    known, world.fake.words = world.fake.words, Words(units=frozenset())
    assert code(await world.post(Authorization=authorization)) == "UNAUTHENTICATED"
    world.fake.words = known
    assert (await world.post(Authorization=authorization)).status_code == 200
    world.fake.verifier.revoked = Everything
    assert code(await world.post(Authorization=authorization)) == "UNAUTHENTICATED"
    assert world.fake.turned[-1].credential is None


async def test_equal_headers_but_one_are_not_taken_for_each_other(world: World) -> None:
    authorization = f"Bearer {world.token()}"
    for case in ("CASE-0001", "CASE-0002"):
        await world.post(Authorization=authorization, Hub_Purpose="legal_aid", Hub_Case=case)
    await world.post(Authorization=authorization, Hub_On_Denied="null")
    assert [identity.case for identity, _ in world.fake.asked] == ["CASE-0001", "CASE-0002", None]
    assert [request.denied for _, request in world.fake.asked] == ["refuse", "refuse", "null"]


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (GRAPHQL, GRAPHQL),
        (JSON, JSON),
        ("*/*", JSON),
        (None, JSON),
        (f"{JSON};q=0.5, {GRAPHQL}", GRAPHQL),
        (f"{GRAPHQL};q=0, {JSON}", JSON),
        ("text/html, application/*;q=0.1", JSON),
        ("APPLICATION/JSON; charset=utf-8", JSON),
    ],
)
async def test_the_answer_comes_in_a_type_that_is_accepted(world: World, accept: str | None, answered: str) -> None:
    if accept is None:
        del world.client.headers["accept"]
    response = await world.post(Accept=accept)
    assert response.headers["content-type"] == f"{answered}; charset=utf-8"


async def test_no_acceptable_type_is_406(world: World) -> None:
    response = await world.post(Accept="text/html")
    assert response.status_code == 406
    assert response.headers["content-type"].startswith(GRAPHQL)


async def test_a_request_error_travels_with_200_for_plain_json_alone(world: World) -> None:
    world.fake.status = 400
    assert (await world.post(Accept=JSON)).status_code == 200
    assert (await world.post(Accept=GRAPHQL)).status_code == 400
    world.fake.status = 403
    assert (await world.post(Accept=JSON)).status_code == 403


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_only_post_is_answered(world: World, method: str) -> None:
    response = await world.client.request(method, "/graphql", params={"query": "{ me { key } }"})
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert not world.fake.asked


@pytest.mark.parametrize(
    "kind",
    [None, "text/plain", "application/graphql", "application/json; charset=gbk", "multipart/form-data; boundary=x"],
)
async def test_a_body_of_another_type_is_415(world: World, kind: str | None) -> None:
    assert (await world.post(Content_Type=kind)).status_code == 415
    assert not world.fake.asked


async def test_a_compressed_body_is_415(world: World) -> None:
    assert (await world.post(Content_Encoding="gzip")).status_code == 415


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        (b"\xff{}", "no JSON"),
        ('{"query": "{ a }", "variables": {"x": NaN}}', "no JSON"),
        ('{"query": "\\ud800"}', "no JSON"),
        ("[" * 3000, "no JSON"),
        ('"x"', "must be a JSON object"),
        ('[{"query": "{ a }"}]', "a batch"),
        ("{}", "`query` must be there"),
        ('{"query": 7}', "`query` must be there"),
        ('{"query": "  "}', "`query` must be there"),
        ('{"query": "{ a }", "operationName": 7}', "`operationName`"),
        ('{"query": "{ a }", "variables": [7]}', "`variables`"),
        ('{"query": "{ a }", "extensions": "x"}', "`extensions`"),
        ('{"query": "{ a }", "query": "{ b }"}', "the same key twice"),
        ('{"query": "{ a }", "variables": {"a": {"b": 1, "b": 2}}}', "the same key twice"),
        ('{"query": "{ a }", "variables": {"a": 1, "\\u0061": 2}}', "the same key twice"),
        ('{"query": "{ a }", "variables": {"a" \n: 1, "a" : "\\":"}}', "the same key twice"),
        ('{"query": "{ a }", "variables": {"a": "\\u0000"}}', "U+0000"),
    ],
)
async def test_a_body_that_is_no_single_clear_request_is_refused(world: World, body: str | bytes, words: str) -> None:
    response = await world.post(body)
    assert (response.status_code, code(response)) == (400, "INVALID_INPUT")
    assert words in response.json()["errors"][0]["message"]
    assert not world.fake.asked
    [turned] = world.fake.turned
    assert turned.credential is not None
    assert turned.credential.key == "education_bureau"
    assert turned.request_id == response.headers["hub-request-id"]


async def test_a_large_body_is_refused_by_what_it_announces_and_by_what_it_is(world: World) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b" " * 1024

    for body in (b" " * 262_145, trickle()):
        response = await world.post(body)
        assert (response.status_code, code(response)) == (413, "TOO_COMPLEX")
        assert response.json()["errors"][0]["extensions"]["limit"] == "body_bytes"
    assert (await world.post(json.dumps(QUERY).encode().ljust(262_144))).status_code == 200


async def test_a_body_that_comes_too_slowly_is_not_waited_for(tmp_path: Path) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    async with world_of(tmp_path, deadlines={"body": 0.05}) as world:
        response = await asyncio.wait_for(world.post(slow()), 5)
        assert (response.status_code, response.headers["connection"]) == (408, "close")
        assert not world.fake.asked


@pytest.mark.parametrize(
    ("headers", "status", "wanted"),
    [
        ({"Authorization": None}, 401, "UNAUTHENTICATED"),
        ({"Authorization": "Bearer a.b.c"}, 401, "UNAUTHENTICATED"),
        ({"Hub_Purpose": None}, 403, "PURPOSE_REQUIRED"),
        ({"Hub_Purpose": "curiosity"}, 403, "PURPOSE_NOT_ALLOWED"),
        ({"Hub_Purpose": "legal_aid"}, 403, "CASE_REQUIRED"),
        ({"Hub_Purpose": "legal_aid", "Hub_Case": "!"}, 400, "INVALID_INPUT"),
        ({"Hub_On_Denied": "maybe"}, 400, "INVALID_INPUT"),
    ],
)
async def test_who_is_not_identified_is_refused_and_that_is_an_entry(
    world: World, headers: dict[str, str | None], status: int, wanted: str
) -> None:
    response = await world.post(**headers)
    assert (response.status_code, code(response)) == (status, wanted)
    assert not world.fake.asked
    [turned] = world.fake.turned
    assert [error.code for error in turned.errors] == [wanted]
    assert (turned.credential is None) == (status == 401)
    assert ("www-authenticate" in response.headers) == (status == 401)


async def test_a_principal_is_checked_before_its_body_is_read(world: World) -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("read")
        yield b""

    assert (await world.post(never(), Authorization=None)).status_code == 401


async def test_when_the_log_takes_no_entry_a_refusal_is_an_outage(world: World) -> None:
    world.fake.log_failure = OutageError("AUDIT_UNAVAILABLE", "the log does not answer")
    response = await world.post(Hub_Purpose=None)
    assert (response.status_code, code(response)) == (503, "AUDIT_UNAVAILABLE")
    assert response.headers["retry-after"]
    assert "PURPOSE" not in response.text


async def test_a_bug_in_the_log_is_told_like_any_other(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.fake.log_failure = KeyError("张三 120114201001011234")
    response = await world.post(Hub_Purpose=None)
    assert (response.status_code, code(response)) == (500, "INTERNAL")
    assert "KeyError" in caplog.text
    assert "120114" not in caplog.text + response.text
    assert "PURPOSE" not in response.text


async def test_callers_without_a_credential_cannot_fill_the_log(tmp_path: Path) -> None:
    async with world_of(tmp_path, limits={"unauthenticated": 3}) as world:
        statuses = [(await world.post(Authorization=None)).status_code for _ in range(10)]
        assert statuses.count(401) == len(world.fake.turned) <= 4
        assert statuses[-1] == 429
        assert (await world.post()).status_code == 200


async def test_one_principal_has_so_many_requests_under_way_and_no_more(tmp_path: Path) -> None:
    async with world_of(tmp_path, limits={"concurrency": 2}) as world:
        world.fake.hold = asyncio.Event()
        waiting = [asyncio.create_task(world.post()) for _ in range(2)]
        while len(world.fake.asked) < 2:
            await asyncio.sleep(0.01)
        response = await world.post()
        assert (response.status_code, code(response), response.headers["retry-after"]) == (429, "RATE_LIMITED", "1")
        other = asyncio.create_task(world.post(Authorization=f"Bearer {world.token('justice_bureau')}"))
        world.fake.hold.set()
        assert [found.status_code for found in await asyncio.gather(*waiting, other)] == [200, 200, 200]
        assert (await world.post()).status_code == 200


def test_a_place_is_given_back_after_a_failure() -> None:
    gate = Gate(1)
    for _ in range(3):
        with pytest.raises(ValueError, match="x"), gate.passing("a"):
            raise ValueError("x")
    with gate.passing("a"), pytest.raises(RefusalError), gate.passing("a"):
        raise AssertionError("two at once")
    assert not gate._under_way


def test_a_bucket_fills_with_time() -> None:
    now = 0.0
    bucket = Bucket(2, lambda: now)
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    now = 0.5
    assert [bucket.take() for _ in range(2)] == [True, False]


async def test_a_bug_is_told_to_nobody_and_its_place_to_the_operator(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.fake.failure = KeyError("张三 120114201001011234 postgresql://u:p@h/d")
    with caplog.at_level(logging.INFO):
        response = await world.post()
    assert (response.status_code, code(response)) == (500, "INTERNAL")
    assert response.json() == {"errors": [{"message": "internal error", "extensions": {"code": "INTERNAL"}}]}
    assert "KeyError" in caplog.text
    assert "test_app.py" in caplog.text
    assert "120114" not in caplog.text + response.text
    [turned] = world.fake.turned
    assert [error.code for error in turned.errors] == ["INTERNAL"]


async def test_health_says_that_the_process_lives_and_readiness_whether_it_could_answer(world: World) -> None:
    assert (await world.client.get("/healthz")).text == "ok"
    response = await world.client.get("/readyz")
    assert (response.status_code, response.json()["ready"]) == (200, True)
    world.fake.parts = {"log": "ok", "policy": "ok", "education": "unreachable"}
    response = await world.client.get("/readyz")
    assert (response.status_code, response.json()["parts"]["education"]) == (200, "unreachable")
    for part in ("log", "policy"):
        world.fake.parts = {"log": "ok", "policy": "ok", part: "unavailable"}
        response = await world.client.get("/readyz")
        assert (response.status_code, response.json()["ready"]) == (503, False)


async def test_every_response_has_the_headers_that_none_may_lack(world: World) -> None:
    for path in ("/healthz", "/readyz", "/ide/", "/nowhere", "/graphql", "/ide/own/ide.js"):
        response = await world.client.get(path)
        assert response.headers["x-content-type-options"] == "nosniff", path
        assert response.headers["referrer-policy"] == "no-referrer", path
        assert response.headers["x-frame-options"] == "DENY", path


async def test_the_way_past_the_routes_gives_each_header_once(world: World) -> None:
    for response in (await world.post(), await world.post(Accept="text/html"), await world.post(Authorization=None)):
        names = [name.lower() for name, _ in response.headers.multi_items()]
        assert len(set(names)) == len(names)
        assert {name.decode() for name, _ in HEADERS} | {"cache-control", "vary", "hub-request-id"} <= set(names)


async def test_below_another_path_the_routes_lead_to_the_same_door(world: World) -> None:
    transport = httpx.ASGITransport(app=world.app, root_path="/hub")
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        response = await client.post("/hub/graphql")
        assert (response.status_code, response.headers["x-frame-options"]) == (415, "DENY")
        assert (await client.get("/hub/graphql")).headers["allow"] == "POST"


async def test_what_does_not_exist_is_a_plain_404(world: World) -> None:
    response = await world.client.get("/admin")
    assert (response.status_code, response.json()) == (404, {"error": "there is nothing here"})


async def test_metrics_are_off_unless_set(world: World, tmp_path: Path) -> None:
    assert (await world.client.get("/metrics")).status_code == 404
    async with world_of(tmp_path, metrics=True) as measured:
        await measured.post()
        text = (await measured.client.get("/metrics")).text
        assert 'hub_stage_duration_seconds_count{hub_stage="identify"} 1' in text


async def test_before_the_start_and_after_the_end_nothing_is_answered(tmp_path: Path) -> None:
    app = create_app(Settings())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://hub") as client:
        starting = await client.post("/graphql")
        assert (starting.status_code, starting.headers["x-frame-options"]) == (503, "DENY")
        assert (await client.get("/readyz")).status_code == 503
