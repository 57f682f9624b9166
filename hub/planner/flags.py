"""Entitlements -> the risk flags that a caller may be shown, each as branches over a child's row.

A branch holds the condition that raises the flag and, beside it, that the caller reads the branch's inputs in clear in
those very rows (domain model, section 9): a flag that rests on what the caller may not read is not raised for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connectors.source import Compare, Constant, Exists, Outer, Predicate
from hub.planner import facts as f
from hub.planner.formula import FALSE, Fact, Formula, Local, Not, both, disjuncts, either, untrue
from hub.planner.formula import facts as facts_in
from hub.planner.plan import Access

FORM_ITEMS = ("SUBSISTENCE_ALLOWANCE", "TEMPORARY_RELIEF", "MEDICAL_AID", "HOUSING_AID", "OTHER_AID")
SUSPECTED = ("SUSPECTED_DOMESTIC_VIOLENCE", "SUSPECTED_ACCIDENTAL_INJURY", "SUSPECTED_UNLAWFUL_HARM")
OUT_OF_SCHOOL = ("DROPPED_OUT", "NOT_IN_SCHOOL")
ORDER = (
    "LIVING_ALONE",
    "NO_GUARDIAN",
    "INCAPABLE_GUARDIAN",
    "OUT_OF_SCHOOL",
    "REPEATED_TRUANCY",
    "NO_HOUSEHOLD",
    "NONPERFORMANCE_6M",
    "LEFT_IN_DANGER",
    "ABANDONMENT",
    "SUSPECTED_HARM",
    "MISSING",
    "PARENTS_UNREACHABLE",
    "ECONOMIC_HARDSHIP",
    "STALE_FILE",
)
"""The flags as the enum has them."""
SOURCES = {
    "DropoutRecord": "education",
    "AttendanceRecord": "education",
    "HouseholdRegistration": "public_security",
    "Guardian": "civil_affairs",
    "MandatoryReport": "public_security",
    "Incident": "public_security",
}


Flag = tuple[str, tuple[Formula, ...]]
"""A flag with its branches."""


def risk_flags(access_of: Mapping[str, Access]) -> tuple[Flag, ...]:
    """(flag, its branches) in the order of the enum; branches that can never be shown to the caller are left out."""
    raised = dict([*_of_the_file(access_of), *_of_other_rows(access_of)])
    return tuple((flag, tuple(part for part in raised[flag] if part != FALSE)) for flag in ORDER)


Branches = Iterator[tuple[str, tuple[Formula, ...]]]


def _own(child: Access, condition: Predicate, *inputs: str) -> Formula:
    """The file's own row satisfies ``condition``, and the caller reads the inputs in it in clear."""
    return both(*(child.clear.get(f"Child.{name}", FALSE) for name in inputs), Local(condition))


def _of_the_file(access_of: Mapping[str, Access]) -> Branches:
    """Flags that the file's own row raises, or may raise beside another row."""
    child = access_of["Child"]
    yield "LIVING_ALONE", (both(f.UNDER_16, _own(child, f.is_("livesAlone", True), "livesAlone")),)
    yield "NO_GUARDIAN", (_own(child, f.is_("guardianshipType", "NONE"), "guardianshipType"),)
    incapable = f.is_("guardianshipType", ("PARENT_INCAPABLE", "ENTRUSTED_INADEQUATE"), "in")
    yield "INCAPABLE_GUARDIAN", (_own(child, incapable, "guardianshipType"),)
    out = both(f.AGE_6_15, _own(child, f.is_("schoolingStatus", OUT_OF_SCHOOL, "in"), "schoolingStatus"))
    dropped = _row_exists("OUT_OF_SCHOOL", access_of["DropoutRecord"], f.dropout_is_open, ("status",))
    yield "OUT_OF_SCHOOL", (out, dropped)
    unregistered = _own(child, f.is_("householdRegistered", False), "householdRegistered")
    household = access_of["HouseholdRegistration"]
    yield (
        "NO_HOUSEHOLD",
        (unregistered, _row_exists("NO_HOUSEHOLD", household, f.is_("status", "UNREGISTERED"), ("status",))),
    )
    unaided = f.every_of(f.is_("economicHardship", True), untrue(f.is_("assistanceKinds", FORM_ITEMS, "has")))
    yield "ECONOMIC_HARDSHIP", (_own(child, unaided, "economicHardship", "assistanceKinds"),)
    yield "STALE_FILE", (_own(child, f.bound("updatedAt", "lt", "last_quarter"), "updatedAt"),)


def _of_other_rows(access_of: Mapping[str, Access]) -> Branches:
    """Flags that rows of other types raise."""

    def other(flag: str, type_name: str, condition: Predicate, *inputs: str) -> tuple[str, tuple[Formula, ...]]:
        return flag, (_row_exists(flag, access_of[type_name], condition, inputs),)

    yield other("REPEATED_TRUANCY", "AttendanceRecord", f.is_truant, "longestUnexcusedRun", "unexcusedDays")
    idle = f.bound("nonPerformanceSince", "le", "half_year_ago")
    yield other("NONPERFORMANCE_6M", "Guardian", idle, "nonPerformanceSince")
    yield "LEFT_IN_DANGER", (_left_in_danger(access_of["MandatoryReport"], access_of["Incident"]),)
    for flag, kinds in (("ABANDONMENT", ("ABANDONMENT",)), ("SUSPECTED_HARM", SUSPECTED), ("MISSING", ("MISSING",))):
        reported = f.every_of(f.report_is_open, f.is_("concernKinds", kinds, "has"))
        yield other(flag, "MandatoryReport", reported, "concernKinds")
    unreached = f.every_of(f.is_("parentsReached", False), f.of_its_report(f.report_is_open))
    yield other("PARENTS_UNREACHABLE", "Incident", unreached, "parentsReached")


def _of_rows(clear: Formula) -> Iterator[tuple[Formula, ...]]:
    """Ways in which the clear condition of another type's rows may hold for a row of this child.

    A way that rests on a case or a person instead of the child says nothing of rows that belong to a file already.
    """
    for conjunction in disjuncts(clear):
        if all(fact.via == "child" for part in conjunction for fact in facts_in(part)):
            yield conjunction


def _split(conjunction: tuple[Formula, ...]) -> tuple[list[Formula], list[Predicate]]:
    """Parts over the child, and predicates over the row itself."""
    of_child: list[Formula] = []
    of_row: list[Predicate] = []
    for part in conjunction:
        match part:
            case Local(predicate):
                of_row.append(predicate)
            case Not(Local(predicate)):
                of_row.append(untrue(predicate))
            case _:
                of_child.append(part)
    return of_child, of_row


def _row_exists(flag: str, access: Access, condition: Predicate, inputs: tuple[str, ...]) -> Formula:
    """The child has a row that satisfies ``condition`` and in which the caller reads the inputs in clear."""
    clear = both(*(access.clear.get(f"{access.type_name}.{name}", FALSE) for name in inputs))
    branches = []
    for number, conjunction in enumerate(_of_rows(clear)):
        of_child, of_row = _split(conjunction)
        name = f"flag_{flag}_{access.type_name}_{number}"
        where = f.every_of(condition, *of_row)
        branches.append(both(*of_child, Fact(name, SOURCES[access.type_name], access.type_name, where)))
    return either(*branches)


def _left_in_danger(reports: Access, incidents: Access) -> Formula:
    clear_reports = reports.clear.get("MandatoryReport.concernKinds", FALSE)
    clear_incidents = incidents.clear.get("Incident.guardianSanction", FALSE)
    branches = []
    for first, report in enumerate(_of_rows(clear_reports)):
        for second, incident in enumerate(_of_rows(clear_incidents)):
            report_child, report_row = _split(report)
            incident_child, incident_row = _split(incident)
            earlier = f.every_of(f.criticised, Compare("dispatchedAt", "lt", Outer("reportedAt")), *incident_row)
            again = Compare("concernKinds", "has", Constant(["LIVING_ALONE", "GUARDIAN_NONPERFORMANCE"]))
            where = f.every_of(again, Exists("Incident", (("_person", "_person"),), earlier), *report_row)
            fact = Fact(f"flag_LEFT_IN_DANGER_{first}_{second}", "public_security", "MandatoryReport", where)
            branches.append(both(*report_child, *incident_child, fact))
    return either(*branches)
