"""What each unit must and must not be able to do, as people wrote it down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from policies import Policy

from .conftest import FOLDER, Facts, table

UNITS = [row["code"] for row in table("units.csv")]


def examples(unit: str) -> Iterator[tuple[bool, Mapping[str, Any]]]:
    found = yaml.safe_load((FOLDER / "examples" / f"{unit}.yaml").read_text("utf-8"))
    assert set(found) == {"allow", "deny"}
    for kind in found:
        for example in found[kind]:
            yield kind == "allow", example


@pytest.mark.parametrize("unit", UNITS)
def test_what_must_be_allowed_is_allowed_in_exactly_these_scopes_and_what_must_be_denied_is_denied(
    unit: str, policy: Policy, fields: Mapping[str, Facts]
) -> None:
    for allowed, example in examples(unit):
        right = (unit, example["purpose"], example["coordinate"], example["action"])
        decision = policy.decide(*right)
        assert example["coordinate"] in fields, example
        assert example["because"], example
        assert decision.allowed is allowed is policy.enforce(*right), decision.sentence
        assert sorted({grant.scope for grant in decision.grants}) == sorted(example.get("scopes", [])), example
        assert {grant.mask for grant in decision.grants} == ({example.get("mask", "none")} if allowed else set())
        assert decision.reason != "unknown", example


@pytest.mark.parametrize("unit", UNITS)
def test_each_unit_has_enough_examples_and_one_on_the_identity_of_reporters(unit: str) -> None:
    found = list(examples(unit))
    assert sum(allowed for allowed, _ in found) >= 6
    assert sum(not allowed for allowed, _ in found) >= 6
    denied = {example["coordinate"] for allowed, example in found if not allowed}
    if unit != "public_security_bureau":
        assert denied & {"MandatoryReport.reporterName", "MandatoryReport.reporterUnit"}


def test_there_are_examples_of_every_unit_and_no_other() -> None:
    assert sorted(path.stem for path in (FOLDER / "examples").iterdir()) == sorted(UNITS)
