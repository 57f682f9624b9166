"""Write -> rows of Python lists changed: the Target contract without SQL, as an oracle and as a backend with faults.

Guarantee: written from the contract alone; the contract suite holds it and PostgreSQL equal. Nothing of a write is done
before all of it can be.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from connectors.mapping import Mapped, Relation
from connectors.mapping import Mapping as SourceMapping
from connectors.memory import MemorySource, Reading
from connectors.memory_values import SHANGHAI, Dict
from connectors.source import Bindings, Param, SourceError
from connectors.sql_stored import stored
from connectors.write import (
    Change,
    Copied,
    GivenUp,
    Insert,
    Next,
    NotThere,
    Put,
    Result,
    Reused,
    Stale,
    Sweep,
    Unfit,
    UnfitError,
    Update,
    Write,
    Written,
)


@dataclass(slots=True, kw_only=True)
class MemoryTarget:
    """The rows of a ``MemorySource``, written; keeps ``connectors.write.Target``.

    Faults are those that the source meets: ``lose`` is a write that was made and whose answer was lost. A new row has
    null in the columns that it is not given.
    """

    source: MemorySource
    mapping: SourceMapping = field(repr=False)
    intents: dict[str, tuple[str, tuple[str, ...]] | None] = field(default_factory=dict)
    named: dict[tuple[str, str], int] = field(default_factory=dict)
    """Relation and key -> how many writes have named the row."""

    @property
    def name(self) -> str:
        """The source's name."""
        return self.source.name

    async def write(self, write: Write, bindings: Bindings, *, intent: str, digest: str, deadline: float) -> Result:
        """What came of it; see the contract."""
        fault = await self.source.meet(deadline)
        result = self._written(write, bindings, intent, digest)
        if fault is not None:
            raise SourceError(self.name, fault.reason)
        return result

    async def found(self, intent: str, *, deadline: float) -> Written | GivenUp | None:
        """What stands under the intent; see the contract."""
        fault = await self.source.meet(deadline)
        if fault is not None:
            raise SourceError(self.name, fault.reason)
        if intent not in self.intents:
            return None
        earlier = self.intents[intent]
        return GivenUp() if earlier is None else Written(keys=earlier[1], again=True)

    async def touched(self, relation: str, key: str, *, deadline: float) -> int:
        """How many writes have named the row so far; see the contract."""
        fault = await self.source.meet(deadline)
        if fault is not None:
            raise SourceError(self.name, fault.reason)
        return self.named.get((relation, key), 0)

    async def settle(self, intent: str, *, deadline: float) -> tuple[str, ...] | None:
        """Keys of what was written under the intent, or None; see the contract."""
        fault = await self.source.meet(deadline)
        found = self.intents.setdefault(intent, None)
        if fault is not None:
            raise SourceError(self.name, fault.reason)
        return None if found is None else found[1]

    async def close(self) -> None:
        """Later calls fail as ``unreachable``."""
        await self.source.close()

    def _written(self, write: Write, bindings: Bindings, intent: str, digest: str) -> Result:
        if intent in self.intents:
            earlier = self.intents[intent]
            if earlier is None:
                return GivenUp()
            return Written(keys=earlier[1], again=True) if earlier[0] == digest else Reused()
        before = {name: [dict(row) for row in rows] for name, rows in self.source.relations.items()}
        failure = self._made(write, bindings)
        if failure is not None:
            for name, rows in before.items():
                self.source.relations[name][:] = rows
            return failure
        keys = tuple(bindings[change.key.name] for change in write.keyed)
        self.intents[intent] = (digest, keys)
        for row in {(change.relation, key) for change, key in zip(write.keyed, keys, strict=True)}:
            self.named[row] = self.named.get(row, 0) + 1
        return Written(keys=keys)

    def _made(self, write: Write, bindings: Bindings) -> Stale | NotThere | Unfit | None:
        """Makes one change after the other, each upon what the last one left; returns why one could not be made."""
        making = _Making(target=self, reading=Reading(source=self.source, bindings=bindings))
        for number, change in enumerate(write.changes):
            unfit = making.check(number, change)
            if unfit is not None:
                return unfit
        for number, change in enumerate(write.changes):
            failure = making.make(number, change)
            if failure is not None:
                return failure
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Making:
    """One write on its way."""

    target: MemoryTarget
    reading: Reading

    def check(self, number: int, change: Change) -> Unfit | None:
        """Refuses, before anything is done, what the mapping does not allow; what a column cannot hold is ``Unfit``."""
        try:
            how = "insert" if isinstance(change, Insert) else "update"
            relation = self._relation(change.relation)
            for put in change.puts:
                if relation.writes is None or put.column not in getattr(relation.writes, how):
                    raise ValueError(put.column)
                if isinstance(put.operand, Next):
                    if how == "insert" or relation.column(put.column).kind != "int":
                        raise ValueError(put.column)
                elif not isinstance(put.operand, Copied):
                    self._value(relation, put, {})
        except UnfitError as error:
            return Unfit(change=number, column=error.column)
        except (KeyError, ValueError):
            raise SourceError(self.target.name, "rejected") from None
        return None

    def make(self, number: int, change: Change) -> Stale | NotThere | None:
        """Makes the change, or says why it cannot be made."""
        match change:
            case Insert():
                return self._insert(number, change)
            case Update():
                return self._update(number, change)
            case Sweep():
                # All are judged before one is changed, as one statement does.
                rows = [row for row in self.reading.rows(change.relation) if self.reading.true(change.where, row)]
                for row, values in [(row, self._values(change, row)) for row in rows]:
                    row.update(values)
        return None

    def _relation(self, name: str) -> Relation:
        return self.target.mapping.relation(name)

    def _found(self, relation: str, key: Param) -> Dict | None:
        wanted = str(self.reading.bindings[key.name])
        return next((row for row in self.reading.rows(relation) if row["_key"] == wanted), None)

    def _insert(self, number: int, change: Insert) -> Stale | NotThere | None:
        if change.about is not None:
            row = self._found(change.about.relation, change.about.key)
            if row is None or not self.reading.true(change.about.scope, row):
                return NotThere(change=number)
        if self._found(change.relation, change.key) is not None:
            return Stale(change=number)
        made = dict.fromkeys(self._relation(change.relation).columns) | self._values(change, {})
        self.reading.rows(change.relation).append({**made, "_key": self.reading.bindings[change.key.name]})
        return None

    def _update(self, number: int, change: Update) -> Stale | NotThere | None:
        row = self._found(change.relation, change.key)
        if row is None or not self.reading.true(change.scope, row):
            return NotThere(change=number)
        if not self.reading.true(change.expect, row):
            return Stale(change=number, current={name: row[name] for name in change.shows})
        seen = change.touched and self.reading.bindings[change.touched.name]
        if seen is not None and seen != self.target.named.get((change.relation, row["_key"]), 0):
            return Stale(change=number)
        row.update(self._values(change, row))
        return None

    def _values(self, change: Change, row: Dict) -> Dict:
        relation = self._relation(change.relation)
        return {put.column: self._value(relation, put, row) for put in change.puts}

    def _value(self, relation: Relation, put: Put, row: Dict) -> Any:
        if isinstance(put.operand, Next):
            return 1 + (row.get(put.column) or 0)
        if isinstance(put.operand, Copied):
            return row[put.operand.column]
        value = self.reading.value(put.operand)
        column = relation.column(put.column)
        longest = None if relation.writes is None else relation.writes.longest.get(put.column)
        # What cannot be kept is the mapping's to say, and not this backend's.
        stored(column, longest)(value)
        return None if value is None else _shown(column, value)


def _shown(column: Mapped, value: Any) -> Any:
    """The value as it will be read."""
    if column.is_list:
        return [_one(column, item) for item in value]
    return _one(column, value)


def _one(column: Mapped, value: Any) -> Any:
    if column.kind == "instant":
        return datetime.datetime.fromisoformat(value).astimezone(SHANGHAI).isoformat(timespec="seconds")
    return f"{Decimal(value):.2f}" if column.kind == "decimal" else value
