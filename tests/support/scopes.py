"""(scope, type, row) -> bool: the 27 row scopes as plain predicates over the whole world.

Each is written from the domain model's section 5. A child-level statement looks at all rows of the row's child
(``World.of_child``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date

from tests.support.rights import Me
from tests.support.world import PARKS, Row, Test, World

OPEN_REPORT = {"REPORTED", "DISPATCHED", "HANDLED", "TOWN_NOTIFIED", "ASSESSED", "PLANNED"}
TOLD_TOWN = {"TOWN_NOTIFIED", "ASSESSED", "PLANNED"}
OPEN_DROPOUT = {"REGISTERED", "PERSUADING", "REPORTED", "ENFORCING"}
RUNNING = {"PLANNED", "ACTIVE"}
HARM = {"SUSPECTED_DOMESTIC_VIOLENCE", "SUSPECTED_UNLAWFUL_HARM", "ABANDONMENT"}
STAGES = ("INVESTIGATION", "DISMISSED", "PROSECUTION_REVIEW", "NOT_PROSECUTED", "TRIAL", "CONCLUDED")
GENERAL = {
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
}
PERFORMANCE = {
    "SURVEY_ON_TIME_RATE",
    "ASSESSMENT_AFTER_NOTICE_RATE",
    "RECONCILIATION_ANSWER_RATE",
    "DISPATCH_MEDIAN_MINUTES",
    "TOWN_NOTICE_MEDIAN_HOURS",
}
OF_FILE = ("Child", "FamilyMember", "Guardian")
OF_CIVIL = (*OF_FILE, "Assessment", "AssistanceRecord")


def years_ago(day: date, years: int) -> date:
    """The same day so many years before (28 February for the 29th)."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def months_ago(day: date, months: int) -> date:
    """The same day so many months before, or the last of that month."""
    count = day.year * 12 + day.month - 1 - months
    for last in (day.day, 30, 29, 28):
        try:
            return date(count // 12, count % 12 + 1, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError(day)


def born(row: Row) -> date | None:
    """Date of birth of a file's child."""
    return date.fromisoformat(row["birthDate"]) if row["birthDate"] else None


def stage_of(world: World, case: Row) -> str | None:
    """The furthest of the stages that police, procuratorate and court each give."""
    parts = [case]
    for source in ("procuratorate", "courts"):
        parts += world.by(source, "CriminalCase", "_case", case["_case"])
    stages = [part["stage"] for part in parts if part["stage"] is not None]
    return max(stages, key=STAGES.index) if stages else None


def shares(values: Iterable[str] | None, wanted: set[str]) -> bool:
    """Whether a list (or null) holds one of the wanted."""
    return bool(set(values or ()) & wanted)


class Scopes:
    """The scopes of one principal over one world."""

    def __init__(self, world: World, me: Me) -> None:
        self.world = world
        self.me = me
        self.memo: dict[tuple[str, str, str], bool] = {}

    def holds(self, scope: str, type_name: str, row: Row) -> bool:
        """Whether the row is in the scope."""
        place = (scope, type_name, row["_key"])
        if place not in self.memo:
            self.memo[place] = self._decide(scope, type_name, row)
        return self.memo[place]

    def _decide(self, scope: str, type_name: str, row: Row) -> bool:
        if type_name in OF_FILE and not any(self.current(file) for file in self.world.files_of(type_name, row)):
            return False
        decide: Callable[[Scopes, str, Row], bool] = SCOPES[scope]
        return decide(self, type_name, row)

    def has(self, type_name: str, row: Row, relation: str, test: Test = lambda row: True) -> bool:
        """Whether the row's child has a row of ``relation`` that passes."""
        return any(test(other) for other in self.world.of_child(type_name, row, relation))

    def current(self, file: Row) -> bool:
        """Open, and of a child under 16 or kept open; the same for everyone."""
        memo, place = self.world.memo, ("current", file["_key"])
        if place not in memo:
            memo[place] = bool(file["_open"]) and (self._under_16(file) or self._kept_open(file))
        return bool(memo[place])

    def _under_16(self, file: Row) -> bool:
        birth = born(file)
        return birth is not None and birth > years_ago(self.world.today, 16)

    def _kept_open(self, file: Row) -> bool:
        return (
            self.has("Child", file, "AssistanceRecord", lambda row: row["status"] in RUNNING)
            or self.open_report("Child", file)
            or self.court_child("Child", file)
            or self.prosecutor_child("Child", file)
            or self.has(
                "Child",
                file,
                "ReconciliationItem",
                lambda row: row["discrepancyClass"] == "AGED_OUT" and row["status"] in ("OPEN", "ANSWERED"),
            )
        )

    def open_report(self, type_name: str, row: Row) -> bool:
        """The child has an open report."""
        return self.has(type_name, row, "MandatoryReport", lambda report: report["status"] in OPEN_REPORT)

    def assessing(self, type_name: str, row: Row) -> bool:
        """The child has a report that the town was told of, or an assessment not completed."""
        return self.has(type_name, row, "MandatoryReport", lambda report: report["status"] in TOLD_TOWN) or self.has(
            type_name, row, "Assessment", lambda assessment: assessment["completedOn"] is None
        )

    def court_child(self, type_name: str, row: Row) -> bool:
        """The child is before the court, or was within a year, or is the victim in a trial."""
        since = years_ago(self.world.today, 1).isoformat()

        def before_court(case: Row) -> bool:
            recent = case["decidedOn"] is not None and case["decidedOn"] > since
            return case["status"] in ("ACCEPTED", "HEARING") or recent

        return self.has(type_name, row, "GuardianshipCase", before_court) or self.has(
            type_name, row, "CriminalCase", lambda case: stage_of(self.world, case) == "TRIAL"
        )

    def watched(self, type_name: str, row: Row) -> bool:
        """There is cause for revocation and nobody has moved the court."""
        half_year = months_ago(self.world.today, 6).isoformat()
        cause = (
            self.has(
                type_name,
                row,
                "Guardian",
                lambda guardian: (
                    guardian["nonPerformanceSince"] is not None and guardian["nonPerformanceSince"] <= half_year
                ),
            )
            or self.left_in_danger(type_name, row)
            or self.has(
                type_name,
                row,
                "MandatoryReport",
                lambda report: report["status"] in OPEN_REPORT and shares(report["concernKinds"], {"ABANDONMENT"}),
            )
        )
        return cause and not self.has(
            type_name,
            row,
            "GuardianshipCase",
            lambda case: case["cause"] == "REVOKE" and case["status"] in ("ACCEPTED", "HEARING", "GRANTED"),
        )

    def left_in_danger(self, type_name: str, row: Row) -> bool:
        """A report of living alone or of non-performance after an earlier criticism of the guardian."""
        criticised = [
            incident["dispatchedAt"]
            for incident in self.world.of_child(type_name, row, "Incident")
            if incident["guardianSanction"] == "CRITICISM_EDUCATION" and incident["dispatchedAt"]
        ]
        return self.has(
            type_name,
            row,
            "MandatoryReport",
            lambda report: (
                shares(report["concernKinds"], {"LIVING_ALONE", "GUARDIAN_NONPERFORMANCE"})
                and any(earlier < report["reportedAt"] for earlier in criticised)
            ),
        )

    def prosecutor_child(self, type_name: str, row: Row) -> bool:
        """The child is one that the procuratorate must look at."""
        return (
            self.watched(type_name, row)
            or self.has(type_name, row, "CriminalCase")
            or self.has(type_name, row, "GuardianshipCase", lambda case: case["cause"] == "REVOKE")
            or self.has(type_name, row, "ProcuratorialSupervision")
            or self.has(type_name, row, "MandatoryReport", lambda report: shares(report["concernKinds"], HARM))
            or self.has(type_name, row, "Incident", lambda incident: incident["caseFiledOn"] is not None)
        )

    def own_division(self, type_name: str, row: Row) -> bool:
        """The row, or its child's current file, lies in the caller's town or village."""
        mine = self.me.division
        if mine is None:
            return False
        if type_name in ("SurveySubmission", "Statistic"):
            return _under(row["divisionCode"], mine)
        files = self.world.files_of(type_name, row)
        column = "divisionCode" if type_name in OF_CIVIL else "_division"
        if any(self.current(file) and _under(file[column], mine) for file in files):
            return True
        if type_name not in ("MandatoryReport", "Incident") or files:
            return False
        reports = [row] if type_name == "MandatoryReport" else self.reports_of(row)
        return any(_under(report["divisionCode"], mine) or _park_of(report["divisionCode"], mine) for report in reports)

    def reports_of(self, incident: Row) -> list[Row]:
        """The report that the incident belongs to."""
        return self.world.by("public_security", "MandatoryReport", "_key", incident["_report"])

    def incidents_of(self, report: Row) -> list[Row]:
        """The incident that the report led to."""
        return self.world.by("public_security", "Incident", "_report", report["_key"])

    def all_rows(self, type_name: str, row: Row) -> bool:
        """Every row; of education and household data only children on file, flagged, or candidates."""
        if type_name in ("Enrolment", "AttendanceRecord", "DropoutRecord"):
            key = row["_key"] if type_name == "Enrolment" else row["_enrolment"]
            enrolments = self.world.by("education", "Enrolment", "_key", key)
            flagged = any(one["leftBehindFlag"] in ("ONE_PARENT_AWAY", "BOTH_PARENTS_AWAY") for one in enrolments)
            return flagged or self._on_file(type_name, row, "education")
        return type_name != "HouseholdRegistration" or self._on_file(type_name, row, "public_security")

    def _on_file(self, type_name: str, row: Row, source: str) -> bool:
        links = self.world.by("hub", "Link", "_person", row["_person"])
        candidate = any(link["_source"] == source and link["_status"] == "CANDIDATE" for link in links)
        return candidate or bool(self.world.files_of(type_name, row))

    def own_reports(self, _type_name: str, row: Row) -> bool:
        """Reported by me, or by an institution under me."""
        unit, _, code = (row["reporterUnit"] or "").partition(":")
        under = unit == "mandatory_reporter" and self.world.institutions.get(code) == self.me.unit
        return row["reporterUnit"] == self.me.key or under

    def school_age(self, type_name: str, row: Row) -> bool:
        """The child is 6 to 15, or is enrolled."""
        births = [born(file) for file in self.world.files_of(type_name, row)]
        oldest, youngest = years_ago(self.world.today, 16), years_ago(self.world.today, 6)
        aged = any(birth is not None and oldest < birth <= youngest for birth in births)
        return aged or self.has(type_name, row, "Enrolment")

    def notified(self, column: str, type_name: str, row: Row) -> bool:
        """In the caller's division, and the caller was told of the incident."""
        if not self.own_division(type_name, row):
            return False
        if type_name == "Incident":
            return row[column] is not None
        if type_name == "MandatoryReport":
            return any(incident[column] is not None for incident in self.incidents_of(row))
        return self.has(type_name, row, "Incident", lambda incident: incident[column] is not None)

    def reported_to_town(self, type_name: str, row: Row) -> bool:
        """In the caller's town, and the dropout was reported to it."""
        if not self.own_division(type_name, row):
            return False
        if type_name == "DropoutRecord":
            return row["townReportedOn"] is not None
        return self.has(type_name, row, "DropoutRecord", lambda record: record["townReportedOn"] is not None)

    def medical(self, type_name: str, row: Row) -> bool:
        """An open case with treatment or an appraisal, or the child is under assessment."""

        def treated(incident: Row) -> bool:
            is_open = any(report["status"] in OPEN_REPORT for report in self.reports_of(incident))
            return is_open and shares(incident["measures"], {"MEDICAL_HELP", "INJURY_APPRAISAL"})

        return self.has(type_name, row, "Incident", treated) or self.assessing(type_name, row)

    def disabled(self, type_name: str, row: Row) -> bool:
        """The child's file says that it is disabled."""
        files = [file for file in self.world.files_of(type_name, row) if self.current(file)]
        disabled = any(file["bodyCondition"] == "DISABLED" or file["disabilityCategory"] is not None for file in files)
        return disabled and (type_name != "AssistanceRecord" or row["providerUnit"] == self.me.key)

    def referred(self, type_name: str, row: Row, kinds: set[str] | None = None, *, mine: bool = True) -> bool:
        """A running assistance: of the row itself, or one that the child has."""

        def runs(record: Row) -> bool:
            right = (kinds is None or record["kind"] in kinds) and record["status"] in RUNNING
            return right and (not mine or record["providerUnit"] == self.me.key)

        return runs(row) if type_name == "AssistanceRecord" else self.has(type_name, row, "AssistanceRecord", runs)

    def own_applications(self, _type_name: str, row: Row) -> bool:
        """I filed the case, or I am the guardian appointed."""
        return self.me.key in (row["_applicant"], row["_guardianUnit"])

    def court_cases(self, type_name: str, row: Row) -> bool:
        """Before the court; of a criminal case the row itself."""
        if type_name == "CriminalCase":
            return stage_of(self.world, row) in ("TRIAL", "CONCLUDED")
        return self.court_child(type_name, row)

    def filed_cases(self, _type_name: str, row: Row) -> bool:
        """The case arose from an incident for which a case was filed."""
        incidents = self.world.by("public_security", "Incident", "_key", row["_incident"])
        return any(incident["caseFiledOn"] is not None for incident in incidents)

    def answering_own(self, type_name: str, row: Row) -> bool:
        """I must answer; a town only where the accepted file, current or not, is its own (or there is no file)."""
        if row["answeringUnit"] != self.me.key:
            return False
        mine, files = self.me.division, self.world.files_of(type_name, row)
        return mine is None or row["_register"] is None or any(_under(file["_division"], mine) for file in files)


def _park_of(code: str | None, division: str) -> bool:
    """Whether the place is an industrial park whose reports go to the division."""
    return code is not None and PARKS.get(code[:9]) == division


def _under(code: str | None, division: str) -> bool:
    return code is not None and code.startswith(division)


def _published(row: Row, indicators: set[str]) -> bool:
    # A village has twelve digits of which the last three are not all zero.
    code = row["divisionCode"]
    return row["indicator"] in indicators and (len(code) < 12 or code.endswith("000"))


SCOPES: Mapping[str, Callable[[Scopes, str, Row], bool]] = {
    "all": Scopes.all_rows,
    "own_town": Scopes.own_division,
    "own_village": Scopes.own_division,
    "town_level": lambda _scopes, _type, row: row["level"] == "TOWN",
    "school_age": Scopes.school_age,
    "dropout_open": lambda scopes, type_name, row: scopes.has(
        type_name, row, "DropoutRecord", lambda record: record["status"] in OPEN_DROPOUT
    ),
    "reported_to_town": Scopes.reported_to_town,
    "own_reports": Scopes.own_reports,
    "open_cases": Scopes.open_report,
    "notified_own_town": lambda scopes, type_name, row: scopes.notified("townNotifiedAt", type_name, row),
    "notified_own_village": lambda scopes, type_name, row: scopes.notified("villageNotifiedAt", type_name, row),
    "criticism_notified": lambda scopes, type_name, row: (
        row["guardianSanction"] == "CRITICISM_EDUCATION" and scopes.own_division(type_name, row)
    ),
    "under_assessment": Scopes.assessing,
    "medical_involved": Scopes.medical,
    "disabled_children": Scopes.disabled,
    "service_referred": Scopes.referred,
    "legal_aid_referred": lambda scopes, type_name, row: scopes.referred(
        type_name, row, {"LEGAL_SERVICE", "LEGAL_AID"}
    ),
    "housing_applicants": lambda scopes, type_name, row: scopes.referred(type_name, row, {"HOUSING_AID"}, mine=False),
    "own_applications": Scopes.own_applications,
    "court_cases": Scopes.court_cases,
    "filed_cases": Scopes.filed_cases,
    "revocation_watch": Scopes.watched,
    "procuratorial_cases": lambda scopes, type_name, row: scopes.prosecutor_child(type_name, row),
    "own_supervision": lambda scopes, _type, row: row["targetUnit"] == scopes.me.key,
    "answering_own": Scopes.answering_own,
    "published_statistics": lambda _scopes, _type, row: _published(row, GENERAL),
    "performance_statistics": lambda _scopes, _type, row: _published(row, GENERAL | PERFORMANCE),
}
