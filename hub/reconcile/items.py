"""Items of earlier comparisons, what this one found -> what becomes of each: pure.

Guarantee: one discrepancy has one item that is not closed; the same findings a second time change nothing. What could
not be compared is left as it is. What people said of an item stands as long as it can: an answer until civil affairs
judges it, an explanation until the values change (``digest``), a correction until a comparison finds none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

from hub.reconcile.discrepancies import DISCREPANCIES, answering_unit, subject_of

Status: TypeAlias = Literal["OPEN", "ANSWERED", "CORRECTED", "EXPLAINED"]
Identity: TypeAlias = tuple[str, str]
"""(class, subject): what makes two findings the same discrepancy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A discrepancy as the hub keeps it: keys and coordinates, no values.

    ``digest``: what its values were when they were last compared, under a key; ``closed_in``: quarter of the comparison
    that found agreement (None of one that a person holds to be corrected).
    """

    id: str
    name: str
    quarter: str
    register: str | None
    education: str | None
    police: str | None
    coordinates: tuple[str, ...]
    field: str
    status: str
    digest: str | None = None
    closed_in: str | None = None

    @property
    def subject(self) -> str:
        """What it is about."""
        return subject_of(self.name, self.field, self.register, self.education, self.police)

    @property
    def identity(self) -> Identity:
        """Which discrepancy it is."""
        return self.name, self.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A discrepancy that this comparison found; ``division`` is where its child lives, ``digest`` what differs."""

    name: str
    subject: str
    register: str | None
    education: str | None
    police: str | None
    division: str | None
    coordinates: tuple[str, ...]
    digest: str = ""

    @property
    def identity(self) -> Identity:
        """Which discrepancy it is."""
        return self.name, self.subject

    @property
    def answering(self) -> str:
        """The unit that must answer."""
        return answering_unit(self.name, self.subject, self.division)

    @property
    def task(self) -> str:
        """What it must do."""
        return DISCREPANCIES[self.name].task

    def id_in(self, quarter: str) -> str:
        """The number of its item, the same whenever the comparison of that quarter runs."""
        digest = hashlib.sha256("\n".join((quarter, *self.identity)).encode()).hexdigest()
        return f"R{quarter}-{digest[:20]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An item's step: from ``was`` to ``now``, and why (a stable word)."""

    id: str
    was: str
    now: Status
    why: str
    coordinates: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a comparison does: new items, steps of items that are there, items seen again with the digest of today."""

    new: tuple[tuple[str, Found], ...]
    changes: tuple[Change, ...]
    seen: tuple[tuple[str, str], ...]


def settle(quarter: str, known: Iterable[Item], found: Iterable[Found], agreed: Collection[str]) -> Outcome:
    """``agreed``: ids of items of which the comparison says that nothing differs (any more)."""
    every = list(known)
    latest = _latest(every)
    new: list[tuple[str, Found]] = []
    changes: list[Change] = []
    seen: list[tuple[str, str]] = []
    for one in found:
        item = latest.get(one.identity)
        if item is None or (item.status == "CORRECTED" and item.closed_in is not None and item.quarter != quarter):
            new.append((one.id_in(quarter), one))
            continue
        seen.append((item.id, one.digest))
        changes.extend(_reopened(item, one))
    changes.extend(_closed(every, agreed))
    return Outcome(new=tuple(new), changes=tuple(changes), seen=tuple(seen))


def _latest(known: Iterable[Item]) -> dict[Identity, Item]:
    """The item that stands for each discrepancy: one that is not closed, else the newest."""
    latest: dict[Identity, Item] = {}
    for item in sorted(known, key=lambda item: (item.status != "CORRECTED", item.quarter, item.id)):
        latest[item.identity] = item
    return latest


def _reopened(item: Item, found: Found) -> Iterator[Change]:
    """A correction that the sources do not bear out; an explanation of something else; something else beside it."""
    same = set(found.coordinates) == set(item.coordinates)
    step = partial(Change, id=item.id, was=item.status, coordinates=found.coordinates)
    match item.status:
        case "CORRECTED":
            yield step(now="OPEN", why="differs_still")
        case "EXPLAINED" if not set(found.coordinates) <= set(item.coordinates):
            yield step(now="OPEN", why="differs_elsewhere")
        case "EXPLAINED" if item.digest not in (None, found.digest):
            yield step(now="OPEN", why="values_changed")
        case "OPEN" | "ANSWERED" if not same:
            yield step(now="OPEN" if item.status == "OPEN" else "ANSWERED", why="differs_elsewhere")


def _closed(items: Iterable[Item], agreed: Collection[str]) -> Iterator[Change]:
    for item in items:
        if item.id in agreed and item.status in ("OPEN", "ANSWERED"):
            yield Change(id=item.id, was=item.status, now="CORRECTED", why="agrees")
