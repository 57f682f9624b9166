"""Identity -> Entitlements: what one unit may do under one purpose, as formulas over rows.

Made once for each (unit, purpose, policy version) from the sets that the policy compiled; nothing here decides a right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.errors import RefusalError
from hub.planner.flags import Flag, risk_flags
from hub.planner.formula import Formula, either
from hub.planner.plan import Access
from hub.planner.scopes import OWN_REPORTS, scope_formula
from policies.decision import ASK_ZH, Grant
from policies.policy import Policy
from schema.catalogue import CATALOGUE, LINKS, TYPES, fields_of

DIVIDED = frozenset({"town_government", "village_committee"})

Grants = Mapping[str, tuple[Grant, ...]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entitlements:
    """Grants of one unit for one purpose: coordinate -> lines, by action; accesses are made when first asked for."""

    unit: str
    purpose: str
    policy: Policy
    read: Grants
    masked: Grants
    aggregated: Grants
    own_alone: bool = False
    """Whether nothing but own reports may be read."""
    accesses: dict[str, Access] = field(default_factory=dict)
    formulas: dict[tuple[str, tuple[str, ...]], Formula] = field(default_factory=dict)
    flags: list[Flag] = field(default_factory=list)
    refused: dict[tuple[str, str], tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    """Message and facts of refusals: one a coordinate and action, as the policy of this version has them."""

    @classmethod
    def of(cls, policy: Policy, unit: str, purpose: str) -> Entitlements:
        """What the policy gives to the unit under the purpose."""
        # INVARIANT 4: Casbin is the only source of rights: these sets were compiled from its rules, and proven equal.
        read, masked = policy.grants(unit, purpose, "read"), policy.grants(unit, purpose, "read_masked")
        scopes = {line.scope for grants in (read, masked) for held in grants.values() for line in held}
        return cls(
            unit=unit,
            purpose=purpose,
            policy=policy,
            read=read,
            masked=masked,
            own_alone=scopes == {OWN_REPORTS},
            aggregated=policy.grants(unit, purpose, "aggregate"),
        )

    @property
    def divided(self) -> bool:
        """Whether the unit is a town or a village."""
        return self.unit in DIVIDED

    def opens(self, coordinate: str) -> bool:
        """Whether the coordinate may be selected, clear or masked, in some rows."""
        type_name, _, name = coordinate.partition(".")
        if name == "id":
            return self.opens_type(type_name)
        if name in LINKS[type_name]:
            return self.opens_type(LINKS[type_name][name].target)
        return coordinate in self.read or coordinate in self.masked

    def opens_type(self, type_name: str) -> bool:
        """Whether some field of the type may be selected."""
        return any(found.coordinate in self.read or found.coordinate in self.masked for found in fields_of(type_name))

    def reads(self, coordinate: str) -> bool:
        """Whether the coordinate is read in clear in some rows: filters, sorts and look-ups need that."""
        return coordinate in self.read

    def access(self, type_name: str) -> Access:
        """The formulas of one type."""
        if type_name not in self.accesses:
            self.accesses[type_name] = self._access(type_name)
        return self.accesses[type_name]

    def risk_flags(self) -> Sequence[Flag]:
        """Each risk flag with the branches that the caller may see."""
        if not self.flags:
            self.flags.extend(risk_flags({type_name: self.access(type_name) for type_name in TYPES}))
        return self.flags

    def lines(self, coordinates: Iterable[str]) -> tuple[Grant, ...]:
        """Every line that opens one of the coordinates, in the order of the policy."""
        found = {
            line.rule: line
            for coordinate in coordinates
            for grants in (self.read, self.masked)
            for line in grants.get(coordinate, ())
        }
        return tuple(found[rule] for rule in sorted(found))

    def refusal(self, coordinate: str, path: Sequence[str | int] | None, wanted: str = "read") -> RefusalError:
        """The error that says which line of the policy is wanting, and how to ask for it."""
        found = self.refused.get((coordinate, wanted))
        if found is None:
            found = self.refused[coordinate, wanted] = self._refused(coordinate, wanted)
        message, facts = found
        return RefusalError("NOT_ENTITLED", message, path=path, **facts)

    def _refused(self, coordinate: str, wanted: str) -> tuple[str, Mapping[str, Any]]:
        # INVARIANT 3: every decision names its rule: the lines that come closest, or that none does.
        if coordinate in CATALOGUE:
            decision = self.policy.decide(self.unit, self.purpose, coordinate, wanted)
            return decision.sentence, decision.facts()
        message = f"no field of `{coordinate}` may be read by `{self.unit}` for purpose `{self.purpose}`"
        return message, {"coordinate": coordinate, "ask": ASK_ZH}

    def _access(self, type_name: str) -> Access:
        coordinates = [found.coordinate for found in fields_of(type_name)]
        clear = {name: self._formula(type_name, self.read[name]) for name in coordinates if name in self.read}
        masked = {name: self._formula(type_name, self.masked[name]) for name in coordinates if name in self.masked}
        lines = [line for name in coordinates for held in (self.read, self.masked) for line in held.get(name, ())]
        beyond = [line for line in lines if line.scope != OWN_REPORTS]
        return Access(
            type_name=type_name,
            clear=clear,
            masked=masked,
            visible=either(*clear.values(), *masked.values()),
            beyond=None if len(beyond) == len(lines) else self._formula(type_name, beyond),
            flags=self.risk_flags if type_name == "Child" else tuple,
        )

    def _formula(self, type_name: str, lines: Iterable[Grant]) -> Formula:
        """One object for the same scopes: what is worked out of a formula is remembered by which one it is."""
        scopes = tuple(dict.fromkeys(line.scope for line in lines))
        key = (type_name, scopes)
        found = self.formulas.get(key)
        if found is None:
            found = either(*(scope_formula(scope, type_name, divided=self.divided) for scope in scopes))
            self.formulas[key] = found
        return found
