"""The nouns of the notice, one a file -> the types of the schema, in the order in which the catalogue lists them."""

from __future__ import annotations

from schema.access_log_entry import AccessLogEntry
from schema.assessment import Assessment
from schema.assistance_record import AssistanceRecord
from schema.attendance_record import AttendanceRecord
from schema.child import Child
from schema.connection import Node
from schema.criminal_case import CriminalCase
from schema.dropout_record import DropoutRecord
from schema.enrolment import Enrolment
from schema.family_member import FamilyMember
from schema.guardian import Guardian
from schema.guardianship_case import GuardianshipCase
from schema.household_registration import HouseholdRegistration
from schema.incident import Incident
from schema.mandatory_report import MandatoryReport
from schema.procuratorial_supervision import ProcuratorialSupervision
from schema.reconciliation_item import ReconciliationItem
from schema.statistic import Statistic
from schema.survey_submission import SurveySubmission

NOUNS: tuple[type[Node], ...] = (
    Child,
    FamilyMember,
    Guardian,
    Enrolment,
    AttendanceRecord,
    DropoutRecord,
    HouseholdRegistration,
    MandatoryReport,
    Incident,
    Assessment,
    AssistanceRecord,
    GuardianshipCase,
    CriminalCase,
    ProcuratorialSupervision,
    SurveySubmission,
    ReconciliationItem,
    Statistic,
    AccessLogEntry,
)
"""Every type that has coordinates."""
