"""Reach, argument shape, unknown facts -> Fetch: the one place where formulas become a statement's conditions.

Fetches are remembered with the reach: a warm plan builds none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from connectors.source import ALWAYS, NEVER, Column, Compare, Fetch, Param, Predicate
from hub.planner.arguments import Arguments, condition, flag_facts, orders
from hub.planner.formula import (
    FALSE,
    Fact,
    Formula,
    both,
    every,
    facts,
    implies,
    lacking,
    local_fact,
    member,
    numbered,
    primary_facts,
    render,
    told_below,
)
from hub.planner.plan import Access, Reach, Wanted
from hub.registry import of_people

T = TypeVar("T")
_REMEMBERED = 1_000

Mode: TypeAlias = Literal["page", "keys", "people", "column"]
"""``page``: all rows, in pages; ``keys``: rows by ``_key``; ``people``: rows of these people; ``column``: rows whose
join column is among ``parents``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What decides a statement beside its reach."""

    mode: Mode
    arguments: Arguments
    after: bool
    limited: bool
    unknown: frozenset[Fact]
    numbered: frozenset[Fact] = frozenset()
    """Facts of files that are known by the numbers of people (``hub/anywhere.py``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """Facts of other sources that a reach under some arguments rests on.

    ``remote``: all of them; ``ordering``: those on which the order of rows rests, so that a page cannot be cut before
    they are known; ``primary``: those without which no row could be certain, and those of flags in a filter;
    ``first``: of children, those without which some row or value is never told, and what their sources say besides.
    """

    remote: frozenset[Fact]
    ordering: frozenset[Fact]
    primary: frozenset[Fact]
    first: frozenset[Fact]


def needs_of(reach: Reach, arguments: Arguments) -> Needs:
    """What the reach rests on; worked out once for a shape of arguments, and at hand for those that came last."""
    last: tuple[Arguments, Needs] | None = reach.known.get("needs")
    if last is None or last[0] is not arguments:
        last = reach.known["needs"] = (arguments, _needs(reach, arguments))
    return last[1]


def _needs(reach: Reach, arguments: Arguments) -> Needs:
    key = ("needs", arguments.shape, arguments.order)
    found: Needs | None = reach.known.get(key)
    if found is None:
        chosen = _chosen_by(reach, arguments)
        remote = remote_facts(reach, arguments)
        primary = primary_facts(wanted_rows(reach, arguments), reach.source, chosen) | chosen
        found = reach.known[key] = Needs(
            remote=remote,
            ordering=ordering_facts(reach, arguments),
            primary=primary,
            first=_first(reach, arguments, remote) | frozenset(fact for fact in chosen if fact.via == "child"),
        )
    return found


def _first(reach: Reach, arguments: Arguments, remote: frozenset[Fact]) -> frozenset[Fact]:
    """Facts of children without which rows or values are never told; of a source that is asked anyway, all."""
    formulas = [
        wanted_rows(reach, arguments),
        *(formula for each in reach.columns for formula in (each.clear, each.masked)),
    ]
    distinct = {id(formula): formula for formula in formulas}.values()
    wanting = frozenset[Fact]().union(*(_lacking(reach, formula) for formula in distinct))
    sources = {fact.source for fact in wanting}
    return frozenset(fact for fact in remote if fact.source in sources and fact.via == "child")


def _chosen_by(reach: Reach, arguments: Arguments) -> frozenset[Fact]:
    """Facts of the flags in a filter: few children have one, and page after page would be read to find them."""
    return frozenset(fact for fact in flag_facts(arguments.shape, reach.access) if fact.source != reach.source)


def remote_facts(reach: Reach, arguments: Arguments) -> frozenset[Fact]:
    """Facts of other sources that the reach speaks of."""
    formulas = [reach.access.clear.get(f"{reach.type_name}.{column}", FALSE) for column, _ in arguments.order]
    for wanted in reach.columns:
        formulas += wanted.clear, wanted.masked
    distinct = {id(formula): formula for formula in formulas}.values()
    found = facts(wanted_rows(reach, arguments)).union(*(_facts(reach.access, formula) for formula in distinct))
    return frozenset(fact for fact in found if fact.source != reach.source)


def ordering_facts(reach: Reach, arguments: Arguments) -> frozenset[Fact]:
    """Facts of other sources on which the order of rows rests: a page cannot be cut before they are known."""
    found: frozenset[Fact] = frozenset()
    for column, _ in arguments.order:
        found |= facts(reach.access.clear.get(f"{reach.type_name}.{column}", FALSE))
    return frozenset(fact for fact in found if fact.source != reach.source)


def wanted_rows(reach: Reach, arguments: Arguments) -> Formula:
    """Rows that exist for the caller and that the arguments ask for."""
    if arguments.shape == ("all",):
        return reach.visible
    return both(reach.visible, condition(arguments.shape, reach.access))


def fetch_of(reach: Reach, form: Form) -> Fetch:
    """The statement of a reach in this form."""
    key = (form.mode, form.arguments.shape, form.arguments.order, form.after, form.limited, form.unknown, form.numbered)
    if key not in reach.variants:
        reach.variants[key] = _build(reach, form)
    return reach.variants[key]


def by_number(reach: Reach, arguments: Arguments) -> bool:
    """Whether facts of everyone are told to a root page by the numbers of people, as a file has one itself.

    Where an order rests on facts each file is asked, not the page's alone: then it pays to find the files before.
    """
    return reach.type_name == "Child" and not needs_of(reach, arguments).ordering


def page_form(reach: Reach, arguments: Arguments, known: frozenset[Fact], *, after: bool) -> Form:
    """The form of a root page, where these of the facts that it rests on are known of everyone."""
    return Form(
        mode="page",
        arguments=arguments,
        after=after,
        limited=True,
        unknown=needs_of(reach, arguments).remote - known,
        numbered=known if by_number(reach, arguments) else frozenset(),
    )


def nested_form(mode: Mode, arguments: Arguments, unknown: frozenset[Fact], *, after: bool) -> Form:
    """The form of rows that hang on others, or are looked up."""
    limited = mode == "column" and not unknown
    return Form(mode=mode, arguments=arguments, after=after, limited=limited, unknown=unknown)


def undecidable(reach: Reach, form: Form) -> bool:
    """Whether a row may come of which it cannot be told yet if it exists for the caller."""
    return fetch_of(reach, form).certain is not None


def told_with(parent: Reach, reach: Reach, form: Form) -> bool:
    """Whether every row that may come below a file that exists for the caller exists for it too; worked out once."""
    key = ("told", parent.number, form.arguments.shape, form.unknown)
    if key not in reach.known:
        reach.known[key] = told_below(parent.visible, wanted_rows(reach, form.arguments), form.unknown)
    return bool(reach.known[key])


def _build(reach: Reach, form: Form) -> Fetch:
    def known(fact: Fact) -> Predicate | None:
        if fact.source == reach.source:
            return local_fact(fact, reach.type_name)
        if fact in form.unknown:
            return None
        return numbered(fact) if fact in form.numbered else member(fact, reach.source)

    def rendered(formula: Formula, optimistic: bool) -> Predicate:
        key = (reach.source, form.unknown, form.numbered, optimistic)
        return _once(
            reach.access,
            key,
            formula,
            lambda: render(formula, reach.type_name, reach.source, known, optimistic=optimistic),
        )

    rows = wanted_rows(reach, form.arguments)
    possible, certain = rendered(rows, True), rendered(rows, False)
    decided = possible == certain
    per = reach.join[1] if form.mode == "column" and form.limited and reach.join else None
    return Fetch(
        source=reach.source,
        relation=reach.type_name,
        columns=tuple(_column(reach, wanted, rendered, decided) for wanted in reach.columns),
        where=every((*_joined(reach, form.mode), possible)),
        certain=None if decided else certain,
        order=orders(form.arguments, reach.access, reach.source, known),
        limit=Param("limit") if form.limited else None,
        per=per,
        after=_after(form),
        cursors=True,
    )


def _after(form: Form) -> tuple[Param, ...]:
    if not form.after:
        return ()
    return (*(Param(f"after{number}") for number in range(len(form.arguments.order))), Param("afterKey"))


def _joined(reach: Reach, mode: Mode) -> tuple[Predicate, ...]:
    match mode:
        case "page":
            return ()
        case "keys":
            return (Compare("_key", "in", Param("keys")),)
        case "people":
            return of_people()
        case "column":
            assert reach.join is not None
            return (Compare(reach.join[1], "in", Param("parents")),)


def _column(reach: Reach, wanted: Wanted, rendered: Callable[[Formula, bool], Predicate], decided: bool) -> Column:
    if wanted.coordinate is None or (decided and _always(reach, wanted.clear)):
        return Column(name=wanted.column)
    clear, clear_possible = rendered(wanted.clear, False), rendered(wanted.clear, True)
    masked, masked_possible = rendered(wanted.masked, False), rendered(wanted.masked, True)
    if clear == ALWAYS:
        return Column(name=wanted.column)
    return Column(
        name=wanted.column,
        clear=clear,
        clear_possible=NEVER if clear_possible == clear else clear_possible,
        masked=masked,
        masked_possible=NEVER if masked_possible == masked else masked_possible,
        mask=wanted.mask,
    )


def _always(reach: Reach, clear: Formula) -> bool:
    """Whether the formula holds in every row that exists for the caller."""
    if reach.visible is not reach.access.visible:
        return implies(reach.visible, clear)
    return _once(reach.access, "always", clear, lambda: implies(reach.visible, clear))


def _facts(access: Access, formula: Formula) -> frozenset[Fact]:
    return _once(access, "facts", formula, lambda: facts(formula))


def _lacking(reach: Reach, formula: Formula) -> frozenset[Fact]:
    return _once(reach.access, ("lacking", reach.source), formula, lambda: lacking(formula, reach.source))


def _once(access: Access, what: object, formula: Formula, work: Callable[[], T]) -> T:
    """What was worked out of this very formula before: a unit's columns and plans share few, each a large tree.

    A formula is known by its identity and kept beside the result, so that no other can take its place; what requests
    bring with their arguments would gather without end, so beyond a size all is forgotten.
    """
    known = access.known
    found = known.get((what, id(formula)))
    if found is None:
        if len(known) >= _REMEMBERED:
            known.clear()
        found = known[what, id(formula)] = (formula, work())
    result: T = found[1]
    return result
