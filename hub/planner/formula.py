"""Formula: a condition on one row that may speak of other departments, and how it becomes a source's predicate.

A formula is built of what the row's own source can say (``Local``) and of facts about the row's child that some source
holds (``Fact``). Rendered for a relation it is a two-valued predicate: facts of the same source become ``Exists``,
facts of another source become membership in a bound list, and facts that are not known (not asked yet, or their
source does not answer) are taken as true (``possible``) or as false (``certain``). Where the two differ, the row is
undecided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from connectors.source import ALWAYS, NEVER, All, Compare, Constant, Exists, Param, Predicate, Some, Truth
from connectors.source import Not as NotTrue

Via: TypeAlias = Literal["child", "case", "person"]


@dataclass(frozen=True, slots=True)
class Local:
    """A predicate over the row itself, in its own source."""

    predicate: Predicate


@dataclass(frozen=True, slots=True)
class Fact:
    """Some row of ``relation`` in ``source``, of the same child (or case, or person), satisfies ``where``."""

    name: str
    source: str
    relation: str
    where: Predicate = ALWAYS
    via: Via = "child"

    def __hash__(self) -> int:
        # Facts are keys all along a request; hashing what they ask would walk a tree each time.
        return hash(self.name)


@dataclass(frozen=True, slots=True)
class And:
    """Every part holds (of none: true)."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Some part holds (of none: false)."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Formula


Formula: TypeAlias = Local | Fact | And | Or | Not

TRUE = And(())
FALSE = Or(())
ACCEPTED = All((Compare("_open", "eq", Constant(True)), Compare("_accepted", "eq", Constant(True))))
"""Of a register file: it is open and accepted, so that rows of other sources may belong to it."""


def both(*parts: Formula) -> Formula:
    """The conjunction, flattened and without repeats."""
    flat = _flatten(parts, And)
    if FALSE in flat:
        return FALSE
    return flat[0] if len(flat) == 1 else And(flat)


def either(*parts: Formula) -> Formula:
    """The disjunction, flattened, and without parts that another part already covers."""
    flat = _flatten(parts, Or)
    if TRUE in flat:
        return TRUE
    kept = tuple(
        part
        for place, part in enumerate(flat)
        # Of parts that cover each other (the same ones in another order) the first stays.
        if not any(
            _covers(other, part) and (n < place or not _covers(part, other))
            for n, other in enumerate(flat)
            if n != place
        )
    )
    return kept[0] if len(kept) == 1 else Or(kept)


def negate(part: Formula) -> Formula:
    """The negation."""
    return part.part if isinstance(part, Not) else Not(part)


def implies(premise: Formula, conclusion: Formula) -> bool:
    """Whether the conclusion is seen to hold wherever the premise does (false if that is not plain to see)."""
    if conclusion in (TRUE, premise):
        return True
    premises = premise.parts if isinstance(premise, Or) else (premise,)
    conclusions = conclusion.parts if isinstance(conclusion, Or) else (conclusion,)
    return bool(premises) and all(any(_covers(wide, narrow) for wide in conclusions) for narrow in premises)


def holds_below(premise: Formula, conclusion: Formula) -> bool:
    """Whether the conclusion is seen to hold for every row of a child if the premise holds for the child's file."""
    parts = conclusion.parts if isinstance(conclusion, Or) else (conclusion,)
    # What is said of the row itself is said of another row than the file.
    return implies(premise, either(*(part for part in parts if not _of_row(part))))


def told_below(premise: Formula, conclusion: Formula, unknown: frozenset[Fact]) -> bool:
    """Whether each row of a child for which the conclusion may hold is seen to be one for which it does.

    ``premise`` holds for the child's file; ``unknown``: facts that the row's source is not told.
    """
    if holds_below(premise, conclusion):
        return True
    premises = premise.parts if isinstance(premise, Or) else (premise,)

    def told(part: Formula) -> bool:
        if unknown.isdisjoint(facts(part)):
            return True
        return not _of_row(part) and all(_covers(part, narrow) for narrow in premises)

    ways = conclusion.parts if isinstance(conclusion, Or) else (conclusion,)
    return all(told(way) or (isinstance(way, And) and all(map(told, way.parts))) for way in ways)


def facts(formula: Formula) -> frozenset[Fact]:
    """Every fact that the formula speaks of."""
    return frozenset(_facts(formula))


def primary_facts(formula: Formula, home: str, settled: frozenset[Fact] = frozenset()) -> frozenset[Fact]:
    """Facts of other sources without which no row could be certain: it pays to ask them first.

    ``settled``: facts of other sources that are asked first in any case.
    """

    def known(fact: Fact) -> Predicate | None:
        return local_fact(fact, "?") if fact.source == home or fact in settled else None

    hopeful = render(formula, "?", home, known, optimistic=False)
    return frozenset(fact for fact in facts(formula) if fact.source != home) if hopeful == NEVER else frozenset()


def cover(formula: Formula, home: str) -> frozenset[Fact] | None:
    """Facts of children in other sources of which one holds wherever the formula does; None: it may without any."""
    match formula:
        case Fact():
            return frozenset((formula,)) if formula.source != home and formula.via == "child" else None
        case And(parts):
            covers = [found for part in parts if (found := cover(part, home)) is not None]
            return min(covers, key=len, default=None)
        case Or(parts):
            each = [cover(part, home) for part in parts]
            return None if None in each else frozenset[Fact]().union(*filter(None, each))
    return None


def lacking(formula: Formula, home: str, *, holds: bool = True) -> frozenset[Fact]:
    """Facts of other sources without which ``home`` can never be sure that the formula holds (or does not).

    Of ways that lead there each must lack something: where one lacks nothing it may do, whatever the others say.
    """
    match formula:
        case Local():
            return frozenset()
        case Fact():
            return frozenset() if formula.source == home else frozenset((formula,))
        case Not(part):
            return lacking(part, home, holds=not holds)
        case And(parts) | Or(parts):
            each = [lacking(part, home, holds=holds) for part in parts]
            if isinstance(formula, And) == holds or all(each):
                return frozenset[Fact]().union(*each)
            return frozenset()


Known: TypeAlias = Callable[[Fact], Predicate | None]


def render(formula: Formula, relation: str, home: str, known: Known, *, optimistic: bool) -> Predicate:
    """The formula as a predicate of ``relation`` in source ``home``; unknown facts are taken as ``optimistic``."""
    match formula:
        case Local(predicate):
            return predicate
        case Fact():
            predicate_or_none = known(formula)
            return Truth(optimistic) if predicate_or_none is None else predicate_or_none
        case And(parts):
            return every(render(part, relation, home, known, optimistic=optimistic) for part in parts)
        case Or(parts):
            return some(render(part, relation, home, known, optimistic=optimistic) for part in parts)
        case Not(part):
            return untrue(render(part, relation, home, known, optimistic=not optimistic))


def local_fact(fact: Fact, relation: str) -> Predicate:
    """A fact of the row's own source: the row itself, or some row of the same child, satisfies it."""
    if relation == fact.relation == "Child":
        return fact.where
    column = {"civil_affairs": "_register", "hub": "_register"}.get(fact.source, "_person")
    if fact.via != "child":
        column = f"_{fact.via}"
    return Exists(fact.relation, ((column, column),), fact.where)


def member(fact: Fact, home: str) -> Predicate:
    """A fact of another source: the row's child (case, person) is among those for which it was found to hold."""
    if fact.via != "child":
        return Compare(f"_{fact.via}", "in", Param(f"{fact.name}.{fact.via}"))
    if home in ("civil_affairs", "hub"):
        return Compare("_register", "in", Param(f"{fact.name}.register"))
    by_number = Compare("_citizen", "in", Param(f"{fact.name}.citizen"))
    return Some((by_number, Compare("_person", "in", Param(f"{fact.name}.person"))))


def numbered(fact: Fact) -> Predicate:
    """As ``member``, of a register file itself: it is named, or accepted with the number of one for whom it holds.

    Whom a fact of people holds for then need not be looked up file by file before.
    """
    named = Compare("_register", "in", Param(f"{fact.name}.register"))
    if fact.source in ("civil_affairs", "hub"):
        return named
    return Some((named, every((ACCEPTED, Compare("_citizen", "in", Param(f"{fact.name}.number"))))))


def every(parts: Iterable[Predicate]) -> Predicate:
    """Conjunction of predicates, simplified."""
    kept = tuple(dict.fromkeys(part for part in parts if part != ALWAYS))
    if NEVER in kept:
        return NEVER
    return (kept[0] if len(kept) == 1 else All(kept)) if kept else ALWAYS


def some(parts: Iterable[Predicate]) -> Predicate:
    """Disjunction of predicates, simplified."""
    kept = tuple(dict.fromkeys(part for part in parts if part != NEVER))
    if ALWAYS in kept:
        return ALWAYS
    return (kept[0] if len(kept) == 1 else Some(kept)) if kept else NEVER


def untrue(part: Predicate) -> Predicate:
    """Negation of a predicate, simplified."""
    return Truth(not part.value) if isinstance(part, Truth) else NotTrue(part)


def disjuncts(formula: Formula) -> Iterator[tuple[Formula, ...]]:
    """Conjunctions of which one holds if the formula does: each part is of the row, or of the child alone.

    What speaks of the child alone is left whole: only where the row itself comes in are the cases told apart.
    """
    if not _of_row(formula):
        yield (formula,)
        return
    match formula:
        case And(parts):
            yield from _product(parts)
        case Or(parts):
            for part in parts:
                yield from disjuncts(part)
        case Not(And(parts)):
            for part in parts:
                yield from disjuncts(negate(part))
        case Not(Or(parts)):
            yield from _product(tuple(negate(part) for part in parts))
        case _:
            yield (formula,)


def _of_row(formula: Formula) -> bool:
    match formula:
        case Local():
            return True
        case Fact():
            return formula.via != "child"
        case And(parts) | Or(parts):
            return any(_of_row(part) for part in parts)
        case Not(part):
            return _of_row(part)


def _product(parts: tuple[Formula, ...]) -> Iterator[tuple[Formula, ...]]:
    if not parts:
        yield ()
        return
    for head in disjuncts(parts[0]):
        for tail in _product(parts[1:]):
            yield (*head, *tail)


def _flatten(parts: Iterable[Formula], kind: type[And] | type[Or]) -> tuple[Formula, ...]:
    flat: dict[Formula, None] = {}
    for part in parts:
        flat.update(dict.fromkeys(part.parts if isinstance(part, kind) else (part,)))
    return tuple(flat)


def _covers(wide: Formula, narrow: Formula) -> bool:
    """Whether ``narrow`` is a conjunction that holds at least the parts of ``wide``."""
    wide_parts = set(wide.parts) if isinstance(wide, And) else {wide}
    narrow_parts = set(narrow.parts) if isinstance(narrow, And) else {narrow}
    return wide_parts <= narrow_parts


def _facts(formula: Formula) -> Iterator[Fact]:
    match formula:
        case Fact():
            yield formula
        case And(parts) | Or(parts):
            for part in parts:
                yield from _facts(part)
        case Not(part):
            yield from _facts(part)
