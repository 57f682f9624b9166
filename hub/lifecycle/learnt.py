"""Facts of other departments about a step's child -> how each is told in a statement about rows of a relation.

Guarantee (invariant 6): a fact that could not be learnt holds for nobody where a row must surely be in scope, and is
never taken to be absent where it may be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.source import Predicate, SourceError
from hub.planner.formula import Fact, Formula, Known, local_fact, member, render
from hub.planner.relations import HOME


@dataclass(slots=True, kw_only=True)
class Learnt:
    """Facts of other departments about the step's child, as parameters by the department that uses them."""

    holds: dict[Fact, bool] = field(default_factory=dict)
    bindings: dict[str, dict[str, Any]] = field(default_factory=dict)
    unknown: dict[Fact, SourceError] = field(default_factory=dict)

    def bind(self, home: str, found: Mapping[str, Any]) -> None:
        """Keeps parameters for statements in a department."""
        self.bindings.setdefault(home, {}).update(found)

    def known(self, relation: str) -> Known:
        """How a fact is told in a statement about rows of the relation."""
        home = HOME[relation]

        def tell(fact: Fact) -> Predicate | None:
            if fact.source == home:
                return local_fact(fact, relation)
            return None if fact in self.unknown else member(fact, home)

        return tell

    def certain(self, formula: Formula, relation: str) -> Predicate:
        """The formula where it surely holds."""
        return render(formula, relation, HOME[relation], self.known(relation), optimistic=False)

    def possible(self, formula: Formula, relation: str) -> Predicate:
        """The formula where it may hold."""
        return render(formula, relation, HOME[relation], self.known(relation), optimistic=True)

    def failure(self) -> SourceError:
        """The failure that leaves something untold."""
        return next(iter(self.unknown.values()), SourceError("hub", "rejected"))
