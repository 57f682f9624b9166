"""Calls that gathered -> those that leave together, and those that stay for the next batch.

Calls that ask the same pages are a share: they are read once, so they leave together, the share that waits longest
first. Of pages only so many leave at once that their rows can be laid out while the next are read; who comes meanwhile
finds its share still waiting, and is read with it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final

from hub.calls import Call

LARGEST: Final = 64
"""Calls from which on no further share leaves with a batch."""
ROWS: Final = 400
"""Rows at the roots of a batch beyond which no further share leaves with it."""


def departing(calls: Sequence[Call]) -> tuple[list[Call], list[Call]]:
    """Those who leave, by shares, and those who stay, as they came."""
    if len(calls) < 2:
        return list(calls), []
    shares: dict[Hashable, list[Call]] = {}
    for call in calls:
        shares.setdefault(_pages(call), []).append(call)
    leaving: list[Call] = []
    rows = 0
    for share in shares.values():
        rows += _rows(share[0])
        if leaving and (rows > ROWS or len(leaving) + len(share) > LARGEST):
            break
        leaving += share
    gone = set(map(id, leaving))
    return leaving, [call for call in calls if id(call) not in gone]


def _pages(call: Call) -> Hashable:
    """What decides which rows stand at the call's roots; of a batch all have the same plan."""
    return tuple(
        None if wish is None else (wish.reach.number, wish.key or wish.asked[wish.reach.number], wish.after)
        for wish in call.wishes.values()
    )


def _rows(call: Call) -> int:
    """How many rows stand at the call's roots at most."""
    return sum(
        1 if wish.key is not None else wish.asked[wish.reach.number].first
        for wish in call.wishes.values()
        if wish is not None
    )
