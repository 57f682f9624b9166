"""Aggregate -> Statement: groups and how many rows each has, or their sum, pure and deterministic.

Guarantee: every row for which ``where`` holds, and ``apart`` does not, is in one group.
"""

from __future__ import annotations

import datetime
from typing import Any

from connectors.mapping import Mapped, Mapping, Relation
from connectors.source import ALWAYS, NEVER, Aggregate, All, Bucket, Not, Param, Predicate
from connectors.sql_denied import holds
from connectors.sql_predicates import Statement, Table, Writer, reaches
from connectors.sql_values import quoted, shown, sortable

TODAY = Param("today")
"""The binding that the width `age_band` reads: the day of the request, ISO 8601."""

BANDS = ((6, "AGE_0_5"), (14, "AGE_6_13"), (16, "AGE_14_15"))
"""Upper age (exclusive) -> the register's band; older is `AGE_16_OVER`."""

OLDER = "AGE_16_OVER"


def aggregate_statement(aggregate: Aggregate, mapping: Mapping) -> Statement:
    """The statement of an Aggregate; ``KeyError`` or ``ValueError`` if the mapping cannot serve it."""
    writer = Writer(mapping=mapping)
    table = writer.table(aggregate.relation)
    names = [f"g{place}" for place in range(len(aggregate.by))]
    items = [f"{_bucket(bucket, writer, table)} AS {name}" for bucket, name in zip(aggregate.by, names, strict=True)]
    if aggregate.total is None:
        text = _counted(aggregate, names, items, writer, table)
        return Statement(text=text, binders=tuple(writer.binders), planned=aggregate.apart != NEVER)
    where = aggregate.where if aggregate.apart == NEVER else All((aggregate.where, Not(aggregate.apart)))
    items.append(f"{_total(aggregate.total, table)} AS part")
    rows = f"SELECT {', '.join(items)}\n  {_rows(where, writer, table)}"
    return Statement(text=_summed(rows, names), binders=tuple(writer.binders))


def _rows(predicate: Predicate, writer: Writer, table: Table) -> str:
    """FROM and WHERE of the rows; call it last, when all columns are known."""
    plain, costly = _split(predicate)
    if costly == ALWAYS:
        where = writer.condition(plain, table)
        return f"FROM {table.source()}\n    WHERE {where}"
    table.unindexed = True
    where = writer.condition(costly, table)
    source = table.source("\f")  # stands for a query that is written last
    return f"FROM {source.replace(chr(12), _first(plain, writer, table))}\n    WHERE {where}"


def _split(where: Predicate) -> tuple[Predicate, Predicate]:
    """What a row says of itself, and what other rows must be looked at for."""
    parts = where.parts if isinstance(where, All) else (where,)
    costly = tuple(part for part in parts if reaches(part))
    plain = tuple(part for part in parts if part not in costly)
    return All(plain) if plain else ALWAYS, All(costly) if costly else ALWAYS


def _first(plain: Predicate, writer: Writer, outer: Table) -> str:
    """The rows by what they say of themselves, in a query of its own, which OFFSET 0 keeps apart.

    The planner takes each condition to be computed for every row, and so a walk along an index that leaves out a few
    rows for cheaper than reading the table, which is three times as fast.
    """
    inner = Table(relation=outer.relation, alias=writer.alias())
    where = writer.condition(plain, inner)
    columns = ", ".join(f"{inner.alias}.{quoted(name)}" for name in outer.columns)
    return f"(SELECT {columns} FROM {inner.source()} WHERE {where} OFFSET 0)"


def _counted(aggregate: Aggregate, names: list[str], items: list[str], writer: Writer, table: Table) -> str:
    """Counts by what is stored first, and by groups then: a code is named once a group, and not once a row."""
    joined = table.source("\f")  # by now all columns are known, those of joins as well
    rows, number = _stored(aggregate, list(table.columns), writer), 'coalesce(sum("~rows"), 0)'
    outputs = [f'{name} AS "~by{place}"' for place, name in enumerate(names)]
    outputs.append(f'{number}::bigint AS "~value"')
    items = [*items, '"~rows"']
    found = f"SELECT {', '.join(items)}\n  FROM {joined.replace(chr(12), f'({rows})')}"
    last = f"\nGROUP BY {', '.join(names)}" if names else ""
    if names and aggregate.apart != NEVER:
        last += '\nHAVING sum("~rows") > 0'
    return f"SELECT {', '.join(outputs)}\nFROM ({found}) AS found{last}"


def _stored(aggregate: Aggregate, columns: list[str], writer: Writer) -> str:
    """How many rows there are of what is stored, or each of them where hardly two are stored alike."""
    table = writer.table(aggregate.relation)
    table.columns.update(dict.fromkeys(columns))
    stored = [f"{table.alias}.{quoted(name)}" for name in columns]
    few = all(_repeats(bucket, table.relation) for bucket in aggregate.by)
    outputs = [*stored, f'{"count(*)::int" if few else "1"} AS "~rows"']
    group = f"\n    GROUP BY {', '.join(stored)}" if few and stored else ""
    rows = f"SELECT {', '.join(outputs)}\n    {_rows(aggregate.where, writer, table)}{group}"
    return rows if aggregate.apart == NEVER else f"{rows}\n    UNION ALL {_apart(aggregate, columns, writer)}"


def _apart(aggregate: Aggregate, columns: list[str], writer: Writer) -> str:
    """One less for each row that does not count after all."""
    table = writer.table(aggregate.relation)
    where = holds(All((aggregate.where, aggregate.apart)), writer, table)
    outputs = [*(f"{table.alias}.{quoted(name)}" for name in columns), "-1"]
    return f"SELECT {', '.join(outputs)}\n    FROM {table.source()}\n    WHERE {where}"


def _repeats(bucket: Bucket, relation: Relation) -> bool:
    """Whether many rows store the same there: a code, a division or a day, but no key, text or moment."""
    if bucket.relation is not None:
        return False
    column = relation.column(bucket.column)
    plain = column.kind in {"bool", "date", "int"} or column.codes is not None or bucket.width == "town"
    return plain and not column.is_key and not column.is_list and column.unique is None


def _summed(rows: str, names: list[str]) -> str:
    outputs = [f'{name} AS "~by{place}"' for place, name in enumerate(names)]
    outputs.append('round(coalesce(sum(part), 0), 2)::text AS "~value"')
    last = f"\nGROUP BY {', '.join(names)}" if names else ""
    return f"SELECT {', '.join(outputs)}\nFROM ({rows}) AS found{last}"


def _total(name: str, table: Table) -> str:
    column = table.relation.column(name)
    if column.kind not in {"int", "decimal", "float"}:
        raise ValueError(f"column `{column.name}` is no number to sum")
    return f"({sortable(column, table.raw(column))})::numeric"


def _bucket(bucket: Bucket, writer: Writer, table: Table) -> str:
    if bucket.relation is None:
        return _widened(bucket, writer, table)
    inner = writer.table(bucket.relation, table)
    on = " AND ".join(writer.match(table, left, inner, right) for left, right in bucket.on) or "TRUE"
    key = inner.relation.column("_key")
    value, order = _widened(bucket, writer, inner), sortable(key, inner.raw(key))
    return f"(SELECT {value} FROM {inner.source()} WHERE {on} ORDER BY {order} LIMIT 1)"


def _widened(bucket: Bucket, writer: Writer, table: Table) -> str:
    column = table.relation.column(bucket.column)
    value = writer.value(table, column)
    if bucket.width is None:
        return value
    if bucket.width == "town":
        return f"left({value}, 9)"
    if bucket.width == "quarter" and column.kind in {"date", "instant"}:
        return f"left({value}, 4) || 'Q' || (substr({value}, 6, 2)::int + 2) / 3"
    if bucket.width == "age_band" and column.kind == "date":
        return _band(column, writer, table)
    raise ValueError(f"width `{bucket.width}` does not go with column `{bucket.column}`")


def _band(column: Mapped, writer: Writer, table: Table) -> str:
    """Born after the day n years ago is younger than n; dates compare as their ISO texts."""
    value = shown(column, table.raw(column))
    whens = [
        f"WHEN {value} > {writer.bind(TODAY, _years_before(age), '::text', 'age', str(age))} THEN '{name}'"
        for age, name in BANDS
    ]
    return f"CASE {' '.join(whens)} WHEN {value} IS NOT NULL THEN '{OLDER}' END"


def _years_before(years: int) -> Any:
    def before(today: str) -> str:
        day = datetime.date.fromisoformat(today)
        # Who was born on 29 February has the birthday on 1 March: born on `02-29` is still after `02-28`.
        return f"{day.year - years:04}-{day.month:02}-{day.day:02}"

    return before
