"""Fetch -> rows: the contract that every source of records keeps, in types and prose.

This is its reading half; ``connectors/write.py`` is the half that writes, by a role of its own.

A relation is named by its schema type (``Child``); a column by its schema field (``birthDate``), or by a key of the
mapping that is no schema field and starts with an underscore (``_register``). Nothing here knows a department's own
tables: a mapping (``<source>.toml``) translates.

Keys that every mapping gives, where the relation has them: ``_key`` (the row's own key, text, unique, keyset
tie-break), ``_register`` (number of the child's file in the register), ``_citizen`` (citizen id by which the row joins
to a child), ``_person`` (the source's own number for that person, for confirmed links), and the parent's key
(``_enrolment``, ``_report``, ``_incident``, ``_assessment``, ``_case``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

Row: TypeAlias = Sequence[Any]
"""One row, by position in ``Fetch.slots``."""

Bindings: TypeAlias = Mapping[str, Any]
"""Parameter name -> value in schema terms: str, int, bool, None, or a list of these; dates are ISO 8601 text."""

Operator: TypeAlias = Literal["eq", "lt", "le", "gt", "ge", "in", "under", "contains", "starts", "has", "null"]
"""``in``: equals one of a list. ``under``: a division code that begins with the operand. ``contains`` and ``starts``:
plain text, no wildcards. ``has``: a list column shares a value with the operand list. ``null``: is null (the operand,
a boolean, says which way)."""


@dataclass(frozen=True, slots=True)
class Param:
    """A value bound at execution, by name."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A value in schema terms that the plan itself fixes (an enum name, a number)."""

    value: Any

    def __hash__(self) -> int:
        return hash(repr(self.value))


@dataclass(frozen=True, slots=True)
class Outer:
    """Within an ``Exists``: the value of a column of the relation just outside it."""

    column: str


@dataclass(frozen=True, slots=True)
class Truth:
    """Always, or never. A predicate is two-valued: a comparison with null is false."""

    value: bool


@dataclass(frozen=True, slots=True)
class Compare:
    """``column operator operand`` over the row; an enum operand stands in schema terms."""

    column: str
    operator: Operator
    operand: Param | Constant | Outer


@dataclass(frozen=True, slots=True)
class Not:
    """The part is not true."""

    part: Predicate


@dataclass(frozen=True, slots=True)
class All:
    """Every part is true (of none: true)."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one part is true (of none: false)."""

    parts: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """Some row of ``relation`` in the same source matches on every (outer column, inner column) and ``where``.

    Within ``where`` columns are those of the inner relation.
    """

    relation: str
    on: tuple[tuple[str, str], ...]
    where: Predicate


Predicate: TypeAlias = Truth | Compare | Not | All | Some | Exists

ALWAYS = Truth(True)
NEVER = Truth(False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One value of a row, with the conditions under which it may leave the source.

    State ``c``: ``clear`` holds, the value as it is. ``u``: undecided, null (``clear_possible`` holds but ``clear``
    does not, or the same of ``masked``). ``m``: ``masked`` holds, the value under ``mask``. ``x``: closed, null. The
    first that applies counts, in the order c, u (clear), m, u (masked), x. A key's value is always given; conditions on
    it tell in its state alone whether they hold (so a plan asks of a row what is no value of it).
    """

    name: str
    clear: Predicate = ALWAYS
    clear_possible: Predicate = NEVER
    masked: Predicate = NEVER
    masked_possible: Predicate = NEVER
    mask: str | None = None

    @property
    def conditional(self) -> bool:
        """Whether the state may differ from row to row."""
        return self.clear != ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Sort by a column; rows in which ``clear`` does not hold sort as null. Nulls are last either way."""

    column: str
    descending: bool = False
    clear: Predicate = ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """Rows of one relation: what is selected, by which predicate, in which order.

    ``slots`` names the positions of a row: each column by its name; ``~states`` (text, a letter a column) if some
    column is conditional; ``~certain`` (boolean, ``certain`` holds) if ``certain`` is given; ``~order0``.. (text, the
    value sorted by, null where not clear) if ``cursors``.

    ``order`` is always completed by ``_key`` ascending. ``limit`` names a parameter; with ``per`` it counts for each
    distinct value of that column. ``after``: parameters with the order values (text or null, as in ``~orderN``) and the
    ``_key`` of the row after which to go on. ``distinct`` removes equal rows (no order, no cursors then).
    """

    source: str
    relation: str
    columns: tuple[Column, ...]
    where: Predicate = ALWAYS
    certain: Predicate | None = None
    order: tuple[Order, ...] = ()
    limit: Param | None = None
    per: str | None = None
    after: tuple[Param, ...] = ()
    cursors: bool = False
    distinct: bool = False

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the positions in a row."""
        names = [column.name for column in self.columns]
        if any(column.conditional for column in self.columns):
            names.append("~states")
        if self.certain is not None:
            names.append("~certain")
        if self.cursors:
            names.extend(f"~order{position}" for position in range(len(self.order)))
        return tuple(names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A grouping column of an aggregate; ``width`` coarsens it (``quarter``, ``town``, ``age_band``) or is None."""

    column: str
    width: str | None = None
    relation: str | None = None
    on: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """Groups of one relation: ``slots`` are the buckets in order, then ``~value``.

    ``~value``: rows counted, or the sum of ``total`` as a decimal text.
    ``apart``: rows for which it holds are left out. They are few of those for which ``where`` does: found for
    themselves and taken from the number of all, so that the others need not be looked at for it.
    """

    source: str
    relation: str
    by: tuple[Bucket, ...]
    total: str | None = None
    where: Predicate = ALWAYS
    apart: Predicate = NEVER


class SourceError(Exception):
    """A department's system did not answer as it should; ``reason`` is a stable word, never source text.

    Reasons: ``unreachable`` (refused, reset, shut down), ``timeout`` (deadline or statement timeout), ``overloaded``
    (no connection to be had in time), ``rejected`` (the statement failed: the mapping or the department's schema is
    wrong), ``open`` (the breaker is open, nothing was asked).
    """

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"source `{source}` is unavailable: {reason}")
        self.source = source
        self.reason = reason


class Source(Protocol):
    """One department's records, read.

    Concurrency: calls may run at once; none waits for another. Isolation: one call sees one snapshot; two calls may see
    two. Values come JSON-ready: text, int, float, bool, null, or a list; dates as ``YYYY-MM-DD``, instants as
    ``YYYY-MM-DDTHH:MM:SS+08:00``, decimals as text, enums by their schema names; an unknown code is null, and is
    counted by ``hub sources check``. Errors: ``SourceError`` alone; the caller decides on retries, none happens here.
    If the caller is cancelled, the statement is cancelled in the source and the connection is usable or
    gone, never in doubt.
    """

    name: str

    async def fetch(self, fetch: Fetch, bindings: Bindings, *, deadline: float) -> Sequence[Row]:
        """Rows of ``fetch`` in its order; ``deadline`` in seconds from now, after which ``SourceError('timeout')``."""
        ...

    async def aggregate(self, aggregate: Aggregate, bindings: Bindings, *, deadline: float) -> Sequence[Row]:
        """Groups of ``aggregate``, in no order."""
        ...

    async def ping(self, *, deadline: float) -> None:
        """Returns if the source answers."""
        ...

    async def close(self) -> None:
        """Gives back every connection; later calls fail as ``unreachable``."""
        ...
