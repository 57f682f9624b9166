"""Many reports on their way at once, one step a round: whose turn it is, and what each step changes in which rows.

What a step changes is written here from the domain model's section 8.1, apart from the hub's own table of steps, so
that what subscribers are told can be held against it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLEnumType

from connectors.source import Source
from tests.support.course import ASSESSED, EMERGENCY, GUARDIANSHIP, POLICE, WOMEN, Course, Turn
from tests.support.served import Child, Served
from tests.support.steps import POLICY, TYPES
from tests.support.world import Row, World

AT_ONCE = 8
ENDS = ("CLOSED", "UNFOUNDED", "MERGED")
MEASURES = {"measures": ["ESCORT_TO_CARE", "CONTACT_PARENTS"], "parentsReached": False, "placementKind": "KIN"}
ROUNDS = (
    "reportConcern", "matchReport", "dispatch", "recordMeasures", "notifyTown", "notifyVillage", "assess",
    "planAssistance", "care", "closeReport",
)  # fmt: skip
"""The ordinary course; side exits take the place of a step."""
STATUS = {
    "reportConcern": "REPORTED",
    "dispatch": "DISPATCHED",
    "recordMeasures": "HANDLED",
    "notifyTown": "TOWN_NOTIFIED",
    "assess": "ASSESSED",
    "planAssistance": "PLANNED",
    "closeReport": "CLOSED",
    "findUnfounded": "UNFOUNDED",
    "mergeReport": "MERGED",
}
CHANGED: Mapping[str, Mapping[str, frozenset[str]]] = {
    "reportConcern": {
        "MandatoryReport": frozenset(
            ["status", "divisionCode", "narrative", "concernKinds", "reporterKind", "reporterUnit", "reportedAt"]
        )
    },
    "matchReport": {},
    "dispatch": {
        "MandatoryReport": frozenset({"status", "acceptedAt"}),
        "Incident": frozenset({"dispatchedAt"}),
    },
    "recordMeasures": {"MandatoryReport": frozenset({"status"}), "Incident": frozenset(MEASURES)},
    "notifyTown": {"MandatoryReport": frozenset({"status"}), "Incident": frozenset({"townNotifiedAt"})},
    "notifyVillage": {"Incident": frozenset({"villageNotifiedAt"})},
    "findUnfounded": {
        "MandatoryReport": frozenset({"status"}),
        "Incident": frozenset({"findings", "townNotifiedAt"}),
    },
    "mergeReport": {"MandatoryReport": frozenset({"status"})},
    "assess": {"MandatoryReport": frozenset({"status"})},
    "planAssistance": {"MandatoryReport": frozenset({"status"})},
    "care": {},
    "closeReport": {"MandatoryReport": frozenset({"status"})},
}
"""Step -> type -> fields that it writes, of the types of whose changes somebody may be told."""
KINDS = {POLICY.institutions[code].kind: f"mandatory_reporter:{code}" for code in sorted(POLICY.institutions)}
OTHERS = {"OTHER_CITIZEN": "finance_bureau", "SOCIAL_ORGANISATION": WOMEN}


def values_of(enum: str) -> list[str]:
    """Every value of an enum of the schema."""
    found = TYPES[enum]
    assert isinstance(found, GraphQLEnumType)
    return list(found.values)


def reporters_of(child: Child) -> dict[str, str]:
    """A reporter of each of the nine kinds, by kind."""
    found = {**KINDS, **OTHERS, "VILLAGE_COMMITTEE": child.committee}
    return {kind: found[kind] for kind in values_of("ReporterKind")}


@dataclass(slots=True, kw_only=True)
class Driven:
    """One report, and to which end it is driven; ``into``: the one that it is merged into; ``taken``: steps so far."""

    course: Course
    end: str
    kind: str
    concern: str
    early: bool = False
    into: Course | None = None
    taken: list[str] = field(default_factory=list)

    @property
    def reporter(self) -> str:
        """Who reports."""
        return reporters_of(self.course.child)[self.kind]

    def step(self, number: int) -> str | None:
        """What it takes in this round."""
        ordinary = ROUNDS[number]
        if self.end == "OPEN":
            return ordinary if number == 0 else None
        if self.end == "MERGED" and ordinary == "dispatch" and self.early:
            return "mergeReport"
        if number < ROUNDS.index("recordMeasures") or self.end == "CLOSED":
            return ordinary
        if ordinary != "recordMeasures" or (self.end == "MERGED" and self.early):
            return None
        return "findUnfounded" if self.end == "UNFOUNDED" else "mergeReport"

    def turn(self, step: str) -> Turn:
        """Who takes the step, with what."""
        child = self.course.child
        police: dict[str, Mapping[str, Any]] = {
            "matchReport": {"number": child.citizen},
            "recordMeasures": MEASURES,
            "findUnfounded": {"findings": "未见异常（虚构）"},
        }
        town: dict[str, Mapping[str, Any]] = {
            "assess": ASSESSED,
            "planAssistance": {"services": [{"kind": "COUNSELLING", "providerUnit": WOMEN}]},
            "closeReport": {},
        }
        if step in town:
            return Turn(who=child.town, purpose=GUARDIANSHIP, step=step, given=town[step])
        given = police.get(step, {})
        if step == "mergeReport":
            assert self.into is not None
            given = {"into": self.course.served.id(POLICE, "MandatoryReport", self.into.key)}
        return Turn(who=POLICE, purpose=EMERGENCY, step=step, given=given)


@dataclass(slots=True, kw_only=True)
class Drive:
    """The reports; ``driven`` are those that come to an end, ``open_`` those that some are merged into."""

    served: Served
    departments: Mapping[str, Source]
    driven: list[Driven]
    open_: list[Driven]
    again: bool = False
    """Whether a step may be sent again under its key."""

    @classmethod
    def of(cls, served: Served, departments: Mapping[str, Source], children: Iterable[Child], count: int) -> Drive:
        """So many reports, each of a child of its own: every kind of reporter with every end and every concern."""
        concerns, driven, open_ = values_of("ConcernKind"), list[Driven](), list[Driven]()
        for number, child in zip(range(count), children, strict=False):
            turn = number + number // 9
            kind, concern = values_of("ReporterKind")[number % 9], concerns[(number + number // 9) % len(concerns)]
            course = Course(served=served, departments=departments, child=child)
            one = Driven(course=course, end=ENDS[turn % 3], kind=kind, concern=concern, early=bool(number % 2))
            if one.end == "MERGED":
                into = Course(served=served, departments=departments, child=child)
                open_.append(Driven(course=into, end="OPEN", kind="SOCIAL_ORGANISATION", concern=concern))
                one.into = into
            driven.append(one)
        assert len(driven) == count, "there are too few children"
        return cls(served=served, departments=departments, driven=driven, open_=open_)

    @property
    def every(self) -> list[Driven]:
        """All reports."""
        return [*self.driven, *self.open_]

    def steps(self, number: int) -> list[tuple[Driven, str]]:
        """Who takes what in this round."""
        return [(one, step) for one in self.every if (step := one.step(number)) is not None]

    async def round(self, number: int) -> list[tuple[Driven, str]]:
        """Everybody takes the step of the round, several at once; what was taken."""
        turns, steps = asyncio.Semaphore(AT_ONCE), self.steps(number)

        async def one(driven: Driven, step: str) -> None:
            async with turns:
                await self.take(driven, step)

        await asyncio.gather(*(one(driven, step) for driven, step in steps))
        return steps

    async def take(self, driven: Driven, step: str) -> None:
        """The step, by whose it is."""
        course = driven.course
        if step == "reportConcern":
            reply = await course.reported(driven.reporter, concernKinds=[driven.concern])
        elif step == "care":
            await course.care_ends()
            driven.taken.append(step)
            return
        else:
            reply = await course.take(driven.turn(step))
        assert reply.status == 200, (step, driven.kind, reply.json)
        assert self.again or not reply.data[step]["again"]
        driven.taken.append(step)


def rows_of_drive(drive: Drive, world: World) -> Iterator[tuple[str, Row]]:
    """(type, row) of everything that belongs to the reports and to their children's files."""
    for one in drive.every:
        key = one.course.key
        yield from (("MandatoryReport", row) for row in world.by("public_security", "MandatoryReport", "_key", key))
        for incident in world.by("public_security", "Incident", "_report", key):
            yield "Incident", incident
            for assessed in world.by("civil_affairs", "Assessment", "_incident", incident["_key"]):
                yield "Assessment", assessed
                records = world.by("civil_affairs", "AssistanceRecord", "_assessment", assessed["_key"])
                yield from (("AssistanceRecord", record) for record in records)
    for one in drive.driven:
        yield from (
            ("Child", row) for row in world.by("civil_affairs", "Child", "_register", one.course.child.register)
        )
