"""Escalation by writing: whatever a principal writes, of rows of its own or of others, opens nothing to it.

Each principal takes every step that any of its grants knows, of rows that it does not see and of rows that it sees,
naming divisions, providers, numbers and children of somebody else, and itself wherever a unit can be named. Before and
after it looks at everything that it may read under any purpose.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, get_named_type

from connectors.source import ALWAYS, Source
from hub.entitlements import Entitlements
from hub.lifecycle.signatures import ABOUT, ROWS, expects, names_about
from hub.lifecycle.signatures import served as served_schema
from hub.lifecycle.step import Change, Step
from hub.lifecycle.steps import APART, STEPS, WIDER
from tests.support.course import COURT, EMERGENCY, POLICE, WOMEN, Course, Turn, everybody, strangers_to
from tests.support.rights import RIGHTS
from tests.support.served import Child, Served, today
from tests.support.steps import POLICY, rows_of, value_of
from tests.support.ways import LED_TO, ROOT_OF, fields_of, selected
from tests.support.world import FIELDS, HOME, load

pytestmark = pytest.mark.postgres

LOOKED_AT = [name for name in (*ROOT_OF, *LED_TO) if name not in ("Statistic", "AccessLogEntry", "ReconciliationItem")]
TYPES = sorted({step.subject for step in STEPS.values()} | {"Child", "Enrolment"})
EXCEPTIONS = {"matchReport", "registerCase", "registerRestoration", "acceptCase"}
"""The two of the domain model: the police match a report to a file, the court registers an application."""
NAMING = {"id", "into", "child", "enrolment", "number", "divisionCode", "citizenId", "providerUnit", "targetUnit"}
"""Members of inputs by which a row, a division, a child or a unit is named: of somebody else, where that is tried."""
HARMLESS = {"idempotencyKey", "reporterUnit"}
"""Members of those types that name nothing that a scope rests on: an act's own name; who called the police."""
DERIVED = {"Child.riskFlags", "Child.updatedAt"}
UNIT_KEYS = {"AssistanceRecord.providerUnit", "ProcuratorialSupervision.targetUnit"}

Row = tuple[str, str]
"""(type, key)."""


@dataclass(slots=True, kw_only=True)
class Adversary:
    """One principal that writes whatever it can."""

    served: Served
    departments: Mapping[str, Source]
    key: str
    foreign: Child
    own: Child
    refused: int = 0
    taken: list[str] = field(default_factory=list)
    tried: set[tuple[str, str]] = field(default_factory=set)
    """(step, purpose)."""

    @property
    def unit(self) -> str:
        """Its unit."""
        return self.key.partition(":")[0]

    async def sight(self) -> dict[Row, dict[str, Any]]:
        """Everything that it may read under any purpose: row -> coordinate -> value."""
        purposes = {purpose for held, purpose, *_ in POLICY.sets() if held == self.unit}
        found: dict[Row, dict[str, Any]] = {}
        for purpose in sorted(purposes):
            held = Entitlements.of(POLICY, self.unit, purpose)
            looks = [self._look(held, purpose, name) for name in LOOKED_AT if held.opens_type(name)]
            for rows in await asyncio.gather(*looks):
                for row, values in rows.items():
                    shown = {name: value for name, value in values.items() if value is not None}
                    found.setdefault(row, {}).update(shown)
        return found

    async def _look(self, held: Entitlements, purpose: str, type_name: str) -> dict[Row, dict[str, Any]]:
        names = [name for name in fields_of(type_name) if held.opens(f"{type_name}.{name}")]
        inner = f"edges {{ node {{ {' '.join(map(selected, ['id', *names]))} }} }}"
        if type_name in LED_TO:
            root, link = LED_TO[type_name]
            if not held.opens_type("Enrolment" if root == "enrolments" else "Child"):
                return {}
            inner = f"edges {{ node {{ {link}(first: 20) {{ {inner} }} }} }}"
        else:
            root, link = ROOT_OF[type_name], ""
        found: dict[Row, dict[str, Any]] = {}
        first, after = 20 if link else 100, None
        while True:
            page = f"{root}(first: {first}, after: $after) {{ {inner} pageInfo {{ hasNextPage endCursor }} }}"
            query = f"query Look($after: String) {{ {page} }}"
            reply = (await self.served(self.key, purpose, query, {"after": after})).data[root]
            nodes = [edge["node"] for edge in reply["edges"]]
            if link:
                nodes = [edge["node"] for node in nodes for edge in (node[link] or {"edges": []})["edges"]]
            for node in nodes:
                found[self.opened(node["id"])] = {f"{type_name}.{name}": node[name] for name in names}
            if not reply["pageInfo"]["hasNextPage"]:
                return found
            after = reply["pageInfo"]["endCursor"]

    def opened(self, text: str) -> Row:
        """The row of an id of its own."""
        return self.served.seals.of(self.key).identified(text, "id")

    async def keys(self) -> dict[str, set[str]]:
        """Keys of all rows of each type, seen or not."""
        return {
            name: {row["_key"] for row in await rows_of(self.departments, name, ALWAYS, {}, "_key")} for name in TYPES
        }

    async def write_everything(self, seen: set[Row], keys: Mapping[str, set[str]]) -> None:
        """Every step under every purpose of its own, with everything that could open something."""
        named = [
            (step, purpose, given)
            for step in STEPS.values()
            for purpose in step.purposes(self.unit)
            if step.name not in EXCEPTIONS
            for given in self.tempting(step, seen, keys)
        ]
        self.tried |= {(step.name, purpose) for step, purpose, _ in named}
        tries = [self.served.step(self.key, purpose, step.name, **given) for step, purpose, given in named]
        for start in range(0, len(tries), 16):
            for reply in await asyncio.gather(*tries[start : start + 16]):
                self.refused += bool(reply.codes)
                assert reply.codes <= {"NOT_ENTITLED", "INVALID_INPUT", "CONFLICT"}, reply.json
                self.taken += reply.json.get("data", {})

    def tempting(self, step: Step, seen: set[Row], keys: Mapping[str, set[str]]) -> Iterator[dict[str, Any]]:
        """Inputs of the step: of rows unseen and seen, about children of others and of its own."""
        subjects = self._rows(step.subject, seen, keys) if not step.creates and not step.named else [""]
        abouts = self._rows(str(step.about), seen, keys) if names_about(step) else [""]
        for subject in subjects:
            for about in abouts:
                for village in self._villages(step):
                    given = dict(self._values(step, village))
                    given |= {name: value_of(f"{step.subject}.{name}") for name in step.named}
                    if subject:
                        given["id"] = self.served.id(self.key, step.subject, subject, "")
                    if about:
                        given[ABOUT[str(step.about)]] = self.served.id(self.key, str(step.about), about, "")
                    if step.into:
                        given["into"] = self.served.id(self.key, step.subject, sorted(keys[step.subject])[0])
                    if step.explained:
                        given["reason"] = "（虚构）"
                    if step.finds:
                        given["number"] = self.foreign.citizen
                    assert "expected" not in given or expects(step)
                    yield given

    def _villages(self, step: Step) -> tuple[str, ...]:
        placed = any("divisionCode" in (*change.needs, *change.may) for change in step.changes)
        return (self.foreign.village, self.own.village) if placed else ("",)

    def _rows(self, type_name: str, seen: set[Row], keys: Mapping[str, set[str]]) -> list[str]:
        own = sorted(key for name, key in seen if name == type_name)
        others = sorted(keys[type_name] - set(own))
        if type_name == "Child":
            others = [self.foreign.register, *others]
        return [*others[:2], *own[:1]]

    def _values(self, step: Step, village: str) -> Iterator[tuple[str, Any]]:
        for change in step.changes:
            names = [name for name in (*change.needs, *change.may) if not name.startswith("_")]
            row = {name: self._value(change, name, village) for name in names}
            if change.many:
                yield ROWS[change.relation], [row]
            else:
                yield from row.items()

    def _value(self, change: Change, name: str, village: str) -> Any:
        coordinate = f"{change.relation}.{name}"
        if coordinate in UNIT_KEYS:
            return self.key
        if name == "citizenId":
            return self.foreign.citizen
        if name == "divisionCode":
            return village
        return value_of(coordinate)


@pytest.fixture(scope="module")
async def reported(served: Served, departments: Mapping[str, Source], people: list[Child]) -> list[Course]:
    """Reports of several children on their way, so that there is something to be opened."""
    courses = [Course(served=served, departments=departments, child=child) for child in people[:6]]
    for number, course in enumerate(courses):
        await course.reported(WOMEN)
        if number % 2:
            await course.until("TOWN_NOTIFIED")
    return courses


UNITS = [unit for unit in POLICY.units if unit != "auditor"]


@pytest.mark.parametrize("unit", UNITS)
async def test_whatever_a_principal_writes_opens_no_row_and_no_value_to_it(
    unit: str, served: Served, departments: Mapping[str, Source], people: list[Child], reported: list[Course]
) -> None:
    own = people[1]
    key = next(name for name in everybody(own) if name.partition(":")[0] == unit)
    foreign = next(one for one in people if one.town != own.town)
    adversary = Adversary(served=served, departments=departments, key=key, foreign=foreign, own=own)
    before, keys = await adversary.sight(), await adversary.keys()
    await adversary.write_everything(set(before), keys)
    after, made = await adversary.sight(), await adversary.keys()
    new = {(name, one) for name in made for one in made[name] - keys[name]}
    gained = set(after) - set(before) - new
    assert gained == set(), (sorted(gained), sorted(set(adversary.taken)))
    writable = {name for step in STEPS.values() if step.purposes(unit) for name in step.coordinates} | DERIVED
    for row in set(before) & set(after):
        shown = {name for name in after[row] if name not in before[row]}
        assert shown <= writable, (row, shown - writable)
    assert adversary.refused or set(adversary.taken) == {"reportConcern"}
    assert uncovered(unit, adversary.tried) == set()


def uncovered(unit: str, tried: set[tuple[str, str]]) -> set[tuple[str, str, str]]:
    """(purpose, action, coordinate) of write grants of which no step was tried, nor is one named that has no step."""
    written = {
        (purpose, STEPS[name].action, coordinate)
        for name, purpose in (*tried, *((name, purpose) for name in EXCEPTIONS for purpose in POLICY.purposes))
        for coordinate in STEPS[name].coordinates
    }
    granted = {
        (right.purpose, right.action, right.coordinate)
        for (held, _), found in RIGHTS.items()
        for rights in found.values()
        for right in rights
        if held == unit and right.action in ("report", "update") and FIELDS[right.coordinate].source != "hub"
    }
    return {one for one in granted - written if not _without_step(unit, one[1], one[2])}


def _without_step(unit: str, action: str, coordinate: str) -> bool:
    """Whether the table says that no step writes it: there is nothing that could be tried."""
    type_name, _, name = coordinate.partition(".")
    wider = (
        one for one in WIDER if unit in (one.units or (unit,)) and (one.action, one.type_name) == (action, type_name)
    )
    return name == "id" or coordinate in APART or any(name in one.fields for one in wider)


def test_every_member_by_which_something_of_somebody_else_can_be_named_is_known() -> None:
    inputs = served_schema().type_map
    for step in STEPS.values():
        kind = inputs[f"{step.name[:1].upper()}{step.name[1:]}Input"]
        assert isinstance(kind, GraphQLInputObjectType)
        for name, member in kind.fields.items():
            of = get_named_type(member.type).name
            assert of not in ("ID", "DivisionCode", "CitizenId") or name in NAMING, (step.name, name, of)
            assert not name.endswith(("Unit", "Key")) or name in NAMING | HARMLESS, (step.name, name)


async def test_the_court_that_registers_an_application_sees_what_concerns_its_child_and_nothing_else(
    served: Served, departments: Mapping[str, Source], people: list[Child], institutions: Mapping[str, str]
) -> None:
    child, foreign = people[20], next(one for one in people if one.town != people[20].town)
    court = Adversary(served=served, departments=departments, key=COURT, foreign=foreign, own=child)
    before = set(await court.sight())
    given: dict[str, Any] = {
        "cause": "REVOKE",
        "applicantKind": "NEAR_KIN",
        "respondentName": "虚构监护人",
        "grounds": ["OTHER"],
    }
    reply = await served.step(
        COURT, "judicial_proceeding", "registerCase", number=child.citizen, caseNumber="(2026)津0114民特9号", **given
    )
    assert reply.status == 200, reply.json
    world = await load(departments, today(), institutions)
    gained = set(await court.sight()) - before
    assert ("Child", child.register) in gained
    for type_name, key in gained:
        rows = [row for row in world.rows(HOME[type_name], type_name) if row["_key"] == key]
        files = {file["_register"] for row in rows for file in world.files_of(type_name, row)}
        assert files == {child.register}, (type_name, key)


async def test_the_police_that_match_a_report_see_what_concerns_its_child_and_nothing_else(
    served: Served, departments: Mapping[str, Source], people: list[Child], institutions: Mapping[str, str]
) -> None:
    child = people[21]
    course = Course(served=served, departments=departments, child=child)
    await course.reported(WOMEN)
    police = Adversary(served=served, departments=departments, key=POLICE, foreign=child, own=child)
    before = set(await police.sight())
    assert (await course.take(course.police()[0])).status == 200
    world = await load(departments, today(), institutions)
    for type_name, key in set(await police.sight()) - before:
        rows = [row for row in world.rows(HOME[type_name], type_name) if row["_key"] == key]
        assert {file["_register"] for row in rows for file in world.files_of(type_name, row)} == {child.register}


async def test_who_reported_is_shown_to_the_police_alone_and_stands_in_no_trace_of_the_hub(
    served: Served, departments: Mapping[str, Source], people: list[Child]
) -> None:
    child, name, phone = people[12], "绝密报告人", "13700001357"
    institution = next(key for key in everybody(child) if key.startswith("mandatory_reporter:"))
    course = Course(served=served, departments=departments, child=child)
    await course.reported(institution, reporterName=name, reporterPhone=phone)
    await course.until("TOWN_NOTIFIED")
    foreign = next(one for one in people if one.town != child.town)
    told = set()
    for key in (*everybody(child), *strangers_to(child, people)):
        adversary = Adversary(served=served, departments=departments, key=key, foreign=foreign, own=child)
        seen = str((await adversary.sight()).values())
        told |= {(key, word) for word in (name, phone, institution) if word in seen}
    assert told == {(POLICE, name), (POLICE, phone), (POLICE, institution)}
    written = served.log.read_text("utf-8")
    assert not [word for word in (name, phone, institution, child.citizen) if word in written]


async def test_the_police_match_a_report_and_learn_only_whether_it_matched(
    served: Served, departments: Mapping[str, Source], people: list[Child]
) -> None:
    course = Course(served=served, departments=departments, child=people[10])
    await course.reported(WOMEN)
    turn = Turn(who=POLICE, purpose=EMERGENCY, step="matchReport")
    wrong = (await course.take(turn, number="120114201001010000")).error
    assert wrong["code"] == "CONFLICT"
    assert wrong["messageZh"] == "对应儿童档案（条款 2.5）：没有档案与该号码相符；镇街新建的档案须先由民政部门核准"
    right = await course.take(turn, number=people[10].citizen)
    assert right.json["data"] == {"matchReport": {"step": "matchReport", "again": False}}


async def test_an_id_of_one_principal_is_no_id_of_another(
    served: Served, departments: Mapping[str, Source], people: list[Child]
) -> None:
    course = Course(served=served, departments=departments, child=people[11])
    await course.reported(WOMEN)
    stolen = served.id(WOMEN, "MandatoryReport", course.key)
    reply = await served.step(POLICE, EMERGENCY, "dispatch", id=stolen)
    assert reply.error["code"] == "INVALID_INPUT"
    other_type = served.id(POLICE, "Incident", course.key)
    assert (await served.step(POLICE, EMERGENCY, "dispatch", id=other_type)).error["code"] == "INVALID_INPUT"
    assert await course.status() == "REPORTED"


async def test_a_row_of_somebody_else_is_refused_in_the_very_words_of_one_that_is_not_there(
    served: Served, departments: Mapping[str, Source], people: list[Child], reported: list[Course]
) -> None:
    course = reported[1]
    stranger = strangers_to(course.child, people)[0]
    turn = Turn(who=stranger, purpose="guardianship_protection", step="closeReport")
    foreign = await course.take(turn)
    absent = await course.tried(
        stranger, turn.purpose, Turn(who=stranger, purpose=turn.purpose, step=turn.step, key="no such report")
    )
    assert foreign.codes == {"INVALID_INPUT"}
    assert foreign.error == absent.error
