"""Write -> Statements: one a change, pure and deterministic; and the rights and the table that they need.

Guarantee: a statement writes columns that the mapping lets it write and looks at columns that the mapping lets it look
at, and no other; every value is a parameter, and one that its column cannot hold is an error, never a null.
"""

from __future__ import annotations

from collections.abc import Iterator

from connectors.mapping import Mapped, Mapping, Relation
from connectors.source import All, Compare, Exists, Not, Outer, Predicate, Some
from connectors.sql_predicates import Statement, Table, Writer
from connectors.sql_stored import stored, stored_cast
from connectors.sql_values import quoted
from connectors.write import About, Change, Copied, Insert, Next, Put, Sweep, Update

SCHEMA = "hub"
INTENTS = '"hub"."hub_write"'

INTENTS_DDL = """
create schema if not exists hub;
create table if not exists hub.hub_write (
    intent text primary key,
    digest text not null,
    relations text[] not null,
    keys text[] not null,                 -- of the rows written, in the order of the changes
    given_up boolean not null,            -- settled as not happened: an attempt that comes later does nothing
    at timestamptz not null default now(),
    check (not given_up or keys = '{}')
);
create index if not exists hub_write_keys on hub.hub_write using gin (keys);
"""
"""The hub's own table in a department's database: names of intents and keys of rows, no value of any row."""

TAKE = f"""
INSERT INTO {INTENTS} (intent, digest, relations, keys, given_up)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT (intent) DO NOTHING RETURNING TRUE
"""
"""Takes an intent's name; waits while another transaction holds it, and gives no row if that one has kept it."""

TAKEN = f"SELECT digest, keys, given_up FROM {INTENTS} WHERE intent = $1"

TOUCHED = f"""
SELECT count(*) FROM {INTENTS} WHERE keys @> ARRAY[$2::text] AND intent <> $3
  AND EXISTS (SELECT FROM unnest(relations, keys) AS named (relation, key) WHERE relation = $1 AND key = $2)
"""
"""How many writes under other names than ``$3`` have named a row; keys of two relations may be equal."""


def change_statement(change: Change, mapping: Mapping) -> Statement:
    """The statement of one change; ``KeyError`` or ``ValueError`` if the mapping cannot serve it.

    Of an insert it gives (the row that it is about is there, the row was made); of an update one row (as expected, the
    columns shown...) or, if there is no such row for the writer, none.
    """
    writer = Writer(mapping=mapping)
    match change:
        case Insert():
            text = _insert(change, writer)
        case Update():
            text = _update(change, writer)
        case Sweep():
            text = _sweep(change, writer)
    return Statement(text=text, binders=tuple(writer.binders))


def _insert(change: Insert, writer: Writer) -> str:
    relation = writer.mapping.relation(change.relation)
    about = "SELECT 1" if change.about is None else _about(change.about, writer)
    puts = (Put("_key", change.key), *change.puts)
    columns = ", ".join(quoted(_written(relation, put, "insert").place.column) for put in puts)
    values = ", ".join(_value(relation, put, writer) for put in puts)
    return (
        f"WITH about AS ({about}),\n"
        f"made AS (INSERT INTO {quoted(relation.table)} ({columns})\n"
        f"  SELECT {values} FROM about ON CONFLICT DO NOTHING RETURNING 1)\n"
        "SELECT EXISTS (SELECT FROM about), EXISTS (SELECT FROM made)"
    )


def _about(about: About, writer: Writer) -> str:
    table = writer.table(about.relation)
    _may_check(about.scope, writer.mapping, (about.relation,))
    key = Compare("_key", "eq", about.key)
    where = writer.condition(All((key, about.scope)), table)
    return f"SELECT 1 FROM {table.source()} WHERE {where}"


def _update(change: Update, writer: Writer) -> str:
    """Finds the row and holds it, judges it as it is now that it is held, and changes it if it is as expected."""
    table = writer.table(change.relation)
    relation = table.relation
    for predicate in (change.scope, change.expect):
        _may_check(predicate, writer.mapping, (change.relation,))
    shown = [_checked(relation, name) for name in change.shows]
    where = writer.condition(All((Compare("_key", "eq", change.key), change.scope)), table)
    fresh = writer.condition(change.expect, table)
    outputs = [f"({fresh}) IS TRUE AS fresh"]
    outputs += [f"{writer.value(table, column)} AS s{place}" for place, column in enumerate(shown)]
    found = f"SELECT {', '.join(outputs)}\n  FROM {table.source()}\n  WHERE {where} FOR UPDATE OF {table.alias}"
    changed = f",\nchanged AS ({_set(change, writer)})" if change.puts else ""
    answer = ", ".join(["fresh", *(f"s{place}" for place in range(len(shown)))])
    return f"WITH there AS ({found}){changed}\nSELECT {answer} FROM there"


def _sweep(change: Sweep, writer: Writer) -> str:
    table = writer.table(change.relation)
    _may_check(change.where, writer.mapping, (change.relation,))
    assignments = ", ".join(_assignment(table, put, writer) for put in change.puts)
    where = writer.condition(change.where, table)
    if table.joins:
        raise ValueError("rows are swept by columns of their own table")
    return f"UPDATE {quoted(table.relation.table)} AS {table.alias} SET {assignments}\nWHERE {where} RETURNING 1"


def _set(change: Update, writer: Writer) -> str:
    table = writer.table(change.relation)
    assignments = ", ".join(_assignment(table, put, writer) for put in change.puts)
    key = writer.condition(Compare("_key", "eq", change.key), table)
    # The subquery comes first: the row is held before it is judged, and its newest version is what is changed.
    found = f"UPDATE {quoted(table.relation.table)} AS {table.alias} SET {assignments}\n  WHERE {key}"
    return f"{found} AND (SELECT fresh FROM there) RETURNING 1"


def _assignment(table: Table, put: Put, writer: Writer) -> str:
    column = quoted(_written(table.relation, put, "update").place.column)
    return f"{column} = {_value(table.relation, put, writer, table)}"


def _value(relation: Relation, put: Put, writer: Writer, table: Table | None = None) -> str:
    column = relation.column(put.column)
    if isinstance(put.operand, Next):
        if table is None or column.kind != "int":
            raise ValueError(f"column `{put.column}` of a new row, or no number, has no next value")
        return f"coalesce({table.raw(_checked(relation, put.column))}, 0) + 1"
    if isinstance(put.operand, Copied):
        other = _checked(relation, put.operand.column)
        if table is None or (other.kind, other.codes, other.true) != (column.kind, column.codes, column.true):
            raise ValueError(f"column `{put.column}` does not keep what column `{other.name}` keeps")
        return table.raw(other)
    longest = None if relation.writes is None else relation.writes.longest.get(put.column)
    return writer.bind(put.operand, stored(column, longest), stored_cast(column), "put", put.column)


def _written(relation: Relation, put: Put, how: str) -> Mapped:
    allowed = getattr(relation.writes, how) if relation.writes else ()
    if put.column not in allowed:
        raise ValueError(f"column `{relation.name}.{put.column}` is not open to {how}")
    return relation.column(put.column)


def _checked(relation: Relation, name: str) -> Mapped:
    if relation.writes is None or name not in relation.writes.check:
        raise ValueError(f"column `{relation.name}.{name}` is not open to a write's checks")
    return relation.column(name)


def _may_check(predicate: Predicate, mapping: Mapping, relations: tuple[str, ...]) -> None:
    """Refuses a predicate that looks at a column which the mapping keeps closed; ``relations``: inner one last."""
    match predicate:
        case Compare(column=column, operand=operand):
            _checked(mapping.relation(relations[-1]), column)
            if isinstance(operand, Outer):
                _checked(mapping.relation(relations[-2]), operand.column)
        case Not(part=part):
            _may_check(part, mapping, relations)
        case All(parts=parts) | Some(parts=parts):
            for part in parts:
                _may_check(part, mapping, relations)
        case Exists(relation=inner, on=on, where=where):
            for left, right in on:
                _checked(mapping.relation(relations[-1]), left)
                _checked(mapping.relation(inner), right)
            _may_check(where, mapping, (*relations, inner))
        case _:
            return


def grants(mapping: Mapping, role: str) -> list[str]:
    """What a department's administrator runs (after ``INTENTS_DDL``) so that ``role`` may write what is mapped.

    Nothing if no relation takes writes. Column by column: no right on a table as a whole, no right to delete, and to
    read only what a write looks at.
    """
    if not any(relation.writes for relation in mapping.relations.values()):
        return []
    name = quoted(role)
    found = [
        f"GRANT USAGE ON SCHEMA {SCHEMA} TO {name}",
        f"GRANT SELECT, INSERT ON {INTENTS} TO {name}",
    ]
    rights: dict[tuple[str, str], dict[str, None]] = {}
    for relation in mapping.relations.values():
        for right, table, column in _rights(relation):
            rights.setdefault((right, table), {})[column] = None
    for (right, table), columns in sorted(rights.items()):
        listed = ", ".join(quoted(column) for column in sorted(columns))
        found.append(f"GRANT {right} ({listed}) ON {quoted(table)} TO {name}")
    return found


def _rights(relation: Relation) -> Iterator[tuple[str, str, str]]:
    if relation.writes is None:
        return
    for right, names in (("INSERT", relation.writes.insert), ("UPDATE", relation.writes.update)):
        for name in names:
            yield right, relation.table, relation.column(name).place.column
    for name in relation.writes.check:
        for table, column in _read(relation, relation.column(name)):
            yield "SELECT", table, column


def _read(relation: Relation, column: Mapped) -> Iterator[tuple[str, str]]:
    """Physical columns that the value of a mapped column is made of."""
    join = column.place.join
    if join is None:
        yield relation.table, column.place.column
    while join is not None:
        joined = relation.joins[join]
        if join == column.place.join:
            yield joined.table, column.place.column
        for left, place in joined.on:
            yield joined.table, left
            if place.join is None:
                yield relation.table, place.column
        join = next((place.join for _, place in joined.on if place.join is not None), None)
    for name, _ in column.unique or ():
        yield relation.table, name
    if column.unique:
        yield relation.table, relation.column("_key").place.column
