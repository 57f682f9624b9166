"""What a department saw, from its own server's log: no value beyond the grants, no citizen id in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest

from connectors.demo.server import Server
from connectors.mapping import Relation
from connectors.mapping import load as load_mapping
from tests.properties.principals import principals
from tests.support.rights import RIGHTS, Me
from tests.support.running import ROOT, SOURCES, Asking
from tests.support.seen import Column, Statement, read, statements
from tests.support.sight import Sight
from tests.support.ways import LED_TO, fields_of, way_to
from tests.support.world import FIELDS, TYPES, World

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("at_once")]

MAPPINGS = {source: load_mapping(ROOT / "connectors" / f"{source}.toml") for source in SOURCES}
REPORT, INCIDENT, ASSISTANCE = "MandatoryReport.status", "Incident", "AssistanceRecord"
WATCH = {
    "Guardian.nonPerformanceSince",
    "MandatoryReport.concernKinds",
    "MandatoryReport.reportedAt",
    REPORT,
    "Incident.guardianSanction",
    "Incident.dispatchedAt",
    "GuardianshipCase.cause",
    "GuardianshipCase.status",
}
COURT = {"GuardianshipCase.status", "GuardianshipCase.decidedOn", "CriminalCase.stage"}
PROSECUTOR = {*WATCH, "Incident.caseFiledOn"}
CURRENT = {
    "Child.birthDate",
    "AssistanceRecord.status",
    "ReconciliationItem.discrepancyClass",
    "ReconciliationItem.status",
    *COURT,
    *PROSECUTOR,
}
DIVISION = {"Child.divisionCode", "MandatoryReport.divisionCode"}
ASSESSING = {REPORT, "Assessment.completedOn"}
REFERRED = {"AssistanceRecord.providerUnit", "AssistanceRecord.status"}
INPUTS: Mapping[str, set[str]] = {
    "all": {"Enrolment.leftBehindFlag"},
    "own_town": {*DIVISION, *CURRENT, "SurveySubmission.divisionCode", "Statistic.divisionCode"},
    "own_village": {*DIVISION, *CURRENT, "SurveySubmission.divisionCode"},
    "town_level": {"SurveySubmission.level"},
    "school_age": {"Child.birthDate"},
    "dropout_open": {"DropoutRecord.status"},
    "reported_to_town": {*DIVISION, *CURRENT, "DropoutRecord.townReportedOn"},
    "own_reports": {"MandatoryReport.reporterUnit"},
    "open_cases": {REPORT},
    "notified_own_town": {*DIVISION, *CURRENT, "Incident.townNotifiedAt"},
    "notified_own_village": {*DIVISION, *CURRENT, "Incident.villageNotifiedAt"},
    "criticism_notified": {*DIVISION, *CURRENT, "Incident.guardianSanction"},
    "under_assessment": ASSESSING,
    "medical_involved": {*ASSESSING, "Incident.measures"},
    "disabled_children": {"Child.bodyCondition", "Child.disabilityCategory", *REFERRED, *CURRENT},
    "service_referred": REFERRED,
    "legal_aid_referred": {*REFERRED, "AssistanceRecord.kind"},
    "housing_applicants": {*REFERRED, "AssistanceRecord.kind"},
    "own_applications": set(),
    "court_cases": COURT,
    "filed_cases": {"Incident.caseFiledOn"},
    "revocation_watch": WATCH,
    "procuratorial_cases": PROSECUTOR,
    "own_supervision": {"ProcuratorialSupervision.targetUnit"},
    "answering_own": {"ReconciliationItem.answeringUnit", "Child.divisionCode"},
    "published_statistics": {"Statistic.indicator"},
    "performance_statistics": {"Statistic.indicator"},
}
"""Scope -> coordinates that it looks at, from the domain model's section 5; keys of the mappings come besides."""
FLAG_INPUTS = {
    "Child.livesAlone",
    "Child.guardianshipType",
    "Child.schoolingStatus",
    "DropoutRecord.status",
    "AttendanceRecord.longestUnexcusedRun",
    "AttendanceRecord.unexcusedDays",
    "Child.householdRegistered",
    "HouseholdRegistration.status",
    "Incident.parentsReached",
    "Child.economicHardship",
    "Child.assistanceKinds",
    "Child.updatedAt",
    "Child.birthDate",
    *WATCH,
}


def relations_of(statement: Statement, table: str) -> list[Relation]:
    """Relations that the table answers for."""
    return [found for found in MAPPINGS[statement.database].relations.values() if found.table == table]


def places(statement: Statement, column: Column) -> set[str]:
    """Coordinates and keys (``Type._key``) that the physical column stands for."""
    found = set()
    for relation in MAPPINGS[statement.database].relations.values():
        tables: dict[str | None, str] = {name: join.table for name, join in relation.joins.items()}
        tables[None] = relation.table
        for name, mapped in relation.columns.items():
            stands = [mapped.place, *([mapped.village] if mapped.village else [])]
            stands_at = {(tables[place.join], place.column) for place in stands}
            if (column.table, column.name) in stands_at:
                found.add(f"{relation.name}.{name}")
    return found


def is_plumbing(statement: Statement, column: Column) -> bool:
    """A column that joins tables, the dictionary of divisions, or the state that a unique key looks at."""
    mapping = MAPPINGS[statement.database]
    if mapping.divisions and column.table == mapping.divisions.table:
        return True
    for relation in mapping.relations.values():
        for join in relation.joins.values():
            if any(column.name in (mine, place.column) for mine, place in join.on):
                return True
    return False


def allowed(sight: Sight, asked: list[str]) -> set[str]:
    """Coordinates that a statement made for these may name: themselves, and what the scopes of their grants look at."""
    found = set(asked)
    table = RIGHTS[sight.me.unit, sight.me.purpose]
    types = {coordinate.partition(".")[0] for coordinate in asked}
    for coordinate, granted in table.items():
        if coordinate.partition(".")[0] in types:
            found |= {name for right in granted for name in INPUTS[right.scope]}
    if types & {"Child", "FamilyMember", "Guardian"}:
        found |= CURRENT
    if "Child.riskFlags" in asked:
        flagged = [name for name in FLAG_INPUTS if sight.askable(name)]
        found |= FLAG_INPUTS
        found |= {scope for name in flagged for right in table.get(name, ()) for scope in INPUTS[right.scope]}
    if "ReconciliationItem.sourceValues" in asked:
        found |= {"Child.*", "Enrolment.*", "DropoutRecord.*", "HouseholdRegistration.*"}
    return found


def problems(statement: Statement, may_leave: set[str], may_be_named: set[str]) -> Iterator[str]:
    """What the statement shows or names that it should not."""
    [relation, *_] = relations_of(statement, statement.table)
    for alias, columns in statement.outputs:
        for column in columns:
            stands = places(statement, column)
            if alias.startswith("~order"):
                good = bool(stands & may_leave)
            elif alias.startswith(("_", "~")):
                good = any(_is_key(name) for name in stands) or alias == "~certain" or is_plumbing(statement, column)
            else:
                good = _leaves(f"{relation.name}.{alias}", stands, may_leave) or is_plumbing(statement, column)
            if not good:
                yield f"{alias} shows {column} ({stands}) in {statement.text}"
    for column in statement.named:
        if column.name.startswith("~"):
            continue  # a sort of the inner rows: what it is made of is named there
        stands = places(statement, column)
        wide = {f"{name.partition('.')[0]}.*" for name in stands}
        if not (stands | wide) & may_be_named and not any(map(_is_key, stands)) and not is_plumbing(statement, column):
            yield f"names {column} ({stands}) in {statement.text}"


def _is_key(name: str) -> bool:
    return name.partition(".")[2].startswith("_")


def _leaves(coordinate: str, stands: set[str], may_leave: set[str]) -> bool:
    wide = f"{coordinate.partition('.')[0]}.*"
    return coordinate in stands and (coordinate in may_leave or wide in may_leave)


def some_principals(world: World) -> list[Me]:
    """Each unit under each of its purposes, one division or institution of a kind."""
    found: dict[tuple[str, str], Me] = {}
    for me in principals(world):
        found.setdefault((me.unit, me.purpose), me)
    return list(found.values())


async def test_no_column_leaves_or_is_named_beyond_the_grants(server: Server, ask: Asking, world: World) -> None:
    seen = 0
    for me in some_principals(world):
        sight = Sight(world, me)
        for type_name in TYPES:
            asked = [f"{type_name}.{name}" for name in fields_of(type_name) if sight.selectable(f"{type_name}.{name}")]
            through = LED_TO.get(type_name)
            if not asked or (through and not sight.opens("Child" if through[0] == "children" else "Enrolment")):
                continue
            start = server.log.stat().st_size
            await ask(me.key, me.purpose, f"{{ {way_to(type_name, [name.partition('.')[2] for name in asked])} }}")
            led = [f"{'Child' if through[0] == 'children' else 'Enrolment'}.id"] if through else []
            may_be_named = allowed(sight, [*asked, *led])
            may_leave = set(asked) | {name for name in may_be_named if name.endswith("*")}
            if "CriminalCase.stage" in asked:
                may_leave.add("CriminalCase.stage")
            for statement in statements(server.log, start, "hub_read"):
                seen += 1
                found = list(problems(statement, may_leave, may_be_named))
                assert not found, (me, type_name, found[:3])
    assert seen > 300


async def test_citizen_ids_are_bound_and_never_written_into_a_statement(
    server: Server, ask: Asking, world: World
) -> None:
    start = server.log.stat().st_size
    numbers = [row["citizenId"] for row in world.rows("civil_affairs", "Child")[:5] if row["citizenId"]]
    query = "query($n: CitizenId!) { child(citizenId: $n) { name incidents { edges { node { dispatchedAt } } } } }"
    for number in numbers:
        await ask("civil_affairs_bureau", "guardianship_protection", query, {"n": number})
        literal = f'{{ children(filter: {{citizenId: {{eq: "{number}"}}}}) {{ edges {{ node {{ name }} }} }} }}'
        await ask("civil_affairs_bureau", "guardianship_protection", literal)
    found = statements(server.log, start, "hub_read")
    assert found
    for statement in found:
        assert not re.search(r"\d{17}[\dX]", statement.text), statement.text


def test_a_value_that_leaves_is_told_from_a_column_that_decides() -> None:
    text = (
        'SELECT t0."a"::text AS "_key", CASE WHEN (t0."b" = $1 AND EXISTS (SELECT 1 FROM "y" AS t1 WHERE '
        't1."c" = t0."d")) THEN CASE t0."e" WHEN \'1\' THEN \'MALE\' END END AS "sex" FROM "x" AS t0 WHERE t0."f" = $2'
    )
    found = read("civil_affairs", text)
    assert found.outputs == (("_key", frozenset({Column("x", "a")})), ("sex", frozenset({Column("x", "e")})))
    assert {column.name for column in found.named} == set("abcdef")


def test_a_statement_that_shows_more_than_is_granted_would_be_found() -> None:
    text = 'SELECT t0."dabh"::text AS "_key", t0."xm"::text AS "name" FROM "etda" AS t0 WHERE t0."dzjz" = \'1\''
    statement = read("civil_affairs", text)
    assert len(list(problems(statement, {"Child.sex"}, {"Child.sex", "Child.livesAlone"}))) == 2
    assert not list(problems(statement, {"Child.name"}, {"Child.name", "Child.livesAlone"}))
    assert len(list(problems(statement, {"Child.name"}, {"Child.name"}))) == 1
    assert FIELDS["Child.livesAlone"].source == "civil_affairs"
