"""A page and what hangs on its rows, nothing withheld -> the JSON objects of all rows of a reach at once.

Most pages hold rows whose every value is given. For them nothing has to be said of a single row, so each reach below is
laid out as a column of rows and dealt to its parents; hub/stitch.py does the same row by row where something is closed,
undecided or wrong, and is asked whenever this module is not sure. The answer is the same either way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.executor import Page, Record
from hub.layout import Layout, Outcome, layout_of
from hub.planner import plan as p

if TYPE_CHECKING:
    from hub.stitch import Path, Stitch


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sheet:
    """A connection that is asked for its nodes alone: response keys of edges and node, layout, what stands below.

    ``denied``: (response key, coordinate) of fields that no grant opens.
    """

    reach: p.Reach
    edges: str
    node: str
    layout: Layout
    links: tuple[tuple[str, Sheet], ...]
    words: tuple[tuple[str, str], ...]
    denied: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Filled:
    """A sheet's rows, all parents' in order; ``sizes``: how many each parent has."""

    sheet: Sheet
    records: Sequence[Record]
    sizes: Sequence[int]
    outcomes: dict[str | None, Outcome]
    below: Sequence[Filled]


def sheet_of(reach: p.Reach) -> Sheet | None:
    """The sheet of a reach, or None if it is asked for otherwise; worked out once."""
    if "sheet" not in reach.known:
        found = _sheet(reach)
        denied = [coordinate for sheet in _sheets(found) for _, coordinate in sheet.denied] if found else []
        # One that stands in two places is told in the order of rows, and not place by place.
        reach.known["sheet"] = found if len(denied) == len(set(denied)) else None
    sheet: Sheet | None = reach.known["sheet"]
    return sheet


def _sheet(reach: p.Reach) -> Sheet | None:
    shape = reach.shape
    if reach.own or not isinstance(shape, p.ConnectionShape):
        return None
    match shape.entries:
        case (p.EdgesEntry(key=edges, entries=(p.NodeEntry(key=node, shape=rows),)),):
            pass
        case _:
            return None
    others = [entry for entry in rows.entries if not isinstance(entry, p.Value)]
    if not all(isinstance(entry, p.Link | p.Word | p.Denied) for entry in others):
        return None
    links: list[tuple[str, Sheet]] = []
    for entry in others:
        if isinstance(entry, p.Link):
            below = _sheet(entry.reach)
            if below is None:
                return None
            links.append((entry.key, below))
    return Sheet(
        reach=reach,
        edges=edges,
        node=node,
        layout=layout_of(reach, rows),
        links=tuple(links),
        words=tuple((entry.key, entry.text) for entry in others if isinstance(entry, p.Word)),
        denied=tuple((entry.key, entry.coordinate) for entry in others if isinstance(entry, p.Denied)),
    )


def _sheets(sheet: Sheet) -> Iterator[Sheet]:
    yield sheet
    for _, below in sheet.links:
        yield from _sheets(below)


def whole(stitch: Stitch, reach: p.Reach, page: Page, path: Path) -> list[dict[str, object]] | None:
    """The edges of the page, noted with ``stitch``; None, and nothing noted, where rows have to be looked at singly.

    ``path``: of the list of edges.
    """
    sheet = sheet_of(reach)
    filled = None if sheet is None else _filled(stitch, sheet, page.records, (len(page.records),))
    if sheet is None or filled is None:
        return None
    paths = [(*path, number, sheet.node) for number in range(len(page.records))]
    return [{sheet.node: row} for row in _rows(stitch, filled, paths)]


def _filled(stitch: Stitch, sheet: Sheet, records: Sequence[Record], sizes: Sequence[int]) -> Filled | None:
    """The rows of the sheet and of all below it; None if anything is to be said of one of them."""
    outcomes = {states: sheet.layout.outcome(states) for states in {record.states for record in records}}
    if any(outcome.closed or outcome.undecided for outcome in outcomes.values()):
        return None
    below: list[Filled] = []
    for _, link in sheet.links if records else ():
        known = stitch.below(link.reach)
        pages = [known[id(record)] for record in records]
        if any(page.error is not None or page.refusal is not None for page in pages):
            return None
        found = [page.records for page in pages]
        filled = _filled(stitch, link, [record for rows in found for record in rows], [*map(len, found)])
        if filled is None:
            return None
        below.append(filled)
    return Filled(sheet=sheet, records=records, sizes=sizes, outcomes=outcomes, below=below)


def _rows(stitch: Stitch, filled: Filled, paths: Sequence[Path]) -> list[dict[str, object]]:
    """The objects of all rows, noted."""
    sheet = filled.sheet
    keys, values = sheet.layout.keys, sheet.layout.values
    # INVARIANT 5: the plan's answer is the spec's answer: response order, keys and nulls as an executor has them.
    rows = [dict(zip(keys, values(record.values), strict=True)) for record in filled.records]
    if rows:
        _note(stitch, filled)
    for key, text in sheet.words:
        for row in rows:
            row[key] = text
    for key, coordinate in sheet.denied if rows else ():
        stitch.denied.setdefault(coordinate, []).extend((*path, key) for path in paths)
        for row in rows:
            row[key] = None
    for (key, _), below in zip(sheet.links, filled.below, strict=False):
        _deal(stitch, key, below, rows, paths)
    return rows


def _deal(stitch: Stitch, key: str, below: Filled, rows: Sequence[dict[str, object]], paths: Sequence[Path]) -> None:
    """Gives each row the connection of those below that are its own."""
    edges, node, at = below.sheet.edges, below.sheet.node, 0
    inner: list[Path] = []
    if any(sheet.denied for sheet in _sheets(below.sheet)):
        for path, size in zip(paths, below.sizes, strict=True):
            inner += [(*path, key, edges, number, node) for number in range(size)]
    found = [{node: row} for row in _rows(stitch, below, inner)]
    for row, size in zip(rows, below.sizes, strict=True):
        row[key] = {edges: found[at : at + size]}
        at += size


def _note(stitch: Stitch, filled: Filled) -> None:
    """What the rows release, and whom they are about."""
    reach, released, records = filled.sheet.reach, stitch.released, filled.records
    stitch.note(reach, records)
    for outcome in filled.outcomes.values():
        released.clear |= outcome.clear
        released.masked |= outcome.masked
    if any(outcome.bound for outcome in filled.outcomes.values()):
        slot, name, outcomes = reach.keys["_key"], reach.type_name, filled.outcomes
        released.bound += [
            (outcomes[record.states].bound, name, record.values[slot], record.values) for record in records
        ]
