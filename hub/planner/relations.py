"""Where rows of each type live, by which keys they are told apart, and how a link joins them."""

from __future__ import annotations

from collections.abc import Mapping

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
    "ReconciliationOrder": "hub",
}
"""Type -> the source that keeps its rows (of a criminal case: the row that the others' parts belong to).

The last two are no types of the schema: no query names them, steps write them.
"""

CHILD = ("~child", "~child")
"""The join of rows to a file by the child: citizen id as accepted, or a confirmed link."""

JOINS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("Child", "FamilyMember"): ("_register", "_register"),
    ("Child", "Guardian"): ("_register", "_register"),
    ("Child", "Assessment"): ("_register", "_register"),
    ("Child", "AssistanceRecord"): ("_register", "_register"),
    ("Enrolment", "AttendanceRecord"): ("_key", "_enrolment"),
    ("Enrolment", "DropoutRecord"): ("_key", "_enrolment"),
    ("MandatoryReport", "Incident"): ("_key", "_report"),
    ("Incident", "Assessment"): ("_key", "_incident"),
    ("Assessment", "AssistanceRecord"): ("_key", "_assessment"),
    ("ReconciliationItem", "Child"): ("_register", "_register"),
}
"""(type, target of its link) -> (column of the row, column of the target); all others join by ``CHILD``."""

PARTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "CriminalCase.caseNumber": (("courts", "caseNumber"),),
    "CriminalCase.outcome": (("courts", "outcome"),),
    "CriminalCase.prosecutedOn": (("procuratorate", "prosecutedOn"),),
    "CriminalCase.victimRelief": (("procuratorate", "victimRelief"),),
    "CriminalCase.stage": (("courts", "stage"), ("procuratorate", "stage"), ("public_security", "stage")),
}
"""Coordinate kept by other sources' parts of the row -> (source, column), the furthest first; joined by ``_case``."""

_BY_SOURCE: Mapping[str, tuple[str, ...]] = {
    "civil_affairs": ("_key", "_register"),
    "education": ("_key", "_person", "_citizen"),
    "public_security": ("_key", "_person", "_citizen"),
    "courts": ("_key", "_person", "_citizen"),
    "procuratorate": ("_key", "_person", "_citizen"),
    "hub": ("_key",),
}
_BY_TYPE: Mapping[str, tuple[str, ...]] = {
    "Child": ("_key", "_register", "_citizen"),
    "SurveySubmission": ("_key",),
    "CriminalCase": ("_key", "_person", "_citizen", "_case"),
    "ReconciliationItem": ("_key", "_register"),
}


def keys_of(type_name: str) -> tuple[str, ...]:
    """Keys that every reach of the type takes."""
    return _BY_TYPE.get(type_name, _BY_SOURCE[HOME[type_name]])


def join_of(type_name: str, target: str) -> tuple[str, str]:
    """How rows of the target join to a row of the type."""
    return JOINS.get((type_name, target), CHILD)
