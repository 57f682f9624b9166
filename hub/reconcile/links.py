"""What a person of a source has to do with a file: a link as the hub keeps it, and a candidate that was found.

Guarantee: a link holds keys, how sure it is and how far each feature agrees; never a value.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, TypeAlias

LinkStatus: TypeAlias = Literal["CONFIRMED", "CANDIDATE", "REFUSED"]

STEPS: frozenset[tuple[str, str]] = frozenset(
    {
        ("CANDIDATE", "CONFIRMED"),
        ("CANDIDATE", "REFUSED"),
        ("CONFIRMED", "CANDIDATE"),
        ("REFUSED", "CANDIDATE"),
    }
)
"""(was, now): civil affairs confirm or refuse a candidate, and take either back with a reason."""


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


def step_problem(was: str, now: str, reason: str | None) -> str | None:
    """Why a person may not take this step; None if they may."""
    if (was, now) not in STEPS:
        return f"a link that is `{was}` cannot become `{now}`"
    if now == "CANDIDATE" and not (reason or "").strip():
        return "a decision is taken back with a reason"
    return None
