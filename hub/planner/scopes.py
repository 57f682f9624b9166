"""(scope, type) -> Formula: the 27 row scopes of the domain model, section 5, as conditions on one row.

A scope speaks of the row's child, or of the row itself. What is said of a file (age, division, draft) is said here
once; a scope that is used with a type for which it has no meaning is an error of the policy, found at start-up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from connectors.source import Exists, Predicate
from hub.planner import facts as f
from hub.planner.formula import TRUE, Fact, Formula, Local, both, either, negate

OWN_REPORTS = "own_reports"
"""The scope in which the log names no reader: who reads its own report is who made it."""
FILE_TYPES = frozenset({"Child", "FamilyMember", "Guardian"})
CIVIL_TYPES = FILE_TYPES | {"Assessment", "AssistanceRecord"}
GENERAL = [
    "CHILDREN_ON_FILE",
    "AGE_0_5",
    "AGE_6_13",
    "AGE_14_15",
    "NO_GUARDIAN",
    "INCAPABLE_GUARDIAN",
    "OUT_OF_SCHOOL",
    "RETURNED_TO_SCHOOL",
    "UNREGISTERED",
    "DISABLED",
    "ASSISTED",
    "CARE_SERVED",
]
PERFORMANCE = [
    "SURVEY_ON_TIME_RATE",
    "ASSESSMENT_AFTER_NOTICE_RATE",
    "RECONCILIATION_ANSWER_RATE",
    "DISPATCH_MEDIAN_MINUTES",
    "TOWN_NOTICE_MEDIAN_HOURS",
]


class ScopeError(Exception):
    """A grant uses a scope that has no meaning for its type."""


def scope_formula(scope: str, type_name: str, *, divided: bool) -> Formula:
    """Rows of ``type_name`` that are in ``scope``; ``divided``: the caller is a town or a village."""
    define = SCOPES.get(scope)
    formula = define(type_name, divided) if define else None
    if formula is None:
        raise ScopeError(f"scope `{scope}` has no meaning for rows of `{type_name}`")
    return formula


def _rows(**predicates: Predicate) -> Callable[[str, bool], Formula | None]:
    def define(type_name: str, _divided: bool) -> Formula | None:
        predicate = predicates.get(type_name)
        return None if predicate is None else Local(predicate)

    return define


def _any(*parts: Fact | Formula) -> Formula:
    return either(*parts)


REVOCATION_WATCH = both(_any(f.NONPERFORMANCE, f.LEFT_IN_DANGER, f.ABANDONED), negate(f.REVOCATION_PENDING))
COURT_CASES = _any(f.IN_COURT, f.VICTIM_AT_TRIAL)
PROCURATORIAL_CASES = _any(REVOCATION_WATCH, f.CRIME_VICTIM, f.REVOCATION, f.SUPERVISED, f.REPORT_OF_HARM, f.CASE_FILED)
UNDER_ASSESSMENT = _any(f.REPORT_ASSESSING, f.ASSESSMENT_OPEN)
CURRENT_FILE = both(
    f.OPEN_FILE,
    _any(f.UNDER_16, f.ASSISTED, f.REPORT_OPEN, COURT_CASES, PROCURATORIAL_CASES, f.AGED_OUT_OPEN),
)
"""An open file of a child under 16, or one that is kept open."""


def _of_child(type_name: str, condition: Formula, *, keeps_open: bool = False) -> Formula:
    """The row's child satisfies ``condition``; of a file itself, the file must be current (or is kept open by it)."""
    if type_name in FILE_TYPES:
        return both(f.OPEN_FILE if keeps_open else CURRENT_FILE, condition)
    return condition


def _of_any(*types: str, condition: Formula, keeps_open: bool = False) -> Callable[[str, bool], Formula | None]:
    def define(type_name: str, _divided: bool) -> Formula | None:
        return _of_child(type_name, condition, keeps_open=keeps_open) if type_name in types else None

    return define


def _all(type_name: str, _divided: bool) -> Formula:
    if type_name in FILE_TYPES:
        return CURRENT_FILE
    if type_name in ("Enrolment", "AttendanceRecord", "DropoutRecord"):
        flagged = f.is_("leftBehindFlag", ("ONE_PARENT_AWAY", "BOTH_PARENTS_AWAY"), "in")
        if type_name != "Enrolment":
            flagged_enrolment: Predicate = Exists("Enrolment", (("_enrolment", "_key"),), flagged)
        else:
            flagged_enrolment = flagged
        return _any(Local(flagged_enrolment), f.OPEN_FILE, f.candidate("education"))
    if type_name == "HouseholdRegistration":
        return _any(f.OPEN_FILE, f.candidate("public_security"))
    return TRUE


def _own_file(type_name: str) -> Formula:
    """The child's file is current and lies in the caller's division (as accepted, where it opens another source)."""
    division = f.IN_DIVISION if type_name in CIVIL_TYPES else f.ACCEPTED_IN_DIVISION
    return both(CURRENT_FILE, division)


def _own_division(type_name: str, divided: bool) -> Formula | None:
    if not divided:
        return None
    if type_name in ("SurveySubmission", "Statistic"):
        return Local(f.bound("divisionCode", "under", "division"))
    if type_name in ("MandatoryReport", "Incident"):
        place = f.happened_here
        unfiled = Local(place if type_name == "MandatoryReport" else f.of_its_report(place))
        return _any(_own_file(type_name), both(negate(f.ACCEPTED_FILE), unfiled))
    return _own_file(type_name)


def _notified(column: str, fact: Fact) -> Callable[[str, bool], Formula | None]:
    def define(type_name: str, divided: bool) -> Formula | None:
        own = _own_division(type_name, divided)
        if own is None:
            return None
        if type_name == "Incident":
            return both(own, Local(f.given(column)))
        if type_name == "MandatoryReport":
            return both(own, Local(Exists("Incident", (("_key", "_report"),), f.given(column))))
        return both(own, fact)

    return define


def _reported_to_town(type_name: str, divided: bool) -> Formula | None:
    own = _own_division(type_name, divided)
    if own is None:
        return None
    return both(own, Local(f.given("townReportedOn")) if type_name == "DropoutRecord" else f.DROPOUT_REPORTED)


def _open_cases(type_name: str, _divided: bool) -> Formula:
    if type_name == "MandatoryReport":
        return _any(Local(f.report_is_open), f.REPORT_OPEN)
    if type_name == "Incident":
        return _any(Local(f.of_its_report(f.report_is_open)), f.REPORT_OPEN)
    return _of_child(type_name, f.REPORT_OPEN, keeps_open=True)


def _under_assessment(type_name: str, _divided: bool) -> Formula:
    if type_name == "Assessment":
        return _any(Local(f.is_("completedOn", True, "null")), UNDER_ASSESSMENT)
    return _of_child(type_name, UNDER_ASSESSMENT)


def _medical_involved(type_name: str, divided: bool) -> Formula:
    if type_name == "Incident":
        of_open_case = Local(f.every_of(f.incident_is_medical, f.of_its_report(f.report_is_open)))
        return _any(of_open_case, Local(f.of_its_report(f.report_is_assessing)), f.MEDICAL, UNDER_ASSESSMENT)
    return _of_child(type_name, _any(f.MEDICAL, UNDER_ASSESSMENT))


def _disabled_children(type_name: str, _divided: bool) -> Formula:
    if type_name == "AssistanceRecord":
        return both(CURRENT_FILE, f.DISABLED, Local(f.bound("providerUnit", "eq", "me")))
    return _of_child(type_name, f.DISABLED)


def _service(row: Predicate, fact: Fact) -> Callable[[str, bool], Formula | None]:
    def define(type_name: str, _divided: bool) -> Formula:
        return Local(row) if type_name == "AssistanceRecord" else _of_child(type_name, fact, keeps_open=True)

    return define


def _court_cases(type_name: str, _divided: bool) -> Formula:
    if type_name == "CriminalCase":
        return f.CASE_AT_COURT
    return _of_child(type_name, COURT_CASES, keeps_open=True)


def _procuratorial_cases(type_name: str, _divided: bool) -> Formula:
    rows: Mapping[str, Formula] = {
        "CriminalCase": TRUE,
        "GuardianshipCase": Local(f.is_revocation),
        "MandatoryReport": Local(f.report_of_harm),
        "Incident": Local(f.either_of(f.given("caseFiledOn"), f.of_its_report(f.report_of_harm))),
    }
    if type_name in rows:
        return _any(rows[type_name], PROCURATORIAL_CASES)
    return _of_child(type_name, PROCURATORIAL_CASES, keeps_open=True)


def _answering_own(type_name: str, divided: bool) -> Formula | None:
    if type_name != "ReconciliationItem":
        return None
    mine: Formula = Local(f.bound("answeringUnit", "eq", "me"))
    if not divided:
        return mine
    return both(mine, _any(Local(f.is_("_register", True, "null")), f.ACCEPTED_IN_DIVISION))


def _criticism_notified(type_name: str, divided: bool) -> Formula | None:
    own = _own_division(type_name, divided) if type_name == "Incident" else None
    return None if own is None else both(own, Local(f.criticised))


SCOPES: Mapping[str, Callable[[str, bool], Formula | None]] = {
    "all": _all,
    "own_town": _own_division,
    "own_village": _own_division,
    "town_level": _rows(SurveySubmission=f.is_("level", "TOWN")),
    "school_age": _of_any("Child", "FamilyMember", "Guardian", condition=_any(f.AGE_6_15, f.ENROLLED)),
    "dropout_open": _of_any("Child", "FamilyMember", "Guardian", condition=f.DROPOUT_OPEN),
    "reported_to_town": _reported_to_town,
    OWN_REPORTS: _rows(MandatoryReport=f.bound("reporterUnit", "in", "units")),
    "open_cases": _open_cases,
    "notified_own_town": _notified("townNotifiedAt", f.TOWN_NOTIFIED),
    "notified_own_village": _notified("villageNotifiedAt", f.VILLAGE_NOTIFIED),
    "criticism_notified": _criticism_notified,
    "under_assessment": _under_assessment,
    "medical_involved": _medical_involved,
    "disabled_children": _disabled_children,
    "service_referred": _service(f.referred_to_me, f.REFERRED),
    "legal_aid_referred": _service(
        f.every_of(f.referred_to_me, f.is_("kind", ("LEGAL_SERVICE", "LEGAL_AID"), "in")), f.LEGAL_AID
    ),
    "housing_applicants": _service(f.housing_aid_running, f.HOUSING_AID),
    "own_applications": _rows(
        GuardianshipCase=f.either_of(f.bound("_applicant", "eq", "me"), f.bound("_guardianUnit", "eq", "me"))
    ),
    "court_cases": _court_cases,
    "filed_cases": _rows(CriminalCase=Exists("Incident", (("_incident", "_key"),), f.given("caseFiledOn"))),
    "revocation_watch": lambda type_name, _divided: _of_child(type_name, REVOCATION_WATCH, keeps_open=True),
    "procuratorial_cases": _procuratorial_cases,
    "own_supervision": _rows(ProcuratorialSupervision=f.bound("targetUnit", "eq", "me")),
    "answering_own": _answering_own,
    "published_statistics": _rows(
        Statistic=f.every_of(f.is_("indicator", tuple(GENERAL), "in"), f.is_("_level", ("district", "town"), "in"))
    ),
    "performance_statistics": _rows(
        Statistic=f.every_of(
            f.is_("indicator", (*GENERAL, *PERFORMANCE), "in"), f.is_("_level", ("district", "town"), "in")
        )
    ),
}
