"""Every step of every unit is run against real departments by the role that writes: no right and no type is wanting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from connectors.write import NotThere, Stale, Target, Written
from hub.lifecycle.compile import Compiled
from hub.lifecycle.found import Found
from hub.lifecycle.given import Given
from hub.lifecycle.guard import Standing
from hub.lifecycle.learnt import Learnt
from hub.lifecycle.rights import rights_of
from hub.lifecycle.step import Change, Step
from hub.lifecycle.steps import STEPS
from hub.lifecycle.values import Moment
from hub.planner.formula import facts
from hub.planner.relations import HOME
from hub.today import months_before, request_bindings
from tests.support.running import NOW, TODAY, identity
from tests.support.steps import POLICY, value_of

pytestmark = pytest.mark.postgres

KEYS = {
    "town_government": "town_government:120114101",
    "village_committee": "village_committee:120114101201",
    "mandatory_reporter": f"mandatory_reporter:{next(iter(POLICY.institutions))}",
}


def taken() -> Iterator[tuple[Step, str, str]]:
    for step in STEPS.values():
        for actor in step.who:
            yield from ((step, KEYS.get(actor.unit, actor.unit), purpose) for purpose in actor.purposes)


def values(change: Change) -> dict[str, Any]:
    names = [name for name in (*change.needs, *change.may) if not name.startswith("_")]
    return {name: value_of(f"{change.relation}.{name}") for name in names}


def resting(step: Step) -> Found:
    """As if everything were there: no row has these keys, so that nothing of what is there is changed."""
    rows = {
        name: {"_key": "none"} for name in ("Incident", "Assessment", "MandatoryReport", "SurveySubmission", "Link")
    }
    return Found(
        subject={"_key": "none"},
        rows=rows,
        file=("none", "12011420150101001X"),
        standing=Standing(),
        there=True,
        about=True,
        learnt=Learnt(),
    )


@pytest.mark.parametrize(("step", "unit_key", "purpose"), list(taken()), ids=lambda part: getattr(part, "name", part))
async def test_the_departments_take_the_statements_of_a_step(
    step: Step, unit_key: str, purpose: str, targets: Mapping[str, Target]
) -> None:
    who = identity(unit_key, purpose)
    rights = rights_of(POLICY, who, step)
    moment = Moment(identity=who, policy=POLICY, now=NOW)
    given = Given(
        key="none",
        about="none",
        into="none",
        values={change.relation: [values(change)] for change in step.changes if values(change)},
    )
    found = resting(step)
    for relation, formula in (*rights.rows.items(), (step.about, rights.about)):
        for fact in facts(formula):
            if relation and fact.source != HOME[relation]:
                home = HOME[relation]
                suffixes = ("register",) if home in ("civil_affairs", "hub") else ("citizen", "person")
                found.learnt.bind(home, {f"{fact.name}.{suffix}": [] for suffix in (*suffixes, fact.via)})
    compiled = Compiled(
        step=step, given=given, found=found, rights=rights, moment=moment, base=f"{step.name} {unit_key} {purpose}"
    )
    shared = {
        **request_bindings(who, POLICY.institutions.values(), NOW),
        "three_months_ago": months_before(TODAY, 3).isoformat(),
    }
    assert compiled.sources()
    for source in compiled.sources():
        part = compiled.part(source)
        # A condition that another department tells is bound only where the step is really taken.
        bindings = _Forgiving({**shared, **part.bindings})
        result = await targets[source].write(
            part.write, bindings, intent=f"{compiled.base} {source}", digest="", deadline=10
        )
        assert isinstance(result, Written | Stale | NotThere)


class _Forgiving(dict[str, Any]):
    def __missing__(self, name: str) -> list[str]:
        assert name.endswith((".citizen", ".person", ".register", ".case"))
        return []
