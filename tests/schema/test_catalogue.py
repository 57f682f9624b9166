from __future__ import annotations

import csv
from pathlib import Path

import pytest
from graphql import GraphQLInterfaceType, GraphQLNonNull, GraphQLObjectType, GraphQLSchema

from schema.catalogue import CATALOGUE, LINKS, ROOTS, TYPES, camel, fields_of

FIELDS = Path(__file__).parents[1] / "vectors" / "domain" / "fields.csv"


def _rows() -> list[dict[str, str]]:
    with FIELDS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_catalogue_is_the_domain_table_row_by_row() -> None:
    told = [
        {
            "type": found.type_name,
            "field": found.field,
            "source": found.source,
            "category": found.category,
            "name_zh": found.name_zh,
            "name_en": found.name_en,
            "gql_type": found.gql_type,
            "sensitivity": found.sensitivity,
            "mask": found.mask,
            "standard": found.standard,
            "clause": found.clause,
        }
        for found in CATALOGUE.values()
    ]
    assert sorted(told, key=lambda row: (row["type"], row["field"])) == sorted(
        _rows(), key=lambda row: (row["type"], row["field"])
    )
    assert len(told) == 167


def test_types_and_their_fields_keep_the_order_of_the_domain_table() -> None:
    assert set(TYPES) == {row["type"] for row in _rows()}
    assert len(TYPES) == 18
    for type_name in TYPES:
        ordered = [row["field"] for row in _rows() if row["type"] == type_name]
        assert [found.field for found in fields_of(type_name)] == ordered


def test_every_coordinate_stands_in_the_schema_with_its_type_and_words(whole: GraphQLSchema) -> None:
    for found in CATALOGUE.values():
        parent = whole.type_map[found.type_name]
        assert isinstance(parent, GraphQLObjectType)
        field = parent.fields[found.field]
        assert str(field.type) == found.gql_type
        assert field.description is not None
        for word in (found.name_zh, found.name_en, found.clause, found.standard, found.sensitivity):
            assert word in field.description


def test_a_type_has_its_coordinates_its_links_and_an_id_and_nothing_else(whole: GraphQLSchema) -> None:
    node = whole.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    for type_name in TYPES:
        parent = whole.type_map[type_name]
        assert isinstance(parent, GraphQLObjectType)
        assert set(parent.fields) == {"id", *LINKS[type_name], *(found.field for found in fields_of(type_name))}
        assert node in parent.interfaces
        nullable = {name for name, field in parent.fields.items() if not isinstance(field.type, GraphQLNonNull)}
        assert nullable == set(parent.fields) - {"id"}


def test_links_lead_where_the_domain_says() -> None:
    told = {(parent, name): link for parent, links in LINKS.items() for name, link in links.items()}
    assert {f"{parent}.{name}": (link.target, link.many) for (parent, name), link in told.items()} == {
        "Child.familyMembers": ("FamilyMember", True),
        "Child.guardians": ("Guardian", True),
        "Child.enrolments": ("Enrolment", True),
        "Child.householdRegistrations": ("HouseholdRegistration", True),
        "Child.reports": ("MandatoryReport", True),
        "Child.incidents": ("Incident", True),
        "Child.assessments": ("Assessment", True),
        "Child.assistanceRecords": ("AssistanceRecord", True),
        "Child.guardianshipCases": ("GuardianshipCase", True),
        "Child.criminalCases": ("CriminalCase", True),
        "Child.supervisions": ("ProcuratorialSupervision", True),
        "Enrolment.attendanceRecords": ("AttendanceRecord", True),
        "Enrolment.dropoutRecords": ("DropoutRecord", True),
        "MandatoryReport.incident": ("Incident", False),
        "Incident.assessments": ("Assessment", True),
        "Assessment.assistanceRecords": ("AssistanceRecord", True),
        "ReconciliationItem.child": ("Child", False),
    }


def test_links_and_roots_have_the_type_in_the_schema_that_their_tables_say(whole: GraphQLSchema) -> None:
    assert whole.query_type is not None
    places = {("Query", root): (target, True) for root, target in ROOTS.items()}
    places |= {(parent, name): (link.target, link.many) for parent, ls in LINKS.items() for name, link in ls.items()}
    for (parent, name), (target, many) in places.items():
        holder = whole.type_map[parent]
        assert isinstance(holder, GraphQLObjectType)
        field = holder.fields[name]
        assert str(field.type) == (f"{target}Connection" if many else target)
        paged = {"filter": f"{target}Filter", "orderBy": f"[{target}Order!]", "first": "Int", "after": "String"}
        assert {arg: str(found.type) for arg, found in field.args.items()} == (paged if many else {})


def test_every_connection_root_of_the_interface_is_there(whole: GraphQLSchema) -> None:
    assert set(ROOTS) == {
        "children",
        "mandatoryReports",
        "incidents",
        "assessments",
        "assistanceRecords",
        "enrolments",
        "dropoutRecords",
        "householdRegistrations",
        "guardianshipCases",
        "criminalCases",
        "supervisions",
        "surveySubmissions",
        "reconciliationItems",
        "statistics",
        "accessLog",
    }
    assert whole.query_type is not None
    assert set(whole.query_type.fields) == {*ROOTS, "me", "catalogue", "child", "node", "aggregate"}


def test_connections_follow_relay(whole: GraphQLSchema) -> None:
    linked = {link.target for links in LINKS.values() for link in links.values() if link.many}
    for target in linked.union(ROOTS.values()):
        connection, edge = whole.type_map[f"{target}Connection"], whole.type_map[f"{target}Edge"]
        assert isinstance(connection, GraphQLObjectType)
        assert isinstance(edge, GraphQLObjectType)
        assert {name: str(field.type) for name, field in connection.fields.items()} == {
            "edges": f"[{target}Edge!]!",
            "pageInfo": "PageInfo!",
        }
        assert {name: str(field.type) for name, field in edge.fields.items()} == {
            "node": f"{target}!",
            "cursor": "String!",
        }
    page = whole.type_map["PageInfo"]
    assert isinstance(page, GraphQLObjectType)
    assert set(page.fields) == {"hasNextPage", "hasPreviousPage", "startCursor", "endCursor"}


@pytest.mark.parametrize(("snake", "expected"), [("id", "id"), ("birth_date", "birthDate"), ("in_a_row", "inARow")])
def test_names_turn_to_camel_case(snake: str, expected: str) -> None:
    assert camel(snake) == expected


def test_list_coordinates_know_their_items() -> None:
    flags = CATALOGUE["Child.riskFlags"]
    assert (flags.many, flags.inner) == (True, "RiskFlag")
    assert (CATALOGUE["Child.birthDate"].many, CATALOGUE["Child.birthDate"].inner) == (False, "Date")
