"""Domain model, 8.2 -> the quarterly survey as data: submissions, and when files may be written."""

from __future__ import annotations

from functools import partial
from typing import Final

from hub.lifecycle.step import Actor, Change, Clock, Credential, Cycle, Fixed, State, Step, actors

STATE: Final = "SurveySubmission.status"
VILLAGE: Final = actors("survey_management", "village_committee")
TOWN: Final = actors("survey_management", "town_government")
DISTRICT: Final = actors("survey_management", "civil_affairs_bureau")
TOWN_BETWEEN: Final = (Actor("town_government", ("guardianship_protection", "survey_management")),)
VILLAGE_STATES: Final = ("DRAFT", "RETURNED")
TOWN_STATES: Final = ("VILLAGE_SUBMITTED",)

_FILE: Final = (
    "citizenId",
    "ethnicity",
    "householdRegistered",
    "householdPlace",
    "residenceAddress",
    "bodyCondition",
    "disabilityCategory",
    "disabilityGrade",
    "illnessType",
    "schoolingStatus",
    "leftBehindType",
    "entrusted",
    "livesAlone",
    "guardianshipType",
    "incomeSources",
    "economicHardship",
    "assistanceKinds",
)
_NEW_FILE: Final = ("name", "sex", "birthDate", "divisionCode", "householdRegistered")
_MEMBER: Final = ("citizenId", "birthDate", "phone", "workPlace", "guardianshipCapacity")
_GUARDIAN: Final = ("citizenId", "phone", "relation", "address", "capacity")

_step = partial(Step, cycle="survey", subject="SurveySubmission", state=STATE)
"""A step about a row of the cycle's own type."""

STATES: Final = (
    State("DRAFT", "草稿", "draft"),
    State("VILLAGE_SUBMITTED", "村居已报送", "submitted by the village"),
    State("TOWN_SUMMARISED", "镇街已汇总", "summarised by the town"),
    State("DISTRICT_ACCEPTED", "区级已核准", "accepted by the district", final=True),
    State("RETURNED", "已退回", "returned"),
)


def _touched(*, needs: tuple[str, ...] = (), may: tuple[str, ...] = ()) -> Change:
    """A change of a file, of which the moment is kept."""
    return Change(relation="Child", needs=needs, may=may, sets=(("updatedAt", Clock("now")),))


_OPENED: Final = Change(
    relation="Child",
    creates=True,
    needs=_NEW_FILE,
    may=tuple(name for name in _FILE if name not in _NEW_FILE),
    sets=(("updatedAt", Clock("now")), ("_open", Fixed(True)), ("_accepted", Fixed(False))),
)
_MEMBER_ADDED: Final = Change(relation="FamilyMember", creates=True, needs=("relation", "name"), may=_MEMBER)
_GUARDIAN_ADDED: Final = Change(relation="Guardian", creates=True, needs=("kind", "name"), may=_GUARDIAN)
_FILE_CHANGED: Final = _touched(may=("name", "sex", "birthDate", "divisionCode", *_FILE))
_MEMBER_CHANGED: Final = Change(relation="FamilyMember", may=("relation", "name", *_MEMBER))
_GUARDIAN_CHANGED: Final = Change(relation="Guardian", may=("kind", "name", *_GUARDIAN))


def _filing(who: tuple[Actor, ...], origin: tuple[str, ...], prefix: str, zh: str) -> tuple[Step, ...]:
    """The steps that write files while their division's submission (of which quarter: `hub.quarters`) stands so."""

    def step(name: str, zh_: str, en: str, change: Change, about: str | None = None) -> Step:
        return Step(
            name=f"{prefix}{name}",
            zh=f"{zh}{zh_}",
            en=en,
            cycle="survey",
            clause="2.2",
            who=who,
            subject=change.relation,
            state=STATE,
            origin=origin,
            changes=(change,),
            about=about,
            within="divisionCode" if change.relation == "Child" else None,
        )

    return (
        step("ReviseFile", "修改档案", "revise a file", _FILE_CHANGED),
        step("AddFamilyMember", "登记家庭成员", "enter a family member", _MEMBER_ADDED, "Child"),
        step("ReviseFamilyMember", "修改家庭成员", "revise a family member", _MEMBER_CHANGED),
        step("AddGuardian", "登记监护人", "enter a guardian", _GUARDIAN_ADDED, "Child"),
        step("ReviseGuardian", "修改监护人", "revise a guardian", _GUARDIAN_CHANGED),
        step("OpenFile", "新建档案", "open a file", _OPENED),
    )


def _beginning(name: str, zh: str, en: str, quarter: Clock) -> Step:
    """A submission is made, of the writer's own division."""
    return _step(
        name=name,
        zh=zh,
        en=en,
        clause="2.4",
        who=(*VILLAGE, *TOWN),
        target="DRAFT",
        changes=(
            Change(
                relation="SurveySubmission",
                creates=True,
                needs=("preparedBy",),
                sets=(
                    ("divisionCode", Credential("division")),
                    ("level", Credential("level")),
                    ("quarter", quarter),
                    ("childrenCount", Fixed(0)),
                ),
            ),
        ),
        starts=("survey_village", "survey_town", "survey_district"),
    )


SUBMITTING: Final = (
    _beginning("beginSurvey", "开始本季度摸排", "begin the survey of the running quarter", Clock("quarter")),
    _beginning("beginLastSurvey", "补开上季度摸排", "begin the survey of the last quarter", Clock("last_quarter")),
    _step(
        name="submitSurvey",
        zh="报送镇街",
        en="submit the village's survey to the town",
        clause="2.4",
        who=VILLAGE,
        origin=VILLAGE_STATES,
        target="VILLAGE_SUBMITTED",
        changes=(
            Change(
                relation="SurveySubmission",
                needs=("childrenCount", "preparedBy"),
                sets=(("submittedAt", Clock("now")),),
            ),
        ),
        stops=("survey_village",),
    ),
    _step(
        name="returnToVillage",
        zh="退回村居",
        en="return the survey to the village",
        clause="2.4",
        who=TOWN,
        origin=("VILLAGE_SUBMITTED",),
        target="RETURNED",
        changes=(Change(relation="SurveySubmission", needs=("returnReason",)),),
        conditions=("of_village",),
    ),
    _step(
        name="includeVillage",
        zh="汇总村居",
        en="take a village's survey into the town's",
        clause="2.4",
        who=TOWN,
        origin=("VILLAGE_SUBMITTED",),
        target="TOWN_SUMMARISED",
        conditions=("of_village", "every_village_submitted"),
    ),
    _step(
        name="summariseSurvey",
        zh="镇街汇总报送",
        en="summarise the town's villages and submit to the district",
        clause="2.4",
        who=TOWN,
        origin=VILLAGE_STATES,
        target="TOWN_SUMMARISED",
        changes=(
            Change(
                relation="SurveySubmission",
                needs=("childrenCount", "preparedBy"),
                sets=(("submittedAt", Clock("now")),),
            ),
        ),
        conditions=("of_town", "every_village_submitted"),
        sweeps=("villages_summarised",),
        stops=("survey_town",),
    ),
    _step(
        name="acceptSurvey",
        zh="核准",
        en="accept the survey; the quarter is frozen",
        clause="2.2",
        who=DISTRICT,
        origin=("TOWN_SUMMARISED",),
        target="DISTRICT_ACCEPTED",
        conditions=("every_village_summarised",),
        sweeps=("villages_accepted", "files_accepted"),
        stops=("survey_district",),
    ),
    _step(
        name="returnSurvey",
        zh="退回镇街",
        en="return the survey to the town",
        clause="2.2",
        who=DISTRICT,
        origin=("TOWN_SUMMARISED",),
        target="RETURNED",
        changes=(Change(relation="SurveySubmission", needs=("returnReason",)),),
    ),
)

_CLOSED: Final = Change(relation="Child", sets=(("_open", Fixed(False)),))

CLOSING: Final = (
    Step(
        name="closeFile",
        zh="年满十六周岁结案",
        en="close the file of a child who has turned 16",
        cycle="survey",
        clause="2.2",
        who=TOWN,
        subject="Child",
        changes=(Change(relation="Child", sets=(*_CLOSED.sets, ("updatedAt", Clock("now")))),),
        conditions=("turned_16",),
    ),
    Step(
        name="settleDuplicate",
        zh="处理重复档案：注销该份",
        en="close one of two files of a child; the other one counts from now on",
        cycle="survey",
        clause="2.4",
        who=DISTRICT,
        subject="Child",
        changes=(_CLOSED,),
        conditions=("number_on_another_file",),
        rests=(STATE,),
        sweeps=("other_file_accepted",),
        explained=True,
    ),
    Step(
        name="acceptFile",
        zh="核准报告后新建的档案",
        en="accept a file that a town opened after a report: the police can match the report to it from now on",
        cycle="survey",
        clause="2.2",
        who=DISTRICT,
        subject="Child",
        changes=(Change(relation="Child", sets=(("_accepted", Fixed(True)),)),),
        conditions=("never_accepted", "number_on_no_accepted_file"),
        rests=(STATE,),
        sweeps=("file_accepted",),
    ),
)

BETWEEN: Final = (
    Step(
        name="recordVisit",
        zh="登记走访",
        en="record a visit to the child",
        cycle="survey",
        clause="2.1.1",
        who=VILLAGE,
        subject="Child",
        changes=(_touched(needs=("lastVisitedOn",)),),
    ),
    Step(
        name="openFile",
        zh="报告后建档",
        en="open a file after a report",
        cycle="survey",
        clause="2.6",
        who=TOWN_BETWEEN,
        subject="Child",
        changes=(_OPENED,),
        within="divisionCode",
    ),
    Step(
        name="enterFamilyMember",
        zh="补登家庭成员",
        en="enter a family member of a file opened after a report",
        cycle="survey",
        clause="2.6",
        who=TOWN_BETWEEN,
        subject="FamilyMember",
        about="Child",
        changes=(_MEMBER_ADDED,),
    ),
    Step(
        name="enterGuardian",
        zh="登记监护人变化",
        en="enter a guardian between surveys",
        cycle="survey",
        clause="2.1.5",
        who=TOWN_BETWEEN,
        subject="Guardian",
        about="Child",
        changes=(_GUARDIAN_ADDED,),
    ),
    Step(
        name="recordSupervision",
        zh="登记监护监督指导",
        en="record supervision and guidance of a guardian",
        cycle="survey",
        clause="2.1.5",
        who=TOWN_BETWEEN,
        subject="Guardian",
        changes=(Change(relation="Guardian", needs=("lastSupervisedOn",), may=("capacity",)),),
    ),
    Step(
        name="recordNonPerformance",
        zh="登记不履行监护职责",
        en="record since when a guardian does not perform the duty",
        cycle="survey",
        clause="2.1.1",
        who=TOWN_BETWEEN,
        subject="Guardian",
        changes=(Change(relation="Guardian", needs=("nonPerformanceSince",)),),
        explained=True,
    ),
)

CYCLE: Final = Cycle(
    name="survey",
    zh="季度摸排",
    en="quarterly survey",
    state=STATE,
    states=STATES,
    steps=(
        *SUBMITTING,
        *_filing(VILLAGE, VILLAGE_STATES, "village", "村居"),
        *_filing(TOWN, TOWN_STATES, "town", "镇街"),
        *BETWEEN,
        *CLOSING,
    ),
)
