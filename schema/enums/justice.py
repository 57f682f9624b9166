"""Words of courts, procuratorate and criminal police (2.7, 3.1.14, 3.1.15; 法发〔2014〕24号)."""

from __future__ import annotations

from enum import Enum

import strawberry

from schema.enums.word import word


@strawberry.enum(description="案由 cause of a guardianship case (法发〔2014〕24号)")
class GuardianshipCause(Enum):
    """What the court is asked for."""

    DETERMINE = word("申请确定监护人", "to determine the guardian")
    CHANGE = word("申请变更监护人", "to change the guardian")
    REVOKE = word("申请撤销监护人资格", "to revoke a guardian's standing")
    RESTORE = word("申请恢复监护人资格", "to restore a guardian's standing")


@strawberry.enum(description="申请人 kind of applicant (2.1.1; 法发〔2014〕24号 art. 27)")
class ApplicantKind(Enum):
    """Who applied; the first three are named in the notice."""

    NEAR_KIN = word("近亲属", "near kin")
    VILLAGE_COMMITTEE = word("村(居)民委员会", "village or residents' committee")
    CIVIL_AFFAIRS = word("民政部门", "civil affairs")
    OTHER_LAWFUL = word("其他", "other lawful applicant")


@strawberry.enum(description="事由 ground of revocation (法发〔2014〕24号 art. 35)")
class RevocationGround(Enum):
    """Grounds of revocation, by the number of the item in art. 35."""

    SERIOUS_HARM = word("性侵害、出卖、遗弃、虐待、暴力伤害等严重损害", "serious harm", "1")
    LEFT_IN_DANGER = word("置于无人监管", "left unattended in danger", "2")
    NONPERFORMANCE_6M = word("六个月以上不履行监护职责", "duty not performed for six months", "3")
    VICE_OR_IMPRISONMENT = word("恶习或服刑无法履行", "vice or imprisonment", "4")
    BEGGING = word("胁迫、诱骗、利用乞讨", "begging", "5")
    INSTIGATING_CRIME = word("教唆、利用违法犯罪", "instigating crime", "6")
    OTHER = word("其他", "other", "7")


@strawberry.enum(description="案件状态 status of a guardianship case")
class GuardianshipCaseStatus(Enum):
    """Status and outcome of a guardianship case."""

    ACCEPTED = word("受理", "accepted")
    HEARING = word("审理", "being heard")
    GRANTED = word("准许", "granted")
    REJECTED = word("驳回", "rejected")
    WITHDRAWN = word("撤回", "withdrawn")


@strawberry.enum(description="指定监护人类别 kind of guardian appointed (法发〔2014〕24号 art. 36)")
class AppointedGuardianKind(Enum):
    """Whom the court appointed."""

    OTHER_GUARDIAN = word("其他监护人", "the other guardian")
    INDIVIDUAL = word("亲友", "kin or friend")
    VILLAGE_COMMITTEE = word("村(居)民委员会", "village or residents' committee")
    CIVIL_AFFAIRS = word("民政部门", "civil affairs")


@strawberry.enum(description="罪名 offence against the child (刑法)")
class Offence(Enum):
    """Offences against the child, by article of the Criminal Law."""

    ABANDONMENT = word("遗弃罪", "abandonment", "261")
    ABUSE = word("虐待罪", "abuse", "260")
    ABUSE_BY_CARER = word("虐待被监护、看护人罪", "abuse by a carer", "260之一")
    INTENTIONAL_INJURY = word("故意伤害罪", "intentional injury", "234")
    OTHER = word("其他", "other")


@strawberry.enum(description="诉讼阶段 procedural stage")
class CriminalStage(Enum):
    """How far a criminal case has come, and whose part says so."""

    INVESTIGATION = word("侦查", "investigation (police)")
    DISMISSED = word("撤案", "dismissed (police)")
    PROSECUTION_REVIEW = word("审查起诉", "review for prosecution (procuratorate)")
    NOT_PROSECUTED = word("不起诉", "not prosecuted (procuratorate)")
    TRIAL = word("审判", "trial (court)")
    CONCLUDED = word("审结", "concluded (court)")


@strawberry.enum(description="裁判结果 court's outcome")
class CriminalOutcome(Enum):
    """Outcome of a criminal trial."""

    CONVICTED = word("有罪", "convicted")
    ACQUITTED = word("无罪", "acquitted")


@strawberry.enum(description="监督类别 kind of supervision (2.7, 3.1.15)")
class SupervisionKind(Enum):
    """What the procuratorate does."""

    PROPOSE = word("建议", "proposal")
    URGE = word("督促", "urging")
    SUPPORT = word("支持起诉", "support of an application")
    CASE_FILING = word("立案监督", "supervision of case filing")
    ARREST_PROSECUTION = word("逮捕起诉指导监督", "guidance on arrest and prosecution")
    DUTY = word("履职监督", "supervision of a unit's duty")


@strawberry.enum(description="监督结果 result of a supervision")
class SupervisionResult(Enum):
    """What the unit addressed made of it."""

    PENDING = word("待回复", "pending")
    ADOPTED = word("采纳", "adopted")
    PARTLY_ADOPTED = word("部分采纳", "partly adopted")
    REFUSED = word("不采纳", "refused")
    NO_REPLY = word("未回复", "no reply")
