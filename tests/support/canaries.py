"""Databases -> the same with a canary in every value: a text, date, number or telephone that stands in one place alone.

What a scope looks at (codes, states, divisions, unit keys, a few dates, citizen ids, which are unique anyway) stays. A
canary found in an answer, an error or a log tells from which coordinate of which row it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from connectors.demo.server import Server
from connectors.mapping import Mapped, Relation
from connectors.mapping import load as load_mapping
from tests.support.rights import Me
from tests.support.running import ROOT, SOURCES
from tests.support.sight import Sight
from tests.support.world import FIELDS, HOME, World

KEPT = frozenset(
    {
        "Child.birthDate",
        "Child.updatedAt",
        "Child.ethnicity",
        "GuardianshipCase.decidedOn",
        "MandatoryReport.reporterUnit",
        "MandatoryReport.reportedAt",
        "Incident.dispatchedAt",
        "AssistanceRecord.providerUnit",
        "ProcuratorialSupervision.targetUnit",
        "ReconciliationItem.answeringUnit",
        "ReconciliationItem.comparedField",
        "AttendanceRecord.term",
        "Enrolment.schoolCode",
        "Child.disabilityGrade",
    }
)
"""Coordinates that scopes and flags look at by value, or whose columns are too narrow for a canary."""
KEPT_TYPES = frozenset({"String", "Date", "DateTime", "Int", "Decimal", "Phone"})
TOKEN = re.compile(
    r"[z\d](?:(?<=z)q[0-9a-f]{5}"
    r"|(?<=\b1)[0-8]\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00|(?<=\b1)[0-8]\d\d-\d\d-\d\d(?!T)"
    r"|(?<!\d.)(?<=\d)\d{16}[\dX](?!\d)|(?<!\d.)(?<=1)39\d{8}(?!\d)"
    r"|(?<=\b\d)\d{6}\.37\b|(?<![\w.\-].)(?<=1)\d{4}(?![\w.\-]))"
)
"""Begins with one set of characters, for which a text is searched faster than for seven beginnings."""
WORD = re.compile(r"[0-9A-Za-z]{8,}")

Owner = tuple[str, str, str]
"""(type, field, key of the row)."""


_EXPRESSIONS = {
    ("phone", "plain"): "'139' || lpad(s.n::text, 8, '0')",
    ("surname", "plain"): "'张zq' || lpad(to_hex(s.n), 5, '0')",
    ("text", "plain"): "'zq' || lpad(to_hex(s.n), 5, '0')",
    ("date", "yyyymmdd"): "to_char(date '1000-01-01' + s.n::int, 'YYYYMMDD')",
    ("date", "date"): "date '1000-01-01' + s.n::int",
    ("instant", "local"): "timestamp '1000-01-01' + s.n * interval '1 day 1 second'",
    ("instant", "timestamptz"): "timestamptz '1000-01-01 00:00:00+00' + s.n * interval '1 day 1 second'",
    ("decimal", "plain"): "1000000.37 + s.n",
    ("int", "plain"): "10000 + s.m",
}
"""(kind, how it is stored) -> the canary numbered ``s.n`` (over all) or ``s.m`` (in its column: small integers)."""


def expression(coordinate: str, mapped: Mapped) -> str:
    """The SQL of a canary for the column."""
    kind = mapped.kind
    if FIELDS[coordinate].gql_type == "Phone":
        kind = "phone"
    elif kind == "text" and FIELDS[coordinate].mask == "surname":
        kind = "surname"
    return _EXPRESSIONS[kind, mapped.stored]


def plantable(relation: Relation, name: str) -> bool:
    """Whether the column is a plain one of the relation's own table that no scope looks at by value."""
    mapped, coordinate = relation.columns[name], f"{relation.name}.{name}"
    plain = not mapped.is_key and mapped.codes is None and not mapped.is_list and mapped.place.join is None
    return plain and coordinate not in KEPT and coordinate in FIELDS and FIELDS[coordinate].gql_type in KEPT_TYPES


def statements(relation: Relation, offset: Iterator[int]) -> Iterator[str]:
    """The updates that put canaries in the relation's own columns; ``offset`` gives each a range of numbers."""
    for name, mapped in relation.columns.items():
        if not plantable(relation, name):
            continue
        value, column = expression(f"{relation.name}.{name}", mapped), mapped.place.column
        yield (
            f'UPDATE "{relation.table}" t SET "{column}" = {value} FROM (SELECT ctid AS c, '
            f"row_number() OVER () + {next(offset)} AS n, row_number() OVER () AS m "
            f'FROM "{relation.table}" WHERE "{column}" IS NOT NULL) s WHERE t.ctid = s.c'
        )


async def plant(server: Server) -> None:
    """Puts a canary in every value of the six databases."""
    offset = iter(range(0, 1_000_000, 6_000))
    for source in SOURCES:
        mapping = load_mapping(ROOT / "connectors" / f"{source}.toml")
        connection = await asyncpg.connect(server.dsn(source))
        try:
            for relation in mapping.relations.values():
                if relation.name not in ("Statistic", "AccessLogEntry", "Link", "ReconciliationItem"):
                    for statement in statements(relation, offset):
                        await connection.execute(statement)
            if source == "education":
                await _plant_schools(connection, mapping.relations["Enrolment"], next(offset))
        finally:
            await connection.close()


async def _plant_schools(connection: Any, relation: Relation, offset: int) -> None:
    place = relation.columns["schoolName"].place
    assert place.join is not None
    table = relation.joins[place.join].table
    await connection.execute(
        f"UPDATE \"{table}\" t SET \"{place.column}\" = 'zq' || lpad(to_hex(s.n), 5, '0') FROM "
        f'(SELECT ctid AS c, row_number() OVER () + {offset} AS n FROM "{table}") s WHERE t.ctid = s.c'
    )


@dataclass(slots=True, kw_only=True)
class Canaries:
    """Where each canary stands, and keys that may stand nowhere in an answer."""

    owners: Mapping[str, set[Owner]]
    keys: frozenset[str]

    def tokens(self, text: str) -> set[str]:
        """Canaries in a text."""
        return {token for token in TOKEN.findall(text) if token in self.owners}

    def bare_keys(self, text: str) -> set[str]:
        """Keys of departments (register numbers, person numbers, row keys) in a text."""
        return set(WORD.findall(text)) & self.keys

    def ungranted(self, sight: Sight, text: str) -> dict[str, set[Owner]]:
        """Canaries in the text that no grant of the principal opens in clear in any row that holds them."""
        return {
            token: self.owners[token]
            for token in self.tokens(text)
            if not any(granted(sight, owner) for owner in self.owners[token])
        }


def granted(sight: Sight, owner: Owner) -> bool:
    """Whether the principal reads the field of that row in clear."""
    type_name, field, key = owner
    [row] = sight.world.by(HOME[type_name], type_name, "_key", key)
    return sight.state(type_name, row, f"{type_name}.{field}") == "clear"


def find_canaries(world: World) -> Canaries:
    """Every canary of the world with its owners; parts of a case belong to the case, compared values to their item."""
    owners: dict[str, set[Owner]] = {}
    for type_name, field, key, value in _values(world):
        for token in TOKEN.findall(str(value)):
            owners.setdefault(token, set()).add((type_name, field, key))
    keys = {
        value
        for rows in world.tables.values()
        for row in rows
        for name, value in row.items()
        if name in ("_key", "_register", "_person", "_case") and isinstance(value, str) and len(value) >= 8
    }
    return Canaries(owners=owners, keys=frozenset(keys))


def _values(world: World) -> Iterator[tuple[str, str, str, Any]]:
    for (source, relation), rows in world.tables.items():
        if relation in ("Link", "ReconciliationItem", "Statistic"):
            continue
        for row in rows:
            for owner in _rows_of(world, source, relation, row):
                yield from _fields(relation, row, owner)
    yield from _compared(world)


def _rows_of(world: World, source: str, relation: str, row: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    if relation == "CriminalCase" and source != "public_security":
        return world.by("public_security", "CriminalCase", "_case", row["_case"])
    return [row]


def _fields(relation: str, row: Mapping[str, Any], owner: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Any]]:
    for name, value in row.items():
        kept = f"{relation}.{name}" in KEPT
        if not name.startswith("_") and not kept and value is not None and f"{relation}.{name}" in FIELDS:
            yield relation, name, owner["_key"], value


def _compared(world: World) -> Iterator[tuple[str, str, str, Any]]:
    sight = Sight(world, Me("auditor", "audit"))
    for item in world.rows("hub", "ReconciliationItem"):
        for held in sight.source_values(item):
            yield "ReconciliationItem", "sourceValues", item["_key"], held["value"]
