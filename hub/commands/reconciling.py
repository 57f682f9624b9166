"""``hub reconcile``: the comparison of a quarter, its two entries in the log, and its numbers for people."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from connectors.source import SourceError
from hub.audit.entry import Entry, Kind
from hub.commands.demo import progress_bars
from hub.commands.log_acts import identified, put
from hub.commands.outcome import MISCONFIGURED, Failure, err, out, outcomes, settings_of
from hub.identity import PARKS, Identity
from hub.reconcile.digest import Digest
from hub.reconcile.discrepancies import DISCREPANCIES
from hub.reconcile.readiness import late_towns
from hub.reconcile.run import Order, Progress, Summary, check_quarter, reconcile
from hub.reconcile.store import Busy, Store, StoreError
from hub.secrets import open_secrets
from hub.service import open_sources, read_policy
from hub.settings import ConfigurationError, Settings
from policies.decision import Decision
from policies.policy import Policy

UNIT = "civil_affairs_bureau"
PURPOSE = "data_reconciliation"
SHOWN = 10
"""Towns that are named; of more, their number is said."""
RIGHT = "ReconciliationItem.status"
"""Who may settle discrepancies may have them looked for."""


def add(app: typer.Typer) -> None:
    """Adds ``reconcile``."""
    app.command(name="reconcile")(_reconcile)


def _reconcile(
    context: typer.Context,
    quarter: Annotated[str, typer.Option(help="The quarter, as 2026Q4: the running one or the one before.")],
) -> None:
    """Compare survey, enrolment and household data; candidates and discrepancies go to who must decide. 三方数据比对。

    Civil affairs runs it (a token in $HUB_TOKEN, else the local dev issuer's). It is written whole or not at all: if it
    is interrupted, run it again. Run twice, it repeats nothing.

    Exit codes: 0 compared; 1 refused, a department does not answer, or another comparison is under way; 2 the quarter,
    a setting or the hub's own database is wrong.
    """
    with outcomes():
        settings = settings_of(context)
        try:
            with progress_bars() as progress:
                summary = asyncio.run(_run(settings, quarter, progress))
        except (Busy, SourceError) as error:
            raise Failure(f"{error}; nothing was changed") from None
        except StoreError as error:
            raise Failure(str(error), MISCONFIGURED) from None
        out.print(_table(quarter, summary))


async def _run(settings: Settings, quarter: str, progress: Progress) -> Summary:
    zone = ZoneInfo(settings.timezone)

    def clock() -> datetime:
        return datetime.now(zone)

    try:
        check_quarter(quarter, clock().date())
    except ValueError as error:
        raise Failure(str(error), MISCONFIGURED) from None
    dsn = settings.databases.dsn("reconcile")
    if dsn is None:
        raise ConfigurationError("setting `databases.reconcile` (`HUB_DATABASES__RECONCILE`) is missing")
    policy = read_policy(settings)
    identity = await identified(settings, policy, UNIT, PURPOSE, None)
    decision = policy.decide(identity.unit, identity.purpose, RIGHT, "update")
    writing = _Writing(settings=settings, identity=identity, decision=decision, policy=policy.version)
    order = Order(
        quarter=quarter,
        request=secrets.token_hex(16),
        operator=identity.operator,
        clock=clock,
        digest=Digest.of(open_secrets(settings.keys, origin=settings.origin).pseudonyms),
    )
    # Without the first entry nothing is read; if we crash after it, it says that a comparison was begun.
    await writing.put("intent" if decision.allowed else "refusal", order, {})
    if not decision.allowed:
        raise Failure(decision.sentence_zh)
    sources = open_sources(settings)
    try:
        _tell_late(await late_towns(sources, quarter, _towns(policy)), policy)
        async with Store.opened(dsn) as store:
            summary = await reconcile(sources, store, order, progress)
    finally:
        for source in sources.values():
            await source.close()
    await writing.put("outcome", order, summary.counts)
    return summary


@dataclass(frozen=True, slots=True, kw_only=True)
class _Writing:
    """Who compares, by which right: what every entry of the run says."""

    settings: Settings
    identity: Identity
    decision: Decision
    policy: str

    async def put(self, kind: Kind, order: Order, counts: dict[str, int]) -> None:
        """Makes an entry of the run durable."""
        identity, decision = self.identity, self.decision
        entry = Entry(
            kind=kind,
            request=order.request,
            at=order.clock(),
            unit=identity.key,
            client=identity.client,
            operator=identity.operator,
            purpose=identity.purpose,
            policy=self.policy,
            decision="ALLOWED" if decision.allowed else "DENIED",
            refused=() if decision.allowed else (RIGHT,),
            errors=() if decision.allowed else ("NOT_ENTITLED",),
            rules=decision.rules,
            clauses=(decision.clause,) if decision.clause else (),
            facts=("act=reconcile", f"quarter={order.quarter}", *(f"{name}={count}" for name, count in counts.items())),
        )
        await put(self.settings, entry)


def _towns(policy: Policy) -> list[str]:
    """The towns that survey: the industrial parks have no town government."""
    found = policy.divisions.values()
    return [one.code for one in found if one.level == "town" and not one.code.startswith(PARKS)]


def _tell_late(towns: list[str], policy: Policy) -> None:
    if towns:
        names = "、".join(policy.divisions[town].name for town in towns[:SHOWN]) + ("等" if len(towns) > SHOWN else "")
        err.print(f"hub: {len(towns)} 个镇街本季度尚未汇总 towns have not summarised: {names}", markup=False)


def _table(quarter: str, summary: Summary) -> Table:
    table = Table(title=f"{quarter} 三方数据比对 reconciliation", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, count in (
        ("已关联 joined", summary.joined),
        ("待民政确认的候选 candidates to confirm", summary.candidates),
        ("已另行关联而撤回 candidates withdrawn", summary.withdrawn),
        ("新增差异 new discrepancies", summary.new),
        ("重新核实 reopened", summary.reopened),
        ("已一致 corrected", summary.corrected),
    ):
        table.add_row(name, f"{count:,}")
    table.add_section()
    for name, discrepancy in DISCREPANCIES.items():
        table.add_row(f"{discrepancy.task} {name}", f"{summary.found.get(name, 0):,}")
    return table
