"""Fetch -> SQL, by snapshots in tests/golden/sql; `make bless` (HUB_BLESS=1) writes them anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from connectors.mapping import load
from connectors.source import (
    ALWAYS,
    NEVER,
    Aggregate,
    All,
    Bucket,
    Column,
    Compare,
    Constant,
    Exists,
    Fetch,
    Not,
    Order,
    Outer,
    Param,
    Some,
)
from connectors.sql import Statement, aggregate_statement, statement
from tests.connectors import scratch

GOLDEN = Path(__file__).parents[1] / "golden" / "sql"
SCRATCH = scratch.mapping()
IN_DIVISION = Compare("division", "under", Param("division"))
HAS_GRANT = Exists("Part", (("_key", "_person"),), Compare("kind", "eq", Constant("GRANT")))


def of(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name=name) for name in names)


def person(**given: object) -> Fetch:
    return Fetch(**{"source": "scratch", "relation": "Person", "columns": of("_key"), **given})  # type: ignore[arg-type]


CASES: dict[str, Fetch | Aggregate] = {
    "point": person(columns=of("_key", "name", "birthDate"), where=Compare("_key", "in", Param("keys"))),
    "every_kind": person(
        columns=of(
            "_citizen",
            "_open",
            "birthDate",
            "bornOn",
            "updatedAt",
            "heardAt",
            "sex",
            "kin",
            "alone",
            "poor",
            "incomes",
            "kinds",
            "parts",
            "tags",
            "grade",
            "digits",
            "amount",
            "rate",
            "regionName",
        )
    ),
    "every_comparison": person(
        where=All(
            (
                Compare("name", "eq", Param("a")),
                Compare("sex", "eq", Constant("MALE")),
                Compare("kin", "eq", Constant("UNCLE")),
                Compare("kin", "in", Param("kins")),
                Compare("incomes", "has", Param("incomes")),
                Compare("kinds", "has", Param("kinds")),
                Compare("birthDate", "le", Param("day")),
                Compare("updatedAt", "le", Param("moment")),
                Compare("poor", "eq", Constant(True)),
                Compare("alone", "eq", Constant(False)),
                Compare("poor", "eq", Param("poor")),
                Compare("name", "contains", Param("part")),
                Compare("name", "starts", Param("part")),
                Compare("grade", "null", Constant(False)),
                Compare("amount", "gt", Param("sum")),
                IN_DIVISION,
                Not(Compare("_citizen", "eq", Param("id"))),
                Some((Compare("grade", "lt", Constant(3)), NEVER)),
            )
        )
    ),
    "masked_by_row": person(
        columns=(
            Column(name="name", clear=IN_DIVISION, masked=ALWAYS, mask="surname"),
            Column(name="citizenId", clear=NEVER, masked=HAS_GRANT, mask="id_first6"),
            Column(
                name="phone",
                clear=HAS_GRANT,
                clear_possible=IN_DIVISION,
                masked=HAS_GRANT,
                masked_possible=ALWAYS,
                mask="phone_last4",
            ),
            Column(name="birthDate", clear=NEVER, masked=ALWAYS, mask="year"),
            Column(name="address", clear=NEVER, masked=ALWAYS, mask="village"),
            Column(name="grade", clear=HAS_GRANT, masked=ALWAYS, mask="withhold"),
        ),
        certain=HAS_GRANT,
    ),
    "what_chooses_the_rows_is_not_asked_again": person(
        columns=(
            Column(name="name", clear=All((IN_DIVISION, HAS_GRANT)), clear_possible=IN_DIVISION),
            Column(name="phone", clear=IN_DIVISION, masked=ALWAYS, mask="phone_last4"),
        ),
        where=All((IN_DIVISION, Compare("_open", "eq", Constant(True)))),
        certain=All((HAS_GRANT, IN_DIVISION)),
    ),
    "page_after": person(
        columns=of("_key", "name"),
        where=IN_DIVISION,
        order=(Order(column="birthDate", descending=True),),
        limit=Param("limit"),
        after=(Param("o0"), Param("key")),
        cursors=True,
    ),
    "page_with_costly_conditions": person(
        columns=(
            Column(name="name", clear=HAS_GRANT, masked=ALWAYS, mask="surname"),
            Column(name="schoolName", clear=HAS_GRANT),
        ),
        where=IN_DIVISION,
        order=(Order(column="name", clear=HAS_GRANT),),
        limit=Param("limit"),
        cursors=True,
    ),
    "limit_for_each": Fetch(
        source="scratch",
        relation="Part",
        columns=of("_key", "kind"),
        where=Compare("_person", "in", Param("people")),
        order=(Order(column="givenOn"),),
        per="_person",
        limit=Param("limit"),
        cursors=True,
    ),
    "a_few_by_what_they_are_not": person(
        where=All((IN_DIVISION, Not(All((HAS_GRANT, Compare("bornOn", "lt", Param("born"))))))),
        limit=Param("limit"),
        distinct=True,
    ),
    "distinct": person(columns=of("_citizen"), where=Compare("_open", "eq", Constant(True)), distinct=True),
    "beside_the_outer_row": person(
        where=Exists("Part", (("_key", "_person"),), Compare("givenAt", "lt", Outer("updatedAt")))
    ),
    "aggregate": Aggregate(
        source="scratch",
        relation="Person",
        total="amount",
        where=IN_DIVISION,
        by=(
            Bucket(column="division", width="town"),
            Bucket(column="bornOn", width="age_band"),
            Bucket(column="kind", relation="Part", on=(("_key", "_person"),)),
        ),
    ),
    "aggregate_that_looks_further": Aggregate(
        source="scratch",
        relation="Person",
        where=All((IN_DIVISION, Some((HAS_GRANT, Compare("_citizen", "in", Param("citizens")))))),
        by=(Bucket(column="division", width="town"),),
    ),
    "aggregate_with_rows_apart": Aggregate(
        source="scratch",
        relation="Person",
        where=Compare("_open", "eq", Constant(True)),
        by=(Bucket(column="division", width="town"), Bucket(column="sex")),
        apart=Not(Some((Compare("bornOn", "gt", Param("born")), HAS_GRANT, Compare("poor", "eq", Param("poor"))))),
    ),
}


LONG: dict[str, Fetch] = {
    "long_lists_are_looked_up": person(
        columns=(Column(name="name", clear=Compare("_citizen", "in", Param("citizens")), masked=ALWAYS),),
        where=Compare("_key", "in", Param("keys")),
    )
}


def written(case: Fetch | Aggregate) -> Statement:
    return statement(case, SCRATCH) if isinstance(case, Fetch) else aggregate_statement(case, SCRATCH)


@pytest.mark.parametrize("case", [*CASES, *LONG])
def test_the_sql_of_a_case_is_as_reviewed(case: str) -> None:
    asked = written(CASES[case]) if case in CASES else statement(LONG[case], SCRATCH, long=True)
    found, golden = asked.text + "\n", GOLDEN / f"{case}.sql"
    if os.environ.get("HUB_BLESS") == "1":
        golden.write_text(found, encoding="utf-8")
    assert found == golden.read_text(encoding="utf-8")


def test_every_golden_has_its_case() -> None:
    assert {path.stem for path in GOLDEN.glob("*.sql")} == {*CASES, *LONG}


@pytest.mark.parametrize("case", CASES)
def test_every_parameter_is_used_and_numbered_in_order(case: str) -> None:
    found = written(CASES[case])
    assert {int(number) for number in re.findall(r"\$(\d+)", found.text)} == set(range(1, len(found.binders) + 1))


def test_no_value_of_a_plan_or_request_stands_in_the_text() -> None:
    nasty = "x'; DROP TABLE zhu; --"
    for operand in (Constant(nasty), Param("nasty")):
        found = statement(person(where=Compare("name", "eq", operand)), SCRATCH)
        assert "DROP" not in found.text
        assert found.arguments({"nasty": nasty}) == [nasty]


def test_arguments_are_in_stored_terms() -> None:
    def stored(column: str, operator: str, value: object) -> list[object]:
        return statement(person(where=Compare(column, operator, Param("v"))), SCRATCH).arguments({"v": value})  # type: ignore[arg-type]

    assert stored("sex", "eq", "FEMALE") == ["2"]
    assert stored("sex", "eq", "NONE_SUCH") == [None]
    assert stored("kin", "eq", "UNCLE") == [["81", "83"]]
    assert stored("kin", "in", ["FATHER", "UNCLE", "NONE_SUCH"]) == [["51", "81", "83"]]
    assert stored("birthDate", "lt", "2012-03-04") == ["20120304"]
    assert stored("birthDate", "lt", "2012-02-30") == [None]
    assert stored("_citizen", "in", ["a", None, 5]) == [["a"]]
    assert stored("division", "under", "120114") == ["120114", "120115"]
    assert stored("division", "under", "120114109") == ["120114109", "12011411"]
    assert stored("division", "under", "") == ["", "\U0010ffff"]


def test_a_parameter_that_is_not_bound_is_our_bug() -> None:
    with pytest.raises(KeyError):
        statement(person(where=IN_DIVISION), SCRATCH).arguments({})


def test_the_same_fetch_gives_the_same_text() -> None:
    assert {written(CASES["masked_by_row"]).text for _ in range(5)} == {written(CASES["masked_by_row"]).text}


def test_only_the_columns_that_are_selected_or_needed_are_named() -> None:
    fetch = person(columns=(Column(name="name", clear=NEVER, masked=ALWAYS, mask="withhold"),), where=IN_DIVISION)
    named = set(re.findall(r'"(\w+)"', statement(fetch, SCRATCH).text)) - {"name", "zhu"}
    assert named == {"qh", "bh"}  # neither the withheld name nor anything else; the key for the order


@pytest.mark.parametrize(
    ("fetch", "problem"),
    [
        (
            person(where=Compare("incomes", "eq", Constant("FARMING"))),
            "operator `eq` does not go with column `incomes`",
        ),
        (person(where=Compare("name", "has", Constant(["x"]))), "operator `has` does not go with column `name`"),
        (person(where=Compare("sex", "under", Constant("M"))), "operator `under` does not go with column `sex`"),
        (
            person(where=Compare("grade", "contains", Constant("1"))),
            "operator `contains` does not go with column `grade`",
        ),
        (person(where=Compare("name", "eq", Outer("name"))), "there is none"),
        (person(columns=(Column(name="name", clear=NEVER, masked=ALWAYS, mask="village"),)), "has no village column"),
        (person(columns=(Column(name="name", clear=NEVER, masked=ALWAYS, mask="blur"),)), "mask `blur` is unknown"),
        (person(distinct=True, per="_group"), "`distinct` excludes `per`"),
        (person(after=(Param("k"), Param("l"))), "`after` names one parameter for each order and one for the key"),
    ],
)
def test_a_fetch_that_makes_no_sense_is_refused(fetch: Fetch, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        statement(fetch, SCRATCH)


def test_a_page_after_no_key_is_refused_rather_than_empty() -> None:
    with pytest.raises(ValueError, match="`after` needs the key of a row"):
        written(CASES["page_after"]).arguments({"division": "1", "o0": None, "key": None, "limit": 1})


@pytest.mark.parametrize("name", ["civil_affairs", "education", "public_security", "courts", "procuratorate", "hub"])
def test_every_column_of_every_department_can_be_written(name: str) -> None:
    mapping = load(Path(__file__).parents[2] / "connectors" / f"{name}.toml")
    for relation in mapping.relations.values():
        text = statement(Fetch(source=name, relation=relation.name, columns=of(*relation.columns)), mapping).text
        assert all(f'AS "{column}"' in text for column in relation.columns)
