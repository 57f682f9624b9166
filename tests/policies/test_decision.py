"""Every decision names its rule, or what is wanting and whom to ask."""

from __future__ import annotations

import orjson
import pytest

from policies import Policy


def test_an_allowed_right_names_its_rules_scopes_and_clauses(policy: Policy) -> None:
    decision = policy.decide("education_bureau", "dropout_control", "FamilyMember.relation", "read")
    assert decision.allowed
    assert decision.reason == "granted"
    assert [grant.scope for grant in decision.grants] == ["dropout_open", "school_age"]
    assert decision.rules == tuple(f"education_bureau:{grant.line}" for grant in decision.grants)
    assert decision.clause == "2.1.2, 3.1.3"
    for rule in decision.rules:
        assert rule in decision.sentence
        assert rule in decision.sentence_zh


@pytest.mark.parametrize(
    ("unit", "purpose", "coordinate", "action", "reason", "word"),
    [
        ("education_bureau", "statistics", "Child.name", "read", "other_purpose", "`dropout_control`"),
        ("education_bureau", "dropout_control", "Child.citizenId", "read", "masked_only", "masked"),
        ("finance_bureau", "support_planning", "AssistanceRecord.amount", "read", "other_action", "`aggregate`"),
        ("education_bureau", "dropout_control", "MandatoryReport.reporterName", "read", "not_granted", "not granted;"),
        ("nobody", "statistics", "Statistic.value", "read", "unknown", "no such"),
        ("auditor", "curiosity", "AccessLogEntry.at", "read", "unknown", "no such"),
        ("auditor", "audit", "AccessLogEntry.none", "read", "unknown", "no such"),
        ("auditor", "audit", "AccessLogEntry.at", "delete", "unknown", "no such"),
    ],
)
def test_a_refusal_says_what_comes_closest(
    unit: str, purpose: str, coordinate: str, action: str, reason: str, word: str, policy: Policy
) -> None:
    decision = policy.decide(unit, purpose, coordinate, action)
    assert not decision.allowed
    assert not policy.enforce(unit, purpose, coordinate, action)
    assert decision.reason == reason
    assert word in decision.sentence
    assert "policy office" in decision.sentence
    assert "区民政局" in decision.sentence_zh
    assert decision.wanted == f"{unit},{coordinate},{action},<scope>,,{purpose}"


def test_a_refusal_rests_on_the_duty_of_the_unit_where_nothing_comes_close(policy: Policy) -> None:
    decision = policy.decide("education_bureau", "dropout_control", "MandatoryReport.reporterName", "read")
    assert decision.near == ()
    assert decision.clause == policy.units["education_bureau"].clause


def test_what_comes_closest_is_the_units_own(policy: Policy) -> None:
    for unit in policy.units:
        for coordinate in ("Child.name", "MandatoryReport.status", "Statistic.value"):
            for action in ("read", "update"):
                near = policy.decide(unit, "data_reconciliation", coordinate, action).near
                assert {grant.unit for grant in near} <= {unit}


def test_facts_for_programs_are_plain_json(policy: Policy) -> None:
    facts = policy.decide("education_bureau", "statistics", "Child.name", "read").facts()
    assert orjson.loads(orjson.dumps(facts))["rules"] == ["education_bureau:8"]
    assert facts["coordinate"] == "Child.name"
