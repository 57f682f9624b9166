"""Words about a child, a family and a guardian, as the register form and the national standards have them."""

from __future__ import annotations

from enum import Enum

import strawberry

from schema.enums.word import word


@strawberry.enum(description="性别 sex (GB/T 2261.1)")
class Sex(Enum):
    """Sex of a person."""

    UNKNOWN = word("未知", "unknown", "0")
    MALE = word("男", "male", "1")
    FEMALE = word("女", "female", "2")
    UNSPECIFIED = word("未说明", "not stated", "9")


@strawberry.enum(description="家庭关系 family relation (GB/T 4761)")
class KinRelation(Enum):
    """Relation to the child, or to the head of household."""

    FATHER = word("父", "father", "51")
    MOTHER = word("母", "mother", "52")
    STEP_OR_ADOPTIVE_FATHER = word("继父或养父", "step or adoptive father", "57")
    STEP_OR_ADOPTIVE_MOTHER = word("继母或养母", "step or adoptive mother", "58")
    PATERNAL_GRANDFATHER = word("祖父", "father's father", "61")
    PATERNAL_GRANDMOTHER = word("祖母", "father's mother", "62")
    MATERNAL_GRANDFATHER = word("外祖父", "mother's father", "63")
    MATERNAL_GRANDMOTHER = word("外祖母", "mother's mother", "64")
    ELDER_BROTHER = word("兄", "elder brother", "71")
    ELDER_SISTER = word("姐", "elder sister", "75")
    PATERNAL_UNCLE = word("伯叔父", "father's brother", "81", "83")
    PATERNAL_AUNT = word("姑母", "father's sister", "90")
    MATERNAL_UNCLE = word("舅父", "mother's brother", "85")
    MATERNAL_AUNT = word("姨母", "mother's sister", "88")
    OTHER_RELATIVE = word("其他亲属", "other relative", "97")
    NON_RELATIVE = word("非亲属", "not a relative", "99")
    SELF = word("本人", "the head of household", "01")
    SON = word("子", "son of the head of household", "20")
    DAUGHTER = word("女", "daughter of the head of household", "30")
    GRANDCHILD = word("孙子女或外孙子女", "grandchild of the head of household", "40")


@strawberry.enum(description="身体情况 body condition")
class BodyCondition(Enum):
    """Health of the body in the register form's three words."""

    HEALTHY = word("健康", "healthy")
    DISABLED = word("残疾", "disabled")
    ILL = word("患病", "seriously ill (重特大疾病)")


@strawberry.enum(description="残疾类别 disability category (GB/T 26341)")
class DisabilityCategory(Enum):
    """Category of disability; its grade stands apart, 1 gravest to 4."""

    VISUAL = word("视力", "visual")
    HEARING = word("听力", "hearing")
    SPEECH = word("言语", "speech")
    PHYSICAL = word("肢体", "physical")
    INTELLECTUAL = word("智力", "intellectual")
    MENTAL = word("精神", "mental")
    MULTIPLE = word("多重", "multiple")


@strawberry.enum(description="就学情况 schooling status")
class SchoolingStatus(Enum):
    """Schooling as surveyed by the village."""

    KINDERGARTEN = word("幼儿园", "in kindergarten")
    NOT_IN_KINDERGARTEN = word("未入园", "not in kindergarten")
    PRIMARY = word("小学", "primary school")
    JUNIOR_SECONDARY = word("初中", "junior secondary school")
    SENIOR_SECONDARY = word("高中", "senior secondary school")
    VOCATIONAL = word("中职", "secondary vocational school")
    DROPPED_OUT = word("辍学", "dropped out of compulsory schooling")
    NOT_IN_SCHOOL = word("不在学", "not in school (14 to 16)")


@strawberry.enum(description="父母外出情况 which parents are away")
class LeftBehindType(Enum):
    """Why the child counts as left behind."""

    BOTH_AWAY = word("父母双方外出", "both parents away")
    ONE_AWAY_OTHER_INCAPABLE = word("一方外出另一方无监护能力", "one parent away, the other without capacity")
    NO_LONGER = word("不再留守", "no longer left behind")


@strawberry.enum(description="监护类型 guardianship type")
class GuardianshipType(Enum):
    """How the child is looked after, in the register form's five classes."""

    NONE = word("无人监护", "no guardian")
    PARENT_INCAPABLE = word("父或母无监护能力", "parent without capacity")
    ENTRUSTED_INADEQUATE = word("受委托监护人监护能力不足", "entrusted guardian of inadequate capacity")
    FAIR = word("监护情况一般", "fair")
    GOOD = word("监护情况较好", "good")


@strawberry.enum(description="家庭经济来源 family income source")
class IncomeSource(Enum):
    """What the family lives on."""

    MIGRANT_WAGES = word("打工收入", "wages of migrant work")
    FARMING = word("种养殖业", "crops and livestock")
    GOVERNMENT_RELIEF = word("政府救助", "government relief")
    KIN_SUPPORT = word("亲朋接济", "support of kin and friends")
    OTHER = word("其他", "other")


@strawberry.enum(description="监护人类别 kind of guardian")
class GuardianKind(Enum):
    """By what title a guardian acts."""

    PARENT = word("父母", "parent")
    ENTRUSTED = word("受委托监护人", "entrusted by the parents")
    COURT_APPOINTED = word("法院指定", "appointed by the court")
    TEMPORARY = word("临时监护", "temporary")


@strawberry.enum(description="监护能力 capacity to act as guardian")
class GuardianshipCapacity(Enum):
    """Whether a person can act as guardian, and if not, why."""

    CAPABLE = word("有", "capable")
    INCAPABLE_ILLNESS = word("重病丧失", "lost through grave illness")
    INCAPABLE_DISABILITY = word("重残丧失", "lost through grave disability")
    INADEQUATE = word("能力不足", "inadequate")
    UNKNOWN = word("不详", "unknown")


@strawberry.enum(description="户口登记状态 registration status")
class RegistrationStatus(Enum):
    """Whether the police hold a household registration."""

    REGISTERED = word("已登记", "registered")
    UNREGISTERED = word("无户籍", "unregistered")
    PENDING = word("办理中", "being processed")
    CANCELLED = word("已注销", "cancelled")


@strawberry.enum(description="户口类别 kind of household registration")
class HouseholdKind(Enum):
    """Kind of household registration."""

    AGRICULTURAL = word("农业", "agricultural")
    NON_AGRICULTURAL = word("非农业", "non-agricultural")
    UNIFIED_RESIDENT = word("居民户口", "unified resident")


@strawberry.enum(description="无户籍原因 why unregistered (国办发〔2015〕96号)")
class UnregisteredReason(Enum):
    """Why a person has no household registration."""

    UNPLANNED_BIRTH = word("政策外生育", "birth outside policy")
    NO_BIRTH_CERTIFICATE = word("未办出生医学证明", "no medical certificate of birth")
    ADOPTION_UNPROCESSED = word("未办收养登记", "adoption not registered")
    PAPERS_LOST = word("迁移证件遗失超期", "migration papers lost or expired")
    FOREIGN_PARENT = word("涉外非婚生育", "born out of wedlock with a foreign parent")
    OTHER = word("其他", "other")
