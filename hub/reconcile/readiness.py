"""Sources, quarter, towns -> the towns that have not summarised their survey yet, whom a comparison should follow.

Guarantee: it is said and prevents nothing, since a late town must not keep the others' discrepancies from being found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from connectors.source import All, Column, Compare, Constant, Fetch, Param, Source
from hub.reconcile.reading import DEADLINE

SUMMARISED: Final = Fetch(
    source="civil_affairs",
    relation="SurveySubmission",
    columns=(Column(name="divisionCode"),),
    where=All(
        (
            Compare("level", "eq", Constant("TOWN")),
            Compare("quarter", "eq", Param("quarter")),
            Compare("status", "in", Constant(["TOWN_SUMMARISED", "DISTRICT_ACCEPTED"])),
        )
    ),
)


async def late_towns(sources: Mapping[str, Source], quarter: str, towns: Iterable[str]) -> list[str]:
    """Codes of the towns (9 digits each) without a summary of the quarter; raises ``SourceError``."""
    rows = await sources["civil_affairs"].fetch(SUMMARISED, {"quarter": quarter}, deadline=DEADLINE)
    done = {str(row[0])[:9] for row in rows}
    return [town for town in sorted(towns) if town not in done]
