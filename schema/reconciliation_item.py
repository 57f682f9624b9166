"""A discrepancy between civil affairs, education and household data (2.4)."""

from __future__ import annotations

import strawberry

from schema.child import Child
from schema.connection import Node
from schema.enums.governance import DiscrepancyClass, ReconciliationStatus
from schema.facts import one, shared
from schema.scalars import Quarter


@strawberry.type(description="一方的数据值 what one source holds")
class SourceValue:
    """What one source holds of the field compared; read at each request, never stored."""

    source: str = strawberry.field(description="数据来源 source")
    value: str | None = strawberry.field(
        default=None, description="数据值 value as text, null if the source holds none"
    )


@strawberry.type(description="数据比对差异 a discrepancy between sources")
class ReconciliationItem(Node):
    """A discrepancy between sources."""

    quarter: Quarter | None = shared(
        "季度",
        "quarter",
        source="hub",
        category="reconciliation",
        sensitivity="L1",
        mask="none",
        standard="GB/T 7408 year + Q1..Q4",
        clause="2.4",
    )
    discrepancy_class: DiscrepancyClass | None = shared(
        "差异类别",
        "class of discrepancy",
        source="hub",
        category="reconciliation",
        sensitivity="L3",
        mask="withhold",
        standard="hub enum",
        clause="2.4",
    )
    compared_field: str | None = shared(
        "比对项",
        "field compared",
        source="hub",
        category="reconciliation",
        sensitivity="L2",
        mask="none",
        standard="fields.csv Type.field",
        clause="2.4",
    )
    source_values: list[SourceValue] | None = shared(
        "各方数据值",
        "values held by the sources",
        source="hub",
        category="reconciliation",
        sensitivity="L4",
        mask="withhold",
        standard="hub; read from the sources at each request, never stored",
        clause="2.4",
    )
    answering_unit: str | None = shared(
        "核实单位",
        "unit that must answer",
        source="hub",
        category="reconciliation",
        sensitivity="L2",
        mask="none",
        standard="unit key (README section 5)",
        clause="2.4",
    )
    status: ReconciliationStatus | None = shared(
        "核实状态",
        "status",
        source="hub",
        category="reconciliation",
        sensitivity="L2",
        mask="none",
        standard="hub enum",
        clause="2.4",
    )
    child: Child | None = one("Child", "儿童档案", "the child's file")
