"""Name -> what must hold besides the state before a step is taken, in words and as a formula over the row or its child.

Guarantee: a condition is asked of the departments as they are, like a scope; one that cannot be told does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.source import All, Compare, Exists, Not, Outer, Predicate
from hub.lifecycle.sweeps import ACCEPTED_ELSEWHERE
from hub.planner import facts as f
from hub.planner.formula import Fact, Formula, Local, negate

_SAME_QUARTER = (("quarter", "quarter"),)
_UNSUBMITTED = All(
    (
        f.is_("level", "VILLAGE"),
        f.bound("divisionCode", "under", "division"),
        f.is_("status", ("DRAFT", "RETURNED"), "in"),
    )
)
_UNSUMMARISED = All(
    (
        f.is_("level", "VILLAGE"),
        Compare("divisionCode", "under", Outer("divisionCode")),
        f.is_("status", ("DRAFT", "RETURNED", "VILLAGE_SUBMITTED"), "in"),
    )
)
_IS_CANDIDATE = f.is_("discrepancyClass", "LINK_CANDIDATE")
_REVOKED = All((f.is_revocation, f.is_("status", "GRANTED")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What must hold: in Chinese and English, and as a formula over the step's row (or, of a new row, its child).

    ``of_about``: over the row that the new one is about. ``why``: what a step would open to its writer without it.
    """

    zh: str
    en: str
    formula: Formula
    of_about: bool = False
    why: str = ""


def _court(name: str, *parts: Predicate) -> Fact:
    return Fact(name, "courts", "GuardianshipCase", All(parts))


def _unlinked(source: str, person: str) -> Predicate:
    """Of a candidate, whose own link is not confirmed yet: no link of the person is."""
    confirmed = All((f.is_("_source", source), f.is_("_status", "CONFIRMED")))
    return Not(Exists("Link", ((person, "_person"),), confirmed))


CONDITIONS: Mapping[str, Condition] = {
    "matched": Condition(zh="报告已对应到儿童档案", en="the report is matched to a file", formula=f.ACCEPTED_FILE),
    "capable_guardian": Condition(
        zh="儿童已有有监护能力的监护人",
        en="a capable guardian is in place",
        formula=Fact("capable_guardian", "civil_affairs", "Guardian", f.is_("capacity", "CAPABLE")),
    ),
    "no_service_running": Condition(
        zh="没有已计划或进行中的救助帮扶",
        en="no service is planned or active",
        formula=negate(f.ASSISTED),
    ),
    "of_village": Condition(
        zh="为村居的摸排记录", en="the submission is a village's", formula=Local(f.is_("level", "VILLAGE"))
    ),
    "of_town": Condition(
        zh="为本镇街的摸排记录", en="the submission is the town's own", formula=Local(f.is_("level", "TOWN"))
    ),
    "every_village_submitted": Condition(
        zh="所辖村居均已报送",
        en="every village of the town has submitted",
        formula=Local(Not(Exists("SurveySubmission", _SAME_QUARTER, _UNSUBMITTED))),
    ),
    "every_village_summarised": Condition(
        zh="所辖村居均已汇总",
        en="every village under it is summarised",
        formula=Local(Not(Exists("SurveySubmission", _SAME_QUARTER, _UNSUMMARISED))),
    ),
    "turned_16": Condition(zh="儿童已满十六周岁", en="the child has turned 16", formula=Local(Not(f.under_16))),
    "number_on_another_file": Condition(
        zh="另一份在册档案有同一公民身份号码",
        en="another open file has the same citizen id",
        formula=Local(Exists("Child", (("citizenId", "citizenId"),), All((f.is_("_open", True), f.another_file)))),
    ),
    "never_accepted": Condition(
        zh="档案尚未核准过", en="the file was never accepted", formula=Local(f.is_("_accepted", False))
    ),
    "number_on_no_accepted_file": Condition(
        zh="没有已核准的另一份档案使用同一公民身份号码",
        en="no other accepted file has the same citizen id",
        formula=Local(Not(ACCEPTED_ELSEWHERE)),
    ),
    "village_notified": Condition(
        zh="此前已通报村居",
        en="a village was notified before",
        formula=Local(Exists("Incident", (("_key", "_report"),), f.given("villageNotifiedAt"))),
    ),
    "case_filed": Condition(
        zh="此前已立案",
        en="a case was filed before",
        formula=Local(Exists("Incident", (("_key", "_report"),), f.given("caseFiledOn"))),
    ),
    "nobody_sent": Condition(
        zh="该报告并案前尚未出警", en="no officers were sent before", formula=Local(f.is_("acceptedAt", True, "null"))
    ),
    "officers_sent": Condition(
        zh="该报告并案前已出警", en="officers were sent before", formula=Local(f.given("acceptedAt"))
    ),
    "revoked_three_months_to_a_year_ago": Condition(
        zh="撤销监护人资格裁判已满三个月、未满一年",
        en="the revocation was granted at least three months and less than a year ago",
        formula=_court(
            "revoked_lately",
            _REVOKED,
            f.bound("decidedOn", "gt", "year_ago"),
            f.bound("decidedOn", "le", "three_months_ago"),
        ),
    ),
    "absence_on_record": Condition(
        zh="学籍状态为辍学，或连续旷课、一学期旷课已达认定天数",
        en="the enrolment says so, or attendance shows as many unexcused days as make a truant",
        formula=Local(
            f.either_of(
                f.is_("status", "DROPPED_OUT"),
                Exists("AttendanceRecord", (("_key", "_enrolment"),), f.is_truant),
            )
        ),
        of_about=True,
        why="a dropout opens the child's guardians to who registers it, so it rests on records that no step writes",
    ),
    "guardian_appointed": Condition(
        zh="法院已准许申请并指定监护人",
        en="the court has granted an application and appointed a guardian",
        formula=_court("guardian_appointed", f.is_("status", "GRANTED")),
    ),
    "revocation_applied_for": Condition(
        zh="已有撤销监护人资格的申请",
        en="a revocation has been applied for",
        formula=f.REVOCATION,
    ),
    "proposed_before": Condition(
        zh="已就该儿童发出建议",
        en="an application was proposed before",
        formula=Fact("proposed", "procuratorate", "ProcuratorialSupervision", f.is_("kind", "PROPOSE")),
    ),
    "asked_of_the_writer": Condition(
        zh="该事项由本单位核实",
        en="it is the writer that must answer",
        formula=Local(f.bound("answeringUnit", "eq", "me")),
    ),
    "is_discrepancy": Condition(
        zh="该事项是数据差异，不是待确认的关联",
        en="it is a discrepancy and no candidate",
        formula=Local(Not(_IS_CANDIDATE)),
    ),
    "is_candidate": Condition(
        zh="该事项是待确认的关联，不是数据差异",
        en="it is a candidate and no discrepancy",
        formula=Local(_IS_CANDIDATE),
    ),
    "person_linked_to_no_other_file": Condition(
        zh="该人员未被确认关联其他档案",
        en="the person is confirmed for no other file",
        formula=Local(All((_unlinked("education", "_education"), _unlinked("public_security", "_police")))),
    ),
    "reply_overdue": Condition(
        zh="回复期限已过",
        en="the day by which a reply was due is past",
        formula=Local(f.bound("replyDueOn", "lt", "today")),
    ),
}
