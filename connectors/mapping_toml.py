"""A table of a TOML file -> its texts, names and places, or an error that says where and what would be right.

Guarantee: a name that reaches SQL from here is an identifier by a strict pattern.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from typing import Any

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


class MappingError(Exception):
    """A mapping that cannot be used: the file, the TOML table, what is wrong and what would be right."""

    def __init__(self, file: str, where: str, problem: str) -> None:
        super().__init__(f"{file}: [{where}] {problem}" if where else f"{file}: {problem}")
        self.file = file
        self.where = where
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A physical column: of the relation's own table (``join`` None) or of one of its joins."""

    join: str | None
    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TomlTable:
    """One TOML table and its place in the file, for errors."""

    file: str
    where: str
    data: dict[str, Any]

    def error(self, problem: str) -> MappingError:
        """An error at this place."""
        return MappingError(self.file, self.where, problem)

    def path(self, name: str) -> str:
        """The place of a name in this table."""
        return f"{self.where}.{name}" if self.where else name

    def allow(self, *names: str) -> None:
        """Refuses every other name."""
        for name in self.data:
            if name not in names:
                raise self.error(f"has an unknown key `{name}`: allowed are {listed(names)}")

    def table(self, name: str) -> TomlTable:
        """The table of that name."""
        value = self.data[name]
        if not isinstance(value, dict):
            raise self.error(f"`{name}` is no table: a table is needed")
        return TomlTable(file=self.file, where=self.path(name), data=value)

    def tables(self, name: str) -> dict[str, TomlTable]:
        """The tables in the table of that name; none if it is not there."""
        if name not in self.data:
            return {}
        outer = self.table(name)
        return {inner: outer.table(inner) for inner in outer.data}

    def text(self, name: str) -> str:
        """A text that must be there."""
        value = self.data.get(name)
        if not isinstance(value, str) or not value:
            raise self.error(f"needs `{name}`, a text that is not empty")
        return value

    def optional(self, name: str) -> str | None:
        """A text, or None if it is not there."""
        return self.text(name) if name in self.data else None

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; empty if it is not there."""
        value = self.data.get(name, [])
        if not isinstance(value, list) or not all(isinstance(text, str) and text for text in value):
            raise self.error(f"`{name}` is no list of texts that are not empty")
        return tuple(value)

    def name(self, name: str) -> str:
        """A text that is an identifier."""
        text = self.text(name)
        if not IDENTIFIER.fullmatch(text):
            raise self.error(f"`{name}` = `{text}` is no name: letters, digits and underscores, no digit first")
        return text

    def table_name(self, name: str) -> str:
        """A text that names a table of the database."""
        text = self.text(name)
        if text.count(".") > 1 or not all(IDENTIFIER.fullmatch(part) for part in text.split(".")):
            raise self.error(f"`{name}` = `{text}` is no table name: `table` or `schema.table` is needed")
        return text

    def place(self, name: str, joins: Dict[str, Any]) -> Place:
        """A text that names a column, of the table itself or of one of its joins."""
        text = self.text(name)
        join, dot, column = text.rpartition(".")
        if not IDENTIFIER.fullmatch(column) or (dot and not join):
            raise self.error(f"`{name}` = `{text}` is no column: `column` or `join.column` is needed")
        if join and join not in joins:
            raise self.error(f"`{name}` = `{text}` names an unknown join `{join}`: known are {listed(joins)}")
        return Place(join=join or None, column=column)


def listed(names: Any) -> str:
    """The names in one text, for errors."""
    return ", ".join(f"`{name}`" for name in names) or "none"
