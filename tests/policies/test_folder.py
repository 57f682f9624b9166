"""A policy folder is taken whole or refused, with file, line and what is wrong."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from policies import PolicyError, load
from policies.folder import FILES, version

from .conftest import FOLDER, Facts, table

Problems = Callable[[], list[str]]

GRANTS = [f"grants/{row['code']}.csv" for row in table("units.csv")]


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_bytes().decode("utf-8")
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode("utf-8"))


def test_the_folder_that_comes_with_the_hub_is_in_order(problems: Problems) -> None:
    assert problems() == []


def test_loading_takes_less_than_a_second(folder: Path, fields: Mapping[str, Facts]) -> None:
    before = time.process_time()
    load(folder, fields)
    assert time.process_time() - before < 1


@pytest.mark.parametrize("name", [*FILES, *GRANTS, "matrix.csv"])
def test_a_missing_file_is_named(name: str, folder: Path, problems: Problems) -> None:
    (folder / name).unlink()
    assert any(problem.startswith(f"{name}: is missing") for problem in problems())


@pytest.mark.parametrize("name", [*FILES, *GRANTS, "matrix.csv"])
def test_an_empty_file_is_named(name: str, folder: Path, problems: Problems) -> None:
    (folder / name).write_bytes(b"")
    assert any(problem.startswith(name) for problem in problems())


@pytest.mark.parametrize("name", [name for name in (*FILES, *GRANTS) if name.endswith(".csv")])
def test_a_file_with_its_header_alone_is_named(name: str, folder: Path, problems: Problems) -> None:
    head = (folder / name).read_bytes().split(b"\n")[0]
    (folder / name).write_bytes(head + b"\n")
    assert any(problem.startswith(f"{name}: holds no row") for problem in problems())


@pytest.mark.parametrize("name", [*FILES, *GRANTS, "matrix.csv"])
def test_a_file_cut_in_a_row_is_refused(name: str, folder: Path, problems: Problems) -> None:
    whole = (folder / name).read_bytes().rstrip(b"\r\n")
    for place in (1, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        (folder / name).write_bytes(whole[:place])
        assert problems(), f"{name} cut at {place} of {len(whole)} is taken for whole"


@pytest.mark.parametrize("name", [*GRANTS, "matrix.csv", "units.csv", "purposes.csv", "scopes.csv"])
def test_a_file_cut_behind_a_row_is_refused(name: str, folder: Path, problems: Problems) -> None:
    lines = (folder / name).read_bytes().splitlines(keepends=True)
    for kept in {1, len(lines) // 2, len(lines) - 1}:
        (folder / name).write_bytes(b"".join(lines[:kept]))
        assert problems(), f"the first {kept} lines of {name} are taken for all"


@pytest.mark.parametrize("name", [name for name in (*FILES, *GRANTS, "matrix.csv") if name.endswith(".csv")])
def test_a_last_line_without_its_end_is_refused(name: str, folder: Path, problems: Problems) -> None:
    (folder / name).write_bytes((folder / name).read_bytes().rstrip(b"\r\n"))
    assert any(problem.startswith(name) and "is cut" in problem for problem in problems())


BAD_LINES = [
    ("education_bureau,Enrolment.*,", "nobody,Enrolment.*,", "unknown unit `nobody`"),
    ("education_bureau,Enrolment.*,", "finance_bureau,Enrolment.*,", "unit `finance_bureau` of another file"),
    ("Enrolment.*,read", "Enrollment.*,read", "unknown type in `Enrollment.*`"),
    ("Enrolment.*,read", "*,read", "unknown coordinate `*`"),
    ("Enrolment.*,read", "Enrolment,read", "unknown coordinate `Enrolment`"),
    ("Enrolment.*,read", "Enrolment.stag*,read", "unknown coordinate `Enrolment.stag*`"),
    ("Enrolment.*,read", "Enrolment.id,read", "unknown coordinate `Enrolment.id`"),
    ("Enrolment.*,read,all", "Enrolment.*,raed,all", "unknown action `raed`"),
    ("Enrolment.*,read,all", "Enrolment.*,delete,all", "unknown action `delete`"),
    ("Enrolment.*,read,all", "Enrolment.*,read,everything", "unknown scope `everything`"),
    ("Enrolment.*,read,all", "Enrolment.*,read,", "unknown scope ``"),
    (
        "dropout_control;data_reconciliation",
        "dropout_controll;data_reconciliation",
        "unknown purpose `dropout_controll`",
    ),
    ("dropout_control;data_reconciliation", "DROPOUT_CONTROL", "unknown purpose `DROPOUT_CONTROL`"),
    ("dropout_control;data_reconciliation", "dropout_control;", "unknown purpose ``"),
    ("dropout_control;data_reconciliation", "dropout_control;dropout_control", "a purpose stands twice"),
    ("Enrolment.*,read,all,,", "Enrolment.*,read,all,withhold,", "mask `withhold` without read_masked"),
    ("Enrolment.*,read,all,,", "Enrolment.*,read_masked,all,withhold,", "read_masked wants one coordinate"),
    ("Enrolment.*,read,all,,", "Enrolment.stage,read_masked,all,none,", "has no mask"),
    ("Enrolment.*,read,all,,", "Enrolment.studentNumber,read_masked,all,,", "read_masked without a mask"),
    ("Enrolment.*,read,all,,", "Child.name,read_masked,all,surname2,", "mask `surname2` is not that of `Child.name`"),
    (
        "Enrolment.*,read,all,,",
        "Child.name,read_masked,all,year,",
        "mask `year` is not that of `Child.name`, `surname`",
    ),
    ("Enrolment.*,read,all,,", "Child.name,read,all,surname,", "mask `surname` without read_masked"),
    ("Enrolment.*,read,", "Child.riskFlags,update,", "`Child.riskFlags` is derived by the hub and never updated"),
    ("Enrolment.*,read,", "AccessLogEntry.*,update,", "covers nothing that may be updated"),
    (",3.1.3,", ",3.1.99,", "unknown clause `3.1.99`"),
    (",3.1.3,", ",二(一),", "unknown clause `二(一)`"),
    (",3.1.3,", ",2.2,", "quote is not in clause `2.2`"),
    ("对农村留守儿童受教育情况实施全程管理", "对农村留守儿童受教育情况实施半程管理", "quote is not in clause `3.1.3`"),
    (",对农村留守儿童受教育情况实施全程管理", ",", "quote is empty"),
    (",对农村留守儿童受教育情况实施全程管理", "", "a short row: 7 cells where 8 are wanted"),
    (",对农村留守儿童受教育情况实施全程管理", ",对农村留守儿童,deny", "a long row: 9 cells where 8 are wanted"),
    ("Enrolment.*,read", "Enrolment.*, read", "blanks around"),
    ("Enrolment.*,read", '"Enrolment.*\n",read', "line break"),
    ("Enrolment.*,read", "\0Enrolment.*,read", "a null character"),
    ("Enrolment.*,read", "Enrolment.*\r,read", "a carriage return"),
    ("education_bureau,Enrolment.*", '"education_bureau"x,Enrolment.*', "is not CSV"),
]


@pytest.mark.parametrize(("old", "new", "complaint"), BAD_LINES, ids=[bad[2] for bad in BAD_LINES])
def test_a_bad_line_is_named_with_what_is_wrong(
    old: str, new: str, complaint: str, folder: Path, problems: Problems
) -> None:
    replace(folder / "grants" / "education_bureau.csv", old, new)
    found = problems()
    assert any(problem.startswith("grants/education_bureau.csv:") and complaint in problem for problem in found), found
    if "line break" not in complaint:
        assert any(problem.startswith("grants/education_bureau.csv:2: ") for problem in found), found


def test_a_right_granted_twice_names_both_lines(folder: Path, problems: Problems) -> None:
    path = folder / "grants" / "education_bureau.csv"
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([*lines, lines[1].replace("Enrolment.*", "Enrolment.stage")]) + "\n", "utf-8")
    place = f"grants/education_bureau.csv:{len(lines) + 1}: "
    assert f"{place}`Enrolment.stage` for `dropout_control` is granted by `education_bureau:2`" in problems()


def test_a_column_of_effects_is_refused(folder: Path, problems: Problems) -> None:
    path = folder / "grants" / "auditor.csv"
    head, line = path.read_text("utf-8").splitlines()
    path.write_text(f"{head},eft\n{line},deny\n", "utf-8")
    assert problems()[0].startswith("grants/auditor.csv:1: the header is not `unit,coordinate,")


def test_a_byte_order_mark_and_other_encodings_are_refused(folder: Path, problems: Problems) -> None:
    path = folder / "grants" / "auditor.csv"
    whole = path.read_bytes()
    path.write_bytes(b"\xef\xbb\xbf" + whole)
    assert "grants/auditor.csv:1: holds a byte order mark" in problems()
    path.write_bytes(whole.decode("utf-8").encode("gb18030"))
    assert "grants/auditor.csv:2: is not UTF-8" in problems()


def test_grants_of_no_unit_are_refused(folder: Path, problems: Problems) -> None:
    (folder / "grants" / "nobody.csv").write_bytes((folder / "grants" / "auditor.csv").read_bytes())
    found = problems()
    assert "grants/nobody.csv: belongs to no unit of units.csv" in found
    assert "grants/nobody.csv:2: unit `auditor` of another file" in found


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_named(folder: Path, problems: Problems) -> None:
    (folder / "units.csv").chmod(0)
    assert "units.csv: cannot be read: permission denied" in problems()


def test_a_folder_in_the_place_of_a_file_is_named(folder: Path, problems: Problems) -> None:
    (folder / "tables.csv").unlink()
    (folder / "tables.csv").mkdir()
    assert "tables.csv: cannot be read: is a directory" in problems()


def test_no_folder_at_all_names_every_file(tmp_path: Path, fields: Mapping[str, Facts]) -> None:
    with pytest.raises(PolicyError) as error:
        load(tmp_path / "nowhere", fields)
    assert {problem.file for problem in error.value.problems} >= set(FILES)


def test_every_problem_is_found_at_once_and_sorted(folder: Path, problems: Problems) -> None:
    replace(folder / "grants" / "education_bureau.csv", "Enrolment.*,read", "Enrollment.*,read")
    replace(folder / "grants" / "auditor.csv", ",audit,", ",auditing,")
    replace(folder / "model.conf", "p.eft == allow", "p.eft == alow")
    found = problems()
    assert [problem.split(":")[0] for problem in found] == [
        "grants/auditor.csv",
        "grants/education_bureau.csv",
        "model.conf",
    ]


WORDS = [
    ("units.csv", "civil_affairs_bureau,", "civil-affairs,", "code `civil-affairs` is not a lower-case word"),
    ("units.csv", ",party,3.1.2,", ",committee,3.1.2,", "kind `committee` is not one of"),
    ("units.csv", ",party,3.1.2,", ",party,3.1.77,", "unknown clause `3.1.77`"),
    ("units.csv", "education_bureau,区教育局", "education_bureau,", "`name_zh` is empty"),
    ("purposes.csv", "控辍保学,", ",", "`name_zh` is empty"),
    ("purposes.csv", 'dropout",false', 'dropout",no', "needs_case `no` is not `true` or `false`"),
    ("scopes.csv", "\nown_town,", "\nall,", "`all` stands on line 2 already"),
    ("clauses.csv", "\n2.1.1,", "\n2.1.1.1,", "code `2.1.1.1` is not of the form"),
    ("divisions.csv", "120114001,town", "12011400,town", "code `12011400` is not 9 digits"),
    ("divisions.csv", "120114001,town", "120114001,city", "level `city` is not one of"),
    ("divisions.csv", "120114001,town,杨村街道,120114", "120114001,town,杨村街道,120115", "is not above it"),
    ("institutions.csv", ",education_bureau,", ",sports_bureau,", "unknown bureau `sports_bureau`"),
    ("institutions.csv", ",education_bureau,", ",town_government,", "unknown bureau `town_government`"),
    ("institutions.csv", ",SCHOOL,", ",UNIVERSITY,", "kind `UNIVERSITY` is not one of"),
    ("institutions.csv", ",education_bureau,120114", ",education_bureau,999999", "unknown division `999999"),
    ("tables.csv", "t01,MandatoryReport.divisionCode", "t01,MandatoryReport.narrative", "may not aggregate"),
    ("tables.csv", ",statistics,civil_affairs_bureau", ",statistics,auditor", "`auditor` may not aggregate"),
    ("tables.csv", ",COUNT,statistics", ",COUNT,audit", "may not aggregate"),
    ("tables.csv", ",COUNT,", ",COUNTS,", "may not aggregate `COUNTS`"),
    ("tables.csv", "t02,", "t01,", "`t01` stands here twice"),
    ("tables.csv", "t01,MandatoryReport.divisionCode", "t01,A.a;B.b;C.c;D.d", "one to three different coordinates"),
]


@pytest.mark.parametrize(("name", "old", "new", "complaint"), WORDS, ids=[bad[3] for bad in WORDS])
def test_a_bad_word_is_named_with_file_and_line(
    name: str, old: str, new: str, complaint: str, folder: Path, problems: Problems
) -> None:
    replace(folder / name, old, new)
    found = [problem for problem in problems() if problem.startswith(f"{name}:") and complaint in problem]
    assert found, problems()
    assert found[0].split(":")[1].isdigit()


def test_a_table_of_rows_that_a_unit_counts_in_part_alone_is_refused(folder: Path, problems: Problems) -> None:
    grants, line = folder / "grants" / "finance_bureau.csv", "AssistanceRecord.kind,aggregate,"
    replace(grants, f"{line}all", f"{line}service_referred")
    wanted = "`finance_bureau` may not aggregate `AssistanceRecord.kind` of all rows"
    assert any(problem.startswith("tables.csv:") and wanted in problem for problem in problems())


def test_a_scope_that_the_hub_has_no_predicate_for_is_named(folder: Path, fields: Mapping[str, Facts]) -> None:
    known = frozenset(load(folder, fields).scopes) - {"dropout_open"}
    with pytest.raises(PolicyError, match=r"scopes.csv: no predicate is known for scope `dropout_open`"):
        load(folder, fields, scopes=known)


def test_a_schema_that_lost_a_field_refuses_its_grants(folder: Path, fields: Mapping[str, Facts]) -> None:
    fewer = {name: facts for name, facts in fields.items() if name != "Child.livesAlone"}
    with pytest.raises(PolicyError, match=r"unknown coordinate `Child.livesAlone`"):
        load(folder, fewer)


def test_a_wider_scope_written_behind_the_matrix_is_refused(folder: Path, problems: Problems) -> None:
    replace(folder / "grants" / "town_government.csv", "Child.*,read,own_town", "Child.*,read,all")
    found = problems()
    assert any("town_government,guardianship_protection,read,Child.name,own_town" in problem for problem in found)
    assert all(problem.startswith("matrix.csv") for problem in found)


def test_a_matrix_with_a_right_of_its_own_grants_nothing_and_is_refused(folder: Path, problems: Problems) -> None:
    line = "auditor,audit,read,Child.name,all,,auditor:2\n"
    path = folder / "matrix.csv"
    path.write_text(path.read_text("utf-8") + line, "utf-8")
    assert [problem.split(": ")[1] for problem in problems()] == [f"`{line.strip()}` is in no grants file"]


@pytest.mark.parametrize("name", [*FILES, *GRANTS])
def test_any_changed_byte_is_another_version(name: str) -> None:
    files = {file: (FOLDER / file).read_bytes() for file in (*FILES, *GRANTS)}
    changed = {**files, name: files[name].replace(b"1", b"2", 1) if b"1" in files[name] else files[name] + b"\n"}
    assert version(changed) != version(files)
    assert len(version(files)) == 16


def test_bytes_moved_from_one_file_to_the_next_are_another_version() -> None:
    assert version({"a": b"12", "b": b"3"}) != version({"a": b"1", "b": b"23"})
    assert version({"a": b"", "b": b""}) != version({"ab": b""})


def test_lines_end_with_or_without_a_carriage_return(folder: Path, fields: Mapping[str, Facts]) -> None:
    path = folder / "purposes.csv"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert len(load(folder, fields).purposes) == 15
