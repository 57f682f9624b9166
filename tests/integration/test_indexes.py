"""Indexes that departments lack, on real ones: none at first, then what is dropped; and their use by the compiler."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest

from connectors.advice import Findings, advise, is_wanted, serves
from connectors.catalogue import Stored, stored
from connectors.demand import Demand, every
from connectors.demo.server import Server
from connectors.postgres import PostgresSource
from connectors.source import ALWAYS, Column, Compare, Fetch, Order, Param, Source
from connectors.sql import Statement, statement
from hub.commands.checking import read_mappings
from hub.indexing import asked
from tests.support.clusters import throw_away
from tests.support.running import SOURCES, close_all, connect, fill, start_server
from tests.support.steps import POLICY

pytestmark = pytest.mark.postgres

CHILDREN = 1_500
SEED = 20170601


@dataclass(frozen=True, slots=True, kw_only=True)
class Department:
    """A department's database, as the hub reads it and as its owner changes it, and all that is asked of it."""

    source: PostgresSource
    owner: Any
    demands: tuple[Demand, ...]

    async def table(self, name: str) -> Stored:
        """A table as it stands."""
        return (await stored(self.source, [name]))[name]

    async def lacking(self, *names: str) -> Findings:
        """What is lacking on these tables (on all of them), be they ever so small."""
        tables = await stored(self.source, names or [demand.table for demand in self.demands])
        return advise(self.demands, tables, least=1)


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start_server(tmp_path_factory.mktemp("indexed"))
    yield server
    throw_away(server)


@pytest.fixture(scope="module")
async def departments(
    own_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Mapping[str, Department]]:
    truth = tmp_path_factory.mktemp("truth") / "truth.jsonl"
    await fill(own_server, children=CHILDREN, seed=SEED, truth=truth)
    connected: dict[str, Source] = connect(own_server)
    wanted = asked(POLICY, read_mappings())
    found = {}
    for name, source in connected.items():
        assert isinstance(source, PostgresSource)
        owner = await asyncpg.connect(own_server.dsn(name))
        await owner.execute("analyze")
        found[name] = Department(source=source, owner=owner, demands=tuple(every(wanted[name], source.mapping)))
    yield found
    for department in found.values():
        await department.owner.close()
    await close_all(connected)


async def test_the_demo_departments_lack_no_index(departments: Mapping[str, Department]) -> None:
    for name, department in departments.items():
        found = await department.lacking()
        assert not found.advice, (name, [(one.statements, one.asked[0]) for one in found.advice])
        assert not found.uncounted, name
        assert len(department.demands) > 40, name


PLANNED = (
    "set local plan_cache_mode = force_generic_plan; set local enable_seqscan = off; "
    "set local enable_mergejoin = off; set local enable_hashjoin = off"
)
"""One plan for all values, as the hub has it; tables are as small as never there, so whole ones are not to be read."""
DROPPED = [
    ("civil_affairs", "etda_xzqh", "etda", "scope", "own_town"),
    ("civil_affairs", "etda_cj", "etda", "scope", "disabled_children"),
    ("civil_affairs", "etda_whk", "etda", "scope", "riskFlags NO_HOUSEHOLD"),
    ("civil_affairs", "etda_gxsj_jx", "etda", "order", "Child.updatedAt"),
    ("civil_affairs", "etda_hblx", "etda", "filter", "Child.illnessType"),
    ("civil_affairs", "bfxx_je", "bfxx", "filter", "AssistanceRecord.amount"),
    ("civil_affairs", "bfxx_dabh", "bfxx", "relation", "AssistanceRecord._register"),
    ("education", "jy_xsxj_xjh", "jy_xsxj", "filter", "Enrolment.studentNumber"),
    ("education", "jy_kcbx_xjid", "jy_kcbx", "relation", "DropoutRecord._enrolment"),
    ("public_security", "jq_bg_rybh", "jq_bg", "relation", "MandatoryReport._person"),
    ("public_security", "jq_bg_qx", "jq_bg", "scope", "riskFlags MISSING"),
    ("public_security", "jq_bg_xzqh", "jq_bg", "filter", "MandatoryReport.divisionCode"),
    ("public_security", "jq_bg_sj_jx", "jq_bg", "order", "MandatoryReport.reportedAt"),
    ("procuratorate", "jd_ws_bjddw", "jd_ws", "scope", "own_supervision"),
]
"""(department, index, its table, who asks, for what)."""


@pytest.mark.parametrize(("name", "index", "table", "why", "what"), DROPPED)
async def test_an_index_that_is_dropped_is_advised_alone_and_what_is_advised_is_used(
    departments: Mapping[str, Department], name: str, index: str, table: str, why: str, what: str
) -> None:
    department = departments[name]
    async with without(department, index):
        [advice] = (await department.lacking()).advice
        assert (advice.table, advice.rows > 0, advice.size > 0) == (table, True, True)
        assert (why, what) in {(one.why, one.name) for one in advice.asked}
        for text in advice.statements:
            await department.owner.execute(text)
        assert not (await department.lacking(table)).advice
        stands = await department.table(table)
        shown = [one for one in department.demands if one.asked in advice.asked and one_statement(department, one)]
        led = [one for one in shown if advice.index.name in await used(department, one, stands)]
        assert led or not shown


@asynccontextmanager
async def without(department: Department, index: str) -> AsyncIterator[None]:
    """While the index is dropped; what is made in its place goes with the end."""
    owner = department.owner
    definition = await owner.fetchval("select pg_get_indexdef($1::text::regclass)", index)
    await owner.execute(f"drop index {index}")
    try:
        yield
    finally:
        ours = "select oid::regclass::text from pg_class where relkind = 'i' and relname ~ '^(hub_|other$)'"
        for (made,) in await owner.fetch(ours):
            await owner.execute(f"drop index {made}")
        await owner.execute(definition)


async def test_all_that_is_advised_where_there_is_no_index_serves_all_that_is_asked(
    departments: Mapping[str, Department],
) -> None:
    for name, department in departments.items():
        tables = await stored(department.source, [demand.table for demand in department.demands])
        bare = {one: replace(table, indexes=()) for one, table in tables.items()}
        advised = advise(department.demands, bare, least=1).advice
        assert len(advised) >= len([table for table in bare.values() if table.rows]), name
        assert all(advice.asked and advice.size > 0 for advice in advised), name
        held = {one: tuple(advice.index for advice in advised if advice.table == one) for one in bare}
        built = {one: replace(table, indexes=held[one]) for one, table in bare.items()}
        assert not advise(department.demands, built, least=1).advice, name
        await department.owner.execute("begin")
        for advice in advised:  # each is one that the server takes; outside of a transaction other tests run them
            await department.owner.execute(advice.statements[0].replace("CONCURRENTLY ", ""))
        await department.owner.execute("rollback")


async def test_every_index_that_is_said_to_serve_is_one_that_the_compilers_statement_can_use(
    departments: Mapping[str, Department],
) -> None:
    seen = 0
    for name, department in departments.items():
        tables = await stored(department.source, [demand.table for demand in department.demands])
        distinct = {(one.table, one.conditions, one.order): one for one in reversed(department.demands)}
        for demand in distinct.values():
            table = tables.get(demand.table)
            if table is None or not is_wanted(demand, table) or one_statement(department, demand) is None:
                continue
            seen += 1
            serving = {one.name for one in table.indexes if serves(one, demand, table)}
            assert serving & await used(department, demand, table), (name, demand)
    assert seen > 150


@pytest.mark.parametrize(
    ("name", "relation", "column", "index"),
    [
        ("education", "Enrolment", "studentNumber", "jy_xsxj_xjh"),
        ("civil_affairs", "Child", "name", "etda_xm"),
        ("civil_affairs", "Child", "illnessType", "etda_hblx"),
        ("public_security", "HouseholdRegistration", "unregisteredReason", "hj_czrk_whyy"),
    ],
)
async def test_a_page_that_is_filtered_is_led_by_the_index_as_the_server_plans_it_by_itself(
    departments: Mapping[str, Department], name: str, relation: str, column: str, index: str
) -> None:
    department = departments[name]
    where = Compare(column, "eq", Param("value"))
    page = Fetch(
        source=name, relation=relation, columns=(Column(name="_key"),), where=where, limit=Param("limit"), cursors=True
    )
    made = statement(page, department.source.mapping)
    plan = await planned(department.owner, made, "set local plan_cache_mode = force_generic_plan")
    assert index in {node.get("Index Name") for node in plan if "Index Cond" in node}


def one_statement(department: Department, demand: Demand) -> Statement | None:
    """The compiler's statement of rows for which the demand is made; none where they are looked for beside others."""
    relation = department.source.mapping.relations[demand.asked.relation]
    why = demand.asked
    if relation.table != demand.table or why.known or (why.order is None and why.where == ALWAYS):
        return None
    order = () if why.order is None else (Order(column=why.order[0], descending=why.order[1]),)
    fetch = Fetch(
        source=department.source.name,
        relation=relation.name,
        columns=(Column(name="_key"),),
        where=why.where,
        order=order,
        limit=Param("limit") if order else None,
        distinct=not order,
    )
    return statement(fetch, department.source.mapping)


async def used(department: Department, demand: Demand, table: Stored) -> set[str]:
    """Indexes by which the server reads the table for that statement, as it plans for the hub.

    On tables as small as these every index is as good as another to it: it is shown those alone that are said to serve
    the demand, and where that is one of several ways in which a condition may hold, then those of the others besides.
    """
    others = [replace(demand, conditions=way) for way in demand.others]
    serving = {one.name for one in table.indexes if serves(one, demand, table)}
    beside = {one.name for one in table.indexes if any(serves(one, way, table) for way in others)}
    return await _used(department, demand, table, serving) or await _used(department, demand, table, serving | beside)


async def _used(department: Department, demand: Demand, table: Stored, shown: set[str]) -> set[str]:
    made = one_statement(department, demand)
    assert made is not None
    hidden = f"{PLANNED}; {await hide(department.owner, table.name, shown)}"
    nodes = await planned(department.owner, made, hidden)
    if demand.order is not None and any(node["Node Type"] == "Sort" for node in nodes):
        return set()
    partial = {one.name for one in table.indexes if one.only is not None}
    scanned = {str(node["Index Name"]): node for node in nodes if "Index Name" in node}
    led = {
        name for name, node in scanned.items() if "Index Cond" in node or name in partial or demand.order is not None
    }
    return led & shown


async def hide(owner: Any, table: str, shown: set[str]) -> str:
    """What hides every index of the table but these."""
    named = "select array_agg(name::regclass::oid) from unnest($1::text[]) as name"
    oids = ", ".join(map(str, await owner.fetchval(named, sorted(shown)) or ()))
    of_table = f"indrelid = '{table}'::regclass and indexrelid <> all ('{{{oids}}}')"
    return f"update pg_index set indisvalid = false where {of_table}"


async def planned(owner: Any, made: Statement, settings: str) -> list[Mapping[str, Any]]:
    """The nodes of the server's plan of a statement under these settings, which end with it."""
    nulls = ", ".join(["null"] * len(made.binders))
    await owner.execute(f"begin; {settings}; prepare asked as {made.text}")
    try:
        plan = await owner.fetchval(f"explain (format json) execute asked {f'({nulls})' if nulls else ''}")
        await owner.execute("deallocate asked")
    finally:
        await owner.execute("rollback")
    return list(_nodes(json.loads(plan)[0]["Plan"]))


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


async def test_an_index_of_another_kind_does_not_count(departments: Mapping[str, Department]) -> None:
    department = departments["civil_affairs"]
    async with without(department, "etda_xzqh"):
        for made in (
            "(xzqhdm varchar_pattern_ops, dabh)",
            '(xzqhdm collate "C", dabh)',
            "(xzqhdm, dabh) where dazt = '0'",
            "(dabh, xzqhdm)",
            "using hash (xzqhdm)",
        ):
            await department.owner.execute(f"create index other on etda {made}")
            [advice] = (await department.lacking("etda")).advice
            assert advice.statements[0].endswith('ON "etda" ("xzqhdm", "dabh")'), made
            await department.owner.execute("drop index other")
    assert not (await department.lacking("etda")).advice


async def test_an_index_whose_building_was_cut_off_is_dropped_first(departments: Mapping[str, Department]) -> None:
    department = departments["civil_affairs"]
    owner = department.owner
    async with without(department, "etda_xzqh"):
        [advice] = (await department.lacking("etda")).advice
        for text in advice.statements:
            await owner.execute(text)
        cut_off = "update pg_index set indisvalid = false where indexrelid = $1::text::regclass"
        await owner.execute(cut_off, advice.index.name)
        [again] = (await department.lacking("etda")).advice
        assert again.statements == (f'DROP INDEX CONCURRENTLY IF EXISTS "{advice.index.name}"', *advice.statements)
        for text in again.statements:
            await owner.execute(text)
        assert not (await department.lacking("etda")).advice


@pytest.mark.parametrize("index", ["etda_xzqh", "etda_gxsj", "etda_xm"])
async def test_what_an_index_will_take_is_told_about_right(departments: Mapping[str, Department], index: str) -> None:
    department = departments["civil_affairs"]
    async with without(department, index):
        [advice] = (await department.lacking("etda")).advice
        await department.owner.execute(advice.statements[0])
        taken = await department.owner.fetchval("select pg_relation_size($1::text::regclass)", advice.index.name)
        assert taken / 2 < advice.size < taken * 2, (advice.size, taken)


def test_the_test_knows_every_department(departments: Mapping[str, Department]) -> None:
    assert set(departments) == set(SOURCES)
