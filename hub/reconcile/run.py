"""Sources, store, quarter -> one comparison, written whole or not at all: the order in which it is done.

Guarantee: nothing is written before everything was read and compared; if we crash anywhere before the one commit, the
next run begins anew and ends as if nothing had happened. A source that does not answer ends the run (``SourceError``).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from connectors.source import Source
from hub.quarters import QUARTER, before, end, running
from hub.reconcile.digest import Digest
from hub.reconcile.reading import STREAMS, count, pages, parents
from hub.reconcile.store import Run, Store

if TYPE_CHECKING:
    from hub.reconcile.comparison import Comparison
    from hub.reconcile.workbench import Workbench

Progress = Callable[[str, int, int], None]
"""Called with what is under way, how much of it is done, of how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be compared, and who wants it: ``request`` names the log's entry, ``operator`` the official.

    ``number``: of an order that civil affairs has placed, which the run fulfils.
    """

    quarter: str
    request: str
    operator: str
    clock: Callable[[], datetime]
    digest: Digest
    number: str | None = None

    @property
    def day(self) -> date:
        """The day that ages are reckoned on: today, or the last day of a quarter that is over."""
        return min(self.clock().date(), end(self.quarter))


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a run did, in numbers."""

    joined: int
    candidates: int
    withdrawn: int
    found: Mapping[str, int]
    new: int
    reopened: int
    corrected: int

    @property
    def counts(self) -> dict[str, int]:
        """The same, flat."""
        plain = {name: getattr(self, name) for name in ("joined", "candidates", "withdrawn")}
        return plain | {"new": self.new, "reopened": self.reopened, "corrected": self.corrected} | dict(self.found)


def check_quarter(quarter: str, today: date) -> None:
    """Raises ``ValueError`` for a quarter that can no longer be compared, or not yet."""
    if QUARTER.fullmatch(quarter) is None:
        raise ValueError(f"`{quarter}` is no quarter: write it as 2026Q4")
    possible = running(today), before(running(today))
    if quarter not in possible:
        either = " or ".join(f"`{one}`" for one in possible)
        raise ValueError(f"quarter `{quarter}` cannot be compared: sources hold today's data, so {either} can")


async def reconcile(sources: Mapping[str, Source], store: Store, order: Order, progress: Progress) -> Summary:
    """One comparison; raises ``SourceError``, ``StoreError``, ``Busy``, and ``ValueError`` for the quarter."""
    # The linkage is large (Splink, DuckDB, the readings of all characters): no other command loads it.
    from hub.reconcile.comparison import compare, join
    from hub.reconcile.workbench import Workbench

    check_quarter(order.quarter, order.clock().date())
    started = order.clock()
    await store.lock()
    links, items = await store.links(), await store.items()
    with Workbench() as workbench:
        await _read(workbench, sources, progress)
        progress("比对 compare", 0, 1)
        lacking = await asyncio.to_thread(join, workbench, links)
        workbench.insert("parents", await parents(lacking, sources))
        comparison = await asyncio.to_thread(compare, workbench, order.quarter, order.day, items, order.digest)
        progress("比对 compare", 1, 1)
    summary = summarised(comparison)
    run = Run(
        quarter=order.quarter,
        request=order.request,
        operator=order.operator,
        started_at=started,
        finished_at=order.clock(),
        counts=summary.counts,
        order=order.number,
    )
    progress("写入 write", 0, 1)
    await store.apply(run, comparison.linked, comparison.outcome)
    progress("写入 write", 1, 1)
    return summary


async def _read(workbench: Workbench, sources: Mapping[str, Source], progress: Progress) -> None:
    for stream in STREAMS:
        whole, done = await count(stream, sources), 0
        progress(stream.relation, done, whole)
        async for rows in pages(stream, sources[stream.source]):
            workbench.add(stream.table, rows)
            done += len(rows)
            progress(stream.relation, done, max(done, whole))


def summarised(comparison: Comparison) -> Summary:
    """The numbers of a comparison."""
    changes = comparison.outcome.changes
    return Summary(
        joined=comparison.joined,
        candidates=len(comparison.linked.candidates),
        withdrawn=len(comparison.linked.withdrawn),
        found=dict(sorted(Counter(one.name for one in comparison.found).items())),
        new=len(comparison.outcome.new),
        reopened=sum(change.now == "OPEN" and change.was != "OPEN" for change in changes),
        corrected=sum(change.now == "CORRECTED" for change in changes),
    )
