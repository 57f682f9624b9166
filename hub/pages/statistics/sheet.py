"""Figures -> a workbook: by division, over quarters, of each kind, and a sheet that says how to read them.

Guarantee: what is published is a number, what is suppressed a mark and never an empty cell; no cell is a formula.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import xlsxwriter

from hub.pages.statistics.figures import Figure

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A sheet: its name and title, what its first column is called, and a label for each figure."""

    name: str
    title: str
    first: str
    label: Callable[[Figure], str]
    figures: Sequence[Figure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Headings:
    """Words of the columns, and the mark of what is suppressed."""

    figure: str
    state: str
    census: str
    published: str
    hidden: str
    mark: str


def workbook(tables: Sequence[Table], notes_name: str, notes: Sequence[tuple[str, str]], words: Headings) -> bytes:
    """The bytes of an xlsx."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        styles = {
            "title": book.add_format({"bold": True, "font_size": 14}),
            "head": book.add_format({"bold": True, "bottom": 1, "text_wrap": True}),
            "number": book.add_format({"num_format": "#,##0.##;-#,##0.##;0"}),
            "mark": book.add_format({"align": "right"}),
            "wrap": book.add_format({"text_wrap": True, "valign": "top"}),
        }
        for table in tables:
            _write(book.add_worksheet(table.name), table, words, styles)
        page = book.add_worksheet(notes_name)
        page.set_column(0, 0, 18)
        page.set_column(1, 1, 80)
        for number, (name, text) in enumerate(notes):
            page.write_string(number, 0, name, styles["head"])
            page.write_string(number, 1, text, styles["wrap"])
    return out.getvalue()


def _write(page: Any, table: Table, words: Headings, styles: dict[str, Any]) -> None:
    page.set_column(0, 0, 22)
    page.set_column(1, 3, 14)
    page.write_string(0, 0, table.title, styles["title"])
    for place, name in enumerate((table.first, words.figure, words.state, words.census)):
        page.write_string(2, place, name, styles["head"])
    for number, figure in enumerate(table.figures, 3):
        page.write_string(number, 0, table.label(figure))
        if figure.value is None:
            page.write_string(number, 1, words.mark, styles["mark"])
        else:
            page.write_number(number, 1, figure.value, styles["number"])
        page.write_string(number, 2, words.hidden if figure.suppressed else words.published)
        if figure.census is not None:
            page.write_number(number, 3, figure.census, styles["number"])
    page.freeze_panes(3, 1)
