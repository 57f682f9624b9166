"""The words a policy may use (units, purposes, scopes, clauses, divisions, institutions) from their CSV files.

Every code is unique and every reference between the files is checked: an institution stands under a unit that is in
``units.csv`` and in a division that is in ``divisions.csv``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

from policies.problems import Findings
from policies.tabular import Row, rows

LEVELS = {"district": 6, "town": 9, "village": 12}
"""Levels of a division, with the digits of their codes."""

INSTITUTION_KINDS = frozenset(
    {
        "SCHOOL",
        "KINDERGARTEN",
        "MEDICAL_INSTITUTION",
        "SOCIAL_WORK_AGENCY",
        "RESCUE_INSTITUTION",
        "WELFARE_INSTITUTION",
    }
)
"""The mandatory reporters of the notice that are institutions; the seventh, a village committee, is a unit."""

_UNIT_KINDS = frozenset({"government", "party", "judicial", "mass_organisation", "non_member"})
_CODE = re.compile(r"[a-z][a-z0-9_]*")
_CLAUSE = re.compile(r"[1-9](\.[1-9][0-9]?){0,2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A member unit or another kind of principal; ``clause`` is the one that gives it its duty."""

    code: str
    name_zh: str
    name_en: str
    kind: str
    clause: str
    duty: str
    tier: str

    @property
    def member(self) -> bool:
        """Whether it is one of the member units of the joint conference."""
        return self.kind != "non_member"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What a request may be for; ``needs_case`` asks for a case reference beside it."""

    code: str
    name_zh: str
    name_en: str
    needs_case: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A predicate over one row, in words."""

    code: str
    text_zh: str
    text_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """A clause of the founding notice, in its own words."""

    code: str
    text_zh: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """The district, a town (9 digits) or a village (12 digits)."""

    code: str
    level: str
    name: str
    parent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Institution:
    """A mandatory reporter: its kind, the bureau above it and the division in which it stands."""

    code: str
    name_zh: str
    kind: str
    bureau: str
    division: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Every word a grant may use, by code."""

    units: Mapping[str, Unit]
    purposes: Mapping[str, Purpose]
    scopes: Mapping[str, Scope]
    clauses: Mapping[str, Clause]
    divisions: Mapping[str, Division]
    institutions: Mapping[str, Institution]


_T = TypeVar("_T", Unit, Purpose, Scope, Clause, Division, Institution)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """Files being read, what was found wrong, and where each code stands."""

    files: Mapping[str, bytes]
    findings: Findings
    lines: dict[tuple[str, str], int]


def read(files: Mapping[str, bytes], findings: Findings) -> Vocabulary:
    """The vocabulary of a folder; what is wrong goes to ``findings``."""
    reading = _Reading(files=files, findings=findings, lines={})
    unit_columns = ("code", "name_zh", "name_en", "kind", "clause", "duty_summary_en", "tier")
    institution_columns = ("code", "name_zh", "kind", "bureau", "division")
    found = Vocabulary(
        units=_read(reading, "units.csv", unit_columns, _unit),
        purposes=_read(reading, "purposes.csv", ("code", "name_zh", "name_en", "needs_case"), _purpose),
        scopes=_read(reading, "scopes.csv", ("code", "text_zh", "text_en"), _scope),
        clauses=_read(reading, "clauses.csv", ("code", "text_zh"), _clause),
        divisions=_read(reading, "divisions.csv", ("code", "level", "name", "parent_code"), _division),
        institutions=_read(reading, "institutions.csv", institution_columns, _institution),
    )
    _relate(found, reading)
    return found


def _read(reading: _Reading, file: str, columns: tuple[str, ...], make: Callable[[Row, Findings], _T]) -> dict[str, _T]:
    """Rows of one file by code; a file that is not there was noted by whoever read the folder."""
    found: dict[str, _T] = {}
    findings = reading.findings
    for row in rows(file, reading.files[file], columns, findings) if file in reading.files else ():
        code = row["code"]
        empty = [column for column in columns if not row[column] and column != "parent_code"]
        if empty:
            findings.note(file, row.line, f"`{empty[0]}` is empty")
        elif code in found:
            findings.note(file, row.line, f"`{code}` stands on line {reading.lines[file, code]} already")
        else:
            reading.lines[file, code] = row.line
            found[code] = make(row, findings)
    return found


def _expect(row: Row, column: str, right: bool, wanted: str, findings: Findings) -> None:
    if not right:
        findings.note(row.file, row.line, f"{column} `{row[column]}` is not {wanted}")


def _unit(row: Row, findings: Findings) -> Unit:
    _expect(row, "code", bool(_CODE.fullmatch(row["code"])), "a lower-case word", findings)
    _expect(row, "kind", row["kind"] in _UNIT_KINDS, f"one of {', '.join(sorted(_UNIT_KINDS))}", findings)
    names = {column: row[column] for column in ("code", "name_zh", "name_en", "kind", "clause", "tier")}
    return Unit(duty=row["duty_summary_en"], **names)


def _purpose(row: Row, findings: Findings) -> Purpose:
    _expect(row, "code", bool(_CODE.fullmatch(row["code"])), "a lower-case word", findings)
    _expect(row, "needs_case", row["needs_case"] in {"true", "false"}, "`true` or `false`", findings)
    names = {column: row[column] for column in ("code", "name_zh", "name_en")}
    # Anything but a plain `false` asks for a case: a broken cell must not open a purpose further.
    return Purpose(needs_case=row["needs_case"] != "false", **names)


def _scope(row: Row, findings: Findings) -> Scope:
    _expect(row, "code", bool(_CODE.fullmatch(row["code"])), "a lower-case word", findings)
    return Scope(**row.cells)


def _clause(row: Row, findings: Findings) -> Clause:
    _expect(row, "code", bool(_CLAUSE.fullmatch(row["code"])), "of the form `2.5` or `3.1.4`", findings)
    return Clause(**row.cells)


def _division(row: Row, findings: Findings) -> Division:
    code, level, parent = row["code"], row["level"], row["parent_code"]
    _expect(row, "level", level in LEVELS, f"one of {', '.join(LEVELS)}", findings)
    digits = LEVELS.get(level, len(code))
    _expect(row, "code", code.isascii() and code.isdigit() and len(code) == digits, f"{digits} digits", findings)
    _expect(row, "parent_code", code.startswith(parent) and bool(parent) == (level != "district"), "above it", findings)
    return Division(code=code, level=level, name=row["name"], parent=parent)


def _institution(row: Row, findings: Findings) -> Institution:
    _expect(row, "code", bool(re.fullmatch(r"[A-Za-z0-9_-]+", row["code"])), "letters, digits, `_` and `-`", findings)
    _expect(row, "kind", row["kind"] in INSTITUTION_KINDS, f"one of {', '.join(sorted(INSTITUTION_KINDS))}", findings)
    return Institution(**row.cells)


def _relate(found: Vocabulary, reading: _Reading) -> None:
    """Checks what one file says of another; a file that could not be read is not held against the others."""

    def known(file: str, code: str, word: str, value: str, values: Collection[str]) -> None:
        if values and value not in values:
            reading.findings.note(file, reading.lines[file, code], f"unknown {word} `{value}`")

    members = {unit.code for unit in found.units.values() if unit.member}
    for unit in found.units.values():
        known("units.csv", unit.code, "clause", unit.clause, found.clauses)
    for division in found.divisions.values():
        if division.parent:
            known("divisions.csv", division.code, "parent_code", division.parent, found.divisions)
    for institution in found.institutions.values():
        known("institutions.csv", institution.code, "bureau", institution.bureau, members)
        known("institutions.csv", institution.code, "division", institution.division, found.divisions)
