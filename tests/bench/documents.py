"""What is asked: the three workloads as documents, the principals that ask, and the five documents of the mix.

Guarantee: a document names the same fields whoever asks; what a principal may not read is for the hub to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PARTS = """
  familyMembers(first: 10) { edges { node { relation name phone workPlace } } }
  guardians(first: 10) { edges { node { kind name phone relation capacity } } }
  enrolments(first: 5) { edges { node { schoolName stage status boardingMode leftBehindFlag } } }
  householdRegistrations(first: 5) { edges { node { status name householdKind relationToHead } } }
  guardianshipCases(first: 5) { edges { node { caseNumber cause status decidedOn } } }
  supervisions(first: 5) { edges { node { kind targetUnit issuedOn result } } }
"""
CHILD = """
  name citizenId sex birthDate divisionCode householdRegistered bodyCondition schoolingStatus updatedAt leftBehindType
  entrusted guardianshipType incomeSources economicHardship residenceAddress
"""
POINT = f"query Point($id: ID!) {{ child(id: $id) {{ {CHILD} {PARTS} }} }}"
BY_NUMBER = f"query Point($number: CitizenId!) {{ child(citizenId: $number) {{ {CHILD} {PARTS} }} }}"
LIST = """query List($town: DivisionCode!, $born: Date!) {
  children(first: 100, filter: {divisionCode: {under: $town}, birthDate: {gt: $born}}) { edges { node {
    name sex birthDate divisionCode schoolingStatus leftBehindType guardianshipType economicHardship
    guardians(first: 5) { edges { node { kind name phone } } }
    enrolments(first: 3) { edges { node { schoolName stage status } } }
    householdRegistrations(first: 3) { edges { node { status } } }
    guardianshipCases(first: 3) { edges { node { status decidedOn } } }
  } } }
}"""
AGGREGATE = """{ aggregate(by: ["Child.divisionCode", "Child.guardianshipType"]) {
  cells { keys { coordinate value } value suppressed } total
} }"""
IDS = """query Ids($town: DivisionCode!, $born: Date!, $after: String) {
  children(first: 100, after: $after, filter: {divisionCode: {under: $town}, birthDate: {gt: $born}}) {
    edges { node { id } } pageInfo { hasNextPage endCursor }
  }
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """A principal under a purpose, and in which mode it asks."""

    name: str
    unit: str
    purpose: str
    denied: str = "refuse"
    division: str | None = None


FULL = Asker(name="full", unit="civil_affairs_bureau", purpose="guardianship_protection")
"""Under the bench's policy every source is open to it, scope `all`."""
MASKED = Asker(name="masked", unit="education_bureau", purpose="dropout_control", denied="null")
REFUSED = Asker(name="refused", unit="womens_federation", purpose="care_service", denied="null")
REAL = (
    Asker(name="civil affairs, real policy", unit="civil_affairs_bureau", purpose="social_assistance", denied="null"),
    Asker(name="court, real policy", unit="district_court", purpose="judicial_proceeding", denied="null"),
)
OPENED = ("Enrolment", "HouseholdRegistration", "GuardianshipCase", "ProcuratorialSupervision")
"""Types that the bench's policy opens to ``FULL`` beside its real grants."""

MIX: Sequence[str] = (
    "{ me { unit key purpose } }",
    "query A($town: DivisionCode!) { children(first: 5, filter: {divisionCode: {under: $town}})"
    " { edges { node { sex divisionCode leftBehindType } } } }",
    "query B { children(first: 3) { edges { node { name sex guardians(first: 2) { edges { node { kind } } } } } } }",
    "query C { statistics(first: 5) { edges { node { indicator value quarter } } } }",
    "query D { children(first: 2) { edges { node { birthDate enrolments(first: 2)"
    " { edges { node { stage status } } } } } } }",
)


def bodies(document: str) -> Mapping[str, str]:
    """The member of a GraphQL request that names the document."""
    return {"query": document}
