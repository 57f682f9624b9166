"""Files as villages send them: what is read from each, and what is refused with a word that helps."""

from __future__ import annotations

import random
import zipfile
from datetime import date, datetime
from pathlib import Path

import pytest

from hub.survey.form import BY_NAME, COLUMNS
from hub.survey.reading import Sheet, SheetError, read
from tests.survey.forms import NAMES, as_csv, as_xlsx, grid, rows

HERE = Path(__file__).parent


def values(sheet: Sheet) -> list[dict[str, str]]:
    return [
        {name: str(cells[place]) if place < len(cells) else "" for name, place in sheet.places.items()}
        for _, cells in sheet.data
    ]


def test_an_excel_file_is_read_whatever_order_its_columns_have_and_whatever_stands_above(tmp_path: Path) -> None:
    wanted, order = rows(1, 20), list(NAMES)
    random.Random(1).shuffle(order)
    as_xlsx(tmp_path / "form.xlsx", grid(wanted, order=order, above=3))
    sheet = read(tmp_path / "form.xlsx")
    assert sheet.header == 3
    assert values(sheet) == [{name: row[name] for name in order} for row in wanted]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_is_read_in_the_encodings_that_are_used(tmp_path: Path, encoding: str) -> None:
    wanted = rows(2, 20)
    as_csv(tmp_path / "form.csv", grid(wanted), encoding)
    assert values(read(tmp_path / "form.csv")) == wanted


def test_an_old_xls_is_read() -> None:
    sheet = read(HERE / "old_form.xls")
    names = {name for row in values(sheet) for name in [row["name"]]}
    assert len(list(sheet.data)) == 3
    assert names == {"测试甲", "测试乙", "测试丙"}


def test_headers_over_two_rows_with_merged_cells_are_read(tmp_path: Path) -> None:
    """Persons' columns stand under `父亲`, `母亲`, `监护人`; the child's own headers are merged down."""
    wanted = rows(3, 5)
    groups = {"father": "父亲", "mother": "母亲", "guardian": "监护人"}
    short = {"name": "姓名", "citizenId": "身份证号", "phone": "电话", "workPlace": "务工地点"}
    short |= {"guardianshipCapacity": "监护能力", "relation": "关系"}
    top, under = [], []
    for column in COLUMNS:
        head, _, rest = column.name.partition(".")
        top.append(groups[head] if rest else column.header)
        under.append(short[rest] if rest else "")
    merged = []
    for head, text in groups.items():
        places = [place for place, column in enumerate(COLUMNS) if column.person == head]
        merged.append((0, places[0], 0, places[-1], text))
    merged += [(0, place, 1, place, text) for place, text in enumerate(top) if not under[place]]
    blank = ["" if under[place] else text for place, text in enumerate(top)]
    as_xlsx(tmp_path / "form.xlsx", [blank, under, *([row[name] for name in NAMES] for row in wanted)], merged)
    sheet = read(tmp_path / "form.xlsx")
    assert set(sheet.places) == set(NAMES)
    assert values(sheet) == wanted


def test_headers_with_stars_notes_spaces_and_line_breaks_are_known(tmp_path: Path) -> None:
    wanted = rows(4, 3)
    written = grid(wanted)
    written[0] = [f" {header}（必填）\n*" for header in written[0]]
    as_xlsx(tmp_path / "form.xlsx", written)
    assert set(read(tmp_path / "form.xlsx").places) == set(NAMES)


def test_of_several_sheets_the_form_is_found(tmp_path: Path) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(tmp_path / "form.xlsx") as book:
        book.add_worksheet("说明").write(0, 0, "填表说明")
        page = book.add_worksheet("登记表")
        for number, row in enumerate(grid(rows(5, 4))):
            page.write_row(number, 0, row)
    assert len(list(read(tmp_path / "form.xlsx").data)) == 4


def test_dates_and_numbers_come_as_such(tmp_path: Path) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(tmp_path / "form.xlsx") as book:
        page = book.add_worksheet()
        written = grid(rows(6, 1))
        for number, row in enumerate(written):
            page.write_row(number, 0, row)
        style = book.add_format({"num_format": "yyyy-mm-dd"})
        page.write_datetime(1, NAMES.index("birthDate"), datetime(2014, 3, 9), style)
        page.write_number(1, NAMES.index("father.phone"), 13800000000)
    ((_, cells),) = read(tmp_path / "form.xlsx").data
    assert cells[NAMES.index("birthDate")] in {date(2014, 3, 9), datetime(2014, 3, 9)}
    assert cells[NAMES.index("father.phone")] == 13800000000


def test_empty_rows_are_no_rows(tmp_path: Path) -> None:
    written = grid(rows(7, 2))
    written.insert(2, [""] * len(NAMES))
    written += [["  "] * len(NAMES)] * 50
    as_xlsx(tmp_path / "form.xlsx", written)
    assert [number for number, _ in read(tmp_path / "form.xlsx").data] == [1, 3]


def test_a_form_without_a_column_that_is_needed_is_refused_by_its_name(tmp_path: Path) -> None:
    order = [name for name in NAMES if name not in {"birthDate", "sex"}]
    as_xlsx(tmp_path / "form.xlsx", grid(rows(8, 2), order=order))
    with pytest.raises(SheetError, match="性别、出生日期"):
        read(tmp_path / "form.xlsx")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "找不到表头"),
        (b"\x00\x01\x02\x03" * 100, "无法识别"),
        (b"PK\x03\x04 torn", "损坏"),
        (b"\xd0\xcf\x11\xe0" + b"\x00" * 600, "损坏"),
        ("什么也不是\n甲,乙,丙\n".encode(), "找不到表头"),
        (b"\xff\xfe" + "姓名,性别".encode("utf-16-le"), "无法识别"),
    ],
)
def test_what_is_no_form_is_refused_with_a_word_that_helps(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "form.xlsx").write_bytes(content)
    with pytest.raises(SheetError, match=words):
        read(tmp_path / "form.xlsx")


def test_a_small_archive_that_unpacks_to_more_than_a_machine_holds_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "form.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"\0" * (301 * 1024 * 1024))
    assert (tmp_path / "form.xlsx").stat().st_size < 1024 * 1024
    with pytest.raises(SheetError, match="过大"):
        read(tmp_path / "form.xlsx")


def test_a_table_with_too_many_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "form.csv").write_text("姓名,性别,出生日期\n" + "甲,男,2014-03-09\n" * 20_001, "utf-8")
    with pytest.raises(SheetError, match="20,000"):
        read(tmp_path / "form.csv")


def test_no_two_columns_of_the_form_are_known_by_the_same_header() -> None:
    headers = [header for column in COLUMNS for header in (column.header, *column.also)]
    assert len(headers) == len(set(headers))
    assert all(BY_NAME[column.name] is column for column in COLUMNS)
