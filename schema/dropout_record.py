"""Dropout control of an enrolment (2.1.2, 3.1.3)."""

from __future__ import annotations

import strawberry

from schema.connection import Node
from schema.enums.schooling import DropoutReason, DropoutStatus
from schema.facts import shared
from schema.scalars import Date


@strawberry.type(description="辍学记录 a case of dropout control")
class DropoutRecord(Node):
    """A case of dropout control."""

    registered_on: Date | None = shared(
        "辍学登记日期",
        "registered on",
        source="education",
        category="education",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="2.1.2",
    )
    reason: DropoutReason | None = shared(
        "辍学原因",
        "reason for dropping out",
        source="education",
        category="education",
        sensitivity="L3",
        mask="withhold",
        standard="hub enum",
        clause="2.1.2",
    )
    status: DropoutStatus | None = shared(
        "控辍状态",
        "dropout-control status",
        source="education",
        category="education",
        sensitivity="L2",
        mask="none",
        standard="hub enum",
        clause="2.1.2",
    )
    persuasion_count: int | None = shared(
        "劝返次数",
        "times persuaded to return",
        source="education",
        category="education",
        sensitivity="L2",
        mask="none",
        standard="hub",
        clause="2.1.2",
    )
    bureau_reported_on: Date | None = shared(
        "书面报告区教育局日期",
        "written report to the district education bureau",
        source="education",
        category="education",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="2.1.2",
    )
    town_reported_on: Date | None = shared(
        "书面报告镇街日期",
        "written report to the town government",
        source="education",
        category="education",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="2.1.2",
    )
    returned_on: Date | None = shared(
        "复学日期",
        "returned to school on",
        source="education",
        category="education",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="2.1.2",
    )
