"""(principal, row) -> what it sees: which fields are clear, masked or closed, the masked forms, the risk flags.

The oracle's own masks and flags, written from the domain model's sections 3, 6 and 9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Literal

from tests.support.rights import Me, readable, scopes
from tests.support.scopes import OPEN_DROPOUT, OPEN_REPORT, Scopes, born, months_ago, shares, stage_of, years_ago
from tests.support.world import FIELDS, HOME, PARTS, Row, World

State = Literal["clear", "masked", "closed"]

_SURNAMES = (
    "欧阳 司马 上官 诸葛 东方 皇甫 尉迟 公孙 慕容 司徒 令狐 长孙 宇文 夏侯 端木 百里 南宫 呼延 轩辕 赫连 闻人 钟离 独孤"
)
TWO_CHARACTER_SURNAMES = frozenset(_SURNAMES.split())
SUSPECTED = {"SUSPECTED_DOMESTIC_VIOLENCE", "SUSPECTED_ACCIDENTAL_INJURY", "SUSPECTED_UNLAWFUL_HARM"}


def mask_surname(value: str) -> str:
    """Family name and two stars."""
    whole = len(value) > 2 and value[:2] in TWO_CHARACTER_SURNAMES
    return value[: 2 if whole else 1] + "**"


MASKS: dict[str, Callable[[str], str | None]] = {
    "surname": mask_surname,
    "id_first6": lambda value: value[:6] + "*" * 12 if len(value) >= 15 else None,
    "phone_last4": lambda value: "*" * 7 + value[-4:] if len(value) >= 11 else None,
    "year": lambda value: value[:4],
    "withhold": lambda value: None,
    "none": lambda value: value,
}


class Sight:
    """What one principal sees of one world."""

    def __init__(self, world: World, me: Me) -> None:
        self.world = world
        self.me = me
        self.scopes = Scopes(world, me)
        self._readable = {type_name: readable(me, type_name) for type_name in HOME if type_name != "Link"}
        self._alike = {type_name: alike(me, named) for type_name, named in self._readable.items()}
        self._states: dict[tuple[str, str], dict[str, State]] = {}
        self._visible: dict[str, list[Row]] = {}

    def opens(self, type_name: str) -> bool:
        """Whether some field of the type may be read in some row."""
        return bool(self._readable[type_name])

    def selectable(self, coordinate: str) -> bool:
        """Whether the field may be read, clear or masked, in some row; an id with any field of its type."""
        type_name, _, name = coordinate.partition(".")
        return self.opens(type_name) if name == "id" else coordinate in self._readable[type_name]

    def askable(self, coordinate: str) -> bool:
        """Whether filters, sorts and look-ups may name the field."""
        return bool(scopes(self.me, coordinate, "read"))

    def states(self, type_name: str, row: Row) -> dict[str, State]:
        """Coordinate -> clear or masked, for those that are not closed in this row."""
        place = (type_name, row["_key"])
        if place not in self._states:
            found: dict[str, State] = {}
            for (clear, masked), coordinates in self._alike[type_name].items():
                if any(self.scopes.holds(scope, type_name, row) for scope in clear):
                    found |= dict.fromkeys(coordinates, "clear")
                elif any(self.scopes.holds(scope, type_name, row) for scope in masked):
                    found |= dict.fromkeys(coordinates, "masked")
            self._states[place] = found
        return self._states[place]

    def state(self, type_name: str, row: Row, coordinate: str) -> State:
        """How the field stands in this row."""
        if coordinate.endswith(".id"):
            return "clear"
        return self.states(type_name, row).get(coordinate, "closed")

    def visible(self, type_name: str, rows: list[Row]) -> list[Row]:
        """Those of the rows that exist for the principal."""
        return [row for row in rows if self.states(type_name, row)]

    def own_alone(self, type_name: str, row: Row) -> bool:
        """Whether the row is there because the principal reported it, and for no other reason."""
        held = {
            scope
            for coordinate in self._readable[type_name]
            for action in ("read", "read_masked")
            for scope in scopes(self.me, coordinate, action)
        }
        return "own_reports" in held and not any(
            self.scopes.holds(scope, type_name, row) for scope in held - {"own_reports"}
        )

    def every(self, type_name: str) -> list[Row]:
        """All rows of the type that exist for the principal."""
        if type_name not in self._visible:
            self._visible[type_name] = self.visible(type_name, list(self.world.rows(HOME[type_name], type_name)))
        return self._visible[type_name]

    def raw(self, type_name: str, row: Row, field: str) -> Any:
        """The value as the sources have it."""
        coordinate = f"{type_name}.{field}"
        if coordinate == "Child.riskFlags":
            return self.risk_flags(row)
        if coordinate == "ReconciliationItem.sourceValues":
            return self.source_values(row)
        if coordinate == "CriminalCase.stage":
            return stage_of(self.world, row)
        if type_name == "CriminalCase" and field in PARTS:
            parts = self.world.by(PARTS[field], "CriminalCase", "_case", row["_case"])
            return parts[0][field] if parts else None
        return row[field]

    def shown(self, type_name: str, row: Row, field: str) -> Any:
        """The value as the principal sees it."""
        coordinate = f"{type_name}.{field}"
        state = self.state(type_name, row, coordinate)
        if state == "closed":
            return None
        value = self.raw(type_name, row, field)
        if state == "clear" or value is None:
            return value
        mask = FIELDS[coordinate].mask
        return row[f"{field}~village"] if mask == "village" else MASKS[mask](value)

    def clear_value(self, type_name: str, row: Row, field: str) -> Any:
        """The value for filters and sorts: null unless it is read in clear in this row."""
        if self.state(type_name, row, f"{type_name}.{field}") != "clear":
            return None
        return self.raw(type_name, row, field)

    def source_values(self, item: Row) -> list[dict[str, Any]]:
        """What each source holds of the coordinates compared, read now."""
        persons = {"education": item["_education"], "public_security": item["_police"]}
        found = []
        for coordinate in item["_coordinates"] or ():
            type_name, _, field = coordinate.partition(".")
            home = HOME[type_name]
            column, key = ("_register", item["_register"]) if home == "civil_affairs" else ("_person", persons[home])
            rows = sorted(self.world.by(home, type_name, column, key), key=lambda row: str(row["_key"]))
            found.append({"source": home, "value": as_text(rows[0][field]) if rows else None})
        return found

    def risk_flags(self, child: Row) -> list[str]:
        """Flags raised by what the principal reads in clear in those very rows."""
        return [flag for flag, test in FLAGS.items() if test(self, child)]

    def reads(self, type_name: str, row: Row, *fields: str) -> bool:
        """Whether all the fields are clear in the row."""
        return all(self.state(type_name, row, f"{type_name}.{field}") == "clear" for field in fields)

    def of_child(self, child: Row, type_name: str, *fields: str) -> Iterator[Row]:
        """Rows of the child in which the principal reads the fields in clear."""
        for row in self.world.of_file(child, type_name):
            if self.reads(type_name, row, *fields):
                yield row


def alike(me: Me, coordinates: Iterable[str]) -> Mapping[tuple[tuple[str, ...], tuple[str, ...]], list[str]]:
    """(scopes in which they are clear, and masked) -> the coordinates."""
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for coordinate in coordinates:
        place = scopes(me, coordinate, "read"), scopes(me, coordinate, "read_masked")
        found.setdefault(place, []).append(coordinate)
    return found


def as_text(value: Any) -> str | None:
    """A compared value as text: booleans in lower case, lists with commas."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(value) if isinstance(value, list) else str(value)


def _aged_6_to_15(sight: Sight, child: Row) -> bool:
    birth, today = born(child), sight.world.today
    return birth is not None and years_ago(today, 16) < birth <= years_ago(today, 6)


def _living_alone(sight: Sight, child: Row) -> bool:
    birth = born(child)
    young = birth is not None and birth > years_ago(sight.world.today, 16)
    return young and child["livesAlone"] is True and sight.reads("Child", child, "livesAlone")


def _guardianship(*types: str) -> Callable[[Sight, Row], bool]:
    return lambda sight, child: child["guardianshipType"] in types and sight.reads("Child", child, "guardianshipType")


def _out_of_school(sight: Sight, child: Row) -> bool:
    surveyed = child["schoolingStatus"] in ("DROPPED_OUT", "NOT_IN_SCHOOL") and _aged_6_to_15(sight, child)
    if surveyed and sight.reads("Child", child, "schoolingStatus"):
        return True
    return any(record["status"] in OPEN_DROPOUT for record in sight.of_child(child, "DropoutRecord", "status"))


def _truancy(sight: Sight, child: Row) -> bool:
    return any(
        (row["longestUnexcusedRun"] or 0) >= 3 or (row["unexcusedDays"] or 0) >= 10
        for row in sight.of_child(child, "AttendanceRecord", "longestUnexcusedRun", "unexcusedDays")
    )


def _no_household(sight: Sight, child: Row) -> bool:
    if child["householdRegistered"] is False and sight.reads("Child", child, "householdRegistered"):
        return True
    return any(row["status"] == "UNREGISTERED" for row in sight.of_child(child, "HouseholdRegistration", "status"))


def _nonperformance(sight: Sight, child: Row) -> bool:
    since = months_ago(sight.world.today, 6).isoformat()
    guardians = sight.of_child(child, "Guardian", "nonPerformanceSince")
    return any(row["nonPerformanceSince"] is not None and row["nonPerformanceSince"] <= since for row in guardians)


def _left_in_danger(sight: Sight, child: Row) -> bool:
    criticised = [
        row["dispatchedAt"]
        for row in sight.of_child(child, "Incident", "guardianSanction")
        if row["guardianSanction"] == "CRITICISM_EDUCATION" and row["dispatchedAt"]
    ]
    return any(
        shares(report["concernKinds"], {"LIVING_ALONE", "GUARDIAN_NONPERFORMANCE"})
        and any(earlier < report["reportedAt"] for earlier in criticised)
        for report in sight.of_child(child, "MandatoryReport", "concernKinds")
    )


def _reported(kinds: set[str]) -> Callable[[Sight, Row], bool]:
    def test(sight: Sight, child: Row) -> bool:
        return any(
            report["status"] in OPEN_REPORT and shares(report["concernKinds"], kinds)
            for report in sight.of_child(child, "MandatoryReport", "concernKinds")
        )

    return test


def _unreachable(sight: Sight, child: Row) -> bool:
    return any(
        incident["parentsReached"] is False
        and any(report["status"] in OPEN_REPORT for report in sight.scopes.reports_of(incident))
        for incident in sight.of_child(child, "Incident", "parentsReached")
    )


def _hardship(sight: Sight, child: Row) -> bool:
    return (
        child["economicHardship"] is True
        and not child["assistanceKinds"]
        and sight.reads("Child", child, "economicHardship", "assistanceKinds")
    )


def _stale(sight: Sight, child: Row) -> bool:
    today = sight.world.today
    this_quarter = date(today.year, (today.month - 1) // 3 * 3 + 1, 1)
    last = months_ago(this_quarter, 3).isoformat()
    return child["updatedAt"] is not None and child["updatedAt"] < last and sight.reads("Child", child, "updatedAt")


FLAGS: dict[str, Callable[[Sight, Row], bool]] = {
    "LIVING_ALONE": _living_alone,
    "NO_GUARDIAN": _guardianship("NONE"),
    "INCAPABLE_GUARDIAN": _guardianship("PARENT_INCAPABLE", "ENTRUSTED_INADEQUATE"),
    "OUT_OF_SCHOOL": _out_of_school,
    "REPEATED_TRUANCY": _truancy,
    "NO_HOUSEHOLD": _no_household,
    "NONPERFORMANCE_6M": _nonperformance,
    "LEFT_IN_DANGER": _left_in_danger,
    "ABANDONMENT": _reported({"ABANDONMENT"}),
    "SUSPECTED_HARM": _reported(SUSPECTED),
    "MISSING": _reported({"MISSING"}),
    "PARENTS_UNREACHABLE": _unreachable,
    "ECONOMIC_HARDSHIP": _hardship,
    "STALE_FILE": _stale,
}
