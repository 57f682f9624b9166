"""``children(filter: {riskFlags: ...})``: rows by the flags that the caller is shown on them, and by nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import asyncpg
import orjson
import pytest

from connectors.demo.server import Server
from connectors.source import Source
from hub.hub import Hub
from hub.planner.flags import ORDER
from hub.service import Unadopted
from tests.integration.test_costs import Weighed
from tests.properties.principals import principals
from tests.properties.test_equal import SCHEMA
from tests.support.compare import Names, differences
from tests.support.reference import Reference
from tests.support.running import TODAY, Asking, compose, open_hub
from tests.support.sight import Sight
from tests.support.world import World, load

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("at_once")]

CIVIL = ("civil_affairs_bureau", "guardianship_protection")
SCHOOLS = ("education_bureau", "dropout_control")
INNER = "edges { cursor node { id riskFlags } } pageInfo { hasNextPage endCursor }"
BLIND = "edges { cursor node { id } } pageInfo { hasNextPage endCursor }"
PAGE = (
    "query Page($flags: [RiskFlag!], $first: Int, $after: String) {"
    f" children(filter: {{riskFlags: {{has: $flags}}}}, first: $first, after: $after) {{ {INNER} }} }}"
)


def asked(inner: str = INNER, first: int = 5) -> str:
    """Rows with each flag, and rows without it, in one document."""
    roots = [
        f"{word}{number}: children(first: {first}, filter: {filter_}) {{ {inner} }}"
        for number, flag in enumerate(ORDER)
        for word, filter_ in (
            ("has", f"{{riskFlags: {{has: [{flag}]}}}}"),
            ("not", f"{{not: {{riskFlags: {{has: [{flag}]}}}}}}"),
        )
    ]
    return f"{{ {' '.join(roots)} }}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagged:
    """A hub over departments that a test may change, and their rows as they were at first."""

    hub: Hub
    ask: Asking
    world: World
    server: Server


@pytest.fixture(scope="module")
async def flagged(
    written: Server, departments: Mapping[str, Source], institutions: Mapping[str, str]
) -> AsyncIterator[Flagged]:
    async with open_hub(written, departments) as hub:
        yield Flagged(hub=hub, ask=Asking(hub=hub), world=await load(departments, TODAY, institutions), server=written)


def who_may_ask(world: World) -> list[Sight]:
    """Principals that read flags in clear in some rows."""
    sights = [Sight(world, me) for me in principals(world)]
    return [sight for sight in sights if sight.askable("Child.riskFlags")]


async def test_each_flag_chooses_the_rows_that_the_oracle_chooses_for_every_unit(flagged: Flagged) -> None:
    sights = list({sight.me.unit: sight for sight in who_may_ask(flagged.world)}.values())
    assert len(sights) > 3
    chosen: set[str] = set()
    for sight in sights:
        reply = await flagged.ask(sight.me.key, sight.me.purpose, asked())
        expected = Reference(schema=SCHEMA, sight=sight).answer(asked())
        assert not differences(expected, reply, Names()), sight.me
        chosen |= {flag for number, flag in enumerate(ORDER) if reply.json["data"][f"has{number}"]["edges"]}
    assert len(chosen) > len(ORDER) // 2


async def test_who_reads_no_flag_in_clear_may_not_filter_by_one(flagged: Flagged) -> None:
    sights = [Sight(flagged.world, me) for me in principals(flagged.world)]
    others = [sight for sight in sights if sight.opens("Child") and not sight.askable("Child.riskFlags")]
    assert others
    for sight in others:
        reply = await flagged.ask(sight.me.key, sight.me.purpose, asked(BLIND))
        assert reply.codes() == {"NOT_ENTITLED"}
        assert {error["extensions"]["coordinate"] for error in reply.errors} == {"Child.riskFlags"}


async def test_pages_of_a_filter_hold_every_row_once_and_end_where_there_are_no_more(flagged: Flagged) -> None:
    flags = ["INCAPABLE_GUARDIAN", "NO_HOUSEHOLD", "STALE_FILE"]

    async def pages(first: int) -> list[str]:
        found: list[str] = []
        after = None
        while True:
            reply = await flagged.ask(*CIVIL, PAGE, {"flags": flags, "first": first, "after": after})
            page = reply.json["data"]["children"]
            assert all(set(edge["node"]["riskFlags"]) & set(flags) for edge in page["edges"])
            found += [edge["node"]["id"] for edge in page["edges"]]
            if not page["pageInfo"]["hasNextPage"]:
                return found
            after = page["pageInfo"]["endCursor"]

    every = await pages(100)
    assert len(every) == len(set(every)) > 7
    assert await pages(3) == every
    reply = await flagged.ask(*CIVIL, PAGE, {"flags": flags, "first": 3})
    cursor = reply.json["data"]["children"]["pageInfo"]["endCursor"]
    other = await flagged.ask(*CIVIL, PAGE, {"flags": ["MISSING"], "first": 3, "after": cursor})
    assert other.codes() == {"INVALID_INPUT"}


async def test_a_filter_costs_as_many_statements_for_a_hundred_rows_as_for_five(
    flagged: Flagged, departments: Mapping[str, Source]
) -> None:
    weighed = {name: Weighed(name=name, inner=source) for name, source in departments.items()}
    ask = Asking(hub=compose(weighed, flagged.hub.recording.log))
    statements = []
    for first in (5, 100, 5, 100):
        before = sum(source.cost.statements for source in weighed.values())
        reply = await ask(*CIVIL, PAGE, {"flags": ["MISSING", "NO_HOUSEHOLD", "LIVING_ALONE"], "first": first})
        assert reply.data
        statements.append(sum(source.cost.statements for source in weighed.values()) - before)
    assert 0 < statements[2] == statements[3] <= 24


async def test_a_flag_that_an_outage_leaves_open_is_an_error_and_neither_chooses_nor_drops_a_row(
    flagged: Flagged, departments: Mapping[str, Source]
) -> None:
    cut = {**departments, "public_security": Unadopted("public_security")}
    ask = Asking(hub=compose(cut, flagged.hub.recording.log))
    reply = await ask(*CIVIL, PAGE, {"flags": ["MISSING"], "first": 5})
    assert "SOURCE_UNAVAILABLE" in reply.codes()
    own = await ask(*CIVIL, PAGE.replace("riskFlags }", "name }"), {"flags": ["NO_GUARDIAN"], "first": 5})
    assert own.data and not own.errors


HIDDEN: Mapping[str, tuple[str, ...]] = {
    "civil_affairs": (
        "update etda set dzjz = case dzjz when '1' then '0' else '1' end, jzbf = null",
        "update etda set sfdjhk = case sfdjhk when '1' then '0' else '1' end",
    ),
    "public_security": (
        "update jq_bg set bgqxdm = array_append(bgqxdm, '02')",
        "update jq_cj set fmlx = not coalesce(fmlx, true)",
    ),
}
"""Source -> changes of facts on which flags rest and scopes do not, that civil affairs read and schools do not: who
lives alone, is helped, is registered, is missing, and whose parents are reached."""


async def test_a_fact_that_the_caller_may_not_read_filters_no_row_in_or_out(flagged: Flagged) -> None:
    """Last of all: it changes what the departments hold."""

    async def answers(who: tuple[str, str]) -> bytes:
        found = (await flagged.ask(*who, asked(BLIND, first=100))).json
        assert found.pop("extensions")["receipt"]
        return orjson.dumps(found)

    before = {who: await answers(who) for who in (CIVIL, SCHOOLS)}
    await change(flagged.server)
    after = {who: await answers(who) for who in (CIVIL, SCHOOLS)}
    assert before[SCHOOLS] == after[SCHOOLS]
    assert before[CIVIL] != after[CIVIL]


async def change(server: Server) -> None:
    """Changes ``HIDDEN``, in every row."""
    for source, statements in HIDDEN.items():
        connection = await asyncpg.connect(server.dsn(source))
        try:
            for statement in statements:
                assert int((await connection.execute(statement)).split()[-1]) > 5
        finally:
            await connection.close()
