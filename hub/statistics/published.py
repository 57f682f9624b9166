"""A frozen quarter, a table's code -> its cells as they were settled, for everybody alike; from the hub's own records.

Guarantee: what is told of a quarter never changes. A quarter or a table that is not there is a refusal that says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from connectors.source import Column, Compare, Fetch, Param, SourceError
from hub.errors import OutageError, RefusalError
from hub.sources import Reading
from hub.statistics.tables import Published

QUARTERS = Fetch(source="hub", relation="PublishedQuarter", columns=(Column(name="_key"), Column(name="_tables")))
CELLS = Fetch(
    source="hub",
    relation="PublishedCell",
    columns=(Column(name="_groups"), Column(name="_value")),
    where=Compare("_of", "eq", Param("of_table")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """A table of a quarter."""

    quarter: str
    cells: tuple[Published, ...]


async def frozen(reading: Reading, code: str, quarter: str | None) -> Frozen:
    """The table ``code`` of ``quarter``, or of the last one that is frozen."""
    try:
        known = {row[0]: row[1] for row in await reading.fetch(QUARTERS, {})}
        found = quarter or max(known, default="")
        if found not in known:
            raise _missing(quarter, sorted(known))
        if code not in known[found]:
            raise RefusalError("DISCLOSURE_LIMIT", f"the table `{code}` was not declared yet when `{found}` was frozen")
        rows = await reading.fetch(CELLS, {"of_table": f"{found}/{code}"})
    except SourceError as error:
        raise OutageError("SOURCE_UNAVAILABLE", str(error), source=error.source, reason=error.reason) from None
    cells = (
        Published(table=code, keys=tuple(orjson.loads(groups)), value=None if value is None else float(value))
        for groups, value in rows
    )
    return Frozen(quarter=found, cells=tuple(cells))


def _missing(quarter: str | None, known: Sequence[str]) -> RefusalError:
    if quarter is None:
        return RefusalError("DISCLOSURE_LIMIT", "no quarter is frozen yet: tables are told from the first one on")
    there = f"; there are {', '.join(known)}" if known else ""
    when = "it is told from when the last town's survey of it is accepted"
    return RefusalError("DISCLOSURE_LIMIT", f"the quarter `{quarter}` is not frozen: {when}{there}")
