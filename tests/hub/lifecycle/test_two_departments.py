"""A step that writes in two departments and is cut off between them: sent again, its second half is made up for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from connectors.source import Bindings, Compare, Constant, SourceError
from connectors.write import Result, Target, Write
from hub.errors import HubError
from tests.support.course import ASSESSED, EMERGENCY, GUARDIANSHIP, MEASURES, POLICE
from tests.support.served import Child, children_of
from tests.support.steps import Steps, writing

pytestmark = pytest.mark.postgres


@dataclass(slots=True)
class Gone:
    """A department that goes away when it is to be written."""

    target: Target
    name: str = "public_security"

    async def write(self, write: Write, bindings: Bindings, *, intent: str, digest: str, deadline: float) -> Result:
        raise SourceError(self.name, "unreachable")

    async def found(self, intent: str, *, deadline: float) -> Any:
        return await self.target.found(intent, deadline=deadline)

    async def settle(self, intent: str, *, deadline: float) -> Any:
        return await self.target.settle(intent, deadline=deadline)

    async def close(self) -> None:
        return None


async def notified(steps: Steps, child: Child) -> str:
    """The key of a report of which the town was told."""
    values = {"MandatoryReport": [{"divisionCode": child.village, "narrative": "独自在家（虚构）"}]}
    taken = await steps(child.committee, EMERGENCY, "reportConcern", values=values)
    (key,) = taken.keys["public_security"]
    await steps(POLICE, EMERGENCY, "matchReport", key=key, number=child.citizen)
    await steps(POLICE, EMERGENCY, "dispatch", key=key)
    await steps(POLICE, EMERGENCY, "recordMeasures", key=key, values={"Incident": [MEASURES]})
    await steps(POLICE, EMERGENCY, "notifyTown", key=key)
    return key


async def test_an_assessment_without_its_state_is_no_assessment_twice_when_it_is_sent_again(
    steps: Steps, targets: Mapping[str, Target]
) -> None:
    child = (await children_of(steps.read))[-1]
    key = await notified(steps, child)
    given: dict[str, Any] = {"name": "two halves", "key": key, "values": {"Assessment": [ASSESSED]}}
    halved = Steps(
        writing=writing(
            steps.read,
            {**targets, "public_security": Gone(targets["public_security"])},
            steps.writing.log,
            steps.clock,
        ),
        read=steps.read,
        clock=steps.clock,
        dsn=steps.dsn,
        opens=steps.opens,
    )
    with pytest.raises(HubError) as caught:
        await halved(child.town, GUARDIANSHIP, "assess", **given)
    assert caught.value.code == "SOURCE_UNAVAILABLE"
    assert await steps.row("MandatoryReport", key, "status") == {"status": "TOWN_NOTIFIED"}
    taken = await steps(child.town, GUARDIANSHIP, "assess", **given)
    assert not taken.again
    assert await steps.row("MandatoryReport", key, "status") == {"status": "ASSESSED"}
    incident = await steps.row("Incident", key, "_key", by="_report")
    assert incident is not None
    of_incident = Compare("_incident", "eq", Constant(incident["_key"]))
    assert len(await steps.rows("Assessment", of_incident, {}, "_key")) == 1
    assert (await steps(child.town, GUARDIANSHIP, "assess", **given)).again
