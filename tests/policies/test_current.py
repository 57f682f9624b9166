"""The policy in force is replaced whole, or kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from policies import Current, PolicyError, load
from policies.matrix import text

from .conftest import Facts


@pytest.fixture
def current(folder: Path, fields: Mapping[str, Facts]) -> Current:
    return Current(lambda: load(folder, fields))


def withdraw(folder: Path, fields: Mapping[str, Facts]) -> None:
    """Takes the last grant of the town away, as a policy change is made: grants, then matrix."""
    path = folder / "grants" / "town_government.csv"
    path.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[:-1]), "utf-8")
    (folder / "matrix.csv").write_text(text(load(folder, fields, matrix=False)), "utf-8")


def test_a_changed_folder_comes_into_force_as_another_version(
    current: Current, folder: Path, fields: Mapping[str, Facts]
) -> None:
    before = current.policy
    withdraw(folder, fields)
    assert current.reload()
    assert current.policy.version != before.version
    assert not current.policy.enforce("town_government", "statistics", "Statistic.value", "read")
    assert before.enforce("town_government", "statistics", "Statistic.value", "read")


def test_an_unchanged_folder_leaves_the_very_same_policy_in_force(current: Current) -> None:
    before = current.policy
    assert not current.reload()
    assert current.policy is before


@pytest.mark.parametrize("content", [b"", b"unit,coordinate", b"garbage\n"])
def test_a_spoilt_folder_leaves_the_last_good_policy_in_force_until_it_is_mended(
    content: bytes, current: Current, folder: Path
) -> None:
    before = current.policy
    path = folder / "grants" / "town_government.csv"
    whole = path.read_bytes()
    path.write_bytes(content)
    with pytest.raises(PolicyError):
        current.reload()
    assert current.policy is before
    assert current.failure is not None
    path.write_bytes(whole)
    assert not current.reload()
    assert current.failure is None


def test_grants_without_their_matrix_are_a_change_half_copied(
    current: Current, folder: Path, fields: Mapping[str, Facts]
) -> None:
    before = current.policy
    old = (folder / "matrix.csv").read_bytes()
    withdraw(folder, fields)
    (folder / "matrix.csv").write_bytes(old)
    with pytest.raises(PolicyError, match=r"matrix\.csv"):
        current.reload()
    assert current.policy is before


def test_a_hub_does_not_start_on_a_spoilt_folder(folder: Path, fields: Mapping[str, Facts]) -> None:
    (folder / "model.conf").write_bytes(b"")
    with pytest.raises(PolicyError):
        Current(lambda: load(folder, fields))
