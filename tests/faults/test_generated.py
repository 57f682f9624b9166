"""Generated queries of every unit, each asked in health and with each department off: invariant 6."""

from __future__ import annotations

import os
from collections import Counter
from random import Random

import pytest
from graphql import parse, validate

from tests.faults.conftest import Departments
from tests.faults.outage import problems, unavailable
from tests.properties.principals import principals
from tests.properties.queries import Case, write
from tests.properties.test_equal import SCHEMA, pool_of
from tests.support.running import Reply
from tests.support.sight import Sight
from tests.support.world import World

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("at_once")]

QUERIES = int(os.environ.get("HUB_TEST_OUTAGE_QUERIES", "150"))


async def asked(departments: Departments, case: Case) -> Reply:
    return await departments.ask(
        case.me.key,
        case.me.purpose,
        case.query,
        case.variables,
        denied="null" if case.denied == "null" else "refuse",
        operation_name=case.operation_name,
    )


def generated(world: World, count: int) -> list[Case]:
    """Cases that need no id of an earlier answer, and are valid documents."""
    sights, pool = [Sight(world, me) for me in principals(world)], pool_of(world)
    found: list[Case] = []
    for number in range(count * 3):
        case = write(SCHEMA, sights, pool, Random(number).randint)
        if not case.ids and not validate(SCHEMA, parse(case.query)):
            found.append(case)
    return found[:count]


async def test_with_a_department_off_nothing_vanishes_appears_or_changes(
    departments: Departments, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: Counter[str] = Counter()
    wrong: list[str] = []
    for case in generated(world, QUERIES):
        for switch in departments.switches.values():
            switch.asked.clear()
        healthy = await asked(departments, case)
        needed = {name for name, switch in departments.switches.items() if switch.asked}
        for name in sorted(needed):
            departments.switches[name].off = True
            try:
                outage = await asked(departments, case)
            finally:
                departments.switches[name].off = False
            wrong += [f"{name}: {line}\n{case!r}" for line in problems(healthy.json, outage.json, name)[:2]]
            untold = unavailable(outage.json)
            seen[f"{name} off"] += 1
            seen[f"{name} told of"] += bool(untold)
            seen["told in part"] += bool(untold) and any(root is not None for root in (outage.data or {}).values())
    with capsys.disabled():
        print(f"\n{dict(seen)}, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong[:5])
    assert all(seen[f"{name} told of"] for name in departments.switches), seen
    assert seen["told in part"] > QUERIES // 10
