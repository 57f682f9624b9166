"""A workbook -> the same after LibreOffice has opened it, somebody has typed into cells, and it was saved as xlsx.

LibreOffice opens the file and writes what it holds as flat XML; the texts are typed there, and LibreOffice makes an
xlsx of it. Whatever it does not understand, or saves otherwise than it was, is lost on the way as on a village's desk.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.dom.minidom import parseString

import pytest

SOFFICE = shutil.which("soffice") or shutil.which("libreoffice")
WITHIN = 120.0
Cells = Mapping[tuple[int, int], str]
"""(row, column) from 0 -> what is typed."""


async def edited(workbook: bytes, sheet: str, cells: Cells, folder: Path) -> bytes:
    """The workbook with these cells typed anew; without LibreOffice CI fails, and elsewhere the test is skipped."""
    if SOFFICE is None:
        if os.environ.get("CI"):
            pytest.fail("no LibreOffice, and here it must be there")
        pytest.skip("no LibreOffice on this machine")
    file = folder / "form.xlsx"
    file.write_bytes(workbook)
    flat = await _converted(file, "fods", folder / "flat")
    flat.write_bytes(typed(flat.read_bytes(), sheet, cells))
    return (await _converted(flat, "xlsx:Calc MS Excel 2007 XML", folder / "saved")).read_bytes()


async def _converted(file: Path, to: str, folder: Path) -> Path:
    process = await asyncio.create_subprocess_exec(
        *(str(SOFFICE), f"-env:UserInstallation={(folder.parent / 'profile').as_uri()}", "--headless", "--norestore"),
        *("--convert-to", to, "--outdir", str(folder), str(file)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        told, _ = await asyncio.wait_for(process.communicate(), WITHIN)
    except TimeoutError:
        process.kill()
        raise
    found = folder / f"{file.stem}.{to.partition(':')[0]}"
    assert found.exists(), told
    return found


def typed(flat: bytes, sheet: str, cells: Cells) -> bytes:
    """Flat XML of a workbook with texts in these cells of a sheet."""
    document = parseString(flat)
    [table] = [one for one in document.getElementsByTagName("table:table") if one.getAttribute("table:name") == sheet]
    for (row, column), text in cells.items():
        line = _at(list(_lines(table)), "table:number-rows-repeated", row)
        cell = _at(list(_children(line, "table:table-cell", "table:covered-table-cell")), _COLUMNS, column)
        _type(document, cell, text)
    return document.toxml("utf-8")


_COLUMNS = "table:number-columns-repeated"


def _lines(table: Any) -> Iterator[Any]:
    for child in table.childNodes:
        if child.nodeName == "table:table-row":
            yield child
        elif child.nodeName in {"table:table-header-rows", "table:table-row-group", "table:table-rows"}:
            yield from _lines(child)


def _children(line: Any, *names: str) -> Iterator[Any]:
    yield from (child for child in line.childNodes if child.nodeName in names)


def _at(elements: list[Any], repeated: str, place: int) -> Any:
    """The element at a place, on its own: one that stands for several is taken apart."""
    for element in elements:
        count = int(element.getAttribute(repeated) or 1)
        if place >= count:
            place -= count
            continue
        for before, times in ((True, place), (False, count - place - 1)):
            if times:
                other = element.cloneNode(True)
                other.setAttribute(repeated, str(times))
                element.parentNode.insertBefore(other, element if before else element.nextSibling)
        if element.hasAttribute(repeated):
            element.removeAttribute(repeated)
        return element
    raise AssertionError("the sheet ends before that cell")


def _type(document: Any, cell: Any, text: str) -> None:
    for child in list(cell.childNodes):
        if child.nodeName == "text:p":
            cell.removeChild(child)
    for name in ("office:value", "office:date-value", "office:boolean-value", "table:formula"):
        if cell.hasAttribute(name):
            cell.removeAttribute(name)
    for name in ("office:value-type", "calcext:value-type"):
        cell.setAttribute(name, "string")
    paragraph = document.createElement("text:p")
    paragraph.appendChild(document.createTextNode(text))
    cell.appendChild(paragraph)
