"""A field's type -> the operators by which rows may be filtered on it, as Strawberry inputs.

Every member is nullable; an operator that is null is absent, and several given must all hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, TypeAlias

import strawberry

from schema import scalars
from schema.facts import list_of

Kind: TypeAlias = Literal["text", "compare", "equal", "division", "boolean", "enum", "list", "age", "group"]
"""Which operators a member of a filter takes: those of ``OPERATORS``; ``group`` is ``and``, ``or`` or ``not``."""

OPERATORS: Mapping[Kind, tuple[str, ...]] = {
    "text": ("eq", "in", "contains", "startsWith", "isNull"),
    "compare": ("eq", "in", "gte", "lte", "gt", "lt", "isNull"),
    "equal": ("eq", "in", "isNull"),
    "division": ("eq", "in", "under", "isNull"),
    "boolean": ("eq", "isNull"),
    "enum": ("eq", "in", "isNull"),
    "list": ("has", "isNull"),
    "age": ("gte", "lte"),
    "group": (),
}
"""Operators of each kind, by their names in GraphQL."""

SAYS: Mapping[str, str] = {
    "eq": "等于 equals",
    "in": "属于 equals one of",
    "contains": "包含 contains this text; no wildcards",
    "startsWith": "开头为 begins with this text; no wildcards",
    "gte": "不小于 at least",
    "lte": "不大于 at most",
    "gt": "大于 more than",
    "lt": "小于 less than",
    "under": "辖内 this division or one under it",
    "has": "含有 holds at least one of",
    "isNull": "是否为空 is null, or closed to you in that row (true), or is not (false)",
}
"""Operator -> its description."""

_PLURAL = frozenset({"in", "has"})
_BY_SCALAR: Mapping[str, tuple[Kind, Any]] = {
    "String": ("text", str),
    "Int": ("compare", int),
    "Float": ("compare", float),
    "Date": ("compare", scalars.Date),
    "DateTime": ("compare", scalars.DateTime),
    "Decimal": ("compare", scalars.Decimal),
    "Quarter": ("compare", scalars.Quarter),
    "CitizenId": ("equal", scalars.CitizenId),
    "Phone": ("equal", scalars.Phone),
    "DivisionCode": ("division", scalars.DivisionCode),
    "Boolean": ("boolean", bool),
    "ID": ("equal", strawberry.ID),
}


def kind_of(inner: str, *, many: bool) -> Kind:
    """Kind of the operators on a field of type ``inner``, or on a list of it."""
    if many:
        return "list"
    return _BY_SCALAR[inner][0] if inner in _BY_SCALAR else "enum"


def python_type(inner: str, enums: Mapping[str, type[Enum]]) -> Any:
    """What stands for the GraphQL type ``inner`` in Python."""
    return _BY_SCALAR[inner][1] if inner in _BY_SCALAR else enums[inner]


def condition(inner: str, kind: Kind, operand: Any) -> Any:
    """The input that holds the operators of ``kind`` on ``inner``: ``DateCondition``, ``ConcernKindListCondition``."""
    name = f"{inner}{'List' if kind == 'list' else ''}Condition"
    members = {operator: _operand(operator, operand) for operator in OPERATORS[kind]}
    return input_type(name, f"对 {inner} 的条件 what must hold of a value; a null operator is absent", members, SAYS)


def _operand(operator: str, operand: Any) -> Any:
    if operator == "isNull":
        return bool
    return list_of(operand) if operator in _PLURAL else operand


def input_type(name: str, description: str, members: Mapping[str, Any], says: Mapping[str, str]) -> Any:
    """A Strawberry input of nullable members, named as GraphQL names them."""
    # `in`, `and`, `not` are no Python names: each attribute has a `_` before it, and its name in GraphQL beside it.
    body: dict[str, Any] = {
        f"_{member}": strawberry.field(name=member, default=strawberry.UNSET, description=says.get(member))
        for member in members
    }
    body["__annotations__"] = {f"_{member}": annotation | None for member, annotation in members.items()}
    body["__doc__"] = description
    return strawberry.input(type(name, (), body), name=name, description=description)
