"""Reach, arguments -> pages: the rows of a root, of a look-up, or below other rows, as far as they can be told.

A row whose conditions rest on another department is taken as undecided first; the facts are then asked for just those
rows' children (or, where nothing could be certain without them, for all at once), and the row is read again with
what was learnt. A value whose condition is undecided has not left its source.
What stays undecided is an error, never a guess.

Guarantee: for a row that does not exist for the caller the sources are asked what they are asked where there is no row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

from connectors.source import Fetch, SourceError
from hub.errors import RefusalError
from hub.files import Files
from hub.knowledge import NO_FILES, Knowledge
from hub.meeting import Ask, Learnt, Meeting, People
from hub.planner.arguments import Arguments, bind_values
from hub.planner.fetches import (
    Form,
    Mode,
    Needs,
    by_number,
    fetch_of,
    needs_of,
    nested_form,
    page_form,
    told_with,
    undecidable,
)
from hub.planner.formula import Fact, facts
from hub.planner.plan import Reach
from hub.registry import NOBODY, Registry, people_bindings
from hub.sources import Reading

CHUNK_LIMIT = 2_000
CHUNK_LEAST = 32
"""Rows read at least where some may turn out not to exist for the caller: fewer of these cost no further statement."""


class Record(NamedTuple):
    """A row of a reach: values by the reach's slots, a state a slot (None: all clear), whether it is sure to exist.

    ``values`` is the row as it came, its place in the order from ``ordered`` on: rows are many, nothing is copied.
    """

    values: Sequence[Any]
    states: str | None
    certain: bool
    ordered: int

    @property
    def place(self) -> tuple[str | None, ...]:
        """Its place in the order."""
        return tuple(self.values[self.ordered :])

    @property
    def undecided(self) -> bool:
        """Whether the row or one of its values rests on a fact that is not known."""
        return not self.certain or (self.states is not None and "u" in self.states)


class Page(NamedTuple):
    """Rows of one reach for one parent; ``error``: they could not be told; ``refusal``: they were asked for wrongly."""

    records: tuple[Record, ...] = ()
    more: bool = False
    error: SourceError | None = None
    refusal: RefusalError | None = None


NOTHING = Page()
"""No rows."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page goes on: order values and key of the row before it."""

    order: tuple[str | None, ...]
    key: str

    def bindings(self) -> dict[str, Any]:
        """The parameters of the place."""
        return {**{f"after{number}": value for number, value in enumerate(self.order)}, "afterKey": self.key}


@dataclass(frozen=True, slots=True)
class Below:
    """What rows hang on: their parents' reach (none: they are looked up themselves), and the files, if known."""

    parent: Reach | None
    files: Files | None

    @property
    def shown(self) -> bool:
        """Whether the files exist for the caller; of those that are looked up it is not known yet."""
        return self.parent is not None

    def told(self, reach: Reach, form: Form) -> bool:
        """Whether every row that may come exists for the caller, as its parent does: none is hidden among them."""
        return self.parent is not None and self.files is not None and told_with(self.parent, reach, form)


@dataclass(slots=True, kw_only=True)
class Execution:
    """One batch on its way through the sources."""

    reading: Reading
    registry: Registry
    years_ago: Any
    patience: float | None = None
    """Seconds that a count may take which goes through rows page by page."""
    knowledge: Knowledge = field(init=False)
    begun: dict[int, asyncio.Task[Files]] = field(default_factory=dict)
    """By the reach's id: files that are looked up, of which the first facts are asked."""
    plain: set[int] = field(default_factory=set)
    """Ids of reaches that were asked ahead, when nothing was known yet."""
    meeting: Meeting = field(default_factory=Meeting)
    hanging: dict[int, Any] = field(default_factory=dict)
    """By the number of the reach: ``Hanging`` rows (``hub/hanging.py``)."""

    def __post_init__(self) -> None:
        self.knowledge = Knowledge(registry=self.registry)

    async def page(self, reach: Reach, arguments: Arguments, after: Place | None) -> Page:
        """A page of a root connection."""
        try:
            with self.meeting.attended():
                return await self._page(reach, arguments, after)
        except SourceError as error:
            return Page(error=error)

    async def by_keys(self, reach: Reach, arguments: Arguments, keys: Sequence[str]) -> list[Page]:
        """For each key its row, if it exists for the caller."""
        try:
            wanted = sorted(set(keys))
            files = await self._begun(reach, arguments, wanted)
            records = await self._read(reach, arguments, "keys", None, {"keys": wanted}, Below(None, files))
        except SourceError as error:
            return [Page(error=error) for _ in keys]
        found = {record.values[reach.keys["_key"]]: self._cut(reach, (record,), 1) for record in records}
        return [found.get(key, NOTHING) for key in keys]

    def begin(self, reach: Reach, keys: Sequence[str], first: Collection[Fact]) -> asyncio.Task[Files]:
        """Looks files up by their keys, and begins to ask these facts of them, or of nobody."""

        async def begun() -> Files:
            files = await self.registry.files(keys) or NO_FILES
            self.registry.want(first, files)
            return files

        self.begun[id(reach)] = asyncio.create_task(begun())
        return self.begun[id(reach)]

    async def _begun(self, reach: Reach, arguments: Arguments, keys: Sequence[str]) -> Files | None:
        """The files of these keys, if facts of theirs are to be known before they are read."""
        first = needs_of(reach, arguments).first if reach.type_name == "Child" else None
        if not first:
            return None
        return await (self.begun.get(id(reach)) or self.begin(reach, keys, first))

    async def linked(
        self, reach: Reach, arguments: Arguments, parent: Reach, parents: Sequence[Record], after: Place | None
    ) -> list[Page]:
        """For each parent the page of rows that belong to it."""
        assert reach.join is not None
        try:
            if reach.join[0] == "~child":
                return await self._of_children(reach, arguments, parent, parents, after)
            slot = parent.keys[reach.join[0]]
            values = [record.values[slot] for record in parents]
            wanted = sorted({value for value in values if value is not None})
            below = Below(parent, self._files_of_parents(parent, parents))
            records = await self._read(reach, arguments, "column", after, {"parents": wanted}, below)
        except SourceError as error:
            return [Page(error=error) for _ in parents]
        groups: dict[Any, list[Record]] = {}
        own = reach.keys[reach.join[1]]
        for record in records:
            groups.setdefault(record.values[own], []).append(record)
        return [self._cut(reach, groups.get(value, ()), arguments.first) for value in values]

    async def _of_children(
        self, reach: Reach, arguments: Arguments, parent: Reach, parents: Sequence[Record], after: Place | None
    ) -> list[Page]:
        files = self._files_of_parents(parent, parents)
        assert files is not None
        persons = await self.registry.persons(reach.source, files.citizen, shown=True)
        bindings = people_bindings(files.citizen.values(), persons)
        records = await self._read(reach, arguments, "people", after, bindings, Below(parent, files))
        person, citizen = reach.keys["_person"], reach.keys["_citizen"]
        of_number = {number: register for register, number in files.citizen.items() if number is not None}
        groups: dict[str, list[Record]] = {}
        for record in records:
            by_number, by_link = of_number.get(record.values[citizen]), persons.get(record.values[person])
            if by_number is not None:
                groups.setdefault(by_number, []).append(record)
            if by_link is not None and by_link != by_number:
                groups.setdefault(by_link, []).append(record)
        slot = parent.keys["_register"]
        return [self._cut(reach, groups.get(record.values[slot], ()), arguments.first) for record in parents]

    def _files_of_parents(self, parent: Reach, parents: Sequence[Record]) -> Files | None:
        if parent.type_name != "Child":
            return None
        register, citizen = parent.keys["_register"], parent.keys["_citizen"]
        return Files(citizen={record.values[register]: record.values[citizen] for record in parents})

    async def _page(self, reach: Reach, arguments: Arguments, after: Place | None) -> Page:
        needs = needs_of(reach, arguments)
        asked = needs.primary | needs.ordering
        numbered = by_number(reach, arguments)
        known = await self.knowledge.anywhere(asked, reach.source, exact=needs.ordering, numbered=numbered)
        self.knowledge.require(needs.ordering, known)
        bindings = {key: value for found in known.values() for key, value in found.items()}
        bindings |= bind_values(arguments.values, self.years_ago)
        kept: list[Record] = []
        needed = 1 if reach.kind == "object" else arguments.first + 1
        form = page_form(reach, arguments, frozenset(known), after=after is not None)
        doubtful = undecidable(reach, form)
        limit, first = max(needed, CHUNK_LEAST) if doubtful else needed, True
        while True:
            form = replace(form, after=after is not None)
            place = after.bindings() if after else {}
            chunk = await self._fetch(reach, form, bindings | place | {"limit": limit})
            enough, missed = _enough(chunk, needed - len(kept))
            know = partial(self.meeting.know, self.knowledge.of_people)
            settled = await self._settle(reach, form, enough, bindings, know, doubtful and missed)
            kept.extend(settled)
            if len(kept) >= needed or len(chunk) < limit:
                return self._cut(reach, kept, arguments.first)
            last = chunk[-1]
            after = Place(last.place, last.values[reach.keys["_key"]])
            limit, first = _further(limit, needed, len(kept)) if first else min(limit * 4, CHUNK_LIMIT), False

    async def _read(
        self,
        reach: Reach,
        arguments: Arguments,
        mode: Mode,
        after: Place | None,
        joined: Mapping[str, Any],
        below: Below,
    ) -> list[Record]:
        """Rows of a nested reach or a look-up, settled."""
        form, bindings = await self.asking(reach, arguments, mode, after, joined, below)
        records = await self._fetch(reach, form, bindings)
        found = below.told(reach, form) if below.shown else len(records) >= len(joined["keys"])
        missed = undecidable(reach, form) and not found
        return await self._settle(reach, form, records, bindings, self._know(reach, below, joined, records), missed)

    async def asking(
        self,
        reach: Reach,
        arguments: Arguments,
        mode: Mode,
        after: Place | None,
        joined: Mapping[str, Any],
        below: Below,
    ) -> tuple[Form, dict[str, Any]]:
        """How rows of a nested reach or a look-up are asked for, once what is to be known first is known."""
        needs = needs_of(reach, arguments)
        known = await self._know_first(reach, needs, below)
        self.knowledge.require(needs.ordering, known)
        form = nested_form(mode, arguments, needs.remote - frozenset(known), after=after is not None)
        bindings = {**joined, **bind_values(arguments.values, self.years_ago), **(after.bindings() if after else {})}
        bindings |= {key: value for found in known.values() for key, value in found.items()}
        return form, bindings | {"limit": arguments.first + 1}

    async def _know_first(self, reach: Reach, needs: Needs, below: Below) -> Learnt:
        """What is known before rows are read: what orders them, what they always need, and what was asked anyway."""
        files, home, ordering = below.files, reach.source, needs.ordering
        if files is None:
            return await self.knowledge.anywhere(ordering, home, exact=ordering)
        first = {*needs.first, *(fact for fact in ordering if fact.via == "child")}
        for fact in () if id(reach) in self.plain else needs.remote - first:
            if fact.via == "child" and self.registry.knows(fact, files, shown=below.shown):
                first.add(fact)
        known = await self.knowledge.of_files(first, home, files, shown=below.shown) if first else {}
        of_rows = [fact for fact in ordering if fact.via != "child"]
        return {**known, **await self.knowledge.anywhere(of_rows, home, exact=ordering)}

    def _know(self, reach: Reach, below: Below, joined: Mapping[str, Any], records: Sequence[Record]) -> Ask:
        """How it is asked what undecided rows rest on."""
        knowledge, files, taken = self.knowledge, below.files, self.registry.named.citizen
        if files is None and (below.parent is not None or reach.type_name != "Child"):
            return knowledge.of_people
        if files is None:
            told = {record.values[reach.keys["_key"]] for record in records if not record.undecided}
            named = Files(citizen={key: taken.get(key) for key in joined["keys"] if key not in told})
            return lambda wanted, home, people: knowledge.of_named(wanted, home, people, named)
        if below.shown:
            return lambda wanted, home, people: knowledge.of_files(wanted, home, files, people, shown=True)

        def of_looked_up(wanted: frozenset[Fact], home: str, people: People) -> Awaitable[Learnt]:
            some = {person[0]: files.citizen[person[0]] for person in people if person[0] in files.citizen}
            return knowledge.of_files(wanted, home, Files(citizen=some) if some else NO_FILES, people)

        return of_looked_up

    async def _fetch(self, reach: Reach, form: Form, bindings: Mapping[str, Any]) -> list[Record]:
        fetch = fetch_of(reach, form)
        states, certain, place = places(reach, fetch)
        rows = await self.reading.fetch(fetch, bindings)
        if certain is None:
            return [Record(row, None if states is None else row[states], True, place) for row in rows]
        return [Record(row, None if states is None else row[states], bool(row[certain]), place) for row in rows]

    async def _settle(
        self,
        reach: Reach,
        read: Form,
        records: Sequence[Record],
        bindings: Mapping[str, Any],
        know: Ask,
        missed: bool,
    ) -> list[Record]:
        """Asks what the undecided rows rest on, reads them again, and drops those that turn out not to exist.

        ``missed``: a row may be there that does not exist for the caller. The sources must not be asked more
        for such a row than for none, so where no row is undecided they are asked the same about nobody.
        """
        undecided = [record for record in records if record.undecided]
        if not undecided and not missed:
            return list(records)
        learnt = await know(read.unknown, reach.source, self._people(reach, undecided))
        slot = reach.keys["_key"]
        form = replace(read, mode="keys", after=False, limited=False, unknown=read.unknown - frozenset(learnt))
        again = {key: value for found in learnt.values() for key, value in found.items()}
        keys = {"keys": sorted(record.values[slot] for record in undecided) or [NOBODY]}
        found = await self._fetch(reach, form, {**bindings, **again, **keys})
        settled = {record.values[slot]: record for record in found}
        return [
            final
            for record in records
            if (final := settled.get(record.values[slot]) if record.undecided else record) is not None
        ]

    def _people(self, reach: Reach, records: Sequence[Record]) -> list[tuple[Any, ...]]:
        names = ("_register", "_person", "_citizen", "_case")
        slots = [reach.keys.get(name) for name in names]
        people = [tuple(None if slot is None else record.values[slot] for slot in slots) for record in records]
        return people or [(NOBODY,) * len(names)]

    def _cut(self, reach: Reach, records: Sequence[Record], first: int) -> Page:
        """The first rows; if it cannot be told whether one of them exists, the page cannot be told."""
        # INVARIANT 6: an outage is never silence. An undecided row is neither in nor out: it is an error.
        if not records:
            return NOTHING
        for record in records[: first + 1]:
            if not record.certain:
                return Page(error=self.knowledge.failure(facts(reach.visible)))
        return Page(tuple(records[:first]), len(records) > first)


def places(reach: Reach, fetch: Fetch) -> tuple[int | None, int | None, int]:
    """Where in a row its states stand, whether it is sure to exist, and its order; found out once."""
    key = ("places", id(fetch))  # the reach holds the fetch, so no other has its id
    found: tuple[int | None, int | None, int] | None = reach.known.get(key)
    if found is None:
        slots = fetch.slots
        states = len(fetch.columns) if "~states" in slots else None
        certain = slots.index("~certain") if "~certain" in slots else None
        found = reach.known[key] = states, certain, len(slots) - len(fetch.order)
    return found


def _further(read: int, needed: int, kept: int) -> int:
    """Rows to read after the first: half more than it takes if as many of them exist, at most four times as many."""
    wanted = (needed - kept) * read * 3 // (kept * 2) + 1 if kept else CHUNK_LIMIT
    return min(max(wanted, CHUNK_LEAST), read * 4, CHUNK_LIMIT)


def _enough(records: Sequence[Record], needed: int) -> tuple[Sequence[Record], bool]:
    """The rows up to the last that is needed, as far as they are sure to exist; whether there are fewer of these."""
    for number, record in enumerate(records):
        needed -= record.certain
        if needed <= 0:
            return records[: number + 1], False
    return records, True
