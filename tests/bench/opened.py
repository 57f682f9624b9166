"""The real policy -> one more for the bench, in which one unit reads five departments with scope `all`; tokens for it.

The bench's lines stand in a copy of the policy folder, marked as such; nothing of it reaches a hub in service.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from hub.commands.principals import dev_token
from hub.planner.scopes import SCOPES
from hub.settings import Settings, load
from policies.folder import load as load_policy
from policies.matrix import text
from schema.catalogue import CATALOGUE
from tests.bench.departments import Departments
from tests.bench.documents import FULL, OPENED, Asker
from tests.support.running import ROOT

CLAUSE, QUOTE = "3.1.1", "建立详实完备、动态更新的农村留守儿童信息台账"
"""The words on which the unit's own `Child.*` rests: every line of a policy needs some."""


def policy_of_bench(folder: Path) -> Path:
    """The folder, with ``FULL`` reading every type in ``OPENED``."""
    target = folder / "policies"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(ROOT / "policies", target, ignore=shutil.ignore_patterns("*.py", "__pycache__", "examples"))
    grants = target / "grants" / f"{FULL.unit}.csv"
    # Where a real line opens a field of these types for the purpose already, the bench's line takes its place.
    kept = [line for line in grants.read_text("utf-8").splitlines() if not _superseded(line)]
    opened_to_all = [f"{FULL.unit},{name}.*,read,all,,{FULL.purpose},{CLAUSE},{QUOTE}" for name in OPENED]
    grants.write_text("\n".join([*kept, *opened_to_all]) + "\n", "utf-8")
    opened = load_policy(target, CATALOGUE, scopes=frozenset(SCOPES), matrix=False)
    (target / "matrix.csv").write_text(text(opened), "utf-8")
    return target


def _superseded(line: str) -> bool:
    _, coordinate, action, _, _, purposes, *_ = line.split(",", 6)
    return coordinate.partition(".")[0] in OPENED and action == "read" and FULL.purpose in purposes.split(";")


def environment(departments: Departments) -> Mapping[str, str]:
    """The settings of the hub under the bench; at most 64 requests of one principal would be another measurement."""
    databases = {name: departments.dsn(name) for name in ("civil_affairs", "education", "public_security")}
    databases |= {name: departments.dsn(name) for name in ("courts", "procuratorate", "hub")}
    return {
        **{f"HUB_DATABASES__{name.upper()}": dsn for name, dsn in databases.items()},
        "HUB_DATABASES__LOG": departments.server.dsn("hub"),
        "HUB_KEYS": str(departments.folder / "keys"),
        "HUB_POLICIES": str(policy_of_bench(departments.folder)),
        "HUB_LIMITS__CONCURRENCY": "1000",
        "HUB_CREDENTIALS__LIFETIME": "43200",
    }


def settings_of(departments: Departments, policies: Path) -> Settings:
    """The same settings in this process: for tokens, and what is measured without HTTP."""
    return load(keys=departments.folder / "keys", policies=policies, credentials={"lifetime": 43_200})


def authorization(settings: Settings, asker: Asker) -> str:
    """The header of a token for the principal, under every purpose that it has."""
    return f"Bearer {dev_token(settings, asker.unit, division=asker.division)}"
