"""What the request path asks of a policy."""

from __future__ import annotations

import pytest

from policies import Policy


def test_a_set_cannot_be_changed(policy: Policy) -> None:
    held = policy.grants("auditor", "audit", "read")
    with pytest.raises(TypeError):
        held["Child.name"] = ()  # type: ignore[index]


def test_an_unknown_unit_purpose_or_action_holds_nothing(policy: Policy) -> None:
    assert dict(policy.grants("nobody", "audit", "read")) == {}
    assert dict(policy.grants("auditor", "curiosity", "read")) == {}
    assert dict(policy.grants("auditor", "audit", "delete")) == {}
    assert dict(policy.readable("auditor", "statistics")) == {}


def test_clear_grants_come_before_masked_ones(policy: Policy) -> None:
    grants = policy.readable("education_bureau", "dropout_control")["FamilyMember.phone"]
    assert [(grant.action, grant.scope, grant.mask) for grant in grants] == [
        ("read", "dropout_open", "none"),
        ("read_masked", "school_age", "phone_last4"),
    ]


def test_three_purposes_need_a_case_and_an_unknown_one_does_too(policy: Policy) -> None:
    needing = {purpose for purpose in policy.purposes if policy.case_required(purpose)}
    assert needing == {"judicial_proceeding", "legal_supervision", "legal_aid"}
    assert policy.case_required("curiosity")


def test_purposes_under_which_a_unit_holds_a_coordinate_are_told_by_its_grants(policy: Policy) -> None:
    found = policy.elsewhere("education_bureau", "Child.name", "read")
    assert {purpose for grant in found for purpose in grant.purposes} == {"dropout_control", "data_reconciliation"}
    assert policy.elsewhere("education_bureau", "Child.ethnicity", "read") == ()


def test_a_unit_that_counts_without_reading_has_declared_tables(policy: Policy) -> None:
    for unit, purpose, action, held in policy.sets():
        counted = {name for name, grants in held.items() if not any(grant.implied for grant in grants)}
        if action == "aggregate" and counted:
            tables = policy.tables_of(unit, purpose)
            assert counted <= {coordinate for table in tables for coordinate in table.coordinates}


def test_the_nearest_table_shares_most_with_what_was_asked(policy: Policy) -> None:
    asked = ("Child.divisionCode", "AssistanceRecord.providerUnit", "AssistanceRecord.kind")
    table = policy.nearest_table("finance_bureau", "support_planning", asked, "AssistanceRecord.amount")
    assert table is not None
    assert table.measure == "AssistanceRecord.amount"
    assert len(set(table.by) & set(asked)) == 2
    assert policy.nearest_table("auditor", "audit", asked, "COUNT") is None


def test_institutions_stand_under_a_bureau_and_in_a_division(policy: Policy) -> None:
    assert policy.institutions
    for institution in policy.institutions.values():
        assert policy.units[institution.bureau].member
        assert institution.division in policy.divisions
