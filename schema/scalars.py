"""Text of a caller -> value in canonical form, or a clear refusal that repeats no input; value of a source -> text.

Masked forms (`2008`, `120114************`, `*******1234`) pass on the way out and are never accepted as input. What a
source holds passes as it is even where it would be refused as input: a wrong citizen id is itself a finding.
"""

from __future__ import annotations

import datetime
import decimal
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NewType
from zoneinfo import ZoneInfo

from graphql import GraphQLError
from stdnum.cn import ric
from stdnum.exceptions import ValidationError

CitizenId = NewType("CitizenId", str)
"""公民身份号码: 18 characters of GB 11643."""
Phone = NewType("Phone", str)
"""Mobile or fixed telephone of the mainland, digits only or with the area code set off."""
DivisionCode = NewType("DivisionCode", str)
"""行政区划代码: district (6 digits), town (9) or village (12)."""
Date = NewType("Date", str)
"""``YYYY-MM-DD``, Asia/Shanghai."""
DateTime = NewType("DateTime", str)
"""``YYYY-MM-DDTHH:MM:SS+08:00``."""
Decimal = NewType("Decimal", str)
"""Yuan as text with two decimals."""
Quarter = NewType("Quarter", str)
"""``2017Q2``."""

SHANGHAI = ZoneInfo("Asia/Shanghai")

_CITIZEN_ID = re.compile(r"[0-9]{17}[0-9Xx]")
_PHONE = re.compile(r"1[3-9][0-9]{9}|0[0-9]{2,3}-?[0-9]{7,8}")
_DIVISION_CODE = re.compile(r"[0-9]{6}|[0-9]{9}|[0-9]{12}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MASKED_DATE = re.compile(r"[0-9]{4}")
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_DECIMAL = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,2})?")
_QUARTER = re.compile(r"[12][0-9]{3}Q[1-4]")


def _matched(pattern: re.Pattern[str], value: object, expected: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise GraphQLError(f"expected {expected}")
    return value


def parse_citizen_id(value: object) -> CitizenId:
    """A number whose check digit and birth date hold, `X` upper-cased; where it was issued is not judged."""
    number = _matched(_CITIZEN_ID, value, "a citizen id of 18 characters (17 digits, then a digit or X)").upper()
    if number[-1] != ric.calc_check_digit(number):
        raise GraphQLError("the check digit of the citizen id is wrong (GB 11643)")
    try:
        ric.get_birth_date(number)
    except ValidationError:
        raise GraphQLError("the birth date inside the citizen id is no date (GB 11643)") from None
    return CitizenId(number)


def parse_phone(value: object) -> Phone:
    """A telephone number in full."""
    return Phone(_matched(_PHONE, value, "a telephone number in full: 11 digits, or area code and number"))


def parse_division_code(value: object) -> DivisionCode:
    """A division code of a district, town or village."""
    return DivisionCode(_matched(_DIVISION_CODE, value, "a division code of 6, 9 or 12 digits"))


def parse_date(value: object) -> Date:
    """A day of the calendar."""
    text = _matched(_DATE, value, "a date as YYYY-MM-DD")
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        raise GraphQLError("expected a date as YYYY-MM-DD that is in the calendar") from None
    return Date(text)


def parse_date_time(value: object) -> DateTime:
    """An instant; its offset is required, and turned into that of Shanghai."""
    text = _matched(_DATE_TIME, value, "a date and time with its offset, as 2017-06-30T08:00:00+08:00")
    try:
        return DateTime(datetime.datetime.fromisoformat(text).astimezone(SHANGHAI).isoformat())
    except (ValueError, OverflowError):
        raise GraphQLError("expected a date and time that is in the calendar") from None


def parse_decimal(value: object) -> Decimal:
    """An amount, given as text or whole number; never a binary float, which would round it."""
    whole = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    text = _matched(_DECIMAL, whole, "an amount as text with at most two decimals, as `1200.50`")
    return Decimal(f"{decimal.Decimal(text):.2f}")


def parse_quarter(value: object) -> Quarter:
    """A quarter of a year."""
    return Quarter(_matched(_QUARTER, value, "a quarter as 2017Q2"))


def show_text(value: object) -> str:
    """A text as the source holds it or as its mask left it."""
    if not isinstance(value, str):
        raise GraphQLError("a source gave a value that is no text")
    return value


def show_date(value: object) -> str:
    """A day, or the year that its mask left."""
    text = value.isoformat() if isinstance(value, datetime.date) else value
    if isinstance(text, str) and _MASKED_DATE.fullmatch(text):
        return text
    return parse_date(text)


def show_date_time(value: object) -> str:
    """An instant in the offset of Shanghai."""
    return parse_date_time(value.isoformat() if isinstance(value, datetime.datetime) else value)


def show_decimal(value: object) -> str:
    """An amount with two decimals."""
    return parse_decimal(str(value) if isinstance(value, decimal.Decimal) else value)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar of the schema: what stands for it in Python, what it accepts and what it shows."""

    python: Any
    name: str
    description: str
    parse: Callable[[object], str]
    show: Callable[[object], str]


SCALARS: tuple[Scalar, ...] = (
    Scalar(
        CitizenId,
        "CitizenId",
        "公民身份号码 citizen id of 18 characters with a right check digit (GB 11643). "
        "Masked: first six digits, then twelve stars; a masked number is no input.",
        parse_citizen_id,
        show_text,
    ),
    Scalar(
        Phone,
        "Phone",
        "电话 telephone number in full. Masked: seven stars, then the last four digits; a masked number is no input.",
        parse_phone,
        show_text,
    ),
    Scalar(
        DivisionCode,
        "DivisionCode",
        "行政区划代码 division code: 6 digits for the district, 9 for a town, 12 for a village "
        "(GB/T 2260, GB/T 10114).",
        parse_division_code,
        show_text,
    ),
    Scalar(
        Date,
        "Date",
        "日期 day as YYYY-MM-DD (GB/T 7408), Asia/Shanghai. Masked: the year alone; a year is no input.",
        parse_date,
        show_date,
    ),
    Scalar(
        DateTime,
        "DateTime",
        "时间 instant as YYYY-MM-DDTHH:MM:SS+08:00 (GB/T 7408); input needs an offset, any will do.",
        parse_date_time,
        show_date_time,
    ),
    Scalar(
        Decimal,
        "Decimal",
        "金额 amount in yuan as text with two decimals; input also as a whole number.",
        parse_decimal,
        show_decimal,
    ),
    Scalar(Quarter, "Quarter", "季度 quarter as 2017Q2.", parse_quarter, show_text),
)
"""Every scalar that is not GraphQL's own."""
