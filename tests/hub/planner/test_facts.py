"""Facts as a database takes them: what it cannot estimate makes it read a table where a row would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from connectors.source import All, Compare, Exists, Not, Param, Predicate, Some
from hub.planner import facts
from hub.planner.formula import Fact

EVERY = [fact for fact in vars(facts).values() if isinstance(fact, Fact)]


def bounds(predicate: Predicate) -> Iterator[str]:
    """Columns that must lie beyond a bound value."""
    match predicate:
        case Compare(column, operator, Param()) if operator in ("gt", "ge", "lt", "le"):
            yield column
        case All(parts):
            for part in parts:
                yield from bounds(part)


def within(predicate: Predicate) -> Iterator[Predicate]:
    """The predicate and those of which it is made."""
    yield predicate
    match predicate:
        case All(parts) | Some(parts):
            for part in parts:
                yield from within(part)
        case Not(part) | Exists(where=part):
            yield from within(part)


def test_no_fact_asks_for_what_lies_between_two_bound_values() -> None:
    # Of such a range a generic plan expects one row in two hundred, and gathers all of them beforehand.
    assert len(EVERY) > 30
    between = {
        fact.name: column
        for fact in EVERY
        for part in within(fact.where)
        for column, number in Counter(bounds(part)).items()
        if number > 1
    }
    assert between == {}


def test_such_a_range_is_noticed() -> None:
    both = All((facts.bound("birthDate", "gt", "born_16"), facts.bound("birthDate", "le", "born_6")))
    assert list(bounds(both)) == ["birthDate", "birthDate"]
