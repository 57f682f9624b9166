"""Mapped column -> how a value in schema terms is stored there: pure, the way back of ``connectors/sql_values.py``.

Guarantee: what is stored is shown again as the value that was given (a number of yuan to two decimals, an instant to
the second); a value that the column cannot hold is an ``UnfitError``, which does not repeat it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.mapping import Mapped
from connectors.sql_values import Encoder, cast, encoder, order_encoder
from connectors.write import UnfitError


def stored(column: Mapped, longest: int | None = None) -> Encoder:
    """Value in schema terms -> what the driver binds to be kept; null stays null. ``longest``: characters of a text."""
    one = _one(column)

    def encoded(value: Any) -> Any:
        if value is None:
            return None
        if column.is_list:
            kept = _joined(column, [_held(column, one, item) for item in _listed(column, value)])
        else:
            kept = _held(column, one, value)
        if isinstance(kept, str) and ((longest is not None and len(kept) > longest) or not _is_text(kept)):
            raise UnfitError(column.name)
        return kept

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
    try:
        kept = one(value)
    except ValueError:
        raise UnfitError(column.name) from None
    if kept is None:
        raise UnfitError(column.name)
    return kept


def _is_text(text: str) -> bool:
    """Whether PostgreSQL can keep it: no NUL, no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _listed(column: Mapped, value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise UnfitError(column.name)
    return list(value)


def _joined(column: Mapped, items: list[Any]) -> Any:
    if column.separator is None:
        return items
    if any(not item or column.separator in item for item in items):
        raise UnfitError(column.name)
    return column.separator.join(items)
