"""Changing a value that the caller may not read never changes a byte of the answer (generated queries and data).

Every value that is closed to a principal (in that row) and that no scope looks at is replaced in the databases; of a
value that is read masked, what the mask hides is replaced. Ids, cursors, errors and data stay as they were, each byte.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from random import Random

import asyncpg
import orjson
import pytest

from connectors.demo.server import Server
from connectors.mapping import Mapped, Relation
from connectors.mapping import load as load_mapping
from tests.integration.test_flag_filters import BLIND, CIVIL, asked
from tests.properties.principals import principals
from tests.properties.queries import Case, write
from tests.properties.test_equal import SCHEMA, pool_of
from tests.support.canaries import expression, plantable
from tests.support.clusters import throw_away
from tests.support.rights import Me
from tests.support.running import ROOT, SOURCES, TODAY, Asking, Reply, close_all, connect, fill, open_hub, start_server
from tests.support.sight import Sight
from tests.support.world import FIELDS, HOME, World, load

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("at_once")]

QUERIES = 24
ROUNDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Changing:
    """Databases that this test may change."""

    server: Server
    ask: Asking
    world: World


@pytest.fixture(scope="module")
async def changing(
    tmp_path_factory: pytest.TempPathFactory, institutions: Mapping[str, str]
) -> AsyncIterator[Changing]:
    server = start_server(tmp_path_factory.mktemp("changing"))
    try:
        await fill(server, children=150, seed=7, truth=tmp_path_factory.mktemp("truth") / "changing.jsonl")
        sources = connect(server)
        async with open_hub(server, sources) as hub:
            yield Changing(server=server, ask=Asking(hub=hub), world=await load(sources, TODAY, institutions))
        await close_all(sources)
    finally:
        throw_away(server)


def updates(sight: Sight, relation: Relation, turn: int) -> Iterator[tuple[str, list[str]]]:
    """(statement, keys of the rows) for each column with values that the principal may not read."""
    for name, mapped in relation.columns.items():
        # How old it is decides a scope (`revocation_watch`).
        if not plantable(relation, name) or name == "nonPerformanceSince":
            continue
        hidden, masked = _keys(sight, relation.name, name)
        if hidden:
            yield _update(relation, mapped, expression(f"{relation.name}.{name}", mapped), turn), hidden
        if masked and FIELDS[f"{relation.name}.{name}"].mask == "surname":
            column = f't."{mapped.place.column}"'
            two = ", ".join(f"'{surname}'" for surname in ("欧阳", "司马", "上官", "诸葛", "皇甫", "尉迟", "慕容"))
            same = f"left({column}, CASE WHEN left({column}, 2) IN ({two}) THEN 2 ELSE 1 END)"
            yield _update(relation, mapped, f"{same} || '丙丁' || to_hex(s.n)", turn), masked


def _keys(sight: Sight, type_name: str, name: str) -> tuple[list[str], list[str]]:
    """Keys of rows in which the field is closed, and of those in which it is masked."""
    rows = sight.world.rows(HOME[type_name], type_name)
    states = {str(row["_key"]): sight.state(type_name, row, f"{type_name}.{name}") for row in rows}
    closed = [key for key, state in states.items() if state == "closed"]
    return closed, [key for key, state in states.items() if state == "masked"]


def _update(relation: Relation, mapped: Mapped, value: str, turn: int) -> str:
    key, column = relation.columns["_key"].place.column, mapped.place.column
    number = f'row_number() OVER (ORDER BY "{key}") + {turn * 7}'
    return (
        f'UPDATE "{relation.table}" t SET "{column}" = {value} FROM (SELECT ctid AS c, {number} AS n, {number} AS m '
        f'FROM "{relation.table}" WHERE "{key}"::text = ANY($1) AND "{column}" IS NOT NULL) s WHERE t.ctid = s.c'
    )


async def change(changing: Changing, sight: Sight, turn: int) -> int:
    """Replaces everything that the principal may not read; how many values that were."""
    changed = 0
    for source in SOURCES[:-1]:
        connection = await asyncpg.connect(changing.server.dsn(source))
        try:
            for relation in load_mapping(ROOT / "connectors" / f"{source}.toml").relations.values():
                if HOME[relation.name] == source:
                    for statement, keys in updates(sight, relation, turn):
                        changed += int((await connection.execute(statement, keys)).split()[-1])
        finally:
            await connection.close()
    return changed


def generated(sight: Sight, world: World, seed: int) -> list[Case]:
    """Queries of one principal, without ids."""
    draw, pool = Random(seed), pool_of(world)
    cases = (write(SCHEMA, [sight], pool, draw.randint) for _ in range(QUERIES * 3))
    return [case for case in cases if not case.ids][:QUERIES]


async def answers(changing: Changing, cases: list[Case]) -> list[bytes]:
    """The answers to the byte, but for their receipts."""

    async def one(case: Case) -> Reply:
        return await changing.ask(
            case.me.key,
            case.me.purpose,
            case.query,
            case.variables,
            denied="null" if case.denied == "null" else "refuse",
            operation_name=case.operation_name,
        )

    found = []
    for case in cases:
        body = (await one(case)).json
        assert body.pop("extensions")["receipt"]
        found.append(orjson.dumps(body))
    return found


CHOSEN = [
    ("civil_affairs_bureau", "emergency_response"),
    ("education_bureau", "dropout_control"),
    ("public_security_bureau", "emergency_response"),
    ("justice_bureau", "legal_aid"),
    ("housing_bureau", "social_assistance"),
    ("health_commission", "medical_care"),
    ("district_court", "judicial_proceeding"),
    ("district_procuratorate", "legal_supervision"),
    ("womens_federation", "care_service"),
    ("disabled_persons_federation", "care_service"),
    ("town_government", "guardianship_protection"),
    ("town_government", "dropout_control"),
    ("village_committee", "emergency_response"),
    ("mandatory_reporter", "emergency_response"),
]


@pytest.mark.parametrize(("unit", "purpose"), CHOSEN)
async def test_what_a_caller_may_not_read_does_not_touch_its_answers(
    changing: Changing, unit: str, purpose: str
) -> None:
    me = next(me for me in principals(changing.world) if (me.unit, me.purpose) == (unit, purpose))
    # The scopes look at nothing that is changed here, so the sight of the first world stays right.
    sight = Sight(changing.world, me)
    cases = generated(sight, changing.world, seed=len(unit) * 1000 + len(purpose))
    before = await answers(changing, cases)
    assert sum(b'"node"' in answer for answer in before) > QUERIES // 4
    for turn in range(1, ROUNDS + 1):
        assert await change(changing, sight, turn) > 100
        for case, old, new in zip(cases, before, await answers(changing, cases), strict=True):
            assert old == new, case


async def test_a_change_of_what_is_read_shows(changing: Changing) -> None:
    me = Me("civil_affairs_bureau", "survey_management")
    everything = "{ children(first: 100) { edges { node { name residenceAddress lastVisitedOn } } } }"
    case = Case(me=me, query=everything, variables={}, operation_name=None, denied="refuse")
    [old] = await answers(changing, [case])
    nobody = Sight(changing.world, Me("auditor", "audit"))
    await asyncio.sleep(0)
    assert await change(changing, nobody, 5) > 1000
    [new] = await answers(changing, [case])
    assert old != new


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


async def test_a_fact_that_the_caller_may_not_read_raises_no_flag_that_filters_a_row_in_or_out(
    changing: Changing,
) -> None:
    """Last of all: it changes every row."""

    async def chosen(unit: str, purpose: str) -> bytes:
        query = asked(BLIND, first=100)
        case = Case(me=Me(unit, purpose), query=query, variables={}, operation_name=None, denied="refuse")
        [found] = await answers(changing, [case])
        return found

    schools = ("education_bureau", "dropout_control")
    before = {who: await chosen(*who) for who in (CIVIL, schools)}
    for source, statements in HIDDEN.items():
        connection = await asyncpg.connect(changing.server.dsn(source))
        try:
            for statement in statements:
                assert int((await connection.execute(statement)).split()[-1]) > 5
        finally:
            await connection.close()
    assert await chosen(*schools) == before[schools]
    assert await chosen(*CIVIL) != before[CIVIL]
