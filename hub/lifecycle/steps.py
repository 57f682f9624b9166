"""The one table: every state and step of the life cycles that write, and the clocks that they start and stop.

Guards (``guard.py``), documentation and diagrams (``drawn.py``) and the writes themselves (``write.py``) are made of
it. A test holds it equal to the policy's ``report`` and ``update`` lines; ``APART`` and
``WIDER`` name what no step uses, and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hub.lifecycle import assistance, census, dropout, guardianship, reconciliation, report, survey
from hub.lifecycle.step import Cycle, Deadline, Step

CYCLES: Final = (
    report.CYCLE,
    assistance.CYCLE,
    survey.CYCLE,
    guardianship.CYCLE,
    guardianship.SUPERVISION_CYCLE,
    dropout.CYCLE,
    reconciliation.CYCLE,
)

ALONE: Final = (census.STEP,)
"""Steps of no life cycle: what they write has no states."""

STEPS: Final[Mapping[str, Step]] = {
    step.name: step for steps in (*(cycle.steps for cycle in CYCLES), ALONE) for step in steps
}
"""Steps by name; a name is a step of one cycle alone, or of none."""

CYCLE_OF: Final[Mapping[str, Cycle]] = {cycle.name: cycle for cycle in CYCLES}

DEADLINES: Final[Mapping[str, Deadline]] = {
    deadline.name: deadline
    for deadline in (
        Deadline(name="dispatch", zh="受理出警", en="officers are sent", limit="PT30M", clause="2.5"),
        Deadline(name="notify_town", zh="通报镇街", en="the town is notified", limit="PT24H", clause="2.5"),
        Deadline(name="assess", zh="调查评估", en="the child is assessed", limit="P7D", clause="2.6"),
        Deadline(name="reply", zh="回复检察监督", en="a supervision is answered", limit="P30D", clause="2.7"),
        Deadline(name="survey_village", zh="村居报送", en="the village submits", limit="P5D", clause="2.2"),
        Deadline(name="survey_town", zh="镇街汇总", en="the town summarises", limit="P10D", clause="2.2"),
        Deadline(name="survey_district", zh="区级核准", en="the district accepts", limit="P15D", clause="2.2"),
    )
}
"""Clocks by name; those of the survey run from the quarter's end."""

APART: Final[Mapping[str, str]] = {
    "CriminalCase.outcome": "no life cycle of the hub's: the stage follows from whose row is furthest",
    "CriminalCase.prosecutedOn": "as above",
    "CriminalCase.victimRelief": "as above",
    "HouseholdRegistration.status": "corrected in answer to a discrepancy (domain model, 9)",
}
"""Coordinates with a ``report`` or ``update`` line that no step writes, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unused:
    """What a wildcard line gives and no step of these units uses (no units: of any), and why."""

    units: tuple[str, ...] = ()
    action: str
    type_name: str
    fields: tuple[str, ...]
    why: str


WIDER: Final = (
    Unused(
        action="report",
        type_name="MandatoryReport",
        fields=("acceptedAt",),
        why="a report never sets what the police decide",
    ),
    Unused(
        action="report",
        type_name="GuardianshipCase",
        fields=(
            "acceptedOn",
            "appointedGuardianKind",
            "appointedGuardianName",
            "caseNumber",
            "decidedOn",
            "status",
        ),
        why="an applicant never sets what the court decides",
    ),
    Unused(
        action="report",
        type_name="ProcuratorialSupervision",
        fields=("repliedOn",),
        why="the unit addressed replies, not who supervises it",
    ),
    Unused(
        units=("district_procuratorate",),
        action="update",
        type_name="ProcuratorialSupervision",
        fields=("content", "issuedOn", "kind", "repliedOn", "replyDueOn", "targetUnit"),
        why="a supervision stands as it was issued; another one follows it",
    ),
    Unused(
        units=("town_government",),
        action="update",
        type_name="Assessment",
        fields=("mentalHealth", "physicalHealth"),
        why="the health commission writes the two health fields",
    ),
    Unused(
        units=("town_government",),
        action="update",
        type_name="Child",
        fields=("lastVisitedOn",),
        why="the village visits",
    ),
    Unused(
        units=("village_committee",),
        action="update",
        type_name="Guardian",
        fields=("lastSupervisedOn", "nonPerformanceSince"),
        why="the town supervises guardians",
    ),
    Unused(
        units=("village_committee",),
        action="update",
        type_name="SurveySubmission",
        fields=("returnReason",),
        why="who returns a submission gives the reason",
    ),
)
