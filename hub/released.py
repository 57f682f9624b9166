"""What an answer gives away -> the sets of which its entry is made.

Guarantee: nothing is decided here; ``hub/stitch.py`` and ``hub/whole.py`` note what they lay out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Bound: TypeAlias = tuple[tuple[str, int], ...]
"""Coordinates of a row that an entry binds, each with the slot of its value."""


@dataclass(slots=True, kw_only=True)
class Released:
    """What an answer gives away: coordinates, and the rows and people that they are of.

    ``parts``: (source, key) of rows of further sources from which a value of a row was taken. ``values``: (coordinate,
    type, key, value as answered) of what the entry binds by commitments, nulls too, since a released null says much;
    ``bound``: the same for plain values, row by row: (coordinates with the slots of their values, type, key, row).
    """

    clear: set[str] = field(default_factory=set)
    masked: set[str] = field(default_factory=set)
    records: set[tuple[str, str]] = field(default_factory=set)
    parts: set[tuple[str, str]] = field(default_factory=set)
    registers: set[str] = field(default_factory=set)
    citizens: set[str] = field(default_factory=set)
    values: list[tuple[str, str, str, Any]] = field(default_factory=list, repr=False)
    bound: list[tuple[Bound, str, str, Sequence[Any]]] = field(default_factory=list, repr=False)
    filtered: bool = False

    def every_value(self) -> Iterator[tuple[str, str, str, Any]]:
        """All that the entry binds, value by value."""
        yield from self.values
        for fields, type_name, key, row in self.bound:
            yield from ((coordinate, type_name, key, row[slot]) for coordinate, slot in fields)

    def with_(self, other: Released) -> Released:
        """What both give away."""
        return Released(
            clear=self.clear | other.clear,
            masked=self.masked | other.masked,
            records=self.records | other.records,
            parts=self.parts | other.parts,
            registers=self.registers | other.registers,
            citizens=self.citizens | other.citizens,
            values=[*self.values, *other.values],
            bound=[*self.bound, *other.bound],
            filtered=self.filtered or other.filtered,
        )
