"""What the hub itself gives to a step -> values in schema terms: clock, credential, what is fixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.source import Constant, Param
from connectors.write import Next
from hub.identity import Identity
from hub.lifecycle.step import Clock, Credential, Fixed, OneMore, Set
from policies.policy import Policy

OF_INSTITUTIONS: Mapping[str, str] = {
    "education_bureau": "SCHOOL",
    "health_commission": "MEDICAL_INSTITUTION",
    "civil_affairs_bureau": "RESCUE_INSTITUTION",
    "village_committee": "VILLAGE_COMMITTEE",
}
"""Unit -> the kind of reporter as which it reports, by itself or for its institutions (domain model, 8.1)."""

APPLICANTS: Mapping[str, str] = {"village_committee": "VILLAGE_COMMITTEE", "civil_affairs_bureau": "CIVIL_AFFAIRS"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Who takes a step, when, under which policy; ``now`` is local to Asia/Shanghai."""

    identity: Identity
    policy: Policy
    now: datetime

    @property
    def quarter(self) -> str:
        """The running quarter, as 2017Q2."""
        return f"{self.now.year}Q{(self.now.month + 2) // 3}"

    def operand(self, name: str, given: Set) -> tuple[Param | Constant | Next, Mapping[str, Any]]:
        """How a statement names the value, and what is bound for it."""
        match given:
            case Fixed(value):
                return Constant(list(value) if isinstance(value, tuple) else value), {}
            case OneMore():
                return Next(), {}
            case Clock(of):
                return Param(name), {name: self._clock(of)}
            case Credential(of):
                return Param(name), {name: self._credential(of)}

    def _clock(self, of: str) -> str:
        year, number = self.now.year, (self.now.month + 2) // 3
        return {
            "now": self.now.isoformat(),
            "today": self.now.date().isoformat(),
            "quarter": self.quarter,
            "last_quarter": f"{year}Q{number - 1}" if number > 1 else f"{year - 1}Q4",
        }[of]

    def _credential(self, of: str) -> str | None:
        unit = self.identity.unit
        match of:
            case "unit":
                return self.identity.key
            case "operator":
                return self.identity.operator
            case "division":
                return self.identity.division
            case "level":
                return "TOWN" if unit == "town_government" else "VILLAGE"
            case "applicant_kind":
                return APPLICANTS[unit]
        return self._reporter_kind()

    def _reporter_kind(self) -> str:
        institution = self.policy.institutions.get(self.identity.institution or "")
        if institution is not None:
            return institution.kind
        unit = self.identity.unit
        mass = self.policy.units[unit].kind == "mass_organisation"
        return OF_INSTITUTIONS.get(unit, "SOCIAL_ORGANISATION" if mass else "OTHER_CITIZEN")
