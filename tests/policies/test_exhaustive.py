"""Every unit x purpose x coordinate x action: the sets, Casbin and the domain's own table say the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import product

from policies import Policy

from .conftest import Facts, table

ACTIONS = ("read", "read_masked", "aggregate", "report", "update", "subscribe")

Right = tuple[str, str, str, str]
"""Unit, purpose, action, coordinate."""


def entitled() -> dict[Right, set[str]]:
    """Scopes of every right, expanded from entitlements.csv by the words of the domain's README, not by our code."""
    names: dict[str, list[str]] = defaultdict(list)
    derived = set()
    for row in table("fields.csv"):
        names[row["type"]].append(row["field"])
        if row["source"] == "hub":
            derived.add((row["type"], row["field"]))
    found: dict[Right, set[str]] = defaultdict(set)
    for row in table("entitlements.csv"):
        kind, _, wanted = row["object"].partition(".")
        for name in names[kind] if wanted == "*" else wanted.split("+"):
            if row["action"] == "update" and (kind, name) in derived and name not in ("status", "censusReference"):
                assert wanted == "*"
                continue
            for purpose in row["purposes"].split(";"):
                found[row["unit"], purpose, row["action"], f"{kind}.{name}"].add(row["row_scope"])
    for (unit, purpose, action, coordinate), scopes in list(found.items()):
        if action == "read":
            found[unit, purpose, "aggregate", coordinate] |= scopes
    return found


def test_the_sets_hold_what_the_domain_grants_and_nothing_else(policy: Policy) -> None:
    held = {
        (unit, purpose, action, coordinate): {grant.scope for grant in grants}
        for unit, purpose, action, by_coordinate in policy.sets()
        for coordinate, grants in by_coordinate.items()
    }
    assert held == entitled()


def test_casbin_and_the_sets_agree_on_every_right_there_could_be(policy: Policy, fields: Mapping[str, Facts]) -> None:
    asked = differing = allowed = 0
    for unit, purpose, action in product(policy.units, policy.purposes, ACTIONS):
        held = policy.grants(unit, purpose, action)
        for coordinate in fields:
            asked += 1
            allowed += coordinate in held
            differing += policy.enforce(unit, purpose, coordinate, action) != (coordinate in held)
    assert asked == 24 * 15 * 6 * 167
    assert allowed == len(entitled())
    assert differing == 0


def test_every_unit_purpose_scope_of_the_domain_is_there_under_its_name(policy: Policy) -> None:
    rows = table("units.csv")
    assert list(policy.units) == [row["code"] for row in rows]
    assert [unit.name_zh for unit in policy.units.values()] == [row["name_zh"] for row in rows]
    assert sum(unit.member for unit in policy.units.values()) == 20
    grants = table("entitlements.csv")
    assert set(policy.purposes) == {purpose for row in grants for purpose in row["purposes"].split(";")}
    assert set(policy.scopes) == {row["row_scope"] for row in grants}


def test_every_grant_cites_clause_words_and_mask_of_its_line_in_the_domain(
    policy: Policy, fields: Mapping[str, Facts]
) -> None:
    cited = {
        (row["unit"], kind, name, row["action"], row["row_scope"], row["purposes"]): (row["clause"], row["quote_zh"])
        for row in table("entitlements.csv")
        for kind, _, wanted in [row["object"].partition(".")]
        for name in wanted.split("+")
    }
    seen = 0
    for _, _, action, held in policy.sets():
        for coordinate, grants in held.items():
            for grant in grants:
                kind, _, name = coordinate.partition(".")
                written = "read" if grant.implied else action
                key = (grant.unit, kind, name, written, grant.scope, ";".join(grant.purposes))
                wild = (grant.unit, kind, "*", written, grant.scope, ";".join(grant.purposes))
                assert (grant.clause, grant.quote) == cited.get(key, cited.get(wild))
                assert grant.mask == (fields[coordinate].mask if action == "read_masked" else "none")
                assert grant.quote in policy.clause(grant.clause)
                seen += 1
    assert seen > 3000


def test_nobody_may_update_what_is_derived(policy: Policy, fields: Mapping[str, Facts]) -> None:
    updated = {coordinate for _, _, action, held in policy.sets() if action == "update" for coordinate in held}
    assert {coordinate for coordinate in updated if fields[coordinate].source == "hub"} == {
        "ReconciliationItem.status",
        "Statistic.censusReference",
    }


def test_the_police_alone_read_who_reported(policy: Policy) -> None:
    for field in ("reporterUnit", "reporterName", "reporterPhone"):
        for unit, purpose in product(policy.units, policy.purposes):
            if f"MandatoryReport.{field}" in policy.readable(unit, purpose):
                assert unit == "public_security_bureau"
