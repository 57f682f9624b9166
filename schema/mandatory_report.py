"""A report to the police under the duty to report (2.3)."""

from __future__ import annotations

import strawberry

from schema.connection import Node
from schema.enums.protection import ConcernKind, ReporterKind, ReportStatus
from schema.facts import one, shared
from schema.incident import Incident
from schema.scalars import DateTime, DivisionCode, Phone


@strawberry.type(description="强制报告 a report of a child in danger")
class MandatoryReport(Node):
    """A report of a child in danger."""

    reporter_kind: ReporterKind | None = shared(
        "报告主体类别",
        "kind of reporter",
        source="public_security",
        category="report",
        sensitivity="L3",
        mask="withhold",
        standard="notice 2.3, 2.5",
        clause="2.3",
    )
    reporter_unit: str | None = shared(
        "报告单位",
        "reporting unit",
        source="public_security",
        category="report",
        sensitivity="L4",
        mask="withhold",
        standard="unit key (README section 5)",
        clause="2.3",
    )
    reporter_name: str | None = shared(
        "报告人姓名",
        "reporter's name",
        source="public_security",
        category="report",
        sensitivity="L4",
        mask="surname",
        standard="hub",
        clause="2.3",
    )
    reporter_phone: Phone | None = shared(
        "报告人电话",
        "reporter's telephone",
        source="public_security",
        category="report",
        sensitivity="L4",
        mask="phone_last4",
        standard="hub",
        clause="2.3",
    )
    concern_kinds: list[ConcernKind] | None = shared(
        "报告情形",
        "kinds of concern",
        source="public_security",
        category="report",
        sensitivity="L4",
        mask="withhold",
        standard="notice 2.3",
        clause="2.3",
    )
    subject: str | None = shared(
        "被报告儿童描述",
        "description of the child, before the file is matched",
        source="public_security",
        category="report",
        sensitivity="L4",
        mask="withhold",
        standard="hub",
        clause="2.3",
    )
    place_address: str | None = shared(
        "发生地点",
        "place of the event",
        source="public_security",
        category="report",
        sensitivity="L4",
        mask="village",
        standard="hub",
        clause="2.3",
    )
    division_code: DivisionCode | None = shared(
        "发生地区划代码",
        "division of the event, set or corrected by the police; places a report on a child who is not on file",
        source="public_security",
        category="report",
        sensitivity="L2",
        mask="none",
        standard="GB/T 2260 + GB/T 10114, 9 or 12 digits",
        clause="2.5",
    )
    narrative: str | None = shared(
        "情况说明",
        "account of the facts",
        source="public_security",
        category="report",
        sensitivity="L4",
        mask="withhold",
        standard="hub",
        clause="2.3",
    )
    reported_at: DateTime | None = shared(
        "报告时间",
        "reported at",
        source="public_security",
        category="report",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="2.3",
    )
    accepted_at: DateTime | None = shared(
        "受理时间",
        "accepted by the police at",
        source="public_security",
        category="report",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="2.5",
    )
    status: ReportStatus | None = shared(
        "报告状态",
        "status of the report",
        source="public_security",
        category="report",
        sensitivity="L2",
        mask="none",
        standard="hub enum",
        clause="2.5",
    )
    incident: Incident | None = one("Incident", "警情处置", "what the police did on the report")
