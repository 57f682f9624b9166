"""Canaries in one report, from being held to its assessment: who reported, and what may endanger a child, searched for
in all that is told of it on the way: events, webhooks, pages, the hub's own tables, its logs and traces, the log.

Whom a value may reach is told by the oracle's own reading of entitlements.csv.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from connectors.demo.server import Server
from hub.entitlements import Entitlements
from hub.events.channels import NAMES, clocks_of, told_fields
from hub.statistics.accepted import recent
from schema.mutations import row_name
from schema.subscriptions import OVERDUE
from tests.integration.test_webhooks import SECRET, Desk, desk, placed
from tests.support.console import form_of
from tests.support.course import ASSESSED, CIVIL, EMERGENCY, GUARDIANSHIP, POLICE, Course, Turn, everybody, strangers_to
from tests.support.desk import at_desk
from tests.support.holding import SCHOOL, Holding, holding_hub
from tests.support.listening import Listener, listening
from tests.support.rights import RIGHTS, Me, readable
from tests.support.served import CASE_REFERENCE, Child, today
from tests.support.steps import POLICY
from tests.support.told import (
    FIGURE,
    NUMBER,
    PAGES,
    PLANTED,
    SHOWN,
    commanded,
    exported,
    grouped,
    in_tree,
    opened,
    plant,
    reaches,
    unpacked,
)
from tests.support.ways import selected

pytestmark = pytest.mark.postgres

CANARIES: Mapping[str, str] = {
    "虚构告密者": "MandatoryReport.reporterName",
    "13912349087": "MandatoryReport.reporterPhone",
    SCHOOL.partition(":")[2]: "MandatoryReport.reporterUnit",
    POLICY.institutions[SCHOOL.partition(":")[2]].name_zh: "MandatoryReport.reporterUnit",
    "虚构女孩儿": "MandatoryReport.subject",
    "虚构路九十九号": "MandatoryReport.placeAddress",
    "虚构门反锁": "MandatoryReport.narrative",
    "虚构邻家": "Incident.placementName",
    "虚构无伤": "Incident.findings",
    "虚构轻伤": "Incident.injuryFinding",
    "虚构须帮扶": "Assessment.conclusion",
}
"""What is looked for, and which coordinate holds it; of the child's number see ``Search``."""
REPORT_TYPES = ("MandatoryReport", "Incident", "Assessment")
IDENTITY = {one for one in CANARIES.values() if ".reporter" in one}
EARLIER = "update jq_bg set bgsj = bgsj - interval '3 days' where bgbh = $1"
TOLD_EARLIER = "update jq_cj set tbxzsj = tbxzsj - interval '8 days' where bgbh = $1"


@dataclass(slots=True, kw_only=True)
class Search:
    """What was told to whom, searched by one expression; ``child``: the number of the child and its village."""

    citizen: str
    village: str
    texts: dict[Me, list[str]] = field(default_factory=lambda: defaultdict(list))

    def found(self, text: str) -> set[str]:
        """Coordinates whose canaries are in a text."""
        owners = {**CANARIES, **PLANTED, self.citizen: NUMBER}
        return {owners[token] for token in re.findall("|".join(map(re.escape, owners)), text)}

    def leaks(self) -> list[tuple[Me, str]]:
        """What reached whom it may not."""
        return [
            (me, coordinate)
            for me, texts in self.texts.items()
            for coordinate in self.found("\n".join(texts))
            if not self.may(me, coordinate)
        ]

    def may(self, me: Me, coordinate: str) -> bool:
        """Whether the principal may read the value of this very report, incident or child, at its furthest."""
        if not reaches(me, coordinate):
            # A reporter is told who it is itself.
            return me.key == SCHOOL and coordinate == "MandatoryReport.reporterUnit"
        return me.division is None or self.village.startswith(me.division)


def principals(keys: Iterable[str]) -> list[Me]:
    """Each of the keys for every purpose for which its unit holds anything."""
    return [Me(key, purpose) for key in keys for unit, purpose in RIGHTS if unit == Me(key, purpose).unit]


def entitled(me: Me) -> Entitlements:
    """What the policy gives to the principal."""
    return Entitlements.of(POLICY, me.unit, me.purpose)


def asked(me: Me, name: str) -> str:
    """A subscription that asks for all that the principal may select of what it is told of."""
    types = {found.type_name for found in clocks_of(entitled(me)).values()} if name == OVERDUE else set()
    if types:
        rows = " ".join(f"... on {one} {{ {_fields(me, one, prefix=f'{one}_')} }}" for one in sorted(types))
        return f"subscription($after: String) {{ {name}(after: $after) {{ at clock clause node {{ id {rows} }} }} }}"
    type_name = NAMES[name]
    row = f"{row_name(type_name)} {{ id {_fields(me, type_name)} }}"
    return f"subscription($after: String) {{ {name}(after: $after) {{ at changed {row} }} }}"


def _fields(me: Me, type_name: str, *, prefix: str = "") -> str:
    names = [name.partition(".")[2] for name in readable(me, type_name)]
    return " ".join(f"{prefix}{name}: {selected(name)}" if prefix else selected(name) for name in names)


async def hear(listener: Listener, texts: list[str]) -> None:
    """Keeps what comes, until cancelled."""
    with suppress(asyncio.CancelledError):
        async for text in listener.socket:
            texts.append(str(text))


@asynccontextmanager
async def subscribed(holding: Holding, search: Search, those: Iterable[Me]) -> AsyncIterator[None]:
    """Everybody listens to everything that is open to them."""
    async with AsyncExitStack() as stack:
        tasks = []
        for me in those:
            fields = told_fields(entitled(me))
            if fields:
                listener = await stack.enter_async_context(listening(holding.served, me.key, me.purpose))
                for name in sorted(fields):
                    await listener.subscribe(asked(me, name), after=listener.after[name])
                tasks.append(asyncio.create_task(hear(listener, search.texts[me])))
        yield
        await asyncio.sleep(1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


def hooks(those: Iterable[Me], url: str) -> str:
    """A webhook for each that is told of anything."""
    return json.dumps(
        [
            {
                "name": f"w{number}",
                "unit": me.key,
                "purpose": me.purpose,
                "case": CASE_REFERENCE,
                "url": url,
                "secret": SECRET,
            }
            for number, me in enumerate(those)
            if told_fields(entitled(me))
        ]
    )


async def written_in(server: Server, source: str, statement: str, key: str) -> None:
    """Time has gone by in a department."""
    connection = await asyncpg.connect(server.dsn(source))
    try:
        assert (await connection.execute(statement, key)).endswith(" 1")
    finally:
        await connection.close()


async def whole_course(holding: Holding, search: Search, course: Course) -> None:
    """Held, delivered, dispatched late, measures, an alarm of each clock, told, assessed late."""
    given: dict[str, Any] = {
        "divisionCode": course.child.village,
        "narrative": "虚构门反锁",
        "subject": "虚构女孩儿",
        "placeAddress": "虚构路九十九号",
        "reporterName": "虚构告密者",
        "reporterPhone": "13912349087",
        "concernKinds": ["SUSPECTED_DOMESTIC_VIOLENCE"],
    }
    async with holding.away():
        reply = await course.served.step(SCHOOL, EMERGENCY, "reportConcern", key="canary", **given)
        assert reply.error["held"] is True
        yet = await texts_of(holding.server)
        assert any(table == "held.report" for table, _ in yet) and not search.found(str(yet))
    await holding.delivered()
    course.key = await course.key_of("虚构门反锁")
    await written_in(holding.server, "public_security", EARLIER, course.key)
    await alarmed(holding.server, course.key, {"dispatch", "notify_town"})
    for turn in course.police():
        more = {"placementName": "虚构邻家", "findings": "虚构无伤"} if turn.step == "recordMeasures" else {}
        assert (await course.take(turn, **more)).status == 200, turn
    village = Turn(who=POLICE, purpose=EMERGENCY, step="notifyVillage")
    injury = {"injuryFinding": "虚构轻伤", "reason": "补充（虚构）"}
    for turn in (village, Turn(who=POLICE, purpose=EMERGENCY, step="supplementIncident", given=injury)):
        reply = await course.take(turn)
        assert reply.status == 200, reply.json
    await written_in(holding.server, "public_security", TOLD_EARLIER, course.key)
    await alarmed(holding.server, "", {"assess"})
    assess = {**ASSESSED, "conclusion": "虚构须帮扶"}
    turn = Turn(who=course.child.town, purpose=GUARDIANSHIP, step="assess", given=assess)
    assert (await course.take(turn)).status == 200


async def alarmed(server: Server, key: str, clocks: set[str]) -> None:
    """Returns when these clocks have raised their alarms (of the row; without one, of any)."""
    connection = await asyncpg.connect(server.dsn("hub"))
    try:
        async with asyncio.timeout(60):
            while clocks - {
                row["clock"]
                for row in await connection.fetch("select clock from event.alarm where $1 in ('', key)", key)
            }:
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def texts_of(server: Server) -> list[tuple[str, str]]:
    """(table, row as text) of all that the hub keeps in its own database."""
    connection = await asyncpg.connect(server.dsn("hub"))
    found = []
    try:
        tables = await connection.fetch(
            "select schemaname || '.' || tablename as name from pg_tables "
            "where schemaname !~ '^(pg_|information_schema)'"
        )
        for table in tables:
            rows = await connection.fetch(f"select to_jsonb(t)::text as row from {table['name']} t")
            found += [(table["name"], readable_bytes(row["row"])) for row in rows]
    finally:
        await connection.close()
    return found


def readable_bytes(text: str) -> str:
    """The text, and what its byte strings say, where they say anything."""
    opened = [bytes.fromhex(one).decode("utf-8", "replace") for one in re.findall(r"\\\\x((?:[0-9a-f]{2})+)", text)]
    return "\n".join((text, *opened))


async def looked_at(holding: Holding, search: Search, course: Course, those: Iterable[Me]) -> None:
    """Everybody asks what is overdue, and opens the pages: what waits, what may be corrected, the report itself."""
    seen = set()
    for me in those:
        late = await holding.served(me.key, me.purpose, "{ me { overdue { clock clockZh clause at id type } } }")
        assert late.data["me"]["overdue"] is not None
        search.texts[me].append(json.dumps(late.json, ensure_ascii=False))
        if me.key in seen and not any(readable(me, name) for name in REPORT_TYPES):
            continue  # nobody reads anything of a report for such a purpose, and one of them is enough
        seen.add(me.key)
        async with at_desk(holding.served, me.key, me.purpose) as client:
            row = f"/duty/MandatoryReport/{course.served.id(me.key, 'MandatoryReport', course.key)}"
            reads = any(readable(me, name) for name in REPORT_TYPES)
            pages = ("/duty/", "/duty/others", "/duty/held", row, "/report/") if reads else (row,)
            for page in pages:
                search.texts[me].append((await client.get(page)).text)


async def looked_further(holding: Holding, search: Search, those: Iterable[Me], surveys: Iterable[str]) -> None:
    """Everybody opens the other pages that are its own: the survey's, the figures', the comparisons'."""
    shown: dict[str, set[str]] = defaultdict(set)
    named = set()
    village = POLICY.divisions[search.village].name
    for me in those:
        async for path, text in opened(holding.served, me, surveys):
            named |= {path} if village in text else set()
            search.texts[me].append(text)
            shown[path] |= search.found(text)
    assert shown.keys() == PAGES and "/survey/progress" in named
    for path, coordinate in SHOWN.items():
        assert coordinate in shown[path], f"what is planted would be found on {path}"


async def counts(holding: Holding, search: Search, those: Iterable[Me]) -> dict[Me, set[str]]:
    """Everybody who is told anything of reports counts by each canary, and by the kind of reporter."""
    found = {}
    for me in those:
        touched = {coordinate.partition(".")[0] for coordinate in RIGHTS[me.unit, me.purpose]}
        # An institution that asks so is refused, and named in the log as who asked: that would be found, and tells
        # nothing of the report.
        if touched.isdisjoint(REPORT_TYPES) or me.institution:
            continue
        query = grouped([*dict.fromkeys(CANARIES.values()), "MandatoryReport.reporterKind"])
        reply = await holding.served(me.key, me.purpose, query, Hub_On_Denied="null")
        search.texts[me].append(json.dumps(reply.json, ensure_ascii=False))
        found[me] = search.found(search.texts[me][-1])
    return found


async def filed(holding: Holding, search: Search, folder: Path) -> None:
    """The operator exports the log for whoever verifies it, and prints for the family who has read of its child."""
    child, served = holding.child, holding.served
    await in_tree(holding.server)
    files = await exported(served, folder)
    assert {"tile", "history", "lists", "checkpoint"} <= {name.partition("/")[0] for name in files}
    whole = "\n".join(files.values())
    assert child.town in whole and "step=dispatch" in whole, "a unit that is no reporter is named"
    assert '"unit":"a-' in whole, "the acts of reporters are there as well"
    assert not {(name, one) for name, text in files.items() for one in search.found(text)}
    numbers = f"{child.citizen}\n{child.register}\n"
    page = await commanded(served, "audit", "subject", "--citizen-id", "-", "--register", "-", typed=numbers)
    assert POLICY.divisions[child.village].name in page, "a unit that is no reporter is named"
    assert not search.found(page)


async def audited(holding: Holding, search: Search) -> None:
    """An auditor reads the log, and opens every page of the console that leads to it."""
    me = Me("auditor", "audit")
    names = " ".join(name.partition(".")[2] for name in readable(me, "AccessLogEntry"))
    reply = await holding.served(
        "auditor", "audit", f"{{ accessLog(first: 100) {{ edges {{ node {{ {names} }} }} }} }}"
    )
    assert reply.data["accessLog"]["edges"]
    search.texts[me].append(json.dumps(reply.json, ensure_ascii=False))
    client, base = holding.served.client, f"http://127.0.0.1:{holding.served.port}"
    headers = {"Sec-Fetch-Site": "same-origin"}
    signed = await client.post(
        f"{base}/console/sign-in", data={"token": holding.served.token("auditor", "audit")}, headers=headers
    )
    assert signed.status_code == 303, signed.text
    opened = ["/console/", "/console/search", "/console/unusual", "/console/reviews", "/console/month"]
    for path in opened:
        text = (await client.get(base + path)).text
        search.texts[me].append(text)
        found = (one for one in re.findall(r'href="(/console/entry/\d+)"', text) if one not in opened)
        opened += list(dict.fromkeys(found))[: 25 - len(opened)]
    search.texts[me].append(unpacked((await client.get(f"{base}/console/month/{today():%Y-%m}.xlsx")).content))
    assert form_of(search.texts[me][1]) and len(opened) > 10


async def test_who_reported_and_what_endangers_a_child_is_told_to_nobody_who_may_not_read_it(
    written: Server, people: list[Child], tmp_path: Path
) -> None:
    with desk() as taking:
        await _drive(written, people, tmp_path, taking)


async def _drive(written: Server, people: list[Child], folder: Path, taking: Desk) -> None:
    child = people[0]
    other_school = next(f"mandatory_reporter:{code}" for code in POLICY.institutions if code not in SCHOOL)
    keys = [*everybody(child), *strangers_to(child, people), other_school, SCHOOL]
    those = principals(dict.fromkeys(keys))
    told = [me for me in those if me.unit != "auditor"]
    more = {
        "HUB_WEBHOOKS": hooks(told, taking.url),
        "HUB_CLOCKS__EVERY": "0.3",
        "OTEL_TRACES_EXPORTER": "console",
        "OTEL_METRICS_EXPORTER": "console",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
    async with holding_hub(written, folder, **more) as holding:
        search = Search(citizen=child.citizen, village=child.village)
        await placed(written, *(one["name"] for one in json.loads(more["HUB_WEBHOOKS"])))
        course = Course(served=holding.served, departments=holding.departments, child=child)
        async with subscribed(holding, search, told):
            await whole_course(holding, search, course)
        heard = {me: search.found("\n".join(texts)) for me, texts in search.texts.items()}
        assert heard[Me(POLICE, EMERGENCY)] >= IDENTITY, "a leak would be found"
        assert "Incident.findings" in heard[Me(child.town, EMERGENCY)], "so would one of a town"
        await looked_at(holding, search, course, told)
        quarter = recent(today())[-1]
        await commanded(holding.served, "statistics", "freeze", quarter)
        surveys = (await plant(written, child))[-4:]
        await looked_further(holding, search, told, surveys)
        counted = await counts(holding, search, told)
        assert counted[Me(POLICE, EMERGENCY)] >= IDENTITY, "a count by who reported would be found"
        assert f'"{quarter}"' in search.texts[Me(CIVIL, "statistics")][-1], "the declared tables are those of now"
        await audited(holding, search)
        await filed(holding, search, folder / "export")
        assert not search.leaks()
        said = holding.served.log.read_text("utf-8")
        assert '"name": "hub.stitch"' in said and not search.found(said)
        kept = await texts_of(written)
        assert {"event.outbox", "event.alarm", "event.message", "log.entry"} <= {table for table, _ in kept}
        # A session names who is signed in, and nothing that it did; both would be found elsewhere as they are here.
        own = {("pages.session", "MandatoryReport.reporterUnit"), ("public.statistic", FIGURE)}
        assert {(table, one) for table, text in kept for one in search.found(text)} == own
        assert len(taking.got) > 10 and not search.found("\n".join(body for _, body in taking.got))
