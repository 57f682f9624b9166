"""Plan, pages -> one call's data in response order, its errors, and what it released.

A value that is not clear is null with an error: one for each coordinate and reason, with the rows and paths that it
concerns. Nothing is decided here: the state of every value came with it from its source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from connectors.source import SourceError
from hub.batch import Asked, Found, compared_key, cursor_query, state
from hub.committed import COMMITTED
from hub.entitlements import Entitlements
from hub.errors import HubError, OutageError, RefusalError
from hub.executor import Page, Record
from hub.layout import Layout, Nodes, Outcome, layout_of
from hub.planner import plan as p
from hub.planner.formula import facts
from hub.planner.relations import HOME
from hub.released import Released
from hub.seal import Seal
from hub.whole import whole

Path: TypeAlias = tuple[str | int, ...]
FEW = 4
"""Rows of a page that are laid out one by one: of so few, what ``hub/whole.py`` has ready costs more than it saves."""


@dataclass(slots=True, kw_only=True)
class Stitch:
    """One call's answer in the making."""

    found: Found
    asked: Asked
    seal: Seal
    purpose: str
    entitlements: Entitlements
    unknown: Mapping[Any, SourceError]
    down: Mapping[str, SourceError]
    released: Released = field(default_factory=Released)
    own: Released = field(default_factory=Released)
    """What is released of rows that exist for the caller as its own reports alone."""
    closed: dict[str, list[Path]] = field(default_factory=dict)
    denied: dict[str, list[Path]] = field(default_factory=dict)
    undecided: dict[tuple[str, str], list[Path]] = field(default_factory=dict)
    errors: list[HubError] = field(default_factory=list)
    pages: dict[int, Mapping[int, Page]] = field(default_factory=dict)
    told: set[Outcome] = field(default_factory=set)
    """Outcomes whose coordinates are among the released already."""

    def into(self, reach: p.Reach, record: Record) -> Released:
        """Where it is noted what is released of the row."""
        if reach.own and (reach.beyond is None or state(record, reach.beyond) != "c"):
            return self.own
        return self.released

    def root(self, reach: p.Reach, page: Page, path: Path) -> Any:
        """The value of a root field."""
        return self._reached(reach, page, path, None)

    def deny(self, coordinate: str, path: Path) -> None:
        """A root field that no grant opens."""
        self.denied.setdefault(coordinate, []).append(path)

    def all_errors(self) -> list[HubError]:
        """Every error of the answer, one for each coordinate and reason."""
        outages = [self._outage(source, coordinate, paths) for (coordinate, source), paths in self.undecided.items()]
        closed = [self._closed(coordinate, paths) for coordinate, paths in self.closed.items()]
        return [*self.errors, *closed, *outages]

    def _reached(self, reach: p.Reach, page: Page, path: Path, parent: str | None) -> Any:
        if page.error is not None:
            self.undecided.setdefault((f"{reach.type_name}", page.error.source), []).append(path)
            return None
        if page.refusal is not None:
            self.errors.append(RefusalError("INVALID_INPUT", page.refusal.message, path=path, **page.refusal.facts))
            return None
        if isinstance(reach.shape, p.ObjectShape):
            if not page.records:
                return None
            return self._row(layout_of(reach, reach.shape), page.records[0], path)
        return self._connection(reach, reach.shape, page, path, parent)

    def _connection(
        self, reach: p.Reach, shape: p.ConnectionShape, page: Page, path: Path, parent: str | None
    ) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        for entry in shape.entries:
            match entry:
                case p.EdgesEntry():
                    answer[entry.key] = self._edges(reach, entry, page, (*path, entry.key), parent)
                case p.PageInfoEntry():
                    answer[entry.key] = self._page_info(reach, entry, page, self._cursors(reach, page, parent))
                case p.Word():
                    answer[entry.key] = entry.text
        return answer

    def _edges(
        self, reach: p.Reach, entry: p.EdgesEntry, page: Page, path: Path, parent: str | None
    ) -> list[dict[str, Any]]:
        records = page.records
        if not records:
            return []
        if len(records) > FEW and (found := whole(self, reach, page, path)) is not None:
            return found
        if len(entry.entries) == 1 and isinstance(node := entry.entries[0], p.NodeEntry):
            return self._rows(layout_of(reach, node.shape), node.key, records, path)
        cursors = self._cursors(reach, page, parent)
        return [
            self._edge(reach, entry, record, cursors, number, (*path, number)) for number, record in enumerate(records)
        ]

    def _edge(
        self, reach: p.Reach, entry: p.EdgesEntry, record: Record, cursors: Cursors, number: int, path: Path
    ) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        for inner in entry.entries:
            match inner:
                case p.NodeEntry():
                    answer[inner.key] = self._row(layout_of(reach, inner.shape), record, (*path, inner.key))
                case p.Cursor():
                    answer[inner.key] = cursors.at(number)
                case p.Word():
                    answer[inner.key] = inner.text
        return answer

    def _page_info(self, reach: p.Reach, entry: p.PageInfoEntry, page: Page, cursors: Cursors) -> dict[str, Any]:
        last = len(page.records) - 1
        facts_of: dict[str, Callable[[], Any]] = {
            "hasNextPage": lambda: page.more,
            "hasPreviousPage": lambda: self.asked[reach.number].after is not None,
            "startCursor": lambda: cursors.at(0) if page.records else None,
            "endCursor": lambda: cursors.at(last) if page.records else None,
            "__typename": lambda: "PageInfo",
        }
        return {key: facts_of[name]() for key, name in entry.fields}

    def _cursors(self, reach: p.Reach, page: Page, parent: str | None) -> Cursors:
        query = cursor_query(self.purpose, reach, self.asked[reach.number], parent)
        return Cursors(seal=self.seal, query=query, page=page, slot=reach.keys["_key"])

    def _rows(self, layout: Layout, key: str, records: Sequence[Record], path: Path) -> list[dict[str, Any]]:
        row = self._row
        return [{key: row(layout, record, (*path, number, key))} for number, record in enumerate(records)]

    def _row(self, layout: Layout, record: Record, path: Path) -> dict[str, Any]:
        # INVARIANT 5: the plan's answer is the spec's answer: response order, keys and nulls as an executor has them.
        values = record.values
        answer = dict(zip(layout.keys, layout.values(values), strict=True))
        released = self.into(layout.reach, record) if layout.own else self.released
        _note(released, layout, values)
        outcome = layout.outcomes.get(record.states) or layout.outcome(record.states)
        if outcome not in self.told:
            self.told.add(outcome)
            released.clear |= outcome.clear
            released.masked |= outcome.masked
        if outcome.bound:
            released.bound.append((outcome.bound, layout.type_name, values[layout.key], values))
        if outcome.withheld:
            self._withhold(layout.reach, outcome, released, answer, path)
        for entry, nodes in layout.nodes:
            if nodes is None:
                answer[entry.key] = self._entry(layout.reach, entry, record, (*path, entry.key))
            else:
                answer[entry.key] = self._nodes(nodes, layout, record, (*path, entry.key))
        return answer

    def _nodes(self, nodes: Nodes, above: Layout, record: Record, path: Path) -> Any:
        """A connection of which nothing but its nodes is asked."""
        page = (self.pages.get(nodes.number) or self.below(nodes.reach))[id(record)]
        records = page.records
        if len(records) > FEW or page.error is not None or page.refusal is not None:
            return self._reached(nodes.reach, page, path, record.values[above.key])
        if not records:
            return {nodes.edges: []}
        return {nodes.edges: self._rows(nodes.layout, nodes.node, records, (*path, nodes.edges))}

    def _withhold(
        self, reach: p.Reach, outcome: Outcome, released: Released, answer: dict[str, Any], path: Path
    ) -> None:
        """Says why some of a row's plain values are null."""
        if outcome.closed:
            released.filtered = True
            for key, coordinate in outcome.closed:
                answer[key] = None
                self.closed.setdefault(coordinate, []).append((*path, key))
        for key, coordinate, slot in outcome.undecided:
            answer[key] = None
            self._undecided(reach, coordinate, slot, (*path, key))

    def _entry(self, reach: p.Reach, entry: p.Entry, record: Record, path: Path) -> Any:
        answer: Any = None
        match entry:
            case p.Link():
                page = self.below(entry.reach)[id(record)]
                answer = self._reached(entry.reach, page, path, record.values[reach.keys["_key"]])
            case p.Word():
                answer = entry.text
            case p.Identifier():
                answer = self._identifier(reach, record)
            case p.Denied():
                self.denied.setdefault(entry.coordinate, []).append(path)
            case p.Flags():
                answer = self._flags(reach, entry, record, path)
            case p.Part():
                answer = self._part(reach, entry, record, path)
            case p.Compared():
                answer = self._compared(reach, entry, record, path)
        return answer

    def below(self, reach: p.Reach) -> Mapping[int, Page]:
        """The pages of a link, by row."""
        found = self.pages.get(reach.number)
        if found is None:
            found = self.pages[reach.number] = self.found.links[(reach.number, self.asked[reach.number])]
        return found

    def _value(self, reach: p.Reach, coordinate: str, record: Record, slot: int, value: Any, path: Path) -> Any:
        match state(record, slot):
            case "c":
                self.into(reach, record).clear.add(coordinate)
                if coordinate in COMMITTED:
                    self._bind(reach, coordinate, record, value)
                return value
            case "m":
                self.into(reach, record).masked.add(coordinate)
                if coordinate in COMMITTED:
                    self._bind(reach, coordinate, record, value)
                return value
            case "u":
                self._undecided(reach, coordinate, slot, path)
                return None
            case _:
                self.closed.setdefault(coordinate, []).append(path)
                self.into(reach, record).filtered = True
                return None

    def _bind(self, reach: p.Reach, coordinate: str, record: Record, value: Any) -> None:
        self.into(reach, record).values.append((coordinate, reach.type_name, record.values[reach.keys["_key"]], value))

    def _undecided(self, reach: p.Reach, coordinate: str, slot: int, path: Path) -> None:
        wanted = reach.columns[slot]
        blamed = [
            self.unknown[fact].source for fact in facts(wanted.clear) | facts(wanted.masked) if fact in self.unknown
        ]
        source = min(blamed or self.down or ["hub"])
        self.undecided.setdefault((coordinate, source), []).append(path)

    def _identifier(self, reach: p.Reach, record: Record) -> str:
        self.into(reach, record).clear.add(f"{reach.type_name}.id")
        key = record.values[reach.keys["_key"]]
        if reach.type_name == "Child":
            return self.seal.identify("Child", key, record.values[reach.keys["_citizen"]])
        return self.seal.identify(reach.type_name, key)

    def _flags(self, reach: p.Reach, entry: p.Flags, record: Record, path: Path) -> Any:
        raised: list[str] = []
        for flag, slots in entry.flags:
            states = {state(record, slot) for slot in slots}
            if "c" in states:
                raised.append(flag)
            elif "u" in states:
                self._undecided(reach, entry.coordinate, next(s for s in slots if state(record, s) == "u"), path)
                return None
        return self._value(reach, entry.coordinate, record, entry.slot, raised, path)

    def _part(self, reach: p.Reach, entry: p.Part, record: Record, path: Path) -> Any:
        value = None
        if state(record, entry.slot) == "c":
            case = record.values[reach.keys["_case"]]
            for source, column in entry.parts:
                if source in self.found.failed_parts:
                    self.undecided.setdefault((entry.coordinate, source), []).append(path)
                    return None
                value = self.found.parts.get((source, case), {}).get(column)
                if value is not None:
                    if source != reach.source:
                        self.into(reach, record).parts.add((source, f"{reach.type_name} {case}"))
                    break
        return self._value(reach, entry.coordinate, record, entry.slot, value, path)

    def _compared(self, reach: p.Reach, entry: p.Compared, record: Record, path: Path) -> Any:
        held: list[dict[str, Any]] = []
        told: dict[str, str | None] = {}
        for coordinate in (record.values[entry.compared] or ()) if state(record, entry.slot) == "c" else ():
            type_name = coordinate.partition(".")[0]
            if type_name in self.found.failed_types:
                self.undecided.setdefault((entry.coordinate, HOME[type_name]), []).append(path)
                return None
            key = compared_key(entry, record, coordinate)
            value = None if key is None else self.found.compared.get((coordinate, key))
            if value is not None:
                self.into(reach, record).parts.add((HOME[type_name], f"{type_name} {key}"))
            told[coordinate] = as_text(value)
            shown = {"source": HOME[type_name], "value": told[coordinate], "__typename": "SourceValue"}
            held.append({response_key: shown[name] for response_key, name in entry.fields})
        if any(name == "value" for _, name in entry.fields):
            # How sure the hub is of a candidate is no coordinate: it stands in the entry as `sourceValues` does.
            self.into(reach, record).clear.update(name for name in told if "._" not in name)
            for coordinate in COMMITTED & told.keys():
                self._bind(reach, coordinate, record, told[coordinate])
        return self._value(reach, entry.coordinate, record, entry.slot, held, path)

    def note(self, reach: p.Reach, records: Sequence[Record]) -> None:
        """Whom many rows are about, none of them an own report: for the entry of the log."""
        keys, name, released = reach.keys, reach.type_name, self.released
        of, register, citizen = keys["_key"], keys.get("_register"), keys.get("_citizen")
        released.records.update([(name, record.values[of]) for record in records])
        if register is not None:
            released.registers.update([record.values[register] for record in records])
            released.registers.discard(None)
        if citizen is not None:
            released.citizens.update([record.values[citizen] for record in records])
            released.citizens.discard(None)

    def _closed(self, coordinate: str, paths: list[Path]) -> HubError:
        error = self.entitlements.refusal(coordinate, None)
        facts_of = {**error.facts, "rows": len(paths), "paths": [list(path) for path in paths]}
        facts_of["reason"] = "row_scope"
        facts_of.pop("wanted", None)
        message = f"`{coordinate}` is closed to `{self.entitlements.unit}` in some of these rows"
        return RefusalError("NOT_ENTITLED", message, path=paths[0], **facts_of)

    def _outage(self, source: str, coordinate: str, paths: list[Path]) -> HubError:
        reason = self.down[source].reason if source in self.down else "unreachable"
        return OutageError(
            "SOURCE_UNAVAILABLE",
            f"`{coordinate}` cannot be told: source `{source}` does not answer ({reason})",
            path=paths[0],
            source=source,
            reason=reason,
            coordinate=coordinate,
            rows=len(paths),
            paths=[list(path) for path in paths],
        )


def _note(released: Released, layout: Layout, values: Sequence[Any]) -> None:
    """Whom a row is about: for the entry of the log."""
    released.records.add((layout.type_name, values[layout.key]))
    if layout.register is not None and (register := values[layout.register]) is not None:
        released.registers.add(register)
    if layout.citizen is not None and (citizen := values[layout.citizen]) is not None:
        released.citizens.add(citizen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursors:
    """The cursors of a page's rows, made when asked for."""

    seal: Seal
    query: bytes
    page: Page
    slot: int

    def at(self, number: int) -> str:
        """The cursor of a row."""
        record = self.page.records[number]
        return self.seal.cursor(self.query, record.place, record.values[self.slot])


def as_text(value: Any) -> str | None:
    """A compared value as text: a list with commas, a boolean in lower case."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value)
