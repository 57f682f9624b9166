"""Who saw what, when and why (2.4)."""

from __future__ import annotations

import strawberry

from schema.connection import Node
from schema.enums.governance import AccessDecision, Purpose
from schema.facts import shared
from schema.scalars import DateTime


@strawberry.type(description="访问日志 an entry of the access log")
class AccessLogEntry(Node):
    """An entry of the access log."""

    at: DateTime | None = shared(
        "访问时间",
        "time of access",
        source="hub",
        category="audit",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="2.4",
    )
    unit: str | None = shared(
        "访问单位",
        "unit",
        source="hub",
        category="audit",
        sensitivity="L2",
        mask="none",
        standard="unit key (README section 5)",
        clause="2.4",
    )
    operator_id: str | None = shared(
        "操作人员",
        "operator (staff number, never a name or citizen id)",
        source="hub",
        category="audit",
        sensitivity="L3",
        mask="withhold",
        standard="hub",
        clause="2.4",
    )
    purpose: Purpose | None = shared(
        "访问目的",
        "declared purpose",
        source="hub",
        category="audit",
        sensitivity="L2",
        mask="none",
        standard="README section 4",
        clause="2.4",
    )
    case_ref: str | None = shared(
        "办案编号",
        "case reference as a pseudonym (searchable, not readable)",
        source="hub",
        category="audit",
        sensitivity="L2",
        mask="none",
        standard="hub",
        clause="2.4",
    )
    fields: list[str] | None = shared(
        "访问字段",
        "fields released in clear (Type.field)",
        source="hub",
        category="audit",
        sensitivity="L2",
        mask="none",
        standard="fields.csv",
        clause="2.4",
    )
    masked_fields: list[str] | None = shared(
        "脱敏字段",
        "fields released masked",
        source="hub",
        category="audit",
        sensitivity="L2",
        mask="none",
        standard="fields.csv",
        clause="2.4",
    )
    refused_fields: list[str] | None = shared(
        "拒绝字段",
        "fields asked for and refused",
        source="hub",
        category="audit",
        sensitivity="L2",
        mask="none",
        standard="fields.csv",
        clause="2.4",
    )
    record_refs: list[strawberry.ID] | None = shared(
        "涉及档案",
        "pseudonyms of the records returned, in the log's own domain",
        source="hub",
        category="audit",
        sensitivity="L3",
        mask="withhold",
        standard="hub",
        clause="2.4",
    )
    decision: AccessDecision | None = shared(
        "授权结果",
        "decision",
        source="hub",
        category="audit",
        sensitivity="L2",
        mask="none",
        standard="hub enum",
        clause="2.4",
    )
    clause: list[str] | None = shared(
        "依据条款",
        "clauses relied on",
        source="hub",
        category="audit",
        sensitivity="L1",
        mask="none",
        standard="entitlements.csv",
        clause="2.4",
    )
    entry_hash: str | None = shared(
        "叶子校验值",
        "leaf hash of the entry in the RFC 6962 tree",
        source="hub",
        category="audit",
        sensitivity="L2",
        mask="none",
        standard="SHA-256(0x00 || entry)",
        clause="2.4",
    )
    index: int | None = shared(
        "日志序号",
        "index of the entry in the log",
        source="hub",
        category="audit",
        sensitivity="L2",
        mask="none",
        standard="C2SP tlog-tiles",
        clause="2.4",
    )
    request_id: str | None = shared(
        "请求编号",
        "request id",
        source="hub",
        category="audit",
        sensitivity="L2",
        mask="none",
        standard="hub",
        clause="2.4",
    )
    policy_version: str | None = shared(
        "策略版本",
        "policy version that decided",
        source="hub",
        category="audit",
        sensitivity="L2",
        mask="none",
        standard="hub",
        clause="2.4",
    )
    error_codes: list[str] | None = shared(
        "错误代码",
        "error codes of the answer",
        source="hub",
        category="audit",
        sensitivity="L2",
        mask="none",
        standard="hub",
        clause="2.4",
    )
