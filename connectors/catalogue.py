"""Live database -> Stored: tables with their indexes and statistics, as the department's own catalogue tells them.

Guarantee: readable by a role that may read the mapped tables and nothing else; of statistics the values are taken of
columns with few different ones alone (codes), so no name or number of a person comes with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from connectors.sql_values import quoted

DEADLINE = 60.0
"""Seconds for one question to the database."""

TABLE = """
SELECT c.relname::text, c.relkind::text, 
  CASE WHEN c.reltuples < 0 AND pg_relation_size(c.oid) = 0 THEN 0 ELSE c.reltuples END::float8, n.nspname::text
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)
"""

KEYS = """
SELECT c.relname::text, m.amname::text, x.indisvalid AND x.indisready, pg_get_expr(x.indpred, x.indrelid, true),
  pg_get_indexdef(x.indexrelid, k.n, true), f.opfname::text, x.indoption[k.n - 1]::int,
  a.attnum IS NULL OR x.indcollation[k.n - 1] = a.attcollation
FROM pg_index AS x
  JOIN pg_class AS c ON c.oid = x.indexrelid
  JOIN pg_am AS m ON m.oid = c.relam
  CROSS JOIN LATERAL generate_series(1, x.indnkeyatts::int) AS k (n)
  JOIN pg_opclass AS o ON o.oid = x.indclass[k.n - 1]
  JOIN pg_opfamily AS f ON f.oid = o.opcfamily
  LEFT JOIN pg_attribute AS a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[k.n - 1] AND a.attnum > 0
WHERE x.indrelid = to_regclass($1)
ORDER BY c.relname, k.n
"""

COLUMNS = """
SELECT a.attname::text, t.typname::text, CASE WHEN a.atttypmod > 4 THEN a.atttypmod - 4 END, s.null_frac::float8,
  s.n_distinct::float8, s.avg_width, s.most_common_freqs::float8[],
  CASE WHEN s.n_distinct BETWEEN 0 AND 100 THEN s.most_common_vals::text::text[] END,
  s.most_common_elems::text::text[], s.most_common_elem_freqs::float8[]
FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
  LEFT JOIN pg_stats AS s ON s.schemaname = $2 AND s.tablename = $3 AND s.attname = a.attname AND NOT s.inherited
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
"""

TEXT_CAST = r"::(?:character varying|varchar|bpchar|text)(?:\(\d+\))?(?:\[\])?"
"""What the server writes beside each text; other casts change a value, and an index on it is another one."""
TYPES = frozenset({"varchar", "bpchar"})


class Database(Protocol):
    """What is asked: ``PostgresSource`` is one."""

    async def query(self, text: str, *arguments: Any, deadline: float) -> Any:
        """Rows of one reading statement; raises ``SourceError``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One column or expression of an index; ``bytewise``: it compares bytes, so that equality alone is served."""

    text: str
    bytewise: bool = False
    foreign: bool = False
    """Whether it has another collation than its column, so that it serves nothing here."""
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index; ``only``: the condition of its rows, if it does not hold all of them."""

    name: str
    method: str
    valid: bool
    keys: tuple[Key, ...]
    only: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How the values of a column are spread; of a column that was never analysed nothing is known (``known`` false)."""

    known: bool = False
    longest: int | None = None
    nulls: float = 0.0
    distinct: float = 0.0
    width: int = 8
    shares: tuple[float, ...] = ()
    common: Mapping[str, float] = field(default_factory=dict)
    elements: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A table as it stands; ``rows`` None: never counted (its administrator runs ``analyze``)."""

    name: str
    kind: str
    rows: int | None
    indexes: tuple[Index, ...] = ()
    columns: Mapping[str, Spread] = field(default_factory=dict)


async def stored(database: Database, tables: Iterable[str]) -> Mapping[str, Stored]:
    """Table -> how it stands; what does not exist, or is a view, is left out."""
    found = {name: await _table(database, name) for name in dict.fromkeys(tables)}
    return {name: table for name, table in found.items() if table is not None}


async def _table(database: Database, name: str) -> Stored | None:
    rows = await database.query(TABLE, quoted(name), deadline=DEADLINE)
    if not rows or rows[0][1] not in ("r", "p"):
        return None
    [(relname, kind, count, schema)] = rows
    columns = await database.query(COLUMNS, quoted(name), schema, relname, deadline=DEADLINE)
    keys = await database.query(KEYS, quoted(name), deadline=DEADLINE)
    return Stored(
        name=name,
        kind=kind,
        rows=None if count < 0 else int(count),
        indexes=tuple(_indexes(keys)),
        columns={row[0]: _spread(row, max(count, 1.0)) for row in columns},
    )


def _indexes(rows: Iterable[Any]) -> list[Index]:
    found: dict[str, Index] = {}
    for name, method, valid, only, text, family, options, collated in rows:
        key = Key(
            text=text,
            bytewise=family.endswith("pattern_ops"),
            foreign=not collated,
            descending=bool(options & 1),
            nulls_first=bool(options & 2),
        )
        held = found.get(name)
        keys = (*held.keys, key) if held else (key,)
        found[name] = Index(name=name, method=method, valid=valid, only=only, keys=keys)
    return list(found.values())


def _spread(row: Any, rows: float) -> Spread:
    _, type_, longest, nulls, distinct, width, shares, values, elements, element_shares = row
    if type_ not in TYPES:
        longest = None
    if nulls is None:
        return Spread(longest=longest)
    return Spread(
        known=True,
        longest=longest,
        nulls=nulls,
        # Negative: a share of the rows, as of numbers of which there are as many as rows.
        distinct=distinct if distinct >= 0 else -distinct * rows,
        width=width,
        shares=tuple(shares or ()),
        common=dict(zip(values or (), shares or (), strict=False)),
        elements=dict(zip(elements or (), element_shares or (), strict=False)),
    )


def plain(text: str) -> str:
    """An expression without what writers of SQL differ in: quotes, casts to text, spaces, parentheses, an idle ELSE."""
    bare = re.sub(r'[\s"()]', "", re.sub(TEXT_CAST, "", text)).replace("doubleprecision", "float8")
    return re.sub(r"ELSENULL(?:::[a-z0-9]+)?(?=END)", "", bare)
