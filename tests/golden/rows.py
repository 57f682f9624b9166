"""A handful of invented children by hand -> the six departments' rows: small enough to check every golden by eye.

Nobody here exists. Numbers, names, schools and cases are made up; the divisions are real ones of the district.
"""

from __future__ import annotations

from typing import Any

from tests.support.handmade import Rows
from tests.support.world import FIELDS, Row

VILLAGE = "120114101201"
NEIGHBOUR = "120114101202"
OTHER_TOWN = "120114102203"
HARM = "SUSPECTED_DOMESTIC_VIOLENCE"
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def citizen_id(born: str, sequence: int) -> str:
    """An invented number of the district with a valid check digit."""
    head = f"120114{born.replace('-', '')}{sequence:03}"
    return head + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(head, WEIGHTS, strict=True)) % 11]


XIAOYU = citizen_id("2016-03-01", 902)
DAZHUANG = citizen_id("2012-06-15", 903)
XIAOHUA = citizen_id("2018-09-09", 904)
GROWN = citizen_id("2009-01-05", 905)


def relations() -> dict[str, dict[str, list[Row]]]:
    """Source -> relation -> rows."""
    rows = Rows()
    _register(rows)
    _assisted(rows)
    _schools(rows)
    _police(rows)
    _justice(rows)
    _hub(rows)
    found: dict[str, dict[str, list[Row]]] = {}
    for (source, relation), kept in rows.tables.items():
        found.setdefault(source, {})[relation] = kept
    found["hub"]["AccessLogEntry"] = _log()
    found["hub"] |= _published()
    return found


def _published() -> dict[str, list[Row]]:
    """One frozen quarter with one table of it, as it was settled."""
    cells = {"COUNSELLING": None, "HOUSING_AID": "5", "TEMPORARY_RELIEF": "10", "TUTORING": None}
    told = [
        {"_key": f"2026Q3/t10/{at:06d}", "_of": "2026Q3/t10", "_groups": f'["{kind}"]', "_value": value}
        for at, (kind, value) in enumerate(cells.items())
    ]
    return {"PublishedQuarter": [{"_key": "2026Q3", "_tables": ["t10"]}], "PublishedCell": told}


def _file(rows: Rows, register: str, citizen: str | None, village: str, **values: Any) -> None:
    rows.file(
        register,
        citizen,
        _division=village,
        divisionCode=village,
        householdRegistered=True,
        bodyCondition="HEALTHY",
        schoolingStatus="PRIMARY",
        leftBehindType="BOTH_AWAY",
        livesAlone=False,
        guardianshipType="FAIR",
        incomeSources=["MIGRANT_WAGES"],
        economicHardship=False,
        assistanceKinds=[],
        **values,
    )


def _register(rows: Rows) -> None:
    _file(rows, "DA001", XIAOYU, VILLAGE)
    _file(rows, "DA002", DAZHUANG, NEIGHBOUR, name="李大壮", sex="MALE", birthDate="2012-06-15")
    rows.tables["civil_affairs", "Child"][-1] |= {
        "schoolingStatus": "DROPPED_OUT",
        "livesAlone": True,
        "guardianshipType": "NONE",
        "economicHardship": True,
        "updatedAt": "2026-03-01T08:00:00+08:00",
    }
    _file(rows, "DA003", XIAOHUA, OTHER_TOWN, name="王小花", birthDate="2018-09-09")
    # Seventeen: nothing keeps the file open, so that it exists for nobody.
    _file(rows, "DA004", GROWN, VILLAGE, name="赵明", sex="MALE", birthDate="2009-01-05")
    # No number: other departments' rows join by a confirmed link alone.
    _file(rows, "DA005", None, VILLAGE, name="孙晓", birthDate="2015-12-31")
    add = rows.add
    mother: dict[str, Any] = {
        "relation": "MOTHER",
        "name": "周秀兰",
        "phone": "13900000001",
        "workPlace": "外省",
        "birthDate": "1990-02-02",
    }
    add("civil_affairs", "FamilyMember", "F1", _register="DA001", **mother)
    add("civil_affairs", "FamilyMember", "F2", _register="DA002", **mother | {"relation": "FATHER", "name": "李强"})
    add("civil_affairs", "FamilyMember", "F3", _register="DA003", **mother | {"name": "王芳", "phone": "13900000003"})
    guardian: dict[str, Any] = {
        "kind": "ENTRUSTED",
        "relation": "PATERNAL_GRANDMOTHER",
        "phone": "13900000009",
        "capacity": "INADEQUATE",
    }
    add(
        "civil_affairs",
        "Guardian",
        "G1",
        _register="DA002",
        name="刘桂英",
        nonPerformanceSince="2026-02-01",
        **guardian,
    )
    add("civil_affairs", "Guardian", "G2", _register="DA003", name="陈玉", **guardian)
    add("civil_affairs", "Assessment", "A1", _register="DA001", _incident="I1", riskLevel="HIGH")


def _assisted(rows: Rows) -> None:
    """Eight children with relief of three kinds; a ninth alone has tutoring, a cell too small to be shown."""
    kinds = {"TEMPORARY_RELIEF": 8, "HOUSING_AID": 6, "COUNSELLING": 5}
    for number in range(8):
        register = f"DB{number:03}"
        _file(
            rows, register, None, VILLAGE, name=f"吴小{'一二三四五六七八'[number]}", birthDate=f"201{number % 8}-12-01"
        )
        for kind in (kind for kind, count in kinds.items() if number < count):
            paid: dict[str, Any] = {"providerUnit": "civil_affairs_bureau", "status": "ACTIVE", "amount": "300.00"}
            rows.add("civil_affairs", "AssistanceRecord", f"{register}-{kind}", _register=register, kind=kind, **paid)
    tutored: dict[str, Any] = {
        "kind": "TUTORING",
        "providerUnit": "womens_federation",
        "status": "ACTIVE",
        "startedOn": "2026-09-01",
    }
    rows.add("civil_affairs", "AssistanceRecord", "R1", _register="DA003", **tutored)


def _schools(rows: Rows) -> None:
    add = rows.add
    pupil: dict[str, Any] = {
        "schoolName": "甲村小学",
        "schoolCode": "2112001234",
        "stage": "PRIMARY",
        "status": "ENROLLED",
    }
    pupil |= {"leftBehindFlag": "BOTH_PARENTS_AWAY", "boardingMode": "DAY"}
    add("education", "Enrolment", "E1", _person="P1", _citizen=XIAOYU, **pupil)
    gone: dict[str, Any] = {"stage": "JUNIOR_SECONDARY", "status": "DROPPED_OUT", "schoolName": "乙镇中学"}
    add("education", "Enrolment", "E2", _person="P2", _citizen=DAZHUANG, **pupil | gone)
    add("education", "Enrolment", "E3", _person="P3", **pupil | {"schoolName": "丙村小学"})
    # Not left behind, on no file: what the bureau keeps of it is nobody's business here.
    add("education", "Enrolment", "E9", _person="P9", _citizen=GROWN[:-1] + "0", **pupil | {"leftBehindFlag": "NOT"})
    dropout: dict[str, Any] = {
        "registeredOn": "2026-10-08",
        "reason": "WEARY_OF_STUDY",
        "status": "REPORTED",
        "persuasionCount": 2,
    }
    dropout |= {"bureauReportedOn": "2026-10-20", "townReportedOn": "2026-10-20"}
    add("education", "DropoutRecord", "D1", _enrolment="E2", _person="P2", _citizen=DAZHUANG, **dropout)
    truant: dict[str, Any] = {"term": "2026-2027-1", "unexcusedDays": 12, "longestUnexcusedRun": 4}
    add("education", "AttendanceRecord", "T1", _enrolment="E2", _person="P2", _citizen=DAZHUANG, **truant)


def _police(rows: Rows) -> None:
    add = rows.add
    xiaoyu: dict[str, Any] = {"_person": "N1", "_citizen": XIAOYU}
    home: dict[str, Any] = {
        "status": "REGISTERED",
        "name": "欧阳晓雨",
        "birthDate": "2016-03-01",
        "address": "武清区甲村",
    }
    add("public_security", "HouseholdRegistration", "H1", **xiaoyu, citizenId=XIAOYU, **home)
    told: dict[str, Any] = {
        "reporterKind": "SCHOOL",
        "reporterUnit": "mandatory_reporter:2112001234",
        "subject": "一名女童",
    }
    told |= {"concernKinds": [HARM], "divisionCode": VILLAGE, "status": "TOWN_NOTIFIED", "narrative": "身上有伤"}
    add("public_security", "MandatoryReport", "M1", **xiaoyu, reportedAt="2026-11-02T09:00:00+08:00", **told)
    seen: dict[str, Any] = {
        "dispatchedAt": "2026-11-02T09:20:00+08:00",
        "measures": ["MEDICAL_HELP", "CONTACT_PARENTS"],
    }
    seen |= {"parentsReached": False, "placementKind": "KIN", "guardianSanction": "WARNING"}
    seen |= {"caseFiledOn": "2026-11-05", "townNotifiedAt": "2026-11-02T15:00:00+08:00"}
    add("public_security", "Incident", "I1", _report="M1", **xiaoyu, **seen)
    # An older report, settled: the village was told that the guardian was criticised.
    add("public_security", "MandatoryReport", "M2", **xiaoyu, reportedAt="2025-05-01T10:00:00+08:00", **told)
    rows.tables["public_security", "MandatoryReport"][-1]["status"] = "CLOSED"
    criticised: dict[str, Any] = seen | {
        "guardianSanction": "CRITICISM_EDUCATION",
        "dispatchedAt": "2025-05-01T10:30:00+08:00",
    }
    criticised |= {"caseFiledOn": None, "villageNotifiedAt": "2025-05-01T18:00:00+08:00"}
    add("public_security", "Incident", "I2", _report="M2", **xiaoyu, **criticised)
    rows.tables["public_security", "Incident"][0]["villageNotifiedAt"] = "2026-11-02T15:10:00+08:00"
    crime: dict[str, Any] = {
        "offence": "INTENTIONAL_INJURY",
        "suspectName": "欧阳某",
        "suspectRelation": "FATHER",
        "stage": "INVESTIGATION",
    }
    add("public_security", "CriminalCase", "X1", _case="X1", _incident="I1", **xiaoyu, **crime)
    add("public_security", "CriminalCase", "X2", _case="X2", _incident="I2", **xiaoyu, **crime)


def _justice(rows: Rows) -> None:
    add = rows.add
    add("procuratorate", "CriminalCase", "J1", _case="X1", prosecutedOn="2026-11-15", stage="PROSECUTION_REVIEW")
    victim = {"_person": "C1", "_citizen": XIAOYU}
    add("courts", "CriminalCase", "K1", _case="X1", **victim, caseNumber="(2026)津0114刑初9号", stage="TRIAL")
    revoke: dict[str, Any] = {
        "cause": "REVOKE",
        "applicantKind": "VILLAGE_COMMITTEE",
        "status": "HEARING",
        "acceptedOn": "2026-11-10",
    }
    revoke |= {"caseNumber": "(2026)津0114民特7号", "respondentName": "欧阳某", "grounds": ["SERIOUS_HARM"]}
    add(
        "courts",
        "GuardianshipCase",
        "L1",
        _person="C1",
        _citizen=XIAOYU,
        _applicant=f"village_committee:{VILLAGE}",
        **revoke,
    )
    own: dict[str, Any] = revoke | {
        "applicantKind": "CIVIL_AFFAIRS",
        "caseNumber": "(2026)津0114民特8号",
        "status": "ACCEPTED",
    }
    add("courts", "GuardianshipCase", "L2", _person="C2", _citizen=DAZHUANG, _applicant="civil_affairs_bureau", **own)
    urged: dict[str, Any] = {
        "kind": "URGE",
        "targetUnit": "civil_affairs_bureau",
        "issuedOn": "2026-11-01",
        "content": "督促申请撤销",
    }
    add("procuratorate", "ProcuratorialSupervision", "S1", _person="Q1", _citizen=DAZHUANG, result="PENDING", **urged)


def _hub(rows: Rows) -> None:
    add = rows.add
    add("hub", "Link", "1", _source="education", _person="P3", _register="DA005", _status="CONFIRMED")
    item: dict[str, Any] = {
        "quarter": "2026Q3",
        "status": "OPEN",
        "discrepancyClass": "IDENTITY_MISMATCH",
        "comparedField": "name",
    }
    item |= {"_education": "P1", "_police": "N1", "_coordinates": ["Child.name", "HouseholdRegistration.name"]}
    add("hub", "ReconciliationItem", "1", _register="DA001", answeringUnit="public_security_bureau", **item)
    missing: dict[str, Any] = item | {
        "discrepancyClass": "NO_ENROLMENT",
        "comparedField": "status",
        "_education": None,
        "_police": None,
    }
    missing |= {"_coordinates": ["Child.schoolingStatus", "Enrolment.status"], "answeringUnit": "education_bureau"}
    add("hub", "ReconciliationItem", "2", _register="DA003", **missing)
    counted: dict[str, Any] = {"quarter": "2026Q3", "divisionCode": "120114101", "suppressed": False, "_level": "town"}
    add("hub", "Statistic", "1", indicator="CHILDREN_ON_FILE", value=12.0, **counted)


def _log() -> list[Row]:
    """Two entries as the auditor reads them; hashes and pseudonyms are made up as well."""
    names = [coordinate.partition(".")[2] for coordinate in FIELDS if coordinate.startswith("AccessLogEntry.")]
    texts: dict[str, Any] = {
        "at": "2026-11-23T10:00:00+08:00",
        "unit": "education_bureau",
        "operatorId": "1001",
        "decision": "MASKED",
    }
    first: dict[str, Any] = {
        "_key": "0",
        "index": 0,
        "requestId": "aa" * 16,
        "entryHash": "0f" * 32,
        "purpose": "DROPOUT_CONTROL",
    }
    lists: dict[str, Any] = {
        "fields": ["Child.id", "Child.name"],
        "maskedFields": ["Child.citizenId"],
        "recordRefs": ["f-invented"],
    }
    entry = dict.fromkeys(names) | texts | first | lists | {"refusedFields": [], "clause": ["2.1.2"], "errorCodes": []}
    denied: dict[str, Any] = {
        "_key": "1",
        "index": 1,
        "requestId": "bb" * 16,
        "entryHash": "f0" * 32,
        "decision": "DENIED",
    }
    none: dict[str, Any] = {"fields": [], "maskedFields": [], "recordRefs": [], "refusedFields": ["Child.citizenId"]}
    return [entry, entry | denied | none | {"unit": "finance_bureau", "errorCodes": ["NOT_ENTITLED"]}]
