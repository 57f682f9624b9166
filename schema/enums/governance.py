"""Words of survey, reconciliation, statistics, purposes and the access log (2.2, 2.4)."""

from __future__ import annotations

from enum import Enum

import strawberry

from schema.enums.word import word


@strawberry.enum(description="访问目的 declared purpose of a request")
class Purpose(Enum):
    """Every request declares one; credentials and policy spell it in lower case."""

    SURVEY_MANAGEMENT = word("摸底排查建档", "quarterly survey, one child one file (2.2, 2.4)")
    GUARDIANSHIP_PROTECTION = word("监护监督保护", "guardianship supervision, assessment, follow-up (2.1.5, 2.6)")
    EMERGENCY_RESPONSE = word("强制报告与应急处置", "reporting, dispatch, measures, placement (2.3, 2.5)")
    DROPOUT_CONTROL = word("控辍保学", "schooling management, truancy, dropout (2.1.2, 3.1.3)")
    SOCIAL_ASSISTANCE = word("救助保障", "eligibility and grant of relief and housing aid (2.6, 2.8)")
    MEDICAL_CARE = word("医疗救治", "treatment, injury appraisal, health assessment (2.1.3, 3.1.11)")
    JUDICIAL_PROCEEDING = word("司法办案", "applications, trials, investigation and prosecution (2.7, 3.1.14-15)")
    LEGAL_SUPERVISION = word("法律监督", "procuratorial suggestion, urging, support, supervision (2.7, 3.1.15)")
    LEGAL_AID = word("法律援助", "legal aid and services to child and family (2.6, 3.1.5)")
    CARE_SERVICE = word("关爱服务", "day care, tutoring, counselling, rehabilitation, volunteering (3.1.16-20)")
    SUPPORT_PLANNING = word("支持规划", "budget, employment, housing and rural policy; totals only (3.1.6-9)")
    DATA_RECONCILIATION = word("比对核实", "the three-source comparison (2.4)")
    STATISTICS = word("统计", "counts by division (2.2, 3.1.12)")
    PERFORMANCE_ASSESSMENT = word("综治考核", "yearly assessment of towns (3.1.2)")
    AUDIT = word("审计", "review of the access log (2.4)")


@strawberry.enum(description="风险提示 derived risk flag")
class RiskFlag(Enum):
    """Raised by the hub; shown only to a caller who reads the inputs of the branch that raised it."""

    LIVING_ALONE = word("脱离监护单独居住", "under 16 and lives alone (2.1.5)")
    NO_GUARDIAN = word("无人监护", "no guardian (1)")
    INCAPABLE_GUARDIAN = word("监护能力不足", "guardian without or of inadequate capacity (1, 2.3)")
    OUT_OF_SCHOOL = word("失学辍学", "out of compulsory schooling, or an open dropout record (1)")
    REPEATED_TRUANCY = word("多次旷课", "repeated truancy (2.1.2)")
    NO_HOUSEHOLD = word("无户籍", "no household registration (1)")
    NONPERFORMANCE_6M = word("六个月以上不履行监护职责", "guardian's duty not performed for six months (2.1.1)")
    LEFT_IN_DANGER = word("批评教育后仍置于危险", "left in danger again after criticism (2.7)")
    ABANDONMENT = word("遗弃", "an open report of abandonment (2.3, 2.7)")
    SUSPECTED_HARM = word("疑似伤害侵害", "an open report of suspected harm (2.3, 2.7)")
    MISSING = word("失踪", "an open report of a missing child (2.3, 2.7)")
    PARENTS_UNREACHABLE = word("联系不上父母", "parents not reached in the open incident (2.5)")
    ECONOMIC_HARDSHIP = word("家庭困难未获救助", "hardship and no assistance on file (2.6)")
    STALE_FILE = word("档案逾期未更新", "file not updated in this or the last quarter (2.2)")


@strawberry.enum(description="填报层级 level of a survey submission")
class SurveyLevel(Enum):
    """Who summarises."""

    VILLAGE = word("村(居)级", "village")
    TOWN = word("镇街级", "town")
    DISTRICT = word("区级", "district")


@strawberry.enum(description="报送状态 status of a survey submission")
class SurveyStatus(Enum):
    """Steps of a quarterly survey."""

    DRAFT = word("草稿", "draft")
    VILLAGE_SUBMITTED = word("村(居)已报送", "submitted by the village")
    TOWN_SUMMARISED = word("镇街已汇总", "summarised by the town")
    DISTRICT_ACCEPTED = word("区已接收", "accepted by the district")
    RETURNED = word("已退回", "returned for correction")


@strawberry.enum(description="差异类别 class of discrepancy between sources (2.4)")
class DiscrepancyClass(Enum):
    """What the three-source comparison found."""

    INVALID_CITIZEN_ID = word("公民身份号码无效", "citizen id invalid in itself")
    IDENTITY_MISMATCH = word("身份信息不一致", "same number, name, sex or birth date differ")
    NO_HOUSEHOLD_RECORD = word("无户籍记录", "on file, absent from household data")
    HOUSEHOLD_STATUS_CONFLICT = word("户籍登记状态不一致", "survey and police disagree on registration")
    ADDRESS_CONFLICT = word("地址不一致", "household place and registered address differ by village")
    NO_ENROLMENT = word("无学籍", "aged 6 to 15, no enrolment")
    SCHOOLING_CONFLICT = word("就学情况不一致", "survey and school disagree on schooling")
    FLAGGED_NOT_SURVEYED = word("学籍标记双亲留守未建档", "flagged both parents away, no file")
    FLAGGED_ONE_PARENT = word("学籍标记单亲留守未建档", "flagged one parent away, no file")
    SURVEYED_NOT_FLAGGED = word("已建档学籍未标记", "on file, not flagged by the school")
    DUPLICATE_FILE = word("重复建档", "one number on two open files")
    AGED_OUT = word("年满十六周岁未销档", "turned 16, file still open")
    LINK_CANDIDATE = word("是否同一儿童", "no discrepancy: two records that may be of one child")


@strawberry.enum(description="核实状态 status of a reconciliation item")
class ReconciliationStatus(Enum):
    """Where a discrepancy stands."""

    OPEN = word("待核实", "open")
    ANSWERED = word("已答复", "answered")
    CORRECTED = word("已更正", "corrected")
    EXPLAINED = word("已说明", "explained")


@strawberry.enum(description="指标 indicator; groups G general, P performance, R restricted")
class Indicator(Enum):
    """What a statistic counts or measures."""

    CHILDREN_ON_FILE = word("在册儿童", "children on file (G)")
    AGE_0_5 = word("0至5周岁", "aged 0 to 5 (G)")
    AGE_6_13 = word("6至13周岁", "aged 6 to 13 (G)")
    AGE_14_15 = word("14至15周岁", "aged 14 to 15 (G)")
    NO_GUARDIAN = word("无人监护", "no guardian (G)")
    INCAPABLE_GUARDIAN = word("监护能力不足", "guardian without or of inadequate capacity (G)")
    OUT_OF_SCHOOL = word("失学辍学", "out of school (G)")
    RETURNED_TO_SCHOOL = word("已复学", "returned to school (G)")
    UNREGISTERED = word("无户籍", "unregistered (G)")
    DISABLED = word("残疾", "disabled (G)")
    ASSISTED = word("获得救助", "assisted (G)")
    CARE_SERVED = word("获得关爱服务", "served with care (G)")
    SURVEY_ON_TIME_RATE = word("按时报送率", "rate of surveys on time (P)")
    ASSESSMENT_AFTER_NOTICE_RATE = word("通报后评估率", "rate of assessments after notice (P)")
    RECONCILIATION_ANSWER_RATE = word("比对核实答复率", "rate of discrepancies answered (P)")
    DISPATCH_MEDIAN_MINUTES = word("出警时间中位数(分钟)", "median minutes to dispatch (P)")
    TOWN_NOTICE_MEDIAN_HOURS = word("通报镇街时间中位数(小时)", "median hours to the town's notice (P)")
    LIVING_ALONE = word("单独居住", "living alone (R)")
    HARM_REPORTS = word("伤害侵害报告", "reports of harm (R)")
    MISSING = word("失踪", "missing (R)")
    REVOCATIONS = word("撤销监护人资格", "revocations (R)")
    CRIMINAL_CASES = word("刑事案件", "criminal cases (R)")


@strawberry.enum(description="授权结果 decision on an access")
class AccessDecision(Enum):
    """What the hub decided on a request."""

    ALLOWED = word("允许", "allowed")
    MASKED = word("脱敏后允许", "allowed, some of it masked")
    FILTERED = word("过滤后允许", "allowed, some of it filtered")
    DENIED = word("拒绝", "denied")
    FAILED = word("失败", "failed")
