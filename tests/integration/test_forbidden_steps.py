"""Every forbidden step over HTTP: CONFLICT or NOT_ENTITLED, with the clause, and what would be lawful.

Generated from the table of life cycles: every unit that may not take a step, and every state from which one may not be
taken, by whoever takes it otherwise. Who does not see the row in that state is told what is told of no row at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import asyncpg
import pytest
from graphql import GraphQLInputObjectType, is_required_input_field

from connectors.demo.server import Server
from connectors.mapping import load as load_mapping
from connectors.source import Source
from hub.errors import RefusalError
from hub.lifecycle.rights import rights_of
from hub.lifecycle.signatures import ROWS
from hub.lifecycle.signatures import served as served_schema
from hub.lifecycle.step import Step
from hub.lifecycle.steps import CYCLES, STEPS
from tests.support.course import WOMEN, everybody
from tests.support.rights import Me, scopes
from tests.support.running import ROOT, identity
from tests.support.scopes import Scopes
from tests.support.served import Child, Reply, Served, today
from tests.support.steps import POLICY, value_of
from tests.support.world import HOME, Row, World, load

pytestmark = pytest.mark.postgres

AT_ONCE = 8
INPUTS = served_schema().type_map
STATES = {one.state: [state.name for state in one.states] for one in CYCLES}
MOVED = [step for step in STEPS.values() if step.state and step.origin and not step.creates]
FIGURE = {"divisionCode": "120114", "quarter": "2026Q3", "indicator": "DISABLED"}
"""A row that is named by values."""
PROVIDERS = sorted({actor.unit for actor in STEPS["startService"].who} - {"town_government"})


def other_units(step: Step) -> list[str]:
    """Units that may not take the step for any purpose."""
    return sorted(set(POLICY.units) - {actor.unit for actor in step.who})


def purposes_of(unit: str) -> list[str]:
    """Purposes for which the unit is granted anything."""
    return sorted({purpose for held, purpose, *_ in POLICY.sets() if held == unit})


def inputs(step: Step, village: str = "120114101204") -> dict[str, Any]:
    """Everything that the step needs, but for ids."""
    given: dict[str, Any] = {"reason": "（虚构）"} if step.explained else {}
    if step.finds:
        given["number"] = "120114201501010017"
    given |= {name: FIGURE[name] for name in step.named}
    for change in step.changes:
        names = change.needs if change.needs or change.creates else change.may[:1]
        row = {name: value_of(f"{change.relation}.{name}") for name in names if not name.startswith("_")}
        if "divisionCode" in row:
            row["divisionCode"] = village
        if change.relation == "AssistanceRecord" and "providerUnit" in row:
            row["providerUnit"] = WOMEN
        given |= {ROWS[change.relation]: [row]} if change.many else row
    return given


def test_every_unit_is_refused_every_step_that_is_not_its_own_for_every_purpose_with_clause_and_whose_it_is(
    people_of_all: Mapping[str, str],
) -> None:
    refused = 0
    for step in STEPS.values():
        for unit in POLICY.units:
            for purpose in POLICY.purposes:
                if purpose in step.purposes(unit):
                    continue
                with pytest.raises(RefusalError) as caught:
                    rights_of(POLICY, identity(people_of_all[unit], purpose), step)
                facts = caught.value.facts
                assert (caught.value.code, facts["step"], facts["clause"]) == ("NOT_ENTITLED", step.name, step.clause)
                assert facts["units"] == sorted(actor.unit for actor in step.who)
                assert facts["purposes"] == list(step.purposes(unit))
                assert step.zh in facts["messageZh"]
                refused += 1
    assert refused > 20_000


@pytest.fixture(scope="module")
def people_of_all() -> Mapping[str, str]:
    """A principal of every unit."""
    child = Child(register="", citizen="", village="120114101204")
    return {key.partition(":")[0]: key for key in everybody(child)}


async def test_every_step_is_refused_over_http_to_a_unit_that_may_not_take_it(
    served: Served, people_of_all: Mapping[str, str]
) -> None:
    places = cycle(range(97))
    for step in STEPS.values():
        units = other_units(step)
        unit = units[next(places) % len(units)]
        given = inputs(step)
        if not step.creates and not step.named:
            given["id"] = served.id(people_of_all[unit], step.subject, "none")
        if step.into:
            given["into"] = given["id"]
        if step.creates and step.about:
            given["child" if step.about == "Child" else "enrolment"] = served.id(
                people_of_all[unit], step.about, "none"
            )
        error = (await served.step(people_of_all[unit], purposes_of(unit)[0], step.name, **given)).error
        assert (error["code"], error["clause"]) == ("NOT_ENTITLED", step.clause), (step.name, unit, error)
        assert error["units"] == sorted(actor.unit for actor in step.who)
        assert step.zh in error["messageZh"]


# Every state from which a step may not be taken.


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """A step that is not lawful of this row in this state; ``seen``: whether the row is in its writer's scope."""

    step: Step
    me: Me
    row: Row
    seen: bool


async def put_everywhere(server: Server, coordinate: str, state: str) -> None:
    """Every row stands in this state."""
    type_name, _, name = coordinate.partition(".")
    source = HOME[type_name]
    relation = load_mapping(ROOT / "connectors" / f"{source}.toml").relation(type_name)
    column = relation.column(name)
    connection = await asyncpg.connect(server.dsn(source))
    try:
        code = state if column.codes is None else column.codes.stored[state][0]
        await connection.execute(f'update "{relation.table}" set "{column.place.column}" = $1', code)
    finally:
        await connection.close()


async def given_to_everybody(server: Server) -> None:
    """Services of the demo are spread over all who may provide one."""
    relation = load_mapping(ROOT / "connectors" / "civil_affairs.toml").relation("AssistanceRecord")
    key, provider = (relation.column(name).place.column for name in ("_key", "providerUnit"))
    connection = await asyncpg.connect(server.dsn("civil_affairs"))
    try:
        rows = await connection.fetch(f'select "{key}" as key from "{relation.table}" order by 1')
        pairs = [(row["key"], unit) for row, unit in zip(rows, cycle(PROVIDERS), strict=False)]
        await connection.executemany(f'update "{relation.table}" set "{provider}" = $2 where "{key}" = $1', pairs)
    finally:
        await connection.close()


def tries(world: World, coordinate: str, state: str) -> Iterator[Try]:
    """Each step that is not lawful in the state, by each unit and purpose that takes it; of a row that it sees."""
    held: dict[Me, Scopes] = {}
    for step in MOVED:
        if step.state != coordinate or state in step.origin:
            continue
        rows = world.rows(HOME[step.subject], step.subject)
        for actor in step.who:
            for purpose in actor.purposes:
                named = [(Me(key, purpose), row) for row in rows if (key := writer(world, step, actor.unit, row))]
                found = next(((me, row) for me, row in named if in_scope(world, held, me, step, row)), None)
                if found or named:
                    me, row = found or named[0]
                    yield Try(step=step, me=me, row=row, seen=found is not None)


def writer(world: World, step: Step, unit: str, row: Row) -> str | None:
    """The principal of the unit whose row it could be."""
    if step.subject == "ProcuratorialSupervision" and unit != "district_procuratorate":
        return row["targetUnit"] if str(row["targetUnit"]).partition(":")[0] == unit else None
    digits = {"town_government": 9, "village_committee": 12}.get(unit)
    if digits is None:
        return unit
    if step.subject == "SurveySubmission":
        wanted = len(row["divisionCode"]) == digits
        return f"{unit}:{row['divisionCode'][:digits]}" if wanted or step.name.endswith("Village") else None
    files = world.files_of(step.subject, row)
    return f"{unit}:{files[0]['divisionCode'][:digits]}" if files else None


def in_scope(world: World, held: dict[Me, Scopes], me: Me, step: Step, row: Row) -> bool:
    """Whether the row is there for its writer: each coordinate that the step changes in it is open to it there."""
    found = held.setdefault(me, Scopes(world, me))
    own = [name for name in step.coordinates if name.partition(".")[0] == step.subject]
    return all(any(found.holds(scope, step.subject, row) for scope in scopes(me, name, "update")) for name in own)


async def tried(served: Served, one: Try) -> Reply:
    """The step, over HTTP."""
    step, key, row = one.step, one.me.key, one.row
    given = {**inputs(step), "id": served.id(key, step.subject, row["_key"])}
    if step.into:
        given["into"] = given["id"]
    return await served.step(key, one.me.purpose, step.name, **given)


def judged(one: Try, state: str, reply: Reply) -> None:
    """A conflict that names clause, state and what would be lawful, or what is said of no row."""
    step, error = one.step, reply.error
    if not one.seen:
        assert error["code"] == "INVALID_INPUT", (step.name, one.me, state, error)
        assert "state" not in error
        return
    assert (error["code"], error.get("clause")) == ("CONFLICT", step.clause), (step.name, one.me, state, error)
    assert step.zh in error["messageZh"]
    if not scopes(one.me, str(step.state), "read"):
        assert "state" not in error
        return
    lawful = [
        other.name
        for other in STEPS.values()
        if (other.state, other.subject) == (step.state, step.subject) and not other.creates
        if state in other.origin and one.me.unit in {actor.unit for actor in other.who}
    ]
    assert error["lawful"] == lawful, (step.name, one.me, state, error)
    assert error["state"] == state


@pytest.mark.parametrize("coordinate", sorted(STATES))
async def test_every_step_from_every_state_that_is_not_its_own_is_a_conflict_that_says_what_is_lawful(
    coordinate: str,
    served: Served,
    departments: Mapping[str, Source],
    written: Server,
    institutions: Mapping[str, str],
) -> None:
    seen: dict[str, int] = {step.name: 0 for step in MOVED if step.state == coordinate}
    turns = asyncio.Semaphore(AT_ONCE)
    await given_to_everybody(written)

    async def one(each: Try, state: str) -> None:
        async with turns:
            judged(each, state, await tried(served, each))
        seen[each.step.name] += each.seen

    for state in STATES[coordinate]:
        await put_everywhere(written, coordinate, state)
        world = await load(departments, today(), institutions)
        await asyncio.gather(*(one(each, state) for each in tries(world, coordinate, state)))
    assert {name for name, count in seen.items() if not count} == set()


# Malformed input.


def needed(step: Step) -> list[str]:
    """Members that the input of the step must have, by the schema that is served."""
    kind = INPUTS[f"{step.name[:1].upper()}{step.name[1:]}Input"]
    assert isinstance(kind, GraphQLInputObjectType)
    return [name for name, member in kind.fields.items() if is_required_input_field(member)]


def whole_input(served: Served, key: str, step: Step) -> dict[str, Any]:
    """A complete input; its rows need not be there."""
    given = {"idempotencyKey": "malformed", **inputs(step)}
    for member in needed(step):
        if member in ("id", "into", "child", "enrolment"):
            about = member in ("child", "enrolment")
            given[member] = served.id(key, str(step.about) if about else step.subject, "none", "")
    assert set(needed(step)) <= set(given), step.name
    return given


@pytest.mark.parametrize("malformed", ["left out", "of another kind"])
async def test_malformed_input_of_every_step_names_the_member(
    malformed: str, served: Served, people_of_all: Mapping[str, str]
) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(step: Step, member: str) -> None:
        actor = step.who[0]
        key = people_of_all[actor.unit]
        given = whole_input(served, key, step)
        if malformed == "left out":
            del given[member]
        else:
            given[member] = {"no": "such"}
        document = f"mutation Take($input: {step.name[:1].upper()}{step.name[1:]}Input!)"
        document += f" {{ {step.name}(input: $input) {{ step }} }}"
        async with turns:
            reply = await served(key, actor.purposes[0], document, {"input": given})
        assert reply.codes == {"INVALID_INPUT"}, (step.name, member, reply.json)
        for error in reply.json["errors"]:
            assert any(named.startswith(member) for named in error["extensions"]["fields"]), (step.name, reply.json)
            assert error["extensions"]["messageZh"], (step.name, member, reply.json)

    await asyncio.gather(*(one(step, member) for step in STEPS.values() for member in needed(step)))
