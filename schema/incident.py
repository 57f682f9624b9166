"""What the police did on a report (2.5)."""

from __future__ import annotations

import strawberry

from schema.assessment import Assessment
from schema.connection import Connection, Node
from schema.enums.protection import EmergencyMeasure, GuardianSanction, PlacementKind
from schema.facts import many, shared
from schema.scalars import Date, DateTime


@strawberry.type(description="警情处置 how the police dealt with a report")
class Incident(Node):
    """How the police dealt with a report."""

    dispatched_at: DateTime | None = shared(
        "出警时间",
        "officers dispatched at",
        source="public_security",
        category="incident",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="2.5",
    )
    measures: list[EmergencyMeasure] | None = shared(
        "应急处置措施",
        "emergency measures",
        source="public_security",
        category="incident",
        sensitivity="L4",
        mask="withhold",
        standard="notice 2.5, 3.1.4",
        clause="2.5",
    )
    parents_reached: bool | None = shared(
        "是否联系上父母",
        "parents reached",
        source="public_security",
        category="incident",
        sensitivity="L3",
        mask="withhold",
        standard="hub Boolean",
        clause="2.5",
    )
    placement_kind: PlacementKind | None = shared(
        "临时照料去向类别",
        "kind of temporary care",
        source="public_security",
        category="incident",
        sensitivity="L3",
        mask="withhold",
        standard="notice 2.5",
        clause="2.5",
    )
    placement_name: str | None = shared(
        "临时照料人或机构",
        "temporary carer or institution",
        source="public_security",
        category="incident",
        sensitivity="L4",
        mask="withhold",
        standard="法发〔2014〕24号",
        clause="2.5",
    )
    guardian_sanction: GuardianSanction | None = shared(
        "对监护人的处理",
        "how the guardian was dealt with",
        source="public_security",
        category="incident",
        sensitivity="L4",
        mask="withhold",
        standard="治安管理处罚法; notice 2.7",
        clause="2.7",
    )
    injury_finding: str | None = shared(
        "伤情鉴定",
        "injury appraisal",
        source="public_security",
        category="incident",
        sensitivity="L4",
        mask="withhold",
        standard="人体损伤程度鉴定标准",
        clause="2.5",
    )
    findings: str | None = shared(
        "调查情况",
        "findings of the investigation",
        source="public_security",
        category="incident",
        sensitivity="L4",
        mask="withhold",
        standard="hub",
        clause="2.5",
    )
    case_filed_on: Date | None = shared(
        "立案日期",
        "criminal case filed on",
        source="public_security",
        category="incident",
        sensitivity="L4",
        mask="withhold",
        standard="GB/T 7408",
        clause="3.1.4",
    )
    town_notified_at: DateTime | None = shared(
        "通报镇街时间",
        "town notified at",
        source="public_security",
        category="incident",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="2.5",
    )
    village_notified_at: DateTime | None = shared(
        "通报村居时间",
        "village notified at",
        source="public_security",
        category="incident",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="3.1.4",
    )
    assessments: Connection[Assessment] | None = many("Assessment", "评估", "assessments after the incident")
