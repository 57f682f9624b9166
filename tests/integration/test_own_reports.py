"""Own reports in the log: an entry of their own, that neither names who read them nor leads to an entry that does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

import hub.audit.entry
from connectors.demo.server import Server
from tests.conftest import CHILDREN, SEED
from tests.properties.principals import principals
from tests.support.clusters import throw_away
from tests.support.rights import Me
from tests.support.running import TODAY, Asking, close_all, connect, open_hub, start_filled
from tests.support.sight import Sight
from tests.support.world import Row, World, load

pytestmark = pytest.mark.postgres

PURPOSE = "emergency_response"
KEPT = ("VILLAGE_COMMITTEE", "SCHOOL")
"""Kinds whose reports stay theirs."""
REPORTS = "mandatoryReports(first: 100) { edges { node { id status reportedAt } } }"
BOTH = ("town_government", "civil_affairs_bureau")
"""Units that see reports for another reason, too."""
ALONE, BESIDE = f"{{ {REPORTS} }}", f"{{ children(first: 5) {{ edges {{ node {{ name }} }} }} {REPORTS} }}"


@pytest.fixture(autouse=True)
def by_the_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is where no test wants acts of authors at once."""
    monkeypatch.setattr(hub.audit.entry, "MIXING", timedelta(hours=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A hub of which each of the four kinds of reporters has made reports, and its log."""

    world: World
    ask: Asking
    log: asyncpg.Connection

    async def entry(self, receipt: dict[str, Any]) -> dict[str, Any]:
        """The entry that the receipt promises, with its long lists."""
        request, kind, part = receipt["entry"].split("/")
        text = (
            "select bytes from (select request, kind, part, bytes from log.pending union all"
            " select request, kind, part, bytes from log.entry) b where request = $1 and kind = $2 and part = $3"
        )
        found: dict[str, Any] = json.loads(await self.log.fetchval(text, request, kind, int(part)))
        lists = "select field, items from log.long_list where request = $1 and kind = $2 and part = $3"
        return found | {row["field"]: row["items"] for row in await self.log.fetch(lists, request, kind, int(part))}

    def reporter(self, unit: str) -> tuple[Me, list[Row], list[Row]]:
        """Of the unit's principals one who has reported; reports that it sees as its own alone, and others."""
        found = []
        for me in principals(self.world):
            if (me.unit, me.purpose) == (unit, PURPOSE):
                sight = Sight(self.world, me)
                seen = sight.every("MandatoryReport")
                own = [row for row in seen if sight.own_alone("MandatoryReport", row)]
                found.append((me, own, [row for row in seen if row not in own]))
        return max(found, key=lambda each: len(each[1]))


@pytest.fixture(scope="module")
async def told(tmp_path_factory: pytest.TempPathFactory, institutions: Mapping[str, str]) -> AsyncIterator[Told]:
    server = await start_filled(tmp_path_factory.mktemp("own_reports"), children=CHILDREN, seed=SEED)
    try:
        sources = connect(server)
        await _report_from_town_and_bureau(server, await load(sources, TODAY, institutions))
        log = await asyncpg.connect(server.dsn("hub"))
        async with open_hub(server, sources) as hub:
            yield Told(world=await load(sources, TODAY, institutions), ask=Asking(hub=hub), log=log)
        await log.close()
        await close_all(sources)
    finally:
        throw_away(server)


async def _report_from_town_and_bureau(server: Server, world: World) -> None:
    """Two reports each that the town and the bureau would not see if they had not made them."""
    towns = [me for me in principals(world) if me.unit == "town_government"]
    town = max(towns, key=lambda me: len(Sight(world, Me(me.key, PURPOSE)).every("MandatoryReport")))
    police = await asyncpg.connect(server.dsn("public_security"))
    taken = set[str]()
    for unit in (town.key, "civil_affairs_bureau"):
        seen = {row["_key"] for row in Sight(world, Me(unit, PURPOSE)).every("MandatoryReport")} | taken
        rows = world.rows("public_security", "MandatoryReport")
        keys = [row["_key"] for row in rows if row["_key"] not in seen and row["reporterKind"] not in KEPT][:2]
        assert len(keys) == 2
        await police.execute("UPDATE jq_bg SET bgdw = $1 WHERE bgbh = ANY($2)", unit, keys)
        taken |= set(keys)
    await police.close()


@pytest.mark.parametrize("unit", ["town_government", "village_committee", "civil_affairs_bureau"])
async def test_what_is_read_of_own_reports_beside_others_is_an_entry_that_leads_to_nobody(
    told: Told, unit: str
) -> None:
    me, own, others = told.reporter(unit)
    assert own and bool(others) is (unit in BOTH)
    reply = await told.ask(me.key, PURPOSE, BESIDE)
    assert reply.data is not None and not reply.errors
    edges = reply.data["mandatoryReports"]["edges"]
    assert len(edges) == min(100, len(own) + len(others))
    shown = {told.ask.hub.seals.of(me.key).identified(edge["node"]["id"], "id")[1] for edge in edges}
    own, others = ([row for row in rows if row["_key"] in shown] for rows in (own, others))
    assert own
    receipts = reply.json["extensions"]
    first, apart = await told.entry(receipts["receipt"]), await told.entry(receipts["ownReportsReceipt"])
    names = told.ask.hub.pseudonyms
    of_own = {names.record("MandatoryReport", row["_key"]) for row in own}
    assert first["unit"] == me.key and not of_own & set(first["subjects"])
    assert {names.record("MandatoryReport", row["_key"]) for row in others} <= set(first["subjects"])
    assert apart["unit"] == names.author(me.key) and set(apart["subjects"]) == of_own
    texts = [json.dumps(found, ensure_ascii=False) for found in (first, apart)]
    assert me.key not in texts[1] and str(me.division or "120114") not in texts[1]
    shared = words(first) & words(apart)
    assert shared <= {
        PURPOSE,
        "disclosure",
        "ALLOWED",
        "FILTERED",
        first["policy"],
        *first["released"],
        *first["clauses"],
    }
    at = datetime.fromisoformat(apart["at"])
    assert (at.minute, at.second, at.microsecond) == (0, 0, 0) and at >= datetime.fromisoformat(first["at"])


def words(document: dict[str, Any]) -> set[str]:
    """Every text in an entry, but for numbers and times."""
    found = set()
    for name, value in document.items():
        if name not in ("rows", "at"):
            found |= {value} if isinstance(value, str) else set(value) if isinstance(value, list) else set()
    return found - {""}


@pytest.mark.parametrize("asked", ["id status reportedAt", "id", "__typename"])
@pytest.mark.parametrize("unit", ["mandatory_reporter", "education_bureau", "village_committee"])
async def test_own_reports_alone_are_one_entry_though_no_value_of_them_is_asked(
    told: Told, unit: str, asked: str
) -> None:
    me, own, others = told.reporter(unit)
    assert own and not others
    reply = await told.ask(me.key, PURPOSE, ALONE.replace("id status reportedAt", asked))
    assert list(reply.json["extensions"]) == ["receipt"]
    found = await told.entry(reply.json["extensions"]["receipt"])
    assert found["unit"] == told.ask.hub.pseudonyms.author(me.key)
    assert (found["operation"], found["case"], found["client"]) == ("", "", "")


@pytest.mark.parametrize("unit", ["mandatory_reporter", "finance_bureau"])
async def test_who_may_read_nothing_but_own_reports_is_not_named_for_asking_who_it_is(told: Told, unit: str) -> None:
    key = told.reporter(unit)[0].key if unit == "mandatory_reporter" else unit
    for query in ("{ me { key overdue { id } } }", "{ catalogue { coordinate } }"):
        reply = await told.ask(key, PURPOSE, query)
        found = await told.entry(reply.json["extensions"]["receipt"])
        assert found["unit"] == told.ask.hub.pseudonyms.author(key), query
    more = await told.ask(key, PURPOSE, "{ children { edges { node { name } } } }", denied="null")
    assert (await told.entry(more.json["extensions"]["receipt"]))["unit"] == key, "it asked for more than is granted"


async def test_groups_of_own_reports_are_an_act_of_their_author_too(told: Told) -> None:
    me, _, _ = told.reporter("education_bureau")
    query = '{ aggregate(by: ["MandatoryReport.status"]) { cells { value } } }'
    reply = await told.ask(me.key, PURPOSE, query)
    assert reply.data is not None, reply.json
    found = await told.entry(reply.json["extensions"]["receipt"])
    assert found["unit"] == told.ask.hub.pseudonyms.author(me.key) and found["released"] == ["MandatoryReport.status"]


async def test_who_reads_reports_for_another_reason_alone_has_no_second_entry(told: Told) -> None:
    me = Me("public_security_bureau", PURPOSE)
    reply = await told.ask(me.key, PURPOSE, BESIDE)
    assert list(reply.json["extensions"]) == ["receipt"]
    assert (await told.entry(reply.json["extensions"]["receipt"]))["unit"] == me.key


@pytest.mark.parametrize("unit", ["mandatory_reporter", "education_bureau", "village_committee"])
async def test_who_could_not_be_shown_its_own_reports_is_not_named_and_who_asked_for_more_is(
    told: Told, unit: str
) -> None:
    me, _, _ = told.reporter(unit)
    names = told.ask.hub.pseudonyms
    for query, named in (
        (ALONE.replace("first: 100", "first: 10000"), False),
        (ALONE.replace("status", "narrative"), True),
        (ALONE.removesuffix("}"), unit == "village_committee"),
    ):
        reply = await told.ask(me.key, PURPOSE, query)
        assert reply.data is None, reply.json
        found = await told.entry(reply.json["extensions"]["receipt"])
        assert found["kind"] == "refusal"
        assert found["unit"] == (me.key if named else names.author(me.key)), query
