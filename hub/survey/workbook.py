"""Rows of the form -> an Excel file: the template, or a sheet as it was read with what is wrong in it.

Guarantee: every cell is written as text, never as a formula or a number, so that no number of a person is rounded and
nothing that somebody typed is executed. What a template holds, ``hub.survey.reading`` reads back unchanged.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import xlsxwriter

from hub.survey.check import Checked, Problem
from hub.survey.form import BY_NAME, COLUMNS, FOUND, Column
from hub.survey.reading import Cell, Sheet

SPARE_ROWS: Final = 200
"""Empty rows below the files that are known, ready for new ones."""
_CHOICES: Final = "选项"
_LONGEST_COMMENT: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What a template says of itself."""

    village: str
    name: str
    quarter: str

    @property
    def title(self) -> str:
        """The line above everything."""
        return f"农村留守儿童基本情况登记表　{self.name}（{self.village}）　{self.quarter[:4]}年第{self.quarter[5]}季度"


def template(heading: Heading, rows: Sequence[Mapping[str, Any]]) -> bytes:
    """An xlsx with three header rows, the rows given (column name -> value in schema terms), and spare ones."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False}) as book:
        sheet = book.add_worksheet("登记表")
        styles = _styles(book)
        _write_headers(sheet, heading, styles)
        for number, row in enumerate(rows, 3):
            for place, column in enumerate(COLUMNS):
                sheet.write_string(number, place, shown(column, row.get(column.name)), styles["cell"])
        last = 3 + len(rows) + SPARE_ROWS
        for number in range(3 + len(rows), last):
            for place in range(len(COLUMNS)):
                sheet.write_blank(number, place, None, styles["cell"])
        _add_choices(book, sheet, {column.name: place for place, column in enumerate(COLUMNS)}, 3, last)
        sheet.freeze_panes(3, 2)
    return out.getvalue()


def annotated(sheet: Sheet, checked: Checked) -> bytes:
    """The sheet as it was read, each wrong cell marked and commented, with a last column that says it in words."""
    by_row: dict[int, list[Problem]] = {}
    for problem in checked.problems:
        by_row.setdefault(problem.row, []).append(problem)
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False}) as book:
        page = book.add_worksheet("登记表")
        styles = _styles(book)
        last = _result_place(sheet)
        for number, row in enumerate(sheet.rows):
            for place, cell in enumerate(row[:last]):
                page.write_string(number, place, _as_read(cell), styles["head" if number <= sheet.header else "cell"])
        page.write_string(sheet.header, last, FOUND, styles["head"])
        for number, _ in sheet.data:
            _annotate(page, sheet, number, by_row.get(number, []), last, styles)
        _add_choices(book, page, sheet.places, sheet.header + 1, len(sheet.rows))
        page.set_column(last, last, 60)
        page.freeze_panes(sheet.header + 1, 0)
        page.autofilter(sheet.header, 0, max(len(sheet.rows) - 1, sheet.header), last)
    return out.getvalue()


def shown(column: Column, value: Any) -> str:
    """A value in schema terms as the form writes it."""
    if value is None:
        return ""
    words: dict[str, str] = {choice.value: choice.word for choice in column.choices}
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, list):
        return "；".join(words.get(one, str(one)) for one in value)
    return words.get(str(value), str(value))


def where(sheet: Sheet, row: int, column: str) -> str:
    """A cell as spreadsheets name it, as `C7`; only the row where the column is not in the sheet."""
    place = sheet.places.get(column)
    return f"{letters(place)}{row + 1}" if place is not None else f"第{row + 1}行"


def letters(place: int) -> str:
    """A column, from 0, as spreadsheets name it."""
    found = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        found = chr(65 + rest) + found
    return found


def _styles(book: Any) -> dict[str, Any]:
    plain = {"num_format": "@", "border": 1, "border_color": "#BBBBBB", "valign": "vcenter"}
    return {
        "title": book.add_format({"bold": True, "font_size": 14, "align": "center", "valign": "vcenter"}),
        "head": book.add_format({**plain, "bold": True, "bg_color": "#DCE6F1", "align": "center", "text_wrap": True}),
        "needed": book.add_format({**plain, "bold": True, "bg_color": "#FCE4D6", "align": "center", "text_wrap": True}),
        "cell": book.add_format(plain),
        "wrong": book.add_format({**plain, "bg_color": "#FFC7CE", "font_color": "#9C0006"}),
        "result": book.add_format({**plain, "text_wrap": True, "font_color": "#9C0006"}),
        "good": book.add_format({**plain, "font_color": "#006100"}),
    }


def _write_headers(sheet: Any, heading: Heading, styles: Mapping[str, Any]) -> None:
    sheet.merge_range(0, 0, 0, len(COLUMNS) - 1, heading.title, styles["title"])
    first = 0
    for place, column in enumerate(COLUMNS):
        if place + 1 == len(COLUMNS) or COLUMNS[place + 1].group != column.group:
            if first == place:
                sheet.write_string(1, first, column.group, styles["head"])
            else:
                sheet.merge_range(1, first, 1, place, column.group, styles["head"])
            first = place + 1
        header = f"{column.header}*" if column.required else column.header
        sheet.write_string(2, place, header, styles["needed" if column.required else "head"])
        sheet.set_column(place, place, column.width)
        if column.hint:
            sheet.write_comment(2, place, column.hint)
    sheet.set_row(0, 28)
    sheet.set_row(2, 32)


def _add_choices(book: Any, sheet: Any, places: Mapping[str, int], first: int, last: int) -> None:
    """Drop-downs from a hidden sheet: lists written into the cell itself may have 255 characters only."""
    if last <= first:
        return
    lists = book.add_worksheet(_CHOICES)
    lists.hide()
    for name, place in places.items():
        column = BY_NAME[name]
        words = [choice.word for choice in column.choices]
        if column.kind == "grade":
            words = ["1", "2", "3", "4"]
        if not words:
            continue
        lists.write_column(0, place, words)
        # Several may be named in one cell: the list then only helps to choose the first.
        stop = "stop" if column.kind not in {"codes", "ethnicity"} else "information"
        at = letters(place)
        sheet.data_validation(
            first,
            place,
            last - 1,
            place,
            {
                "validate": "list",
                "source": f"={_CHOICES}!${at}$1:${at}${len(words)}",
                "error_type": stop,
                "error_title": column.header,
                "error_message": column.hint or "请从下拉列表中选择",
            },
        )


def _result_place(sheet: Sheet) -> int:
    """Where the result goes: over an earlier one, else right of everything."""
    headers = [str(cell).strip() for cell in sheet.rows[sheet.header]]
    return headers.index(FOUND) if FOUND in headers else max(len(row) for row in sheet.rows)


def _annotate(
    page: Any, sheet: Sheet, number: int, problems: list[Problem], last: int, styles: Mapping[str, Any]
) -> None:
    if not problems:
        page.write_string(number, last, "通过", styles["good"])
        return
    comments: dict[int, list[str]] = {}
    words = []
    for problem in problems:
        said = f"{problem.fault.wrong}；{problem.fault.right}"
        words.append(f"{BY_NAME[problem.column].header}：{said}")
        if (place := sheet.places.get(problem.column)) is not None:
            comments.setdefault(place, []).append(said)
    for place, said_here in comments.items():
        row = sheet.rows[number]
        page.write_string(number, place, _as_read(row[place] if place < len(row) else ""), styles["wrong"])
        page.write_comment(number, place, "\n".join(said_here)[:_LONGEST_COMMENT])
    page.write_string(number, last, "\n".join(words), styles["result"])


def _as_read(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return cell.date().isoformat() if (cell.hour, cell.minute, cell.second) == (0, 0, 0) else cell.isoformat(" ")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell)
