"""One cell: what people write and what it means, what is refused and with which word."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.demo.citizen_id import broken, citizen_id
from hub.survey.cells import Fault, parse
from hub.survey.form import BY_NAME, COLUMNS

NUMBER = citizen_id("120114", date(2014, 3, 9).toordinal(), 37)


@pytest.mark.parametrize(
    ("name", "written", "meant"),
    [
        ("name", " 赵 小梅　", "赵小梅"),
        ("name", "阿依古丽•买买提", "阿依古丽·买买提"),
        ("citizenId", NUMBER, NUMBER),
        ("citizenId", f"'{NUMBER}", NUMBER),
        ("birthDate", "2014-3-9", "2014-03-09"),
        ("birthDate", "２０１４年３月９日", "2014-03-09"),
        ("birthDate", "20140309", "2014-03-09"),
        ("birthDate", 20140309.0, "2014-03-09"),
        ("birthDate", "2014/03/09 00:00:00", "2014-03-09"),
        ("birthDate", date(2014, 3, 9), "2014-03-09"),
        ("birthDate", datetime(2014, 3, 9), "2014-03-09"),
        ("birthDate", 41707.0, "2014-03-09"),
        ("sex", "男", "MALE"),
        ("sex", 1.0, "MALE"),
        ("sex", "2女", "FEMALE"),
        ("sex", "female", "FEMALE"),
        ("ethnicity", "回", "03"),
        ("ethnicity", "03", "03"),
        ("ethnicity", 3, "03"),
        ("householdRegistered", "是", True),
        ("householdRegistered", 0, False),
        ("householdRegistered", True, True),
        ("disabilityGrade", "二级", 2),
        ("disabilityGrade", 2.0, 2),
        ("incomeSources", "打工收入；种养殖业", ["MIGRANT_WAGES", "FARMING"]),
        ("incomeSources", "打工收入，打工收入,", ["MIGRANT_WAGES"]),
        ("father.phone", 13800000000.0, "13800000000"),
        ("father.phone", "022-82100000", "022-82100000"),
        ("illnessType", "无", None),
        ("citizenId", "暂无", None),
        ("householdPlace", "河西务镇１２号（东）", "河西务镇12号（东）"),
        ("divisionCode", "120114101204 郭罗庄村", "120114101204"),
    ],
)
def test_what_people_write_is_understood(name: str, written: Any, meant: Any) -> None:
    assert parse(BY_NAME[name], written) == meant


@pytest.mark.parametrize(
    ("name", "written", "code"),
    [
        ("name", "", "required"),
        ("name", "无", "required"),
        ("name", "赵小梅2", "name"),
        ("name", "赵", "name"),
        ("name", "=1+1", "name"),
        ("citizenId", broken(NUMBER), "citizen_id_check"),
        ("citizenId", NUMBER[:17], "citizen_id_form"),
        ("citizenId", NUMBER[:6] + NUMBER[8:17], "citizen_id_form"),
        ("citizenId", 120114201403090400.0, "number_cut"),
        ("citizenId", 120114201403090400, "number_cut"),
        ("birthDate", "2014-02-30", "no_such_day"),
        ("birthDate", "2014年3月", "date"),
        ("birthDate", "9/3/14", "date"),
        ("birthDate", "去年", "date"),
        ("birthDate", 12.0, "date"),
        ("sex", "甲", "choice"),
        ("householdRegistered", "也许", "choice"),
        ("schoolingStatus", "大学", "choice"),
        ("disabilityGrade", "5", "grade"),
        ("disabilityGrade", 2.5, "grade"),
        ("father.phone", "1380000000", "phone"),
        ("father.phone", "138000000000", "phone"),
        ("divisionCode", "120114101", "division"),
        ("incomeSources", "打工收入；彩票", "choice"),
        ("assistanceKinds", "法律援助", "choice"),
        ("residenceAddress", "某村" * 61, "too_long"),
        ("residenceAddress", "某村\n1号", "control"),
        ("residenceAddress", "某村\u202e1号", "control"),
        ("id", "../../x", "key"),
    ],
)
def test_what_has_no_one_meaning_is_refused_with_its_word(name: str, written: Any, code: str) -> None:
    found = parse(BY_NAME[name], written)
    assert isinstance(found, Fault)
    assert found.code == code
    assert found.wrong
    assert found.right


@given(text=st.text(max_size=40))
@example(text="²")
@example(text="0000")
def test_whatever_is_written_the_answer_is_a_value_or_a_fault_that_does_not_repeat_it(text: str) -> None:
    for column in COLUMNS:
        found = parse(column, text)
        if isinstance(found, Fault) and len(text.strip()) > 3 and text.strip() not in _said():
            assert text.strip() not in found.wrong + found.right


def _said() -> str:
    """Every word that the form itself says, and what it says to somebody who wrote something else."""
    other = [parse(column, "□□□□□") for column in COLUMNS]
    told = "".join(f"{found.wrong}{found.right}" for found in other if isinstance(found, Fault))
    return told + "".join(f"{column.header}{column.hint}{column.choices}" for column in COLUMNS)


@given(value=st.one_of(st.integers(), st.floats(), st.booleans(), st.dates(), st.datetimes(), st.none()))
def test_a_cell_of_any_kind_is_judged_and_never_breaks(value: Any) -> None:
    for column in COLUMNS:
        parse(column, value)


@pytest.mark.parametrize("column", [column for column in COLUMNS if column.choices], ids=lambda column: column.name)
def test_every_choice_is_understood_by_its_word_its_codes_and_its_name(column: Any) -> None:
    for choice in column.choices:
        for written in (choice.word, *choice.codes, choice.value):
            found = parse(column, written)
            one = found[0] if isinstance(found, list) else found
            wanted = choice.value == "true" if column.kind == "bool" else choice.value
            assert one == wanted, written
