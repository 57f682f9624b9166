"""``Policy`` -> the matrix of all that is granted, the difference of two, and why one right is or is not.

The matrix is checked in, so that a policy change is a difference that people can read; it is also what tells a whole
folder from one that was cut or copied half (``policies/folder.py``).
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from policies.policy import Policy

COLUMNS = ("unit", "purpose", "action", "coordinate", "scope", "mask", "rule")
"""Columns of the matrix."""

MatrixRow = tuple[str, str, str, str, str, str, str]
"""A row of the matrix, in the order of ``COLUMNS``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Rights that a new policy adds and removes; a right that only moved to another line is in neither."""

    added: tuple[MatrixRow, ...]
    removed: tuple[MatrixRow, ...]


def matrix(policy: Policy) -> list[MatrixRow]:
    """Every right written in a grants file, exact and sorted; ``aggregate`` implied by ``read`` is left out."""
    return sorted(
        (unit, purpose, action, coordinate, grant.scope, grant.mask.replace("none", ""), grant.rule)
        for unit, purpose, action, held in policy.sets()
        for coordinate, grants in held.items()
        for grant in grants
        if not grant.implied
    )


def text(policy: Policy) -> str:
    """The matrix as it stands in ``matrix.csv``."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(matrix(policy))
    return out.getvalue()


def diff(old: Policy, new: Policy) -> Difference:
    """What changes from one policy to another."""
    before = {row[:-1]: row for row in matrix(old)}
    after = {row[:-1]: row for row in matrix(new)}
    return Difference(
        added=tuple(after[key] for key in sorted(after.keys() - before.keys())),
        removed=tuple(before[key] for key in sorted(before.keys() - after.keys())),
    )


def why(policy: Policy, unit: str, purpose: str, coordinate: str, action: str) -> list[str]:
    """Lines that explain a decision: both sentences, then each rule with its scope, its clause and the words there."""
    decision = policy.decide(unit, purpose, coordinate, action)
    lines = [decision.sentence_zh, decision.sentence]
    for grant in decision.grants or decision.near:
        scope = policy.scopes[grant.scope]
        lines.append(f"{grant.file}:{grant.line} {grant.action} {grant.coordinate} ({', '.join(grant.purposes)})")
        lines.append(f"  {grant.scope}: {scope.text_zh} / {scope.text_en}")
        lines.append(f"  {grant.clause}: {grant.quote}")
    if not decision.allowed:
        lines.append(f"  {decision.wanted}")
    return lines
