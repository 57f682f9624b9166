"""A whole sheet: every row good or with its problem, and nothing told of other villages' children."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from connectors.demo.citizen_id import citizen_id
from connectors.mapping import load as load_mapping
from hub.survey.cells import LONGEST
from hub.survey.check import Checked, Entry, Own, check
from hub.survey.contradictions import RULES
from hub.survey.form import BY_NAME, COLUMNS
from hub.survey.reading import Sheet, read
from hub.survey.storing import NotPassedError, store
from tests.support.running import ROOT
from tests.survey.forms import NAMES, TODAY, VILLAGE, Row, as_csv, as_xlsx, grid, reworded, rows


def sheet(written: list[Row]) -> Sheet:
    return Sheet(rows=grid(written), header=0, places={name: place for place, name in enumerate(NAMES)}, unknown=())


def checked(written: list[Row], own: tuple[Own, ...] = ()) -> Checked:
    return check(sheet(written), village=VILLAGE, own=own, day=TODAY, progress=lambda *_: None)


def codes(found: Checked) -> list[tuple[int, str, str]]:
    return [(problem.row, problem.column, problem.fault.code) for problem in found.problems]


def test_good_rows_pass() -> None:
    found = checked(rows(1, 300))
    assert codes(found) == []
    assert found.passed
    assert len(found.good) == 300


def test_good_rows_in_other_words_mean_the_same() -> None:
    written = rows(2, 300)
    draw = random.Random(2)
    plain, other = checked(written), checked([reworded(row, draw) for row in written])
    assert codes(other) == []
    assert [entry.values for entry in other.good] == [entry.values for entry in plain.good]


def test_an_empty_sheet_does_not_pass() -> None:
    assert not checked([]).passed


# A row that is right, and what makes each rule break.

RIGHT: Row = {**dict.fromkeys(NAMES, ""), **rows(5, 1)[0]}
PLAIN: dict[str, str] = {
    "citizenId": "",
    "householdRegistered": "否",
    "sex": "男",
    "birthDate": "2016-03-09",
    "bodyCondition": "健康",
    "disabilityCategory": "",
    "disabilityGrade": "",
    "schoolingStatus": "小学",
    "leftBehindType": "父母双方外出",
    "entrusted": "否",
    "livesAlone": "否",
    "guardianshipType": "父或母无监护能力",
    "guardian.name": "",
    "guardian.relation": "",
    "guardian.phone": "",
}
NUMBER = citizen_id("120114", date(2016, 3, 9).toordinal(), 37)
OTHER = citizen_id("120114", date(2016, 3, 9).toordinal(), 39)
BREAKS: dict[str, dict[str, str]] = {
    "not_born": {"birthDate": "2027-01-01", "schoolingStatus": "未入园"},
    "aged_out": {"birthDate": "2010-11-24"},
    "citizen_id_birth": {"citizenId": NUMBER, "householdRegistered": "是", "birthDate": "2016-09-03"},
    "citizen_id_sex": {"citizenId": NUMBER, "householdRegistered": "是", "sex": "女"},
    "number_unregistered": {"citizenId": NUMBER},
    "registered_without_place": {"householdRegistered": "是", "householdPlace": ""},
    "disabled_without_category": {"bodyCondition": "残疾"},
    "category_without_disability": {"disabilityCategory": "视力"},
    "grade_without_category": {"disabilityGrade": "2"},
    "ill_without_type": {"bodyCondition": "患病"},
    "schooling_age": {"schoolingStatus": "高中"},
    "one_away_other_capable": {
        "leftBehindType": "一方外出另一方无监护能力",
        "mother.workPlace": "",
        "mother.guardianshipCapacity": "有",
    },
    "alone_with_good_care": {"livesAlone": "是", "guardianshipType": "监护情况较好"},
    "no_guardian_named": {"guardianshipType": "无人监护", "guardian.name": "测试祖母"},
    "entrusted_without_guardian": {"entrusted": "是"},
    "father_without_name": {"father.name": "", "father.phone": "13800000000"},
    "mother_without_name": {"mother.name": "", "mother.workPlace": "北京市"},
    "guardian_without_name": {"guardian.phone": "13800000000"},
    "inadequate_not_entrusted": {"guardianshipType": "受委托监护人监护能力不足"},
    "visit_ahead": {"lastVisitedOn": "2026-11-25"},
}


def test_every_rule_is_tried() -> None:
    assert set(BREAKS) == {rule.code for rule in RULES}
    assert checked([{**RIGHT, **PLAIN}]).passed


@pytest.mark.parametrize("code", list(BREAKS))
def test_a_contradiction_between_columns_is_found_and_nothing_else(code: str) -> None:
    at = next(rule.at for rule in RULES if rule.code == code)
    assert codes(checked([{**RIGHT, **PLAIN, **BREAKS[code]}])) == [(1, at, code)]


def test_a_child_of_just_under_sixteen_passes_and_of_sixteen_does_not() -> None:
    row = {**RIGHT, **PLAIN, "schoolingStatus": "不在学"}
    assert checked([{**row, "birthDate": "2010-11-25"}]).passed
    assert codes(checked([{**row, "birthDate": "2010-11-24"}])) == [(1, "birthDate", "aged_out")]


# Together.


def test_one_number_twice_in_the_sheet_is_told_on_both_rows() -> None:
    first, second, third = rows(6, 3)
    numbered = {**first, "citizenId": NUMBER, "birthDate": "2016-03-09", "sex": "男", "householdRegistered": "是"}
    numbered["schoolingStatus"] = "小学"
    again = {**second, **{name: numbered[name] for name in ("citizenId", "birthDate", "sex", "householdRegistered")}}
    again["schoolingStatus"] = "小学"
    found = checked([numbered, third, again])
    assert codes(found) == [(1, "citizenId", "twice_in_sheet"), (3, "citizenId", "twice_in_sheet")]
    assert "第 4 行" in found.problems[0].fault.right
    assert len(found.good) == 1


def test_two_children_without_a_number_but_of_one_name_and_birthday_are_told() -> None:
    row = {**RIGHT, **PLAIN}
    assert codes(checked([row, row])) == [(1, "name", "twice_in_sheet"), (2, "name", "twice_in_sheet")]


def own(identifier: str, number: str | None, name: str = "某", born: str = "2016-03-09") -> Own:
    return Own(id=identifier, citizen_id=number, name=name, birth_date=born)


def test_a_new_row_about_a_child_whose_file_the_village_has_is_told() -> None:
    row = {**RIGHT, **PLAIN, "citizenId": NUMBER, "householdRegistered": "是"}
    assert codes(checked([row], (own("A", NUMBER),))) == [(1, "citizenId", "own_duplicate")]
    assert checked([{**row, "id": "A"}], (own("A", NUMBER),)).passed


@pytest.mark.parametrize(
    ("number", "held", "told"),
    [(None, NUMBER, True), (NUMBER, None, True), (None, None, True), (NUMBER, OTHER, False)],
)
def test_name_and_birthday_tell_an_own_child_unless_both_have_numbers_that_differ(
    number: str | None, held: str | None, told: bool
) -> None:
    row = {
        **RIGHT,
        **PLAIN,
        "name": "测试甲",
        "citizenId": number or "",
        "householdRegistered": "是" if number else "否",
    }
    found = codes(checked([row], (own("A", held, "测试甲"),)))
    assert ([code for _, _, code in found] == ["own_duplicate"]) == told


def test_a_known_file_that_takes_another_own_files_number_is_told() -> None:
    row = {**RIGHT, **PLAIN, "citizenId": NUMBER, "householdRegistered": "是", "id": "B"}
    found = checked([row], (own("A", NUMBER), own("B", None)))
    assert codes(found) == [(1, "citizenId", "own_duplicate")]


def test_an_identifier_that_is_not_the_villages_is_told_as_unknown() -> None:
    row = {**RIGHT, **PLAIN, "id": "Zm9yZWlnbg"}
    assert codes(checked([row], (own("A", None),))) == [(1, "id", "unknown_file")]


def test_a_row_of_another_village_is_told() -> None:
    row = {**RIGHT, **PLAIN, "divisionCode": "120114101205"}
    assert codes(checked([row])) == [(1, "divisionCode", "other_village")]


def test_another_villages_child_is_judged_like_a_child_that_nobody_knows() -> None:
    """The check is given the own files and nothing else, so what others have cannot show in what it says."""
    stranger = {**RIGHT, **PLAIN, "citizenId": NUMBER, "householdRegistered": "是"}
    unheard = {**stranger, "citizenId": citizen_id("120114", date(2016, 3, 9).toordinal(), 39)}
    files = (own("A", citizen_id("120114", date(2015, 5, 5).toordinal(), 11)),)
    assert codes(checked([stranger], files)) == codes(checked([unheard], files)) == []


# Two hundred broken sheets.

CORRUPTIONS: dict[str, list[tuple[str, str]]] = {
    "id": [("档案!", "key"), ("Zm9yZWlnbg", "unknown_file")],
    "name": [("赵2", "name"), ("", "required")],
    "birthDate": [("2014-13-01", "no_such_day"), ("二〇一四年", "date")],
    "sex": [("不知道", "choice")],
    "residenceAddress": [("", "required"), ("某" * (LONGEST + 1), "too_long"), ("某村\u200b1号", "control")],
    "schoolingStatus": [("大学", "choice")],
    "bodyCondition": [("", "required")],
    "divisionCode": [("120114102201", "other_village"), ("武清", "division")],
    "father.phone": [("12345", "phone")],
    "guardianshipType": [("很好", "choice")],
    "leftBehindType": [("9", "choice")],
    "lastVisitedOn": [("2030-01-01", "visit_ahead")],
    "incomeSources": [("打工收入；工资条", "choice")],
    "citizenId": [("123456", "citizen_id_form"), ("120114201603090370", "citizen_id_check")],
    "entrusted": [("?", "choice")],
    "disabilityGrade": [("9", "grade")],
}


@pytest.mark.parametrize("part", range(8))
async def test_of_two_hundred_broken_sheets_none_stores_a_bad_row_or_loses_a_good_one(
    part: int, tmp_path: Path
) -> None:
    for seed in range(part * 25, part * 25 + 25):
        draw = random.Random(seed)
        written = [reworded(row, draw) for row in rows(seed, draw.randrange(1, 30))]
        wanted: set[tuple[int, str, str]] = set()
        above, order = draw.randrange(0, 4), list(NAMES)
        draw.shuffle(order)
        for number in draw.sample(range(len(written)), draw.randrange(0, len(written) + 1)):
            for name in draw.sample(list(CORRUPTIONS), draw.randrange(1, 4)):
                text, code = draw.choice(CORRUPTIONS[name])
                written[number][name] = text
                wanted.add((number + above + 1, name, code))
        found = check(_sent(tmp_path, seed, draw, grid(written, order=order, above=above)), **_AS)
        bad = {row for row, _, _ in wanted}
        assert wanted <= set(codes(found)), seed
        assert {problem.row for problem in found.problems} == bad, seed
        good = [number + above + 1 for number in range(len(written)) if number + above + 1 not in bad]
        assert [entry.row for entry in found.good] == good, seed
        assert await stored(found, accept_good=True) == good, seed
        assert await stored(found, accept_good=False) == ([] if bad else good), seed


async def stored(found: Checked, *, accept_good: bool) -> list[int]:
    """Rows that an import hands to the survey's steps."""
    entered: list[int] = []

    class Steps:
        async def enter(self, village: str, quarter: str, entries: Sequence[Entry]) -> None:
            entered.extend(entry.row for entry in entries)

    with suppress(NotPassedError):
        await store(found, Steps(), village=VILLAGE, quarter="2026Q4", accept_good=accept_good)
    return entered


_AS: dict[str, Any] = {"village": VILLAGE, "own": (), "day": TODAY, "progress": lambda *_: None}


def _sent(folder: Path, seed: int, draw: random.Random, written: list[list[str]]) -> Sheet:
    """In one of the forms in which files are sent."""
    way = draw.choice(("xlsx", "utf-8-sig", "gb18030", "utf-8"))
    file = folder / f"{seed}.{'xlsx' if way == 'xlsx' else 'csv'}"
    if way == "xlsx":
        as_xlsx(file, written)
    else:
        as_csv(file, written, way)
    return read(file)


def test_problems_come_in_the_order_of_the_sheet_and_name_columns_of_the_form() -> None:
    written = rows(9, 5)
    written[3]["sex"], written[1]["name"], written[1]["sex"] = "甲", "1", "乙"
    found = checked(written)
    assert [(problem.row, problem.column) for problem in found.problems] == [(2, "name"), (2, "sex"), (4, "sex")]
    assert all(problem.column in BY_NAME for problem in found.problems)


# The row of which a file was made.


def own_of(written: Row, **other: Any) -> Own:
    """The file that was made of a row."""
    values = {**checked([written]).good[0].values, "id": "own", **other}
    return Own(
        id="own",
        citizen_id=values["citizenId"],
        name=values["name"],
        birth_date=values["birthDate"],
        values=values,
    )


def test_a_row_of_which_a_file_was_made_is_that_file_and_no_duplicate() -> None:
    written = rows(7, 1)
    (entry,) = checked(written, (own_of(written[0], lastVisitedOn=None),)).good
    assert entry.values["id"] == "own"


def test_a_row_that_says_something_else_of_a_child_on_file_is_a_duplicate() -> None:
    written = rows(7, 1)
    assert [code for _, _, code in codes(checked(written, (own_of(written[0], residenceAddress="另一处"),)))] == [
        "own_duplicate"
    ]


def test_no_cell_passes_that_the_register_cannot_keep() -> None:
    register = load_mapping(ROOT / "connectors" / "civil_affairs.toml")
    of = {None: "Child", "guardian": "Guardian"}
    for column in COLUMNS:
        relation = register.relation(of.get(column.person, "FamilyMember"))
        assert relation.writes is not None
        kept = relation.writes.longest.get(column.name.rpartition(".")[2])
        if kept is not None and column.kind in {"text", "name"}:
            assert (column.longest or LONGEST) <= kept, column.name
