"""Mapped column -> SQL of its value, mask and order text; schema value -> stored value: pure, one place a kind.

Guarantee: what a column shows, what it is compared with and what it is sorted by agree. Text that reaches SQL from
here comes from a mapping (identifiers by a strict pattern and quoted, code tables as escaped literals), never from a
request.
"""

from __future__ import annotations

import datetime
import decimal
import re
from collections.abc import Callable
from typing import Any, TypeAlias

from connectors.mapping import Divisions, Mapped

Encoder: TypeAlias = Callable[[Any], Any]
"""Value in schema terms -> what the driver binds; None if the column can never hold it."""

EIGHT_HOURS = datetime.timezone(datetime.timedelta(hours=8))

_COMPOUND_SURNAMES = (
    "欧阳 司马 上官 诸葛 东方 皇甫 尉迟 公孙 慕容 司徒 令狐 长孙 宇文 夏侯 端木 百里 东郭 南宫 呼延 轩辕 "
    "澹台 赫连 闻人 钟离 独孤 太史 申屠 公羊 公冶 宗政 濮阳 淳于 单于 太叔 仲孙 司空 第五 拓跋 西门 万俟"
)

COMPOUND_SURNAMES = tuple(_COMPOUND_SURNAMES.split())
"""Surnames of two characters, kept whole by the mask `surname`."""

_OFFSET = "INTERVAL '8 hours'"
_EIGHT_DIGITS = "'^[0-9]{8}$'"


def quoted(name: str) -> str:
    """A validated identifier (or ``schema.table``), quoted."""
    return ".".join(f'"{part}"' for part in name.split("."))


def literal(text: str) -> str:
    """A text of the mapping as an SQL literal."""
    if "\\" in text or "\0" in text:
        raise ValueError("a code or separator holds a backslash or a null byte")
    return "'" + text.replace("'", "''") + "'"


def shown(column: Mapped, raw: str) -> str:
    """The value in schema terms, JSON-ready; null where the stored value means nothing."""
    if column.is_list:
        return _list(column, raw)
    if column.codes is not None:
        return _decoded(column, raw)
    if column.kind == "text" or (column.kind == "int" and column.is_key):
        return f"{raw}::text"
    return _SHOWN[(column.kind, column.stored)](column, raw)


def _decoded(column: Mapped, raw: str) -> str:
    assert column.codes is not None
    whens = " ".join(f"WHEN {literal(code)} THEN {literal(value)}" for code, value in column.codes.pairs)
    return f"CASE {raw} {whens} END"


def _list(column: Mapped, raw: str) -> str:
    items = stored_list(column, raw)
    if column.codes is None:
        return items
    value = _decoded(column, "item")
    inner = f"SELECT {value} AS value, place FROM unnest({items}) WITH ORDINALITY AS listed (item, place)"
    named = f"SELECT array_agg(value ORDER BY place) FROM ({inner}) AS named WHERE value IS NOT NULL"
    # array_agg of no rows is null: an empty list stays a list, a null stays null.
    return f"CASE WHEN {raw} IS NOT NULL THEN coalesce(({named}), '{{}}'::text[]) END"


def stored_list(column: Mapped, raw: str) -> str:
    """The stored codes or texts as an SQL array."""
    return raw if column.separator is None else f"string_to_array({raw}, {literal(column.separator)})"


def _digits_as_date(_: Mapped, raw: str) -> str:
    parts = f"substr({raw}, 1, 4) || '-' || substr({raw}, 5, 2) || '-' || substr({raw}, 7, 2)"
    return f"CASE WHEN {raw} ~ {_EIGHT_DIGITS} THEN {parts} END"


_SHOWN: dict[tuple[str, str], Callable[[Mapped, str], str]] = {
    ("int", "plain"): lambda _, raw: f"{raw}::bigint",
    ("int", "digits"): lambda _, raw: f"CASE WHEN {raw} ~ '^[0-9]{{1,9}}$' THEN {raw}::bigint END",
    ("bool", "plain"): lambda column, raw: raw if column.true is None else f"({raw} = {literal(column.true)})",
    ("date", "date"): lambda _, raw: f"to_char({raw}, 'YYYY-MM-DD')",
    ("date", "yyyymmdd"): _digits_as_date,
    ("instant", "timestamptz"): lambda _, raw: _instant(f"({raw} AT TIME ZONE {_OFFSET})"),
    ("instant", "local"): lambda _, raw: _instant(raw),
    ("float", "plain"): lambda _, raw: f"{raw}::float8",
    ("decimal", "plain"): lambda _, raw: f"round({raw}::numeric, 2)::text",
}


def _instant(local: str) -> str:
    return f"""to_char({local}, 'YYYY-MM-DD"T"HH24:MI:SS"+08:00"')"""


def sortable(column: Mapped, raw: str) -> str:
    """What to sort by: the stored column if it is ordered as the values are (so that indexes serve), else the value."""
    if column.codes is not None or column.stored == "digits":
        return shown(column, raw)
    if column.kind == "decimal":
        return f"round({raw}::numeric, 2)"
    if column.kind == "float" or (column.kind == "int" and column.is_key):
        return shown(column, raw)
    return shown(column, raw) if column.true is not None else raw


def order_text(column: Mapped, raw: str) -> str:
    """The value sorted by as text, exact: an instant keeps the fraction that is not shown, lest a page repeats rows."""
    if column.kind == "instant":
        local = raw if column.stored == "local" else f"({raw} AT TIME ZONE {_OFFSET})"
        precise = f"""to_char({local}, 'YYYY-MM-DD"T"HH24:MI:SS.US')"""
        return f"replace({precise}, '.000000', '') || '+08:00'"
    if column.stored == "yyyymmdd":
        return f"coalesce({shown(column, raw)}, {raw}::text)"
    value = shown(column, raw)
    return value if column.kind in {"text", "date", "decimal"} else f"({value})::text"


def masked(column: Mapped, mask: str, raw: str, *, village: str | None, divisions: Divisions | None) -> str:
    """The value under a mask; of a null, null."""
    if mask == "village":
        if village is None or divisions is None:
            raise ValueError(f"column `{column.name}` has no village column for the mask `village`")
        table, code, name = (quoted(part) for part in (divisions.table, divisions.code, divisions.name))
        found = f"SELECT division.{name}::text FROM {table} AS division WHERE division.{code} = {village} LIMIT 1"
        return f"CASE WHEN {raw} IS NOT NULL THEN ({found}) END"
    try:
        return _MASKS[mask](shown(column, raw))
    except KeyError:
        raise ValueError(f"mask `{mask}` is unknown") from None


def _surname(value: str) -> str:
    compound = ", ".join(literal(surname) for surname in COMPOUND_SURNAMES)
    length = f"CASE WHEN length({value}) > 2 AND left({value}, 2) IN ({compound}) THEN 2 ELSE 1 END"
    return f"left({value}, {length}) || '**'"


_MASKS: dict[str, Callable[[str], str]] = {
    "surname": _surname,
    # A number too short for its mask would be given away whole: it is withheld.
    "id_first6": lambda value: f"CASE WHEN length({value}) >= 15 THEN left({value}, 6) || '************' END",
    "phone_last4": lambda value: f"CASE WHEN length({value}) >= 11 THEN '*******' || right({value}, 4) END",
    "year": lambda value: f"left({value}, 4)",
    "withhold": lambda _: "NULL",
    "none": lambda value: value,
}


def cast(column: Mapped) -> str:
    """The cast of a bound value; none for texts: the server takes the column's own type, so that its indexes serve."""
    if column.is_list or column.codes is not None or column.stored == "yyyymmdd":
        return ""
    return _TYPES.get(column.stored) or _TYPES[column.kind]


_TYPES = {
    "text": "",
    "int": "::bigint",
    "bool": "::boolean",
    "date": "::date",
    "decimal": "::numeric",
    "float": "::float8",
    "instant": "::timestamptz",
    "local": "::timestamp",
}


def encoder(column: Mapped) -> Encoder:
    """Schema value -> stored value for a comparison (not of a coded column); None for what the column cannot hold."""
    return _ENCODERS.get(column.stored) or _ENCODERS[column.kind]


def order_cast(column: Mapped) -> str:
    """The cast of a bound order value, of the type of ``sortable``; there is one, since it is tested for null too."""
    if column.codes is not None or column.stored == "yyyymmdd" or (column.kind == "int" and column.is_key):
        return "::text"
    return _TYPES.get(column.stored) or _TYPES[column.kind] or "::text"


def order_encoder(column: Mapped) -> Encoder:
    """Text that ``order_text`` gave -> what ``sortable`` compares with."""
    if column.codes is not None or (column.kind == "int" and column.is_key):
        return to_text
    exact: dict[str, Encoder] = {"yyyymmdd": _to_sorted_digits, "timestamptz": _to_instant, "local": _to_local}
    return exact.get(column.stored) or encoder(column)


def to_text(value: Any) -> str | None:
    """A text that a text column can hold."""
    # PostgreSQL has no null byte in texts: nothing there can equal such a value.
    return value if isinstance(value, str) and "\0" not in value else None


def _to_int(value: Any) -> int | None:
    try:
        number = int(value)
    except (TypeError, ValueError):
        return None
    return number if -(2**63) <= number < 2**63 else None


def _to_bool(value: Any) -> bool | None:
    return value if isinstance(value, bool) else {"true": True, "false": False}.get(value)


def _to_date(value: Any) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(value)
    except (TypeError, ValueError):
        return None


def _to_digits(value: Any) -> str | None:
    date = _to_date(value)
    return None if date is None else f"{date.year:04}{date.month:02}{date.day:02}"


def _to_sorted_digits(value: Any) -> str | None:
    """As ``order_text`` gave it: ten characters of a date, or a stored text that is none, as it is."""
    shaped = isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII)
    return value.replace("-", "") if shaped else to_text(value)


def _to_second(value: Any) -> datetime.datetime | None:
    instant = _to_instant(value)
    return None if instant is None else instant.replace(microsecond=0)


def _to_local_second(value: Any) -> datetime.datetime | None:
    local = _to_local(value)
    return None if local is None else local.replace(microsecond=0)


def _to_instant(value: Any) -> datetime.datetime | None:
    try:
        instant = datetime.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=EIGHT_HOURS)


def _to_local(value: Any) -> datetime.datetime | None:
    instant = _to_instant(value)
    return None if instant is None else instant.astimezone(EIGHT_HOURS).replace(tzinfo=None)


def _to_decimal(value: Any) -> decimal.Decimal | None:
    try:
        number = decimal.Decimal(str(value))
    except decimal.InvalidOperation:
        return None
    return number if number.is_finite() else None


def _to_float(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


_ENCODERS: dict[str, Encoder] = {
    "yyyymmdd": _to_digits,
    "timestamptz": _to_second,
    "local": _to_local_second,
    "text": to_text,
    "int": _to_int,
    "bool": _to_bool,
    "date": _to_date,
    "decimal": _to_decimal,
    "float": _to_float,
}
"""By the stored form where it decides, else by kind."""
