"""Domain model, 2.6, 2.8 and 3.1.16-20 -> the life cycle of one service or relief as data."""

from __future__ import annotations

from functools import partial
from typing import Final

from hub.lifecycle.step import Actor, Change, Clock, Cycle, Fixed, State, Step, actors

STATE: Final = "AssistanceRecord.status"
PLANNERS: Final = (
    Actor("town_government", ("social_assistance", "guardianship_protection")),
    *actors("social_assistance", "civil_affairs_bureau"),
)
PROVIDERS: Final = (
    *PLANNERS,
    *actors("social_assistance", "housing_bureau"),
    *actors("legal_aid", "justice_bureau"),
    *actors("medical_care", "health_commission"),
    *actors(
        "care_service",
        "trade_union_federation",
        "womens_federation",
        "disabled_persons_federation",
        "organs_work_committee",
        "youth_league_committee",
    ),
)
RUNNING: Final = ("PLANNED", "ACTIVE")

_step = partial(Step, cycle="assistance", subject="AssistanceRecord", state=STATE)
"""A step about a row of the cycle's own type."""

STATES: Final = (
    State("PLANNED", "已计划", "planned"),
    State("ACTIVE", "进行中", "active"),
    State("COMPLETED", "已完成", "completed", final=True),
    State("REFUSED", "拒绝", "refused", final=True),
    State("CANCELLED", "已取消", "cancelled", final=True),
)

STEPS: Final = (
    _step(
        name="planService",
        zh="安排救助帮扶",
        en="plan a service or relief for a child",
        clause="2.6",
        who=PLANNERS,
        target="PLANNED",
        about="Child",
        changes=(
            Change(
                relation="AssistanceRecord",
                creates=True,
                needs=("kind", "providerUnit"),
                may=("amount",),
                sets=(("eligibility", Fixed("PENDING")),),
            ),
        ),
    ),
    _step(
        name="decideEligibility",
        zh="核定资格",
        en="decide on eligibility",
        clause="2.6",
        who=actors("social_assistance", "civil_affairs_bureau", "housing_bureau"),
        origin=RUNNING,
        changes=(Change(relation="AssistanceRecord", needs=("eligibility",)),),
    ),
    _step(
        name="setAmount",
        zh="核定金额",
        en="set the amount of a relief",
        clause="2.6",
        who=actors("social_assistance", "civil_affairs_bureau"),
        origin=RUNNING,
        changes=(Change(relation="AssistanceRecord", needs=("amount",)),),
    ),
    _step(
        name="startService",
        zh="开始服务",
        en="begin the service",
        clause="2.6",
        who=PROVIDERS,
        origin=("PLANNED",),
        target="ACTIVE",
        changes=(Change(relation="AssistanceRecord", may=("startedOn",), absent=(("startedOn", Clock("today")),)),),
    ),
    _step(
        name="completeService",
        zh="完成服务",
        en="complete the service",
        clause="2.6",
        who=PROVIDERS,
        origin=("ACTIVE",),
        target="COMPLETED",
        changes=(Change(relation="AssistanceRecord", may=("endedOn",), absent=(("endedOn", Clock("today")),)),),
    ),
    _step(
        name="refuseService",
        zh="拒绝",
        en="record that the service was refused",
        clause="2.6",
        who=PROVIDERS,
        origin=("PLANNED",),
        target="REFUSED",
        explained=True,
    ),
    _step(
        name="cancelService",
        zh="取消服务",
        en="cancel the service",
        clause="2.6",
        who=PLANNERS,
        origin=RUNNING,
        target="CANCELLED",
        changes=(Change(relation="AssistanceRecord", sets=(("endedOn", Clock("today")),)),),
        explained=True,
    ),
)

CYCLE: Final = Cycle(
    name="assistance", zh="救助帮扶", en="assistance and services", state=STATE, states=STATES, steps=STEPS
)
