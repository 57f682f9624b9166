"""Published figures of a hub that is served: what it keeps, what it answers, what its page shows, and a freeze."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import asyncpg
import httpx

from connectors.demo.server import Server
from hub.audit.session import Session
from hub.statistics.freeze import freeze
from tests.support.desk import of
from tests.support.running import SHANGHAI
from tests.support.served import Served
from tests.support.steps import POLICY

DISTRICT = "120114"
FINANCE, BUREAU, STATISTICS = "finance_bureau", "statistics_bureau", "statistics"
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


def figure(indicator: str, quarter: Mapping[str, Any]) -> dict[str, Any]:
    """A filter on a figure of the district."""
    return {"indicator": {"eq": indicator}, "divisionCode": {"eq": DISTRICT}, "quarter": quarter}


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


def cells_of(text: str) -> dict[str, list[str]]:
    """The cells of all tables by the heading of their row."""
    found = re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', text, re.DOTALL)
    return {of(name).strip(): [of(cell).strip() for cell in re.findall(r"<td.*?</td>", cells)] for name, cells in found}


async def shown(client: httpx.AsyncClient, **choice: str) -> str:
    """The page for a choice."""
    found = await client.get("/statistics/", params=choice)
    assert found.status_code == 200, found.text
    return found.text
