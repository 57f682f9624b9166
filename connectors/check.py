"""Mapping, live database -> problems: what `hub sources check` and the start-up check say of a department.

Guarantee: with no fatal problem every statement that the mapping can give prepares in that database; codes and dates
that the mapping cannot read (shown as null) are counted, never quoted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from connectors.mapping import Mapped, Place, Relation
from connectors.mapping import Mapping as SourceMapping
from connectors.sql_predicates import Table
from connectors.sql_values import literal, quoted

DEADLINE = 60.0
"""Seconds for one question to the database."""

TEXTS = frozenset({"text", "varchar", "bpchar"})
ARRAYS = frozenset({"_text", "_varchar", "_bpchar"})
INTEGERS = frozenset({"int2", "int4", "int8"})
NUMBERS = INTEGERS | {"numeric", "float4", "float8"}

COLUMNS = """
SELECT a.attname::text, coalesce(b.typname, t.typname)::text,
  has_table_privilege(a.attrelid, 'SELECT') OR has_column_privilege(a.attrelid, a.attnum, 'SELECT'),
  CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN a.atttypmod - 4 END
FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid LEFT JOIN pg_type AS b ON b.oid = t.typbasetype
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong; ``fatal`` if statements fail because of it. ``count``: rows that it concerns."""

    source: str
    place: str
    message: str
    fatal: bool
    count: int | None = None

    def __str__(self) -> str:
        return f"{self.source}: {self.place}: {self.message}"


class Database(Protocol):
    """What a check asks of: ``PostgresSource`` is one."""

    mapping: SourceMapping

    async def query(self, text: str, *arguments: Any, deadline: float) -> Any:
        """Rows of one reading statement; raises ``SourceError``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Need:
    """A column that the mapping names, with the types that it may have (None: any)."""

    place: str
    table: str
    column: str
    types: frozenset[str] | None = None


async def check(database: Database) -> list[Problem]:
    """Every problem of a department; ``SourceError`` if it does not answer."""
    mapping = database.mapping
    needs = list(_needs(mapping))
    tables = {name: await _columns(database, name) for name in dict.fromkeys(need.table for need in needs)}
    problems = list(_missing(mapping.source, needs, tables))
    broken = {problem.place.partition(".")[0] for problem in problems}
    for relation in mapping.relations.values():
        if relation.name not in broken:
            problems += _too_long(mapping.source, relation, tables[relation.table])
            problems += await _unreadable(database, relation)
    return problems


Columns = Mapping[str, tuple[str, bool, int | None]]
"""Column -> its type, whether we may read it, and how many characters it holds if that is bounded."""


async def _columns(database: Database, table: str) -> Columns:
    """Columns of a table; empty if there is no such table."""
    rows = await database.query(COLUMNS, quoted(table), deadline=DEADLINE)
    return {name: (type_, readable, longest) for name, type_, readable, longest in rows}


def _too_long(source: str, relation: Relation, columns: Columns) -> Iterator[Problem]:
    """Texts that the mapping lets through and the database would not take: the writer could not be told which."""
    if relation.writes is None:
        return
    for name in sorted(relation.writes.insert | relation.writes.update):
        mapped = relation.column(name)
        longest = columns[mapped.place.column][2]
        plain = mapped.kind == "text" and (mapped.codes is None or mapped.is_list) and not mapped.is_key
        if plain and longest is not None and relation.writes.longest.get(name, longest + 1) > longest:
            message = f"column `{relation.table}.{mapped.place.column}` holds {longest} characters: say so in `longest`"
            yield Problem(source=source, place=f"{relation.name}.{name}", message=message, fatal=False)


def _needs(mapping: SourceMapping) -> Iterator[_Need]:
    if mapping.divisions is not None:
        for column in (mapping.divisions.code, mapping.divisions.name):
            yield _Need(place="divisions", table=mapping.divisions.table, column=column, types=TEXTS)
    for relation in mapping.relations.values():
        for join in relation.joins.values():
            for column, place in join.on:
                name = f"{relation.name}.joins.{join.name}"
                yield _Need(place=name, table=join.table, column=column)
                yield _Need(place=name, table=_table(relation, place), column=place.column)
        for mapped in relation.columns.values():
            yield from _of_column(relation, mapped)


def _of_column(relation: Relation, mapped: Mapped) -> Iterator[_Need]:
    name = f"{relation.name}.{mapped.name}"
    yield _Need(place=name, table=_table(relation, mapped.place), column=mapped.place.column, types=_types(mapped))
    if mapped.village is not None:
        yield _Need(place=name, table=_table(relation, mapped.village), column=mapped.village.column, types=TEXTS)
    for column, _ in mapped.unique or ():
        yield _Need(place=name, table=relation.table, column=column)


def _table(relation: Relation, place: Place) -> str:
    return relation.table if place.join is None else relation.joins[place.join].table


def _types(mapped: Mapped) -> frozenset[str]:
    if mapped.stored == "array":
        return ARRAYS
    if mapped.true is not None or mapped.stored in {"digits", "yyyymmdd"}:
        return TEXTS
    return {
        "text": TEXTS,
        "int": INTEGERS,
        "bool": frozenset({"bool"}),
        "date": frozenset({"date"}),
        "instant": frozenset({"timestamp" if mapped.stored == "local" else "timestamptz"}),
        "decimal": NUMBERS,
        "float": NUMBERS,
    }[mapped.kind]


def _missing(source: str, needs: list[_Need], tables: Mapping[str, Columns]) -> Iterator[Problem]:
    said = set()
    for need in needs:
        message = _wrong(need, tables[need.table])
        if message and (need.place, message) not in said:
            said.add((need.place, message))
            yield Problem(source=source, place=need.place, message=message, fatal=True)


def _wrong(need: _Need, columns: Columns) -> str | None:
    if not columns:
        return f"the database has no table `{need.table}`"
    if need.column not in columns:
        return f"table `{need.table}` has no column `{need.column}`"
    type_, readable, _ = columns[need.column]
    if not readable:
        return f"column `{need.table}.{need.column}` may not be read by the hub's role"
    if need.types is not None and type_ not in need.types:
        wanted = ", ".join(f"`{name.lstrip('_')}[]`" if name[0] == "_" else f"`{name}`" for name in sorted(need.types))
        return f"column `{need.table}.{need.column}` has type `{type_}`: {wanted} would fit its mapping"
    return None


async def _unreadable(database: Database, relation: Relation) -> list[Problem]:
    """Counts, in one pass over the relation's own table, what the mapping shows as null though something is stored."""
    table = Table(relation=relation, alias="t")
    found = [(mapped, test) for mapped in relation.columns.values() if (test := _test(mapped, table)) is not None]
    if not found:
        return []
    counts = ", ".join(f"count(*) FILTER (WHERE {test})" for _, test in found)
    rows = await database.query(f"SELECT {counts} FROM {table.source()}", deadline=DEADLINE)
    return [
        Problem(
            source=database.mapping.source,
            place=f"{relation.name}.{mapped.name}",
            message=f"{count} rows hold {_what(mapped)}, shown as null",
            fatal=False,
            count=count,
        )
        for (mapped, _), count in zip(found, rows[0], strict=True)
        if count
    ]


def _what(mapped: Mapped) -> str:
    if mapped.codes is not None:
        return f"a code that is not in [codes.{mapped.codes.name}]"
    return "no date of eight digits" if mapped.stored == "yyyymmdd" else "no number of at most nine digits"


def _test(mapped: Mapped, table: Table) -> str | None:
    """SQL that is true of a stored value that the mapping cannot read."""
    if mapped.place.join is not None:
        return None  # counted where that table is a relation of its own
    raw = table.raw(mapped)
    if mapped.codes is not None:
        codes = f"ARRAY[{', '.join(literal(code) for code, _ in mapped.codes.pairs)}]"
        if mapped.separator is not None:
            return f"NOT string_to_array({raw}, {literal(mapped.separator)}) <@ {codes}"
        return f"NOT {raw}::text[] <@ {codes}" if mapped.is_list else f"NOT {raw}::text = ANY({codes})"
    pattern = {"yyyymmdd": "^[0-9]{8}$", "digits": "^[0-9]{1,9}$"}.get(mapped.stored)
    return None if pattern is None else f"{raw} !~ {literal(pattern)}"
