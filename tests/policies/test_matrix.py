"""The matrix that people read, and the difference of two policies."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from policies import Policy, load
from policies.matrix import COLUMNS, diff, matrix, text, why

from .conftest import FOLDER, Facts


def test_the_matrix_that_is_checked_in_is_what_the_grants_say(policy: Policy) -> None:
    assert (FOLDER / "matrix.csv").read_text("utf-8") == text(policy)


def test_the_matrix_is_sorted_says_nothing_twice_and_leaves_out_what_is_implied(policy: Policy) -> None:
    rows = matrix(policy)
    assert rows == sorted(set(rows))
    assert len({row[:5] for row in rows}) == len(rows)
    with (FOLDER / "matrix.csv").open(encoding="utf-8", newline="") as file:
        assert next(csv.reader(file)) == list(COLUMNS)
    aggregates = {row[0] for row in rows if row[2] == "aggregate"}
    assert "finance_bureau" in aggregates
    assert "education_bureau" not in aggregates
    assert policy.grants("education_bureau", "dropout_control", "aggregate")["Enrolment.stage"][0].implied


def test_a_policy_does_not_differ_from_itself(policy: Policy) -> None:
    difference = diff(policy, policy)
    assert not difference.added
    assert not difference.removed


def test_a_changed_scope_is_one_right_removed_and_one_added_and_moved_lines_are_neither(
    policy: Policy, folder: Path, fields: Mapping[str, Facts]
) -> None:
    path = folder / "grants" / "culture_broadcasting_bureau.csv"
    head, first, *rest = path.read_text("utf-8").splitlines()
    moved = [head, *rest, first.replace("published_statistics", "performance_statistics")]
    path.write_text("\n".join(moved) + "\n", "utf-8")
    difference = diff(policy, load(folder, fields, matrix=False))
    assert {row[4] for row in difference.removed} == {"published_statistics"}
    assert {row[4] for row in difference.added} == {"performance_statistics"}
    assert {row[3] for row in difference.added} == {name for name in fields if name.startswith("Statistic.")}
    assert {row[0] for row in (*difference.added, *difference.removed)} == {"culture_broadcasting_bureau"}


def test_why_names_line_scope_clause_and_words_of_the_notice(policy: Policy) -> None:
    lines = "\n".join(why(policy, "education_bureau", "dropout_control", "Child.residenceAddress", "read"))
    (grant,) = policy.grants("education_bureau", "dropout_control", "read")["Child.residenceAddress"]
    assert f"grants/education_bureau.csv:{grant.line}" in lines
    assert "dropout_open" in lines
    assert f"2.1.2: {grant.quote}" in lines


def test_why_not_ends_with_the_line_that_would_be_wanted(policy: Policy) -> None:
    lines = why(policy, "education_bureau", "statistics", "Child.name", "read")
    assert lines[-1].strip() == "education_bureau,Child.name,read,<scope>,,statistics"
    assert any("dropout_control" in line for line in lines)
