"""The template and the annotated answer: read back they are what was written; what is wrong is marked in its cell."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

from hub.survey.check import check
from hub.survey.form import BY_NAME, COLUMNS, FOUND
from hub.survey.reading import read
from hub.survey.workbook import SPARE_ROWS, Heading, annotated, shown, template, where
from tests.survey.forms import NAMES, TODAY, VILLAGE, as_xlsx, grid, rows

HEADING = Heading(village=VILLAGE, name="郭罗庄村", quarter="2026Q4")
PART = re.compile(r"xl/worksheets/sheet[0-9]+\.xml")


def written(folder: Path, data: bytes) -> Path:
    file = folder / "written.xlsx"
    file.write_bytes(data)
    return file


def test_a_template_is_read_back_as_it_was_filled_in(tmp_path: Path) -> None:
    values = [
        {
            "id": "abc",
            "name": "测试甲",
            "sex": "MALE",
            "birthDate": "2016-03-09",
            "divisionCode": VILLAGE,
            "householdRegistered": False,
            "residenceAddress": "=某村1号",
            "bodyCondition": "DISABLED",
            "disabilityCategory": "VISUAL",
            "disabilityGrade": 2,
            "schoolingStatus": "PRIMARY",
            "leftBehindType": "BOTH_AWAY",
            "entrusted": False,
            "livesAlone": False,
            "guardianshipType": "NONE",
            "incomeSources": ["MIGRANT_WAGES", "FARMING"],
            "assistanceKinds": [],
            "father.name": "测试乙",
            "father.guardianshipCapacity": "CAPABLE",
        }
    ]
    sheet = read(written(tmp_path, template(HEADING, values)))
    assert set(sheet.places) == {column.name for column in COLUMNS}
    found = check(sheet, village=VILLAGE, own=(), day=TODAY, progress=lambda *_: None)
    assert [(problem.column, problem.fault.code) for problem in found.problems] == [("id", "unknown_file")]
    ((_, cells),) = sheet.data
    assert {name: cells[place] for name, place in sheet.places.items()} == {
        name: shown(BY_NAME[name], values[0].get(name)) for name in NAMES
    }


def test_an_empty_template_has_room_for_new_children_and_no_rows(tmp_path: Path) -> None:
    file = written(tmp_path, template(HEADING, []))
    assert list(read(file).data) == []
    assert _main(file).count("<row ") >= SPARE_ROWS


def _main(file: Path) -> str:
    with zipfile.ZipFile(file) as archive:
        return archive.read("xl/worksheets/sheet1.xml").decode()


def test_every_choice_has_a_drop_down_and_its_words_are_all_there(tmp_path: Path) -> None:
    file = written(tmp_path, template(HEADING, []))
    root = ElementTree.fromstring(_main(file))
    name = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}dataValidation"
    validated = {one.attrib["sqref"].split(":")[0].rstrip("0123456789") for one in root.iter(name)}
    chosen = [column for column in COLUMNS if column.choices or column.kind == "grade"]
    assert len(validated) == len(chosen)
    with zipfile.ZipFile(file) as archive:
        words = archive.read("xl/sharedStrings.xml").decode()
    for column in chosen:
        assert [choice.word for choice in column.choices if choice.word not in words] == []


def test_nothing_that_somebody_typed_is_a_formula_or_a_number(tmp_path: Path) -> None:
    sheet_rows = rows(1, 3)
    sheet_rows[0]["residenceAddress"] = '=HYPERLINK("http://x.invalid","x")'
    sheet_rows[1]["name"] = "=1+1"
    as_xlsx(tmp_path / "sent.xlsx", grid(sheet_rows))
    sheet = read(tmp_path / "sent.xlsx")
    found = check(sheet, village=VILLAGE, own=(), day=TODAY, progress=lambda *_: None)
    page = _main(written(tmp_path, annotated(sheet, found)))
    assert "<f>" not in page
    assert re.findall(r'<c r="[A-Z]+[0-9]+"[^>]*t="n"', page) == []


def test_an_annotated_sheet_says_in_each_row_what_is_wrong_and_marks_the_cell(tmp_path: Path) -> None:
    sheet_rows = rows(2, 4)
    sheet_rows[1]["sex"] = "甲"
    sheet_rows[3]["birthDate"], sheet_rows[3]["name"] = "2014-02-30", ""
    as_xlsx(tmp_path / "sent.xlsx", grid(sheet_rows, above=2))
    sheet = read(tmp_path / "sent.xlsx")
    found = check(sheet, village=VILLAGE, own=(), day=TODAY, progress=lambda *_: None)
    file = written(tmp_path, annotated(sheet, found))
    again = read(file)
    place = [str(cell) for cell in again.rows[again.header]].index(FOUND)
    results = [str(cells[place]) for _, cells in again.data]
    assert [result == "通过" for result in results] == [True, False, True, False]
    assert "性别：不在可选范围内" in results[1]
    assert "姓名：必填项为空" in results[3]
    assert "出生日期：日历中没有这一天" in results[3]
    with zipfile.ZipFile(file) as archive:
        comments = archive.read("xl/comments1.xml").decode()
    for problem in found.problems:
        assert f'ref="{where(sheet, problem.row, problem.column)}"' in comments


def test_an_annotated_sheet_is_corrected_and_sent_again_as_often_as_needed(tmp_path: Path) -> None:
    sheet_rows = rows(3, 4)
    sheet_rows[2]["sex"] = "甲"
    as_xlsx(tmp_path / "sent.xlsx", grid(sheet_rows))
    sheet = read(tmp_path / "sent.xlsx")
    for _ in range(2):
        found = check(sheet, village=VILLAGE, own=(), day=TODAY, progress=lambda *_: None)
        assert [problem.column for problem in found.problems] == ["sex"]
        sheet = read(written(tmp_path, annotated(sheet, found)))
    headers = [str(cell) for cell in sheet.rows[sheet.header]]
    assert headers.count(FOUND) == 1
    assert sheet.unknown == ()


def test_a_cell_is_named_as_spreadsheets_name_it(tmp_path: Path) -> None:
    as_xlsx(tmp_path / "sent.xlsx", grid([{**rows(4, 1)[0], "assistanceKinds": "x", "name": "1"}]))
    sheet = read(tmp_path / "sent.xlsx")
    found = check(sheet, village=VILLAGE, own=(), day=TODAY, progress=lambda *_: None)
    assert [where(sheet, problem.row, problem.column) for problem in found.problems] == ["B2", "AK2"]
