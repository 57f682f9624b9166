"""The root of a child: the register's file (2.2), to which every other source joins."""

from __future__ import annotations

import strawberry

from schema.assessment import Assessment
from schema.assistance_record import AssistanceRecord
from schema.connection import Connection, Node
from schema.criminal_case import CriminalCase
from schema.enrolment import Enrolment
from schema.enums.governance import RiskFlag
from schema.enums.person import (
    BodyCondition,
    DisabilityCategory,
    GuardianshipType,
    IncomeSource,
    LeftBehindType,
    SchoolingStatus,
    Sex,
)
from schema.enums.protection import AssistanceKind
from schema.facts import many, shared
from schema.family_member import FamilyMember
from schema.guardian import Guardian
from schema.guardianship_case import GuardianshipCase
from schema.household_registration import HouseholdRegistration
from schema.incident import Incident
from schema.mandatory_report import MandatoryReport
from schema.procuratorial_supervision import ProcuratorialSupervision
from schema.scalars import CitizenId, Date, DateTime, DivisionCode


@strawberry.type(description="农村留守儿童档案 file of a left-behind child: one child, one file")
class Child(Node):
    """File of a left-behind child: one child, one file."""

    id: strawberry.ID = shared(
        "档案标识",
        "opaque one-child-one-file id",
        required=True,
        source="hub",
        category="basic",
        sensitivity="L2",
        mask="none",
        standard="hub (AES-SIV under the key of the unit that sees it, see Keys in DESIGN)",
        clause="2.2",
    )
    name: str | None = shared(
        "姓名",
        "name",
        source="civil_affairs",
        category="basic",
        sensitivity="L3",
        mask="surname",
        standard="民发〔2016〕42号 register form; GA 214.1",
        clause="2.2",
    )
    citizen_id: CitizenId | None = shared(
        "公民身份号码",
        "citizen identification number",
        source="civil_affairs",
        category="basic",
        sensitivity="L4",
        mask="id_first6",
        standard="GB 11643-1999",
        clause="2.2",
    )
    sex: Sex | None = shared(
        "性别",
        "sex",
        source="civil_affairs",
        category="basic",
        sensitivity="L2",
        mask="none",
        standard="GB/T 2261.1",
        clause="2.2",
    )
    birth_date: Date | None = shared(
        "出生日期",
        "date of birth",
        source="civil_affairs",
        category="basic",
        sensitivity="L3",
        mask="year",
        standard="GB/T 7408",
        clause="2.2",
    )
    ethnicity: str | None = shared(
        "民族",
        "ethnic group",
        source="civil_affairs",
        category="basic",
        sensitivity="L3",
        mask="withhold",
        standard="GB/T 3304 (two digits)",
        clause="2.2",
    )
    division_code: DivisionCode | None = shared(
        "所在村(居)代码",
        "village-level division code",
        source="civil_affairs",
        category="basic",
        sensitivity="L2",
        mask="none",
        standard="GB/T 2260 + GB/T 10114, 12 digits",
        clause="2.2",
    )
    household_registered: bool | None = shared(
        "是否登记户口",
        "household registered (as surveyed)",
        source="civil_affairs",
        category="basic",
        sensitivity="L2",
        mask="none",
        standard="民发〔2016〕42号 register form",
        clause="2.2",
    )
    household_place: str | None = shared(
        "户籍所在地",
        "place of household registration (as surveyed)",
        source="civil_affairs",
        category="basic",
        sensitivity="L3",
        mask="village",
        standard="民发〔2016〕42号 register form",
        clause="2.2",
    )
    residence_address: str | None = shared(
        "现居住地",
        "present residence",
        source="civil_affairs",
        category="basic",
        sensitivity="L4",
        mask="village",
        standard="民发〔2016〕42号 register form",
        clause="2.2",
    )
    body_condition: BodyCondition | None = shared(
        "身体情况",
        "body condition",
        source="civil_affairs",
        category="basic",
        sensitivity="L3",
        mask="withhold",
        standard="民发〔2016〕42号 register form",
        clause="2.2",
    )
    disability_category: DisabilityCategory | None = shared(
        "残疾类别",
        "disability category",
        source="civil_affairs",
        category="basic",
        sensitivity="L4",
        mask="withhold",
        standard="GB/T 26341-2010",
        clause="3.1.18",
    )
    disability_grade: int | None = shared(
        "残疾等级",
        "disability grade (1 gravest .. 4)",
        source="civil_affairs",
        category="basic",
        sensitivity="L4",
        mask="withhold",
        standard="GB/T 26341-2010",
        clause="3.1.18",
    )
    illness_type: str | None = shared(
        "患病类型",
        "type of illness",
        source="civil_affairs",
        category="basic",
        sensitivity="L4",
        mask="withhold",
        standard="民发〔2016〕42号 register form",
        clause="2.2",
    )
    schooling_status: SchoolingStatus | None = shared(
        "就学情况",
        "schooling status (as surveyed)",
        source="civil_affairs",
        category="basic",
        sensitivity="L2",
        mask="none",
        standard="民发〔2016〕42号 register form",
        clause="2.1.1",
    )
    updated_at: DateTime | None = shared(
        "数据更新时间",
        "last data update",
        source="civil_affairs",
        category="basic",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="2.2",
    )
    risk_flags: list[RiskFlag] | None = shared(
        "风险提示",
        "derived risk flags (README section 9)",
        source="hub",
        category="assessment",
        sensitivity="L4",
        mask="withhold",
        standard="hub enum",
        clause="2.4",
    )
    last_visited_on: Date | None = shared(
        "最近走访日期",
        "last village visit",
        source="civil_affairs",
        category="family",
        sensitivity="L2",
        mask="none",
        standard="GB/T 7408",
        clause="2.1.1",
    )
    left_behind_type: LeftBehindType | None = shared(
        "父母外出情况",
        "which parents are away",
        source="civil_affairs",
        category="actual_guardianship",
        sensitivity="L2",
        mask="none",
        standard="国发〔2016〕13号; 民发〔2016〕42号 register form",
        clause="2.2",
    )
    entrusted: bool | None = shared(
        "有无委托其他监护人",
        "another guardian entrusted",
        source="civil_affairs",
        category="actual_guardianship",
        sensitivity="L2",
        mask="none",
        standard="民发〔2016〕42号 register form",
        clause="2.1.5",
    )
    lives_alone: bool | None = shared(
        "是否脱离监护单独居住",
        "lives alone outside guardianship",
        source="civil_affairs",
        category="actual_guardianship",
        sensitivity="L4",
        mask="withhold",
        standard="hub Boolean",
        clause="2.1.5",
    )
    guardianship_type: GuardianshipType | None = shared(
        "监护类型",
        "guardianship type",
        source="civil_affairs",
        category="guardianship_type",
        sensitivity="L3",
        mask="withhold",
        standard="民发〔2016〕42号 register form",
        clause="2.2",
    )
    income_sources: list[IncomeSource] | None = shared(
        "家庭经济来源",
        "family income sources",
        source="civil_affairs",
        category="income",
        sensitivity="L3",
        mask="withhold",
        standard="民发〔2016〕42号 register form",
        clause="2.2",
    )
    economic_hardship: bool | None = shared(
        "家庭经济困难",
        "family in economic hardship",
        source="civil_affairs",
        category="income",
        sensitivity="L3",
        mask="withhold",
        standard="hub Boolean",
        clause="2.6",
    )
    assistance_kinds: list[AssistanceKind] | None = shared(
        "救助帮扶情况",
        "assistance received (form items)",
        source="civil_affairs",
        category="assistance",
        sensitivity="L3",
        mask="withhold",
        standard="民发〔2016〕42号 register form",
        clause="2.2",
    )
    family_members: Connection[FamilyMember] | None = many("FamilyMember", "家庭成员", "family members")
    guardians: Connection[Guardian] | None = many("Guardian", "监护人", "guardians")
    enrolments: Connection[Enrolment] | None = many("Enrolment", "学籍", "enrolments")
    household_registrations: Connection[HouseholdRegistration] | None = many(
        "HouseholdRegistration", "户籍登记", "household registrations"
    )
    reports: Connection[MandatoryReport] | None = many("MandatoryReport", "强制报告", "reports to the police")
    incidents: Connection[Incident] | None = many("Incident", "警情处置", "incidents")
    assessments: Connection[Assessment] | None = many("Assessment", "评估", "assessments")
    assistance_records: Connection[AssistanceRecord] | None = many(
        "AssistanceRecord", "救助帮扶记录", "assistance and services"
    )
    guardianship_cases: Connection[GuardianshipCase] | None = many(
        "GuardianshipCase", "监护权案件", "guardianship cases"
    )
    criminal_cases: Connection[CriminalCase] | None = many(
        "CriminalCase", "刑事案件", "criminal cases of offences against the child"
    )
    supervisions: Connection[ProcuratorialSupervision] | None = many(
        "ProcuratorialSupervision", "检察监督", "supervisions by the procuratorate"
    )
