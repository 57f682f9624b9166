"""Catalogue -> filters and orders: which coordinates a caller may name to choose and sort rows, and by which operators.

Parts that another source than the row's own keeps cannot be named, nor can `id`; of derived fields `riskFlags` alone
can. Whether the caller may use a name is not settled here: only coordinates that it reads in clear count, row by row,
and of flags only those that it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from schema.catalogue import TYPES, Coordinate, fields_of
from schema.conditions import Kind, kind_of

UNFILTERED = frozenset(
    {
        "Child.id",
        "ReconciliationItem.sourceValues",
        "CriminalCase.stage",
        "CriminalCase.caseNumber",
        "CriminalCase.outcome",
        "CriminalCase.prosecutedOn",
        "CriminalCase.victimRelief",
    }
)
"""Coordinates that no filter and no order names: ids, what is compared, parts of a case that a further source keeps."""

GROUPS = ("and", "or", "not")
"""Members of every filter that join conditions."""


def upper_snake(field: str) -> str:
    """``birthDate`` -> ``BIRTH_DATE``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", field).upper()


def filterable(type_name: str) -> tuple[Coordinate, ...]:
    """Coordinates of a type that a filter may name."""
    return tuple(found for found in fields_of(type_name) if found.coordinate not in UNFILTERED)


def sortable(type_name: str) -> tuple[Coordinate, ...]:
    """Coordinates of a type that an order may name: those of a filter that hold one value."""
    return tuple(found for found in filterable(type_name) if not found.many)


def _filter_fields(type_name: str) -> Mapping[str, tuple[str | None, Kind]]:
    named: dict[str, tuple[str | None, Kind]] = {
        found.field: (found.coordinate, kind_of(found.inner, many=found.many)) for found in filterable(type_name)
    }
    if type_name == "Child":
        named["age"] = ("Child.birthDate", "age")
    return {**named, **dict.fromkeys(GROUPS, (None, "group"))}


_FILTER_FIELDS = {type_name: _filter_fields(type_name) for type_name in TYPES}
_ORDERS = {
    type_name: {upper_snake(found.field): found.coordinate for found in sortable(type_name)} for type_name in TYPES
}


def filter_fields(type_name: str) -> Mapping[str, tuple[str | None, Kind]]:
    """Member of ``<Type>Filter`` -> the coordinate that it looks at (none: ``and``, ``or``, ``not``) and its kind."""
    return _FILTER_FIELDS[type_name]


def order_coordinate(type_name: str, value: str) -> str:
    """Value of ``<Type>OrderField`` -> the coordinate that it sorts by; ``KeyError`` if there is none."""
    return _ORDERS[type_name][value]
