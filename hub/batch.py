"""Plan, calls -> Found: what the sources hold for a batch of requests of one plan and principal.

Root pages are read once for calls that ask alike; below them every link is read once for all parents of the batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from connectors.source import Column, Compare, Fetch, Param, SourceError
from hub.errors import RefusalError
from hub.executor import Execution, Page, Place, Record
from hub.hanging import AtHand
from hub.planner.arguments import Arguments
from hub.planner.plan import Compared, ConnectionShape, EdgesEntry, Link, NodeEntry, ObjectShape, Part, Reach
from hub.planner.relations import HOME
from hub.seal import Seal

Asked = Mapping[int, Arguments]
"""A call's arguments, by the number of the reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What one call wants of one root: a page (``after`` already opened), or the row with ``key``."""

    reach: Reach
    asked: Asked
    after: Place | None = None
    key: str | None = None
    number: str | None = None
    """The citizen id that stands in the id by which a file is looked up."""


@dataclass(slots=True, kw_only=True)
class Found:
    """Pages below each row: (reach, arguments) -> row -> page; parts of rows: (source, case) -> values, or failure."""

    links: dict[tuple[int, Arguments], dict[int, Page]] = field(default_factory=dict)
    parts: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    failed_parts: dict[str, SourceError] = field(default_factory=dict)
    compared: dict[tuple[str, str], Any] = field(default_factory=dict)
    failed_types: dict[str, SourceError] = field(default_factory=dict)


class Group(NamedTuple):
    """A link, whose rows are wanted for these parents (by their ids), all by the same arguments; for which calls."""

    parent: Reach
    reach: Reach
    arguments: Arguments
    rows: dict[int, Record]
    calls: list[Asked]


@dataclass(slots=True, kw_only=True)
class Batch:
    """One batch on its way."""

    execution: Execution
    seal: Seal
    purpose: str
    found: Found = field(default_factory=Found)

    async def roots(self, wishes: Sequence[Wish], *beside: Awaitable[Any]) -> list[Page]:
        """The page of each wish, with everything below it; ``beside`` is done together with the look-ups."""
        lookups: dict[int, list[int]] = {}
        pages: dict[Any, list[int]] = {}
        for position, wish in enumerate(wishes):
            if wish.key is not None:
                lookups.setdefault(wish.reach.number, []).append(position)
            else:
                pages.setdefault((wish.reach.number, wish.asked[wish.reach.number], wish.after), []).append(position)
        answers: list[Page] = [Page()] * len(wishes)

        async def look_up(positions: list[int]) -> None:
            first = wishes[positions[0]]
            keys = [str(wishes[position].key) for position in positions]
            rows = await self.execution.by_keys(first.reach, first.asked[first.reach.number], keys)
            for position, page in zip(positions, rows, strict=True):
                answers[position] = page

        async def read_page(positions: list[int]) -> None:
            first = wishes[positions[0]]
            page = await self.execution.page(first.reach, first.asked[first.reach.number], first.after)
            for position in positions:
                answers[position] = page

        await all_of(*map(look_up, lookups.values()), *map(read_page, pages.values()), *beside)
        await self.below([(wish.reach, wish.asked, page) for wish, page in zip(wishes, answers, strict=True)])
        return answers

    async def below(self, reached: Sequence[tuple[Reach, Asked, Page]]) -> None:
        """Reads what hangs on the rows: links, parts in other sources, compared values."""
        distinct = {(reach.number, id(asked), id(page)): (reach, asked, page) for reach, asked, page in reached}
        groups: dict[tuple[int, Arguments], Group] = {}
        records: dict[int, tuple[Reach, dict[int, Record]]] = {}
        for reach, asked, page in distinct.values():
            # Calls that ask alike hold the very same page and arguments.
            rows = {id(record): record for record in page.records}
            if not rows:
                continue
            records.setdefault(reach.number, (reach, {}))[1].update(rows)
            for link in links_of(reach):
                arguments = asked[link.reach.number]
                group = groups.get((link.reach.number, arguments))
                if group is None:
                    group = groups[link.reach.number, arguments] = Group(reach, link.reach, arguments, {}, [])
                group.rows.update(rows)
                group.calls.append(asked)
        further = [
            *(self._link(group) for group in self._not_at_hand(groups.values())),
            *(self._parts(reach, rows.values()) for reach, rows in records.values() if has(reach, Part)),
            *(self._compared(reach, rows.values()) for reach, rows in records.values() if has(reach, Compared)),
        ]
        if further:
            await all_of(*further)

    def _not_at_hand(self, groups: Iterable[Group]) -> Iterator[Group]:
        """Links whose pages must be asked for; those that are there already, with nothing below them, are found."""
        if not self.execution.hanging:
            yield from groups
            return
        above: dict[tuple[int, ...], AtHand] = {}
        for group in groups:
            parents = tuple(group.rows)
            at_hand = above.get(parents)
            if at_hand is None:
                at_hand = above[parents] = AtHand.of(self.execution, group.parent, list(group.rows.values()))
            pages = at_hand.pages(group.reach, group.arguments) if ends(group.reach) else None
            if pages is None:
                yield group
            else:
                self._keep(group, pages)

    def _keep(self, group: Group, pages: Sequence[Page]) -> None:
        found = self.found.links.setdefault((group.reach.number, group.arguments), {})
        found.update(zip(group.rows, pages, strict=True))

    async def _link(self, group: Group) -> None:
        parent, reach, arguments, parents = group.parent, group.reach, group.arguments, list(group.rows.values())
        if not parents:
            return
        if arguments.after is None:
            pages = await self.execution.linked(reach, arguments, parent, parents, None)
        else:
            pages = [await self._go_on(reach, arguments, parent, record) for record in parents]
        self._keep(group, pages)
        if ends(reach):
            return
        below = [page for page in pages if page.records]
        distinct = {id(asked): asked for asked in group.calls}
        await self.below([(reach, asked, page) for asked in distinct.values() for page in below])

    async def _go_on(self, reach: Reach, arguments: Arguments, parent: Reach, record: Record) -> Page:
        """A nested page after a cursor: the cursor is of one parent; for another it is no cursor of this query."""
        query = cursor_query(self.purpose, reach, arguments, record.values[parent.keys["_key"]])
        try:
            order, key = self.seal.place(str(arguments.after), query)
        except RefusalError as error:
            return Page(refusal=error)
        [page] = await self.execution.linked(reach, arguments, parent, [record], Place(order, key))
        return page

    async def _parts(self, reach: Reach, rows: Iterable[Record]) -> None:
        wanted: dict[str, dict[str, None]] = {}
        cases: set[str] = set()
        for entry in entries_of(reach):
            if isinstance(entry, Part):
                for source, column in entry.parts:
                    wanted.setdefault(source, {})[column] = None
                cases |= {row.values[entry.slot] for row in rows if state(row, entry.slot) == "c"}
        if cases:
            await all_of(*(self._part(source, tuple(columns), cases) for source, columns in wanted.items()))

    async def _part(self, source: str, columns: tuple[str, ...], cases: set[str]) -> None:
        fetch = Fetch(
            source=source,
            relation="CriminalCase",
            columns=tuple(Column(name=name) for name in ("_case", *columns)),
            where=Compare("_case", "in", Param("cases")),
        )
        try:
            rows = await self.execution.reading.fetch(fetch, {"cases": sorted(cases)})
        except SourceError as error:
            self.found.failed_parts[source] = error
            return
        for row in rows:
            # Several layouts of one document may ask for different columns of one case.
            self.found.parts.setdefault((source, row[0]), {}).update(zip(columns, row[1:], strict=True))

    async def _compared(self, reach: Reach, rows: Iterable[Record]) -> None:
        wanted: dict[str, set[str]] = {}
        for entry in entries_of(reach):
            if isinstance(entry, Compared):
                for row in rows:
                    if state(row, entry.slot) == "c":
                        for coordinate in row.values[entry.compared] or ():
                            key = compared_key(entry, row, coordinate)
                            if key is not None:
                                wanted.setdefault(coordinate, set()).add(key)
        await all_of(*(self._compared_values(coordinate, keys) for coordinate, keys in wanted.items()))

    async def _compared_values(self, coordinate: str, keys: set[str]) -> None:
        type_name, _, column = coordinate.partition(".")
        join = {"civil_affairs": "_register", "hub": "_key"}.get(HOME[type_name], "_person")
        fetch = Fetch(
            source=HOME[type_name],
            relation=type_name,
            columns=(Column(name=join), Column(name=column)),
            where=Compare(join, "in", Param("compared")),
        )
        try:
            rows = await self.execution.reading.fetch(fetch, {"compared": sorted(keys)})
        except SourceError as error:
            self.found.failed_types[type_name] = error
            return
        for row in rows:
            self.found.compared.setdefault((coordinate, row[0]), row[1])


def state(record: Record, slot: int) -> str:
    """``c`` clear, ``m`` masked, ``u`` undecided, ``x`` closed."""
    return "c" if record.states is None else record.states[slot]


def compared_key(entry: Compared, record: Record, coordinate: str) -> str | None:
    """The key of the item by which the coordinate's source finds the row."""
    register, education, police, own = (record.values[slot] for slot in entry.item)
    keys = {"civil_affairs": register, "education": education, "public_security": police, "hub": own}
    key: str | None = keys.get(HOME[coordinate.partition(".")[0]])
    return key


def cursor_query(purpose: str, reach: Reach, arguments: Arguments, parent: str | None) -> bytes:
    """What a cursor is bound to beside its principal."""
    return repr((purpose, reach.type_name, reach.node.name.value, arguments.query, parent)).encode()


def entries_of(reach: Reach) -> Iterator[Any]:
    """Entries of every layout of the reach's rows (edges may stand more than once)."""
    shape = reach.shape
    if isinstance(shape, ObjectShape):
        yield from shape.entries
        return
    assert isinstance(shape, ConnectionShape)
    for entry in shape.entries:
        if isinstance(entry, EdgesEntry):
            for inner in entry.entries:
                if isinstance(inner, NodeEntry):
                    yield from inner.shape.entries


def links_of(reach: Reach) -> Sequence[Link]:
    """Links of the reach; gathered once."""
    found: Sequence[Link] | None = reach.known.get("links")
    if found is None:
        found = reach.known["links"] = tuple(entry for entry in entries_of(reach) if isinstance(entry, Link))
    return found


def has(reach: Reach, kind: type[Part | Compared]) -> bool:
    """Whether some layout of the reach has such an entry; found out once."""
    if kind not in reach.known:
        reach.known[kind] = any(isinstance(entry, kind) for entry in entries_of(reach))
    return bool(reach.known[kind])


def ends(reach: Reach) -> bool:
    """Whether nothing hangs on the reach's rows; found out once."""
    if "ends" not in reach.known:
        reach.known["ends"] = not (links_of(reach) or has(reach, Part) or has(reach, Compared))
    return bool(reach.known["ends"])


def reaches_of(reach: Reach) -> Iterator[Reach]:
    """The reach and every reach below it."""
    yield reach
    for link in links_of(reach):
        yield from reaches_of(link.reach)


async def all_of(*calls: Any) -> None:
    """Awaits all at once; the first failure is raised once all have ended."""
    begun = [call for call in calls if isinstance(call, asyncio.Future)]
    others = [call for call in calls if not isinstance(call, asyncio.Future)]
    if len(others) > 1:
        # One that is awaited here needs no task of its own; what is under way goes on beside it.
        begun, others = [*map(asyncio.ensure_future, others), *begun], []
    failed: Exception | None = None
    try:
        for call in (*others, *begun):
            try:
                await call
            except Exception as error:
                failed = failed or error
    except BaseException:
        for call in begun:
            call.cancel()
        raise
    if failed is not None:
        raise failed
