"""Bytes of a CSV file -> rows by column name, or the reasons why the file cannot be trusted.

A file that was cut anywhere is noticed: rows must be whole, and the last one must end with a line feed. Nothing is
repaired, skipped or guessed; cells come as written.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from policies.problems import Findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: where it stands and its cells."""

    file: str
    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]


def rows(file: str, data: bytes, columns: Sequence[str], findings: Findings) -> list[Row]:
    """Whole rows of ``data``; what is wrong goes to ``findings``."""
    text = _text(file, data, findings)
    if text is None:
        return []
    lines = list(_lines(file, text, findings))
    if not lines or lines[0][1] != list(columns):
        findings.note(file, 1, f"the header is not `{','.join(columns)}`")
        return []
    if len(lines) == 1:
        findings.note(file, 0, "holds no row")
    return [
        Row(file=file, line=line, cells=dict(zip(columns, cells, strict=True)))
        for line, cells in lines[1:]
        if _whole(file, line, cells, len(columns), findings)
    ]


def _text(file: str, data: bytes, findings: Findings) -> str | None:
    """Text of the file, or None if it is not even that."""
    if not data:
        findings.note(file, 0, "is empty")
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        findings.note(file, data[: error.start].count(b"\n") + 1, "is not UTF-8")
        return None
    if not text.endswith("\n"):
        findings.note(file, text.count("\n") + 1, "is cut: the last line does not end with a line feed")
    text = text.replace("\r\n", "\n")
    for sign, name in (("\ufeff", "a byte order mark"), ("\r", "a carriage return"), ("\0", "a null character")):
        if sign in text:
            findings.note(file, text[: text.index(sign)].count("\n") + 1, f"holds {name}")
            return None
    return text


def _lines(file: str, text: str, findings: Findings) -> Iterator[tuple[int, list[str]]]:
    """Rows of cells with their line numbers; stops where the quoting is broken."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        findings.note(file, reader.line_num, f"is not CSV: {str(error).lower()}")


def _whole(file: str, line: int, cells: list[str], width: int, findings: Findings) -> bool:
    """Whether a row has its cells, none with blanks around it or a line break inside."""
    if len(cells) != width:
        kind = "short" if len(cells) < width else "long"
        findings.note(file, line, f"a {kind} row: {len(cells)} cells where {width} are wanted")
        return False
    for cell in cells:
        if cell != cell.strip() or "\n" in cell:
            findings.note(file, line, f"blanks around, or a line break in, `{cell.strip()}`")
            return False
    return True
