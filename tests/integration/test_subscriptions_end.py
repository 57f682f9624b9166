"""When a subscription ends or waits: a token that runs out or is revoked, a policy that changes, a slow client."""

from __future__ import annotations

import asyncio
import base64
import secrets
import shutil
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from connectors.demo.server import Server
from connectors.source import ALWAYS, Source
from hub.audit.session import Session, Sessions
from hub.commands.principals import dev_token
from hub.errors import RefusalError
from hub.eventing import LOOKS, PLANS
from hub.events.delivery import Delivery
from hub.events.outbox import Outbox
from hub.events.seen import Looking
from hub.events.subscription import Events
from hub.hub import Hub, Remembered
from hub.pipeline import Request, refuse
from policies import Current
from policies import load as load_policy
from schema.catalogue import CATALOGUE
from tests.integration.test_subscriptions import fill_outbox, started
from tests.support.course import EMERGENCY, POLICE, Course
from tests.support.listening import PROTOCOL, REPORTS, Listener, line, listening, url_of, words_of
from tests.support.running import ROOT, identity
from tests.support.served import Child, Served, serving, settings_of
from tests.support.steps import rows_of

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def revoked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("revoked") / "ids"


@pytest.fixture(scope="module")
async def served(written: Server, revoked: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    folder = tmp_path_factory.mktemp("hub")
    more = {
        "HUB_CREDENTIALS__LEEWAY": "0",
        "HUB_CREDENTIALS__REVOKED": str(revoked),
        "HUB_SOCKETS__PATIENCE": "1",
        "HUB_SOCKETS__OF_PRINCIPAL": "3",
        "HUB_SOCKETS__SUBSCRIPTIONS": "2",
    }
    async with serving(settings_of(written, folder / "keys"), folder, **more) as opened:
        yield opened


@pytest.fixture
def course(served: Served, departments: Mapping[str, Source], people: list[Child]) -> Course:
    return Course(served=served, departments=departments, child=people[3])


async def closed(listener: Listener, within: float = 60.0) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as found:
        while True:
            await listener.heard(within)
    assert found.value.rcvd is not None
    return found.value.rcvd.code, found.value.rcvd.reason


def short_words(served: Served, seconds: int) -> dict[str, str]:
    token = dev_token(served.settings, POLICE, purposes=(EMERGENCY,), operator="T0001", seconds=seconds)
    return {**words_of(served, POLICE, EMERGENCY), "authorization": f"Bearer {token}"}


async def test_a_socket_ends_with_its_token_though_nothing_happens(served: Served) -> None:
    async with line(served, short_words(served, 3)) as desk:
        await desk.subscribe(REPORTS)
        assert await closed(desk) == (4403, "UNAUTHENTICATED")


async def test_a_revoked_token_is_told_of_nothing_more(course: Course, served: Served, revoked: Path) -> None:
    words = short_words(served, 300)
    claims = words["authorization"].split(".")[1]
    token_id = orjson.loads(base64.urlsafe_b64decode(claims + "=="))["jti"]
    async with line(served, words) as desk:
        await desk.subscribe(REPORTS)
        await started(desk)
        await course.reported()
        assert (await desk.told())["mandatoryReport"]["status"] == "REPORTED"
        revoked.write_text(token_id + "\n", encoding="utf-8")
        await course.reported()
        assert await closed(desk) == (4403, "UNAUTHENTICATED")


async def test_sockets_and_subscriptions_of_a_principal_are_bounded(served: Served) -> None:
    async with (
        listening(served, POLICE, EMERGENCY) as first,
        listening(served, POLICE, EMERGENCY),
        listening(served, POLICE, EMERGENCY),
    ):
        async with line(served, None) as fourth:
            await fourth.say(type="connection_init", payload=words_of(served, POLICE, EMERGENCY))
            assert (await closed(fourth))[0] == 4429
        for _ in range(2):
            await first.subscribe(REPORTS)
        name = await first.subscribe(REPORTS)
        answer = await first.heard()
        assert (answer["type"], answer["id"]) == ("error", name)
        assert answer["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


WIDE = REPORTS.replace("id status", "id " + " ".join(f"n{number}: narrative" for number in range(25)))
"""About 34 KiB an event, of an account of 450 characters."""
EVENTS = 400
MOST_GROWTH = 12 * 1024
"""KiB: so many events held for two clients would be more than twice as much."""


def memory(served: Served) -> int:
    """KiB that the hub's process holds."""
    assert served.process is not None
    status = Path(f"/proc/{served.process.pid}/status").read_text("ascii")
    return int(status.partition("VmRSS:")[2].split()[0])


@asynccontextmanager
async def slowly(served: Served) -> AsyncIterator[Listener]:
    """A client with next to no room for what it is sent."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect(("127.0.0.1", served.port))
    narrow.setblocking(False)
    async with connect(url_of(served), subprotocols=[PROTOCOL], sock=narrow, max_queue=1) as raw:
        slow = Listener(socket=raw)
        await slow.say(type="connection_init", payload=words_of(served, POLICE, EMERGENCY))
        assert (await slow.heard())["type"] == "connection_ack"
        yield slow


async def test_a_client_that_does_not_read_is_cut_and_neither_does_anybody_wait_nor_is_anything_kept_for_it(
    course: Course, served: Served, written: Server
) -> None:
    long = "独自在家（虚构）" * 50
    given = {"divisionCode": course.child.village, "narrative": long}
    async with listening(served, POLICE, EMERGENCY) as desk:
        after = desk.after["mandatoryReportChanged"]
        assert (await served.step(course.child.committee, EMERGENCY, "reportConcern", **given)).status == 200
        await fill_outbox(written, await course.key_of(long), EVENTS)
        await desk.subscribe(WIDE, after=after)
        for _ in range(20):
            await desk.told()
    before = memory(served)
    async with slowly(served) as first, slowly(served) as second:
        for slow in (first, second):
            await slow.subscribe(WIDE, after=after)
        async with listening(served, POLICE, EMERGENCY) as quick:
            await quick.subscribe(REPORTS, after=after)
            for _ in range(EVENTS):
                await quick.told()
        assert memory(served) - before < MOST_GROWTH
        await asyncio.sleep(2)
        for slow in (first, second):
            count = 0
            with pytest.raises(ConnectionClosed):
                while True:
                    await slow.heard()
                    count += 1
            assert 0 < count < EVENTS


@pytest.fixture
async def events(hub: Hub, server: Server) -> AsyncIterator[Events]:
    """What tells of changes, over the pipeline of this process."""
    reading = Sessions([Session(server.dsn("hub"), name="reading", durable=False, timeout=10)])
    following = Session(server.dsn("hub"), name="following", durable=False, timeout=10)
    outbox = Outbox(connections=reading, following=following)
    task = asyncio.create_task(outbox.run())
    yield Events(
        hub=hub,
        outbox=outbox,
        looking=Looking(hub=hub, looks=Remembered(LOOKS), plans=Remembered(PLANS)),
        delivery=Delivery(hub=hub),
        refuse=refuse,
    )
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await reading.close()
    await following.close()


async def test_a_policy_that_changes_midway_counts_from_the_next_event_on(
    events: Events, hub: Hub, server: Server, sources: Mapping[str, Source], tmp_path: Path
) -> None:
    folder = tmp_path / "policies"
    shutil.copytree(ROOT / "policies", folder)
    before, key = hub.current, (await rows_of(sources, "MandatoryReport", ALWAYS, {}, "_key"))[0]["_key"]
    request = Request(
        query=REPORTS, operation_name=None, variables={}, denied="refuse", request_id=secrets.token_hex(16)
    )
    hub.current = Current(lambda: load_policy(folder, CATALOGUE, matrix=False))
    try:
        subscription = events.subscription(request, lambda: identity(POLICE, EMERGENCY))
        answers = subscription.answers()
        first = asyncio.ensure_future(anext(answers))
        await asyncio.sleep(0.5)
        await fill_outbox(server, key, 1)
        assert b'"mandatoryReportChanged"' in await asyncio.wait_for(first, 60)
        grants = folder / "grants" / "public_security_bureau.csv"
        lines = grants.read_text("utf-8").splitlines(keepends=True)
        grants.write_text("".join(line for line in lines if ",subscribe," not in line), encoding="utf-8")
        assert hub.current.reload()
        second = asyncio.ensure_future(anext(answers))
        await fill_outbox(server, key, 1)
        with pytest.raises(RefusalError) as refused:
            await asyncio.wait_for(second, 60)
        assert refused.value.code == "NOT_ENTITLED"
    finally:
        hub.current = before
