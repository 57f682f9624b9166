"""``children(filter: {riskFlags: ...})``: rows by the flags that the caller is shown on them, and by nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from connectors.source import Source
from hub.hub import Hub
from hub.planner.flags import ORDER
from hub.service import Unadopted
from tests.integration.test_costs import Weighed
from tests.properties.principals import principals
from tests.properties.test_equal import SCHEMA
from tests.support.compare import Names, differences
from tests.support.reference import Reference
from tests.support.running import Asking, compose
from tests.support.sight import Sight
from tests.support.world import World

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("at_once")]

CIVIL = ("civil_affairs_bureau", "guardianship_protection")
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


def who_may_ask(world: World) -> list[Sight]:
    """Principals that read flags in clear in some rows."""
    sights = [Sight(world, me) for me in principals(world)]
    return [sight for sight in sights if sight.askable("Child.riskFlags")]


async def test_each_flag_chooses_the_rows_that_the_oracle_chooses_for_every_unit(ask: Asking, world: World) -> None:
    sights = list({sight.me.unit: sight for sight in who_may_ask(world)}.values())
    assert len(sights) > 3
    chosen: set[str] = set()
    for sight in sights:
        reply = await ask(sight.me.key, sight.me.purpose, asked())
        expected = Reference(schema=SCHEMA, sight=sight).answer(asked())
        assert not differences(expected, reply, Names()), sight.me
        chosen |= {flag for number, flag in enumerate(ORDER) if reply.json["data"][f"has{number}"]["edges"]}
    assert len(chosen) > len(ORDER) // 2


async def test_who_reads_no_flag_in_clear_may_not_filter_by_one(ask: Asking, world: World) -> None:
    sights = [Sight(world, me) for me in principals(world)]
    others = [sight for sight in sights if sight.opens("Child") and not sight.askable("Child.riskFlags")]
    assert others
    for sight in others:
        reply = await ask(sight.me.key, sight.me.purpose, asked(BLIND))
        assert reply.codes() == {"NOT_ENTITLED"}
        assert {error["extensions"]["coordinate"] for error in reply.errors} == {"Child.riskFlags"}


async def test_pages_of_a_filter_hold_every_row_once_and_end_where_there_are_no_more(ask: Asking, world: World) -> None:
    flags = ["INCAPABLE_GUARDIAN", "NO_HOUSEHOLD", "STALE_FILE"]

    async def pages(first: int) -> list[str]:
        found: list[str] = []
        after = None
        while True:
            reply = await ask(*CIVIL, PAGE, {"flags": flags, "first": first, "after": after})
            page = reply.json["data"]["children"]
            assert all(set(edge["node"]["riskFlags"]) & set(flags) for edge in page["edges"])
            found += [edge["node"]["id"] for edge in page["edges"]]
            if not page["pageInfo"]["hasNextPage"]:
                return found
            after = page["pageInfo"]["endCursor"]

    every = await pages(100)
    assert len(every) == len(set(every)) > 7
    assert await pages(3) == every
    reply = await ask(*CIVIL, PAGE, {"flags": flags, "first": 3})
    cursor = reply.json["data"]["children"]["pageInfo"]["endCursor"]
    other = await ask(*CIVIL, PAGE, {"flags": ["MISSING"], "first": 3, "after": cursor})
    assert other.codes() == {"INVALID_INPUT"}


async def test_a_filter_costs_as_many_statements_for_a_hundred_rows_as_for_five(
    hub: Hub, sources: Mapping[str, Source]
) -> None:
    weighed = {name: Weighed(name=name, inner=source) for name, source in sources.items()}
    weighing = Asking(hub=compose(weighed, hub.recording.log))
    statements = []
    for first in (5, 100, 5, 100):
        before = sum(source.cost.statements for source in weighed.values())
        reply = await weighing(*CIVIL, PAGE, {"flags": ["MISSING", "NO_HOUSEHOLD", "LIVING_ALONE"], "first": first})
        assert reply.data
        statements.append(sum(source.cost.statements for source in weighed.values()) - before)
    assert 0 < statements[2] == statements[3] <= 24


async def test_a_flag_that_an_outage_leaves_open_is_an_error_and_neither_chooses_nor_drops_a_row(
    hub: Hub, sources: Mapping[str, Source]
) -> None:
    cut = {**sources, "public_security": Unadopted("public_security")}
    without = Asking(hub=compose(cut, hub.recording.log))
    reply = await without(*CIVIL, PAGE, {"flags": ["MISSING"], "first": 5})
    assert "SOURCE_UNAVAILABLE" in reply.codes()
    own = await without(*CIVIL, PAGE.replace("riskFlags }", "name }"), {"flags": ["NO_GUARDIAN"], "first": 5})
    assert own.data and not own.errors
