"""What may befall a child, as data: each story is told often enough that every row scope has rows.

The first chunk tells every story ``PASSES`` times before anything is left to chance: in the first model village, in its
neighbour, in a village of another town, then anywhere. Everything here is invented.
"""

from __future__ import annotations

from dataclasses import dataclass

PASSES = 4
EVERY = 14
"""After that, one child in so many has a story."""


LEGAL_AID = ("LEGAL_AID", "justice_bureau")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A mandatory report and what the police did; ``days`` since it was made."""

    concerns: tuple[str, ...]
    status: str
    days: int = 20
    measures: tuple[str, ...] = ("CONTACT_PARENTS",)
    sanction: str = "NONE"
    placement: str = "NONE"
    reached: bool = True
    filed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Crime:
    """A criminal case that arises from the last report: how far it went."""

    offence: str
    stage: str
    outcome: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Petition:
    """A guardianship case; ``applicant`` and ``guardian`` say who, ``days`` since it was accepted (and decided)."""

    cause: str
    status: str
    applicant: str
    grounds: tuple[str, ...] = ()
    guardian: str | None = None
    accepted: int = 60
    decided: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervision:
    """A procuratorial supervision; ``target`` is a unit, or town or village of the child."""

    kind: str
    target: str
    result: str = "PENDING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropout:
    """A dropout record."""

    status: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All that befalls one child, oldest report first.

    ``neglect``: days since the guardian stopped performing. ``aid``: (kind, provider) of services that run since.
    """

    reports: tuple[Report, ...] = ()
    crime: Crime | None = None
    petitions: tuple[Petition, ...] = ()
    supervisions: tuple[Supervision, ...] = ()
    dropout: Dropout | None = None
    neglect: int | None = None
    aid: tuple[tuple[str, str], ...] = ()


def _report(concern: str, status: str, **more: object) -> Story:
    return Story(reports=(Report(concerns=(concern,), status=status, **more),))  # type: ignore[arg-type]


def _crime(offence: str, stage: str, status: str, *, target: str | None = None, outcome: str | None = None) -> Story:
    concern = "ABANDONMENT" if offence == "ABANDONMENT" else "SUSPECTED_UNLAWFUL_HARM"
    report = Report(
        concerns=(concern, "SUSPECTED_DOMESTIC_VIOLENCE") if offence == "ABUSE" else (concern,),
        status=status,
        days=500 if stage in ("CONCLUDED", "NOT_PROSECUTED", "DISMISSED") else 120,
        measures=("STOP_HARM", "EVIDENCE", "MEDICAL_HELP", "INJURY_APPRAISAL", "CASE_FILING"),
        sanction="CRIMINAL_FILING",
        placement="TEMPORARY_SHELTER",
        filed=True,
    )
    watch = (Supervision(kind="ARREST_PROSECUTION", target=target, result="ADOPTED"),) if target else ()
    crime = Crime(offence=offence, stage=stage, outcome=outcome)
    return Story(reports=(report,), crime=crime, supervisions=watch, aid=(LEGAL_AID,) if stage == "TRIAL" else ())


def _court(cause: str, status: str, applicant: str, **more: object) -> Story:
    return Story(petitions=(Petition(cause=cause, status=status, applicant=applicant, **more),))  # type: ignore[arg-type]


_CRITICISED = Report(
    concerns=("GUARDIAN_NONPERFORMANCE",),
    status="CLOSED",
    days=240,
    measures=("CONTACT_PARENTS", "CRITICISM_EDUCATION"),
    sanction="CRITICISM_EDUCATION",
)

POLICE_STORIES = (
    _report("LIVING_ALONE", "REPORTED", days=0),
    _report("MISSING", "DISPATCHED", days=0, reached=False, measures=("MISSING_CHILD_SEARCH",)),
    _report("GUARDIAN_INCAPACITATED", "HANDLED", days=1, measures=("ESCORT_TO_CARE",), placement="VILLAGE_COMMITTEE"),
    _report(
        "GUARDIAN_NONPERFORMANCE",
        "TOWN_NOTIFIED",
        days=3,
        measures=("CRITICISM_EDUCATION", "CONTACT_PARENTS"),
        sanction="CRITICISM_EDUCATION",
    ),
    _report(
        "SUSPECTED_DOMESTIC_VIOLENCE",
        "ASSESSED",
        measures=("STOP_HARM", "MEDICAL_HELP", "INJURY_APPRAISAL", "SHELTER_PLACEMENT"),
        sanction="WARNING",
        placement="TEMPORARY_SHELTER",
    ),
    _report("SUSPECTED_ACCIDENTAL_INJURY", "PLANNED", measures=("MEDICAL_HELP",), placement="HOSPITAL"),
    _report("SUSPECTED_ACCIDENTAL_INJURY", "HANDLED", days=1, measures=("MEDICAL_HELP", "INJURY_APPRAISAL")),
    _report("ABANDONMENT", "REPORTED", days=0),
    _report("OTHER", "UNFOUNDED", days=90, measures=("CONTACT_PARENTS",)),
    Story(
        reports=(
            Report(concerns=("MISSING",), status="DISPATCHED", days=1, measures=("MISSING_CHILD_SEARCH",)),
            Report(concerns=("MISSING",), status="MERGED", days=0),
        )
    ),
    _report(
        "GUARDIAN_INCAPACITATED",
        "CLOSED",
        days=400,
        measures=("ESCORT_TO_CARE", "NEW_ENTRUSTED_GUARDIAN"),
        placement="KIN",
    ),
    _report(
        "SUSPECTED_DOMESTIC_VIOLENCE",
        "PLANNED",
        days=45,
        measures=("STOP_HARM", "EVIDENCE", "MEDICAL_HELP"),
        sanction="DETENTION",
        placement="RESCUE_INSTITUTION",
    ),
    _report(
        "LIVING_ALONE",
        "ASSESSED",
        measures=("ESCORT_TO_CARE", "CRITICISM_EDUCATION"),
        sanction="CRITICISM_EDUCATION",
        placement="WELFARE_INSTITUTION",
    ),
    Story(
        reports=(
            _CRITICISED,
            Report(concerns=("LIVING_ALONE", "GUARDIAN_NONPERFORMANCE"), status="TOWN_NOTIFIED", days=5, reached=False),
        ),
        supervisions=(Supervision(kind="PROPOSE", target="village_committee"),),
    ),
    Story(
        reports=(Report(concerns=("SUSPECTED_UNLAWFUL_HARM",), status="HANDLED", measures=("STOP_HARM", "EVIDENCE")),),
        supervisions=(Supervision(kind="CASE_FILING", target="public_security_bureau"),),
    ),
)

CRIME_STORIES = (
    _crime("INTENTIONAL_INJURY", "INVESTIGATION", "PLANNED", target="public_security_bureau"),
    _crime("ABUSE", "DISMISSED", "CLOSED"),
    _crime("ABUSE", "PROSECUTION_REVIEW", "PLANNED"),
    _crime("OTHER", "NOT_PROSECUTED", "CLOSED"),
    _crime("ABUSE_BY_CARER", "TRIAL", "PLANNED", target="district_court"),
    _crime("ABANDONMENT", "TRIAL", "ASSESSED"),
    _crime("ABANDONMENT", "CONCLUDED", "CLOSED", outcome="CONVICTED"),
    _crime("INTENTIONAL_INJURY", "CONCLUDED", "CLOSED", outcome="ACQUITTED"),
)

COURT_STORIES = (
    Story(
        reports=(Report(concerns=("GUARDIAN_NONPERFORMANCE",), status="PLANNED", days=70, placement="KIN"),),
        petitions=(
            Petition(
                cause="REVOKE",
                status="ACCEPTED",
                applicant="village_committee",
                grounds=("NONPERFORMANCE_6M", "LEFT_IN_DANGER"),
                accepted=12,
            ),
        ),
        dropout=Dropout(status="REPORTED", reason="FAMILY_UPHEAVAL"),
        aid=(LEGAL_AID,),
    ),
    Story(
        petitions=(
            Petition(
                cause="REVOKE",
                status="HEARING",
                applicant="civil_affairs_bureau",
                grounds=("SERIOUS_HARM",),
                accepted=50,
            ),
        ),
        supervisions=(Supervision(kind="SUPPORT", target="civil_affairs_bureau", result="ADOPTED"),),
        neglect=330,
        aid=(LEGAL_AID,),
    ),
    _court(
        "REVOKE",
        "GRANTED",
        "civil_affairs_bureau",
        grounds=("VICE_OR_IMPRISONMENT",),
        guardian="village_committee",
        accepted=170,
        decided=100,
    ),
    Story(
        petitions=(
            Petition(
                cause="REVOKE",
                status="GRANTED",
                applicant="kin",
                grounds=("BEGGING", "INSTIGATING_CRIME"),
                guardian="civil_affairs_bureau",
                accepted=290,
                decided=220,
            ),
            Petition(cause="RESTORE", status="ACCEPTED", applicant="kin", accepted=20),
        )
    ),
    _court("REVOKE", "REJECTED", "other", grounds=("OTHER",), accepted=600, decided=520),
    _court("DETERMINE", "HEARING", "village_committee", accepted=40),
    _court("DETERMINE", "GRANTED", "kin", guardian="other", accepted=150, decided=90),
    _court("CHANGE", "GRANTED", "kin", guardian="individual", accepted=700, decided=630),
    _court("CHANGE", "WITHDRAWN", "civil_affairs_bureau", accepted=200, decided=180),
    _court("CHANGE", "ACCEPTED", "kin", accepted=8),
    _court("RESTORE", "REJECTED", "kin", accepted=420, decided=380),
)

OTHER_STORIES = (
    Story(neglect=400, supervisions=(Supervision(kind="URGE", target="civil_affairs_bureau"),)),
    Story(neglect=250, supervisions=(Supervision(kind="PROPOSE", target="town_government", result="PARTLY_ADOPTED"),)),
    Story(neglect=60),
    Story(dropout=Dropout(status="REGISTERED", reason="WEARY_OF_STUDY")),
    Story(dropout=Dropout(status="PERSUADING", reason="FAMILY_UPHEAVAL")),
    Story(dropout=Dropout(status="REPORTED", reason="POVERTY")),
    Story(dropout=Dropout(status="ENFORCING", reason="WORK")),
    Story(dropout=Dropout(status="RETURNED", reason="ILLNESS")),
    Story(dropout=Dropout(status="CLOSED_OTHER", reason="MOVED")),
)

STORIES = POLICE_STORIES + CRIME_STORIES + COURT_STORIES + OTHER_STORIES

REPORTING_UNITS = (
    "civil_affairs_bureau",
    "comprehensive_governance_office",
    "education_bureau",
    "justice_bureau",
    "finance_bureau",
    "human_resources_bureau",
    "housing_bureau",
    "agriculture_committee",
    "culture_broadcasting_bureau",
    "health_commission",
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
"""Member units but the police, who take reports down for citizens."""

REPORTERS = (
    "VILLAGE_COMMITTEE",
    "town_government",
    "SCHOOL",
    "KINDERGARTEN",
    "MEDICAL_INSTITUTION",
    "OTHER_CITIZEN",
    "SOCIAL_WORK_AGENCY",
    *REPORTING_UNITS[:10],
    "VILLAGE_COMMITTEE",
    "SCHOOL",
    "RESCUE_INSTITUTION",
    "WELFARE_INSTITUTION",
    *REPORTING_UNITS[10:],
)
"""Who reports, in turn."""

PROVISIONS = (
    ("SUBSISTENCE_ALLOWANCE", "civil_affairs_bureau"),
    ("TEMPORARY_RELIEF", "civil_affairs_bureau"),
    ("MEDICAL_AID", "civil_affairs_bureau"),
    ("HOUSING_AID", "housing_bureau"),
    ("OTHER_AID", "civil_affairs_bureau"),
    ("GUARDIANSHIP_GUIDANCE", "town_government"),
    ("MEDICAL_TREATMENT", "health_commission"),
    ("COUNSELLING", "health_commission"),
    ("COUNSELLING", "womens_federation"),
    ("BEHAVIOUR_CORRECTION", "town_government"),
    ("LEGAL_SERVICE", "justice_bureau"),
    ("LEGAL_AID", "justice_bureau"),
    ("HARDSHIP_RELIEF", "trade_union_federation"),
    ("HOLIDAY_DAY_CARE", "womens_federation"),
    ("TUTORING", "womens_federation"),
    ("FAMILY_EDUCATION", "womens_federation"),
    ("MUTUAL_HELP", "organs_work_committee"),
    ("RECREATION", "organs_work_committee"),
    ("HOLIDAY_COMPANIONSHIP", "youth_league_committee"),
    ("TUTORING", "youth_league_committee"),
    ("SELF_PROTECTION_EDUCATION", "youth_league_committee"),
    ("RECREATION", "youth_league_committee"),
    ("LEGAL_AID", "justice_bureau"),
)
"""(Kind, provider whose clause names it), in turn; their number is prime, so that every kind meets every status."""

DISABILITY_PROVISIONS = (
    ("REHABILITATION", "disabled_persons_federation"),
    ("HOLIDAY_DAY_CARE", "disabled_persons_federation"),
)
"""For disabled children only (3.1.18)."""

FORM_KINDS = ("SUBSISTENCE_ALLOWANCE", "TEMPORARY_RELIEF", "MEDICAL_AID", "HOUSING_AID", "OTHER_AID")
"""Kinds of the register form: these alone stand in a file's own list."""
