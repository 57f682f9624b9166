"""Domain model, 9 -> reconciliation as data: what people do of items and candidates, and how a comparison is asked for.

Items and candidates are made, closed and opened again by comparisons (``hub/reconcile/items.py``). A candidate is an
item of the class ``LINK_CANDIDATE`` together with a link of the same key; both change in one transaction.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from hub.lifecycle.step import Change, Clock, Credential, Cycle, Fixed, State, Step, actors

STATE: Final = "ReconciliationItem.status"
CIVIL: Final = actors("data_reconciliation", "civil_affairs_bureau")
ANSWERING: Final = actors(
    "data_reconciliation",
    "town_government",
    "education_bureau",
    "public_security_bureau",
    "civil_affairs_bureau",
)

_step = partial(Step, cycle="reconciliation", subject="ReconciliationItem", state=STATE, clause="2.4")
"""A step about a row of the cycle's own type."""

STATES: Final = (
    State("OPEN", "待核实", "open"),
    State("ANSWERED", "已答复", "answered"),
    State("CORRECTED", "已更正", "corrected, or confirmed as one child", final=True),
    State("EXPLAINED", "已说明", "explained, or refused as two children", final=True),
)


def _link(status: str) -> Change:
    return Change(relation="Link", sets=(("_status", Fixed(status)), ("_decidedAt", Clock("now"))))


_BY_HAND: Final = Change(relation="ReconciliationItem", sets=(("_closedIn", Fixed(None)),))
"""No comparison has found agreement: the next one judges it."""


def _order(name: str, zh: str, en: str, quarter: Clock) -> Step:
    """A comparison asked for: ``hub/reconcile/orders.py`` runs it, once, whichever hub dies meanwhile."""
    made = (
        ("_quarter", quarter),
        ("_unit", Credential("unit")),
        ("_operator", Credential("operator")),
        ("_askedAt", Clock("now")),
    )
    return Step(
        name=name,
        zh=zh,
        en=en,
        cycle="reconciliation",
        clause="2.4",
        who=CIVIL,
        subject="ReconciliationOrder",
        changes=(Change(relation="ReconciliationOrder", creates=True, sets=made),),
        rests=(STATE,),
    )


STEPS: Final = (
    _order("compareQuarter", "比对本季度数据", "compare the running quarter", Clock("quarter")),
    _order("compareLastQuarter", "比对上季度数据", "compare the quarter before", Clock("last_quarter")),
    _step(
        name="answerDiscrepancy",
        zh="答复已核实",
        en="answer that it was looked into, and corrected where it was wrong",
        who=ANSWERING,
        origin=("OPEN",),
        target="ANSWERED",
        conditions=("asked_of_the_writer", "is_discrepancy"),
    ),
    _step(
        name="acceptCorrection",
        zh="认定已更正",
        en="hold it to be corrected, until a comparison finds that it is not",
        who=CIVIL,
        origin=("OPEN", "ANSWERED"),
        target="CORRECTED",
        changes=(_BY_HAND,),
        conditions=("is_discrepancy",),
    ),
    _step(
        name="explainDiscrepancy",
        zh="认定情况属实",
        en="hold it to be explained, until one of the values compared changes",
        who=CIVIL,
        origin=("OPEN", "ANSWERED"),
        target="EXPLAINED",
        conditions=("is_discrepancy",),
        explained=True,
    ),
    _step(
        name="reopenDiscrepancy",
        zh="退回重新核实",
        en="send it back to be looked into again",
        who=CIVIL,
        origin=("ANSWERED", "CORRECTED", "EXPLAINED"),
        target="OPEN",
        changes=(_BY_HAND,),
        conditions=("is_discrepancy",),
        explained=True,
    ),
    _step(
        name="confirmLink",
        zh="确认为同一儿童",
        en="confirm that both records are of one child",
        who=CIVIL,
        origin=("OPEN",),
        target="CORRECTED",
        changes=(_link("CONFIRMED"),),
        conditions=("is_candidate", "person_linked_to_no_other_file"),
    ),
    _step(
        name="refuseLink",
        zh="认定不是同一儿童",
        en="refuse: they are two children",
        who=CIVIL,
        origin=("OPEN",),
        target="EXPLAINED",
        changes=(_link("REFUSED"),),
        conditions=("is_candidate",),
    ),
    _step(
        name="undoLink",
        zh="撤销关联认定",
        en="take a decision on a candidate back",
        who=CIVIL,
        origin=("CORRECTED", "EXPLAINED"),
        target="OPEN",
        changes=(_link("CANDIDATE"),),
        conditions=("is_candidate",),
        explained=True,
    ),
)

CYCLE: Final = Cycle(
    name="reconciliation",
    zh="比对核实",
    en="reconciliation",
    state=STATE,
    states=STATES,
    steps=STEPS,
    begun="OPEN",
)
