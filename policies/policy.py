"""Enforcer, lines, vocabulary -> ``Policy``: one immutable version of who may do what.

What it answers from are sets compiled once from the rules that Casbin holds, equal to ``enforce`` for every unit,
purpose, coordinate and action (tests/policies/test_exhaustive.py); looking a right up is a dictionary access.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from policies.decision import Decision, Grant, Reason
from policies.enforcer import Enforcer
from policies.rules import ACTIONS, Line, Rule
from policies.tables import Table, nearest
from policies.vocabulary import Division, Institution, Purpose, Scope, Unit, Vocabulary

Grants = Mapping[str, tuple[Grant, ...]]
"""Grants by coordinate."""

NONE: Grants = MappingProxyType({})


class Policy:
    """One version of the policy; nothing in it changes, so a request that holds it sees one policy throughout."""

    def __init__(
        self,
        *,
        version: str,
        enforcer: Enforcer,
        lines: Iterable[Line],
        words: Vocabulary,
        tables: tuple[Table, ...],
        coordinates: frozenset[str],
    ) -> None:
        self.version = version
        self.coordinates = coordinates
        self.tables = tables
        self._words = words
        self._enforcer = enforcer
        self._sets = _compile(enforcer.rules(), {line.rule: line for line in lines})
        self._readable = {key: self._merge(*key) for key in {key[:2] for key in self._sets}}

    @property
    def units(self) -> Mapping[str, Unit]:
        """Units by code, the lead unit first."""
        return self._words.units

    @property
    def purposes(self) -> Mapping[str, Purpose]:
        """Purposes by code."""
        return self._words.purposes

    @property
    def scopes(self) -> Mapping[str, Scope]:
        """Row scopes by code, in words."""
        return self._words.scopes

    @property
    def institutions(self) -> Mapping[str, Institution]:
        """The register of mandatory reporters that are institutions, by code."""
        return self._words.institutions

    @property
    def divisions(self) -> Mapping[str, Division]:
        """The district, its towns and villages, by code."""
        return self._words.divisions

    def clause(self, code: str) -> str:
        """The words of a clause of the notice."""
        return self._words.clauses[code].text_zh

    def case_required(self, purpose: str) -> bool:
        """Whether a request for this purpose must name its case; an unknown purpose must."""
        found = self.purposes.get(purpose)
        return found is None or found.needs_case

    def grants(self, unit: str, purpose: str, action: str) -> Grants:
        """Grants of a unit for a purpose and an action, by coordinate; empty if there is none."""
        return self._sets.get((unit, purpose, action), NONE)

    def sets(self) -> Iterator[tuple[str, str, str, Grants]]:
        """Every compiled set with its unit, purpose and action."""
        for (unit, purpose, action), held in self._sets.items():
            yield unit, purpose, action, held

    def readable(self, unit: str, purpose: str) -> Grants:
        """What a unit may read, clear grants before masked ones, by coordinate."""
        return self._readable.get((unit, purpose), NONE)

    def elsewhere(self, unit: str, coordinate: str, action: str) -> tuple[Grant, ...]:
        """Grants of a unit over a coordinate for any purpose."""
        found = {
            grant.rule: grant
            for purpose in self.purposes
            for grant in self.grants(unit, purpose, action).get(coordinate, ())
        }
        return tuple(found.values())

    def tables_of(self, unit: str, purpose: str) -> tuple[Table, ...]:
        """Aggregate tables declared for a unit and a purpose."""
        return tuple(table for table in self.tables if table.purpose == purpose and unit in table.units)

    def nearest_table(self, unit: str, purpose: str, by: tuple[str, ...], measure: str) -> Table | None:
        """The declared table of the unit that is closest to a grouping."""
        return nearest(self.tables_of(unit, purpose), by, measure)

    def enforce(self, unit: str, purpose: str, coordinate: str, action: str) -> bool:
        """What Casbin itself says; slow, for proofs and never for requests."""
        return self._enforcer.enforce(unit, purpose, coordinate, action)

    def decide(self, unit: str, purpose: str, coordinate: str, action: str) -> Decision:
        """The decision with its reason; never raises, an unknown word is a refusal."""
        grants = self.grants(unit, purpose, action).get(coordinate, ())
        reason, near = ("granted", ()) if grants else self._refusal(unit, purpose, coordinate, action)
        return Decision(
            unit=unit,
            purpose=purpose,
            coordinate=coordinate,
            action=action,
            reason=reason,
            grants=grants,
            near=near,
            clause=self._clauses(unit, grants or near),
        )

    def _refusal(self, unit: str, purpose: str, coordinate: str, action: str) -> tuple[Reason, tuple[Grant, ...]]:
        """Why not, with the unit's own grants that come closest."""
        known = unit in self.units and purpose in self.purposes and coordinate in self.coordinates and action in ACTIONS
        if not known:
            return "unknown", ()
        masked = self.grants(unit, purpose, "read_masked").get(coordinate, ())
        if action == "read" and masked:
            return "masked_only", masked
        other = self.elsewhere(unit, coordinate, action)
        if other:
            return "other_purpose", other
        actions = tuple(
            grant
            for name in ACTIONS
            for grant in self.grants(unit, purpose, name).get(coordinate, ())
            if not grant.implied
        )
        return ("other_action", actions) if actions else ("not_granted", ())

    def _clauses(self, unit: str, grants: tuple[Grant, ...]) -> str:
        clauses = dict.fromkeys(grant.clause for grant in grants)
        if not clauses and unit in self.units:
            return self.units[unit].clause
        return ", ".join(clauses)

    def _merge(self, unit: str, purpose: str) -> Grants:
        clear, masked = (self.grants(unit, purpose, action) for action in ("read", "read_masked"))
        names = sorted({*clear, *masked})
        return MappingProxyType({name: clear.get(name, ()) + masked.get(name, ()) for name in names})


def _compile(rules: Iterable[Rule], lines: Mapping[str, Line]) -> dict[tuple[str, str, str], Grants]:
    """Sets by unit, purpose and action, from what Casbin holds; each grant stands once however many purposes it has."""
    grants: dict[tuple[str, str, str], Grant] = {}
    found: defaultdict[tuple[str, str, str], defaultdict[str, list[Grant]]] = defaultdict(lambda: defaultdict(list))
    for rule in sorted(rules, key=lambda rule: (rule.coordinate, lines[rule.rule].line)):
        key = (rule.rule, rule.coordinate, rule.action)
        grant = grants.setdefault(key, _grant(rule, lines[rule.rule]))
        found[rule.unit, rule.purpose, rule.action][rule.coordinate].append(grant)
    return {
        key: MappingProxyType({coordinate: tuple(held) for coordinate, held in by.items()}) for key, by in found.items()
    }


def _grant(rule: Rule, line: Line) -> Grant:
    return Grant(
        rule=rule.rule,
        unit=rule.unit,
        coordinate=rule.coordinate,
        action=rule.action,
        scope=rule.scope,
        mask=rule.mask or "none",
        purposes=line.purposes,
        clause=line.clause,
        quote=line.quote,
        file=line.file,
        line=line.line,
        implied=rule.action != line.action,
    )
