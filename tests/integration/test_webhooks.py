"""Webhooks: signed messages of ids, codes and times to a unit, at least once, and dead letters that show."""

from __future__ import annotations

import asyncio
import base64
import hmac
import http.server
import json
import os
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from connectors.demo.server import Server
from connectors.source import Compare, Constant, Source
from hub.events.webhook import Target, body_of, identity_of, key_of
from tests.support.course import EMERGENCY, POLICE, WOMEN, Course
from tests.support.forking import ran
from tests.support.listening import listening
from tests.support.served import Child, Served, serving, settings_of
from tests.support.steps import rows_of

pytestmark = pytest.mark.postgres

KEY = b"only-for-tests-only-for-tests-32"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@dataclass(slots=True)
class Desk:
    """A unit's own system: what it was sent, and how it answers."""

    url: str = ""
    status: int = 204
    got: list[tuple[dict[str, str], str]] = field(default_factory=list)

    def bodies(self, kind: str = "") -> list[dict[str, Any]]:
        """What was sent, of a type."""
        return [found for _, body in self.got if kind in (found := json.loads(body))["type"]]


@contextmanager
def desk() -> Iterator[Desk]:
    """A real HTTP server on this machine."""
    found = Desk()

    class Taking(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            found.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(found.status)
            self.send_header("location", "/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    found.url = f"http://127.0.0.1:{server.server_address[1]}/hub"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


def hooks(*targets: tuple[str, str, str]) -> str:
    """The setting for (name, unit key, URL)."""
    return json.dumps(
        [
            {"name": name, "unit": unit, "purpose": EMERGENCY, "url": url, "secret": SECRET}
            for name, unit, url in targets
        ]
    )


QUICK = {
    "HUB_SENDING__FIRST": "0.1",
    "HUB_SENDING__ATTEMPTS": "3",
    # What the demo's rows are late with is not what these tests are about.
    "HUB_CLOCKS__DISPATCH_MINUTES": "5000000",
    "HUB_CLOCKS__NOTIFY_TOWN_HOURS": "90000",
    "HUB_CLOCKS__ASSESS_DAYS": "9000",
}


async def until(condition: Any, within: float = 60.0) -> None:
    """Waits for it."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < within
        await asyncio.sleep(0.05)


async def placed(written: Server, *names: str) -> None:
    """Returns when the hub follows for these webhooks: a new one begins at the events of that moment."""
    connection = await asyncpg.connect(written.dsn("hub"), timeout=20)
    try:
        while set(names) - {row["name"] for row in await connection.fetch("select name from event.webhook")}:
            await asyncio.sleep(0.05)
    finally:
        await connection.close()


async def test_a_unit_is_told_in_signed_messages_of_ids_codes_and_times(
    written: Server, departments: Mapping[str, Source], people: list[Child], tmp_path: Path
) -> None:
    child = people[2]
    other = next(each for each in people if each.town != child.town)
    with desk() as police, desk() as town, desk() as stranger:
        given = hooks(("p", POLICE, police.url), ("t", child.town, town.url), ("s", other.town, stranger.url))
        settings = settings_of(written, tmp_path / "keys")
        async with serving(settings, tmp_path, HUB_WEBHOOKS=given, **QUICK) as served:
            await placed(written, "p", "t", "s")
            course = Course(served=served, departments=departments, child=child)
            await course.reported(concernKinds=["MISSING"], reporterName="虚构报告人", reporterPhone="13900000000")
            for turn in course.police():
                assert (await course.take(turn)).status == 200
            await until(lambda: town.bodies("incidentChanged") and len(police.bodies("mandatoryReportChanged")) >= 4)
            [incident] = await rows_of(
                departments, "Incident", Compare("_report", "eq", Constant(course.key)), {}, "_key"
            )
            report = served.id(POLICE, "MandatoryReport", course.key)
            assert {body["data"]["id"] for body in police.bodies("mandatoryReportChanged")} == {report}
            [body] = town.bodies()
            assert body["data"] == {
                "id": served.id(child.town, "Incident", incident["_key"]),
                "object": "Incident",
                "changed": ["Incident.townNotifiedAt"],
            }
            assert not stranger.got
        for headers, text in (*police.got, *town.got):
            assert set(json.loads(text)) == {"type", "timestamp", "data"}
            assert set(json.loads(text)["data"]) == {"id", "object", "changed"}
            for value in ("虚构", "13900000000", child.citizen, child.committee, child.village, course.key):
                assert value not in text
            signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{text}".encode()
            expected = base64.b64encode(hmac.digest(KEY, signed, "sha256")).decode()
            assert headers["webhook-signature"] == f"v1,{expected}"
            assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
        assert len({headers["webhook-id"] for headers, _ in police.got}) == len(police.got), "each was sent once"


async def test_a_report_from_an_industrial_park_runs_its_course_to_the_town_that_settings_name(
    written: Server, departments: Mapping[str, Source], people: list[Child], tmp_path: Path
) -> None:
    """A park has no government: its town is told and sees the report, another is not, and of another park neither."""
    child = people[2]
    other = next(each for each in people if each.town != child.town)
    parks = json.dumps({"120114400": child.village[:9]})
    settings = settings_of(written, tmp_path / "keys")
    async with serving(settings, tmp_path, HUB_PARKS=parks, **QUICK) as served:
        course = Course(served=served, departments=departments, child=child)
        async with (
            listening(served, child.town, EMERGENCY) as town,
            listening(served, other.town, EMERGENCY) as stranger,
        ):
            for place, told in (("120114400498", True), ("120114401498", False)):
                await course.reported(WOMEN, divisionCode=place)
                for listener in (town, stranger):
                    await listener.subscribe("subscription { incidentChanged { changed incident { id } } }")
                await asyncio.sleep(0.3)
                for turn in course.police()[1:]:
                    assert (await course.take(turn)).status == 200
                if told:
                    assert (await town.told())["changed"] == ["Incident.townNotifiedAt"]
                await stranger.silent(0.2)
                for key, sees in ((child.town, told), (other.town, False), (child.committee, False)):
                    report = served.id(key, "MandatoryReport", course.key)
                    reply = await served(key, EMERGENCY, f'{{ node(id: "{report}") {{ id }} }}')
                    assert (reply.json.get("data") or {"node": None})["node"] == ({"id": report} if sees else None)


async def test_what_is_not_taken_is_tried_again_and_then_shown_as_dead_and_can_be_sent_after_all(
    written: Server, departments: Mapping[str, Source], people: list[Child], tmp_path: Path
) -> None:
    with desk() as police:
        police.status = 302
        given = hooks(("d", POLICE, police.url))
        settings = settings_of(written, tmp_path / "keys")
        async with serving(settings, tmp_path, HUB_WEBHOOKS=given, **QUICK) as served:
            await placed(written, "d")
            course = Course(served=served, departments=departments, child=people[2])
            await course.reported()
            await until(lambda: len(police.got) == 3)
            assert len({headers["webhook-id"] for headers, _ in police.got}) == 1, "one id at each attempt"
            await says(served, "1 given up")
            shown = command(served, "events", "dead")
            assert (shown.returncode, "status 302" in shown.stdout) == (1, True), shown.stderr
            police.status = 204
            assert command(served, "events", "retry").returncode == 0
            await until(lambda: len(police.got) == 4)
            assert {headers["webhook-id"] for headers, _ in police.got} == {police.got[0][0]["webhook-id"]}
            await says(served, "ok")
            assert command(served, "events", "dead").returncode == 0
            assert command(served, "events", "retry").returncode == 1


async def test_events_during_an_outage_of_everything_arrive_after_it(
    written: Server, departments: Mapping[str, Source], people: list[Child], tmp_path: Path
) -> None:
    """The hub dies, its successor knows how far each webhook is; the unit's system was down as well."""
    with desk() as police:
        given = hooks(("o", POLICE, police.url))
        settings = settings_of(written, tmp_path / "keys")
        async with serving(settings, tmp_path, HUB_WEBHOOKS=given, **QUICK, HUB_SENDING__LONGEST="0.2") as served:
            await placed(written, "o")
            await served.kill()
            # One without webhooks takes the reports meanwhile.
            served.more = QUICK
            await served.start()
            course = Course(served=served, departments=departments, child=people[2])
            keys = []
            for _ in range(3):
                await course.reported()
                keys.append(served.id(POLICE, "MandatoryReport", course.key))
            await served.kill()
            served.more = {**QUICK, "HUB_WEBHOOKS": given}
            await served.start()
            await until(lambda: len(police.got) == 3)
            assert [body["data"]["id"] for body in police.bodies()] == keys


async def says(served: Served, words: str) -> None:
    """Returns when ``/readyz`` says this of webhooks."""
    async with asyncio.timeout(60):
        while (await served.client.get(f"http://127.0.0.1:{served.port}/readyz")).json()["parts"]["webhooks"] != words:
            await asyncio.sleep(0.05)


def command(served: Served, *words: str) -> subprocess.CompletedProcess[str]:
    """A command of the hub, with the settings of the one that runs."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    environment["HUB_DATABASES__LOG"] = served.settings.databases.dsn("log") or ""
    return ran(words, env=environment)


def test_the_signature_is_that_of_the_public_example() -> None:
    """From the Standard Webhooks specification's own libraries' tests."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    target = Target(name="x", identity=identity_of("u", "p", None), url="https://x.invalid", key=key_of(secret))
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = target.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, '{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", ["whsec_", "whsec_abcd", "not base64!", "whsec_" + base64.b64encode(b"x").decode()])
def test_a_weak_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="the secret of a webhook must"):
        key_of(secret)


def test_two_units_cannot_join_on_the_ids_of_messages() -> None:
    from uuid import uuid4

    event = uuid4()
    targets = [
        Target(name=name, identity=identity_of(name, "p", None), url="", key=secrets.token_bytes(32)) for name in "ab"
    ]
    first, second = (target.message_id(event) for target in targets)
    assert first != second
    assert first == targets[0].message_id(event)


def test_a_message_of_what_was_never_begun_holds_whose_it_is_and_no_row() -> None:
    told = {"at": "2026-11-24T10:00:00+08:00", "clock": "survey_village_unbegun", "clause": "2.2", "row": None}
    answer = {"data": {"overdue": {**told, "division": "120114101201", "quarter": "2026Q3"}}}
    assert json.loads(body_of(json.dumps(answer).encode()))["data"] == {
        "object": "SurveySubmission",
        "clock": "survey_village_unbegun",
        "clause": "2.2",
        "division": "120114101201",
        "quarter": "2026Q3",
    }


def test_a_message_holds_the_row_by_its_id_and_type() -> None:
    answer = {
        "data": {
            "overdue": {
                "at": "2026-11-24T10:00:00+08:00",
                "clock": "dispatch",
                "clause": "2.5",
                "row": {"id": "X", "__typename": "MandatoryReport"},
            }
        }
    }
    assert json.loads(body_of(json.dumps(answer).encode())) == {
        "type": "overdue",
        "timestamp": "2026-11-24T10:00:00+08:00",
        "data": {"id": "X", "object": "MandatoryReport", "clock": "dispatch", "clause": "2.5"},
    }
