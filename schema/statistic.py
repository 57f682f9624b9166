"""A figure by division and quarter (2.2)."""

from __future__ import annotations

import strawberry

from schema.connection import Node
from schema.enums.governance import Indicator
from schema.facts import shared
from schema.scalars import DivisionCode, Quarter


@strawberry.type(description="统计指标 a published figure")
class Statistic(Node):
    """A published figure."""

    division_code: DivisionCode | None = shared(
        "地区代码",
        "division",
        source="hub",
        category="statistics",
        sensitivity="L1",
        mask="none",
        standard="GB/T 2260 + GB/T 10114",
        clause="2.2",
    )
    quarter: Quarter | None = shared(
        "季度",
        "quarter",
        source="hub",
        category="statistics",
        sensitivity="L1",
        mask="none",
        standard="GB/T 7408 year + Q1..Q4",
        clause="2.2",
    )
    indicator: Indicator | None = shared(
        "指标",
        "indicator",
        source="hub",
        category="statistics",
        sensitivity="L1",
        mask="none",
        standard="hub enum",
        clause="2.2",
    )
    value: float | None = shared(
        "指标值",
        "value (null when suppressed)",
        source="hub",
        category="statistics",
        sensitivity="L1",
        mask="none",
        standard="hub",
        clause="2.2",
    )
    suppressed: bool | None = shared(
        "是否隐去",
        "cell suppressed",
        source="hub",
        category="statistics",
        sensitivity="L1",
        mask="none",
        standard="README section 10",
        clause="2.2",
    )
    census_reference: int | None = shared(
        "普查抽样参考值",
        "census or sample-survey reference figure",
        source="hub",
        category="statistics",
        sensitivity="L1",
        mask="none",
        standard="national census method",
        clause="3.1.12",
    )
