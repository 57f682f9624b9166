"""A comparison begun, refused, ended -> its entries in the log: who compares which quarter, by which right, how many.

Guarantee: an intent names the run, so that what became of it can be asked (``hub/reconcile/settling.py``): no
comparison stands open in the log for good, however it ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hub.audit.entry import Entry, Kind
from policies.decision import Decision

UNIT: Final = "civil_affairs_bureau"
PURPOSE: Final = "data_reconciliation"
RIGHT: Final = "ReconciliationItem.status"
"""Who may settle discrepancies may have them looked for."""
TARGET: Final = "reconcile"
"""In place of a department: whom the settler of open intents asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparing:
    """Who compares which quarter, by which right: what every entry of a run says; ``request`` is the run's name."""

    request: str
    quarter: str
    unit: str
    client: str
    operator: str
    decision: Decision
    policy: str

    def entry(self, kind: Kind, at: datetime, counts: Mapping[str, int], *, failed: bool = False) -> Entry:
        """An entry of the run; ``failed``: it ended with nothing changed."""
        decision, allowed = self.decision, self.decision.allowed
        outcome = (f"outcome={'given_up' if failed else 'written'}",) if kind == "outcome" else ()
        numbers = (f"{name}={count}" for name, count in counts.items())
        return Entry(
            kind=kind,
            request=self.request,
            at=at,
            unit=self.unit,
            client=self.client,
            operator=self.operator,
            purpose=PURPOSE,
            policy=self.policy,
            decision="FAILED" if failed else "ALLOWED" if allowed else "DENIED",
            refused=() if allowed else (RIGHT,),
            errors=() if allowed else ("NOT_ENTITLED",),
            rules=decision.rules,
            clauses=(decision.clause,) if decision.clause else (),
            facts=(
                *("act=reconcile", f"quarter={self.quarter}", f"source={TARGET}", f"intent={self.request}"),
                *outcome,
                *numbers,
            ),
        )
