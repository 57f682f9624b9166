"""Write -> SQL, by snapshots in tests/golden/sql_write (`make bless` writes them anew), and how it is mapped."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from connectors.mapping import Mapped, Mapping, MappingError, load, parse
from connectors.source import All, Compare, Constant, Exists, Not, Param
from connectors.sql_stored import stored
from connectors.sql_write import change_statement, grants
from connectors.write import About, Change, Insert, Next, Put, Update
from tests.connectors import scratch, writable

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "sql_write"
KNOWN = writable.mapping()
HAS_LOAN = Exists("Part", (("_key", "_person"),), Compare("kind", "eq", Constant("LOAN")))

CASES: dict[str, Change] = {
    "new": Insert(
        relation="Person",
        key=Param("key"),
        puts=tuple(Put(name, Param(name)) for name in ("sex", "poor", "incomes", "kinds", "birthDate", "amount")),
    ),
    "new_about": Insert(
        relation="Part",
        key=Param("part"),
        puts=(Put("_person", Param("key")), Put("kind", Constant("LOAN"))),
        about=About(
            relation="Person", key=Param("key"), scope=All((Compare("division", "under", Param("me")), HAS_LOAN))
        ),
    ),
    "step": Update(
        relation="Person",
        key=Param("key"),
        puts=(Put("grade", Next()), Put("updatedAt", Param("now"))),
        scope=All((Compare("division", "under", Param("me")), Not(HAS_LOAN))),
        expect=Compare("grade", "in", Constant([1, 2])),
        shows=("grade", "schoolName"),
    ),
    "look": Update(relation="Part", key=Param("key"), expect=Compare("kind", "eq", Constant("LOAN"))),
}


@pytest.mark.parametrize("name", CASES)
def test_the_sql_of_a_change_is_as_reviewed(name: str) -> None:
    written = change_statement(CASES[name], KNOWN)
    binders = [operand.name if isinstance(operand, Param) else f"= {operand.value!r}" for operand, _ in written.binders]
    text = f"{written.text}\n" + "".join(f"-- ${place}: {operand}\n" for place, operand in enumerate(binders, 1))
    path = GOLDEN / f"{name}.sql"
    if os.environ.get("HUB_BLESS"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_the_rights_of_the_write_role_are_as_reviewed() -> None:
    text = "".join(f"{statement};\n" for statement in grants(KNOWN, "writer"))
    path = GOLDEN / "rights.sql"
    if os.environ.get("HUB_BLESS"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_a_department_without_writes_gives_no_rights() -> None:
    assert grants(scratch.mapping(), "writer") == []


def column(name: str) -> Mapped:
    return KNOWN.relation("Person").column(name)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("sex", "MALE", "1"),
        ("kin", "UNCLE", "81"),
        ("poor", False, "0"),
        ("alone", False, False),
        ("incomes", [], ""),
        ("incomes", ["WAGES", "OTHER"], "b,d"),
        ("kinds", ["GRANT"], ["1"]),
        ("tags", [], []),
        ("birthDate", "2012-02-29", "20120229"),
        ("grade", 3, 3),
        ("name", None, None),
        ("incomes", None, None),
    ],
)
def test_a_value_is_kept_in_the_departments_own_form(name: str, value: Any, kept: Any) -> None:
    assert stored(column(name))(value) == kept


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sex", "NEITHER"),
        ("sex", 1),
        ("incomes", "WAGES"),
        ("incomes", ["WAGES", "?"]),
        ("parts", ["甲|乙"]),
        ("parts", [""]),
        ("birthDate", "2013-02-29"),
        ("bornOn", "yesterday"),
        ("updatedAt", "noon"),
        ("grade", 1.5),
        ("grade", True),
        ("grade", "3"),
        ("amount", "1.005"),
        ("amount", "NaN"),
        ("poor", "0"),
        ("alone", 1),
        ("name", "a\0b"),
        ("name", 7),
    ],
)
def test_a_value_that_a_column_cannot_hold_is_refused_and_not_repeated(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"column `{name}`") as caught:
        stored(column(name))(value)
    assert len(str(value)) < 3 or str(value) not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"insert": ["name"]}, "`insert` needs `_key`"),
        ({"update": ["_key"]}, "`update` names `_key`: a row keeps its key"),
        ({"update": ["shoeSize"]}, "names `shoeSize`, which is no key and no field"),
        ({"update": ["schoolName"]}, "`schoolName` is a column of a join"),
        ({"update": ["digits"]}, "`digits` is a number kept as digits"),
        ({"update": ["poor"]}, "`poor` needs `false` in its mapping"),
        ({"update": ["citizenId", "_citizen"]}, "`update` names a physical column twice"),
        ({"update": "name"}, "`update` is no list of texts"),
        ({"delete": ["name"]}, "has an unknown key `delete`"),
    ],
)
def test_a_mapping_of_writes_that_cannot_be_used_says_why(settings: dict[str, Any], problem: str) -> None:
    data = tomllib.loads(scratch.TOML)
    data["relations"]["Person"]["writes"] = settings
    with pytest.raises(MappingError) as caught:
        parse(data, "scratch.toml")
    assert problem in str(caught.value)
    assert "[relations.Person.writes]" in str(caught.value)


@pytest.mark.parametrize("false", [{"kind": "bool", "false": "0"}, {"kind": "bool", "true": "1", "false": "1"}])
def test_false_is_another_text_than_true(false: dict[str, str]) -> None:
    data = tomllib.loads(scratch.TOML)
    data["relations"]["Person"]["fields"]["poor"] = {"column": "pk", **false}
    with pytest.raises(MappingError, match="`false` goes with `true`, and is another text"):
        parse(data, "scratch.toml")


def departments() -> list[Mapping]:
    return [load(path) for path in sorted((ROOT / "connectors").glob("*.toml"))]


def test_no_department_lets_a_write_look_at_more_than_keys_states_and_what_scopes_need() -> None:
    """Names, addresses, telephones, texts: what nobody needs to find a row or to know its state stays unread."""
    closed = {
        "name", "phone", "residenceAddress", "householdPlace", "address", "narrative", "subject", "placeAddress",
        "reporterUnit", "reporterName", "reporterPhone", "findings", "injuryFinding", "conclusion", "content",
        "respondentName", "appointedGuardianName", "suspectName", "physicalHealth", "mentalHealth",
    }  # fmt: skip
    looked = {
        f"{relation.name}.{name}"
        for mapping in departments()
        for relation in mapping.relations.values()
        for name in (relation.writes.check if relation.writes else ())
        if name in closed
    }
    assert looked == set()


def test_the_hubs_write_role_deletes_nothing_and_has_no_right_on_a_whole_table_of_a_department() -> None:
    for mapping in departments():
        for statement in grants(mapping, "writer"):
            right, _, place = statement.partition(" ON ")
            assert "DELETE" not in right
            assert "TRUNCATE" not in right
            assert "(" in right or place.startswith(("SCHEMA hub", '"hub"."hub_write"'))
