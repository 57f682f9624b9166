"""What the sources can say of a child: the facts of which the row scopes and the risk flags are made.

Parameters that every request binds: ``me`` (unit key), ``units`` (the unit and the institutions under it), ``division``
(of a town or village), ``parks`` (divisions without a government whose reports go to the town), and days in
Asia/Shanghai: ``born_16`` (born later than this is under 16), ``born_6`` (born on or before this is at least 6),
``half_year_ago``, ``year_ago``, ``last_quarter`` (first instant of the quarter before); ``truant_run`` and
``truant_days`` of the settings (unexcused days running, or in a term, from which a child is truant).
Source: domain model, sections 5 and 9.
"""

from __future__ import annotations

from connectors.source import All, Compare, Constant, Exists, Not, Operator, Outer, Param, Predicate, Some
from hub.planner.formula import Fact, both

OPEN_REPORT = ("REPORTED", "DISPATCHED", "HANDLED", "TOWN_NOTIFIED", "ASSESSED", "PLANNED")
ASSESSING_REPORT = ("TOWN_NOTIFIED", "ASSESSED", "PLANNED")
OPEN_DROPOUT = ("REGISTERED", "PERSUADING", "REPORTED", "ENFORCING")
RUNNING = ("PLANNED", "ACTIVE")
MEDICAL_MEASURES = ("MEDICAL_HELP", "INJURY_APPRAISAL")
HARM = ("SUSPECTED_DOMESTIC_VIOLENCE", "SUSPECTED_UNLAWFUL_HARM", "ABANDONMENT")


def is_(column: str, value: object, operator: Operator = "eq") -> Compare:
    """``column operator value`` with a value that the plan fixes."""
    return Compare(column, operator, Constant(list(value) if isinstance(value, tuple) else value))


def bound(column: str, operator: Operator, parameter: str) -> Compare:
    """``column operator parameter`` with a value that the request binds."""
    return Compare(column, operator, Param(parameter))


def given(column: str) -> Compare:
    """The column is not null."""
    return is_(column, False, "null")


def every_of(*parts: Predicate) -> Predicate:
    """All the predicates."""
    return All(parts)


def either_of(*parts: Predicate) -> Predicate:
    """At least one of the predicates."""
    return Some(parts)


report_is_open = is_("status", OPEN_REPORT, "in")
report_is_assessing = is_("status", ASSESSING_REPORT, "in")
report_of_harm = is_("concernKinds", HARM, "has")
incident_is_medical = is_("measures", MEDICAL_MEASURES, "has")
dropout_is_open = is_("status", OPEN_DROPOUT, "in")
is_truant = Some((bound("longestUnexcusedRun", "ge", "truant_run"), bound("unexcusedDays", "ge", "truant_days")))
referred_to_me = All((bound("providerUnit", "eq", "me"), is_("status", RUNNING, "in")))
housing_aid_running = All((is_("kind", "HOUSING_AID"), is_("status", RUNNING, "in")))
criticised = is_("guardianSanction", "CRITICISM_EDUCATION")
in_court = Some((is_("status", ("ACCEPTED", "HEARING"), "in"), bound("decidedOn", "gt", "year_ago")))
under_16 = bound("birthDate", "gt", "born_16")
another_file = Not(Compare("_register", "eq", Outer("_register")))
is_revocation = is_("cause", "REVOKE")


happened_here = Some((bound("divisionCode", "under", "division"), bound("divisionCode", "in", "parks")))
"""Of a report: in the caller's division, or in an industrial park whose reports go there."""


def of_its_report(where: Predicate) -> Predicate:
    """Of an incident: its report satisfies ``where``."""
    return Exists("MandatoryReport", (("_report", "_key"),), where)


after_criticism = All(
    (
        is_("concernKinds", ("LIVING_ALONE", "GUARDIAN_NONPERFORMANCE"), "has"),
        Exists(
            "Incident", (("_person", "_person"),), All((criticised, Compare("dispatchedAt", "lt", Outer("reportedAt"))))
        ),
    )
)


def _file(name: str, where: Predicate) -> Fact:
    return Fact(name, "civil_affairs", "Child", where)


OPEN_FILE = _file("open_file", is_("_open", True))
ACCEPTED_FILE = _file("accepted_file", All((is_("_open", True), is_("_accepted", True))))
UNDER_16 = _file("under_16", under_16)
AGED_6 = _file("aged_6", bound("birthDate", "le", "born_6"))
AGE_6_15 = both(UNDER_16, AGED_6)
"""Two facts of one file: PostgreSQL takes what lies between two values that it does not know yet for one row in two
hundred, and would rather gather all children of that age than look at the file of the row."""
DISABLED = _file("disabled", Some((is_("bodyCondition", "DISABLED"), given("disabilityCategory"))))
IN_DIVISION = _file("in_division", bound("divisionCode", "under", "division"))
ACCEPTED_IN_DIVISION = _file("accepted_in_division", bound("_division", "under", "division"))
ASSISTED = Fact("assisted", "civil_affairs", "AssistanceRecord", is_("status", RUNNING, "in"))
REFERRED = Fact("referred", "civil_affairs", "AssistanceRecord", referred_to_me)
LEGAL_AID = Fact(
    "legal_aid",
    "civil_affairs",
    "AssistanceRecord",
    All((referred_to_me, is_("kind", ("LEGAL_SERVICE", "LEGAL_AID"), "in"))),
)
HOUSING_AID = Fact("housing_aid", "civil_affairs", "AssistanceRecord", housing_aid_running)
ASSESSMENT_OPEN = Fact("assessment_open", "civil_affairs", "Assessment", is_("completedOn", True, "null"))
NONPERFORMANCE = Fact(
    "nonperformance", "civil_affairs", "Guardian", bound("nonPerformanceSince", "le", "half_year_ago")
)
ENROLLED = Fact("enrolled", "education", "Enrolment")
DROPOUT_OPEN = Fact("dropout_open", "education", "DropoutRecord", dropout_is_open)
DROPOUT_REPORTED = Fact("dropout_reported", "education", "DropoutRecord", given("townReportedOn"))
REPORT_OPEN = Fact("report_open", "public_security", "MandatoryReport", report_is_open)
REPORT_ASSESSING = Fact("report_assessing", "public_security", "MandatoryReport", report_is_assessing)
REPORT_OF_HARM = Fact("report_of_harm", "public_security", "MandatoryReport", report_of_harm)
ABANDONED = Fact(
    "abandoned",
    "public_security",
    "MandatoryReport",
    All((report_is_open, is_("concernKinds", ("ABANDONMENT",), "has"))),
)
LEFT_IN_DANGER = Fact("left_in_danger", "public_security", "MandatoryReport", after_criticism)
MEDICAL = Fact("medical", "public_security", "Incident", All((incident_is_medical, of_its_report(report_is_open))))
TOWN_NOTIFIED = Fact("town_notified", "public_security", "Incident", given("townNotifiedAt"))
VILLAGE_NOTIFIED = Fact("village_notified", "public_security", "Incident", given("villageNotifiedAt"))
CASE_FILED = Fact("case_filed", "public_security", "Incident", given("caseFiledOn"))
CRIME_VICTIM = Fact("crime_victim", "public_security", "CriminalCase")
IN_COURT = Fact("in_court", "courts", "GuardianshipCase", in_court)
REVOCATION = Fact("revocation", "courts", "GuardianshipCase", is_revocation)
REVOCATION_PENDING = Fact(
    "revocation_pending",
    "courts",
    "GuardianshipCase",
    All((is_revocation, is_("status", ("ACCEPTED", "HEARING", "GRANTED"), "in"))),
)
VICTIM_AT_TRIAL = Fact("victim_at_trial", "courts", "CriminalCase", is_("stage", "TRIAL"))
CASE_AT_COURT = Fact("case_at_court", "courts", "CriminalCase", is_("stage", ("TRIAL", "CONCLUDED"), "in"), "case")
SUPERVISED = Fact("supervised", "procuratorate", "ProcuratorialSupervision")
AGED_OUT_OPEN = Fact(
    "aged_out_open",
    "hub",
    "ReconciliationItem",
    All((is_("discrepancyClass", "AGED_OUT"), is_("status", ("OPEN", "ANSWERED"), "in"))),
)


def candidate(source: str) -> Fact:
    """The person of ``source`` is a candidate for some file, not yet confirmed or refused."""
    return Fact(
        f"candidate_{source}",
        "hub",
        "Link",
        All((is_("_source", source), is_("_status", "CANDIDATE"))),
        "person",
    )
