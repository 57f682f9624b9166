"""Fetch -> the same Fetch, its values' conditions without what is true of each of its rows anyway: pure.

Guarantee: in every row that the Fetch selects each condition is as true as before; what is not selected is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from connectors.source import ALWAYS, All, Column, Compare, Fetch, Not, Param, Predicate, Some


def within(fetch: Fetch) -> Fetch:
    """The Fetch, what its rows' own condition says left out of the conditions of their values."""
    given = frozenset(_parts_of(fetch.where))
    return replace(
        fetch,
        columns=tuple(_column(column, given) for column in fetch.columns),
        order=tuple(replace(order, clear=_left(order.clear, given)) for order in fetch.order),
        certain=None if fetch.certain is None else _left(fetch.certain, given),
    )


def lists(fetch: Fetch) -> bool:
    """Whether a condition of a value, other than one that chooses the rows, goes through a bound list."""
    conditions = [] if fetch.certain is None else [fetch.certain]
    for column in fetch.columns:
        conditions += column.clear, column.clear_possible, column.masked, column.masked_possible
    return any(map(_has_list, conditions))


def _column(column: Column, given: frozenset[Predicate]) -> Column:
    clear, masked = _left(column.clear, given), _left(column.masked, given)
    clear_possible, masked_possible = _left(column.clear_possible, given), _left(column.masked_possible, given)
    return replace(column, clear=clear, clear_possible=clear_possible, masked=masked, masked_possible=masked_possible)


def _left(predicate: Predicate, given: frozenset[Predicate]) -> Predicate:
    """What is left to be asked where the given hold."""
    if predicate in given:
        return ALWAYS
    match predicate:
        case All():
            # One that is asked twice is asked once: the same parts in the same order are one condition of the row.
            left = dict.fromkeys(part for whole in predicate.parts for part in _parts_of(_left(whole, given)))
            return _all(tuple(part for part in left if part != ALWAYS))
        case Some(parts=parts):
            some = tuple(_left(part, given) for part in parts)
            return ALWAYS if ALWAYS in some else Some(some)
        case Not(part=part):
            return Not(_left(part, given))
    return predicate


def _all(parts: Sequence[Predicate]) -> Predicate:
    if not parts:
        return ALWAYS
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _parts_of(predicate: Predicate) -> Iterator[Predicate]:
    """What must hold for the predicate to hold, each for itself."""
    if isinstance(predicate, All):
        for part in predicate.parts:
            yield from _parts_of(part)
    else:
        yield predicate


def _has_list(predicate: Predicate) -> bool:
    match predicate:
        case Compare(operator=operator, operand=operand):
            return operator == "in" and isinstance(operand, Param)
        case Not(part=part):
            return _has_list(part)
        case All(parts=parts) | Some(parts=parts):
            return any(map(_has_list, parts))
    return False
