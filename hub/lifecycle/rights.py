"""Policy, principal, step -> Rights: the rows that the step may write, as formulas, and the lines that say so.

Guarantee (invariants 3 and 4): a right comes from the policy's lines alone, and a refusal names the line that is
wanting. The table of steps gives none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.entitlements import DIVIDED
from hub.errors import RefusalError
from hub.identity import Identity
from hub.lifecycle.step import Step
from hub.lifecycle.steps import STEPS
from hub.planner.formula import TRUE, Formula, both, either
from hub.planner.scopes import scope_formula
from policies.decision import Grant
from policies.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """By relation the rows that may be changed; ``about``: the rows of ``Step.about`` about which one may be made."""

    rows: Mapping[str, Formula]
    about: Formula
    rules: tuple[str, ...]
    clauses: tuple[str, ...]


def rights_of(policy: Policy, identity: Identity, step: Step) -> Rights:
    """What the principal may write by the step; NOT_ENTITLED with the first coordinate that no line opens."""
    lines = {name: _lines(policy, identity, step, name) for name in sorted(step.coordinates)}
    divided = identity.unit in DIVIDED
    created = {change.relation for change in step.changes if change.creates}
    rows: dict[str, Formula] = {}
    about: Formula = TRUE
    for coordinate, grants in lines.items():
        relation = coordinate.partition(".")[0]
        if relation not in created:
            rows[relation] = both(rows.get(relation, TRUE), _scopes(grants, relation, divided))
        elif step.about is not None:
            about = both(about, _scopes(grants, step.about, divided, of_child=True))
    every = {grant.rule: grant for grants in lines.values() for grant in grants}
    return Rights(
        rows=rows,
        about=about,
        rules=tuple(sorted(every)),
        clauses=tuple(sorted({step.clause, *(grant.clause for grant in every.values())})),
    )


def open_steps(policy: Policy, unit: str, purpose: str) -> frozenset[str]:
    """Names of the steps that the unit may take under the purpose: a line opens each of their coordinates."""
    lines = {action: policy.grants(unit, purpose, action) for action in ("report", "update")}
    return frozenset(
        step.name
        for step in STEPS.values()
        if purpose in step.purposes(unit) and step.coordinates <= lines[step.action].keys()
    )


def _lines(policy: Policy, identity: Identity, step: Step, coordinate: str) -> tuple[Grant, ...]:
    grants = policy.grants(identity.unit, identity.purpose, step.action).get(coordinate, ())
    if not grants or identity.purpose not in step.purposes(identity.unit):
        raise _closed(policy, identity, step, coordinate, granted=bool(grants))
    return grants


def _closed(policy: Policy, identity: Identity, step: Step, coordinate: str, *, granted: bool) -> RefusalError:
    """The refusal."""
    # INVARIANT 3: every decision names its rule: the line that is wanting, or whose step it is where one opens another.
    facts = policy.decide(identity.unit, identity.purpose, coordinate, step.action).facts()
    if granted:
        facts = {"coordinate": coordinate, "reason": "other_step", "rules": facts["rules"], "ask": facts["ask"]}
    whose = "、".join(policy.units[actor.unit].name_zh for actor in step.who)
    for_ = step.purposes(identity.unit)
    wanted = "、".join(f"“{policy.purposes[purpose].name_zh}”" for purpose in for_)
    zh = f"您须以{wanted}为目的办理" if for_ else f"由{whose}办理"
    return RefusalError(
        "NOT_ENTITLED",
        f"`{step.name}` is not open to `{identity.unit}` for `{identity.purpose}`",
        messageZh=f"{step.zh}（条款 {step.clause}）{zh}",
        step=step.name,
        units=sorted(actor.unit for actor in step.who),
        purposes=list(for_),
        **{**facts, "clause": step.clause},
    )


def _scopes(grants: tuple[Grant, ...], relation: str, divided: bool, *, of_child: bool = False) -> Formula:
    """Rows of the relation in some scope of the lines; of a new row, its child is in it before the step."""
    return either(
        *(scope_formula(_scope(grant.scope, divided, of_child), relation, divided=divided) for grant in grants)
    )


def _scope(scope: str, divided: bool, of_child: bool) -> str:
    """An application is about a child of the village itself, or of the district (domain model, 5)."""
    if of_child and scope == "own_applications":
        return "own_village" if divided else "all"
    return scope
