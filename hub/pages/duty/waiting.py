"""A unit's view, the table of steps -> what is asked for the list of what waits, and what waits, soonest due first.

Guarantee: pure. Only what the view opens is asked for, and what waits follows from the table alone: a row in a state
from which a step of this unit leads on, or stops a clock. A clock runs from the field that the step which starts it
sets, to the limit that settings give.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from graphql import GraphQLInputObjectType, GraphQLObjectType, GraphQLSchema

from connectors.source import Compare, Constant, Exists, Predicate
from hub.events.clock import Limits
from hub.lifecycle.conditions import CONDITIONS
from hub.lifecycle.step import Clock, Step
from hub.lifecycle.steps import CYCLE_OF, DEADLINES, STEPS
from hub.pages.duty.limits import TABLE, span
from hub.planner.formula import Local
from schema.catalogue import CATALOGUE, ROOTS

ELSEWHERE: Final = "reconciliation"
"""The life cycle that has a page of its own."""
MOST: Final = 50
"""Rows in a list."""
SUMMARY: Final[Mapping[str, tuple[str, ...]]] = {
    "MandatoryReport": ("reportedAt", "divisionCode", "placeAddress", "concernKinds"),
    "AssistanceRecord": ("kind", "providerUnit", "startedOn"),
    "SurveySubmission": ("level", "quarter", "divisionCode"),
    "GuardianshipCase": ("cause", "caseNumber", "acceptedOn"),
    "ProcuratorialSupervision": ("kind", "targetUnit", "issuedOn", "replyDueOn"),
    "DropoutRecord": ("reason", "registeredOn", "persuasionCount"),
}
"""Fields of a type by which its rows are told apart in a list, where they are open."""
_LINKED: Final = {"Incident": "incident"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What is asked for rows of ``subject`` in one ``state`` (None: in none yet); they stand at ``root``."""

    subject: str
    state: str | None
    root: str
    document: str
    variables: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A clock that runs, since when and until when."""

    name: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A row that waits: its state, the steps that lead on, and the clock that ends first, if one runs."""

    subject: str
    row: Mapping[str, Any]
    state: str | None
    steps: tuple[Step, ...]
    due: Due | None


def steps_in(view: GraphQLSchema) -> tuple[Step, ...]:
    """The steps that the view opens, in the order of the table."""
    opened = view.mutation_type.fields if view.mutation_type else {}
    return tuple(step for step in STEPS.values() if step.name in opened)


def listings(view: GraphQLSchema) -> Iterator[Listing]:
    """A list for each state in which rows of a type may wait for the caller, where how they stand may be asked.

    A list of its own for each state: however many wait in one, a report that has just come in stands on the page.
    """
    steps = [step for step in steps_in(view) if _leads_on(step) and step.cycle != ELSEWHERE]
    for subject in dict.fromkeys(step.subject for step in steps):
        leading = [step for step in steps if step.subject == subject]
        final = {state.name for cycle in CYCLE_OF.values() for state in cycle.states if state.final}
        states = dict.fromkeys(state for step in leading for state in step.origin if state not in final)
        for state in states:
            yield from listed(view, subject, [state], only=_common(step for step in leading if state in step.origin))


def listed(
    view: GraphQLSchema,
    subject: str,
    states: Sequence[str | None],
    *,
    newest: bool = False,
    only: Mapping[str, Any] | None = None,
) -> Iterator[Listing]:
    """Lists of rows in these states; none if the caller may not ask for rows by their state.

    ``only``: fields that must have these values, where the caller may ask for rows by them.
    """
    root = next((name for name, target in ROOTS.items() if target == subject), "")
    found = view.type_map.get(f"{subject}Filter")
    field = state_field(subject)
    if root not in (view.query_type.fields if view.query_type else {}):
        return
    if not isinstance(found, GraphQLInputObjectType) or field not in found.fields:
        return
    for state in states:
        condition: dict[str, Any] = {"isNull": True} if state is None else {"eq": state}
        further = {name: {"eq": value} for name, value in (only or {}).items() if name in found.fields}
        yield Listing(
            subject=subject,
            state=state,
            root=root,
            document=_document(view, subject, root, newest),
            variables={"filter": {field: condition, **further}},
        )


def _plain(step: Step) -> Mapping[str, Any]:
    """Values that the step's row must have by the conditions of the table, as far as they are said so plainly."""
    return {
        one.column: one.operand.value
        for one in _predicates(step)
        if isinstance(one, Compare) and one.operator == "eq" and isinstance(one.operand, Constant)
    }


def _nulls(step: Step) -> Iterator[tuple[str, bool]]:
    """Coordinates of the row, or of what belongs to it, that must be null (true) or must not be."""
    for one in _predicates(step):
        relation, found = (one.relation, one.where) if isinstance(one, Exists) else (step.subject, one)
        if isinstance(found, Compare) and found.operator == "null" and isinstance(found.operand, Constant):
            yield f"{relation}.{found.column}", bool(found.operand.value)


def _predicates(step: Step) -> Iterator[Predicate]:
    formulas = (CONDITIONS[name].formula for name in step.conditions if not CONDITIONS[name].of_about)
    return (formula.predicate for formula in formulas if isinstance(formula, Local))


def _common(steps: Iterable[Step]) -> Mapping[str, Any]:
    """Those that all of the steps want."""
    first, *others = map(_plain, steps)
    return {name: value for name, value in first.items() if all(each.get(name) == value for each in others)}


def fits(step: Step, row: Mapping[str, Any]) -> bool:
    """Whether the row has what the step wants of it, as far as that is said plainly and the caller sees it."""
    return all(row[name] == value for name, value in _plain(step).items() if name in row) and all(
        (_value(row, name) is None) == null for name, null in _nulls(step) if _holds(row, name)
    )


def _holds(row: Mapping[str, Any], coordinate: str) -> bool:
    """Whether the caller sees the field, of the row or of what belongs to it."""
    type_name, _, field = coordinate.partition(".")
    return _LINKED.get(type_name, field) in row


def state_field(subject: str) -> str:
    """The field that holds how rows of the type stand; empty if none does."""
    states = (cycle.state.partition(".") for cycle in CYCLE_OF.values())
    return next((field for type_name, _, field in states if type_name == subject), "")


def _document(view: GraphQLSchema, subject: str, root: str, newest: bool) -> str:
    order = "REPORTED_AT" if subject == "MandatoryReport" else ""
    direction = "DESC" if newest else "ASC"
    sorted_ = f", orderBy: [{{field: {order}, direction: {direction}}}]" if _sortable(view, subject, order) else ""
    return (
        f"query Waiting($filter: {subject}Filter) {{ {root}(first: {MOST}, filter: $filter{sorted_}) "
        f"{{ pageInfo {{ hasNextPage }} edges {{ node {{ {selection(view, subject)} }} }} }} }}"
    )


def selection(view: GraphQLSchema, subject: str, *, whole: bool = False) -> str:
    """Fields of the subject that the view opens: those of a list, or all, with those of the incident."""
    return " ".join(["id", *_chosen(view, subject, whole), *_linked(view, subject, whole)])


def _linked(view: GraphQLSchema, subject: str, whole: bool) -> Iterator[str]:
    for target, link in _LINKED.items():
        if link in fields(view, subject):
            chosen = _chosen(view, target, whole)
            if chosen:
                yield f"{link} {{ id {' '.join(chosen)} }}"


def _chosen(view: GraphQLSchema, type_name: str, whole: bool) -> list[str]:
    opened = [name for name in fields(view, type_name) if f"{type_name}.{name}" in CATALOGUE]
    wanted = {*SUMMARY.get(type_name, ()), *_watched(type_name)}
    return [name for name in opened if whole or name in wanted]


def _watched(type_name: str) -> Iterator[str]:
    """Fields by which a row's state, its clocks and steps that are taken once are known."""
    coordinates = {step.state for step in STEPS.values()} | {name for step in STEPS.values() for name in step.once}
    coordinates |= {start for name in DEADLINES for start in _starts(name)}
    for coordinate in coordinates:
        if coordinate is not None and coordinate.partition(".")[0] == type_name:
            yield coordinate.partition(".")[2]


def fields(view: GraphQLSchema, type_name: str) -> Sequence[str]:
    """Fields of a type in the view."""
    found = view.type_map.get(type_name)
    return list(found.fields) if isinstance(found, GraphQLObjectType) else []


def _leads_on(step: Step) -> bool:
    own = step.state is not None and step.state.partition(".")[0] == step.subject
    return own and not step.creates and bool(step.origin) and (step.moves or bool(step.stops))


def _sortable(view: GraphQLSchema, subject: str, value: str) -> bool:
    found = view.type_map.get(f"{subject}OrderField")
    return found is not None and value in getattr(found, "values", {})


def waiting(
    subject: str, rows: Sequence[Mapping[str, Any]], steps: Sequence[Step], limits: Limits = TABLE
) -> list[Waiting]:
    """What waits of these rows, what is due first first; without a clock last, as it came."""
    leading = [step for step in steps if step.subject == subject and _leads_on(step)]
    found = []
    for row in rows:
        state = row.get(str(leading[0].state).partition(".")[2])
        next_ = tuple(step for step in leading if state in step.origin and fits(step, row) and not taken(step, row))
        if next_:
            ends = due(next_, row, state, limits)
            found.append(Waiting(subject=subject, row=row, state=state, steps=next_, due=ends))
    return sorted(found, key=lambda one: (one.due is None, one.due.until.timestamp() if one.due else 0.0))


def taken(step: Step, row: Mapping[str, Any]) -> bool:
    """Whether a step that is taken once shows in the row that it was."""
    return any(_value(row, coordinate) is not None for coordinate in step.once)


def due(steps: Sequence[Step], row: Mapping[str, Any], state: str | None, limits: Limits = TABLE) -> Due | None:
    """The clock, of those that run in the state and that the steps stop, that ends first."""
    found = []
    for name in dict.fromkeys(name for step in steps for name in step.stops if state in _runs(name)):
        runs = span(name, [_value(row, start) for start in _starts(name)], row, limits)
        if runs is not None:
            found.append(Due(name=name, since=runs[0], until=runs[1]))
    return min(found, key=lambda one: one.until, default=None)


def _value(row: Mapping[str, Any], coordinate: str) -> Any:
    type_name, _, field = coordinate.partition(".")
    link = _LINKED.get(type_name)
    return (row.get(link) or {}).get(field) if link and link in row else row.get(field)


def _runs(deadline: str) -> frozenset[str]:
    """States in which a clock runs: those in which it is started, and those to which steps lead that do not stop it."""
    starting = [step for step in STEPS.values() if deadline in step.starts]
    found = {step.target for step in starting if step.target}
    cycles = {step.cycle for step in starting}
    steps = [step for step in STEPS.values() if step.cycle in cycles and step.moves and deadline not in step.stops]
    while more := {step.target for step in steps if step.target and found & set(step.origin)} - found:
        found |= more
    return frozenset(found)


def _starts(deadline: str) -> tuple[str, ...]:
    """Coordinates that a step sets by the clock when it starts the deadline."""
    found = (
        f"{change.relation}.{name}"
        for step in STEPS.values()
        if deadline in step.starts
        for change in step.changes
        for name, value in change.sets
        if isinstance(value, Clock) and value.of in {"now", "today"}
    )
    return tuple(dict.fromkeys(found))
