"""A server's log -> the statements that a department saw, taken apart: what each output holds, what is only named.

A small reader of the SQL that the hub writes, enough to tell a value that leaves from a column that decides: conditions
of a searched CASE and everything inside EXISTS decide; the rest of an output is a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(r"^\d{4}-\d\d-\d\d \S+ UTC \[\d+\] (\S+) (\S+) (LOG|DETAIL|ERROR|STATEMENT): +(.*)$", re.S)
_TOKEN = re.compile(r"""'(?:[^']|'')*'|"[^"]+"|[A-Za-z_][\w]*|\$\d+|\d+|::|<>|<=|>=|\|\||[(),.;*=<>\[\]+\-/~!]""")
_TABLE = re.compile(r'(?:FROM|JOIN) "(\w+)" AS (\w+)')


@dataclass(frozen=True, slots=True)
class Column:
    """A physical column, by its table."""

    table: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One SELECT that a department saw."""

    database: str
    text: str
    table: str
    outputs: tuple[tuple[str, frozenset[Column]], ...]
    """(alias, columns whose value may leave under it)."""
    named: frozenset[Column]
    """Every column that the statement names."""


def entries(log: Path, start: int) -> Iterator[tuple[str, str, str, str]]:
    """(database, role, kind, text) of the log from byte ``start`` on; continuation lines are joined."""
    with log.open("rb") as lines:
        lines.seek(start)
        text = lines.read().decode("utf-8", "replace")
    for block in re.split(r"\n(?=\d{4}-\d\d-\d\d )", text):
        found = _LINE.match(block)
        if found:
            database, role, kind, words = found.groups()
            yield database, role, kind, words


def statements(log: Path, start: int, role: str) -> list[Statement]:
    """The SELECTs that ``role`` sent to relations of a department."""
    found = []
    for database, who, kind, words in entries(log, start):
        text = re.sub(r"^(execute [^:]*|statement): ", "", words)
        if who == role and kind == "LOG" and words.startswith(("execute", "statement")) and 'FROM "' in text:
            found.append(read(database, text))
    return found


def read(database: str, text: str) -> Statement:
    """A statement taken apart."""
    tables = {alias: table for table, alias in _TABLE.findall(text)}
    if "t0" not in tables:
        # Rows first, what of them then: FROM (SELECT ... FROM "table" AS t1 ...) AS t0.
        tables["t0"] = _TABLE.findall(text[text.index("FROM (SELECT") :])[0][0]
    tokens = _TOKEN.findall(text)
    items = list(_outputs(tokens))
    return Statement(
        database=database,
        text=text,
        table=tables["t0"],
        outputs=tuple((_alias(item), frozenset(_columns(_valued(item), tables))) for item in items),
        named=frozenset(_columns(tokens, tables)),
    )


def _outputs(tokens: Sequence[str]) -> Iterator[list[str]]:
    """The items of the outermost list of outputs."""
    depth, item = 0, list[str]()
    for token in tokens[1:]:
        if depth == 0 and token in ("FROM", ","):
            yield item
            item = []
            if token == "FROM":
                return
            continue
        depth += (token == "(") - (token == ")")
        if not (depth == 0 and token == "DISTINCT"):
            item.append(token)


def _alias(item: Sequence[str]) -> str:
    return item[-1].strip('"')


def _columns(tokens: Sequence[str], tables: dict[str, str]) -> Iterator[Column]:
    for number in range(len(tokens) - 2):
        if tokens[number] in tables and tokens[number + 1] == "." and tokens[number + 2].startswith('"'):
            yield Column(tables[tokens[number]], tokens[number + 2].strip('"'))


def _valued(tokens: Sequence[str]) -> list[str]:
    """The tokens without what only decides."""
    kept: list[str] = []
    number = 0
    while number < len(tokens):
        token = tokens[number]
        if token == "WHEN":
            end = _matching(tokens, number + 1, "THEN")
            number = end + 1
        elif token == "EXISTS":
            number = _matching(tokens, number + 2, ")") + 1
        else:
            kept.append(token)
            number += 1
    return kept


def _matching(tokens: Sequence[str], start: int, wanted: str) -> int:
    """Position of ``wanted`` at the depth of ``start``, past nested CASEs and parentheses."""
    depth = 0
    for number in range(start, len(tokens)):
        token = tokens[number]
        if depth == 0 and token == wanted:
            return number
        depth += (token in ("(", "CASE")) - (token in (")", "END"))
    raise AssertionError(tokens)
