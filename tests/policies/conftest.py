"""Facts of the domain as the tests read them: nothing here goes through the code under test, but for ``policy``."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import policies
from policies import Policy, PolicyError, load

DOMAIN = Path(__file__).parent.parent / "vectors" / "domain"
FOLDER = Path(policies.__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    mask: str
    source: str
    sensitivity: str


def table(name: str) -> list[dict[str, str]]:
    with (DOMAIN / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def fields() -> Mapping[str, Facts]:
    return {
        f"{row['type']}.{row['field']}": Facts(mask=row["mask"], source=row["source"], sensitivity=row["sensitivity"])
        for row in table("fields.csv")
    }


@pytest.fixture(scope="session")
def policy(fields: Mapping[str, Facts]) -> Policy:
    return load(FOLDER, fields)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the policy folder that a test may spoil."""
    copy = tmp_path / "policies"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__", "examples"))
    for path in copy.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return copy


@pytest.fixture
def problems(folder: Path, fields: Mapping[str, Facts]) -> Callable[[], list[str]]:
    """What loading the copy complains of."""

    def complaints() -> list[str]:
        try:
            load(folder, fields)
        except PolicyError as error:
            return [str(problem) for problem in error.problems]
        return []

    return complaints
