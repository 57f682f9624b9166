"""Mapped column -> how a value in schema terms is stored there: pure, the way back of ``connectors/sql_values.py``.

Guarantee: what is stored is shown again as the value that was given (a number of yuan to two decimals, an instant to
the second); a value that the column cannot hold is a ``ValueError`` that does not repeat it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.mapping import Mapped
from connectors.sql_values import Encoder, cast, encoder, order_encoder


def stored(column: Mapped) -> Encoder:
    """Value in schema terms -> what the driver binds to be kept; null stays null."""
    one = _one(column)

    def encoded(value: Any) -> Any:
        if value is None:
            return None
        if column.is_list:
            return _joined(column, [_held(column, one, item) for item in _listed(column, value)])
        return _held(column, one, value)

    return encoded


def stored_cast(column: Mapped) -> str:
    """The cast of a bound value that is kept; none where the column's own type is taken."""
    return "" if column.true is not None else cast(column)


def _one(column: Mapped) -> Callable[[Any], Any]:
    codes = column.codes
    if codes is not None:
        return lambda value: codes.stored[value][0] if isinstance(value, str) and value in codes.stored else None
    if column.kind == "bool" and column.true is not None:
        return lambda value: {True: column.true, False: column.false}[value] if isinstance(value, bool) else None
    if column.kind == "int" and not column.is_key:
        return lambda value: encoder(column)(value) if type(value) is int else None
    if column.kind == "decimal":
        return _cents
    # An instant is kept as exactly as it is given: two reports of one second keep their order.
    return order_encoder(column) if column.kind == "instant" else encoder(column)


def _cents(value: Any) -> Decimal | None:
    """A number of at most two decimals: what would be rounded is not kept."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and number == round(number, 2) else None


def _held(column: Mapped, one: Callable[[Any], Any], value: Any) -> Any:
    kept = one(value)
    if kept is None:
        raise ValueError(f"column `{column.name}` cannot hold the value that it is given")
    return kept


def _listed(column: Mapped, value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"column `{column.name}` needs a list")
    return list(value)


def _joined(column: Mapped, items: list[Any]) -> Any:
    if column.separator is None:
        return items
    if any(not item or column.separator in item for item in items):
        raise ValueError(f"column `{column.name}` cannot hold an item that is empty or has its separator")
    return column.separator.join(items)
