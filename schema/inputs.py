"""Tables of filters and orders -> the Strawberry inputs that stand for them: ``ChildFilter``, ``ChildOrder``, ...

The only place where types are made and not written: 18 filters of one pattern, whose members are the catalogue's.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import new_class
from typing import Any

import strawberry

from schema.catalogue import CATALOGUE, TYPES
from schema.conditions import Kind, condition, input_type, python_type
from schema.enums import governance, justice, person, protection, schooling
from schema.facts import lazily, list_of
from schema.filters import filter_fields, sortable, upper_snake

ENUMS: Mapping[str, type[Enum]] = {
    name: found
    for theme in (person, schooling, protection, justice, governance)
    for name, found in vars(theme).items()
    if isinstance(found, type) and issubclass(found, Enum) and found is not Enum
}
"""Every vocabulary by its name in the schema."""

_SAYS = {
    "and": "同时满足 all of these hold",
    "or": "满足其一 at least one of these holds",
    "not": "不满足 this does not hold",
    "age": "周岁 whole years of age today (Asia/Shanghai)",
}


@strawberry.enum(description="方向 direction; nulls are last either way")
class Direction(Enum):
    """Direction of an order."""

    ASC = strawberry.enum_value("ASC", description="升序 ascending")
    DESC = strawberry.enum_value("DESC", description="降序 descending")


AgeRange = input_type(
    "AgeRange",
    "年龄范围 range of whole years of age; a null bound is absent",
    {"gte": int, "lte": int},
    {"gte": "不小于 at least", "lte": "不大于 at most"},
)


def _conditions() -> Mapping[tuple[str, Kind], Any]:
    """One input for each pair of type and kind of operators that some filter has."""
    pairs = {
        (CATALOGUE[coordinate].inner, kind): None
        for type_name in TYPES
        for coordinate, kind in filter_fields(type_name).values()
        if coordinate is not None and kind != "age"
    }
    return {(inner, kind): condition(inner, kind, python_type(inner, ENUMS)) for inner, kind in pairs}


_CONDITIONS = _conditions()


def _filter(type_name: str) -> Any:
    itself = lazily(f"{type_name}Filter")
    groups = {"and": list_of(itself), "or": list_of(itself), "not": itself}
    members: dict[str, Any] = {}
    says = dict(_SAYS)
    for member, (coordinate, kind) in filter_fields(type_name).items():
        if kind == "age":
            members[member] = AgeRange
        elif coordinate is None:
            members[member] = groups[member]
        else:
            facts = CATALOGUE[coordinate]
            members[member] = _CONDITIONS[facts.inner, kind]
            says[member] = f"{facts.name_zh} {facts.name_en}"
    description = f"{type_name} 的条件 rows that match; a null member is absent, several must all hold"
    return input_type(f"{type_name}Filter", description, members, says)


def _order_field(type_name: str) -> type[Enum]:
    values = {
        upper_snake(found.field): strawberry.enum_value(
            found.coordinate, description=f"{found.name_zh} {found.name_en}"
        )
        for found in sortable(type_name)
    }
    found = Enum(f"{type_name}OrderField", values, module=__name__)  # type: ignore[misc]
    return strawberry.enum(found, description=f"{type_name} 的排序字段 what rows are sorted by")


def _order(type_name: str) -> Any:
    name = f"{type_name}Order"

    def fill(body: dict[str, Any]) -> None:
        body["__annotations__"] = {"field": _order_field(type_name), "direction": Direction | None}
        body["field"] = strawberry.field(description="字段 what rows are sorted by")
        body["direction"] = strawberry.field(default=Direction.ASC, description="方向 direction")

    return strawberry.input(new_class(name, (), exec_body=fill), description=f"{type_name} 的排序 an order of rows")


ChildFilter, ChildOrder = _filter("Child"), _order("Child")
FamilyMemberFilter, FamilyMemberOrder = _filter("FamilyMember"), _order("FamilyMember")
GuardianFilter, GuardianOrder = _filter("Guardian"), _order("Guardian")
EnrolmentFilter, EnrolmentOrder = _filter("Enrolment"), _order("Enrolment")
AttendanceRecordFilter, AttendanceRecordOrder = _filter("AttendanceRecord"), _order("AttendanceRecord")
DropoutRecordFilter, DropoutRecordOrder = _filter("DropoutRecord"), _order("DropoutRecord")
HouseholdRegistrationFilter, HouseholdRegistrationOrder = (
    _filter("HouseholdRegistration"),
    _order("HouseholdRegistration"),
)
MandatoryReportFilter, MandatoryReportOrder = _filter("MandatoryReport"), _order("MandatoryReport")
IncidentFilter, IncidentOrder = _filter("Incident"), _order("Incident")
AssessmentFilter, AssessmentOrder = _filter("Assessment"), _order("Assessment")
AssistanceRecordFilter, AssistanceRecordOrder = _filter("AssistanceRecord"), _order("AssistanceRecord")
GuardianshipCaseFilter, GuardianshipCaseOrder = _filter("GuardianshipCase"), _order("GuardianshipCase")
CriminalCaseFilter, CriminalCaseOrder = _filter("CriminalCase"), _order("CriminalCase")
ProcuratorialSupervisionFilter, ProcuratorialSupervisionOrder = (
    _filter("ProcuratorialSupervision"),
    _order("ProcuratorialSupervision"),
)
SurveySubmissionFilter, SurveySubmissionOrder = _filter("SurveySubmission"), _order("SurveySubmission")
ReconciliationItemFilter, ReconciliationItemOrder = _filter("ReconciliationItem"), _order("ReconciliationItem")
StatisticFilter, StatisticOrder = _filter("Statistic"), _order("Statistic")
AccessLogEntryFilter, AccessLogEntryOrder = _filter("AccessLogEntry"), _order("AccessLogEntry")
