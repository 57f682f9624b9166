"""A court case on guardianship (2.7, 3.1.14)."""

from __future__ import annotations

import strawberry

from schema.connection import Node
from schema.enums.justice import (
    ApplicantKind,
    AppointedGuardianKind,
    GuardianshipCaseStatus,
    GuardianshipCause,
    RevocationGround,
)
from schema.facts import shared
from schema.scalars import Date


@strawberry.type(description="监护权案件 a court case on guardianship")
class GuardianshipCase(Node):
    """A court case on guardianship."""

    case_number: str | None = shared(
        "案号",
        "case number, e.g. (2017)津0114民特1号",
        source="courts",
        category="case",
        sensitivity="L3",
        mask="withhold",
        standard="法〔2015〕137号",
        clause="2.7",
    )
    cause: GuardianshipCause | None = shared(
        "案由",
        "cause of action",
        source="courts",
        category="case",
        sensitivity="L3",
        mask="withhold",
        standard="法〔2011〕41号 民事案件案由规定",
        clause="2.7",
    )
    applicant_kind: ApplicantKind | None = shared(
        "申请人类别",
        "kind of applicant",
        source="courts",
        category="case",
        sensitivity="L3",
        mask="withhold",
        standard="notice 2.1.1; 法发〔2014〕24号 art. 27",
        clause="2.7",
    )
    respondent_name: str | None = shared(
        "被申请人姓名",
        "respondent guardian's name",
        source="courts",
        category="case",
        sensitivity="L4",
        mask="surname",
        standard="hub",
        clause="2.7",
    )
    grounds: list[RevocationGround] | None = shared(
        "申请事由",
        "grounds",
        source="courts",
        category="case",
        sensitivity="L4",
        mask="withhold",
        standard="法发〔2014〕24号 art. 35",
        clause="2.7",
    )
    accepted_on: Date | None = shared(
        "受理日期",
        "accepted on",
        source="courts",
        category="case",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="3.1.14",
    )
    status: GuardianshipCaseStatus | None = shared(
        "案件状态",
        "status and outcome",
        source="courts",
        category="case",
        sensitivity="L3",
        mask="withhold",
        standard="hub enum",
        clause="3.1.14",
    )
    decided_on: Date | None = shared(
        "裁判日期",
        "decided on",
        source="courts",
        category="case",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="3.1.14",
    )
    appointed_guardian_kind: AppointedGuardianKind | None = shared(
        "指定监护人类别",
        "kind of guardian appointed",
        source="courts",
        category="case",
        sensitivity="L3",
        mask="withhold",
        standard="法发〔2014〕24号 art. 36",
        clause="3.1.14",
    )
    appointed_guardian_name: str | None = shared(
        "指定监护人",
        "guardian appointed",
        source="courts",
        category="case",
        sensitivity="L3",
        mask="surname",
        standard="hub",
        clause="3.1.14",
    )
