"""Aggregate -> the part of its statement that names rows apart instead of counting them: pure.

Guarantee: a row that is named is counted in no group, both by one reading of it; of a row nothing is named but keys.
Named rows are few, and found by an index where there is one; the others need no look at what sets these apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.source import (
    Aggregate,
    All,
    Apart,
    Compare,
    Exists,
    Not,
    Outer,
    Predicate,
    Some,
)
from connectors.sql_predicates import Table, Writer
from connectors.sql_values import cast, encoder, quoted

_REFUTED = {"gt": "le", "ge": "lt", "lt": "ge", "le": "gt"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedApart:
    """``text``: the query of the rows; ``few``: whether there are fewer than the limit; both over the same rows.

    ``uncounted`` takes them from the counts by ``stored`` columns to which it is appended.
    """

    text: str
    few: str
    stored: Sequence[str]
    slots: Sequence[str]

    @property
    def uncounted(self) -> str:
        """Each row once less."""
        outputs = [*map(quoted, self.stored), "-1"]
        return f"\n    UNION ALL SELECT {', '.join(outputs)} FROM apart"

    def whole(self, outputs: Sequence[str], groups: str, *, grouped: bool) -> str:
        """The statement: groups in which some row is left, then the rows that are named."""
        having = 'sum("~rows") > 0' if grouped else self.few
        counts = ", ".join([*outputs, *(f"NULL AS {quoted(slot)}" for slot in self.slots)])
        keys = ", ".join([*("NULL" for _ in outputs), *map(quoted, self.slots)])
        return (
            f"WITH apart AS MATERIALIZED ({self.text})\n"
            f"SELECT {counts}\n{groups}\nHAVING {having}\nUNION ALL SELECT {keys} FROM apart"
        )


def named_apart(aggregate: Aggregate, stored: Sequence[str], writer: Writer) -> NamedApart | None:
    """What is named apart, if anything is; ``stored``: the columns of the table by which rows are counted."""
    apart = aggregate.apart
    if apart is None:
        return None
    table = writer.table(aggregate.relation)
    keys = _keys(apart, writer, table)
    outputs = [f"{table.alias}.{quoted(name)}" for name in stored]
    outputs += [f"{text} AS {quoted(slot)}" for slot, text in keys.items()]
    where = f"{writer.condition(aggregate.where, table)} AND {_holds(apart.where, writer, table)}"
    limit = writer.bind(apart.limit, lambda value: value, "::bigint", "limit")
    text = f"SELECT {', '.join(outputs)}\n  FROM {table.source()}\n  WHERE {where}\n  LIMIT {limit}"
    return NamedApart(text=text, few=f"(SELECT count(*) FROM apart) < {limit}", stored=stored, slots=list(keys))


def _keys(apart: Apart, writer: Writer, table: Table) -> dict[str, str]:
    """Slot -> what stands there."""
    keys, states = dict[str, str](), list[str]()
    for column in apart.columns:
        mapped = table.relation.column(column.name)
        if not mapped.is_key:
            raise ValueError(f"column `{column.name}` is no key: of rows apart keys alone are named")
        keys[column.name] = writer.value(table, mapped)
        states.append(f"CASE WHEN {writer.condition(column.clear, table)} THEN 'c' ELSE 'x' END")
    if any(column.conditional for column in apart.columns):
        keys["~states"] = " || ".join(states)
    return keys


def _holds(predicate: Predicate, writer: Writer, table: Table) -> str:
    """As ``Writer.condition``, what is denied spelt so that an index may serve it."""
    match predicate:
        case Not(part=part):
            return _fails(part, writer, table)
        case All(parts=parts) if parts:
            return f"({' AND '.join(_holds(part, writer, table) for part in parts)})"
        case Some(parts=parts) if parts:
            return f"({' OR '.join(_holds(part, writer, table) for part in parts)})"
    return writer.condition(predicate, table)


def _fails(predicate: Predicate, writer: Writer, table: Table) -> str:
    """SQL that is true just where the predicate is not: where it is false, or null."""
    text = None
    match predicate:
        case Not(part=part):
            text = _holds(part, writer, table)
        case All(parts=parts) if parts:
            text = f"({' OR '.join(_fails(part, writer, table) for part in parts)})"
        case Some(parts=parts) if parts:
            text = f"({' AND '.join(_fails(part, writer, table) for part in parts)})"
        case Exists():
            # Not `IS NOT TRUE`, which would keep the planner from joining what there is not.
            text = f"NOT {writer.condition(predicate, table)}"
        case Compare():
            text = _otherwise(predicate, writer, table)
    return text or f"({writer.condition(predicate, table)}) IS NOT TRUE"


def _otherwise(compare: Compare, writer: Writer, table: Table) -> str | None:
    """The comparison the other way round, if an index knows it; a value or operand that is null fails either way."""
    column, operand = table.relation.column(compare.column), compare.operand
    if isinstance(operand, Outer) or compare.operator not in _REFUTED or column.unique is not None:
        return None
    if column.kind != "date" or column.stored != "date" or column.is_list:
        return None
    text = writer.condition(Compare(compare.column, _REFUTED[compare.operator], operand), table)  # type: ignore[arg-type]
    unknown = writer.bind(operand, encoder(column), cast(column), "unknown")
    return f"({text} OR {table.raw(column)} IS NULL OR {unknown} IS NULL)"
