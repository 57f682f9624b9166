"""``hub reconcile``: the comparison of a quarter, its two entries in the log, and its numbers for people."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from connectors.source import SourceError
from hub.commands.demo import progress_bars
from hub.commands.log_acts import identified, put
from hub.commands.outcome import MISCONFIGURED, Failure, err, out, outcomes, settings_of
from hub.identity import PARKS
from hub.reconcile.digest import Digest
from hub.reconcile.discrepancies import DISCREPANCIES
from hub.reconcile.readiness import late_towns
from hub.reconcile.recorded import PURPOSE, RIGHT, UNIT, Comparing
from hub.reconcile.run import Order, Progress, Summary, check_quarter, reconcile
from hub.reconcile.store import Busy, Store, StoreError
from hub.secrets import open_secrets
from hub.service import open_sources, read_policy
from hub.settings import ConfigurationError, Settings
from policies.policy import Policy

Clock = Callable[[], datetime]
SHOWN = 10
"""Towns that are named; of more, their number is said."""


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
    policy = read_policy(settings)
    comparing = await _comparing(settings, policy, quarter, clock)
    sources = open_sources(settings)
    try:
        _tell_late(await late_towns(sources, quarter, _towns(policy)), policy)
        async with Store.opened(_store(settings)) as store:
            # An intent of a comparison that lives is always found with its lock held; without it nothing is read.
            await store.lock()
            await put(settings, comparing.entry("intent", clock(), {}))
            run = reconcile(sources, store, _order(settings, comparing, clock), progress)
            return await _recorded(settings, comparing, clock, run)
    finally:
        for source in sources.values():
            await source.close()


async def _recorded(settings: Settings, comparing: Comparing, clock: Clock, run: Awaitable[Summary]) -> Summary:
    """The comparison and the entry of its end; one whose end nobody knows is settled by a running hub."""
    try:
        summary = await run
    except SourceError:
        await put(settings, comparing.entry("outcome", clock(), {}, failed=True))
        raise
    await put(settings, comparing.entry("outcome", clock(), summary.counts))
    return summary


def _order(settings: Settings, comparing: Comparing, clock: Clock) -> Order:
    return Order(
        quarter=comparing.quarter,
        request=comparing.request,
        operator=comparing.operator,
        clock=clock,
        digest=Digest.of(open_secrets(settings.keys, origin=settings.origin).pseudonyms),
    )


def _store(settings: Settings) -> str:
    dsn = settings.databases.dsn("reconcile")
    if dsn is None:
        raise ConfigurationError("setting `databases.reconcile` (`HUB_DATABASES__RECONCILE`) is missing")
    return dsn


async def _comparing(settings: Settings, policy: Policy, quarter: str, clock: Clock) -> Comparing:
    """Who compares; a ``Failure``, and its entry, for who may not."""
    _store(settings)
    identity = await identified(settings, policy, UNIT, PURPOSE, None)
    decision = policy.decide(identity.unit, identity.purpose, RIGHT, "update")
    comparing = Comparing(
        request=secrets.token_hex(16),
        quarter=quarter,
        unit=identity.key,
        client=identity.client,
        operator=identity.operator,
        decision=decision,
        policy=policy.version,
    )
    if not decision.allowed:
        await put(settings, comparing.entry("refusal", clock(), {}))
        raise Failure(decision.sentence_zh)
    return comparing


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
