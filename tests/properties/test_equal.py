"""Planned == reference (invariant 5): generated queries of every unit, the hub's answer against the oracle's."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from graphql import GraphQLError, parse, validate
from hypothesis import HealthCheck, Phase, given, seed, settings

from schema.scalars import SCALARS
from tests.properties.principals import principals, values
from tests.properties.queries import Case, Pool, cases, diverse_cases, write
from tests.support.compare import Names, differences
from tests.support.handmade import plain_schema
from tests.support.reference import Expected, Reference
from tests.support.running import Asking, Reply
from tests.support.sight import Sight
from tests.support.world import FIELDS, HOME, TYPES, World

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("at_once")]

SLICES = 8
QUERIES = int(os.environ.get("HUB_QUERIES", "5200"))
PARSERS = {scalar.name: scalar.parse for scalar in SCALARS}
SCHEMA = plain_schema()


def accepted(coordinate: str, value: Any) -> bool:
    """Whether the field's scalar accepts the value as input (a planted wrong number it does not)."""
    parse = PARSERS.get(FIELDS[coordinate].gql_type.strip("[]!"))
    try:
        return parse is None or parse(value) == value
    except GraphQLError:
        return False


def pool_of(world: World) -> Pool:
    """Values that occur, for filters."""
    found = {}
    for type_name in TYPES:
        for coordinate, kept in values(world, HOME[type_name], type_name):
            found[coordinate] = [value for value in kept if accepted(coordinate, value)]
    return found


class Judge:
    """Asks both sides and compares; keeps names and ids by principal."""

    def __init__(self, world: World, ask: Asking) -> None:
        self.ask = ask
        self.sights = [Sight(world, me) for me in principals(world)]
        self.oracles = {sight.me: Reference(schema=SCHEMA, sight=sight) for sight in self.sights}
        self.names: dict[str, Names] = {}
        self.seen: Counter[str] = Counter()

    async def judge(self, case: Case) -> list[str]:
        """Differences between the two answers (and between the two next pages)."""
        names = await self._names(case)
        mine, theirs = dict(case.variables), dict(case.variables)
        for variable, (type_name, number) in case.ids.items():
            mine[variable], theirs[variable] = self._id(case, names, type_name, number)
        expected, reply = await self._both(case, mine, theirs)
        if reply.codes() & {"TOO_COMPLEX"}:
            self.seen["too complex"] += 1
            return []
        found = differences(expected, reply, names)
        self._count(case, expected)
        if not found and case.after:
            cursors = [_end(data, case.after[1]) for data in (expected.data, reply.data)]
            if None not in cursors:
                mine[case.after[0]], theirs[case.after[0]] = cursors
                expected, reply = await self._both(case, mine, theirs)
                self.seen["next pages"] += 1
                found = [f"next page: {line}" for line in differences(expected, reply, names)]
        return found

    async def _both(self, case: Case, mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[Expected, Reply]:
        expected = self.oracles[case.me].answer(case.query, mine, case.operation_name, case.denied)
        reply = await self.ask(
            case.me.key,
            case.me.purpose,
            case.query,
            theirs,
            denied="null" if case.denied == "null" else "refuse",
            operation_name=case.operation_name,
        )
        return expected, reply

    async def _names(self, case: Case) -> Names:
        """Names of the principal; its first rows of each type asked for wants an id first."""
        names = self.names.setdefault(case.me.key, Names())
        for type_name, _ in case.ids.values():
            if not any(name.startswith(f"{type_name}:") for name in names.of_row):
                await self._learn(case, names, type_name)
        return names

    async def _learn(self, case: Case, names: Names, type_name: str) -> None:
        query = SCHEMA.query_type
        assert query is not None
        for root, definition in query.fields.items():
            if str(definition.type) == f"{type_name}Connection":
                learn = Case(
                    me=case.me,
                    query=f"{{ {root}(first: 5) {{ edges {{ node {{ id }} }} }} }}",
                    variables={},
                    operation_name=None,
                    denied="refuse",
                )
                expected, reply = await self._both(learn, {}, {})
                found = differences(expected, reply, names)
                assert not found, (learn, found)

    def _id(self, case: Case, names: Names, type_name: str, number: int) -> tuple[str, str]:
        known = sorted(name for name in names.of_row if name.startswith(f"{type_name}:"))
        if not known:
            # An id of this principal's own making that no row of this world has.
            identified = self.ask.hub.seals.of(case.me.key).identify(type_name, "nobody")
            return f"{type_name}:nobody", identified
        name = known[number % len(known)]
        return name, names.of_row[name]

    def _count(self, case: Case, expected: Expected) -> None:
        self.seen["queries"] += 1
        self.seen[f"unit {case.me.unit}"] += 1
        self.seen["refused"] += expected.data is None
        self.seen["with closed fields"] += bool(expected.closed)
        self.seen["with rows"] += '"node": ' in str(expected.data).replace("'", '"')


def _end(data: Any, key: str) -> str | None:
    found: str | None = ((data or {}).get(key) or {}).get("pageInfo", {}).get("endCursor")
    return found


@pytest.fixture(scope="module")
def judge(world: World, ask: Asking) -> Judge:
    return Judge(world, ask)


@pytest.mark.parametrize("slice_number", range(SLICES))
async def test_the_hub_answers_generated_queries_as_the_oracle_does(
    judge: Judge, world: World, slice_number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    loop = asyncio.get_running_loop()
    judge.seen.clear()
    pool = pool_of(world)
    # Half are drawn so that a failure shrinks, half so that no two are alike.
    wanted = (cases if slice_number % 2 else diverse_cases)(SCHEMA, judge.sights, pool)

    @seed(slice_number)
    @settings(
        max_examples=QUERIES // SLICES,
        derandomize=False,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(wanted)
    def compare(case: Case) -> None:
        found = asyncio.run_coroutine_threadsafe(judge.judge(case), loop).result()
        assert not found, "\n".join(found[:5])

    await asyncio.to_thread(compare)
    with capsys.disabled():
        print(f"\n{dict(judge.seen)}")
    assert judge.seen["queries"] >= QUERIES // SLICES * 0.95
    assert judge.seen["with rows"] > judge.seen["queries"] * 0.4


def test_the_generator_makes_valid_documents_of_every_part_of_the_language(world: World) -> None:
    sights, pool, draw = [Sight(world, me) for me in principals(world)], pool_of(world), Random(1)
    made = [write(SCHEMA, sights, pool, draw.randint) for _ in range(600)]
    for case in made[:300]:
        assert not validate(SCHEMA, parse(case.query)), case
    for part in ("filter:", "orderBy:", "@skip", "@include", "fragment ", "... on Node", "after:", "node(id:"):
        assert sum(part in case.query for case in made) > 10, part
    assert sum("query Other" in case.query for case in made) > 10
    assert {case.me.unit for case in made} == {sight.me.unit for sight in sights}
