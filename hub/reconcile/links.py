"""What a person of a source has to do with a file: a link as the hub keeps it, and a candidate that was found.

Guarantee: a link holds keys, how sure it is and how far each feature agrees; never a value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

CLASS: Final = "LINK_CANDIDATE"
"""Class of the item that civil affairs decides a link by; it has the link's id."""
TASK: Final = "确认是否为同一儿童"
_OWN: Final = ("Link._probability", "Link._evidence")
COORDINATES: Final[Mapping[str, tuple[str, ...]]] = {
    "education": (*_OWN, "Child.name", "Child.birthDate", "Child.citizenId", "Enrolment.studentNumber"),
    "public_security": (
        *_OWN,
        *("Child.name", "HouseholdRegistration.name"),
        *("Child.birthDate", "HouseholdRegistration.birthDate"),
        *("Child.citizenId", "HouseholdRegistration.citizenId"),
    ),
}
"""By the person's source: what is shown of a candidate. Education shares no names (the domain's fields have none)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link that the hub keeps."""

    id: str
    source: str
    person: str
    register: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A pair that may be one child."""

    source: str
    person: str
    register: str
    probability: float
    evidence: tuple[str, ...]

    @property
    def id(self) -> str:
        """The number of its link, the same whenever it is found."""
        digest = hashlib.sha256("\n".join((self.source, self.person, self.register)).encode()).hexdigest()
        return f"L{digest[:20]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """What the linkage does: candidates found (anew or again), ids of candidates that are joined otherwise by now."""

    candidates: tuple[Candidate, ...]
    withdrawn: tuple[str, ...]
