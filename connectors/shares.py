"""A condition, statistics -> the share of a table's rows for which it holds, as far as statistics tell.

Guarantee: pure; of what nothing is known it is nought: an index is taken to be worth its while.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from connectors.catalogue import Spread, Stored
from connectors.demand import Asked, Condition

RANGE = 1 / 3
"""Share of rows taken to be on one side of a bound that is not known."""
UNDER = 10
"""Codes taken to be under one that is bound: villages of a town."""


def together(conditions: Iterable[Condition], table: Stored, asked: Asked) -> float:
    """Share of rows for which all hold; of several on one column the narrowest counts."""
    shares: dict[str, float] = {}
    for one in conditions:
        shares[one.element] = min(shares.get(one.element, 1.0), share(one, table, asked))
    return prod(shares.values())


def share(condition: Condition, table: Stored, asked: Asked) -> float:
    """Share of rows for which the condition holds, as far as statistics tell."""
    spread = table.columns.get(condition.column, Spread())
    if not spread.known:
        return 0.0
    if condition.nulls is not None:
        return spread.nulls if condition.nulls else 1 - spread.nulls
    if condition.codes is not None or (condition.bound is not None and spread.common):
        return _fixed(condition, spread)
    if asked.chosen:
        return _rarest(condition, spread)
    there = 1 - spread.nulls
    if condition.kind == "range":
        return there * RANGE
    each = there / max(spread.distinct, 1.0)
    return min(1.0, each * UNDER) if condition.kind == "prefix" else each


def _fixed(condition: Condition, spread: Spread) -> float:
    """Of what the plan fixes: how many rows have these very codes, or a number on this side."""
    if condition.bound is not None:
        bound = condition.bound
        return sum(share for value, share in spread.common.items() if _holds(bound, float(value)))
    common = spread.elements if condition.kind == "has" else spread.common
    return min(1.0, sum(common.get(code, 0.0) for code in condition.codes or ()))


def _holds(bound: tuple[str, float], value: float) -> bool:
    sign, limit = bound
    return {"lt": value < limit, "le": value <= limit, "gt": value > limit, "ge": value >= limit}[sign]


def _rarest(condition: Condition, spread: Spread) -> float:
    """Share of the rarest value that a caller may choose, so far as there are rows that have it."""
    if condition.kind == "has":
        return min(spread.elements.values(), default=0.0)
    named = sum(spread.shares)
    others = spread.distinct - len(spread.shares)
    rest = (1 - spread.nulls - named) / others if others >= 1 else 1.0
    return max(0.0, min((*spread.shares, rest)))
