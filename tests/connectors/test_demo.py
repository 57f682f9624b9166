"""The generated departments on a real PostgreSQL: every scope has rows, what is planted can be found, nothing else."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from connectors import mapping
from connectors.demo.citizen_id import is_valid
from connectors.demo.generate import READ_ROLE, load
from connectors.demo.people import models
from connectors.demo.places import Places, read_places
from connectors.demo.server import Server
from connectors.postgres import PostgresSource
from tests.support import world as oracle
from tests.support.rights import Me
from tests.support.scopes import Scopes, years_ago
from tests.support.world import HOME, VECTORS, Row, World

pytestmark = pytest.mark.postgres

ROOT = Path(__file__).resolve().parents[2]
DIVISIONS = ROOT / "policies" / "divisions.csv"
INSTITUTIONS = ROOT / "policies" / "institutions.csv"
TODAY = date(2026, 11, 24)
SOURCES = ("civil_affairs", "education", "public_security", "courts", "procuratorate", "hub")
SIZES = (300, 2000)
PASSWORD = "only for reading"


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """One load: its world, its truth."""

    children: int
    world: World
    truth: list[dict[str, Any]]
    header: dict[str, Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    names = [f"{source}_{size}" for size in SIZES for source in SOURCES]
    with Server(folder=tmp_path_factory.mktemp("demo"), databases=names, fsync=False) as running:
        yield running


@pytest.fixture(scope="module", params=SIZES)
async def loaded(request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    size: int = request.param
    file = tmp_path_factory.mktemp("truth") / "truth.jsonl"
    await load(
        {source: server.dsn(f"{source}_{size}") for source in SOURCES},
        children=size,
        seed=7,
        today=TODAY,
        divisions=DIVISIONS,
        institutions=INSTITUTIONS,
        truth=file,
        read_password=PASSWORD,
        progress=lambda *_: None,
    )
    reader = {source: server.dsn(f"{source}_{size}", user=READ_ROLE, password=PASSWORD) for source in SOURCES}
    sources = {
        source: PostgresSource(
            name=source, mapping=mapping.load(ROOT / "connectors" / f"{source}.toml"), dsn=reader[source]
        )
        for source in SOURCES
    }
    with INSTITUTIONS.open(encoding="utf-8") as lines:
        bureaus = {row["code"]: row["bureau"] for row in csv.DictReader(lines)}
    world = await oracle.load(sources, TODAY, bureaus)
    for source in sources.values():
        await source.close()
    header, *truth = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return Loaded(children=size, world=world, truth=truth, header=header)


@cache
def places() -> Places:
    return read_places(DIVISIONS, INSTITUTIONS)


def grants() -> list[dict[str, str]]:
    with (VECTORS / "entitlements.csv").open(encoding="utf-8") as lines:
        return [row for row in csv.DictReader(lines) if row["action"] in ("read", "read_masked")]


def principals(world: World, unit: str) -> list[str]:
    """Unit keys to try: the model towns and villages, every institution that has reported."""
    neighbours = models(places())
    reporters = sorted({row["reporterUnit"] or "" for row in world.rows("public_security", "MandatoryReport")})
    return {
        "town_government": [f"{unit}:{neighbours[0].town}"],
        "village_committee": [f"{unit}:{neighbours[0].code}"],
        "mandatory_reporter": [key for key in reporters if key.startswith("mandatory_reporter:")],
    }.get(unit, [unit])


def in_scope(world: World, me: str, scope: str, type_name: str) -> int:
    """Rows of a type in a scope of one principal."""
    scopes = Scopes(world, Me(me, ""))
    return sum(scopes.holds(scope, type_name, row) for row in world.rows(HOME[type_name], type_name))


def test_every_grant_of_every_unit_has_rows(loaded: Loaded) -> None:
    empty = []
    for grant in grants():
        type_name = grant["object"].partition(".")[0]
        if type_name == "AccessLogEntry":
            continue
        found = [
            in_scope(loaded.world, me, grant["row_scope"], type_name) for me in principals(loaded.world, grant["unit"])
        ]
        if not all(found) or not found:
            empty.append((grant["unit"], grant["object"], grant["row_scope"]))
    assert empty == []


def test_all_27_scopes_are_tried() -> None:
    used = {grant["row_scope"] for grant in grants()}
    assert len(used | {"all"}) == 27


def test_a_second_town_and_village_and_school_have_rows_of_their_own(loaded: Loaded) -> None:
    first, neighbour, far = models(places())
    for scope, type_name, me in (
        ("own_village", "Child", f"village_committee:{neighbour.code}"),
        ("notified_own_village", "Incident", f"village_committee:{neighbour.code}"),
        ("own_applications", "GuardianshipCase", f"village_committee:{neighbour.code}"),
        ("own_town", "Child", f"town_government:{far.town}"),
        ("notified_own_town", "MandatoryReport", f"town_government:{far.town}"),
        ("reported_to_town", "DropoutRecord", f"town_government:{far.town}"),
        ("answering_own", "ReconciliationItem", f"town_government:{far.town}"),
    ):
        assert in_scope(loaded.world, me, scope, type_name), (scope, type_name, me)
    assert first.town == neighbour.town != far.town
    assert len([key for key in principals(loaded.world, "mandatory_reporter") if ":2112" in key or ":3112" in key]) > 1


def test_every_value_of_the_life_cycles_occurs(loaded: Loaded) -> None:
    rows = loaded.world.rows
    found = {
        name: {row[column] for row in rows(source, relation)}
        for name, source, relation, column in (
            ("report", "public_security", "MandatoryReport", "status"),
            ("reporter", "public_security", "MandatoryReport", "reporterKind"),
            ("dropout", "education", "DropoutRecord", "status"),
            ("petition", "courts", "GuardianshipCase", "status"),
            ("cause", "courts", "GuardianshipCase", "cause"),
            ("supervision", "procuratorate", "ProcuratorialSupervision", "kind"),
            ("result", "procuratorate", "ProcuratorialSupervision", "result"),
            ("assistance", "civil_affairs", "AssistanceRecord", "status"),
            ("kind", "civil_affairs", "AssistanceRecord", "kind"),
            ("survey", "civil_affairs", "SurveySubmission", "status"),
            ("item", "hub", "ReconciliationItem", "status"),
            ("class", "hub", "ReconciliationItem", "discrepancyClass"),
            ("household", "public_security", "HouseholdRegistration", "status"),
        )
    }
    wanted = {
        "report": 9,
        "reporter": 9,
        "dropout": 6,
        "petition": 5,
        "cause": 4,
        "supervision": 6,
        "result": 5,
        "assistance": 5,
        "kind": 20,
        "survey": 5,
        "item": 4,
        "class": 12,
        "household": 4,
    }
    assert {name: len(values - {None}) for name, values in found.items()} == wanted


def test_criminal_cases_stand_at_all_six_stages_over_three_databases(loaded: Loaded) -> None:
    world = loaded.world
    stages = Counter(
        part["stage"]
        for source in ("public_security", "procuratorate", "courts")
        for part in world.rows(source, "CriminalCase")
    )
    assert set(stages) == {"INVESTIGATION", "DISMISSED", "PROSECUTION_REVIEW", "NOT_PROSECUTED", "TRIAL", "CONCLUDED"}
    filed = {case["_case"] for case in world.rows("public_security", "CriminalCase")}
    for source in ("procuratorate", "courts"):
        assert {part["_case"] for part in world.rows(source, "CriminalCase")} <= filed


def test_no_stored_code_is_unknown_to_the_mapping(loaded: Loaded) -> None:
    """A code without a value would be null: columns that the generator always fills must never be."""
    for source, relation, columns in (
        ("civil_affairs", "Child", "sex bodyCondition schoolingStatus leftBehindType guardianshipType incomeSources"),
        ("civil_affairs", "FamilyMember", "relation guardianshipCapacity birthDate phone"),
        ("civil_affairs", "Guardian", "kind relation capacity"),
        ("civil_affairs", "AssistanceRecord", "kind eligibility status providerUnit"),
        ("education", "Enrolment", "schoolName stage status boardingMode leftBehindFlag subsidyKinds"),
        ("education", "DropoutRecord", "reason status registeredOn"),
        ("public_security", "HouseholdRegistration", "status householdKind relationToHead birthDate"),
        ("public_security", "MandatoryReport", "reporterKind concernKinds status reportedAt"),
        ("public_security", "Incident", "measures placementKind guardianSanction _report"),
        ("public_security", "CriminalCase", "offence suspectRelation stage"),
        ("courts", "GuardianshipCase", "cause applicantKind status"),
        ("procuratorate", "ProcuratorialSupervision", "kind result"),
    ):
        rows = loaded.world.rows(source, relation)
        assert rows, relation
        for column in columns.split():
            assert [row["_key"] for row in rows if row[column] is None] == [], f"{relation}.{column}"


def test_the_truth_names_every_file_once_with_its_persons(loaded: Loaded) -> None:
    files = {row["_register"]: row for row in loaded.world.rows("civil_affairs", "Child")}
    told = [line for line in loaded.truth if line["register"]]
    assert loaded.header == {"seed": 7, "children": loaded.children, "today": "2026-11-24", "invented": True}
    assert len(files) == loaded.children == len(told)
    assert {line["register"] for line in told} == set(files)
    for line in told:
        enrolled = loaded.world.by("education", "Enrolment", "_person", line["persons"].get("education"))
        assert all(
            row["_citizen"] == line["citizen_id"] for row in enrolled if "INVALID_CITIZEN_ID" not in line["planted"]
        )
        assert bool(enrolled) == ("education" in line["persons"])
        assert files[line["register"]]["_open"] == (not line["closed"])
        assert files[line["register"]]["_accepted"] == (not line["draft"])


def test_each_class_is_planted_on_two_percent(loaded: Loaded) -> None:
    planted = Counter(name for line in loaded.truth for name in line["planted"])
    assert len(planted) == 12
    for name, count in planted.items():
        # A second file and its first one both carry DUPLICATE_FILE; a wrong birthday is a second class of its child.
        expected = loaded.children // 50 * (2 if name == "DUPLICATE_FILE" else 1)
        assert expected <= count <= expected * 4 / 3 + 1, name


def discrepancies(world: World, file: Row) -> set[str]:
    """A plain comparison of one joined file with education and police, by the domain model's section 9."""
    same = [other for other in world.by("civil_affairs", "Child", "citizenId", file["citizenId"]) if other["_open"]]
    aged = file["birthDate"] <= years_ago(world.today, 16).isoformat()
    holds = {"DUPLICATE_FILE": len(same) > 1, "AGED_OUT": aged}
    found = {name for name, true in holds.items() if true}
    return found | schooling_conflicts(world, file, aged) | household_conflicts(world, file)


def schooling_conflicts(world: World, file: Row, aged: bool) -> set[str]:
    enrolments = world.of_file(file, "Enrolment")
    of_age = not aged and file["birthDate"] <= years_ago(world.today, 6).isoformat()
    left = any(row["status"] == "DROPPED_OUT" for row in enrolments)
    holds = {
        "NO_ENROLMENT": of_age and not enrolments,
        "SURVEYED_NOT_FLAGGED": any(row["leftBehindFlag"] == "NOT" for row in enrolments),
        "SCHOOLING_CONFLICT": bool(enrolments) and left != (file["schoolingStatus"] == "DROPPED_OUT"),
    }
    return {name for name, true in holds.items() if true}


def household_conflicts(world: World, file: Row) -> set[str]:
    households = world.of_file(file, "HouseholdRegistration")
    current = [row for row in households if row["status"] != "CANCELLED"] or households
    holds = {
        "NO_HOUSEHOLD_RECORD": not households,
        "IDENTITY_MISMATCH": any(
            (row["name"], row["birthDate"]) != (file["name"], file["birthDate"]) for row in current
        ),
        "HOUSEHOLD_STATUS_CONFLICT": any(
            (row["status"] == "REGISTERED") != file["householdRegistered"] for row in current
        ),
        "ADDRESS_CONFLICT": any(row["address~village"] != file["householdPlace~village"] for row in current),
    }
    return {name for name, true in holds.items() if true}


def test_a_plain_comparison_finds_what_is_planted_and_nothing_else(loaded: Loaded) -> None:
    files = {row["_register"]: row for row in loaded.world.rows("civil_affairs", "Child")}
    differing = {}
    for line in loaded.truth:
        file = files.get(line["register"])
        # Files that join nothing cannot be compared; a number that does not join, or an edit, shows elsewhere.
        if file is None or not file["_open"] or not file["_accepted"] or line["edited"] or line["duplicate_of"]:
            continue
        if "INVALID_CITIZEN_ID" in line["planted"] and "IDENTITY_MISMATCH" not in line["planted"]:
            continue
        if line["citizen_id"] is None and line["link"] != "CONFIRMED":
            continue
        found, planted = discrepancies(loaded.world, file), set(line["planted"]) - {"INVALID_CITIZEN_ID"}
        if "DUPLICATE_FILE" in planted:
            found &= {"DUPLICATE_FILE"}  # such a file joins nothing
        if found != planted:
            differing[line["register"]] = (found, planted)
    assert differing == {}


def test_wrong_numbers_are_wrong_in_exactly_one_source(loaded: Loaded) -> None:
    places_of: Counter[str] = Counter()
    for line in loaded.truth:
        if "INVALID_CITIZEN_ID" not in line["planted"] or "IDENTITY_MISMATCH" in line["planted"]:
            continue
        persons = line["persons"]
        held = {
            "register": loaded.world.by("civil_affairs", "Child", "_register", line["register"]),
            "education": loaded.world.by("education", "Enrolment", "_person", persons.get("education")),
            "police": loaded.world.by(
                "public_security", "HouseholdRegistration", "_person", persons["public_security"]
            ),
        }
        wrong = [
            source
            for source, rows in held.items()
            if any(not is_valid(row["citizenId" if source != "education" else "_citizen"]) for row in rows)
        ]
        assert len(wrong) <= 1
        places_of.update(wrong)
        assert is_valid(line["citizen_id"])
    assert set(places_of) == {"register", "education", "police"}


def test_one_in_a_hundred_has_no_number_and_half_of_them_are_linked(loaded: Loaded) -> None:
    without = [line for line in loaded.truth if line["register"] and line["citizen_id"] is None]
    assert len(without) == loaded.children // 100
    links = Counter(line["link"] for line in without)
    assert links["CONFIRMED"] >= len(without) // 2
    assert links["CANDIDATE"]
    for line in without:
        held = loaded.world.by("hub", "Link", "_register", line["register"])
        assert {(row["_source"], row["_person"]) for row in held} == (
            set(line["persons"].items()) if line["link"] else set()
        )


def test_children_never_share_a_number_unless_planted(loaded: Loaded) -> None:
    first = Counter(line["citizen_id"] for line in loaded.truth if line["citizen_id"] and not line.get("duplicate_of"))
    assert max(first.values()) == 1
    for line in loaded.truth:
        if line.get("duplicate_of"):
            assert first[line["citizen_id"]] == 1
    joined = [
        row["_citizen"] for row in loaded.world.rows("civil_affairs", "Child") if row["_open"] and row["_citizen"]
    ]
    assert len(joined) == len(set(joined))


def test_numbers_of_relatives_and_phones_are_well_formed(loaded: Loaded) -> None:
    for relation in ("FamilyMember", "Guardian"):
        for row in loaded.world.rows("civil_affairs", relation):
            assert is_valid(row["citizenId"])
            assert re.fullmatch(r"1[3-9][0-9]{9}", row["phone"])
            if relation == "FamilyMember":
                assert row["citizenId"][6:14] == row["birthDate"].replace("-", "")


def test_drafts_and_edits_join_nothing_by_what_was_not_accepted(loaded: Loaded) -> None:
    files = {row["_register"]: row for row in loaded.world.rows("civil_affairs", "Child")}
    drafts = [files[line["register"]] for line in loaded.truth if line.get("draft")]
    edited = [files[line["register"]] for line in loaded.truth if line.get("edited")]
    assert drafts
    assert edited
    assert all(row["_citizen"] is None and row["_division"] is None and row["citizenId"] for row in drafts)
    changed = [row for row in edited if row["citizenId"] != row["_citizen"] or row["divisionCode"] != row["_division"]]
    assert len(changed) >= len(edited) - 1
    assert all(row["_citizen"] for row in edited)


def test_nothing_lies_after_today_and_a_reports_times_follow_each_other(loaded: Loaded) -> None:
    now = f"{TODAY.isoformat()}T23:59:59+08:00"
    for report in loaded.world.rows("public_security", "MandatoryReport"):
        incidents = loaded.world.by("public_security", "Incident", "_report", report["_key"])
        moments = [report["reportedAt"], report["acceptedAt"]]
        for incident in incidents:
            moments += [incident["dispatchedAt"], incident["townNotifiedAt"], incident["villageNotifiedAt"]]
        given = [moment for moment in moments if moment]
        assert given == sorted(given)
        assert given[-1] <= now
    for row in loaded.world.rows("civil_affairs", "Child"):
        assert row["updatedAt"] <= now
        assert row["birthDate"] < TODAY.isoformat()


def test_some_aged_out_files_are_kept_open_and_some_are_not(loaded: Loaded) -> None:
    scopes = Scopes(loaded.world, Me("civil_affairs_bureau", ""))
    aged = [
        row
        for row in loaded.world.rows("civil_affairs", "Child")
        if row["_open"] and row["birthDate"] <= years_ago(TODAY, 16).isoformat()
    ]
    assert {scopes.current(row) for row in aged} == {True, False}
