"""A type of input -> what a value of it looks like, in English and Chinese; what a member is called in Chinese.

Guarantee: pure, and of the schema alone: no word of it comes from what a caller gave.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
)

BUILT_IN: Final[Mapping[str, tuple[str, str]]] = {
    "Int": ("a whole number from -2147483648 to 2147483647", "-2147483648 至 2147483647 的整数"),
    "Float": ("a number", "数字"),
    "String": ("a text", "文本"),
    "Boolean": ("`true` or `false`", "`true`（是）或 `false`（否）"),
    "ID": ("an id that the hub gave", "本平台给出的编号"),
}
SCALARS: Final[Mapping[str, str]] = {
    "CitizenId": "18 位公民身份号码：17 位数字加校验位，须符合 GB 11643，不可脱敏",
    "Date": "日历上的日期，如 `2017-06-30`",
    "DateTime": "带时区的日期和时间，如 `2017-06-30T08:00:00+08:00`",
    "Decimal": "以文本写出的金额，最多两位小数，如 `1200.50`",
    "DivisionCode": "6、9 或 12 位行政区划代码",
    "Phone": "完整的电话号码：11 位，或区号加号码",
    "Quarter": "季度，如 `2017Q2`",
}
"""Scalars of the schema, in Chinese; what they say in English is in their own refusals."""
_LISTED: Final = 40


@dataclass(frozen=True, slots=True)
class Words:
    """The same in both languages."""

    en: str
    zh: str


def expected(type_: GraphQLInputType) -> Words:
    """What a value of the type looks like."""
    if isinstance(type_, GraphQLNonNull):
        return expected(type_.of_type)
    if isinstance(type_, GraphQLList):
        inner = expected(type_.of_type)
        return Words(f"a list, each {inner.en}", f"列表，每项为{inner.zh}")
    if isinstance(type_, GraphQLEnumType):
        return _one_of(type_)
    if isinstance(type_, GraphQLInputObjectType):
        return Words(f"an object of `{type_.name}`", f"`{type_.name}` 对象")
    en, zh = BUILT_IN.get(type_.name, (f"a `{type_.name}`", SCALARS.get(type_.name, f"`{type_.name}`")))
    return Words(en, zh)


def _one_of(type_: GraphQLEnumType) -> Words:
    names = list(type_.values)[:_LISTED]
    more = len(type_.values) > _LISTED
    called = (chinese(type_.values[name].description) for name in names)
    shown = (f"`{name}`（{word}）" if word else f"`{name}`" for name, word in zip(names, called, strict=True))
    return Words(
        f"one of {', '.join(f'`{name}`' for name in names)}{' and others' if more else ''}",
        f"以下之一：{'、'.join(shown)}{'等' if more else ''}",
    )


def called(member: GraphQLInputField | GraphQLArgument) -> str:
    """What a member of an input, or an argument, is called in Chinese; empty if the schema does not say."""
    return chinese(member.description)


def chinese(description: str | None) -> str:
    """The Chinese word with which a description begins, if it does."""
    word = (description or "").partition(" ")[0]
    return word if any("一" <= letter <= "鿿" for letter in word) else ""
