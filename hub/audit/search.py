"""Questions of auditors -> entries of the log, newest first, page by page; from the log alone.

Guarantee: no source is asked and nothing is resolved: a child is found by the pseudonyms of numbers that the auditor
has, a reporter never by name. A question that matches too much for its time is ``TooMuchError``, one that makes no
sense ``QuestionError`` with the field and what would be right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Any, Final

import orjson

from hub.audit.contract import StoreError
from hub.audit.entry import NAMES
from hub.audit.indexer import ZONE
from hub.audit.merkle import leaf_hash
from hub.audit.named import keys_of
from hub.audit.reader import Reader
from hub.audit.session import Connections

PAGE: Final = 50
SETTINGS: Final = {"plan_cache_mode": "force_custom_plan", "work_mem": "32MB"}
"""Server settings of connections that search: what is often there and what is rare are read in different ways."""
PATIENCE: Final = 1.0
"""Seconds after which a page that is not full yet leaves as it is."""
STRETCH: Final = 20_000
GROWTH: Final = 8
LONGEST_STRETCH: Final = 1_280_000
LARGEST: Final = 2**62
SLACK: Final = 10_000
"""Places in the tree by which an entry may stand off its time."""
DISCLOSING: Final = ("disclosure", "event", "outcome")
"""Kinds of entries that tell of data that a unit got, or wrote."""
_CANCELLED: Final = "`57014`"
"""SQLSTATE of a statement that took too long."""


class QuestionError(Exception):
    """A question makes no sense; ``field`` is where."""

    def __init__(self, field: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.field = field
        self.zh = zh


class AlteredError(Exception):
    """An entry is not the one that was hashed, so that nothing in it can be believed."""


class TooMuchError(Exception):
    """A question matches more than can be looked through in time: narrow it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is looked for; empty parts are not asked.

    ``case`` is a pseudonym, ``without`` a kind that is left out, ``before`` an index: the next page.
    """

    unit: str = ""
    operator: str = ""
    purpose: str = ""
    case: str = ""
    coordinate: str = ""
    decision: str = ""
    kind: str = ""
    request: str = ""
    without: str = ""
    since: date | None = None
    until: date | None = None
    before: int | None = None

    def check(self) -> None:
        """Raises ``QuestionError``."""
        if self.since and self.until and self.since > self.until:
            raise QuestionError("since", "起始日期晚于截止日期", "the first day is after the last")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An entry in a list."""

    index: int
    at: datetime
    kind: str
    decision: str
    unit: str
    operator: str
    purpose: str
    request: str
    rows: int
    subjects: int
    sensitivity: str
    coordinates: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Rows, newest first; ``before`` asks for the next page, None if there is none.

    ``unfinished``: the page was given up at ``before`` because it took too long; nothing is known of what is older.
    """

    rows: tuple[Row, ...]
    before: int | None
    unfinished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """One entry: its fields (lists put back), its leaf hash, and the entries that review it."""

    index: int
    leaf: str
    fields: Mapping[str, Any]
    reviews: tuple[Mapping[str, Any], ...]

    @property
    def name(self) -> str:
        """``request/kind/part``."""
        return f"{self.fields['request']}/{self.fields['kind']}/{self.fields['part']}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Entries of one kind under one unit and purpose on some days."""

    unit: str
    purpose: str
    kind: str
    decision: str
    sensitivity: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """What is known of a child's pseudonyms: those asked for, and those that an entry joins to them."""

    asked: tuple[str, ...]
    joined: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(dict.fromkeys((*self.asked, *self.joined)))


_FIRST = "select index from log.found where at >= $1 order by at limit 1"
_LAST = "select index from log.found where at < $1 order by at desc limit 1"
_OF_SUBJECTS = """
select {0} from log.found where index in (
    -- `+ 0`: by the names, not along the whole log, which the planner takes for cheaper
    select index from log.named where names && $1::uuid[] and index < $2 and kind = any ($3)
    order by index + 0 desc limit {1}
) order by index desc limit {1}
"""
_REVIEWS = "select index from log.named where names @> $1::uuid[] order by index + 0"
_ROW = "index, at, kind, decision, unit, operator, purpose, request, rows, subjects, sensitivity, coordinates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The log, searched."""

    connections: Connections
    reader: Reader
    patience: float = PATIENCE

    async def entries(self, question: Question, *, page: int = PAGE) -> Page:
        """A page of entries that match.

        A question of several parts is looked for in stretches of the log, the newest first, each longer than the one
        before: no index knows them all. Where that takes too long the page is short and says where to go on.
        """
        question.check()
        low, high = await self._span(question)
        wheres, values = _conditions(question)
        if not _joined(question):
            return _page(await self._between(wheres, values, low, high, page + 1, "index"), page)
        rows: list[Any] = []
        until, width = monotonic() + self.patience, STRETCH
        high = min(high, await self.position())
        while low < high and len(rows) <= page:
            start = max(low, high - width)
            # `+ 0`: read by what was asked, not along the whole stretch, which the planner takes for cheaper.
            order = "index" if width == STRETCH else "index + 0"
            rows += await self._between(wheres, values, start, high, page + 1 - len(rows), order)
            high, width = start, min(width * GROWTH, LONGEST_STRETCH)
            if len(rows) <= page and monotonic() > until:
                return replace(_page(rows, page), before=high, unfinished=True) if low < high else _page(rows, page)
        return _page(rows, page)

    async def _between(
        self, wheres: Sequence[str], values: Sequence[Any], low: int, high: int, count: int, order: str
    ) -> list[Any]:
        """The ``count`` newest entries of the indexes from ``low`` to before ``high``."""
        number = len(values)
        where = " and ".join([*wheres, f"index >= ${number + 1}", f"index < ${number + 2}"])
        query = f"select {_ROW} from log.found where {where} order by {order} desc limit {count}"
        return await self._rows(query, *values, low, high)

    async def _span(self, question: Question) -> tuple[int, int]:
        """The indexes among which the answer is."""
        low, high = await span_of(self.connections, question.since, question.until)
        return low, high if question.before is None else min(high, question.before)

    async def child(self, names: Sequence[str]) -> Child:
        """The pseudonyms of a child, with those that entries join to them."""
        rows = await self._rows(
            "select register, citizen from log.alias where register = any ($1) or citizen = any ($1)", list(names)
        )
        joined = {name for row in rows for name in (row["register"], row["citizen"])} - set(names)
        return Child(asked=tuple(names), joined=tuple(sorted(joined)))

    async def of_subjects(self, names: Sequence[str], before: int | None = None, *, page: int = PAGE) -> Page:
        """What was disclosed of these pseudonyms: no look of an auditor, no hold or release."""
        high = LARGEST if before is None else before
        rows = await self._rows(_OF_SUBJECTS.format(_ROW, page + 1), keys_of(names), high, list(DISCLOSING))
        return _page(rows, page)

    async def whole(self, index: int) -> Whole | None:
        """One entry; ``GapError`` if it was retired, ``AlteredError`` if it was changed, None if there is none."""
        found = await self.reader.present(index, 1)
        if not found:
            if index < (await self.reader.backlog()).size:
                await self.reader.entries(index, 1)
            return None
        _, leaf, data = found[0]
        if leaf_hash(data) != leaf or not _is_entry(data):
            raise AlteredError(f"entry {index} is not as it was hashed")
        fields = {**orjson.loads(data), **{name: items for _, name, items in await self.reader.lists(index, 1)}}
        name = f"{fields['request']}/{fields['kind']}/{fields['part']}"
        return Whole(index=index, leaf=leaf.hex(), fields=fields, reviews=tuple(await self.reviews(name)))

    async def reviews(self, name: str) -> list[Mapping[str, Any]]:
        """The reviews of an entry, the oldest first: their fields, words and index."""
        rows = await self._rows(_REVIEWS, keys_of((f"of:{name}",)))
        return [review for row in rows for review in await self.fields(row["index"])]

    async def fields(self, index: int) -> list[Mapping[str, Any]]:
        """An entry's fields with its lists and ``index``; empty if it is not there."""
        lists = {name: items for _, name, items in await self.reader.lists(index, 1)}
        return [
            {**orjson.loads(data), **lists, "index": found} for found, _, data in await self.reader.present(index, 1)
        ]

    async def counts(self, since: date, until: date) -> list[Count]:
        """Counts of the days from ``since`` to ``until``, both included."""
        rows = await self._rows(
            "select unit, purpose, kind, decision, sensitivity, sum(count)::bigint as count from log.tally"
            " where day between $1 and $2 group by unit, purpose, kind, decision, sensitivity",
            *(since, until),
        )
        return [Count(**dict(row)) for row in rows]

    async def position(self) -> int:
        """How many entries are indexed."""
        found: int = (await self._rows("select position from log.indexed"))[0]["position"]
        return found

    async def _rows(self, query: str, *values: Any) -> list[Any]:
        return await rows_of(self.connections, query, *values)


async def span_of(connections: Connections, since: date | None, until: date | None) -> tuple[int, int]:
    """The indexes from the first to before the second, among which all entries of these days are."""
    low, high = 0, LARGEST
    if since:
        first = await rows_of(connections, _FIRST, _midnight(since))
        low = max(int(first[0]["index"]) - SLACK, 0) if first else LARGEST
    if until:
        last = await rows_of(connections, _LAST, _midnight(until + timedelta(days=1)))
        high = int(last[0]["index"]) + SLACK if last else 0
    return low, high


async def rows_of(connections: Connections, query: str, *values: Any) -> list[Any]:
    """The rows of a statement; ``TooMuchError`` if they are not found in time."""
    try:
        async with connections.connection() as connection:
            found: list[Any] = await connection.fetch(query, *values)
            return found
    except StoreError as error:
        if too_much(error):
            raise TooMuchError("the question matches too much: narrow the days, or name a unit") from None
        raise


def _joined(question: Question) -> bool:
    """Whether several parts, or one whose index has no order, must meet in an entry; some parts alone leave few."""
    if question.case or question.request:
        return False
    asked = [getattr(question, name) for name in ("unit", "purpose", "decision", "kind")]
    return bool(question.coordinate) or (not question.operator and len([part for part in asked if part]) > 1)


def _is_entry(data: bytes) -> bool:
    """Whether these bytes are an entry: whoever changed one may have changed its hash as well."""
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return isinstance(document, dict) and document.keys() >= NAMES


def too_much(error: StoreError) -> bool:
    """Whether a statement was ended because it took too long, rather than the database being away."""
    return _CANCELLED in error.reason or error.reason == "timeout"


def _conditions(question: Question) -> tuple[list[str], list[Any]]:
    wheres: list[str] = []
    values: list[Any] = []

    def add(condition: str, value: Any) -> None:
        values.append(value)
        wheres.append(condition.format(f"${len(values)}"))

    # As the indexes have them.
    stored = {"operator": "nullif(operator, '')", "purpose": "nullif(purpose, '')", "case": "nullif(case_ref, '')"}
    if question.unit:
        # A kind of unit (every town) is asked for by the part before the colon.
        add("(unit = {0} or starts_with(unit, {0} || ':'))", question.unit)
    for name in ("operator", "purpose", "case", "decision", "kind", "request"):
        if getattr(question, name):
            add(f"{stored.get(name, name)} = {{}}", getattr(question, name))
    if question.without:
        add("kind <> {}", question.without)
    if question.coordinate:
        named = [f"{name} @> array[{{0}}::text]" for name in ("released", "masked", "refused")]
        add(f"({' or '.join(named)})", question.coordinate)
    if question.since:
        add("at >= {}", _midnight(question.since))
    if question.until:
        add("at < {}", _midnight(question.until + timedelta(days=1)))
    return wheres, values


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZONE)


def _page(rows: Sequence[Any], size: int) -> Page:
    found = tuple(Row(**{**dict(row), "coordinates": tuple(row["coordinates"])}) for row in rows[:size])
    return Page(rows=found, before=found[-1].index if len(rows) > size else None)
