"""Object shape -> Layout: how the rows of a reach become JSON objects, worked out once for all rows.

Guarantee: nothing is decided for a row that its states do not say; rows of one pattern of states share what follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from hub.committed import COMMITTED
from hub.planner import plan as p

PATTERNS = 512
"""Patterns of states that a layout remembers; further ones are worked out row by row."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """What follows of a row's states: coordinates given in clear and masked, values to bind, values that are not given.

    ``bound``: (coordinate, slot); ``closed``: (response key, coordinate); ``undecided``: (key, coordinate, slot).
    ``withheld``: whether there are any of the last two.
    """

    clear: frozenset[str]
    masked: frozenset[str]
    bound: tuple[tuple[str, int], ...]
    closed: tuple[tuple[str, str], ...]
    undecided: tuple[tuple[str, str, int], ...]
    withheld: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Nodes:
    """A connection below a row that is asked for its nodes alone: its reach, response keys, layout of a node."""

    reach: p.Reach
    number: int
    edges: str
    node: str
    layout: Layout


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """``keys`` in response order, ``values`` of a row in that order; ``others`` are entries that are no plain value.

    ``own``, ``key``, ``register`` and ``citizen`` are of the reach: they say whom a row is about.
    """

    reach: p.Reach
    type_name: str
    own: bool
    key: int
    register: int | None
    citizen: int | None
    keys: tuple[str, ...]
    values: Callable[[Sequence[Any]], Sequence[Any]]
    plain: tuple[p.Value, ...]
    others: tuple[p.Entry, ...]
    nodes: tuple[tuple[p.Entry, Nodes | None], ...]
    outcomes: dict[str | None, Outcome] = field(default_factory=dict)

    def outcome(self, states: str | None) -> Outcome:
        """What follows of a row's states."""
        found = self.outcomes.get(states)
        if found is None:
            found = _outcome(self.plain, states)
            if len(self.outcomes) < PATTERNS:
                self.outcomes[states] = found
        return found


def layout_of(reach: p.Reach, shape: p.ObjectShape) -> Layout:
    """The layout of a shape of the reach; worked out once."""
    key = ("layout", id(shape))  # the reach holds the shape, so no other has its id
    found: Layout | None = reach.known.get(key)
    if found is None:
        found = reach.known[key] = _layout(reach, shape)
    return found


def _layout(reach: p.Reach, shape: p.ObjectShape) -> Layout:
    # Where an entry is no plain value the key stands in its place until the entry is told.
    slots = [entry.slot if isinstance(entry, p.Value) else reach.keys["_key"] for entry in shape.entries]
    others = tuple(entry for entry in shape.entries if not isinstance(entry, p.Value))
    return Layout(
        reach=reach,
        type_name=reach.type_name,
        own=reach.own,
        key=reach.keys["_key"],
        register=reach.keys.get("_register"),
        citizen=reach.keys.get("_citizen"),
        keys=tuple(entry.key for entry in shape.entries),
        values=_getter(slots),
        plain=tuple(entry for entry in shape.entries if isinstance(entry, p.Value)),
        others=others,
        nodes=tuple((entry, nodes_of(entry.reach) if isinstance(entry, p.Link) else None) for entry in others),
    )


def nodes_of(reach: p.Reach) -> Nodes | None:
    """How a connection is laid out that is asked for its nodes alone; None for any other shape."""
    match reach.shape:
        case p.ConnectionShape(entries=(p.EdgesEntry(key=edges, entries=(p.NodeEntry(key=node, shape=rows),)),)):
            return Nodes(reach=reach, number=reach.number, edges=edges, node=node, layout=layout_of(reach, rows))
    return None


def _getter(slots: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    if len(slots) < 2:  # an itemgetter of one gives no tuple, and there is none of nothing (all of it skipped)
        return lambda values: tuple(values[slot] for slot in slots)
    return itemgetter(*slots)


def _outcome(entries: Sequence[p.Value], states: str | None) -> Outcome:
    told = [(entry, "c" if states is None else states[entry.slot]) for entry in entries]
    closed = tuple((entry.key, entry.coordinate) for entry, state in told if state not in ("c", "m", "u"))
    undecided = tuple((entry.key, entry.coordinate, entry.slot) for entry, state in told if state == "u")
    return Outcome(
        clear=frozenset(entry.coordinate for entry, state in told if state == "c"),
        masked=frozenset(entry.coordinate for entry, state in told if state == "m"),
        bound=tuple(
            (entry.coordinate, entry.slot)
            for entry, state in told
            if state in ("c", "m") and entry.coordinate in COMMITTED
        ),
        closed=closed,
        undecided=undecided,
        withheld=bool(closed or undecided),
    )
