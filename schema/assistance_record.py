"""An assistance or service, planned or given (2.6, 3.1.16-20)."""

from __future__ import annotations

import strawberry

from schema.connection import Node
from schema.enums.protection import AssistanceKind, AssistanceStatus, Eligibility
from schema.facts import shared
from schema.scalars import Date, Decimal


@strawberry.type(description="救助帮扶记录 an assistance or service")
class AssistanceRecord(Node):
    """An assistance or service."""

    kind: AssistanceKind | None = shared(
        "救助帮扶类别",
        "kind of assistance or service",
        source="civil_affairs",
        category="assistance",
        sensitivity="L3",
        mask="withhold",
        standard="民发〔2016〕42号 register form; notice 2.6, 3.1.17-20",
        clause="2.6",
    )
    eligibility: Eligibility | None = shared(
        "资格核定",
        "eligibility",
        source="civil_affairs",
        category="assistance",
        sensitivity="L3",
        mask="withhold",
        standard="hub enum",
        clause="2.6",
    )
    provider_unit: str | None = shared(
        "提供单位",
        "providing unit",
        source="civil_affairs",
        category="assistance",
        sensitivity="L2",
        mask="none",
        standard="unit key (README section 5)",
        clause="3.1.1",
    )
    started_on: Date | None = shared(
        "开始日期",
        "started on",
        source="civil_affairs",
        category="assistance",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="2.6",
    )
    ended_on: Date | None = shared(
        "结束日期",
        "ended on",
        source="civil_affairs",
        category="assistance",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="2.6",
    )
    amount: Decimal | None = shared(
        "救助金额",
        "amount (yuan)",
        source="civil_affairs",
        category="assistance",
        sensitivity="L3",
        mask="withhold",
        standard="CNY, two decimals",
        clause="2.1.1",
    )
    status: AssistanceStatus | None = shared(
        "实施状态",
        "status",
        source="civil_affairs",
        category="assistance",
        sensitivity="L2",
        mask="none",
        standard="hub enum",
        clause="2.6",
    )
