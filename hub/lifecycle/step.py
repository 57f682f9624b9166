"""What a life cycle is made of: states, steps, clocks, as frozen data; the table itself is ``hub/lifecycle/steps.py``.

Guarantee: nothing here decides a right. A step names units and purposes so that it can be shown and checked early; what
counts is the policy, and a test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Fixed:
    """A value that the step itself sets, in schema terms."""

    value: str | int | bool | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Clock:
    """The hub's clock at the moment of the step: an instant, a day, the running quarter or the one before."""

    of: Literal["now", "today", "quarter", "last_quarter"]


@dataclass(frozen=True, slots=True)
class Credential:
    """What the writer's credential says: its unit key, operator, division, level, kind of reporter or applicant."""

    of: Literal["unit", "operator", "division", "level", "reporter_kind", "applicant_kind"]


@dataclass(frozen=True, slots=True)
class OneMore:
    """One more than stands there."""


Set: TypeAlias = Fixed | Clock | Credential | OneMore


@dataclass(frozen=True, slots=True)
class Actor:
    """A unit that may take a step, and for which purposes."""

    unit: str
    purposes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a step writes into rows of one relation.

    ``needs``: fields that the writer must give; ``may``: fields that it may give; ``sets``: what the hub gives.
    ``creates``: a new row (``many``: one or more); otherwise the row that the step is about, or the one that belongs to
    it. ``absent``: what the hub gives in place of a field of ``may`` that was not given. ``adds``: lists out of which
    nothing is taken that the writer has not seen.
    """

    relation: str
    creates: bool = False
    many: bool = False
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    sets: tuple[tuple[str, Set], ...] = ()
    absent: tuple[tuple[str, Set], ...] = ()
    adds: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields of the schema that it may write."""
        names = (*self.needs, *self.may, *(name for name, _ in (*self.sets, *self.absent)))
        return tuple(dict.fromkeys(name for name in names if not name.startswith("_")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a life cycle: who, from which states, to which, what is written, by which clause.

    ``subject`` is the type of the row that the writer names (or, of a step that creates it, makes). ``state`` is the
    coordinate that is moved and compared; None: no state stands in the way. ``origin``: the states in which the step is
    lawful (empty: any, or none yet); ``target``: the state that it leads to (None: it stays). ``about``: the type of
    the row that a new row is about, named by the writer. ``once``: fields that must be null still.
    ``conditions``: what must hold besides, by name (``hub/lifecycle/conditions.py``). ``into``: states in which a
    second row of the subject, named by the writer, must be found. ``within``: a field that must lie in the writer's
    division. ``explained``: the writer gives a reason, which is kept with the log entry. ``finds``: the row's child is
    found by a number that the writer gives. ``rests``: coordinates whose rights it rests on besides those that it
    writes (of a step that writes keys alone). ``named``: fields by whose values the writer names the row, in place of
    its id. ``replaces``: a field that is changed only if there stands what the writer saw there. ``sweeps``: what is
    changed besides in all rows that it concerns, by name (``hub/lifecycle/sweeps.py``). ``starts`` and ``stops`` name
    clocks.
    """

    name: str
    zh: str
    en: str
    cycle: str
    clause: str
    who: tuple[Actor, ...]
    action: Literal["report", "update"] = "update"
    subject: str
    state: str | None = None
    origin: tuple[str | None, ...] = ()
    target: str | None = None
    changes: tuple[Change, ...] = ()
    about: str | None = None
    once: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    into: tuple[str, ...] = ()
    within: str | None = None
    explained: bool = False
    finds: bool = False
    rests: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    replaces: str | None = None
    sweeps: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()

    @property
    def creates(self) -> bool:
        """Whether the row that the step is about is made by it."""
        return any(change.creates and change.relation == self.subject for change in self.changes)

    @property
    def moves(self) -> bool:
        """Whether the state is written."""
        return self.state is not None and self.target is not None

    def rewrites(self, change: Change) -> bool:
        """Whether it writes what people said over what others may have said of the same row, and no state or value
        that the writer saw stands in the way of it."""
        if change.creates or self.replaces is not None:
            return False
        return bool(change.needs or change.may) or not self.moves

    def compared(self, change: Change) -> tuple[str, ...]:
        """Fields of which the writer may say what it saw there: those that it writes while the state stays."""
        if self.moves or not self.rewrites(change):
            return ()
        return tuple(name for name in (*change.needs, *change.may) if not name.startswith("_"))

    @property
    def shows(self) -> str | None:
        """The coordinate of which a conflict says how it stands, to who may read it."""
        return self.state if self.replaces is None else f"{self.subject}.{self.replaces}"

    @property
    def reports(self) -> bool:
        """Whether it is a report of a child in danger, whose author nobody but the police may learn."""
        return self.action == "report" and self.subject == "MandatoryReport"

    @property
    def coordinates(self) -> frozenset[str]:
        """Every coordinate whose right the step needs: what it may write, its state with it."""
        return frozenset(self._coordinates())

    def _coordinates(self) -> Iterator[str]:
        yield from self.rests
        if self.moves:
            assert self.state is not None
            yield self.state
        for change in self.changes:
            for name in change.fields:
                yield f"{change.relation}.{name}"

    def purposes(self, unit: str) -> tuple[str, ...]:
        """Purposes for which the unit may take the step; empty if it may not."""
        return next((actor.purposes for actor in self.who if actor.unit == unit), ())


@dataclass(frozen=True, slots=True)
class State:
    """A state by its schema name, in words; ``final``: no step leads on in the ordinary course."""

    name: str
    zh: str
    en: str
    final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """One life cycle: the coordinate that holds its state, its states in order, and its steps.

    ``begun``: the state in which rows are that the hub itself makes, by no step.
    """

    name: str
    zh: str
    en: str
    state: str
    states: tuple[State, ...]
    steps: tuple[Step, ...]
    begun: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A clock that the steps start and stop; ``limit`` (ISO 8601) is what settings say if they say nothing."""

    name: str
    zh: str
    en: str
    limit: str
    clause: str


def actors(purposes: str, *units: str) -> tuple[Actor, ...]:
    """The units, each for these purposes (separated by spaces)."""
    return tuple(Actor(unit, tuple(purposes.split())) for unit in units)
