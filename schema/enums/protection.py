"""Words of reporting, emergency response, assessment and assistance (2.3, 2.5, 2.6)."""

from __future__ import annotations

from enum import Enum

import strawberry

from schema.enums.word import word


@strawberry.enum(description="报告主体 kind of reporter (2.3, 2.5)")
class ReporterKind(Enum):
    """Who reported; the first seven must report by law of the notice."""

    SCHOOL = word("学校", "school")
    KINDERGARTEN = word("幼儿园", "kindergarten")
    MEDICAL_INSTITUTION = word("医疗机构", "medical institution")
    VILLAGE_COMMITTEE = word("村(居)民委员会", "village or residents' committee")
    SOCIAL_WORK_AGENCY = word("社会工作服务机构", "social work agency")
    RESCUE_INSTITUTION = word("救助管理机构", "rescue institution")
    WELFARE_INSTITUTION = word("福利机构", "welfare institution")
    OTHER_CITIZEN = word("其他公民", "other citizen")
    SOCIAL_ORGANISATION = word("社会组织", "social organisation")


@strawberry.enum(description="报告情形 kind of concern (2.3)")
class ConcernKind(Enum):
    """What a report is about."""

    LIVING_ALONE = word("脱离监护单独居住生活", "living alone outside guardianship")
    MISSING = word("失踪", "missing")
    GUARDIAN_INCAPACITATED = word("监护人丧失监护能力", "guardian has lost capacity")
    GUARDIAN_NONPERFORMANCE = word("不履行监护责任", "guardian does not perform the duty")
    SUSPECTED_DOMESTIC_VIOLENCE = word("疑似遭受家庭暴力", "suspected domestic violence")
    SUSPECTED_ACCIDENTAL_INJURY = word("意外伤害", "suspected accidental injury")
    SUSPECTED_UNLAWFUL_HARM = word("不法侵害", "suspected unlawful harm")
    ABANDONMENT = word("遗弃", "abandonment (2.7)")
    OTHER = word("等情况", "other")


@strawberry.enum(description="报告状态 status of a report")
class ReportStatus(Enum):
    """Steps of a mandatory report."""

    REPORTED = word("已报告", "reported")
    DISPATCHED = word("已出警", "officers dispatched")
    HANDLED = word("已处置", "handled")
    TOWN_NOTIFIED = word("已通报镇街", "town notified")
    ASSESSED = word("已评估", "assessed")
    PLANNED = word("已定帮扶方案", "assistance planned")
    CLOSED = word("已结案", "closed")
    UNFOUNDED = word("查不属实", "unfounded")
    MERGED = word("已并案", "merged into another report")


@strawberry.enum(description="应急措施 emergency measure (2.5, 3.1.4)")
class EmergencyMeasure(Enum):
    """What the police did at once."""

    ESCORT_TO_CARE = word("带离并就近护送临时照料", "taken away and escorted to temporary care nearby")
    CONTACT_PARENTS = word("联系通知父母返回", "parents told to return")
    NEW_ENTRUSTED_GUARDIAN = word("重新确定受委托监护人", "new entrusted guardian settled")
    MISSING_CHILD_SEARCH = word("儿童失踪快速查找", "quick search for a missing child")
    STOP_HARM = word("制止侵害", "harm stopped")
    EVIDENCE = word("调查取证", "evidence taken")
    MEDICAL_HELP = word("协助就医", "medical help")
    INJURY_APPRAISAL = word("鉴定伤情", "injury appraised")
    SHELTER_PLACEMENT = word("协助民政安置庇护", "placed in shelter with civil affairs")
    CRITICISM_EDUCATION = word("批评教育", "guardian criticised and educated")
    CASE_FILING = word("立案侦查", "criminal case filed")


@strawberry.enum(description="临时照料去向 kind of temporary care (2.5)")
class PlacementKind(Enum):
    """Where the child was taken."""

    KIN = word("其他近亲属", "other near kin")
    VILLAGE_COMMITTEE = word("村(居)委会", "village or residents' committee")
    RESCUE_INSTITUTION = word("救助管理机构", "rescue institution")
    WELFARE_INSTITUTION = word("福利机构", "welfare institution")
    TEMPORARY_SHELTER = word("临时庇护场所", "temporary shelter")
    HOSPITAL = word("医疗机构", "hospital")
    NONE = word("未转移", "not moved")


@strawberry.enum(description="对监护人处理 how the guardian was dealt with (2.7)")
class GuardianSanction(Enum):
    """What followed for the guardian."""

    NONE = word("无", "none")
    CRITICISM_EDUCATION = word("批评教育", "criticism and education")
    WARNING = word("警告", "warning")
    DETENTION = word("行政拘留", "administrative detention")
    CRIMINAL_FILING = word("刑事立案", "criminal case filed")


@strawberry.enum(description="状况等级 level of a situation")
class SituationLevel(Enum):
    """Judgement on a side of the child's situation."""

    GOOD = word("良好", "good")
    FAIR = word("一般", "fair")
    POOR = word("较差", "poor")
    URGENT = word("危急", "urgent")


@strawberry.enum(description="风险等级 level of risk")
class RiskLevel(Enum):
    """Overall risk of an assessment."""

    LOW = word("低", "low")
    MEDIUM = word("中", "medium")
    HIGH = word("高", "high")


@strawberry.enum(description="救助帮扶 kind of assistance or service (register form; 2.6; 3.1.16-20)")
class AssistanceKind(Enum):
    """Kinds of assistance; the first five are items of the register form."""

    SUBSISTENCE_ALLOWANCE = word("低保", "subsistence allowance")
    TEMPORARY_RELIEF = word("临时救助", "temporary relief")
    MEDICAL_AID = word("医疗救助", "medical aid")
    HOUSING_AID = word("住房救助", "housing aid")
    OTHER_AID = word("其他救助", "other aid")
    GUARDIANSHIP_GUIDANCE = word("监护指导", "guidance in guardianship")
    MEDICAL_TREATMENT = word("医疗救治", "medical treatment")
    COUNSELLING = word("心理疏导", "counselling")
    BEHAVIOUR_CORRECTION = word("行为矫治", "behaviour correction")
    LEGAL_SERVICE = word("法律服务", "legal service")
    LEGAL_AID = word("法律援助", "legal aid")
    HARDSHIP_RELIEF = word("困难帮扶", "hardship relief")
    HOLIDAY_DAY_CARE = word("假期日间照料", "holiday day care")
    TUTORING = word("课后辅导/学业辅导", "tutoring")
    FAMILY_EDUCATION = word("家庭教育指导", "family-education guidance")
    REHABILITATION = word("康复", "rehabilitation")
    MUTUAL_HELP = word("互助活动", "mutual help")
    HOLIDAY_COMPANIONSHIP = word("假期陪护", "holiday companionship")
    SELF_PROTECTION_EDUCATION = word("自护教育", "education in self-protection")
    RECREATION = word("文体活动", "culture and sports")


@strawberry.enum(description="资格核定 eligibility")
class Eligibility(Enum):
    """Whether the family qualifies."""

    PENDING = word("待核", "to be checked")
    ELIGIBLE = word("符合", "eligible")
    INELIGIBLE = word("不符合", "not eligible")


@strawberry.enum(description="实施状态 status of an assistance")
class AssistanceStatus(Enum):
    """Where an assistance stands."""

    PLANNED = word("已计划", "planned")
    ACTIVE = word("实施中", "active")
    COMPLETED = word("已完成", "completed")
    REFUSED = word("拒绝", "refused")
    CANCELLED = word("已取消", "cancelled")
