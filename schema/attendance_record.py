"""Attendance of an enrolment in a term (2.1.2)."""

from __future__ import annotations

import strawberry

from schema.connection import Node
from schema.facts import shared
from schema.scalars import Date


@strawberry.type(description="考勤记录 attendance in a term")
class AttendanceRecord(Node):
    """Attendance in a term."""

    term: str | None = shared(
        "学期",
        "school term (e.g. 2016-2017-2)",
        source="education",
        category="education",
        sensitivity="L1",
        mask="none",
        standard="JY/T 1001-2012",
        clause="2.1.2",
    )
    unexcused_days: int | None = shared(
        "本学期无故旷课天数",
        "unexcused days this term",
        source="education",
        category="education",
        sensitivity="L3",
        mask="withhold",
        standard="hub",
        clause="2.1.2",
    )
    longest_unexcused_run: int | None = shared(
        "最长连续旷课天数",
        "longest run of unexcused days",
        source="education",
        category="education",
        sensitivity="L3",
        mask="withhold",
        standard="hub",
        clause="2.1.2",
    )
    guardian_contacted_on: Date | None = shared(
        "联系监护人日期",
        "guardian contacted on",
        source="education",
        category="education",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="2.1.2",
    )
