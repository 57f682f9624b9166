"""A file as villages send it -> Sheet: its cells, and which column of the form stands where: owns python-calamine.

Guarantee: xlsx, xls, ods and CSV (UTF-8 or GB 18030) are read alike, whatever stands above the headers, whether these
span one row or two, and in which order they come. A file that is too large, broken, locked, or no such form is a
``SheetError`` in words for officials; nothing of what stands in it is repeated.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from python_calamine import CalamineError, CalamineWorkbook, PasswordError

from hub.survey.form import COLUMNS, FOUND, Column

Cell: TypeAlias = Any
"""What a cell holds: text, a number, a date; empty text for nothing."""

LARGEST: Final = 20 * 1024 * 1024
LARGEST_UNPACKED: Final = 300 * 1024 * 1024
MOST_ROWS: Final = 20_000
MOST_COLUMNS: Final = 200
HEADERS_WITHIN: Final = 12
"""Rows from the top in which the headers are looked for."""
LEAST_HEADERS: Final = 3


class SheetError(Exception):
    """A file that cannot be read as the form: what is wrong, and what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A sheet as it was read: ``rows`` from the top, headers in row ``header``, ``places``: column -> position."""

    rows: Sequence[Sequence[Cell]]
    header: int
    places: Mapping[str, int]
    unknown: tuple[int, ...]

    @property
    def data(self) -> Iterator[tuple[int, Sequence[Cell]]]:
        """(Row number from 0, cells) of every row below the headers that is not empty."""
        for number in range(self.header + 1, len(self.rows)):
            row = self.rows[number]
            if any(not _empty(row[place]) for place in self.places.values() if place < len(row)):
                yield number, row


def read(file: Path) -> Sheet:
    """The sheet of a file that is the form; raises ``SheetError``, ``OSError``."""
    return parsed(file.read_bytes())


def parsed(data: bytes) -> Sheet:
    """The first sheet of a file's content that is the form; raises ``SheetError``."""
    if len(data) > LARGEST:
        raise SheetError(f"文件超过 {LARGEST // 1024 // 1024} MB，请只保留登记表一张工作表")
    if data[:2] == b"PK" or data[:4] == b"\xd0\xcf\x11\xe0":
        return _first_form(_workbook(data))
    return _first_form([_text(data)])


def _workbook(data: bytes) -> Iterator[list[list[Cell]]]:
    _bounded(data)
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(data)) as book:
            for position in range(len(book.sheet_names)):
                sheet = book.get_sheet_by_index(position)
                if sheet.total_height > MOST_ROWS or sheet.total_width > MOST_COLUMNS:
                    raise SheetError(f"工作表过大，最多 {MOST_ROWS:,} 行、{MOST_COLUMNS} 列")
                yield sheet.to_python(skip_empty_area=False)
    except PasswordError:
        raise SheetError("文件设有密码，请取消密码后再导入") from None
    except (CalamineError, OSError, ValueError):
        raise SheetError("文件已损坏或不是 Excel 文件，请另存为 xlsx 后再导入") from None


def _bounded(data: bytes) -> None:
    """A small archive may unpack to more than the machine holds."""
    if data[:2] != b"PK":
        return
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            whole = sum(part.file_size for part in archive.infolist())
    except zipfile.BadZipFile:
        raise SheetError("文件已损坏，请重新下载模板填写") from None
    if whole > LARGEST_UNPACKED:
        raise SheetError("文件解压后过大，请只保留登记表一张工作表")


def _text(data: bytes) -> list[list[Cell]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        delimiter = "\t" if text[:4000].count("\t") > text[:4000].count(",") else ","
        try:
            rows: list[list[Cell]] = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
        except csv.Error:
            break
        if len(rows) > MOST_ROWS:
            raise SheetError(f"表格过大，最多 {MOST_ROWS:,} 行")
        return rows
    raise SheetError("无法识别文件，请用 xlsx、xls 或 CSV（UTF-8 或 GB18030 编码）")


def _first_form(sheets: Iterator[list[list[Cell]]] | list[list[list[Cell]]]) -> Sheet:
    best: Sheet | None = None
    for rows in sheets:
        found = _located(rows)
        if found is not None and (best is None or len(found.places) > len(best.places)):
            best = found
    if best is None:
        raise SheetError("找不到表头，请使用平台下载的登记表模板，并保留表头各列")
    _complete(best)
    return best


def _complete(sheet: Sheet) -> None:
    missing = [column.header for column in COLUMNS if column.required and column.name not in sheet.places]
    if missing:
        raise SheetError(f"缺少必填列：{'、'.join(missing)}")


def _located(rows: list[list[Cell]]) -> Sheet | None:
    """The row that names most columns is the header row; the row above it may group them."""
    best: tuple[int, dict[str, int], tuple[int, ...]] | None = None
    for number, row in enumerate(rows[:HEADERS_WITHIN]):
        above = _filled(rows[number - 1]) if number else []
        places, unknown = _named(row, above)
        if len(places) >= LEAST_HEADERS and (best is None or len(places) > len(best[1])):
            best = (number, places, unknown)
    if best is None:
        return None
    return Sheet(rows=rows, header=best[0], places=best[1], unknown=best[2])


def _filled(row: Sequence[Cell]) -> list[str]:
    """Texts of a row of merged cells: each stands over the empty ones to its right."""
    filled: list[str] = []
    for cell in row:
        text = header(cell)
        filled.append(text or (filled[-1] if filled else ""))
    return filled


def _named(row: Sequence[Cell], above: Sequence[str]) -> tuple[dict[str, int], tuple[int, ...]]:
    places: dict[str, int] = {}
    unknown: list[int] = []
    for place, cell in enumerate(row):
        own, group = header(cell), above[place] if place < len(above) else ""
        name = _column(own, group)
        if name is None or name in places:
            if own and own != FOUND:
                unknown.append(place)
            continue
        places[name] = place
    return places, tuple(unknown)


def _column(own: str, group: str) -> str | None:
    """By the header with the person above it, by the header alone, or (merged down) by what stands above."""
    who = next((zh for zh in ("父亲", "母亲", "监护人") if zh in group), None)
    if own and who and (found := _HEADERS.get(f"{who}:{own}")):
        return found
    return _HEADERS.get(own) if own else _HEADERS.get(group)


def header(cell: Cell) -> str:
    """A header as it is compared: without notes in brackets, stars, spaces, line breaks."""
    text = unicodedata.normalize("NFKC", str(cell))
    if text in _HEADERS:
        return text
    plain = re.sub(r"[\s*]+", "", text)
    return plain if plain in _HEADERS else re.sub(r"\(.*?\)", "", plain).rstrip(":")


def _empty(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _headers(columns: Sequence[Column]) -> dict[str, str]:
    found: dict[str, str] = {}
    for column in columns:
        for text in (column.header, *column.also):
            found[unicodedata.normalize("NFKC", text)] = column.name
    return found


_HEADERS: Final[Mapping[str, str]] = _headers(COLUMNS)
