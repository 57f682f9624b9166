"""Fetch -> Statement: one SQL text with bound variables only, pure and deterministic.

Guarantee: the statement names the columns that the Fetch selects and those that its predicates, order and joins need,
and no other; every value of a request or a plan is a parameter.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from connectors.mapping import Mapping
from connectors.source import ALWAYS, NEVER, Column, Fetch, Param, Predicate
from connectors.sql_aggregate import aggregate_statement
from connectors.sql_denied import denies, holds
from connectors.sql_given import lists, within
from connectors.sql_predicates import Statement, Table, Writer, divided, reaches
from connectors.sql_values import Encoder, masked, order_cast, order_encoder, order_text, quoted, sortable

__all__ = ["Statement", "aggregate_statement", "statement"]


def statement(asked: Fetch, mapping: Mapping, *, long: bool = False) -> Statement:
    """The statement of a Fetch; ``KeyError`` or ``ValueError`` if the mapping cannot serve it.

    ``long``: lists are so long that what a value's condition finds in them is looked up, and not gone through.
    """
    writer, fetch = Writer(mapping=mapping, long=long, states=_has_states(asked)), within(asked)
    if fetch.distinct:
        text = _distinct(fetch, writer)
    elif fetch.per is not None or (fetch.limit is not None and _costly(fetch)):
        text = _nested(fetch, writer)
    else:
        text = _flat(fetch, writer)
    paged = fetch.limit is not None and fetch.per is None and not fetch.distinct
    planned = _denied(asked) or (paged and divided(fetch.where))
    return Statement(text=text, binders=tuple(writer.binders), planned=planned, lists=lists(fetch))


def _has_states(asked: Fetch) -> bool:
    return any(column.conditional for column in asked.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sort:
    """One expression of ORDER BY."""

    text: str
    descending: bool

    @property
    def clause(self) -> str:
        return self.text + (" DESC NULLS LAST" if self.descending else "")


def _distinct(fetch: Fetch, writer: Writer) -> str:
    if fetch.per is not None or fetch.cursors or fetch.after:
        raise ValueError("`distinct` excludes `per`, `cursors` and `after`")
    table = writer.table(fetch.relation)
    where = holds(fetch.where, writer, table) if _denied(fetch) else writer.condition(fetch.where, table)
    table.unindexed = writer.long
    costly = _lateral(fetch, writer, table)
    outputs = _outputs(fetch, writer, table)
    return f"SELECT DISTINCT {outputs}\nFROM {table.source()}{costly}\nWHERE {where}{_limit(fetch, writer)}"


def _denied(fetch: Fetch) -> bool:
    """Whether a few rows are looked for by what does not hold of them."""
    return fetch.distinct and fetch.limit is not None and denies(fetch.where)


def _flat(fetch: Fetch, writer: Writer) -> str:
    table = writer.table(fetch.relation)
    where = _rows(fetch, writer, table)
    table.unindexed = writer.long
    costly = _lateral(fetch, writer, table)
    outputs = _outputs(fetch, writer, table)
    table.unindexed = False
    order = ", ".join(sort.clause for sort in _sorts(fetch, writer, table))
    rows = f"FROM {table.source()}{costly}\nWHERE {where}"
    return f"SELECT {outputs}\n{rows}\nORDER BY {order}{_limit(fetch, writer)}"


def _nested(fetch: Fetch, writer: Writer) -> str:
    """First which rows, then what of them: conditions that cost are computed for the rows of the page alone."""
    outer, inner = writer.table(fetch.relation), writer.table(fetch.relation)
    outer.unindexed = writer.long
    costly = _lateral(fetch, writer, outer)
    outputs = _outputs(fetch, writer, outer)
    joined = outer.source("\f")  # stands for the inner query until its columns are known
    where, sorts = _rows(fetch, writer, inner), _sorts(fetch, writer, inner)
    order = ", ".join(sort.clause for sort in sorts)
    items = [f"{inner.alias}.{quoted(name)}" for name in outer.columns]
    items += [f'{sort.text} AS "~sort{position}"' for position, sort in enumerate(sorts)]
    if fetch.per is not None:
        of = writer.value(inner, inner.relation.column(fetch.per))
        items.append(f'row_number() OVER (PARTITION BY {of} ORDER BY {order}) AS "~rank"')
    rows = f"SELECT {', '.join(items)}\n  FROM {inner.source()}\n  WHERE {where}"
    if fetch.per is None:
        rows += f"\n  ORDER BY {order}" + _limit(fetch, writer)
    last = ", ".join(
        _Sort(text=f'{outer.alias}."~sort{position}"', descending=sort.descending).clause
        for position, sort in enumerate(sorts)
    )
    kept = _ranked(fetch, writer, outer)
    return f"SELECT {outputs}\nFROM {joined.replace(chr(12), f'({rows})')}{costly}{kept}\nORDER BY {last}"


def _ranked(fetch: Fetch, writer: Writer, outer: Table) -> str:
    if fetch.per is None or fetch.limit is None:
        return ""
    return f'\nWHERE {outer.alias}."~rank" <= coalesce({_bound_limit(fetch.limit, writer)}, 9223372036854775807)'


def _limit(fetch: Fetch, writer: Writer) -> str:
    return "" if fetch.limit is None else f"\nLIMIT {_bound_limit(fetch.limit, writer)}"


def _bound_limit(limit: Param, writer: Writer) -> str:
    return writer.bind(limit, lambda value: value, "::bigint", "limit")


def _outputs(fetch: Fetch, writer: Writer, table: Table) -> str:
    items = [(_output(column, writer, table), column.name) for column in fetch.columns]
    if writer.states:
        items.append((" || ".join(_state(column, writer, table) for column in fetch.columns), "~states"))
    if fetch.certain is not None:
        items.append((f"({writer.condition(fetch.certain, table)}) IS TRUE", "~certain"))
    if fetch.cursors:
        for position, order in enumerate(fetch.order):
            column = table.relation.column(order.column)
            text = _guarded(writer, table, order.column, order_text(column, table.raw(column)))
            items.append((_when(writer, table, order.clear, text), f"~order{position}"))
    return ",\n  ".join(f'{text} AS "{name}"' for text, name in items) or "1 AS nothing"


def _output(column: Column, writer: Writer, table: Table) -> str:
    mapped = table.relation.column(column.name)
    if column.clear == ALWAYS or mapped.is_key:
        return writer.value(table, mapped)
    cases = [] if column.clear == NEVER else [(column.clear, writer.value(table, mapped))]
    if column.clear_possible != NEVER:
        cases.append((column.clear_possible, "NULL"))
    if column.masked != NEVER:
        village = table.at(mapped.village) if mapped.village and column.mask == "village" else None
        mask = column.mask or "withhold"
        raw = table.raw(mapped) if mask != "withhold" else ""
        cases.append((column.masked, masked(mapped, mask, raw, village=village, divisions=writer.mapping.divisions)))
    while cases and cases[-1][1] == "NULL":
        cases.pop()
    return _cases(writer, table, cases, "NULL")


def _state(column: Column, writer: Writer, table: Table) -> str:
    if column.clear == ALWAYS:
        return "'c'"
    given = ((column.clear, "'c'"), (column.clear_possible, "'u'"), (column.masked, "'m'"))
    cases = [(predicate, letter) for predicate, letter in (*given, (column.masked_possible, "'u'"))]
    return _cases(writer, table, [case for case in cases if case[0] != NEVER], "'x'")


def _cases(writer: Writer, table: Table, cases: list[tuple[Predicate, str]], otherwise: str) -> str:
    """The first case that holds; one that always holds ends the list."""
    whens: list[str] = []
    for predicate, text in cases:
        if predicate == ALWAYS:
            otherwise = text
            break
        whens.append(f"WHEN {writer.condition(predicate, table)} THEN {text}")
    if not whens:
        return otherwise
    return f"CASE {' '.join(whens)} END" if otherwise == "NULL" else f"CASE {' '.join(whens)} ELSE {otherwise} END"


def _when(writer: Writer, table: Table, predicate: Predicate, text: str) -> str:
    if predicate == NEVER:
        return "NULL::text"
    return text if predicate == ALWAYS else f"CASE WHEN {writer.condition(predicate, table)} THEN {text} END"


def _guarded(writer: Writer, table: Table, name: str, text: str) -> str:
    guard = writer.guard(table, table.relation.column(name))
    return f"CASE WHEN {guard} THEN {text} END" if guard else text


def _sorts(fetch: Fetch, writer: Writer, table: Table) -> list[_Sort]:
    sorts = []
    for order in fetch.order:
        column = table.relation.column(order.column)
        text = _guarded(writer, table, order.column, sortable(column, table.raw(column)))
        if order.clear != NEVER:  # sorting by null alone would say nothing
            text = _when(writer, table, order.clear, text)
            sorts.append(_Sort(text=text, descending=order.descending))
    key = table.relation.column("_key")
    return [*sorts, _Sort(text=sortable(key, table.raw(key)), descending=False)]


def _rows(fetch: Fetch, writer: Writer, table: Table) -> str:
    where = writer.condition(fetch.where, table)
    after = _after(fetch, writer, table)
    if after is None:
        return where
    return after if where == "TRUE" else f"{where}\n  AND {after}"


def _after(fetch: Fetch, writer: Writer, table: Table) -> str | None:
    """Rows behind the given position: equal so far and behind in this order, or behind by key."""
    if not fetch.after:
        return None
    if len(fetch.after) != len(fetch.order) + 1:
        raise ValueError("`after` names one parameter for each order and one for the key")
    given = [pair for pair in zip(fetch.order, fetch.after, strict=False) if pair[0].clear != NEVER]
    sorts = _sorts(fetch, writer, table)
    same: list[str] = []
    ways: list[str] = []
    for sort, (order, param) in zip(sorts, given, strict=False):
        column = table.relation.column(order.column)
        place = writer.bind(param, order_encoder(column), order_cast(column), "after", order.column)
        sign = "<" if sort.descending else ">"
        behind = f"({place} IS NOT NULL AND ({sort.text} {sign} {place} OR {sort.text} IS NULL))"
        ways.append(" AND ".join([*same, behind]))
        same.append(f"{sort.text} IS NOT DISTINCT FROM {place}")
    key = table.relation.column("_key")
    # A text key takes its column's own type: the keyset must be served by the key's index.
    type_ = "" if key.kind == "text" else order_cast(key)
    place = writer.bind(fetch.after[-1], _required(order_encoder(key)), type_, "after", "_key")
    ways.append(" AND ".join([*same, f"{sorts[-1].text} > {place}"]))
    return ways[0] if len(ways) == 1 else "(" + "\n    OR ".join(ways) + ")"


def _required(encode: Encoder) -> Encoder:
    def encoded(value: Any) -> Any:
        stored = encode(value)
        if stored is None:
            raise ValueError("`after` needs the key of a row")
        return stored

    return encoded


def _lateral(fetch: Fetch, writer: Writer, table: Table) -> str:
    """Conditions that cost and are asked more than once, computed once a row; later they are known by a name."""
    costly = [predicate for predicate, times in _asked(fetch).items() if times > 1 and reaches(predicate)]
    if not costly:
        return ""
    items = [f"({writer.condition(predicate, table)}) IS TRUE AS c{place}" for place, predicate in enumerate(costly)]
    table.known.update({predicate: f"held.c{place}" for place, predicate in enumerate(costly)})
    # OFFSET 0 keeps the planner from pulling the subquery up, which would compute each condition at each use.
    return f"\n  CROSS JOIN LATERAL (SELECT {', '.join(items)} OFFSET 0) AS held"


def _costly(fetch: Fetch) -> bool:
    return any(reaches(predicate) for predicate in _asked(fetch))


def _asked(fetch: Fetch) -> Counter[Predicate]:
    """How often each condition is needed to compute the outputs."""
    asked: Counter[Predicate] = Counter()
    for column in fetch.columns:
        for predicate in (column.clear, column.clear_possible, column.masked):
            asked[predicate] += 2  # for the value and for its state
        asked[column.masked_possible] += 1
    if fetch.certain is not None:
        asked[fetch.certain] += 1
    if fetch.cursors:
        asked.update(order.clear for order in fetch.order)
    return asked
