"""Places, submissions of a quarter, the day -> a board of who has submitted: tiles that lie as on a map, and a table.

Guarantee: pure; a village that never began stands there like one that did not finish. What a tile's colour says stands
in its words as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from hub.survey.progress import Line, progress

PLACES: Final[Mapping[str, tuple[int, int]]] = {
    code: (row, column)
    for row, codes in enumerate(
        (
            ("120114118", "120114123", "120114109", "120114105", "120114116"),
            ("120114124", "120114110", "120114107", "120114104", "120114103"),
            ("120114111", "120114108", "120114106", "120114102", "120114122"),
            ("120114120", "120114004", "120114005", "120114121", "120114101"),
            ("120114112", "120114006", "120114001", "120114003", "120114117"),
            ("120114113", "120114119", "120114002"),
            ("120114114", "120114115"),
        ),
        1,
    )
    for column, code in enumerate(codes, 1)
}
"""Where a town lies, roughly: rows from the north, columns from the west. A town that is not named goes to the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A place on the board: its own ``line``, its villages' lines (none for a village), where it lies."""

    line: Line
    villages: Sequence[Line] = ()
    place: tuple[int, int] | None = None

    @property
    def missing(self) -> list[Line]:
        """Villages that have something to do."""
        return [one for one in self.villages if one.missing]

    @property
    def unbegun(self) -> list[Line]:
        """Villages that have not begun: no step of the town knows of them."""
        return [one for one in self.villages if not one.status]

    @property
    def late(self) -> int:
        """Working days that the place, or the latest of its villages, is late."""
        return max([self.line.late, *(one.late for one in self.villages)])

    @property
    def colour(self) -> str:
        """How it stands, as a class of the stylesheet."""
        if self.line.status == "DISTRICT_ACCEPTED":
            return "accepted"
        if self.late:
            return "late"
        if self.line.status == "RETURNED":
            return "returned"
        return "open" if self.line.missing else "sent"


def tiles(names: Mapping[str, str], submissions: Iterable[Mapping[str, Any]], quarter: str, day: date) -> list[Tile]:
    """A tile for each town of ``names`` with its villages; without towns one for each village."""
    lines = progress(names, submissions, quarter, day)
    towns = [line for line in lines if len(line.division) == 9]
    if not towns:
        return [Tile(line=line) for line in lines]
    return [
        Tile(
            line=town,
            villages=[line for line in lines if line.division != town.division and line.division[:9] == town.division],
            place=PLACES.get(town.division),
        )
        for town in towns
    ]
