"""Entries, holds and releases -> which entries a family may be told of: none of reporting, those of proceedings later.

Guarantee: an entry that would tell who reported is told to no family, whatever is released; an entry of a proceeding
is held back by default, until the police or the procuratorate release its case, and again while one of them holds it.
Nothing here depends on where an entry stands in the log or what stands beside it, but for holds and releases.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

from hub.audit.entry import AccessDecision, Entry, Kind, Pseudonyms
from hub.audit.naming import Recorded

POLICE: Final = "public_security_bureau"
HOLDERS: Final = frozenset({POLICE, "district_procuratorate"})
"""Who may hold entries back and release them."""
INVESTIGATORS: Final = HOLDERS | {"district_court"}
PROCEEDING_PURPOSES: Final = frozenset({"emergency_response", "judicial_proceeding", "legal_supervision"})
"""For which a hold or a release may be declared."""

REPORTING_PURPOSE: Final = "emergency_response"
"""For which alone own reports are read: under it a read by anyone but the police says who may have reported."""
_TOLD_KINDS: Final = frozenset({"disclosure", "event"})
_TELLING_PURPOSES: Final = PROCEEDING_PURPOSES | {"legal_aid", "medical_care"}
"""Purposes that tell of a proceeding, an injury or a suit, whoever declares them."""
_ROUTINE: Final = frozenset({"data_reconciliation", "statistics", "survey_management"})
"""What investigators read for these purposes has nothing to do with a proceeding."""
PROCEEDING_TYPES: Final = frozenset(
    {"MandatoryReport", "Incident", "Assessment", "CriminalCase", "ProcuratorialSupervision", "GuardianshipCase"}
)
"""Types whose rows exist only where there is a proceeding (an assessment follows a notice by the police)."""

Act: TypeAlias = Literal["hold", "release"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds or releases: as its verified credential and declaration say; ``case`` is a pseudonym or empty."""

    unit: str
    client: str
    operator: str
    purpose: str
    case: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A child as the log names it: pseudonyms of its numbers, and of the file's own row (empty if not known)."""

    names: frozenset[str]
    row: str = ""

    @classmethod
    def of(cls, pseudonyms: Pseudonyms, *, citizen_id: str | None, register: str | None) -> Child:
        """The child of these numbers; what holds for one that is not given is not found."""
        names = [pseudonyms.citizen(citizen_id)] if citizen_id else []
        names += [pseudonyms.register(register)] if register else []
        return cls(names=frozenset(names), row=pseudonyms.record("Child", register) if register else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a family is told of one entry: when, who, why, which coordinates in clear and masked."""

    at: datetime
    unit: str
    purpose: str
    clear: frozenset[str]
    masked: frozenset[str]


def told(entry: Recorded) -> bool:
    """Whether the entry could ever be told to a family: a disclosure from which nobody learns who reported."""
    return (
        entry.kind in _TOLD_KINDS
        and not entry.unit.startswith(("a-", "mandatory_reporter"))
        and (entry.purpose != REPORTING_PURPOSE or entry.unit == POLICE)
    )


def of_proceeding(entry: Recorded) -> bool:
    """Whether who read, or why, tells of a proceeding: then the whole entry is held back until released."""
    # A case reference alone does not: it may be declared for any purpose, and would let a unit hide what it reads.
    return entry.purpose in _TELLING_PURPOSES or (entry.unit in INVESTIGATORS and entry.purpose not in _ROUTINE)


def tellable(entries: Sequence[Recorded], child: Child) -> list[Told]:
    """What the family of ``child`` is told of ``entries``, which are in the order of the tree."""
    acts = [entry for entry in entries if entry.kind in ("hold", "release") and entry.unit in HOLDERS]
    seen = (_told(entry, acts, child) for entry in entries if told(entry) and entry.subjects & child.names)
    return [each for each in seen if each is not None and each.clear | each.masked]


def _told(entry: Recorded, acts: Iterable[Recorded], child: Child) -> Told | None:
    """All of the entry if it is of no proceeding or released; else what it says beside the proceeding, if anything."""
    proceeding = {name for name in entry.released | entry.masked if name.partition(".")[0] in PROCEEDING_TYPES}
    if not (proceeding or of_proceeding(entry)) or _released(entry, acts, child):
        proceeding = set()
    elif of_proceeding(entry) or child.row not in entry.subjects:
        # Without the file's own row, the child may be named for the proceeding alone.
        return None
    # Cut, not left out: daily reads must not stop in the report from the day on which a proceeding is read with them.
    return Told(
        at=entry.at,
        unit=entry.unit,
        purpose=entry.purpose,
        clear=entry.released - proceeding,
        masked=entry.masked - proceeding,
    )


def _released(entry: Recorded, acts: Iterable[Recorded], child: Child) -> bool:
    """Whether a holder's last word on the entry's case is a release after it, and nobody's is a hold.

    A hold is matched by every name in the entry, a release only by those asked for: what is unclear stays held.
    """
    last: dict[str, Recorded] = {}
    for act in acts:
        matched = child.names if act.kind == "release" else child.names | entry.subjects
        if act.case == entry.case and act.subjects & matched:
            last[act.unit] = act
    words = {act.kind for act in last.values() if act.kind == "hold" or act.at >= entry.at}
    return words == {"release"}


def act_entry(act: Act, holder: Holder, subjects: Sequence[str], *, request: str, at: datetime) -> Entry:
    """The entry of a hold or a release; of a refused try, where ``holder`` is not one who may."""
    allowed = holder.unit in HOLDERS
    kind: Kind = act if allowed else "refusal"
    decision: AccessDecision = "ALLOWED" if allowed else "DENIED"
    return Entry(
        kind=kind,
        request=request,
        at=at,
        unit=holder.unit,
        decision=decision,
        client=holder.client,
        operator=holder.operator,
        purpose=holder.purpose,
        case=holder.case,
        subjects=subjects,
        facts=(f"act={act}",),
        errors=() if allowed else ("NOT_ENTITLED",),
    )
