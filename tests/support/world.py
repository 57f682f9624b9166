"""Sources -> World: every row of every source in Python dicts, and how rows belong to a child.

Written from the domain model, not from the planner: it is half of the oracle that the planner is judged by. Nothing
here is quick; everything is plain.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

from connectors.source import Column, Fetch, Source

NEVER_CLEAR = Column(name="").clear_possible  # the contract's "never"
VECTORS = Path(__file__).parent.parent / "vectors" / "domain"

Row: TypeAlias = dict[str, Any]
Test: TypeAlias = Callable[[Row], bool]

HOME: Mapping[str, str] = {
    "Child": "civil_affairs",
    "FamilyMember": "civil_affairs",
    "Guardian": "civil_affairs",
    "Assessment": "civil_affairs",
    "AssistanceRecord": "civil_affairs",
    "SurveySubmission": "civil_affairs",
    "Enrolment": "education",
    "AttendanceRecord": "education",
    "DropoutRecord": "education",
    "HouseholdRegistration": "public_security",
    "MandatoryReport": "public_security",
    "Incident": "public_security",
    "CriminalCase": "public_security",
    "GuardianshipCase": "courts",
    "ProcuratorialSupervision": "procuratorate",
    "ReconciliationItem": "hub",
    "Statistic": "hub",
    "AccessLogEntry": "hub",
    "Link": "hub",
}
"""Type -> the source that keeps its rows (of a criminal case: the base row)."""

KEYS: Mapping[tuple[str, str], str] = {
    ("civil_affairs", "Child"): "_key _register _citizen _division _open _accepted",
    ("civil_affairs", "FamilyMember"): "_key _register",
    ("civil_affairs", "Guardian"): "_key _register",
    ("civil_affairs", "Assessment"): "_key _register _incident",
    ("civil_affairs", "AssistanceRecord"): "_key _register _assessment",
    ("civil_affairs", "SurveySubmission"): "_key",
    ("education", "Enrolment"): "_key _person _citizen",
    ("education", "AttendanceRecord"): "_key _enrolment _person _citizen",
    ("education", "DropoutRecord"): "_key _enrolment _person _citizen",
    ("public_security", "HouseholdRegistration"): "_key _person _citizen",
    ("public_security", "MandatoryReport"): "_key _person _citizen",
    ("public_security", "Incident"): "_key _report _person _citizen",
    ("public_security", "CriminalCase"): "_key _case _incident _person _citizen",
    ("courts", "GuardianshipCase"): "_key _person _citizen _applicant _guardianUnit",
    ("courts", "CriminalCase"): "_key _case",
    ("procuratorate", "CriminalCase"): "_key _case",
    ("procuratorate", "ProcuratorialSupervision"): "_key _person _citizen",
    ("hub", "Link"): "_key _source _person _register _status",
    ("hub", "ReconciliationItem"): "_key _register _education _police _coordinates _task",
    ("hub", "Statistic"): "_key",
}
"""(source, relation) -> its keys; the access log is no part of this world."""

PARKS: Mapping[str, str] = {f"12011440{number}": f"12011410{1 + number % 3}" for number in range(8)}
"""Industrial park -> the town to which the settings of the tests have its reports go."""
DERIVED = frozenset({"Child.id", "Child.riskFlags", "CriminalCase.stage", "ReconciliationItem.sourceValues"})
PARTS: Mapping[str, str] = {
    "caseNumber": "courts",
    "outcome": "courts",
    "prosecutedOn": "procuratorate",
    "victimRelief": "procuratorate",
}
"""Fields of a criminal case that another source than the police keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldFact:
    """One line of fields.csv that the oracle needs."""

    coordinate: str
    source: str
    mask: str
    gql_type: str


def field_facts() -> dict[str, FieldFact]:
    """Coordinate -> its facts, as the domain model lists them."""
    with (VECTORS / "fields.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    facts = [
        FieldFact(
            coordinate=f"{row['type']}.{row['field']}",
            source=row["source"],
            mask=row["mask"],
            gql_type=row["gql_type"],
        )
        for row in rows
    ]
    return {fact.coordinate: fact for fact in facts}


FIELDS = field_facts()
TYPES = tuple(dict.fromkeys(coordinate.partition(".")[0] for coordinate in FIELDS))


def columns_of(source: str, relation: str) -> list[str]:
    """Names of every column of a relation: keys and fields."""
    named = KEYS[source, relation].split()
    for coordinate, fact in FIELDS.items():
        type_name, _, name = coordinate.partition(".")
        if type_name == relation and fact.source == source and coordinate not in DERIVED:
            named.append(name)
    if relation == "CriminalCase":
        named.append("stage")
    return named


@dataclass(slots=True, kw_only=True)
class World:
    """Every row of every source at one moment; ``today`` is the day of the request in Asia/Shanghai."""

    tables: Mapping[tuple[str, str], Sequence[Row]]
    today: date
    institutions: Mapping[str, str] = field(default_factory=dict)
    _indexes: dict[tuple[str, str, str], dict[Any, list[Row]]] = field(default_factory=dict)
    _files: dict[tuple[str, str], tuple[Row, ...]] = field(default_factory=dict)
    memo: dict[Any, Any] = field(default_factory=dict)

    def rows(self, source: str, relation: str) -> Sequence[Row]:
        """Every row of the relation."""
        return self.tables.get((source, relation), ())

    def by(self, source: str, relation: str, column: str, value: Any) -> list[Row]:
        """Rows whose ``column`` has ``value``; a null has no rows."""
        if value is None:
            return []
        place = (source, relation, column)
        if place not in self._indexes:
            index: dict[Any, list[Row]] = defaultdict(list)
            for row in self.rows(source, relation):
                index[row.get(column)].append(row)
            self._indexes[place] = index
        return self._indexes[place].get(value, [])

    def file(self, register: str | None) -> Row | None:
        """The file with this number."""
        found = self.by("civil_affairs", "Child", "_register", register)
        return found[0] if found else None

    def files_of(self, type_name: str, row: Row) -> tuple[Row, ...]:
        """Files of the row's child: of a row of civil affairs its own; of another, the open accepted ones it joins."""
        place = (type_name, row["_key"])
        if place not in self._files:
            self._files[place] = tuple(self._find_files(HOME[type_name], row))
        return self._files[place]

    def _find_files(self, home: str, row: Row) -> Iterable[Row]:
        if home == "civil_affairs":
            own = self.file(row.get("_register"))
            return [own] if own else []
        if home == "hub":
            own = self.file(row.get("_register"))
            return [own] if own and _joins(own) else []
        found = {file["_register"]: file for file in self.by("civil_affairs", "Child", "_citizen", row.get("_citizen"))}
        linked = self._linked(home, row.get("_person"))
        if linked:
            found[linked["_register"]] = linked
        return [file for file in found.values() if _joins(file)]

    def _linked(self, home: str, person: str | None) -> Row | None:
        """The open accepted file for which the person is confirmed; confirmed for two it belongs to neither."""
        files = {}
        for link in self.by("hub", "Link", "_person", person):
            file = self.file(link["_register"])
            if link["_source"] == home and link["_status"] == "CONFIRMED" and file and _joins(file):
                files[file["_register"]] = file
        return next(iter(files.values())) if len(files) == 1 else None

    def of_file(self, file: Row, relation: str) -> list[Row]:
        """Rows of ``relation`` that belong to the file's child."""
        home = HOME[relation]
        if home in ("civil_affairs", "hub"):
            return self.by(home, relation, "_register", file["_register"]) if home != "hub" or _joins(file) else []
        if not _joins(file):
            return []
        found = {row["_key"]: row for row in self.by(home, relation, "_citizen", file["_citizen"])}
        for link in self.by("hub", "Link", "_register", file["_register"]):
            if link["_source"] == home and self._linked(home, link["_person"]) is file:
                found.update((row["_key"], row) for row in self.by(home, relation, "_person", link["_person"]))
        return list(found.values())

    def of_child(self, type_name: str, row: Row, relation: str) -> list[Row]:
        """Rows of ``relation`` about the same child as ``row``: by the source's own person, elsewhere by the file."""
        home = HOME[type_name]
        if type_name == relation and home not in ("civil_affairs", "hub"):
            return _unique([row, *self.by(home, relation, "_person", row.get("_person"))])
        if home == HOME[relation] and home not in ("civil_affairs", "hub"):
            return self._of_person(home, type_name, row, relation)
        if home == "civil_affairs" and HOME[relation] == "civil_affairs":
            return self.by(home, relation, "_register", row.get("_register"))
        return _unique(other for file in self.files_of(type_name, row) for other in self.of_file(file, relation))

    def _of_person(self, home: str, type_name: str, row: Row, relation: str) -> list[Row]:
        own = self.by(home, relation, "_person", row.get("_person"))
        return _unique([*own, *(found for found in self._of_report(type_name, row, relation) if _agree(row, found))])

    def _of_report(self, type_name: str, row: Row, relation: str) -> list[Row]:
        """Along one report: a child whom the police know by no number still has its report, incident and case."""
        police = "public_security"
        incidents = {
            "MandatoryReport": lambda: self.by(police, "Incident", "_report", row["_key"]),
            "Incident": lambda: [row],
            "CriminalCase": lambda: self.by(police, "Incident", "_key", row.get("_incident")),
        }.get(type_name, list)()
        if relation == "Incident":
            return incidents
        if relation == "MandatoryReport":
            return [
                report for one in incidents for report in self.by(police, "MandatoryReport", "_key", one["_report"])
            ]
        if relation == "CriminalCase":
            return [case for one in incidents for case in self.by(police, "CriminalCase", "_incident", one["_key"])]
        return []


def _joins(file: Row) -> bool:
    """A draft, and a closed file, open nothing but themselves."""
    return bool(file["_open"] and file["_accepted"])


def _agree(row: Row, other: Row) -> bool:
    persons = (row.get("_person"), other.get("_person"))
    return None in persons or persons[0] == persons[1]


def _unique(rows: Iterable[Row]) -> list[Row]:
    return list({row["_key"]: row for row in rows}.values())


async def load(sources: Mapping[str, Source], today: date, institutions: Mapping[str, str]) -> World:
    """Reads every relation of every source whole; ``institutions``: code -> the bureau above it."""
    tables = {}
    for source, relation in KEYS:
        tables[source, relation] = await _read(sources[source], source, relation)
    return World(tables=tables, today=today, institutions=institutions)


async def _read(source: Source, name: str, relation: str) -> list[Row]:
    columns = columns_of(name, relation)
    fetch = Fetch(source=name, relation=relation, columns=tuple(Column(name=column) for column in columns))
    rows = [dict(zip(columns, row, strict=True)) for row in await source.fetch(fetch, {}, deadline=60.0)]
    villages = [column for column in columns if f"{relation}.{column}" in FIELDS and _village(f"{relation}.{column}")]
    if villages:
        await _read_villages(source, fetch, villages, rows)
    return rows


def _village(coordinate: str) -> bool:
    return FIELDS[coordinate].mask == "village"


async def _read_villages(source: Source, fetch: Fetch, villages: Sequence[str], rows: list[Row]) -> None:
    """The one mask that needs the department's own dictionary: asked of the source, and kept beside the value."""
    masked = (Column(name=name, clear=NEVER_CLEAR, masked=Column(name="").clear, mask="village") for name in villages)
    asked = Fetch(source=fetch.source, relation=fetch.relation, columns=(Column(name="_key"), *masked))
    by_key = {row["_key"]: row for row in rows}
    for answer in await source.fetch(asked, {}, deadline=60.0):
        for name, value in zip(villages, answer[1:], strict=False):
            by_key[answer[0]][f"{name}~village"] = value
