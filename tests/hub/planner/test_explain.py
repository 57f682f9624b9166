"""Plans in words: what stands there, and that nothing of a row or a request does."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from connectors.source import All, Compare, Constant, Exists, Fetch, Not, Outer, Param, Predicate, Some, Truth
from hub.document import Documents
from hub.entitlements import Entitlements
from hub.planner.compile import compile_plan
from hub.planner.explain import explain, explain_sql, formula_text, predicate_text
from hub.planner.formula import FALSE, TRUE, Fact, Formula, Local, both, either, negate
from hub.planner.plan import Plan
from hub.settings import Limits
from policies import load
from policies.policy import Policy
from schema.build import whole
from schema.catalogue import CATALOGUE
from tests.support.running import ROOT

SCHEMA = whole()
DOCUMENTS = Documents(SCHEMA, Limits())


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load(ROOT / "policies", CATALOGUE)


def plan(entitlements: Entitlements, query: str, denied: Literal["refuse", "null"] = "null", **variables: Any) -> Plan:
    document = DOCUMENTS.read(query, None, variables)
    return compile_plan(
        schema=SCHEMA,
        operation=document.operation,
        fragments=document.fragments,
        variables=document.values,
        entitlements=entitlements,
        refuse=denied == "refuse",
    )


@pytest.fixture(scope="module")
def court(policy: Policy) -> Entitlements:
    return Entitlements.of(policy, "district_court", "judicial_proceeding")


QUERY = "{ children { edges { node { id called: name enrolments { edges { node { schoolName } } } } } } }"


def test_each_reach_says_its_type_its_source_and_how_it_joins(court: Entitlements) -> None:
    text = explain(plan(court, QUERY))
    assert "#0 children: page of `Child` in civil_affairs\n" in text
    assert "#1 enrolments: page of `Enrolment` in education, of #0 by the child" in text
    assert "answer: { edges { node { id called: name enrolments: #1 } } }" in text


def test_a_condition_is_written_once_with_the_facts_that_it_rests_on(court: Entitlements) -> None:
    text = explain(plan(court, QUERY))
    assert text.count("open_file and (in_court or victim_at_trial)") == 1
    assert text.count("in_court = courts has a row of `GuardianshipCase`") == 1
    assert "asked first: courts: in_court, victim_at_trial" in text


def test_a_rule_stands_there_with_scope_clause_and_what_it_opens(court: Entitlements) -> None:
    made = plan(court, QUERY)
    assert "\n    district_court:6 read in scope `court_cases` by clause 3.1.14: Child.* (" in explain(made, court)
    assert "\n    district_court:6\n" in explain(made)
    assert "clauses of the notice: 3.1.14" in explain(made)


def test_a_mask_is_named_where_it_applies(policy: Policy) -> None:
    held = Entitlements.of(policy, "womens_federation", "care_service")
    text = explain(plan(held, "{ children { edges { node { name sex } } } }"), held)
    assert "Child.name: `surname` where C1" in text
    assert "Child.sex: clear where C1" in text
    assert "read_masked as `surname` in scope `service_referred`" in text


def test_what_is_denied_is_listed_with_its_place(policy: Policy) -> None:
    held = Entitlements.of(policy, "womens_federation", "care_service")
    text = explain(plan(held, "{ children { edges { node { citizenId } } } criminalCases { edges { cursor } } }"))
    assert "refused\n    Child.citizenId at children.edges.node.citizenId\n    CriminalCase.* at criminalCases" in text
    assert "citizenId: refused" in text
    assert "criminalCases: null, `CriminalCase.*` is refused" in text


def test_the_hubs_own_roots_and_words_say_so(court: Entitlements) -> None:
    text = explain(plan(court, "{ __typename me { key } catalogue { coordinate } }"))
    assert "__typename: `Query`" in text
    assert "me: `me`, answered by the hub itself" in text
    assert "conditions" not in text


def test_no_value_of_a_request_stands_in_an_explanation(court: Entitlements) -> None:
    query = 'query ($n: String!) { children(filter: {name: {in: ["不可见", $n]}}) { edges { node { name } } } }'
    made = plan(court, query, n="也不可见")
    assert "不可见" not in explain(made, court) + explain_sql(made, repr)


def test_every_reach_has_one_statement_and_the_form_that_the_executor_takes_first(court: Entitlements) -> None:
    made = plan(
        court,
        "query ($id: ID) { child(id: $id) { enrolments { edges { node { id } } } guardians { "
        "edges { node { name } } } } }",
    )
    asked: list[Fetch] = []

    def statement_of(fetch: Fetch) -> str:
        asked.append(fetch)
        return fetch.relation

    text = explain_sql(made, statement_of)
    assert text == (
        "-- #0 child: row of `Child` in civil_affairs\nChild\n"
        "-- #1 enrolments: page of `Enrolment` in education\nEnrolment\n"
        "-- #2 guardians: page of `Guardian` in civil_affairs\nGuardian\n"
    )
    child, enrolment, guardian = asked
    assert "Param(name='keys')" in repr(child.where)
    # Whether the file is in scope is asked before it is read, for this child alone.
    assert child.certain is None and "Param(name='in_court.register')" in repr(child.where)
    assert "Param(name='people.citizen')" in repr(enrolment.where)
    assert "Param(name='parents')" in repr(guardian.where)
    assert guardian.per == "_register"


ROW = Local(Compare("livesAlone", "eq", Constant(True)))
COURT = Fact("in_court", "courts", "GuardianshipCase")
SCHOOL = Fact("enrolled", "education", "Enrolment")


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (TRUE, "always"),
        (FALSE, "never"),
        (COURT, "in_court"),
        (both(COURT, either(ROW, SCHOOL)), "in_court and ([livesAlone = true] or enrolled)"),
        (either(COURT, both(ROW, SCHOOL)), "in_court or ([livesAlone = true] and enrolled)"),
        (negate(COURT), "not in_court"),
        (negate(both(COURT, SCHOOL)), "not (in_court and enrolled)"),
    ],
)
def test_formulas_in_words(formula: Formula, text: str) -> None:
    assert formula_text(formula) == text


@pytest.mark.parametrize(
    ("predicate", "text"),
    [
        (Truth(True), "always"),
        (Compare("a", "null", Constant(True)), "a is null"),
        (Compare("a", "null", Constant(False)), "a is not null"),
        (Compare("a", "in", Constant(["X", "Y"])), "a in (X, Y)"),
        (Compare("a", "le", Param("today")), "a <= :today"),
        (Compare("a", "lt", Outer("b")), "a < outer b"),
        (Not(Compare("a", "eq", Constant(1))), "not (a = 1)"),
        (
            All((Compare("a", "eq", Constant(1)), Some((Compare("b", "ge", Constant(2)), Truth(False))))),
            "a = 1 and (b >= 2 or never)",
        ),
        (Exists("Incident", (("_key", "_report"),), Truth(True)), "a row of `Incident` (_report = its _key)"),
    ],
)
def test_predicates_in_words(predicate: Predicate, text: str) -> None:
    assert predicate_text(predicate) == text
