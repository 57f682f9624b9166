"""``tables.csv`` -> the aggregate tables declared for units that count what they may not read.

A declared table is built of fields that each of its units may aggregate for its purpose, over all rows since a table is
told alike to all its units; at most three to group by. Any other grouping is refused, with the nearest table named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policies.problems import Findings
from policies.rules import Rule
from policies.tabular import Row, rows

EVERYTHING = "all"
"""The scope of all rows."""
COUNT = "COUNT"
"""The measure that counts rows; any other is a coordinate to be summed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A grouping, what is counted or summed in it, for which purpose, and the units that may see it."""

    code: str
    by: tuple[str, ...]
    measure: str
    purpose: str
    units: tuple[str, ...]

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Every coordinate that takes part."""
        return self.by if self.measure == COUNT else (*self.by, self.measure)


def read(files: Mapping[str, bytes], rules: list[Rule], findings: Findings) -> tuple[Table, ...]:
    """Tables of a folder; one that stands on what a unit may not aggregate is a problem."""
    granted = {
        (rule.unit, rule.purpose, rule.coordinate)
        for rule in rules
        if rule.action == "aggregate" and rule.scope == EVERYTHING
    }
    found: dict[str, Table] = {}
    file = "tables.csv"
    for row in (
        rows(file, files[file], ("code", "by", "measure", "purpose", "units"), findings) if file in files else ()
    ):
        table = _table(row)
        if table.code in found:
            findings.note(file, row.line, f"`{table.code}` stands here twice")
        if len(set(table.by)) != len(table.by) or len(table.by) > 3:
            findings.note(file, row.line, "a table is grouped by one to three different coordinates")
        for unit in table.units:
            for coordinate in table.coordinates:
                if (unit, table.purpose, coordinate) not in granted:
                    wanted = f"`{unit}` may not aggregate `{coordinate}` of all rows for `{table.purpose}`"
                    findings.note(file, row.line, wanted)
        found[table.code] = table
    return tuple(found.values())


def nearest(tables: tuple[Table, ...], by: tuple[str, ...], measure: str) -> Table | None:
    """The table that shares most with a grouping: the same measure first, then coordinates in common."""
    if not tables:
        return None

    def closeness(table: Table) -> tuple[bool, int, int]:
        common = len(set(table.by) & set(by))
        return (table.measure == measure, common, -len(table.by))

    return max(tables, key=closeness)


def _table(row: Row) -> Table:
    return Table(
        code=row["code"],
        by=tuple(row["by"].split(";")),
        measure=row["measure"],
        purpose=row["purpose"],
        units=tuple(row["units"].split(";")),
    )
