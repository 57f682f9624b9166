"""Sheet, the village's own files -> rows that may be stored, and every problem with its cell: pure.

Guarantee: every cell of every row is checked, and each row is good or has a problem. What is known of other villages'
children is nothing: duplicates are looked for in the sheet and among the own files alone, so that a village that enters
another's child learns no more than it wrote.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any

from hub.survey.cells import Fault, parse
from hub.survey.contradictions import contradictions
from hub.survey.form import BY_NAME
from hub.survey.reading import Sheet

Progress = Callable[[str, int, int], None]
STEP = 500
"""Rows between two reports of progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong: in which row (from 0) and column of the form, and what would be right."""

    row: int
    column: str
    fault: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A row of the sheet with its values in schema terms; ``values`` holds no cell that has a problem."""

    row: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """A file of the village itself, as the village may read it; ``values``: the row that a template gives it."""

    id: str
    citizen_id: str | None
    name: str | None
    birth_date: str | None
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The outcome: ``good`` rows have no problem, ``problems`` are in the order of the sheet."""

    good: tuple[Entry, ...]
    problems: tuple[Problem, ...]
    rows: int

    @property
    def passed(self) -> bool:
        """Whether there are rows and none has a problem."""
        return self.rows > 0 and not self.problems


@dataclass(slots=True)
class _Checking:
    """The rows while they are checked."""

    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def add(self, row: int, column: str, fault: Fault) -> None:
        self.problems.append(Problem(row=row, column=column, fault=fault))


def check(sheet: Sheet, *, village: str, own: Iterable[Own], day: date, progress: Progress) -> Checked:
    """Checks the whole sheet for the village with this code, as of ``day``."""
    checking, rows = _Checking(), list(sheet.data)
    for done, (number, cells) in enumerate(rows, 1):
        _check_row(checking, sheet, number, cells, village, day)
        if done % STEP == 0 or done == len(rows):
            progress("检查 check", done, len(rows))
    _check_together(checking, list(own))
    bad = {problem.row for problem in checking.problems}
    order = {name: place for place, name in enumerate(BY_NAME)}
    return Checked(
        good=tuple(entry for entry in checking.entries if entry.row not in bad),
        problems=tuple(sorted(checking.problems, key=lambda one: (one.row, order[one.column], one.fault.code))),
        rows=len(rows),
    )


def _check_row(checking: _Checking, sheet: Sheet, number: int, cells: Sequence[Any], village: str, day: date) -> None:
    values: dict[str, Any] = {}
    faulty: set[str] = set()
    for name, place in sheet.places.items():
        value = parse(BY_NAME[name], cells[place] if place < len(cells) else None)
        if isinstance(value, Fault):
            checking.add(number, name, value)
            faulty.add(name)
        else:
            values[name] = value
    if "divisionCode" not in faulty and values.setdefault("divisionCode", village) is None:
        # A form is one village's: an empty cell can only mean it.
        values["divisionCode"] = village
    if values.get("divisionCode", village) != village:
        checking.add(number, "divisionCode", Fault(code="other_village", wrong="不是本村(居)代码", right=village))
        faulty.add("divisionCode")
    for name, fault in contradictions(values, day, frozenset(faulty)):
        checking.add(number, name, fault)
    checking.entries.append(Entry(row=number, values=MappingProxyType(values)))


def _check_together(checking: _Checking, own: list[Own]) -> None:
    """Rows of the sheet against each other, and against the village's own files."""
    _alike(checking, lambda row: row.get("id"), "id", "表内有两行档案标识相同")
    _alike(checking, lambda row: row.get("citizenId"), "citizenId", "表内有两行公民身份号码相同")
    _alike(checking, _unnumbered, "name", "表内有两行姓名和出生日期相同，且均无公民身份号码")
    files = _Files(
        ids=frozenset(one.id for one in own),
        by_number={one.citizen_id: one.id for one in own if one.citizen_id is not None},
        by_person={(one.name, one.birth_date): one.id for one in own},
        without_number={(one.name, one.birth_date): one.id for one in own if one.citizen_id is None},
        values={one.id: one.values for one in own},
    )
    checking.entries = [_check_own(checking, entry, files) for entry in checking.entries]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """The village's own files, by what a row may name."""

    ids: frozenset[str]
    by_number: Mapping[str, str]
    by_person: Mapping[tuple[str | None, str | None], str]
    without_number: Mapping[tuple[str | None, str | None], str]
    values: Mapping[str, Mapping[str, Any]]

    def entered(self, row: Mapping[str, Any], file: str) -> bool:
        """Whether the row says of the child itself exactly what the file says: the row that the file was made of.

        An import that was broken off is started again with the same sheet, whose new files have no identifier in it.
        """
        there = self.values[file]
        names = [name for name in row if name not in {"id", "lastVisitedOn"} and BY_NAME[name].person is None]
        return bool(there) and all(plain_value(row[name]) == plain_value(there.get(name)) for name in names)

    def known(self, row: Mapping[str, Any]) -> str | None:
        """The file of the row's child: by number; by name and birthday where one of the two has no number."""
        number, person = row.get("citizenId"), (row.get("name"), row.get("birthDate"))
        if None in person:
            return self.by_number.get(number or "")
        if number is None:
            return self.by_person.get(person)
        return self.by_number.get(number) or self.without_number.get(person)


def _unnumbered(row: Mapping[str, Any]) -> tuple[Any, Any] | None:
    if row.get("citizenId") is not None or row.get("name") is None or row.get("birthDate") is None:
        return None
    return row["name"], row["birthDate"]


def _alike(checking: _Checking, key: Callable[[Mapping[str, Any]], Any], column: str, wrong: str) -> None:
    rows: dict[Any, list[int]] = defaultdict(list)
    for entry in checking.entries:
        found = key(entry.values)
        if found is not None:
            rows[found].append(entry.row)
    for numbers in rows.values():
        for number in numbers if len(numbers) > 1 else ():
            others = "、".join(str(other + 1) for other in numbers if other != number)
            fault = Fault(code="twice_in_sheet", wrong=wrong, right=f"与第 {others} 行核对，保留一行")
            checking.add(number, column, fault)


def _check_own(checking: _Checking, entry: Entry, files: _Files) -> Entry:
    """The row with the identifier of the file that it is about, if that is known already."""
    identifier = entry.values.get("id")
    if identifier is not None and identifier not in files.ids:
        fault = Fault(
            code="unknown_file", wrong="档案标识不是本村(居)在册档案", right="新建档案请留空，勿改动平台填写的标识"
        )
        checking.add(entry.row, "id", fault)
        return entry
    known = files.known(entry.values)
    if known is None or known == identifier:
        return entry
    if identifier is None and files.entered(entry.values, known):
        return Entry(row=entry.row, values=MappingProxyType({**entry.values, "id": known}))
    fault = Fault(code="own_duplicate", wrong="本村(居)已有该儿童的档案", right="在原有一行上修改，不要新增")
    checking.add(entry.row, "citizenId" if entry.values.get("citizenId") else "name", fault)
    return entry


def plain_value(value: Any) -> Any:
    """A value as it is compared: of several choices the order says nothing, and none of them is nothing."""
    return (tuple(sorted(value)) or None) if isinstance(value, list | tuple) else value
