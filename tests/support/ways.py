"""Type -> documents that reach its rows: from its own root, or through the type that leads to it."""

from __future__ import annotations

from collections.abc import Iterable

from tests.support.world import FIELDS, TYPES

ROOT_OF = {
    "Child": "children",
    "Enrolment": "enrolments",
    "DropoutRecord": "dropoutRecords",
    "HouseholdRegistration": "householdRegistrations",
    "MandatoryReport": "mandatoryReports",
    "Incident": "incidents",
    "Assessment": "assessments",
    "AssistanceRecord": "assistanceRecords",
    "GuardianshipCase": "guardianshipCases",
    "CriminalCase": "criminalCases",
    "ProcuratorialSupervision": "supervisions",
    "SurveySubmission": "surveySubmissions",
    "ReconciliationItem": "reconciliationItems",
    "Statistic": "statistics",
    "AccessLogEntry": "accessLog",
}
LED_TO = {
    "FamilyMember": ("children", "familyMembers"),
    "Guardian": ("children", "guardians"),
    "AttendanceRecord": ("enrolments", "attendanceRecords"),
}
"""Types without a root of their own."""


def fields_of(type_name: str) -> list[str]:
    """Names of the type's fields."""
    return [name.partition(".")[2] for name in FIELDS if name.startswith(f"{type_name}.")]


def selected(name: str) -> str:
    """A field as it is selected."""
    return "sourceValues { source value }" if name == "sourceValues" else name


def way_to(type_name: str, names: Iterable[str], *, first: int = 100, arguments: str = "") -> str:
    """A selection that reaches rows of the type and selects the fields."""
    inner = f"edges {{ cursor node {{ {' '.join(map(selected, names))} }} }}"
    if type_name in LED_TO:
        root, link = LED_TO[type_name]
        return f"{root}(first: {first}) {{ edges {{ node {{ {link}(first: 5{arguments}) {{ {inner} }} }} }} }}"
    return f"{ROOT_OF[type_name]}(first: {first}{arguments}) {{ {inner} }}"


def everything() -> str:
    """One selection of every field of every type, with links between them."""
    parts = [f"w{number}: {way_to(name, ['id', *fields_of(name)], first=20)}" for number, name in enumerate(TYPES)]
    return " ".join(parts)
