"""Policy, mappings -> Asked by source: every condition and order that the hub may ask of a department.

Guarantee: made of the same formulas, facts, clocks, steps and filters as the statements themselves, so a scope that is
written or granted anew is here at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain

from connectors.demand import Asked
from connectors.mapping import Mapping as SourceMapping
from connectors.source import Compare, Operator, Param, Predicate
from hub.entitlements import DIVIDED, Entitlements
from hub.events.clock import CLOCKS
from hub.lifecycle.conditions import CONDITIONS
from hub.lifecycle.steps import STEPS
from hub.lifecycle.sweeps import SWEEPS
from hub.planner.arguments import OPERATORS
from hub.planner.formula import And, Fact, Formula, Local, Not, Or, every, local_fact, member, untrue
from hub.planner.relations import HOME, JOINS, keys_of
from hub.planner.scopes import scope_formula
from policies.policy import Policy
from schema.catalogue import ROOTS
from schema.conditions import OPERATORS as OPERATORS_OF
from schema.conditions import kind_of
from schema.filters import filterable, sortable

ORDERED = frozenset({"Date", "DateTime", "Quarter"})
"""Fields by whose order lists of all rows are read, newest first or oldest; by others what a filter left is sorted."""
LED: frozenset[Operator] = frozenset({"eq", "under"})
"""Operators of a filter by which a page is led to its rows. It is planned once for all values: of a bound, a list, an
element or a yes and no the server takes more rows to be left than a page has, and walks along the key, whatever index
there is. Tests for null stand beside other conditions, and are true of many."""
DERIVED = frozenset({"riskFlags"})
"""Fields that no column holds."""


def asked(policy: Policy, mappings: Mapping[str, SourceMapping]) -> dict[str, list[Asked]]:
    """Source -> what may be asked of it, in the order in which an index is worth having."""
    found: dict[str, dict[Asked, None]] = {name: {} for name in mappings}
    of_hub = (_of_scopes(policy), _of_flags(policy), _of_clocks(), _of_steps())
    for source, one in chain(_of_rows(mappings), *of_hub, _of_filters(), _of_orders()):
        if source in found:
            found[source][one] = None
    return {source: list(held) for source, held in found.items()}


Found = Iterator[tuple[str, Asked]]


def _of_rows(mappings: Mapping[str, SourceMapping]) -> Found:
    """What hangs on a row or a child: by key, by number, by the row above."""
    for source, mapping in mappings.items():
        for relation in mapping.relations.values():
            joins = sorted(column for (_, target), (_, column) in JOINS.items() if target == relation.name)
            keys = keys_of(relation.name) if relation.name in HOME else ()
            for name in dict.fromkeys((*keys, *joins)):
                if name in relation.columns:
                    yield source, _each(relation.name, name)
    yield "hub", _each("Link", "_register")
    linked = every((_is("_source", "source"), Compare("_person", "in", Param("persons"))))
    yield "hub", Asked(relation="Link", why="relation", name="Link._person", where=linked, always=True)


def _each(relation: str, column: str) -> Asked:
    where = Compare(column, "in", Param("keys"))
    return Asked(relation=relation, why="relation", name=f"{relation}.{column}", where=where, always=True)


def _is(column: str, parameter: str, operator: Operator = "eq") -> Compare:
    return Compare(column, operator, Param(parameter))


def _of_scopes(policy: Policy) -> Found:
    """Each scope on each type on which a line of the policy uses it, with the facts on which it rests."""
    seen: dict[tuple[str, str, bool], None] = {}
    for unit, _, _, grants in policy.sets():
        for coordinate, lines in grants.items():
            for line in lines:
                seen[line.scope, coordinate.partition(".")[0], unit in DIVIDED] = None
    for scope, type_name, divided in seen:
        yield from _of_formula(scope_formula(scope, type_name, divided=divided), type_name, scope)


def _of_flags(policy: Policy) -> Found:
    """Facts on which risk flags rest, for whoever may be shown them: a filter by a flag is driven from these."""
    for unit, purpose, action, grants in policy.sets():
        if "Child.riskFlags" in grants and action in ("read", "read_masked"):
            for flag, branches in Entitlements.of(policy, unit, purpose).risk_flags():
                for branch in branches:
                    yield from _of_formula(branch, "Child", f"riskFlags {flag}")


def _of_formula(formula: Formula, type_name: str, name: str, *, holds: bool = True) -> Found:
    match formula:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _of_formula(part, type_name, name, holds=holds)
        case Not(part):
            yield from _of_formula(part, type_name, name, holds=not holds)
        case Local(predicate):
            where = predicate if holds else untrue(predicate)
            yield HOME[type_name], Asked(relation=type_name, why="scope", name=name, where=where)
        case Fact():
            yield from _of_fact(formula, type_name, name)


def _of_fact(fact: Fact, type_name: str, name: str) -> Found:
    """Whom it holds for, and of the row whether it does."""
    home = HOME[type_name]
    where: Predicate = local_fact(fact, type_name) if fact.source == home else member(fact, home)
    yield fact.source, Asked(relation=fact.relation, why="scope", name=name, where=fact.where)
    yield home, Asked(relation=type_name, why="scope", name=name, where=where)


def _of_clocks() -> Found:
    for clock in CLOCKS.values():
        yield clock.source, Asked(relation=clock.type_name, why="clock", name=clock.name, where=clock.where)


def _of_steps() -> Found:
    """What steps look for beside their row, and what they change in all rows that they concern."""
    for name, swept in SWEEPS.items():
        yield HOME[swept.relation], Asked(relation=swept.relation, why="step", name=name, where=swept.where)
    submission = every((_is("divisionCode", "village"), _is("quarter", "quarters", "in")))
    yield HOME["SurveySubmission"], _step("SurveySubmission", "quarter", submission)
    for step in STEPS.values():
        if step.named:
            named = every(Compare(one, "eq", Param(f"named.{one}")) for one in step.named)
            yield HOME[step.subject], _step(step.subject, step.name, named)
        for one in step.conditions:
            type_name = step.about if CONDITIONS[one].of_about and step.about else step.subject
            yield from _beside(CONDITIONS[one].formula, type_name, one)


def _beside(formula: Formula, type_name: str, name: str) -> Found:
    """What a condition looks for beside the one row of a step, or of its child."""
    for source, one in _of_formula(formula, type_name, name):
        yield source, replace(one, why="step", known=True)


def _step(relation: str, name: str, where: Predicate) -> Asked:
    return Asked(relation=relation, why="step", name=name, where=where, always=True)


def _of_filters() -> Found:
    """What callers may filter lists of all rows by; below another row the join leads to few already."""
    for type_name in dict.fromkeys(ROOTS.values()):
        for found in filterable(type_name):
            if found.source == HOME[type_name] and found.field not in DERIVED:
                kind = kind_of(found.inner, many=found.many)
                for word in OPERATORS_OF[kind] if kind != "boolean" else ():
                    yield from _filter(type_name, found.field, OPERATORS[word])


def _filter(type_name: str, column: str, operator: Operator) -> Found:
    if operator in LED:
        where = Compare(column, operator, Param("value"))
        yield HOME[type_name], Asked(relation=type_name, why="filter", name=f"{type_name}.{column}", where=where)


def _of_orders() -> Found:
    for type_name in dict.fromkeys(ROOTS.values()):
        for found in sortable(type_name):
            if found.source == HOME[type_name] and found.inner in ORDERED:
                for descending in (False, True):
                    order = (found.field, descending)
                    yield HOME[type_name], Asked(relation=type_name, why="order", name=found.coordinate, order=order)
