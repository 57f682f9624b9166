"""entitlements.csv -> Rights: who may read what, expanded on its own, for the oracle.

Nothing of ``policies`` is imported: the enforcer and the oracle must come to the same by two ways.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property

from tests.support.world import FIELDS, VECTORS

NEED_CASE = frozenset({"judicial_proceeding", "legal_supervision", "legal_aid"})


@dataclass(frozen=True, slots=True)
class Right:
    """One coordinate, one action, one scope, under one purpose, for one unit."""

    unit: str
    purpose: str
    coordinate: str
    action: str
    scope: str


@dataclass(frozen=True)
class Me:
    """The principal: its unit key, its division or institution, the purpose it declared."""

    key: str
    purpose: str

    @cached_property
    def unit(self) -> str:
        """The unit's code."""
        return self.key.partition(":")[0]

    @cached_property
    def division(self) -> str | None:
        """Nine digits of a town, twelve of a village."""
        return self._part if self.unit in ("town_government", "village_committee") else None

    @cached_property
    def institution(self) -> str | None:
        """Code of a mandatory reporter's institution."""
        return self._part if self.unit == "mandatory_reporter" else None

    @property
    def _part(self) -> str | None:
        return self.key.partition(":")[2] or None


def _coordinates(target: str) -> list[str]:
    type_name, _, fields = target.partition(".")
    if fields == "*":
        return [coordinate for coordinate in FIELDS if coordinate.startswith(f"{type_name}.")]
    return [f"{type_name}.{field}" for field in fields.split("+")]


def _expand() -> Iterator[Right]:
    with (VECTORS / "entitlements.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            for purpose in row["purposes"].split(";"):
                for coordinate in _coordinates(row["object"]):
                    yield Right(row["unit"], purpose, coordinate, row["action"], row["row_scope"])


def rights() -> Mapping[tuple[str, str], Mapping[str, list[Right]]]:
    """(unit, purpose) -> coordinate -> the rights that concern it."""
    table: dict[tuple[str, str], dict[str, list[Right]]] = defaultdict(lambda: defaultdict(list))
    for right in _expand():
        table[right.unit, right.purpose][right.coordinate].append(right)
    return {place: dict(found) for place, found in table.items()}


RIGHTS = rights()
UNITS = tuple(dict.fromkeys(unit for unit, _ in RIGHTS))
PURPOSES = tuple(sorted({purpose for _, purpose in RIGHTS}))


@cache
def scopes(me: Me, coordinate: str, action: str) -> tuple[str, ...]:
    """Scopes in which the principal may do ``action`` (``read``, ``read_masked``) on the coordinate."""
    found = RIGHTS.get((me.unit, me.purpose), {}).get(coordinate, ())
    return tuple(dict.fromkeys(right.scope for right in found if right.action == action))


def readable(me: Me, type_name: str) -> list[str]:
    """Coordinates of the type that the principal reads, clear or masked, in some row."""
    named = (coordinate for coordinate in FIELDS if coordinate.startswith(f"{type_name}."))
    return [name for name in named if scopes(me, name, "read") or scopes(me, name, "read_masked")]


def selected(me: Me, type_name: str) -> list[str]:
    """Names of the fields that it may select, without the id."""
    return [name for name in (one.partition(".")[2] for one in readable(me, type_name)) if name != "id"]
