"""Published figures over real HTTP: trends over frozen quarters, what a freeze leaves as it was, census figures."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import asyncpg
import pytest

from connectors.demo.server import Server
from hub.audit.session import Session
from hub.statistics.freeze import FreezeError, freeze
from tests.support.running import SHANGHAI
from tests.support.served import Reply, Served, entries_of
from tests.support.steps import POLICY

pytestmark = pytest.mark.postgres

DISTRICT = "120114"
FINANCE, STATISTICS = "finance_bureau", "statistics"
TREND = """query Trend($filter: StatisticFilter!, $first: Int, $after: String, $direction: Direction) {
  statistics(
    filter: $filter, orderBy: [{field: QUARTER, direction: $direction}, {field: DIVISION_CODE}],
    first: $first, after: $after
  ) {
    edges { node { divisionCode quarter indicator value suppressed censusReference } }
    pageInfo { hasNextPage endCursor }
  }
}"""
Row = dict[str, Any]


async def kept(server: Server, statement: str, *values: Any) -> list[Row]:
    """Rows of the hub's own database, as they are."""
    connection = await asyncpg.connect(server.dsn("hub"))
    try:
        return [dict(row) for row in await connection.fetch(statement, *values)]
    finally:
        await connection.close()


async def trend(served: Served, unit: str, filter_: Mapping[str, Any], **more: Any) -> list[Row]:
    """Every page of a trend."""
    found: list[Row] = []
    after = None
    while True:
        reply = await served(unit, STATISTICS, TREND, {"filter": filter_, "after": after, "direction": "ASC", **more})
        page = reply.data["statistics"]
        found += [edge["node"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]


async def quarters(server: Server) -> list[str]:
    """Quarters of which there are figures, the oldest first."""
    return [row["quarter"] for row in await kept(server, "select distinct quarter from statistic order by quarter")]


def of(indicator: str, quarter: Mapping[str, Any]) -> dict[str, Any]:
    """A filter on a figure of the district."""
    return {"indicator": {"eq": indicator}, "divisionCode": {"eq": DISTRICT}, "quarter": quarter}


async def test_a_trend_has_a_figure_a_quarter_in_order_within_its_bounds(served: Served, written: Server) -> None:
    every = await quarters(written)
    assert len(every) > 3
    rows = await trend(served, FINANCE, of("CHILDREN_ON_FILE", {"gte": every[1], "lte": every[-1]}))
    assert [row["quarter"] for row in rows] == every[1:]
    stored = await kept(
        written,
        "select quarter, value from statistic where division_code = $1 and indicator = $2 order by quarter",
        *(DISTRICT, "CHILDREN_ON_FILE"),
    )
    assert [row["value"] for row in rows] == [row["value"] for row in stored][1:]
    back = await trend(served, FINANCE, of("CHILDREN_ON_FILE", {"in": [every[2], every[0]]}), direction="DESC")
    assert [row["quarter"] for row in back] == [every[2], every[0]]
    assert await trend(served, FINANCE, of("CHILDREN_ON_FILE", {"gt": every[-1]})) == []


async def test_a_figure_that_is_suppressed_stays_null_and_says_so_in_every_quarter(
    served: Served, written: Server
) -> None:
    every = await quarters(written)
    rows = await trend(served, FINANCE, {"quarter": {"gte": every[0], "lte": every[-1]}}, first=100)
    stored = await kept(
        written,
        "select count(*) from statistic where suppressed and level <> 'village' and indicator = any($1)",
        sorted({row["indicator"] for row in rows}),
    )
    hidden = [row for row in rows if row["value"] is None]
    assert len(hidden) == stored[0]["count"] > 10
    assert all(row["suppressed"] is (row["value"] is None) for row in rows)


async def test_a_trend_comes_in_pages_that_are_bounded(served: Served, written: Server) -> None:
    every = await quarters(written)
    span = {"quarter": {"gte": every[0]}, "indicator": {"eq": "CHILDREN_ON_FILE"}}
    assert await trend(served, FINANCE, span, first=7) == await trend(served, FINANCE, span, first=100)
    reply = await served(FINANCE, STATISTICS, TREND, {"filter": span, "first": 101})
    assert (reply.error["code"], reply.error["argument"]) == ("INVALID_INPUT", "first")
    reply = await served(FINANCE, STATISTICS, TREND, {"filter": {"quarter": {"gte": "2026Q5"}}})
    assert reply.codes == {"INVALID_INPUT"}


async def test_a_quarter_that_is_frozen_now_joins_the_trend_and_leaves_the_earlier_ones_as_they_were(
    served: Served, written: Server
) -> None:
    every = await quarters(written)
    last = following(every[-1])
    span = {"indicator": {"in": ["CHILDREN_ON_FILE", "AGE_0_5"]}, "divisionCode": {"eq": DISTRICT}}
    before = await trend(served, FINANCE, span)
    await frozen(written, last)
    after = await trend(served, FINANCE, span)
    assert [row for row in after if row["quarter"] != last] == before
    new = [row for row in after if row["quarter"] == last]
    assert len(new) == 2
    assert all(row["suppressed"] and row["value"] is None for row in new)
    with pytest.raises(FreezeError):
        await frozen(written, last)
    assert await trend(served, FINANCE, span) == after


def following(quarter: str) -> str:
    """The quarter after this one."""
    year, number = int(quarter[:4]), int(quarter[-1])
    return f"{year + number // 4}Q{number % 4 + 1}"


async def frozen(server: Server, quarter: str) -> None:
    """A quarter of which nothing may be told is frozen."""
    session = Session(server.dsn("hub"), name="statistics", durable=False, timeout=30.0)
    try:
        await freeze(session, quarter, POLICY, (), datetime.now(SHANGHAI))
    finally:
        await session.close()


# Census figures.

BUREAU = "statistics_bureau"
STEP = "giveCensusFigure"
VILLAGE = next(code for code in POLICY.divisions if len(code) == 12)
GIVEN = "step again statistic { divisionCode quarter indicator value suppressed censusReference }"


async def give(served: Served, figure: int, *, unit: str = BUREAU, key: str | None = None, **given: Any) -> Reply:
    """A census figure for a cell of which there is none yet, unless ``given`` says another."""
    return await served.step(unit, STATISTICS, STEP, GIVEN, key=key, censusReference=figure, **given)


async def cell(server: Server, indicator: str, division: str = DISTRICT) -> Row:
    """What a member of an input names, of the oldest quarter."""
    return {"divisionCode": division, "quarter": (await quarters(server))[0], "indicator": indicator}


async def test_a_census_figure_stands_beside_the_published_one_for_whoever_reads_that(
    served: Served, written: Server
) -> None:
    named = await cell(written, "DISABLED")
    before = await trend(served, FINANCE, of("DISABLED", {"eq": named["quarter"]}))
    assert before[0]["censusReference"] is None
    entries = len(await entries_of(written))
    first = await give(served, 431, key="census-1", **named)
    assert first.data[STEP] == {"step": STEP, "again": False, "statistic": {**before[0], "censusReference": 431}}
    assert len(first.json["extensions"]["written"]) == 1
    again = await give(served, 431, key="census-1", **named)
    assert again.data[STEP]["again"] is True
    assert await trend(served, FINANCE, of("DISABLED", {"eq": named["quarter"]})) == [
        {**before[0], "censusReference": 431}
    ]
    made = [json.loads(one) for one in (await entries_of(written))[entries:]]
    acts = [one for one in made if f"step={STEP}" in one["facts"]]
    assert [one["kind"] for one in acts] == ["intent", "outcome"]
    assert all(one["released"] == ["Statistic.censusReference"] and one["clauses"] == ["3.1.12"] for one in acts)
    assert not any("431" in json.dumps(one["facts"]) for one in acts)


async def test_a_census_figure_is_replaced_by_who_says_what_it_replaces_and_a_conflict_shows_both(
    served: Served, written: Server
) -> None:
    named = await cell(written, "ASSISTED")
    assert (await give(served, 120, **named)).codes == set()
    unseen = await give(served, 125, **named)
    assert unseen.status == 409
    assert (unseen.error["expected"], unseen.error["current"]) == (None, 120)
    assert "您看到的原值为空，现为“120”" in unseen.error["messageZh"]
    assert (await give(served, 125, expected=120, **named)).data[STEP]["statistic"]["censusReference"] == 125
    late = await give(served, 130, expected=120, **named)
    assert (late.error["expected"], late.error["current"]) == (120, 125)
    both = await asyncio.gather(*(give(served, figure, expected=125, **named) for figure in (140, 150)))
    [lost] = [reply for reply in both if reply.codes]
    [won] = [reply for reply in both if not reply.codes]
    assert lost.error["code"] == "CONFLICT"
    assert lost.error["current"] == won.data[STEP]["statistic"]["censusReference"]


@pytest.mark.parametrize(
    ("wrong", "fields", "zh", "en"),
    [
        ({"divisionCode": "120115"}, ["divisionCode"], "没有这个地区代码", "no division of this district"),
        ({"divisionCode": VILLAGE}, ["divisionCode"], "不按村居和园区", "the district and its towns alone"),
        ({"quarter": "2099Q1"}, ["quarter"], "季度尚未结束", "is not over yet"),
        ({"censusReference": -1}, ["censusReference"], "应为0至", "a whole number from 0"),
        (
            {"censusReference": 3_000_000, "quarter": "2099Q1"},
            ["quarter", "censusReference"],
            "应为0至",
            "is not over yet",
        ),
    ],
)
async def test_what_is_wrong_with_a_census_figure_is_told_by_its_members_in_both_languages(
    served: Served, written: Server, wrong: Row, fields: list[str], zh: str, en: str
) -> None:
    before = await kept(written, "select * from statistic order by id")
    named = {"censusReference": 7, **await cell(written, "UNREGISTERED"), **wrong}
    reply = await served.step(BUREAU, STATISTICS, STEP, GIVEN, **named)
    assert reply.error["code"] == "INVALID_INPUT"
    assert reply.error["fields"] == [f"Statistic.{name}" for name in fields]
    assert zh in reply.error["messageZh"] and en in reply.error["message"]
    assert await kept(written, "select * from statistic order by id") == before


async def test_a_figure_out_of_scope_and_one_that_was_never_published_are_told_alike(
    served: Served, written: Server
) -> None:
    hidden = await give(served, 7, **await cell(written, "HARM_REPORTS"))
    absent = await give(served, 7, **{**await cell(written, "DISABLED"), "quarter": "2019Q1"})
    assert hidden.error == absent.error
    assert absent.error["code"] == "INVALID_INPUT"
    refused = await give(served, 7, unit=FINANCE, **await cell(written, "DISABLED"))
    assert refused.error["code"] == "NOT_ENTITLED"
    assert "区统计局" in refused.error["messageZh"]
