"""A write on its way -> what it will have changed: rows by key, and coordinates; no value.

Guarantee: pure. Rows that a step sweeps (a quarter's files accepted) are told of by the step's own row, not one by one.
A change that may raise or lower a risk flag is a change of the child's file as well, by the row that
caused it; who may not see that row is told nothing (``hub/events/seen.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from hub.lifecycle.compile import Part

FLAGS: Final = "Child.riskFlags"
INPUTS: Final[Mapping[str, tuple[str, ...]]] = {
    **{
        f"Child.{name}": (f"Child.{name}",)
        for name in (
            "livesAlone",
            "guardianshipType",
            "schoolingStatus",
            "householdRegistered",
            "economicHardship",
            "assistanceKinds",
            "updatedAt",
        )
    },
    "DropoutRecord.status": ("DropoutRecord.status",),
    "Guardian.nonPerformanceSince": ("Guardian.nonPerformanceSince",),
    "Incident.guardianSanction": ("Incident.guardianSanction",),
    "Incident.parentsReached": ("Incident.parentsReached",),
    "MandatoryReport.concernKinds": ("MandatoryReport.concernKinds",),
    "MandatoryReport.status": ("MandatoryReport.concernKinds",),
    "MandatoryReport._citizen": ("MandatoryReport.concernKinds",),
}
"""Column that a step may change -> inputs of flags (domain model, 9), one of which must be seen for the flag to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A row that changed, and in which coordinates; ``cause``: (type, key) of the row by which it did."""

    type_name: str
    key: str
    coordinates: tuple[str, ...]
    cause: tuple[str, str]
    clock: str | None = None

    @property
    def own(self) -> tuple[str, ...]:
        """Coordinates of the row itself: those of a file's flags are followed by the inputs in another row."""
        return tuple(name for name in self.coordinates if name.partition(".")[0] == self.type_name)

    def as_json(self) -> dict[str, Any]:
        """As the outbox takes it."""
        return {
            "type": self.type_name,
            "key": self.key,
            "coordinates": list(self.coordinates),
            "causeType": self.cause[0],
            "causeKey": self.cause[1],
            "clock": self.clock,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A change at its place in the outbox; ``clock``: an alarm, of the clock that ran out."""

    position: int
    id: UUID
    at: datetime
    change: Change


def changes_of(part: Part, register: str | None) -> tuple[Change, ...]:
    """What the part will have changed; ``register``: the file of the step's child, if one is known."""
    return tuple(_changes(part, register))


def _changes(part: Part, register: str | None) -> Iterator[Change]:
    for one in part.write.keyed:
        columns = [put.column for put in one.puts]
        key = str(part.bindings[one.key.name])
        cause = (one.relation, key)
        named = tuple(sorted(f"{one.relation}.{name}" for name in columns if not name.startswith("_")))
        if named:
            yield Change(type_name=one.relation, key=key, coordinates=named, cause=cause)
        inputs = {name for column in columns for name in INPUTS.get(f"{one.relation}.{column}", ())}
        file = key if one.relation == "Child" else register
        if inputs and file is not None:
            yield Change(type_name="Child", key=file, coordinates=(FLAGS, *sorted(inputs)), cause=cause)
