"""``[relations.X.writes]`` -> Writes: what the hub's write role may put into one relation, and what it may look at.

Guarantee: a column that is written is one of the relation's own table, and each of its physical columns is named once.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from dataclasses import dataclass
from typing import Protocol

from connectors.mapping_toml import Place, TomlTable


class Stored(Protocol):
    """What must be known of a mapped column to tell whether it can be written."""

    @property
    def place(self) -> Place:
        """Its physical column."""
        ...

    @property
    def true(self) -> str | None:
        """The text that stands for true, of a boolean kept as text."""
        ...

    @property
    def false(self) -> str | None:
        """The text that stands for false."""
        ...

    @property
    def stored(self) -> str:
        """How it is stored."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Writes:
    """Columns by what a write may do with them: give them to a new row, change them, look at them.

    ``longest``: how many characters a column of text holds.
    """

    insert: frozenset[str]
    update: frozenset[str]
    check: frozenset[str]
    longest: Dict[str, int]


def written(table: TomlTable, columns: Dict[str, Stored]) -> Writes:
    """What a relation's table of writes says."""
    table.allow("insert", "update", "check", "longest")
    insert, update, check = (table.texts(name) for name in ("insert", "update", "check"))
    for name in (*insert, *update, *check):
        if name not in columns:
            raise table.error(f"names `{name}`, which is no key and no field of the relation")
    for name in (*insert, *update):
        _writable(name, columns[name], table)
    for part, names in (("insert", insert), ("update", update)):
        if len({columns[name].place.column for name in names}) < len(names):
            raise table.error(f"`{part}` names a physical column twice")
    if insert and "_key" not in insert:
        raise table.error("`insert` needs `_key`: the hub gives a new row its key")
    if "_key" in update:
        raise table.error("`update` names `_key`: a row keeps its key")
    return Writes(
        insert=frozenset(insert),
        update=frozenset(update),
        check=frozenset({"_key", *check}),
        longest=_longest(table, {*insert, *update}),
    )


def _longest(table: TomlTable, written: set[str]) -> Dict[str, int]:
    found = table.table("longest").data if "longest" in table.data else {}
    for name, count in found.items():
        if name not in written or type(count) is not int or count < 1:
            raise table.error(
                f"`longest` names `{name}`: a column that is written, and a number of characters, are needed"
            )
    return dict(found)


def _writable(name: str, column: Stored, table: TomlTable) -> None:
    if column.place.join is not None:
        raise table.error(f"`{name}` is a column of a join: it is written where that table is a relation of its own")
    if column.true is not None and column.false is None:
        raise table.error(f"`{name}` needs `false` in its mapping: the text that stands for false")
    if column.stored == "digits":
        raise table.error(f"`{name}` is a number kept as digits, which is read only")
