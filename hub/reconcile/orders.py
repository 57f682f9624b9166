"""Comparisons that civil affairs has asked for -> which is next, how far each is, what became of it.

Guarantee: an order is fulfilled once, in the transaction that writes its comparison (``Store.apply``). Until then it
stands here, so that whoever dies over it, another attempt follows; after ``MOST`` of them it is given up. How far it
is says numbers of rows, and no value of any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from hub.reconcile.store import Store

MOST: Final = 3
"""Attempts that end without a word (killed, out of memory) before nobody tries again."""
SHOWN: Final = 5

_SELECT: Final = (
    "select id, quarter, unit, operator, asked_at, status, attempts, doing, done, whole, problem, "
    "(select counts::text from reconciliation_run where reconciliation_run.id = run) as counts "
    "from reconciliation_order"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """An order as it stands; ``doing``: what is under way, ``done`` of ``whole``; ``problem``: a stable word."""

    id: str
    quarter: str
    unit: str
    operator: str
    asked_at: datetime
    status: Literal["QUEUED", "RUNNING", "DONE", "FAILED"]
    attempts: int
    doing: str | None
    done: int
    whole: int
    problem: str | None
    counts: str | None


@dataclass(frozen=True, slots=True)
class Orders:
    """The orders in a store."""

    store: Store

    async def next(self) -> Ordered | None:
        """The oldest that is not fulfilled and not given up, whether or not somebody is at it."""
        rows = await self.store.connection.fetch(
            f"{_SELECT} where status in ('QUEUED', 'RUNNING') order by asked_at, id limit 1"
        )
        return next(map(_ordered, rows), None)

    async def latest(self) -> Sequence[Ordered]:
        """The newest few."""
        rows = await self.store.connection.fetch(f"{_SELECT} order by asked_at desc, id limit {SHOWN}")
        return [_ordered(row) for row in rows]

    async def begin(self, number: str) -> bool:
        """Counts an attempt; False (and the order is given up) if there were too many."""
        attempts = await self.store.connection.fetchval(
            "update reconciliation_order set attempts = attempts + 1, seen_at = now(), problem = "
            "case when attempts >= $2 then 'ended without a word' end, "
            "status = case when attempts >= $2 then 'FAILED' else 'RUNNING' end "
            "where id = $1 and status in ('QUEUED', 'RUNNING') returning attempts",
            *(number, MOST),
        )
        return attempts is not None and attempts <= MOST

    async def tell(self, number: str, doing: str, done: int, whole: int) -> None:
        """How far it is."""
        await self.store.connection.execute(
            "update reconciliation_order set doing = $2, done = $3, whole = $4, seen_at = now() "
            "where id = $1 and status = 'RUNNING'",
            *(number, doing, done, whole),
        )

    async def failed(self, number: str, problem: str) -> None:
        """That it ended with nothing changed, and why: it may be asked for again."""
        await self.store.connection.execute(
            "update reconciliation_order set status = 'FAILED', problem = $2, seen_at = now() "
            "where id = $1 and status in ('QUEUED', 'RUNNING')",
            *(number, problem),
        )


def _ordered(row: Any) -> Ordered:
    return Ordered(**dict(row))
