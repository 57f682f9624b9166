"""Groups -> statements of the department that keeps the rows: who counts for sure, who may, who does after all.

Guarantee: whatever facts are unknown, each row that may count either counts for sure or is in doubt, and none is both.
Statements are built once: a source knows its statement by the very same object.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, TypeAlias

from connectors.source import Aggregate, All, Bucket, Column, Compare, Exists, Fetch, Not, Param, Predicate, Some
from hub.planner.facts import ACCEPTED_FILE, of_its_report
from hub.planner.formula import Fact, Formula, every, facts, local_fact, member, render, untrue
from hub.planner.relations import HOME, keys_of
from hub.planner.scopes import CIVIL_TYPES
from schema.catalogue import CATALOGUE

DIVISION = "divisionCode"
PERSON = ("_register", "_person", "_citizen", "_case")
WIDTHS = {"DivisionCode": "town", "Date": "quarter", "DateTime": "quarter"}
Part: TypeAlias = Literal["first", "after", "among"]
"""Which of the doubtful are read: the first by their keys, those after a key, or those of certain files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Rows of a relation to be grouped: ``each``, one group a child besides."""

    relation: str
    by: tuple[str, ...]
    total: str | None
    rows: Formula
    each: bool = False

    @property
    def home(self) -> str:
        """The source that keeps the rows."""
        return HOME[self.relation]

    @property
    def remote(self) -> frozenset[Fact]:
        """What other departments have to say of them."""
        return frozenset(fact for fact in facts(self.rows) if fact.source != self.home)


@lru_cache(maxsize=512)
def whole(asked: Groups, divided: bool) -> Aggregate:
    """All that count, all being known."""
    by = tuple(_bucket(asked.relation, coordinate) for coordinate in asked.by)
    return Aggregate(
        source=asked.home,
        relation=asked.relation,
        by=(*by, Bucket(column=_child(asked.relation))) if asked.each else by,
        total=asked.total,
        where=every((_where(asked, frozenset(), optimistic=False), *_inside_of(asked, divided))),
    )


@lru_cache(maxsize=512)
def certain(asked: Groups, unknown: frozenset[Fact], divided: bool) -> Aggregate:
    """The rows that count whatever is unknown."""
    all_rows, sure = whole(asked, divided), _sure(asked, unknown)
    if asked.relation != "Child" or all(map(_of_itself, sure)):
        return replace(all_rows, where=every((*sure, *_inside_of(asked, divided))))
    # Files that may count, without those that may or may not: other rows are looked at for these alone, and most times
    # they are few.
    possible = _where(asked, unknown, optimistic=True)
    where = every((possible, *_inside_of(asked, divided)))
    return replace(all_rows, where=where, apart=_in_doubt(asked, unknown))


@lru_cache(maxsize=512)
def undecided(asked: Groups, unknown: frozenset[Fact], divided: bool) -> Fetch:
    """Whose rows count or not by what is unknown."""
    return Fetch(
        source=asked.home,
        relation=asked.relation,
        columns=tuple(Column(name=name) for name in keys_of(asked.relation) if name in PERSON),
        where=every(_doubt(asked, unknown, divided)),
        limit=Param("limit"),
        distinct=True,
    )


@lru_cache(maxsize=512)
def doubtful(asked: Groups, unknown: frozenset[Fact], divided: bool) -> Fetch:
    """The files that count or not by what is unknown, with the number by which others know them if it was accepted."""
    return replace(undecided(asked, unknown, divided), columns=_columns(asked))


@lru_cache(maxsize=512)
def doubtful_page(asked: Groups, unknown: frozenset[Fact], divided: bool, part: Part) -> Fetch:
    """A page of the rows that count or not by what is unknown, in the order of their keys."""
    among = (Compare("_register", "in", Param("among")),) if part == "among" else ()
    return replace(
        undecided(asked, unknown, divided),
        columns=_columns(asked),
        where=every((*_doubt(asked, unknown, divided), *among)),
        after=(Param("afterKey"),) if part == "after" else (),
        distinct=False,
    )


@lru_cache(maxsize=512)
def settled(asked: Groups, divided: bool) -> Aggregate:
    """Of the doubtful those that count, all being known."""
    all_rows = whole(asked, divided)
    return replace(all_rows, where=every((Compare("_key", "in", Param("doubtful")), all_rows.where)))


def _child(relation: str) -> str:
    """By what the child of a row is told apart from others; of rows that have none, the row."""
    known = keys_of(relation)
    return next(name for name in ("_register", "_person", "_key") if name in known)


def keys_in(asked: Groups) -> list[str]:
    """What stands in a row that is in doubt, by its place: first the row's own key."""
    return [name for name in keys_of(asked.relation) if name == "_key" or name in PERSON]


def _columns(asked: Groups) -> tuple[Column, ...]:
    """The row's key, and by what its child is known: of a file the number only if it was accepted."""
    return tuple(
        Column(name=name, clear=ACCEPTED_FILE.where)
        if (asked.relation, name) == ("Child", "_citizen")
        else Column(name=name)
        for name in keys_in(asked)
    )


def _doubt(asked: Groups, unknown: frozenset[Fact], divided: bool) -> tuple[Predicate, ...]:
    possible = _where(asked, unknown, optimistic=True)
    return (possible, _in_doubt(asked, unknown), *_inside_of(asked, divided))


def _in_doubt(asked: Groups, unknown: frozenset[Fact]) -> Predicate:
    """Of what may count: it is not sure to."""
    possible = _parts(_where(asked, unknown, optimistic=True))
    # What holds of all that may count is not asked again: what is left to fail may be found by an index.
    return untrue(every(part for part in _sure(asked, unknown) if part not in possible))


def _sure(asked: Groups, unknown: frozenset[Fact]) -> tuple[Predicate, ...]:
    """What holds of every row that surely counts; a choice of ways is left out where one of them must hold anyway."""
    parts = _parts(_where(asked, unknown, optimistic=False))
    return tuple(part for part in parts if not isinstance(part, Some) or set(part.parts).isdisjoint(parts))


def _of_itself(predicate: Predicate) -> bool:
    """Whether a row tells by itself."""
    match predicate:
        case All(parts) | Some(parts):
            return all(map(_of_itself, parts))
        case Not(part):
            return _of_itself(part)
    return not isinstance(predicate, Exists)


def _parts(predicate: Predicate) -> tuple[Predicate, ...]:
    """What must hold, each for itself."""
    if not isinstance(predicate, All):
        return (predicate,)
    return tuple(dict.fromkeys(part for whole_ in predicate.parts for part in _parts(whole_)))


def _where(asked: Groups, unknown: frozenset[Fact], *, optimistic: bool) -> Predicate:
    home = asked.home

    def known(fact: Fact) -> Predicate | None:
        if fact.source == home:
            return local_fact(fact, asked.relation)
        return None if fact in unknown else member(fact, home)

    return render(asked.rows, asked.relation, home, known, optimistic=optimistic)


def _inside_of(asked: Groups, divided: bool) -> tuple[Predicate, ...]:
    return (_in_division(asked.relation),) if divided else ()


def _in_division(relation: str) -> Predicate:
    inside = Compare("divisionCode", "under", Param("division_asked"))
    if f"{relation}.{DIVISION}" in CATALOGUE:
        return inside
    return of_its_report(inside) if relation == "Incident" else Exists("Child", (("_register", "_register"),), inside)


def placed(relation: str) -> bool:
    """Whether the department that keeps the rows knows in which division they are."""
    return relation in (*CIVIL_TYPES, "Incident") or f"{relation}.{DIVISION}" in CATALOGUE


def _bucket(relation: str, coordinate: str) -> Bucket:
    type_name, _, column = coordinate.partition(".")
    width = "age_band" if coordinate == "Child.birthDate" else WIDTHS.get(CATALOGUE[coordinate].inner)
    if type_name == relation:
        return Bucket(column=column, width=width)
    return Bucket(column=column, width=width, relation=type_name, on=(("_register", "_register"),))
