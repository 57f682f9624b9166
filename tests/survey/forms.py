"""A seed -> forms as villages send them: good rows of invented children, each in words as somebody might write them."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import xlsxwriter

from connectors.demo.citizen_id import citizen_id
from connectors.demo.names import full_name, phone
from hub.survey.form import BY_NAME, COLUMNS
from hub.survey.workbook import shown

VILLAGE = "120114101204"
TODAY = date(2026, 11, 24)
NAMES = tuple(column.name for column in COLUMNS)

Row = dict[str, str]
"""Column name -> what is written in the cell."""


def good_row(draw: random.Random, number: int) -> Row:
    """A row without a fault; ``number`` keeps citizen ids apart."""
    age = draw.randrange(1, 15)
    born = date(TODAY.year - age, 1, 1) + timedelta(days=draw.randrange(0, 300))
    male, away = draw.random() < 0.5, draw.random() < 0.7
    registered, entrusted = draw.random() < 0.9, draw.random() < 0.5
    disabled = draw.random() < 0.1
    values: dict[str, Any] = {
        "name": full_name(draw.random, male),
        "citizenId": citizen_id("120114", born.toordinal(), number % 499 * 2 + male) if registered else None,
        "sex": "MALE" if male else "FEMALE",
        "birthDate": born.isoformat(),
        "ethnicity": draw.choice(("01", "03", "11")),
        "divisionCode": VILLAGE,
        "householdRegistered": registered,
        "householdPlace": f"某镇某村{number}号",
        "residenceAddress": f"某镇某村{number + 1}号",
        "bodyCondition": "DISABLED" if disabled else "HEALTHY",
        "disabilityCategory": "VISUAL" if disabled else None,
        "disabilityGrade": draw.randrange(1, 5) if disabled else None,
        "schoolingStatus": _schooling((TODAY - born).days // 366),
        "leftBehindType": "BOTH_AWAY" if away else "ONE_AWAY_OTHER_INCAPABLE",
        "entrusted": entrusted,
        "livesAlone": False,
        "guardianshipType": "GOOD" if entrusted else "PARENT_INCAPABLE",
        "lastVisitedOn": (TODAY - timedelta(days=draw.randrange(0, 80))).isoformat(),
        "father.name": full_name(draw.random, True),
        "father.phone": phone(draw.random),
        "father.workPlace": "河北省廊坊市",
        "father.guardianshipCapacity": "CAPABLE",
        "mother.name": full_name(draw.random, False),
        "mother.workPlace": "北京市北京市" if away else None,
        "mother.guardianshipCapacity": "CAPABLE" if away else "INCAPABLE_ILLNESS",
        "guardian.name": full_name(draw.random, False) if entrusted else None,
        "guardian.relation": "PATERNAL_GRANDMOTHER" if entrusted else None,
        "guardian.phone": phone(draw.random) if entrusted else None,
        "incomeSources": draw.sample(["MIGRANT_WAGES", "FARMING", "KIN_SUPPORT"], draw.randrange(1, 3)),
        "economicHardship": draw.random() < 0.2,
        "assistanceKinds": [],
    }
    return {name: shown(BY_NAME[name], values.get(name)) for name in NAMES}


def _schooling(age: int) -> str:
    for limit, status in ((3, "NOT_IN_KINDERGARTEN"), (6, "KINDERGARTEN"), (12, "PRIMARY")):
        if age < limit:
            return status
    return "JUNIOR_SECONDARY"


def rows(seed: int, count: int) -> list[Row]:
    """So many good rows, no two alike."""
    draw = random.Random(seed)
    return [good_row(draw, number) for number in range(count)]


# The same in other words: what a value may look like and still be the value.

Rewording = Callable[[str, random.Random], str]


def wide(text: str, _: random.Random) -> str:
    """Digits and letters in full width."""
    return "".join(chr(ord(one) + 0xFEE0) if one.isascii() and one.isalnum() else one for one in text)


def dated(text: str, draw: random.Random) -> str:
    """A day in another usual form."""
    year, month, day = text.split("-")
    return draw.choice(
        (
            f"{year}/{int(month)}/{int(day)}",
            f"{year}年{int(month)}月{int(day)}日",
            f"{year}{month}{day}",
            f"{year}.{month}.{day}",
        )
    )


def spaced(text: str, _: random.Random) -> str:
    """With spaces about it."""
    return f" {text}　"


REWORDINGS: dict[str, tuple[Rewording, ...]] = {
    "citizenId": (wide, spaced, lambda text, _: f"{text[:6]} {text[6:14]} {text[14:]}", lambda text, _: text.lower()),
    "birthDate": (wide, dated, spaced),
    "lastVisitedOn": (dated,),
    "sex": (spaced, lambda text, _: {"男": "1", "女": "2"}[text], lambda text, _: {"男": "1男", "女": "2 女"}[text]),
    "father.phone": (wide, spaced),
    "householdRegistered": (lambda text, _: {"是": "1", "否": "0"}[text],),
    "incomeSources": (lambda text, _: text.replace("；", "、"), lambda text, _: text.replace("；", ";")),
    "divisionCode": (lambda *_: "", wide),
    "ethnicity": (lambda text, _: text.removesuffix("族"),),
}


def reworded(row: Row, draw: random.Random) -> Row:
    """The row with some cells in other words of the same meaning."""
    found = dict(row)
    for name, ways in REWORDINGS.items():
        if found[name] and draw.random() < 0.3:
            found[name] = draw.choice(ways)(found[name], draw)
    return found


# Files.


def as_xlsx(file: Path, grid: Sequence[Sequence[Any]], merged: Sequence[tuple[int, int, int, int, str]] = ()) -> None:
    """A plain workbook: texts as text, numbers as numbers."""
    with xlsxwriter.Workbook(file, {"strings_to_numbers": False}) as book:
        sheet = book.add_worksheet("Sheet1")
        for number, row in enumerate(grid):
            for place, cell in enumerate(row):
                if isinstance(cell, str):
                    sheet.write_string(number, place, cell)
                else:
                    sheet.write(number, place, cell)
        for first_row, first, last_row, last, text in merged:
            sheet.merge_range(first_row, first, last_row, last, text)


def as_csv(file: Path, grid: Sequence[Sequence[Any]], encoding: str) -> None:
    """The same as CSV."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(grid)
    file.write_bytes(text.getvalue().encode(encoding))


def grid(rows: Sequence[Row], *, order: Sequence[str] = NAMES, above: int = 0) -> list[list[str]]:
    """Headers and rows, the columns in this order, with so many lines of other text above."""
    titles = [["农村留守儿童登记表"] + [""] * (len(order) - 1) for _ in range(above)]
    return [*titles, [BY_NAME[name].header for name in order], *([row[name] for name in order] for row in rows)]
