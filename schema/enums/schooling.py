"""Words of the education bureau: enrolment, boarding, subsidies, dropout control."""

from __future__ import annotations

from enum import Enum

import strawberry

from schema.enums.word import word


@strawberry.enum(description="学段 stage of schooling")
class SchoolStage(Enum):
    """Stage of schooling of an enrolment."""

    KINDERGARTEN = word("幼儿园", "kindergarten")
    PRIMARY = word("小学", "primary school")
    JUNIOR_SECONDARY = word("初中", "junior secondary school")
    SENIOR_SECONDARY = word("高中", "senior secondary school")
    VOCATIONAL = word("中职", "secondary vocational school")
    SPECIAL_EDUCATION = word("特殊教育", "special education")


@strawberry.enum(description="学籍状态 enrolment status")
class EnrolmentStatus(Enum):
    """Status of an enrolment."""

    ENROLLED = word("在读", "enrolled")
    SUSPENDED = word("休学", "suspended")
    TRANSFERRED_OUT = word("转出", "transferred out")
    DROPPED_OUT = word("辍学", "dropped out")
    GRADUATED = word("毕业", "graduated")


@strawberry.enum(description="就读方式 day or boarding")
class BoardingMode(Enum):
    """Whether a pupil boards."""

    DAY = word("走读", "day pupil", "1")
    BOARDING = word("住校", "boarder", "2")


@strawberry.enum(description="是否留守儿童 left-behind flag of the enrolment system")
class LeftBehindFlag(Enum):
    """The school's flag, wider than the register's definition."""

    NOT = word("非留守儿童", "not left behind", "0")
    ONE_PARENT_AWAY = word("单亲留守", "one parent away", "1")
    BOTH_PARENTS_AWAY = word("双亲留守", "both parents away", "2")


@strawberry.enum(description="教育资助 education subsidy")
class SubsidyKind(Enum):
    """Kind of education subsidy."""

    FREE_COMPULSORY = word("免费义务教育", "free compulsory education")
    BOARDING_ALLOWANCE = word("寄宿生生活补助", "boarder's living allowance")
    GRANT = word("助学金", "study grant")
    OTHER = word("其他", "other")


@strawberry.enum(description="辍学原因 reason for dropping out")
class DropoutReason(Enum):
    """Why a pupil dropped out."""

    POVERTY = word("贫困", "poverty")
    FAMILY_UPHEAVAL = word("家庭变故", "upheaval in the family")
    WEARY_OF_STUDY = word("厌学", "weary of study")
    ILLNESS = word("疾病", "illness")
    WORK = word("务工", "gone to work")
    MOVED = word("随迁", "moved with the parents")
    OTHER = word("其他", "other")


@strawberry.enum(description="控辍状态 dropout-control status")
class DropoutStatus(Enum):
    """Where dropout control stands."""

    REGISTERED = word("已登记", "registered")
    PERSUADING = word("劝返中", "being persuaded to return")
    REPORTED = word("已书面报告", "reported in writing")
    ENFORCING = word("依法采取措施", "lawful measures taken")
    RETURNED = word("已复学", "returned to school")
    CLOSED_OTHER = word("其他销号", "closed for another reason")
