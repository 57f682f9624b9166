"""The root fields of a query -> the types that they open.

Every connection root lists the rows in the caller's scope for the declared purpose; for it no others
exist.
"""

from __future__ import annotations

import strawberry

from schema.access_log_entry import AccessLogEntry
from schema.aggregation import AggregateWhere, Aggregation
from schema.assessment import Assessment
from schema.assistance_record import AssistanceRecord
from schema.child import Child
from schema.connection import Connection, Node
from schema.criminal_case import CriminalCase
from schema.dropout_record import DropoutRecord
from schema.enrolment import Enrolment
from schema.facts import many, unplanned
from schema.guardianship_case import GuardianshipCase
from schema.household_registration import HouseholdRegistration
from schema.incident import Incident
from schema.mandatory_report import MandatoryReport
from schema.me import CatalogueField, Me
from schema.procuratorial_supervision import ProcuratorialSupervision
from schema.reconciliation_item import ReconciliationItem
from schema.scalars import CitizenId
from schema.statistic import Statistic
from schema.survey_submission import SurveySubmission


def _me() -> Me:
    unplanned()


def _catalogue(type: str | None = strawberry.UNSET) -> list[CatalogueField]:
    unplanned()


def _node(id: strawberry.ID) -> Node | None:
    unplanned()


def _child(
    id: strawberry.ID | None = strawberry.UNSET, citizen_id: CitizenId | None = strawberry.UNSET
) -> Child | None:
    unplanned()


def _aggregate(
    by: list[str], measure: str | None = "COUNT", where: AggregateWhere | None = strawberry.UNSET
) -> Aggregation | None:
    unplanned()


@strawberry.type(description="查询 everything that can be asked")
class Query:
    """Everything that can be asked."""

    me: Me = strawberry.field(resolver=_me, description="调用方 who asks, as the hub has identified it")
    catalogue: list[CatalogueField] = strawberry.field(
        resolver=_catalogue, description="目录 every shared field, or those of one type, and whether you hold it"
    )
    node: Node | None = strawberry.field(
        resolver=_node, description="凭标识查找 the record of an id that you were given; null if out of your scope"
    )
    child: Child | None = strawberry.field(
        resolver=_child, description="儿童档案 a child's file by id or by citizen id, exactly one of them"
    )
    children: Connection[Child] | None = many("Child", "儿童档案", "children's files")
    mandatory_reports: Connection[MandatoryReport] | None = many("MandatoryReport", "强制报告", "reports to the police")
    incidents: Connection[Incident] | None = many("Incident", "警情处置", "how the police dealt with reports")
    assessments: Connection[Assessment] | None = many("Assessment", "评估", "assessments")
    assistance_records: Connection[AssistanceRecord] | None = many(
        "AssistanceRecord", "救助帮扶记录", "assistance and services"
    )
    enrolments: Connection[Enrolment] | None = many("Enrolment", "学籍", "enrolments")
    dropout_records: Connection[DropoutRecord] | None = many("DropoutRecord", "辍学记录", "dropout records")
    household_registrations: Connection[HouseholdRegistration] | None = many(
        "HouseholdRegistration", "户籍登记", "household registrations"
    )
    guardianship_cases: Connection[GuardianshipCase] | None = many(
        "GuardianshipCase", "监护权案件", "guardianship cases"
    )
    criminal_cases: Connection[CriminalCase] | None = many(
        "CriminalCase", "刑事案件", "criminal cases of offences against children"
    )
    supervisions: Connection[ProcuratorialSupervision] | None = many(
        "ProcuratorialSupervision", "检察监督", "supervisions by the procuratorate"
    )
    survey_submissions: Connection[SurveySubmission] | None = many(
        "SurveySubmission", "摸底排查报送", "submissions of the quarterly survey"
    )
    reconciliation_items: Connection[ReconciliationItem] | None = many(
        "ReconciliationItem", "数据比对差异", "discrepancies between sources"
    )
    statistics: Connection[Statistic] | None = many(
        "Statistic",
        "统计指标",
        "published figures of frozen quarters; a trend is asked for by a filter on `quarter`, with `gte` and `lte` or"
        " `in`, and an order by `QUARTER`",
    )
    access_log: Connection[AccessLogEntry] | None = many("AccessLogEntry", "访问日志", "entries of the access log")

    aggregate: Aggregation | None = strawberry.field(
        resolver=_aggregate,
        description="汇总 counts (`COUNT`) or sums (a coordinate of an amount) by at most three coordinates",
    )
