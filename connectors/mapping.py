"""``<source>.toml`` -> Mapping: how one department's tables answer for the hub's relations and columns.

The format, by example (a department is adopted by writing this file, never by code)::

    source = "civil_affairs"

    [divisions]                      # the department's own dictionary of divisions, for the mask `village`
    table = "xzqh"
    code = "xzqhdm"
    name = "xzqhmc"

    [codes.xb]                       # a code table: the department's code = the hub's enum value
    "1" = "MALE"
    "2" = "FEMALE"

    [codes.jjly]
    "1" = "MIGRANT_WAGES"
    "2" = "FARMING"

    [relations.Child]                # a relation: named by its schema type (or a name of the hub's own, as Link)
    table = "etda"

    [relations.Child.joins.cun]      # optional: at most one row of another table for each row (left join)
    table = "cj_jbxx"
    on = { cunbm = "xzqhdm" }        # joined column = column of this relation (or "otherjoin.column")

    [relations.Child.keys]           # keys: names with a leading underscore
    _key = { column = "dabh" }
    _register = { column = "dabh" }
    _citizen = { column = "sh_sfzh", unique = { dazt = "1" } }   # null if a second row with dazt = '1' has this value
    _open = { column = "dazt", kind = "bool", true = "1" }

    [relations.Child.fields]
    name = { column = "xm" }                                     # kind = "text" is the default
    sex = { column = "xb", codes = "xb" }                        # one code
    birthDate = { column = "csrq", kind = "date", stored = "yyyymmdd" }   # or stored = "date" (default)
    updatedAt = { column = "gxsj", kind = "instant" }            # timestamptz, or stored = "local": timestamp in +08:00
    livesAlone = { column = "dzjz", kind = "bool", true = "1" }  # without `true`: a boolean column
    incomeSources = { column = "jjly", codes = "jjly", separator = "," }  # list of codes in a text; or stored = "array"
    residenceAddress = { column = "xjzd", village = "xjzd_xzqh" }  # `village`: column with this address's division
    amount = { column = "je", kind = "decimal" }                 # numeric, answered as text with two decimals
    disabilityGrade = { column = "cjdj", kind = "int" }          # stored = "digits": digits in a text column
    rate = { column = "bl", kind = "float" }                     # numeric or double precision, answered as a number
    schoolName = { column = "cun.mc" }                           # a column of a join
    parts = { column = "bdz", kind = "text", separator = "," }   # a list of plain texts

    [relations.Child.writes]         # optional: what the hub's write role may do here (`connectors/write.py`)
    insert = ["_key", "name"]        # columns that a new row is given
    update = ["name"]                # columns that a step may change
    check = ["_open"]                # columns that a write may look at; `_key` always is one
    longest = { name = 30 }          # characters that a column of text holds, where there is a bound

A column that several codes map to one value is compared by any of them, and written as the first; a value that no code
maps to matches nothing. A `bool` column with `true` needs `false`, the text of the other value, to be written.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from connectors.mapping_toml import IDENTIFIER, MappingError, Place, TomlTable, listed
from connectors.mapping_writes import Writes, written

__all__ = ["IDENTIFIER", "MappingError", "Place", "Writes"]

NAME = re.compile(r"_?[A-Za-z][A-Za-z0-9]{0,62}")

STORED = {
    "text": ("plain",),
    "int": ("plain", "digits"),
    "bool": ("plain",),
    "date": ("date", "yyyymmdd"),
    "instant": ("timestamptz", "local"),
    "decimal": ("plain",),
    "float": ("plain",),
}
"""Kind -> how a department may store it, the default first (lists of texts may be ``array`` as well)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Codes:
    """A code table: the department's codes in order, each with the hub's value; the way back may have several codes."""

    name: str
    pairs: tuple[tuple[str, str], ...]
    stored: Dict[str, tuple[str, ...]]

    @property
    def one_to_one(self) -> bool:
        """Whether every value has exactly one code."""
        return all(len(codes) == 1 for codes in self.stored.values())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mapped:
    """One field or key of a relation and how the department stores it."""

    name: str
    place: Place
    kind: str
    stored: str
    codes: Codes | None = None
    separator: str | None = None
    true: str | None = None
    false: str | None = None
    village: Place | None = None
    unique: tuple[tuple[str, str], ...] | None = None

    @property
    def is_key(self) -> bool:
        """Whether it is a key of the mapping and no schema field."""
        return self.name.startswith("_")

    @property
    def is_list(self) -> bool:
        """Whether a value is a list."""
        return self.separator is not None or self.stored == "array"


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """At most one row of ``table`` for each row: its column = a place of the relation or of an earlier join."""

    name: str
    table: str
    on: tuple[tuple[str, Place], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Relation:
    """One relation of the hub and the table that answers for it."""

    name: str
    table: str
    joins: Dict[str, Join]
    columns: Dict[str, Mapped]
    writes: Writes | None = None

    def column(self, name: str) -> Mapped:
        """The column of that name; ``KeyError`` with clear words if there is none."""
        try:
            return self.columns[name]
        except KeyError:
            raise KeyError(f"relation `{self.name}` has no column `{name}`") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Divisions:
    """The department's own dictionary of divisions."""

    table: str
    code: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mapping:
    """One department's tables as the hub's relations."""

    source: str
    divisions: Divisions | None
    codes: Dict[str, Codes]
    relations: Dict[str, Relation]

    def relation(self, name: str) -> Relation:
        """The relation of that name; ``KeyError`` with clear words if there is none."""
        try:
            return self.relations[name]
        except KeyError:
            raise KeyError(f"source `{self.source}` has no relation `{name}`") from None


def load(path: Path) -> Mapping:
    """Reads one mapping file whole; raises ``MappingError`` at the first thing that is wrong."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(path.name, "", f"cannot be read: {type(error).__name__}") from error
    except tomllib.TOMLDecodeError as error:
        raise MappingError(path.name, "", f"is not TOML: {error}".lower()) from error
    return parse(data, path.name)


def parse(data: dict[str, Any], file: str) -> Mapping:
    """The mapping that a parsed TOML document describes; ``file`` names it in errors."""
    top = TomlTable(file=file, where="", data=data)
    top.allow("source", "divisions", "codes", "relations")
    codes = {name: _codes(table) for name, table in top.tables("codes").items()}
    relations = {name: _relation(name, table, codes) for name, table in top.tables("relations").items()}
    if not relations:
        raise top.error("has no relations: at least one [relations.<Type>] is needed")
    mapping = Mapping(
        source=top.name("source"),
        divisions=_divisions(top.table("divisions")) if "divisions" in data else None,
        codes=MappingProxyType(codes),
        relations=MappingProxyType(relations),
    )
    _require_divisions(mapping, top)
    return mapping


def _codes(table: TomlTable) -> Codes:
    pairs = tuple((code, table.text(code)) for code in table.data)
    stored: dict[str, tuple[str, ...]] = {}
    for code, value in pairs:
        stored[value] = (*stored.get(value, ()), code)
    if not pairs:
        raise table.error("is an empty code table")
    return Codes(name=table.where.removeprefix("codes."), pairs=pairs, stored=MappingProxyType(stored))


def _divisions(table: TomlTable) -> Divisions:
    table.allow("table", "code", "name")
    return Divisions(table=table.table_name("table"), code=table.name("code"), name=table.name("name"))


def _relation(name: str, table: TomlTable, codes: Dict[str, Codes]) -> Relation:
    table.allow("table", "joins", "keys", "fields", "writes")
    if not NAME.fullmatch(name):
        raise table.error(f"`{name}` is no relation name: letters and digits only")
    joins: dict[str, Join] = {}
    for join, inner in table.tables("joins").items():
        joins[join] = _join(join, inner, joins)
    columns: dict[str, Mapped] = {}
    for section, prefix in (("keys", True), ("fields", False)):
        for column, inner in table.tables(section).items():
            if not NAME.fullmatch(column) or column.startswith("_") != prefix:
                raise inner.error("keys start with an underscore, fields do not; letters and digits follow")
            columns[column] = _column(column, inner, joins, codes)
    if "_key" not in columns or columns["_key"].place.join or columns["_key"].is_list:
        raise table.error("needs a key `_key` that is a plain column of its own table")
    return Relation(
        name=name,
        table=table.table_name("table"),
        joins=MappingProxyType(joins),
        columns=MappingProxyType(columns),
        writes=written(table.table("writes"), columns) if "writes" in table.data else None,
    )


def _join(name: str, table: TomlTable, earlier: Dict[str, Join]) -> Join:
    table.allow("table", "on")
    if not IDENTIFIER.fullmatch(name):
        raise table.error(f"`{name}` is no join name: letters, digits and underscores only")
    if "on" not in table.data:
        raise table.error('needs `on`, as { joined_column = "column" }')
    pairs = table.table("on")
    for column in pairs.data:
        if not IDENTIFIER.fullmatch(column):
            raise pairs.error(f"`{column}` is no column of the joined table")
    on = tuple((column, pairs.place(column, earlier)) for column in pairs.data)
    if not on:
        raise pairs.error("is empty: at least one pair is needed")
    return Join(name=name, table=table.table_name("table"), on=on)


def _column(name: str, table: TomlTable, joins: Dict[str, Join], codes: Dict[str, Codes]) -> Mapped:
    table.allow("column", "kind", "stored", "codes", "separator", "true", "false", "village", "unique")
    kind = table.optional("kind") or "text"
    if kind not in STORED:
        raise table.error(f"`kind` = `{kind}` is unknown: known are {listed(STORED)}")
    column = Mapped(
        name=name,
        place=table.place("column", joins),
        kind=kind,
        stored=_stored(table, kind),
        codes=_named_codes(table, codes),
        separator=table.optional("separator"),
        true=table.optional("true"),
        false=table.optional("false"),
        village=table.place("village", joins) if "village" in table.data else None,
        unique=_unique(table) if "unique" in table.data else None,
    )
    _fits(column, table)
    return column


def _stored(table: TomlTable, kind: str) -> str:
    known = (*STORED[kind], "array") if kind == "text" else STORED[kind]
    stored = table.optional("stored") or known[0]
    if stored not in known:
        raise table.error(f"`stored` = `{stored}` does not go with kind `{kind}`: known are {listed(known)}")
    return stored


def _named_codes(table: TomlTable, codes: Dict[str, Codes]) -> Codes | None:
    name = table.optional("codes")
    if name is not None and name not in codes:
        raise table.error(f"`codes` = `{name}` is no code table: known are {listed(codes)}")
    return None if name is None else codes[name]


def _unique(table: TomlTable) -> tuple[tuple[str, str], ...]:
    inner = table.table("unique")
    for column in inner.data:
        if not IDENTIFIER.fullmatch(column):
            raise inner.error(f"`{column}` is no column name")
    return tuple((column, inner.text(column)) for column in inner.data)


def _fits(column: Mapped, table: TomlTable) -> None:
    """Refuses settings that contradict each other."""
    if column.true is not None and column.kind != "bool":
        raise table.error('`true` goes with kind = "bool" only')
    if column.false is not None and (column.true is None or column.false == column.true):
        raise table.error("`false` goes with `true`, and is another text")
    if column.kind != "text" and (column.codes or column.separator):
        raise table.error('`codes` and `separator` go with kind = "text" only')
    if column.separator and column.stored == "array":
        raise table.error('`separator` and stored = "array" exclude each other')
    if column.unique is not None and (not column.is_key or column.name == "_key" or column.place.join):
        raise table.error("`unique` goes with a key other than `_key` in the relation's own table")
    if column.unique is not None and (column.is_list or column.kind != "text" or column.codes):
        raise table.error("`unique` goes with a plain text key")
    if column.is_key and column.village:
        raise table.error("`village` goes with fields only")


def _require_divisions(mapping: Mapping, top: TomlTable) -> None:
    wanting = [
        f"{relation.name}.{column.name}"
        for relation in mapping.relations.values()
        for column in relation.columns.values()
        if column.village
    ]
    if wanting and mapping.divisions is None:
        raise top.error(f"needs [divisions], since {listed(wanting[:3])} name a village column")
