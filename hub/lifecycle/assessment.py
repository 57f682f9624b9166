"""Domain model, 8.1 -> what follows the police's notice to the town as data: assessment, plan, closing."""

from __future__ import annotations

from functools import partial
from typing import Final

from hub.lifecycle.step import Change, Clock, Fixed, Step, actors

STATE: Final = "MandatoryReport.status"
OPEN: Final = ("REPORTED", "DISPATCHED", "HANDLED", "TOWN_NOTIFIED", "ASSESSED", "PLANNED")
ATTENDED: Final = OPEN[1:]
NOTIFIED: Final = OPEN[3:]
TOWN: Final = actors("guardianship_protection", "town_government")
_OF_ASSESSMENT: Final = ("safetySituation", "guardianshipSituation", "riskLevel", "conclusion")
_ASSESSED: Final = Change(
    relation="Assessment",
    creates=True,
    needs=_OF_ASSESSMENT,
    may=("recommendedServices",),
    sets=(("completedOn", Clock("today")),),
)

_step = partial(Step, cycle="report", subject="MandatoryReport", state=STATE)
"""A step about a row of the cycle's own type."""

ASSESSING: Final = (
    Step(
        name="openAssessment",
        zh="启动调查评估",
        en="begin an assessment",
        cycle="report",
        clause="2.6",
        who=TOWN,
        subject="Assessment",
        about="Child",
        changes=(Change(relation="Assessment", creates=True, may=("recommendedServices",)),),
    ),
    Step(
        name="recordHealth",
        zh="记录身心健康状况",
        en="record the health of body and mind",
        cycle="report",
        clause="3.1.11",
        who=actors("medical_care", "health_commission"),
        subject="Assessment",
        changes=(Change(relation="Assessment", needs=("physicalHealth", "mentalHealth")),),
    ),
    Step(
        name="recordInjury",
        zh="记录伤情鉴定",
        en="record the appraisal of an injury",
        cycle="report",
        clause="3.1.11",
        who=actors("medical_care", "health_commission"),
        subject="Incident",
        state=STATE,
        origin=ATTENDED,
        changes=(Change(relation="Incident", needs=("injuryFinding",)),),
    ),
    _step(
        name="assess",
        zh="调查评估",
        en="assess safety and guardianship",
        clause="2.6",
        who=TOWN,
        origin=("TOWN_NOTIFIED",),
        target="ASSESSED",
        about="Child",
        conditions=("matched",),
        changes=(_ASSESSED,),
        stops=("assess",),
    ),
    _step(
        name="completeAssessment",
        zh="完成调查评估",
        en="complete an assessment that was begun",
        clause="2.6",
        who=TOWN,
        origin=("TOWN_NOTIFIED",),
        target="ASSESSED",
        conditions=("matched",),
        changes=(
            Change(
                relation="Assessment",
                needs=_OF_ASSESSMENT,
                may=("recommendedServices",),
                sets=(("completedOn", Clock("today")),),
            ),
        ),
        once=("Assessment.completedOn",),
        stops=("assess",),
    ),
    _step(
        name="reassess",
        zh="重新调查评估",
        en="assess again, since the assessment was wrong or things have changed",
        clause="2.6",
        who=TOWN,
        origin=("ASSESSED", "PLANNED"),
        about="Child",
        conditions=("matched",),
        changes=(_ASSESSED,),
        explained=True,
    ),
    _step(
        name="planAssistance",
        zh="制定帮扶方案",
        en="plan assistance, one record a service",
        clause="2.6",
        who=TOWN,
        origin=("ASSESSED",),
        target="PLANNED",
        about="Child",
        conditions=("matched",),
        changes=(
            Change(
                relation="AssistanceRecord",
                creates=True,
                many=True,
                needs=("kind", "providerUnit"),
                may=("amount",),
                sets=(("status", Fixed("PLANNED")), ("eligibility", Fixed("PENDING"))),
            ),
        ),
    ),
    _step(
        name="closeReport",
        zh="结案",
        en="close the report",
        clause="3.2.2",
        who=TOWN,
        origin=("PLANNED",),
        target="CLOSED",
        conditions=("capable_guardian", "no_service_running"),
    ),
    _step(
        name="undoClosing",
        zh="撤销结案",
        en="take up a report that was wrongly closed",
        clause="3.2.2",
        who=TOWN,
        origin=("CLOSED",),
        target="PLANNED",
        explained=True,
    ),
)
