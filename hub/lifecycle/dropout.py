"""Domain model, 8.4 -> dropout control as data."""

from __future__ import annotations

from functools import partial
from typing import Final

from hub.lifecycle.step import Change, Clock, Cycle, Fixed, OneMore, State, Step, actors

STATE: Final = "DropoutRecord.status"
BUREAU: Final = actors("dropout_control", "education_bureau")
TOWN: Final = actors("dropout_control", "town_government")
OPEN: Final = ("REGISTERED", "PERSUADING", "REPORTED", "ENFORCING")

_step = partial(Step, cycle="dropout", subject="DropoutRecord", state=STATE)
"""A step about a row of the cycle's own type."""

STATES: Final = (
    State("REGISTERED", "已登记", "registered"),
    State("PERSUADING", "劝返中", "persuading"),
    State("REPORTED", "已书面报告", "reported in writing"),
    State("ENFORCING", "依法采取措施", "lawful measures taken"),
    State("RETURNED", "已复学", "back at school", final=True),
    State("CLOSED_OTHER", "其他销号", "closed for another reason", final=True),
)

STEPS: Final = (
    _step(
        name="registerDropout",
        zh="登记辍学",
        en="register a dropout",
        clause="2.1.2",
        who=BUREAU,
        target="REGISTERED",
        about="Enrolment",
        changes=(
            Change(
                relation="DropoutRecord",
                creates=True,
                needs=("reason",),
                sets=(("registeredOn", Clock("today")), ("persuasionCount", Fixed(0))),
            ),
        ),
        conditions=("absence_on_record",),
    ),
    _step(
        name="recordPersuasion",
        zh="登记劝返",
        en="record that the child was persuaded to return",
        clause="2.1.2",
        who=BUREAU,
        origin=("REGISTERED", "PERSUADING"),
        target="PERSUADING",
        changes=(Change(relation="DropoutRecord", sets=(("persuasionCount", OneMore()),)),),
    ),
    _step(
        name="reportDropout",
        zh="书面报告教育局和镇街",
        en="report in writing to the bureau and to the town, since persuasion failed",
        clause="2.1.2",
        who=BUREAU,
        origin=("PERSUADING",),
        target="REPORTED",
        changes=(Change(relation="DropoutRecord", needs=("bureauReportedOn", "townReportedOn")),),
    ),
    _step(
        name="enforceReturn",
        zh="依法采取措施劝返",
        en="take lawful measures",
        clause="2.1.2",
        who=(*TOWN, *BUREAU),
        origin=("REPORTED",),
        target="ENFORCING",
    ),
    _step(
        name="returnToSchool",
        zh="复学",
        en="record the return to school",
        clause="2.1.2",
        who=BUREAU,
        origin=OPEN,
        target="RETURNED",
        changes=(Change(relation="DropoutRecord", may=("returnedOn",), absent=(("returnedOn", Clock("today")),)),),
    ),
    _step(
        name="closeDropout",
        zh="其他销号",
        en="close for transfer, death or turning 16",
        clause="2.1.2",
        who=BUREAU,
        origin=OPEN,
        target="CLOSED_OTHER",
        explained=True,
    ),
)

CYCLE: Final = Cycle(name="dropout", zh="控辍保学", en="dropout control", state=STATE, states=STATES, steps=STEPS)
