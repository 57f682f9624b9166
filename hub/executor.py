"""Plan, requests -> Found: every reach's rows, all sources at once, statements shared by the requests of a batch.

A row whose conditions rest on another department is taken as undecided first; the facts are then asked for just those
rows' children (or, where nothing could be certain without them, for all at once), and the row is read again with
what was learnt. A value whose condition is undecided has not left its source.
What stays undecided is an error, never a guess.

Guarantee: for a row that does not exist for the caller the sources are asked what they are asked where there is no row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

from connectors.source import Fetch, SourceError
from hub.anywhere import Home, held_anywhere
from hub.errors import RefusalError
from hub.meeting import Ask, Meeting
from hub.planner.arguments import Arguments, bind_values
from hub.planner.fetches import (
    Form,
    Mode,
    Needs,
    by_number,
    exists_with,
    fetch_of,
    needs_of,
    nested_form,
    page_form,
    undecidable,
)
from hub.planner.formula import Fact, facts
from hub.planner.plan import Reach
from hub.registry import Files, Person, Registry, gather_by, people_bindings
from hub.sources import Reading

CHUNK_LIMIT = 2_000
CHUNK_LEAST = 32
"""Rows read at least where some may turn out not to exist for the caller: fewer of these cost no further statement."""
NOBODY = "-"
"""A key that no row has: in place of an undecided row where there is none."""


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
    """What the rows of a nested reach hang on: the parents' reach, and their files where they are files."""

    parent: Reach
    files: Files | None

    def holds(self, reach: Reach, arguments: Arguments) -> bool:
        """Whether every row below exists for the caller, as its parent does."""
        return self.files is not None and exists_with(self.parent, reach, arguments)


@dataclass(slots=True, kw_only=True)
class Execution:
    """One batch on its way through the sources."""

    reading: Reading
    registry: Registry
    years_ago: Any
    unknown_sources: dict[Fact, SourceError] = field(default_factory=dict)
    meeting: Meeting = field(default_factory=Meeting)

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
            records = await self._read(reach, arguments, "keys", None, {"keys": sorted(set(keys))})
        except SourceError as error:
            return [Page(error=error) for _ in keys]
        found = {record.values[reach.keys["_key"]]: self._cut(reach, (record,), 1) for record in records}
        return [found.get(key, NOTHING) for key in keys]

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
        known = await self.know_all(asked, reach.source, exact=needs.ordering, numbered=by_number(reach, arguments))
        self._require(needs.ordering, known)
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
            know = partial(self.meeting.know, self._know)
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
        below: Below | None = None,
    ) -> list[Record]:
        """Rows of a nested reach or a look-up, settled."""
        files = below.files if below else None
        needs = needs_of(reach, arguments)
        bindings = {**joined, **bind_values(arguments.values, self.years_ago), **(after.bindings() if after else {})}
        known = await self._know_first(reach, needs, files)
        self._require(needs.ordering, known)
        bindings |= {key: value for found in known.values() for key, value in found.items()}
        unknown = needs.remote - frozenset(known)
        form = nested_form(mode, arguments, unknown, after=after is not None)
        records = await self._fetch(reach, form, bindings | {"limit": arguments.first + 1})
        found = below.holds(reach, arguments) if below else len(records) >= len(joined["keys"])
        missed = undecidable(reach, form) and not found
        know = partial(self._know, files=files)
        return await self._settle(reach, form, records, bindings, know, missed)

    async def _know_first(self, reach: Reach, needs: Needs, files: Files | None) -> dict[Fact, Mapping[str, Any]]:
        """What must be known before rows below others are read: what orders them, and what none could do without."""
        ordering = needs.ordering
        if files is None:
            return await self.know_all(ordering, reach.source, exact=ordering)
        first = needs.primary | ordering
        if not first:
            return {}
        known = await self._know([fact for fact in first if fact.via == "child"], reach.source, [], files)
        of_rows = [fact for fact in ordering if fact.via != "child"]
        return {**known, **await self.know_all(of_rows, reach.source, exact=ordering)}

    async def _fetch(self, reach: Reach, form: Form, bindings: Mapping[str, Any]) -> list[Record]:
        fetch = fetch_of(reach, form)
        states, certain, place = _places(reach, fetch)
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

        ``missed``: there is room for a row that does not exist for the caller. It must not be told from none by what is
        asked of whom, so where none is undecided all is asked of nobody.
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

    def failure(self, unknown: Collection[Fact]) -> SourceError:
        """The failure that leaves rows or values undecided: of these facts' sources, or of any that failed."""
        for fact in sorted(unknown, key=lambda fact: fact.name):
            if fact in self.unknown_sources:
                return self.unknown_sources[fact]
        return next(iter(self.reading.down.values()), SourceError("hub", "rejected"))

    def _require(self, ordering: frozenset[Fact], known: Collection[Fact]) -> None:
        """Without what orders them rows stand in no order, and a page of them would be a guess."""
        lacking = ordering - frozenset(known)
        if lacking:
            raise self.failure(lacking)

    def _people(self, reach: Reach, records: Sequence[Record]) -> list[tuple[Any, ...]]:
        names = ("_register", "_person", "_citizen", "_case")
        slots = [reach.keys.get(name) for name in names]
        people = [tuple(None if slot is None else record.values[slot] for slot in slots) for record in records]
        return people or [(NOBODY,) * len(names)]

    async def know_all(
        self, wanted: Collection[Fact], home: str, *, exact: frozenset[Fact], numbered: bool = False
    ) -> dict[Fact, Mapping[str, Any]]:
        """Facts asked over all children; those that hold for too many stay unknown (unless an order rests on them).

        ``numbered``: ``home`` looks at register files, and knows them by the numbers of people.
        """
        home_of = Home(name=home, by_number=numbered)
        return self._learnt(await held_anywhere(self.registry, wanted, home_of, exact)) if wanted else {}

    async def know_of(
        self, wanted: Collection[Fact], home: str, people: Sequence[tuple[Any, ...]], files: Files | None = None
    ) -> dict[Fact, Mapping[str, Any]]:
        """Facts asked for the people of these rows; without any, of nobody, so that nothing tells the two apart.

        ``files``: what is known of the rows' files already.
        """
        return await self._know(wanted, home, people or [(NOBODY,) * 4], files)

    async def _know(
        self, wanted: Collection[Fact], home: str, people: Sequence[tuple[Any, ...]], files: Files | None = None
    ) -> dict[Fact, Mapping[str, Any]]:
        """Facts asked for these rows' children (or for these files), as parameters that ``home`` understands."""
        shown = files is not None  # they are the parents', which exist for the caller
        of_child = [fact for fact in wanted if fact.via == "child"]
        if files is None and of_child:
            try:
                files = await self._files(home, people) or Files(citizen={NOBODY: NOBODY})
            except SourceError as error:
                self.unknown_sources |= dict.fromkeys(of_child, error)
                wanted = [fact for fact in wanted if fact.via != "child"]

        if files is not None:
            self.registry.want((fact for fact in wanted if fact.via == "child"), files, shown=shown)

        async def ask(fact: Fact) -> Mapping[str, Any]:
            if fact.via != "child":
                position = {"person": 1, "case": 3}[fact.via]
                asked = {person[position] for person in people if person[position] is not None}
                keys = await self.registry.keys_holding(fact, asked)
                return {f"{fact.name}.{fact.via}": sorted(keys or ())}
            assert files is not None
            registers = await self.registry.holding(fact, files, shown=shown)
            return await self.registry.membership(fact, registers, home, files, shown=shown)

        return self._learnt(await gather_by(wanted, ask))

    async def _files(self, home: str, people: Sequence[tuple[Any, ...]]) -> Files:
        if home in ("civil_affairs", "hub"):
            return await self.registry.files(person[0] for person in people if person[0] is not None)
        pairs: list[Person] = [(person[1], person[2]) for person in people]
        return await self.registry.files_of(home, pairs)

    def _learnt(self, answers: Mapping[Fact, Any]) -> dict[Fact, Mapping[str, Any]]:
        learnt: dict[Fact, Mapping[str, Any]] = {}
        for fact, answer in answers.items():
            if isinstance(answer, SourceError):
                self.unknown_sources[fact] = answer
            elif isinstance(answer, BaseException):
                raise answer
            elif answer is not None:
                learnt[fact] = answer
        return learnt

    def _cut(self, reach: Reach, records: Sequence[Record], first: int) -> Page:
        """The first rows; if it cannot be told whether one of them exists, the page cannot be told."""
        # INVARIANT 6: an outage is never silence. An undecided row is neither in nor out: it is an error.
        if not records:
            return NOTHING
        for record in records[: first + 1]:
            if not record.certain:
                return Page(error=self.failure(facts(reach.visible)))
        return Page(tuple(records[:first]), len(records) > first)


def _places(reach: Reach, fetch: Fetch) -> tuple[int | None, int | None, int]:
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
