"""Domain model, 8.3 -> guardianship cases and the procuratorate behind them as data."""

from __future__ import annotations

from functools import partial
from typing import Final

from hub.lifecycle.step import Actor, Change, Clock, Credential, Cycle, Fixed, State, Step, actors

STATE: Final = "GuardianshipCase.status"
SUPERVISION: Final = "ProcuratorialSupervision.result"
COURT: Final = actors("judicial_proceeding", "district_court")
PROCURATORATE: Final = actors("legal_supervision", "district_procuratorate")
ADDRESSED: Final = actors(
    "legal_supervision",
    "civil_affairs_bureau",
    "education_bureau",
    "public_security_bureau",
    "health_commission",
    "district_court",
    "town_government",
    "village_committee",
)
"""Units that a supervision may address, and that answer it."""

_step = partial(Step, cycle="guardianship", subject="GuardianshipCase", state=STATE)
"""A step about a row of the cycle's own type."""

STATES: Final = (
    State("ACCEPTED", "受理", "accepted"),
    State("HEARING", "审理", "hearing"),
    State("GRANTED", "准许", "granted", final=True),
    State("REJECTED", "驳回", "rejected", final=True),
    State("WITHDRAWN", "撤回", "withdrawn", final=True),
)
_PARTIES: Final = ("applicantKind", "respondentName", "grounds")


def _registered(cause: tuple[tuple[str, Fixed], ...], needs: tuple[str, ...]) -> Change:
    return Change(
        relation="GuardianshipCase",
        creates=True,
        needs=("caseNumber", *needs, *_PARTIES),
        sets=(*cause, ("acceptedOn", Clock("today"))),
    )


def _decision(name: str, zh: str, en: str, target: str, origin: tuple[str, ...], *needs: str) -> Step:
    return Step(
        name=name,
        zh=zh,
        en=en,
        cycle="guardianship",
        clause="3.1.14",
        who=COURT,
        subject="GuardianshipCase",
        state=STATE,
        origin=origin,
        target=target,
        changes=(
            Change(
                relation="GuardianshipCase",
                needs=needs,
                may=("appointedGuardianName",) if needs else (),
                sets=(("decidedOn", Clock("today")),),
            ),
        ),
    )


CASES: Final = (
    Step(
        name="applyRevocation",
        zh="申请撤销监护人资格",
        en="apply to the court to revoke a guardian's standing",
        cycle="guardianship",
        clause="2.7",
        who=actors("judicial_proceeding", "village_committee", "civil_affairs_bureau"),
        action="report",
        subject="GuardianshipCase",
        about="Child",
        changes=(
            Change(
                relation="GuardianshipCase",
                creates=True,
                needs=("respondentName", "grounds"),
                sets=(
                    ("cause", Fixed("REVOKE")),
                    ("applicantKind", Credential("applicant_kind")),
                    ("_applicant", Credential("unit")),
                ),
            ),
        ),
    ),
    _step(
        name="registerCase",
        zh="登记立案",
        en="register an application that was made at the court itself",
        clause="3.1.14",
        who=COURT,
        target="ACCEPTED",
        changes=(_registered((), ("cause",)),),
        finds=True,
    ),
    _step(
        name="registerRestoration",
        zh="登记恢复监护人资格申请",
        en="register an application to restore a guardian's standing",
        clause="3.1.14",
        who=COURT,
        target="ACCEPTED",
        changes=(_registered((("cause", Fixed("RESTORE")),), ()),),
        conditions=("revoked_three_months_to_a_year_ago",),
        finds=True,
    ),
    _step(
        name="acceptCase",
        zh="受理",
        en="accept an application",
        clause="3.1.14",
        who=COURT,
        origin=(None,),
        target="ACCEPTED",
        changes=(Change(relation="GuardianshipCase", needs=("caseNumber",), sets=(("acceptedOn", Clock("today")),)),),
    ),
    _step(
        name="hearCase",
        zh="审理",
        en="hear the case",
        clause="3.1.14",
        who=COURT,
        origin=("ACCEPTED",),
        target="HEARING",
    ),
    _decision("grantCase", "准许", "grant the application", "GRANTED", ("HEARING",), "appointedGuardianKind"),
    _decision("rejectCase", "驳回", "reject the application", "REJECTED", ("HEARING",)),
    _decision("withdrawCase", "撤回", "record its withdrawal", "WITHDRAWN", ("ACCEPTED", "HEARING")),
    Step(
        name="enterAppointedGuardian",
        zh="登记法院指定的监护人",
        en="enter the guardian whom the court appointed",
        cycle="guardianship",
        clause="2.7",
        who=(Actor("town_government", ("guardianship_protection", "survey_management")),),
        subject="Guardian",
        about="Child",
        changes=(
            Change(
                relation="Guardian",
                creates=True,
                needs=("name",),
                may=("citizenId", "phone", "relation", "address", "capacity"),
                sets=(("kind", Fixed("COURT_APPOINTED")),),
            ),
        ),
        conditions=("guardian_appointed",),
    ),
)

CYCLE: Final = Cycle(
    name="guardianship",
    zh="监护权案件",
    en="guardianship case",
    state=STATE,
    states=STATES,
    steps=CASES,
)


def _supervising(name: str, kind: str, zh: str, en: str, *conditions: str, about: str | None = "Child") -> Step:
    return Step(
        name=name,
        zh=zh,
        en=en,
        cycle="supervision",
        clause="2.7" if kind in ("PROPOSE", "URGE", "SUPPORT") else "3.1.15",
        who=PROCURATORATE,
        action="report",
        subject="ProcuratorialSupervision",
        state=SUPERVISION,
        target="PENDING",
        about=about,
        changes=(
            Change(
                relation="ProcuratorialSupervision",
                creates=True,
                needs=("targetUnit", "content", "replyDueOn"),
                sets=(("kind", Fixed(kind)), ("issuedOn", Clock("today"))),
            ),
        ),
        conditions=conditions,
        starts=("reply",),
    )


SUPERVISIONS: Final = (
    _supervising("proposeApplication", "PROPOSE", "建议申请", "propose that a unit apply for revocation"),
    _supervising("urgeApplication", "URGE", "督促申请", "urge a unit to apply for revocation", "proposed_before"),
    _supervising("supportApplication", "SUPPORT", "支持起诉", "support an applicant", "revocation_applied_for"),
    _supervising("superviseCaseFiling", "CASE_FILING", "立案监督", "supervise that a case be filed"),
    _supervising("superviseProsecution", "ARREST_PROSECUTION", "逮捕起诉指导监督", "guide arrest and prosecution"),
    _supervising(
        "superviseDuty", "DUTY", "履职监督", "supervise a unit's duty; no child need be concerned", about=None
    ),
    Step(
        name="replyToSupervision",
        zh="回复监督",
        en="reply to a supervision",
        cycle="supervision",
        clause="2.7",
        who=ADDRESSED,
        subject="ProcuratorialSupervision",
        state=SUPERVISION,
        origin=("PENDING",),
        changes=(Change(relation="ProcuratorialSupervision", sets=(("repliedOn", Clock("today")),)),),
        once=("ProcuratorialSupervision.repliedOn",),
        stops=("reply",),
    ),
    *(
        Step(
            name=name,
            zh=zh,
            en=en,
            cycle="supervision",
            clause="3.1.15",
            who=PROCURATORATE,
            subject="ProcuratorialSupervision",
            state=SUPERVISION,
            origin=("PENDING",),
            target=target,
            once=("ProcuratorialSupervision.repliedOn",) if target == "NO_REPLY" else (),
            conditions=("reply_overdue",) if target == "NO_REPLY" else (),
            stops=("reply",),
        )
        for name, target, zh, en in (
            ("noteAdopted", "ADOPTED", "采纳", "note that it was adopted"),
            ("notePartlyAdopted", "PARTLY_ADOPTED", "部分采纳", "note that it was adopted in part"),
            ("noteRefused", "REFUSED", "拒绝采纳", "note that it was refused"),
            ("noteNoReply", "NO_REPLY", "逾期未回复", "note that no reply came"),
        )
    ),
)

SUPERVISION_CYCLE: Final = Cycle(
    name="supervision",
    zh="检察监督",
    en="procuratorial supervision",
    state=SUPERVISION,
    states=(
        State("PENDING", "待回复", "pending"),
        State("ADOPTED", "采纳", "adopted", final=True),
        State("PARTLY_ADOPTED", "部分采纳", "adopted in part", final=True),
        State("REFUSED", "拒绝", "refused", final=True),
        State("NO_REPLY", "未回复", "no reply", final=True),
    ),
    steps=SUPERVISIONS,
)
