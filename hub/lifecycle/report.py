"""Domain model, 8.1 -> the life cycle of a mandatory report as data: reporting, and the steps of the police."""

from __future__ import annotations

from functools import partial
from typing import Final

from hub.lifecycle.assessment import ASSESSING, ATTENDED, OPEN, STATE
from hub.lifecycle.step import Change, Clock, Credential, Cycle, Fixed, State, Step, actors

POLICE: Final = actors("emergency_response", "public_security_bureau")
REPORTERS: Final = actors(
    "emergency_response",
    "mandatory_reporter",
    "village_committee",
    "town_government",
    "education_bureau",
    "health_commission",
    "civil_affairs_bureau",
    "comprehensive_governance_office",
    "justice_bureau",
    "finance_bureau",
    "human_resources_bureau",
    "housing_bureau",
    "agriculture_committee",
    "culture_broadcasting_bureau",
    "statistics_bureau",
    "legislative_affairs_office",
    "district_court",
    "district_procuratorate",
    "trade_union_federation",
    "womens_federation",
    "disabled_persons_federation",
    "organs_work_committee",
    "youth_league_committee",
)
"""Every unit but the police: all may report a child in danger, and a report discloses nothing."""

_OF_REPORT: Final = (
    "concernKinds",
    "subject",
    "placeAddress",
    "reporterName",
    "reporterPhone",
)
_OF_INCIDENT: Final = ("parentsReached", "placementKind", "placementName", "guardianSanction", "findings")

_step = partial(Step, cycle="report", subject="MandatoryReport", state=STATE)
"""A step about a row of the cycle's own type."""

STATES: Final = (
    State("REPORTED", "已报告", "reported"),
    State("DISPATCHED", "已出警", "dispatched"),
    State("HANDLED", "已处置", "handled"),
    State("TOWN_NOTIFIED", "已通报镇街", "town notified"),
    State("ASSESSED", "已评估", "assessed"),
    State("PLANNED", "已定帮扶方案", "assistance planned"),
    State("CLOSED", "已结案", "closed", final=True),
    State("UNFOUNDED", "查不属实", "unfounded", final=True),
    State("MERGED", "已并案", "merged into another report", final=True),
)

REPORTING: Final = (
    _step(
        name="reportConcern",
        zh="强制报告",
        en="report a child in danger",
        clause="2.3",
        who=REPORTERS,
        action="report",
        target="REPORTED",
        changes=(
            Change(
                relation="MandatoryReport",
                creates=True,
                needs=("divisionCode", "narrative"),
                may=_OF_REPORT,
                sets=(
                    ("reporterKind", Credential("reporter_kind")),
                    ("reporterUnit", Credential("unit")),
                    ("reportedAt", Clock("now")),
                ),
                absent=(("concernKinds", Fixed(("OTHER",))),),
            ),
        ),
        starts=("dispatch", "notify_town"),
    ),
    _step(
        name="takeCall",
        zh="登记电话报告",
        en="enter a report made by telephone",
        clause="2.5",
        who=POLICE,
        action="report",
        target="REPORTED",
        changes=(
            Change(
                relation="MandatoryReport",
                creates=True,
                needs=("reporterKind", "divisionCode", "narrative"),
                may=(*_OF_REPORT, "reporterUnit"),
                sets=(("reportedAt", Clock("now")),),
                absent=(("concernKinds", Fixed(("OTHER",))),),
            ),
        ),
        starts=("dispatch", "notify_town"),
    ),
)

POLICING: Final = (
    _step(
        name="dispatch",
        zh="受理出警",
        en="accept the report and send officers",
        clause="3.1.4",
        who=POLICE,
        origin=("REPORTED",),
        target="DISPATCHED",
        changes=(
            Change(relation="MandatoryReport", sets=(("acceptedAt", Clock("now")),)),
            Change(
                relation="Incident",
                creates=True,
                sets=(("dispatchedAt", Clock("now")),),
                absent=(("measures", Fixed(())),),
            ),
        ),
        stops=("dispatch",),
    ),
    _step(
        name="correctDivision",
        zh="更正事发区划",
        en="correct the division of the event",
        clause="3.1.4",
        who=POLICE,
        origin=OPEN,
        changes=(Change(relation="MandatoryReport", needs=("divisionCode",)),),
        explained=True,
    ),
    _step(
        name="matchReport",
        zh="对应儿童档案",
        en="match the report to a file by citizen id or register number",
        clause="2.5",
        who=POLICE,
        origin=OPEN,
        changes=(Change(relation="MandatoryReport", needs=("_citizen", "_person")),),
        once=("MandatoryReport._citizen",),
        finds=True,
        rests=(STATE,),
    ),
    _step(
        name="undoMatch",
        zh="撤销错误对应",
        en="undo a wrong match",
        clause="2.5",
        who=POLICE,
        origin=OPEN,
        changes=(Change(relation="MandatoryReport", sets=(("_citizen", Fixed(None)), ("_person", Fixed(None)))),),
        explained=True,
        rests=(STATE,),
    ),
    _step(
        name="recordMeasures",
        zh="记录应急处置",
        en="record emergency measures",
        clause="2.5",
        who=POLICE,
        origin=("DISPATCHED",),
        target="HANDLED",
        changes=(Change(relation="Incident", needs=("measures",), may=_OF_INCIDENT),),
    ),
    _step(
        name="supplementIncident",
        zh="补充处置情况",
        en="add to what was recorded of an incident",
        clause="3.1.4",
        who=POLICE,
        origin=ATTENDED,
        changes=(Change(relation="Incident", may=("measures", *_OF_INCIDENT, "injuryFinding")),),
        explained=True,
    ),
    _step(
        name="notifyTown",
        zh="通报镇街",
        en="notify the town",
        clause="2.5",
        who=POLICE,
        origin=("HANDLED",),
        target="TOWN_NOTIFIED",
        changes=(Change(relation="Incident", sets=(("townNotifiedAt", Clock("now")),)),),
        starts=("assess",),
        stops=("notify_town",),
    ),
    _step(
        name="notifyVillage",
        zh="通报村居",
        en="notify the village",
        clause="3.1.4",
        who=POLICE,
        origin=ATTENDED,
        changes=(Change(relation="Incident", sets=(("villageNotifiedAt", Clock("now")),)),),
        once=("Incident.villageNotifiedAt",),
    ),
    _step(
        name="fileCase",
        zh="立案侦查",
        en="file a criminal case",
        clause="3.1.4",
        who=POLICE,
        origin=(*ATTENDED, "CLOSED"),
        changes=(Change(relation="Incident", sets=(("caseFiledOn", Clock("today")),)),),
        once=("Incident.caseFiledOn",),
    ),
    _step(
        name="findUnfounded",
        zh="查不属实",
        en="find the report unfounded, and tell the town so",
        clause="2.5",
        who=POLICE,
        origin=("DISPATCHED",),
        target="UNFOUNDED",
        changes=(Change(relation="Incident", needs=("findings",), sets=(("townNotifiedAt", Clock("now")),)),),
        stops=("notify_town",),
    ),
    _step(
        name="tellUnfounded",
        zh="补通报查不属实",
        en="tell the town, late, that the report was found unfounded",
        clause="2.5",
        who=POLICE,
        origin=("UNFOUNDED",),
        changes=(Change(relation="Incident", sets=(("townNotifiedAt", Clock("now")),)),),
        once=("Incident.townNotifiedAt",),
        stops=("notify_town",),
    ),
    _step(
        name="reopenReport",
        zh="重新处置",
        en="take up a report that was wrongly found unfounded",
        clause="2.5",
        who=POLICE,
        origin=("UNFOUNDED",),
        target="DISPATCHED",
        explained=True,
        starts=("notify_town",),
    ),
    _step(
        name="mergeReport",
        zh="并案",
        en="merge the report into another open report",
        clause="2.5",
        who=POLICE,
        origin=("REPORTED", "DISPATCHED"),
        target="MERGED",
        changes=(Change(relation="MandatoryReport", needs=("_mergedInto",)),),
        into=OPEN,
        stops=("dispatch", "notify_town"),
    ),
)

CYCLE: Final = Cycle(
    name="report",
    zh="强制报告、处置、评估、帮扶",
    en="mandatory report, emergency measures, assessment, assistance",
    state=STATE,
    states=STATES,
    steps=(*REPORTING, *POLICING, *ASSESSING),
)
