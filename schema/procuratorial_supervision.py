"""A supervision by the procuratorate (2.7, 3.1.15)."""

from __future__ import annotations

import strawberry

from schema.connection import Node
from schema.enums.justice import SupervisionKind, SupervisionResult
from schema.facts import shared
from schema.scalars import Date


@strawberry.type(description="检察监督 a supervision by the procuratorate")
class ProcuratorialSupervision(Node):
    """A supervision by the procuratorate."""

    kind: SupervisionKind | None = shared(
        "监督类别",
        "kind of supervision",
        source="procuratorate",
        category="supervision",
        sensitivity="L3",
        mask="withhold",
        standard="notice 2.7, 3.1.15",
        clause="2.7",
    )
    target_unit: str | None = shared(
        "被监督单位",
        "unit addressed",
        source="procuratorate",
        category="supervision",
        sensitivity="L3",
        mask="withhold",
        standard="unit key (README section 5)",
        clause="2.7",
    )
    issued_on: Date | None = shared(
        "发出日期",
        "issued on",
        source="procuratorate",
        category="supervision",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="2.7",
    )
    content: str | None = shared(
        "监督内容",
        "content",
        source="procuratorate",
        category="supervision",
        sensitivity="L4",
        mask="withhold",
        standard="hub",
        clause="2.7",
    )
    reply_due_on: Date | None = shared(
        "回复期限",
        "reply due on",
        source="procuratorate",
        category="supervision",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="3.1.15",
    )
    replied_on: Date | None = shared(
        "回复日期",
        "replied on",
        source="procuratorate",
        category="supervision",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="3.1.15",
    )
    result: SupervisionResult | None = shared(
        "监督结果",
        "result",
        source="procuratorate",
        category="supervision",
        sensitivity="L3",
        mask="withhold",
        standard="hub enum",
        clause="3.1.15",
    )
