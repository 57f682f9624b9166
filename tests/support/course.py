"""The course of a report over HTTP: who takes which step, and everybody else who tries it as well."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.source import All, Compare, Constant, Source
from hub.lifecycle.steps import STEPS
from tests.support.served import Child, Reply, Served
from tests.support.steps import POLICY, row_of, rows_of

POLICE, CIVIL, WOMEN = "public_security_bureau", "civil_affairs_bureau", "womens_federation"
COURT, PROCURATORATE, EDUCATION = "district_court", "district_procuratorate", "education_bureau"
EMERGENCY, GUARDIANSHIP, CARE = "emergency_response", "guardianship_protection", "care_service"
ASSESSED = {
    "safetySituation": "POOR",
    "guardianshipSituation": "NONE",
    "riskLevel": "HIGH",
    "conclusion": "需要帮扶（虚构）",
}
MEASURES = {"measures": ["CONTACT_PARENTS"], "parentsReached": False}
NOWHERE = {"NOT_ENTITLED", "INVALID_INPUT"}
"""What is told to whoever may not take a step at all, or not of this row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A step that is due: who takes it, of which row, with what."""

    who: str
    purpose: str
    step: str
    given: Mapping[str, Any] = field(default_factory=dict)
    subject: str = "MandatoryReport"
    key: str | None = None


@dataclass(slots=True, kw_only=True)
class Course:
    """One report on its way."""

    served: Served
    departments: Mapping[str, Source]
    child: Child
    key: str = ""

    async def reported(self, who: str | None = None, **more: Any) -> Reply:
        """Reports the child; the key of the report is the course's from now on."""
        mark = f"独自在家（虚构 {secrets.token_hex(4)}）"
        given = {"divisionCode": self.child.village, "narrative": mark, **more}
        reply = await self.served.step(who or self.child.committee, EMERGENCY, "reportConcern", **given)
        self.key = await self.key_of(mark)
        return reply

    async def key_of(self, narrative: str) -> str:
        """The key of the one report with this account."""
        [row] = await rows_of(
            self.departments, "MandatoryReport", Compare("narrative", "eq", Constant(narrative)), {}, "_key"
        )
        return str(row["_key"])

    async def status(self) -> str:
        """How the report stands."""
        row = await row_of(self.departments, "MandatoryReport", self.key, "status")
        assert row is not None
        return str(row["status"])

    async def take(self, turn: Turn, answer: str = "step again", *, key: str | None = None, **more: Any) -> Reply:
        """The step, by whose it is."""
        return await self.tried(turn.who, turn.purpose, turn, answer, key=key, **more)

    async def tried(
        self, who: str, purpose: str, turn: Turn, answer: str = "step again", *, key: str | None = None, **more: Any
    ) -> Reply:
        """The step, by anybody, who knows the row by the id that would be its own."""
        row = self.served.id(who, turn.subject, turn.key or self.key)
        return await self.served.step(who, purpose, turn.step, answer, key=key, id=row, **{**turn.given, **more})

    async def until(self, status: str) -> None:
        """The ordinary course as far as this state."""
        for turn in self.police():
            if await self.status() == status:
                return
            reply = await self.take(turn)
            assert reply.status == 200, (turn, reply.json)
        assert await self.status() == status

    def police(self) -> tuple[Turn, ...]:
        """What the police do until the town is told."""
        return (
            Turn(who=POLICE, purpose=EMERGENCY, step="matchReport", given={"number": self.child.citizen}),
            Turn(who=POLICE, purpose=EMERGENCY, step="dispatch"),
            Turn(who=POLICE, purpose=EMERGENCY, step="recordMeasures", given=MEASURES),
            Turn(who=POLICE, purpose=EMERGENCY, step="notifyTown"),
        )

    async def care_ends(self) -> None:
        """The planned service ends, whatever else ran for the child is cancelled, a capable guardian is entered."""
        child, served = self.child, self.served
        running = Compare("status", "in", Constant(["PLANNED", "ACTIVE"]))
        where = All((Compare("_register", "eq", Constant(child.register)), running))
        for row in await rows_of(self.departments, "AssistanceRecord", where, {}, "_key", "providerUnit", "kind"):
            key, own = row["_key"], (row["providerUnit"], row["kind"]) == (WOMEN, "COUNSELLING")
            for turn in _ended(key) if own else (_cancelled(child, key),):
                if (await self.take(turn)).status != 200:
                    assert turn.step == "startService", "a service of the demo's may have begun"
        guardian = {"kind": "ENTRUSTED", "name": "虚构人", "capacity": "CAPABLE"}
        file = served.id(child.town, "Child", child.register, "")
        entered = await served.step(child.town, GUARDIANSHIP, "enterGuardian", child=file, **guardian)
        assert entered.status == 200, entered.json

    def others(self, turn: Turn, strangers: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Every other principal, for each purpose for which anybody takes the step, and the right one for another."""
        purposes = sorted({purpose for actor in STEPS[turn.step].who for purpose in actor.purposes})
        for unit_key in (*everybody(self.child), *strangers):
            if unit_key != turn.who:
                yield from ((unit_key, purpose) for purpose in purposes)
        yield turn.who, next(name for name in ("statistics", "data_reconciliation") if name not in purposes)


def _ended(key: str) -> tuple[Turn, ...]:
    """A service begins and ends by its provider."""
    return tuple(
        Turn(who=WOMEN, purpose=CARE, step=step, subject="AssistanceRecord", key=key)
        for step in ("startService", "completeService")
    )


def _cancelled(child: Child, key: str) -> Turn:
    """A service is cancelled by the town."""
    given = {"reason": "不再需要（虚构）"}
    what = {"step": "cancelService", "subject": "AssistanceRecord", "key": key}
    return Turn(who=child.town, purpose="social_assistance", given=given, **what)


def everybody(child: Child) -> list[str]:
    """A principal of every unit, the child's own town and village among them."""
    plain = [unit for unit in POLICY.units if unit not in ("town_government", "village_committee")]
    institution = next(iter(POLICY.institutions))
    plain = [f"{unit}:{institution}" if unit == "mandatory_reporter" else unit for unit in plain]
    return [*plain, child.town, child.committee]


def strangers_to(child: Child, children: Sequence[Child]) -> list[str]:
    """Another town, another village of the same town, and a village of another town."""
    town = next(one for one in children if one.town != child.town)
    villages = [code for code in POLICY.divisions if len(code) == 12 and code.startswith(child.village[:9])]
    village = next(code for code in villages if code != child.village)
    return [town.town, town.committee, f"village_committee:{village}"]
