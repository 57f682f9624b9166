"""Published figures over real HTTP: trends over frozen quarters, and what a freeze leaves as it was."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import asyncpg
import pytest

from connectors.demo.server import Server
from hub.audit.session import Session
from hub.statistics.freeze import FreezeError, freeze
from tests.support.running import SHANGHAI
from tests.support.served import Served
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
