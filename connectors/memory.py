"""Fetch -> rows from Python lists: the Source contract without SQL, as an oracle and as a backend with faults.

Guarantee: written from the contract alone, sharing no code with the SQL; the contract suite holds both equal.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.memory_values import (
    MASKS,
    Dict,
    comparable,
    holds,
    order_text,
    widened,
)
from connectors.source import (
    Aggregate,
    All,
    Bindings,
    Bucket,
    Column,
    Compare,
    Constant,
    Exists,
    Fetch,
    Not,
    Order,
    Outer,
    Param,
    Predicate,
    Row,
    Some,
    SourceError,
    Truth,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What befalls one call: ``fail`` (nothing is done), ``lose`` (done, but the answer is lost), ``hang`` (no answer
    until the deadline) or ``garbage`` (an answer of the wrong shape)."""

    kind: str
    reason: str = "unreachable"


@dataclass(slots=True, kw_only=True)
class MemorySource:
    """Rows as dicts in schema terms, keys included, by relation; keeps ``connectors.source.Source``.

    ``residenceAddress~village`` beside a field is what the mask `village` shows. ``decimals``: columns whose texts are
    numbers. ``faults``: met by the next calls, one each (None: no fault); ``outage``: met by every call.
    """

    name: str
    relations: Mapping[str, list[Dict]] = field(repr=False)
    decimals: Collection[str] = ()
    faults: deque[Fault | None] = field(default_factory=deque)
    outage: Fault | None = None
    calls: int = 0
    _closed: bool = False

    async def fetch(self, fetch: Fetch, bindings: Bindings, *, deadline: float) -> Sequence[Row]:
        """Rows of ``fetch``; see the contract."""
        fault = await self.meet(deadline)
        return self._spoilt(Reading(source=self, bindings=bindings).fetch(fetch), fault)

    async def aggregate(self, aggregate: Aggregate, bindings: Bindings, *, deadline: float) -> Sequence[Row]:
        """Groups of ``aggregate``; see the contract."""
        fault = await self.meet(deadline)
        return self._spoilt(Reading(source=self, bindings=bindings).aggregate(aggregate), fault)

    async def ping(self, *, deadline: float) -> None:
        """Returns if no fault is due."""
        self._spoilt([], await self.meet(deadline))

    async def close(self) -> None:
        """Later calls fail as ``unreachable``."""
        self._closed = True

    async def meet(self, deadline: float) -> Fault | None:
        """The fault that is due, if what it does comes after the call's own work; otherwise it is done here."""
        self.calls += 1
        fault = self.outage or (self.faults.popleft() if self.faults else None)
        if self._closed:
            raise SourceError(self.name, "unreachable")
        if fault is not None and fault.kind == "hang":
            await asyncio.sleep(deadline)
            raise SourceError(self.name, "timeout")
        if fault is not None and fault.kind == "fail":
            raise SourceError(self.name, fault.reason)
        await asyncio.sleep(0)
        return fault

    def _spoilt(self, rows: list[Row], fault: Fault | None) -> list[Row]:
        if fault is not None and fault.kind == "lose":
            raise SourceError(self.name, fault.reason)
        if fault is not None and fault.kind == "garbage":
            return [[object()], *(list(row)[:-1] for row in rows)]
        return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One call: the rows as they are now, and its bindings."""

    source: MemorySource
    bindings: Bindings = field(repr=False)

    def rows(self, relation: str) -> list[Dict]:
        """Every row of a relation."""
        try:
            return self.source.relations[relation]
        except KeyError:
            raise SourceError(self.source.name, "rejected") from None

    def fetch(self, fetch: Fetch) -> list[Row]:
        """Rows of the fetch."""
        rows = [row for row in self.rows(fetch.relation) if self.true(fetch.where, row)]
        if fetch.distinct:
            return self._limited(fetch, _unlike([self.shown(fetch, row) for row in rows]))
        ordered = self._behind(fetch, self._sorted(fetch, rows))
        kept = self._ranked(fetch, fetch.per, ordered) if fetch.per is not None else self._limited(fetch, ordered)
        return [self.shown(fetch, row) for row in kept]

    def value(self, operand: Param | Constant) -> Any:
        """What an operand stands for."""
        return self.bindings[operand.name] if isinstance(operand, Param) else operand.value

    def true(self, predicate: Predicate, row: Dict, outer: Dict | None = None) -> bool:
        """Whether the predicate holds of the row."""
        match predicate:
            case Truth(value=value):
                return value
            case Compare():
                return self._compare(predicate, row, outer)
            case Not(part=part):
                return not self.true(part, row, outer)
            case All(parts=parts):
                return all(self.true(part, row, outer) for part in parts)
            case Some(parts=parts):
                return any(self.true(part, row, outer) for part in parts)
        return self._exists(predicate, row)

    def _compare(self, predicate: Compare, row: Dict, outer: Dict | None) -> bool:
        operand = predicate.operand
        value = self._column(row, predicate.column)
        if not isinstance(operand, Outer):
            return holds(value, predicate.operator, self.value(operand), decimal=self._is_decimal(predicate.column))
        if outer is None:
            raise SourceError(self.source.name, "rejected")
        return holds(value, predicate.operator, self._column(outer, operand.column), decimal=False)

    def _exists(self, predicate: Exists, row: Dict) -> bool:
        return any(
            all(row.get(left) is not None and row.get(left) == inner.get(right) for left, right in predicate.on)
            and self.true(predicate.where, inner, row)
            for inner in self.rows(predicate.relation)
        )

    def _column(self, row: Dict, name: str) -> Any:
        try:
            return row[name]
        except KeyError:
            raise SourceError(self.source.name, "rejected") from None

    def _is_decimal(self, column: str) -> bool:
        return column in self.source.decimals

    def shown(self, fetch: Fetch, row: Dict) -> Row:
        """The row by the slots of the fetch."""
        states = [self._state(column, row) for column in fetch.columns]
        values = [self._shown(column, state, row) for column, state in zip(fetch.columns, states, strict=True)]
        if any(column.conditional for column in fetch.columns):
            values.append("".join(states))
        if fetch.certain is not None:
            values.append(self.true(fetch.certain, row))
        if fetch.cursors:
            values += [order_text(self._sort_value(order, row)) for order in fetch.order]
        return values

    def _state(self, column: Column, row: Dict) -> str:
        ways = ((column.clear, "c"), (column.clear_possible, "u"), (column.masked, "m"), (column.masked_possible, "u"))
        return next((letter for predicate, letter in ways if self.true(predicate, row)), "x")

    def _shown(self, column: Column, state: str, row: Dict) -> Any:
        value = self._column(row, column.name)
        if state == "c" or value is None or column.name.startswith("_"):
            return value
        if state != "m":
            return None
        if column.mask == "village":
            return row[f"{column.name}~village"]
        return MASKS[column.mask or "withhold"](value)

    def _sort_value(self, order: Order, row: Dict) -> Any:
        return self._column(row, order.column) if self.true(order.clear, row) else None

    def _typed(self, order: Order, value: Any) -> Any:
        return comparable(value, decimal=self._is_decimal(order.column))

    def _sorted(self, fetch: Fetch, rows: list[Dict]) -> list[Dict]:
        ordered = sorted(rows, key=lambda row: str(row["_key"]))
        for order in reversed(fetch.order):
            keyed = [(self._typed(order, self._sort_value(order, row)), row) for row in ordered]
            known = sorted(
                (pair for pair in keyed if pair[0] is not None), key=lambda pair: pair[0], reverse=order.descending
            )
            ordered = [row for _, row in known] + [row for value, row in keyed if value is None]
        return ordered

    def _behind(self, fetch: Fetch, rows: list[Dict]) -> list[Dict]:
        if not fetch.after:
            return rows
        places = [self.bindings[param.name] for param in fetch.after]
        return [row for row in rows if self._is_behind(fetch, row, places)]

    def _is_behind(self, fetch: Fetch, row: Dict, places: list[Any]) -> bool:
        for order, place in zip(fetch.order, places, strict=False):
            here = self._sort_value(order, row)
            if order_text(here) == place:
                continue
            if here is None or place is None:
                return here is None
            value = self._typed(order, here)
            there = comparable(_like(here, place), decimal=self._is_decimal(order.column))
            return bool(value < there if order.descending else value > there)
        return str(row["_key"]) > str(places[-1])

    def _limited(self, fetch: Fetch, rows: list[Any]) -> list[Any]:
        limit = None if fetch.limit is None else self.value(fetch.limit)
        return rows if limit is None else rows[:limit]

    def _ranked(self, fetch: Fetch, per: str, rows: list[Dict]) -> list[Dict]:
        limit = None if fetch.limit is None else self.value(fetch.limit)
        seen: dict[Any, int] = {}
        kept = []
        for row in rows:
            group = self._column(row, per)
            seen[group] = seen.get(group, 0) + 1
            if limit is None or seen[group] <= limit:
                kept.append(row)
        return kept

    def aggregate(self, aggregate: Aggregate) -> list[Row]:
        """Groups of the aggregate."""
        groups: dict[tuple[Any, ...], Any] = {} if aggregate.by else {(): 0}
        for row in self.rows(aggregate.relation):
            if self.true(aggregate.where, row) and not self.true(aggregate.apart, row):
                key = tuple(self._bucket(bucket, row) for bucket in aggregate.by)
                part = 1 if aggregate.total is None else comparable(row[aggregate.total] or "0", decimal=True)
                groups[key] = groups.get(key, 0) + part
        counts = aggregate.total is None
        return [[*key, value if counts else f"{value:.2f}"] for key, value in groups.items()]

    def _bucket(self, bucket: Bucket, row: Dict) -> Any:
        if bucket.relation is None:
            found: Dict | None = row
        else:
            matching = (
                inner
                for inner in self.rows(bucket.relation)
                if all(row.get(left) is not None and row.get(left) == inner.get(right) for left, right in bucket.on)
            )
            found = min(matching, key=lambda inner: str(inner["_key"]), default=None)
        value = None if found is None else self._column(found, bucket.column)
        return widened(value, bucket.width, self.bindings.get("today"))


def _unlike(rows: list[Row]) -> list[Row]:
    """Each row once."""
    return list({repr(list(row)): row for row in rows}.values())


def _like(value: Any, text: str) -> Any:
    """An order value as text, in the type of another."""
    if isinstance(value, bool):
        return text == "true"
    return type(value)(text)
