"""Rows of one chunk of children by department and table, in the order of the DDL, with their truth and tallies."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

Record = tuple[Any, ...]

TABLES = {
    "civil_affairs": ("etda", "etjtcy", "etjhr", "pgxx", "bfxx", "dcbs"),
    "education": ("jy_xsxj", "jy_kqjl", "jy_kcbx"),
    "public_security": ("hj_czrk", "jq_bg", "jq_cj", "xs_aj"),
    "courts": ("jh_aj", "xs_aj"),
    "procuratorate": ("gs_aj", "jd_ws"),
    "hub": ("link", "reconciliation_item", "statistic"),
}
"""Source -> tables that are filled by rows of children (dictionaries are filled once)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one chunk adds. ``tally`` counts children by (division, indicator)."""

    rows: dict[tuple[str, str], list[Record]] = field(
        default_factory=lambda: {(source, table): [] for source, tables in TABLES.items() for table in tables}
    )
    truth: list[str] = field(default_factory=list)
    tally: Counter[tuple[str, str]] = field(default_factory=Counter)

    def table(self, source: str, name: str) -> list[Record]:
        """Rows of one table, to be added to."""
        return self.rows[(source, name)]

    def key(self, source: str, name: str, chunk: int) -> str:
        """A key for the next row of a table, unique over all chunks."""
        return f"{chunk:02d}{len(self.rows[(source, name)]) + 1:07d}"
