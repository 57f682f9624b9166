"""A quarter is frozen from the departments' rows, told alike to everybody, and never told otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from connectors.demo.server import Server
from hub.audit.contract import StoreError
from hub.audit.session import Session
from hub.commands.freezing import freeze_now
from hub.hub import Hub
from hub.settings import SOURCES, load
from hub.statistics.freeze import FreezeError, freeze, hidden_share, places, reading_all, tabulated, threshold
from hub.statistics.indicators import INDICATORS, ON_FILE, SORTINGS, is_indicator
from hub.statistics.performance import INDICATORS as PERFORMANCE
from hub.statistics.performance import measure
from hub.statistics.performance import told as told_of
from hub.statistics.settle import settle_all
from hub.statistics.tables import Keys, Published, Tables
from policies.tables import Table
from schema.scalars import SHANGHAI
from tests.hub.statistics.knowing import Floor, narrow
from tests.support.running import READ_PASSWORD, Asking

pytestmark = pytest.mark.postgres
QUARTER = "2026Q3"
QUERY = """query ($by: [String!]!, $measure: String!, $where: AggregateWhere) {
  aggregate(by: $by, measure: $measure, where: $where) {
    quarter total cells { keys { coordinate value } value suppressed }
  }
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarter:
    """A frozen quarter, and the truth behind it."""

    truth: Sequence[Tables]
    cells: Sequence[Published]
    writing: Session


@pytest.fixture(scope="session")
async def quarter(hub: Hub, server: Server) -> AsyncIterator[Quarter]:
    execution = reading_all(hub.sources, hub.clock().astimezone(SHANGHAI), set_limit=hub.set_limit)
    truth = await tabulated(execution, hub.policy, QUARTER)
    measured = await measure(execution.reading, QUARTER, hub.policy)
    writing = Session(server.dsn("hub"), name="statistics", durable=False, timeout=30.0)
    cells = settle_all(truth)
    cells += told_of(cells, measured, places(hub.policy)[1])
    await freeze(writing, QUARTER, hub.policy, cells, hub.clock())
    yield Quarter(truth=truth, cells=cells, writing=writing)
    await writing.close()


async def told(ask: Asking, unit: str, table: Table, **where: str) -> dict[str, Any]:
    reply = await ask(
        unit, table.purpose, QUERY, {"by": list(table.by), "measure": table.measure, "where": where or None}
    )
    assert reply.data is not None, reply.body
    found: dict[str, Any] = reply.data["aggregate"]
    return found


def reads(hub: Hub, unit: str, table: Table) -> bool:
    return set(table.coordinates) <= set(hub.entitlements(unit, table.purpose).read)


def shown(answer: Mapping[str, Any]) -> dict[tuple[str | None, ...], float | None]:
    return {tuple(key["value"] for key in cell["keys"]): cell["value"] for cell in answer["cells"]}


STATISTICS = """query ($quarter: Quarter!, $after: String) {
  statistics(filter: {quarter: {eq: $quarter}}, first: 100, after: $after) {
    edges { node { divisionCode indicator value suppressed } } pageInfo { hasNextPage endCursor }
  }
}"""
Figures = Mapping[tuple[str | None, str | None], float | None]


async def published(
    ask: Asking, quarter: str, unit: str = "civil_affairs_bureau", purpose: str = "statistics"
) -> Figures:
    """The indicators of a quarter by division and indicator, as a unit is told them."""
    found: dict[tuple[str | None, str | None], float | None] = {}
    after = None
    while True:
        reply = await ask(unit, purpose, STATISTICS, {"quarter": quarter, "after": after})
        assert reply.data is not None, reply.body
        page = reply.data["statistics"]
        for node in (edge["node"] for edge in page["edges"]):
            assert node["suppressed"] == (node["value"] is None)
            found[node["divisionCode"], node["indicator"]] = node["value"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return found


def place_of(code: str, keys: Sequence[str | None]) -> tuple[str | None, str | None]:
    """Division and indicator of a cell."""
    name, _, where = code.partition("/")
    division = "120114" if where == "district" else keys[0]
    if name in (ON_FILE, *PERFORMANCE):
        return division, name
    found = [sorting.told.get(keys[-1]) for sorting in SORTINGS if sorting.name == name]
    return division, found[0] if found else None


async def test_indicators_are_told_as_they_were_settled_with_the_tables(ask: Asking, quarter: Quarter) -> None:
    told_ = await published(ask, QUARTER)
    settled = {place_of(cell.table, cell.keys): cell.value for cell in quarter.cells if is_indicator(cell.table)}
    assert {indicator for _, indicator in told_} == {*INDICATORS, *PERFORMANCE}
    assert {division for division, _ in told_ if division != "120114"} and len({d for d, _ in told_}) == 31
    assert told_ == {place: settled.get(place) for place in told_}
    shown_ = [value for place, value in told_.items() if value is not None and place[1] not in PERFORMANCE]
    assert any(shown_) and 0 in shown_ and all(value % 5 == 0 for value in shown_)
    same = {cell.keys: cell.value for cell in quarter.cells if cell.table == "t20"}
    assert {keys: told_[str(keys[0]), ON_FILE] for keys in same if keys[0]} == {k: v for k, v in same.items() if k[0]}


async def test_who_reads_general_figures_alone_is_told_no_restricted_one(ask: Asking, quarter: Quarter) -> None:
    whole, general = await published(ask, QUARTER), await published(ask, QUARTER, "finance_bureau")
    restricted = {indicator for sorting in SORTINGS if sorting.restricted for indicator in sorting.told.values()}
    assert general == {place: value for place, value in whole.items() if place[1] not in {*restricted, *PERFORMANCE}}
    by_performance = await published(ask, QUARTER, "comprehensive_governance_office", "performance_assessment")
    assert by_performance == {place: value for place, value in whole.items() if place[1] not in restricted}


async def test_medians_and_rates_of_the_district_are_those_of_the_departments_rows(
    ask: Asking, quarter: Quarter, server: Server
) -> None:
    told_ = {name: value for (place, name), value in (await published(ask, QUARTER)).items() if place == "120114"}
    police = await asyncpg.connect(server.dsn("public_security"))
    [dispatch, notice, assessed, waiting] = await police.fetchrow(
        "select percentile_cont(0.5) within group (order by extract(epoch from cjsj - bgsj) / 60) filter (where new),"
        " percentile_cont(0.5) within group (order by extract(epoch from tbxzsj - bgsj) / 3600) filter (where new),"
        " count(*) filter (where bgzt in ('5', '6', '7')), count(*) filter (where bgzt = '4')"
        " from (select *, bgsj >= '2026-07-01T00:00:00+08:00' and bgsj < '2026-10-01T00:00:00+08:00' as new"
        " from jq_bg left join jq_cj using (bgbh)) as reports"
    )
    await police.close()
    assert told_["DISPATCH_MEDIAN_MINUTES"] == round(dispatch)
    assert told_["TOWN_NOTICE_MEDIAN_HOURS"] == round(notice)
    near = 100 * assessed / (assessed + waiting)
    assert told_["ASSESSMENT_AFTER_NOTICE_RATE"] == pytest.approx(near, abs=6)
    assert 0 <= (told_["SURVEY_ON_TIME_RATE"] or 0) <= 100


async def test_every_unit_is_told_every_declared_table_as_it_was_settled(
    hub: Hub, ask: Asking, quarter: Quarter
) -> None:
    asked = 0
    for table in hub.policy.tables:
        settled = {cell.keys: cell.value for cell in quarter.cells if cell.table == table.code}
        for unit in table.units:
            if not reads(hub, unit, table):
                answer = await told(ask, unit, table)
                assert shown(answer) == settled and answer["quarter"] == QUARTER
                hidden = any(value is None for value in settled.values())
                assert answer["total"] == (None if hidden else sum(value or 0 for value in settled.values()))
                assert all(cell["suppressed"] == (cell["value"] is None) for cell in answer["cells"])
                asked += 1
    assert asked >= len(hub.policy.tables)


async def test_what_is_shown_is_of_enough_children_and_rounded(hub: Hub, quarter: Quarter) -> None:
    published = {(cell.table, cell.keys): cell.value for cell in quarter.cells}
    some = 0
    for table in (table for tables in quarter.truth for table in tables.tables):
        for cell in table.cells:
            value = published[table.code, cell.keys]
            if value == 0 and table.shape.zeros:
                assert table.nought(cell) and not cell.children
            elif value is not None:
                assert cell.children >= table.k and not (table.sums and cell.largest > 0.5)
                assert value % table.step == 0 and abs(value - cell.value) <= table.step / 2
                some += 1
    assert some > 100, hidden_share(quarter.cells)


async def test_all_units_together_can_reckon_no_cell_below_k(hub: Hub, ask: Asking, quarter: Quarter) -> None:
    """From the answers alone, over all combinations of what is grouped by. One unit, or any two, know less than all."""
    answers = {
        table.code: shown(await told(ask, unit, table))
        for table in hub.policy.tables
        for unit in table.units
        if not reads(hub, unit, table)
    }
    figures = await published(ask, QUARTER)
    for table in (table for tables in quarter.truth for table in tables.tables if is_indicator(table.code)):
        answers[table.code] = {cell.keys: figures.get(place_of(table.code, cell.keys)) for cell in table.cells}
    # Of a rate nobody is told the counts: who reckons here knows them, and so more than can be.
    for settled in quarter.cells:
        if settled.table.partition("/")[0] in ("REPORTS", "ASSESSMENT", "RECONCILIATION"):
            answers[settled.table][settled.keys] = settled.value
    for tables in quarter.truth:
        found = narrow(tables.tables, tables.domains, answers, floors(tables, figures))
        assert not found, f"known too closely: {found}"


FORM_AID = ("SUBSISTENCE_ALLOWANCE", "TEMPORARY_RELIEF", "MEDICAL_AID", "HOUSING_AID", "OTHER_AID")
FOUNDED = ("REPORTED", "DISPATCHED", "HANDLED", "TOWN_NOTIFIED", "ASSESSED", "PLANNED", "CLOSED")
BESIDE = (
    ("ASSISTED", "t18", FORM_AID),
    ("ASSISTED", "t09", ("ACTIVE", "COMPLETED")),
    ("CARE_SERVED", "t09", ("ACTIVE", "COMPLETED")),
    ("RETURNED_TO_SCHOOL", "t08", ("RETURNED",)),
    ("HARM_REPORTS", "t05", FOUNDED),
    ("MISSING", "t05", FOUNDED),
)
"""Whoever counts in the indicator has a row in one of these groups of the table, of its town where that tells towns."""


def floors(tables: Tables, figures: Mapping[tuple[str | None, str | None], float | None]) -> list[Floor]:
    """What indicators, which count children, say of tables that count other departments' rows about them."""
    found: list[Floor] = []
    of = {table.code: table for table in tables.tables}
    for indicator, code, values in BESIDE:
        groups: dict[str | None, list[tuple[str, Keys]]] = {}
        for cell in of[code].cells if code in of else ():
            if cell.keys[-1] in (*values, None):
                groups.setdefault(cell.keys[0] if len(cell.keys) == 2 else "120114", []).append((code, cell.keys))
        for division, own in groups.items():
            told_ = figures.get((division, indicator))
            if told_:
                # To the nearest 5, of five at least: so many children, and as many rows.
                found.append((own, max(told_ - 2, 5)))
    return found


async def test_a_town_is_told_where_a_table_is_grouped_by_towns_and_nowhere_else(
    ask: Asking, quarter: Quarter, hub: Hub
) -> None:
    [table] = [table for table in hub.policy.tables if table.code == "t18"]
    whole = shown(await told(ask, "finance_bureau", table))
    place = table.by.index("Child.divisionCode")
    towns = sorted({str(keys[place]) for keys in whole if keys[place]})
    assert len(towns) > 1
    for town in towns[:3]:
        part = shown(await told(ask, "finance_bureau", table, divisionCode=town))
        assert part == {keys: value for keys, value in whole.items() if keys[place] == town}
    reply = await ask(
        "finance_bureau",
        "support_planning",
        QUERY,
        {"by": ["AssistanceRecord.kind"], "measure": "COUNT", "where": {"divisionCode": towns[0]}},
    )
    [error] = reply.errors
    assert error["extensions"]["code"] == "DISCLOSURE_LIMIT"
    assert error["extensions"]["nearest"] == ["Child.divisionCode", "AssistanceRecord.kind"]


async def test_a_quarter_that_is_not_frozen_is_refused_with_those_that_are(ask: Asking, quarter: Quarter) -> None:
    reply = await ask(
        "finance_bureau",
        "support_planning",
        QUERY,
        {"by": ["AssistanceRecord.kind"], "measure": "COUNT", "where": {"quarter": "2019Q1"}},
    )
    [error] = reply.errors
    assert error["extensions"]["code"] == "DISCLOSURE_LIMIT"
    assert error["path"] == ["aggregate"] and QUARTER in error["message"]


async def test_a_frozen_quarter_is_frozen_once_and_nobody_changes_it(hub: Hub, quarter: Quarter) -> None:
    with pytest.raises(FreezeError, match="frozen already"):
        await freeze(quarter.writing, QUARTER, hub.policy, quarter.cells, hub.clock())
    with pytest.raises(FreezeError, match="no quarter"):
        await freeze(quarter.writing, "2026Q5", hub.policy, quarter.cells, hub.clock())
    for change in ("update published_cell set value = '0'", "delete from published_cell", "truncate published_quarter"):
        with pytest.raises(StoreError, match="42501"):
            async with quarter.writing.connection() as connection:
                await connection.execute(change)


async def test_a_quarter_that_cannot_be_stored_whole_is_not_stored(hub: Hub, quarter: Quarter, server: Server) -> None:
    twice = [*quarter.cells[:3], Published(table="t\x00", keys=(None,), value=None)]
    with pytest.raises(StoreError):
        # PostgreSQL takes no NUL in a text.
        await freeze(quarter.writing, "2026Q2", hub.policy, twice, hub.clock())
    owner = await asyncpg.connect(server.dsn("hub"))
    assert await owner.fetchval("select count(*) from published_quarter where id = '2026Q2'") == 0
    await owner.close()


async def test_a_coordinate_of_a_grave_kind_doubles_the_threshold(hub: Hub) -> None:
    grave = Table(code="x", by=("MandatoryReport.concernKinds",), measure="COUNT", purpose="statistics", units=())
    assert threshold(grave) == 10
    assert {threshold(table) for table in hub.policy.tables} == {5}


async def test_the_command_freezes_a_quarter_once_and_the_log_tells_of_it(
    hub: Hub, ask: Asking, server: Server, tmp_path: Path
) -> None:
    databases = {name: server.dsn(name, user="hub_read", password=READ_PASSWORD) for name in SOURCES}
    settings = load(databases={**databases, "log": server.dsn("hub")}, keys=tmp_path, fsync_required=False)
    owner = await asyncpg.connect(server.dsn("hub"))
    cells = await freeze_now(settings, "2026Q1")
    with pytest.raises(FreezeError, match="frozen already"):
        await freeze_now(settings, "2026Q1")
    entries = "(select kind, bytes from log.pending union all select kind, bytes from log.entry)"
    named = f"select count(*) from {entries} e where kind = 'policy' and position('quarter=2026Q1'::bytea in bytes) > 0"
    assert await owner.fetchval(named) == 1
    await owner.close()
    [table] = [table for table in hub.policy.tables if table.code == "t10"]
    answer = await told(ask, "finance_bureau", table, quarter="2026Q1")
    assert shown(answer) == {cell.keys: cell.value for cell in cells if cell.table == "t10"}
