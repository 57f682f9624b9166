"""A submission of the quarterly survey (2.2, 2.4)."""

from __future__ import annotations

import strawberry

from schema.connection import Node
from schema.enums.governance import SurveyLevel, SurveyStatus
from schema.facts import shared
from schema.scalars import DateTime, DivisionCode, Quarter


@strawberry.type(description="摸底排查报送 a submission of the quarterly survey")
class SurveySubmission(Node):
    """A submission of the quarterly survey."""

    division_code: DivisionCode | None = shared(
        "填报地区代码",
        "reporting division",
        source="civil_affairs",
        category="survey",
        sensitivity="L1",
        mask="none",
        standard="GB/T 2260 + GB/T 10114",
        clause="2.4",
    )
    level: SurveyLevel | None = shared(
        "填报层级",
        "level",
        source="civil_affairs",
        category="survey",
        sensitivity="L1",
        mask="none",
        standard="notice 2.4",
        clause="2.4",
    )
    quarter: Quarter | None = shared(
        "季度",
        "quarter, e.g. 2017Q2",
        source="civil_affairs",
        category="survey",
        sensitivity="L1",
        mask="none",
        standard="GB/T 7408 year + Q1..Q4",
        clause="2.2",
    )
    status: SurveyStatus | None = shared(
        "报送状态",
        "status",
        source="civil_affairs",
        category="survey",
        sensitivity="L2",
        mask="none",
        standard="hub enum",
        clause="2.2",
    )
    children_count: int | None = shared(
        "在册儿童数",
        "children on file",
        source="civil_affairs",
        category="survey",
        sensitivity="L2",
        mask="withhold",
        standard="hub",
        clause="2.2",
    )
    prepared_by: str | None = shared(
        "填表人",
        "prepared by",
        source="civil_affairs",
        category="survey",
        sensitivity="L3",
        mask="surname",
        standard="民发〔2016〕42号 register form",
        clause="2.2",
    )
    submitted_at: DateTime | None = shared(
        "报送时间",
        "submitted at",
        source="civil_affairs",
        category="survey",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="2.2",
    )
    return_reason: str | None = shared(
        "退回原因",
        "why returned",
        source="civil_affairs",
        category="survey",
        sensitivity="L2",
        mask="withhold",
        standard="hub",
        clause="2.2",
    )
