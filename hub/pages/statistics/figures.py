"""What a visitor chose -> figures as the pipeline answers them to the unit: by division, over quarters, of each kind.

Guarantee: two questions a page, however many divisions, quarters and indicators there are; each is an entry and has its
receipt. What the unit may not see is not there, and a figure that is suppressed says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from graphql import GraphQLEnumType

from hub.identity import PARKS
from hub.pages.desk import Told
from hub.pages.desk_routes import Visit

MOST_QUARTERS: Final = 40
"""Ten years: as far back as a trend goes."""
ROOT: Final = "statistics"
_FIELDS: Final = "edges { node { divisionCode quarter indicator value suppressed censusReference } }"
_TREND: Final = f"""query Trend($indicator: Indicator!, $division: DivisionCode!, $most: Int!) {{
  trend: statistics(
    filter: {{indicator: {{eq: $indicator}}, divisionCode: {{eq: $division}}}}
    orderBy: [{{field: QUARTER, direction: DESC}}]
    first: $most
  ) {{ {_FIELDS} }}
}}"""
_QUARTER: Final = f"""query Quarter(
  $indicator: Indicator!, $division: DivisionCode!, $quarter: Quarter!, $divisions: [DivisionCode!]!
) {{
  divisions: statistics(
    filter: {{indicator: {{eq: $indicator}}, quarter: {{eq: $quarter}}, divisionCode: {{in: $divisions}}}}
    orderBy: [{{field: DIVISION_CODE}}]
    first: 100
  ) {{ {_FIELDS} }}
  indicators: statistics(
    filter: {{divisionCode: {{eq: $division}}, quarter: {{eq: $quarter}}}}
    first: 100
  ) {{ {_FIELDS} }}
}}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A published figure; ``value`` is None where it is ``suppressed``, ``census`` where the bureau gave none."""

    division: str
    quarter: str
    indicator: str
    value: float | None
    suppressed: bool
    census: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is looked at; an empty ``quarter`` is the last one that is frozen."""

    indicator: str
    division: str
    quarter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the hub told of a choice; ``failed``: what it said instead."""

    choice: Choice
    trend: Sequence[Figure] = ()
    divisions: Sequence[Figure] = ()
    indicators: Sequence[Figure] = ()
    receipts: Sequence[Mapping[str, Any]] = ()
    failed: Told | None = None

    @property
    def quarters(self) -> list[str]:
        """Quarters of which there are figures, the last one first."""
        return [figure.quarter for figure in reversed(self.trend)]

    @property
    def entries(self) -> list[str]:
        """Names of the entries of the log."""
        return [str(receipt["entry"]) for receipt in self.receipts]


def offered_divisions(visit: Visit) -> list[tuple[str, str]]:
    """The divisions of which a unit may see figures, with their names: all, or its own."""
    known, own = visit.desk.policy().divisions, visit.session.credential.division
    codes = [code for code in known if len(code) < 12 and not code.startswith(PARKS)]
    return [
        (code, known[code].name) for code in sorted(codes, key=lambda code: (len(code), code)) if own in (None, code)
    ]


def offered_indicators(visit: Visit) -> dict[str, str]:
    """Indicators with their words."""
    found = visit.desk.seen(visit.session).type_map.get("Indicator")
    values = found.values if isinstance(found, GraphQLEnumType) else {}
    pairs = {name: (value.description or name).partition(" ") for name, value in values.items()}
    return {name: visit.pick((zh, en.rpartition(" (")[0] or en)) for name, (zh, _, en) in pairs.items()}


def chosen(visit: Visit) -> Choice:
    """What the visitor chose; what is not on offer gives way to what is looked at first."""
    divisions, indicators = [code for code, _ in offered_divisions(visit)], offered_indicators(visit)
    division, indicator = visit.query.get("division", ""), visit.query.get("indicator", "")
    return Choice(
        indicator=indicator if indicator in indicators else "CHILDREN_ON_FILE",
        division=division if division in divisions else next(iter(divisions), ""),
        quarter=visit.query.get("quarter", ""),
    )


async def look(visit: Visit, choice: Choice) -> Figures:
    """The figures of a choice."""
    asked = {"indicator": choice.indicator, "division": choice.division}
    told = await visit.desk.ask(visit.session, _TREND, {**asked, "most": MOST_QUARTERS})
    trend = _figures(told, "trend")
    if trend is None:
        return Figures(choice=choice, failed=told)
    quarters = [figure.quarter for figure in trend]
    # Of a quarter that is not there the last one is shown: a bookmark outlives no choice.
    choice = replace(choice, quarter=choice.quarter if choice.quarter in quarters else next(iter(quarters), ""))
    found = Figures(choice=choice, trend=trend[::-1], receipts=_receipts(told))
    if not choice.quarter:
        return found
    codes = [code for code, _ in offered_divisions(visit)]
    more = await visit.desk.ask(visit.session, _QUARTER, {**asked, "quarter": choice.quarter, "divisions": codes})
    divisions, indicators = _figures(more, "divisions"), _figures(more, "indicators")
    if divisions is None or indicators is None:
        return replace(found, failed=more)
    order = {name: place for place, name in enumerate(offered_indicators(visit))}
    return replace(
        found,
        divisions=sorted(divisions, key=lambda figure: (len(figure.division), figure.division)),
        indicators=sorted(indicators, key=lambda figure: order[figure.indicator]),
        receipts=(*found.receipts, *_receipts(more)),
    )


def _figures(told: Told, root: str) -> list[Figure] | None:
    found = None if told.data is None else told.data[root]
    return None if found is None else [_figure(edge["node"]) for edge in found["edges"]]


def _figure(node: Mapping[str, Any]) -> Figure:
    return Figure(
        division=node["divisionCode"],
        quarter=node["quarter"],
        indicator=node["indicator"],
        value=node["value"],
        suppressed=bool(node["suppressed"]),
        census=node["censusReference"],
    )


def _receipts(told: Told) -> tuple[Mapping[str, Any], ...]:
    receipt = told.extensions.get("receipt")
    return () if receipt is None else (receipt,)
