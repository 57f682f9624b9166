"""Schema value, operator, operand -> bool, and masks, order texts, widths of a value: the contract's words in Python.

Guarantee: comparisons are two-valued; nothing but a ``null`` test is true of a null.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

Dict: TypeAlias = dict[str, Any]
"""One row in schema terms."""

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00")
SHANGHAI = datetime.timezone(datetime.timedelta(hours=8))

_TWO_CHARACTERS = (
    "欧阳 司马 上官 诸葛 东方 皇甫 尉迟 公孙 慕容 司徒 令狐 长孙 宇文 夏侯 端木 百里 东郭 南宫 呼延 轩辕 "
    "澹台 赫连 闻人 钟离 独孤 太史 申屠 公羊 公冶 宗政 濮阳 淳于 单于 太叔 仲孙 司空 第五 拓跋 西门 万俟"
)

TWO_CHARACTERS = frozenset(_TWO_CHARACTERS.split())


def comparable(value: Any, *, decimal: bool) -> Any:
    """The value as it is compared and sorted: a decimal as a number, all else as it is."""
    if value is None or not decimal:
        return value
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def holds(value: Any, operator: str, operand: Any, *, decimal: bool) -> bool:
    """Whether ``value operator operand`` is true; of nulls, only ``null`` is."""
    if operator == "null":
        return bool((value is None) == operand)
    if value is None or operand is None:
        return False
    if operator == "has":
        return bool(set(value) & set(operand))
    if operator == "in":
        return any(_compared(value, "eq", item, decimal) for item in operand)
    if operator in _TEXTS:
        return isinstance(operand, str) and _TEXTS[operator](value, operand)
    return _compared(value, operator, operand, decimal)


_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "under": str.startswith,
    "starts": str.startswith,
    "contains": str.__contains__,
}

_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda one, two: one == two,
    "lt": lambda one, two: one < two,
    "le": lambda one, two: one <= two,
    "gt": lambda one, two: one > two,
    "ge": lambda one, two: one >= two,
}


def _compared(value: Any, operator: str, operand: Any, decimal: bool) -> bool:
    one, two = comparable(value, decimal=decimal), comparable(_alike(value, operand), decimal=decimal)
    return two is not None and bool(_SIGNS[operator](one, two))


def _alike(value: Any, operand: Any) -> Any:
    """The operand in the form of the value, or None if it has none."""
    if isinstance(value, str):
        if not isinstance(operand, str):
            return None
        return _instant(operand) if INSTANT.fullmatch(value) else operand
    if isinstance(value, bool) or isinstance(operand, bool):
        return operand if isinstance(value, bool) and isinstance(operand, bool) else None
    try:
        return type(value)(operand)
    except (TypeError, ValueError):
        return None


def _instant(text: str) -> str | None:
    try:
        instant = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    local = (instant if instant.tzinfo else instant.replace(tzinfo=SHANGHAI)).astimezone(SHANGHAI)
    return local.isoformat(timespec="seconds")


def order_text(value: Any) -> str | None:
    """A value sorted by, as a cursor carries it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _surname(name: str) -> str:
    kept = 2 if len(name) > 2 and name[:2] in TWO_CHARACTERS else 1
    return name[:kept] + "**"


MASKS: dict[str, Callable[[Any], Any]] = {
    "surname": _surname,
    "id_first6": lambda number: number[:6] + "*" * 12 if len(number) >= 15 else None,
    "phone_last4": lambda number: "*" * 7 + number[-4:] if len(number) >= 11 else None,
    "year": lambda date: date[:4],
    "withhold": lambda _: None,
    "none": lambda value: value,
}
"""Mask -> what is shown of a value that is not null; `village` needs the row."""


def widened(value: Any, width: str | None, today: str | None) -> Any:
    """A grouping value, coarser."""
    if value is None or width is None:
        return value
    if width == "town":
        return value[:9]
    if width == "quarter":
        return f"{value[:4]}Q{(int(value[5:7]) + 2) // 3}"
    if width == "age_band" and today is not None:
        return _band(value, today)
    raise ValueError(f"width `{width}` is unknown")


def _band(born: str, today: str) -> str:
    age = int(today[:4]) - int(born[:4]) - (today[5:] < born[5:])
    return next(
        (name for top, name in ((5, "AGE_0_5"), (13, "AGE_6_13"), (15, "AGE_14_15")) if age <= top), "AGE_16_OVER"
    )
