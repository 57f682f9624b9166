"""The town's assessment after the police's notice (2.6)."""

from __future__ import annotations

import strawberry

from schema.assistance_record import AssistanceRecord
from schema.connection import Connection, Node
from schema.enums.person import GuardianshipType
from schema.enums.protection import AssistanceKind, RiskLevel, SituationLevel
from schema.facts import many, shared
from schema.scalars import Date


@strawberry.type(description="评估 an assessment of the child's situation")
class Assessment(Node):
    """An assessment of the child's situation."""

    completed_on: Date | None = shared(
        "评估完成日期",
        "assessment completed on",
        source="civil_affairs",
        category="assessment",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="2.6",
    )
    safety_situation: SituationLevel | None = shared(
        "安全处境",
        "safety of the child's situation",
        source="civil_affairs",
        category="assessment",
        sensitivity="L4",
        mask="withhold",
        standard="notice 2.6",
        clause="2.6",
    )
    guardianship_situation: GuardianshipType | None = shared(
        "监护情况",
        "guardianship situation",
        source="civil_affairs",
        category="assessment",
        sensitivity="L4",
        mask="withhold",
        standard="notice 2.6; 民发〔2016〕42号 register form",
        clause="2.6",
    )
    physical_health: SituationLevel | None = shared(
        "身体健康状况",
        "physical health",
        source="civil_affairs",
        category="assessment",
        sensitivity="L4",
        mask="withhold",
        standard="notice 2.6",
        clause="2.6",
    )
    mental_health: SituationLevel | None = shared(
        "心理健康状况",
        "mental health",
        source="civil_affairs",
        category="assessment",
        sensitivity="L4",
        mask="withhold",
        standard="notice 2.6",
        clause="2.6",
    )
    risk_level: RiskLevel | None = shared(
        "风险等级",
        "overall risk level",
        source="civil_affairs",
        category="assessment",
        sensitivity="L3",
        mask="withhold",
        standard="hub enum",
        clause="2.6",
    )
    recommended_services: list[AssistanceKind] | None = shared(
        "建议服务",
        "services recommended",
        source="civil_affairs",
        category="assessment",
        sensitivity="L3",
        mask="withhold",
        standard="notice 2.6",
        clause="2.6",
    )
    conclusion: str | None = shared(
        "评估结论",
        "conclusion",
        source="civil_affairs",
        category="assessment",
        sensitivity="L4",
        mask="withhold",
        standard="hub",
        clause="2.6",
    )
    assistance_records: Connection[AssistanceRecord] | None = many(
        "AssistanceRecord", "救助帮扶记录", "assistance that the assessment led to"
    )
