"""An open report, what the police may read -> open reports of its town, those that may be of the same event first.

Guarantee: proposed, never done: MERGED is a step that an official takes, into a report that they name. Everything is
asked as the police's own questions; who may not read a report is proposed nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from typing import Any, Final

from hub.lifecycle.assessment import OPEN
from hub.lifecycle.step import Step
from hub.pages.desk_routes import Visit

WITHIN: Final = timedelta(days=1)
"""Between two reports of one event."""
ALIKE: Final = 0.6
"""From what share of equal characters on two descriptions are taken for one."""
_SHORTEST: Final = 4
_YEARS: Final = 2
"""How far two ages that are guessed of one child may lie apart."""
_FIELDS: Final = "id status reportedAt divisionCode placeAddress subject narrative"
_NEAR: Final = f"""query Near($filter: MandatoryReportFilter) {{
  mandatoryReports(first: 100, filter: $filter) {{ edges {{ node {{ {_FIELDS} }} }} }}
}}"""
# Of the town alone: whoever looks at a report need not look at every child with an open case in the district.
_CHILDREN: Final = f"""query Children($filter: ChildFilter, $open: MandatoryReportFilter) {{
  children(first: 100, filter: $filter) {{ edges {{ node {{ id
    reports(first: 10, filter: $open) {{ edges {{ node {{ {_FIELDS} }} }} }}
  }} }} }}
}}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A report into which another may be merged; ``same_child`` and ``alike`` say why it is proposed."""

    row: Mapping[str, Any]
    same_child: bool = False
    alike: bool = False

    @property
    def proposed(self) -> bool:
        """Whether it may be of the same event."""
        return self.same_child or self.alike


async def proposals(visit: Visit, row: Mapping[str, Any], steps: Sequence[Step]) -> list[Proposal]:
    """Other open reports, those that are proposed first; empty where no step merges this one."""
    merging = next((step for step in steps if step.into), None)
    town = str(row.get("divisionCode") or "")[:9]
    if merging is None or row.get("status") not in merging.origin or not town:
        return []
    place = {"divisionCode": {"under": town}}
    open_ = {"status": {"in": list(OPEN)}}
    at = datetime.fromisoformat(str(row["reportedAt"]).replace("Z", "+00:00"))
    span = {"gte": (at - WITHIN).isoformat(), "lte": (at + WITHIN).isoformat()}
    near = await _rows(visit, _NEAR, {"filter": {**place, **open_, "reportedAt": span}})
    siblings = await _siblings(visit, row["id"], {"filter": place, "open": open_})
    found = {one["id"]: Proposal(row=one, alike=alike(row, one)) for one in near if one["id"] != row["id"]}
    for one in siblings:
        found[one["id"]] = Proposal(row=one, same_child=True, alike=alike(row, one))
    return sorted(found.values(), key=lambda one: (not one.same_child, not one.alike, one.row["reportedAt"]))


async def _rows(visit: Visit, document: str, variables: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    told = await visit.desk.ask(visit.session, document, variables)
    return [] if told.data is None else _nodes(next(iter(told.data.values())))


async def _siblings(visit: Visit, row_id: str, variables: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Open reports of the child to whose file this one is matched."""
    children = await _rows(visit, _CHILDREN, variables)
    of_child = next((rows for rows in (_nodes(child["reports"]) for child in children) if _has(rows, row_id)), [])
    return [one for one in of_child if one["id"] != row_id]


def _has(rows: Sequence[Mapping[str, Any]], row_id: str) -> bool:
    return any(one["id"] == row_id for one in rows)


def _nodes(connection: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    return [] if connection is None else [edge["node"] for edge in connection["edges"]]


def alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether they are of one place (a town holds its villages) and one description or house, within a day."""
    here, there = str(one.get("divisionCode") or ""), str(other.get("divisionCode") or "")
    if not here or not there or not (here.startswith(there) or there.startswith(here)):
        return False
    times = [datetime.fromisoformat(str(row["reportedAt"]).replace("Z", "+00:00")) for row in (one, other)]
    if abs(times[0] - times[1]) > WITHIN or _of_two_children(one.get("subject"), other.get("subject")):
        return False
    if _share(one.get("narrative"), other.get("narrative")) >= ALIKE:
        return True
    # Addresses of one street are nearly equal, and so are all short descriptions: only the same house says something.
    address = _plain(one.get("placeAddress"))
    return len(address) >= _SHORTEST and address == _plain(other.get("placeAddress"))


def _of_two_children(one: Any, other: Any) -> bool:
    """Whether the descriptions are of a boy and a girl, or of children whose ages lie too far apart."""
    here, there = _plain(one), _plain(other)
    sexes = [{sign for sign in "男女" if sign in text} for text in (here, there)]
    if all(sexes) and not sexes[0] & sexes[1]:
        return True
    ages = [[int(found) for found in re.findall(r"([0-9]{1,2})(?:周)?岁", text)] for text in (here, there)]
    return all(ages) and min(abs(first - second) for first in ages[0] for second in ages[1]) > _YEARS


def _plain(text: Any) -> str:
    """Letters and figures alone, in one width."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", str(text or "")) if sign.isalnum())


def _share(one: Any, other: Any) -> float:
    """The share of equal characters, of texts that are long enough to say something."""
    here, there = _plain(one), _plain(other)
    if min(len(here), len(there)) < _SHORTEST:
        return 0.0
    return SequenceMatcher(None, here, there, autojunk=False).ratio()
