"""Which totals may be asked: of the rows one reads, or of declared tables as they stood when a quarter was frozen."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.memory import Fault, MemorySource
from hub.aggregates import ask, read_question
from hub.entitlements import Entitlements
from hub.errors import OutageError, RefusalError
from hub.executor import Execution
from hub.registry import Registry
from hub.sources import Reading, Sources
from policies import load
from policies.policy import Policy
from schema.catalogue import CATALOGUE
from tests.support.running import ROOT


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load(ROOT / "policies", CATALOGUE)


def question(policy: Policy, unit: str, purpose: str, by: list[str], **more: Any) -> Any:
    return read_question(Entitlements.of(policy, unit, purpose), {"by": by, "measure": "COUNT", **more})


def refused(policy: Policy, unit: str, purpose: str, by: list[str], **more: Any) -> RefusalError:
    with pytest.raises(RefusalError) as found:
        question(policy, unit, purpose, by, **more)
    return found.value


FINANCE = ("finance_bureau", "support_planning")


def test_a_declared_table_may_be_asked_in_any_order_of_its_groupings(policy: Policy) -> None:
    by = ["AssistanceRecord.kind", "AssistanceRecord.status"]
    for order in (by, by[::-1]):
        assert question(policy, *FINANCE, order).table.code == "t12"


def test_a_grouping_that_is_not_declared_is_refused_with_the_nearest_table(policy: Policy) -> None:
    error = refused(policy, *FINANCE, ["AssistanceRecord.status"])
    assert error.code == "DISCLOSURE_LIMIT"
    assert error.facts["nearest"] == ["AssistanceRecord.kind", "AssistanceRecord.status"]


def test_whoever_reads_the_rows_counts_them_by_anything_as_they_are_now(policy: Policy) -> None:
    made = question(policy, "civil_affairs_bureau", "survey_management", ["Child.sex", "Child.guardianshipType"])
    assert made.table is None
    error = refused(policy, "civil_affairs_bureau", "survey_management", ["Child.sex"], where={"quarter": "2026Q3"})
    assert error.code == "INVALID_INPUT"


def test_a_coordinate_that_is_not_held_is_refused_by_name(policy: Policy) -> None:
    error = refused(policy, *FINANCE, ["Child.name"])
    assert (error.code, error.facts["coordinate"]) == ("NOT_ENTITLED", "Child.name")


@pytest.mark.parametrize(
    ("by", "more", "code"),
    [
        ([], {}, "INVALID_INPUT"),
        (["AssistanceRecord.kind"] * 2, {}, "INVALID_INPUT"),
        (["AssistanceRecord.unheard"], {}, "INVALID_INPUT"),
        (["AssistanceRecord.kind"], {"measure": "AVERAGE"}, "INVALID_INPUT"),
        (["AssistanceRecord.kind"], {"where": {"divisionCode": "120114101201"}}, "DISCLOSURE_LIMIT"),
        (["AssistanceRecord.kind"], {"where": {"divisionCode": "120114101"}}, "DISCLOSURE_LIMIT"),
    ],
)
def test_questions_that_make_no_sense_or_go_too_far_are_refused(
    policy: Policy, by: list[str], more: dict[str, Any], code: str
) -> None:
    assert refused(policy, *FINANCE, by, **more).code == code


@pytest.mark.parametrize(
    ("unit", "purpose", "by", "more", "word"),
    [
        ("district_procuratorate", "judicial_proceeding", "CriminalCase.stage", {}, "CriminalCase.stage"),
        ("civil_affairs_bureau", "data_reconciliation", "ReconciliationItem.sourceValues", {}, "sourceValues"),
        ("civil_affairs_bureau", "survey_management", "Child.riskFlags", {}, "Child.riskFlags"),
        ("civil_affairs_bureau", "survey_management", "Child.id", {}, "Child.id"),
        ("auditor", "audit", "AccessLogEntry.unit", {"where": {"divisionCode": "120114101"}}, "no division"),
    ],
)
def test_what_no_department_keeps_with_the_row_is_refused_in_words(
    policy: Policy, unit: str, purpose: str, by: str, more: dict[str, Any], word: str
) -> None:
    error = refused(policy, unit, purpose, [by], **more)
    assert error.code == "INVALID_INPUT"
    assert word in str(error)


def execution(source: MemorySource) -> Execution:
    sources = Sources.of({source.name: source}, deadline=1.0, monotonic=lambda: 0.0)
    reading = Reading(sources=sources, bindings={"today": "2026-11-24", "born_16": "2010-11-24"})
    return Execution(reading=reading, registry=Registry(reading=reading, set_limit=100), years_ago=None)


def records(**cells: str | None) -> MemorySource:
    """The hub's own records, with one frozen quarter of t10."""
    told = [
        {"_key": f"2026Q3/t10/{at}", "_of": "2026Q3/t10", "_groups": f'["{kind}"]', "_value": value}
        for at, (kind, value) in enumerate(cells.items())
    ]
    quarters = [{"_key": "2026Q3", "_tables": ["t10", "t12"]}, {"_key": "2026Q2", "_tables": ["t12"]}]
    return MemorySource(name="hub", relations={"PublishedQuarter": quarters, "PublishedCell": told})


async def test_who_reads_no_rows_is_told_the_last_frozen_quarter(policy: Policy) -> None:
    made = question(policy, *FINANCE, ["AssistanceRecord.kind"])
    answer = await ask(execution(records(TUTORING=None, HOUSING_AID="10", COUNSELLING="5")), made)
    shown = {cell["keys"][0]["value"]: (cell["value"], cell["suppressed"]) for cell in answer["cells"]}
    assert shown == {"COUNSELLING": (5.0, False), "HOUSING_AID": (10.0, False), "TUTORING": (None, True)}
    assert (answer["total"], answer["quarter"]) == (None, "2026Q3")


async def test_a_table_without_hidden_cells_has_its_total(policy: Policy) -> None:
    made = question(policy, *FINANCE, ["AssistanceRecord.kind"])
    answer = await ask(execution(records(HOUSING_AID="10", COUNSELLING="5")), made)
    assert answer["total"] == 15.0


@pytest.mark.parametrize(("quarter", "why"), [("2026Q1", "not frozen"), ("2026Q2", "not declared yet")])
async def test_a_quarter_that_has_no_such_table_is_refused_in_words(policy: Policy, quarter: str, why: str) -> None:
    made = question(policy, *FINANCE, ["AssistanceRecord.kind"], where={"quarter": quarter})
    with pytest.raises(RefusalError, match=why):
        await ask(execution(records(HOUSING_AID="10")), made)


async def test_before_any_quarter_is_frozen_no_table_is_told(policy: Policy) -> None:
    source = records()
    source.relations["PublishedQuarter"].clear()
    with pytest.raises(RefusalError, match="no quarter is frozen yet"):
        await ask(execution(source), question(policy, *FINANCE, ["AssistanceRecord.kind"]))


async def test_records_that_do_not_answer_are_an_outage_and_no_empty_table(policy: Policy) -> None:
    source = records(HOUSING_AID="10")
    source.outage = Fault(kind="fail", reason="timeout")
    with pytest.raises(OutageError) as found:
        await ask(execution(source), question(policy, *FINANCE, ["AssistanceRecord.kind"]))
    assert (found.value.code, found.value.facts["source"]) == ("SOURCE_UNAVAILABLE", "hub")
