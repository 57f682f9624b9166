"""``hub statistics freeze``: the declared tables of a quarter, settled over the departments' rows of now and stored."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from hub.audit.entry import Entry
from hub.audit.session import Session
from hub.commands.log_access import log_dsn
from hub.commands.log_acts import put
from hub.commands.outcome import Failure, out, outcomes, settings_of
from hub.service import open_sources, read_policy
from hub.settings import Settings
from hub.sources import Sources
from hub.statistics.freeze import FreezeError, check_free, freeze, hidden_share, reading_all, tabulated
from hub.statistics.tables import Published, TooManyError
from policies.policy import Policy
from schema.scalars import SHANGHAI

ACT: Final = "freeze"
_DEADLINE: Final = 600.0
"""Seconds for one statement over all rows of a department."""
_SET_LIMIT: Final = 1_000_000


def add(app: typer.Typer) -> None:
    """Adds the group ``statistics``."""
    group = typer.Typer(no_args_is_help=True, help="Declared tables of frozen quarters. 季度统计表。")

    @group.callback()
    def statistics() -> None:
        """Declared tables of frozen quarters. 季度统计表。"""

    group.command(name="freeze")(freeze_quarter)
    app.add_typer(group, name="statistics")


def freeze_quarter(
    context: typer.Context, quarter: Annotated[str, typer.Argument(help="The accepted quarter, as 2026Q3.")]
) -> None:
    """Settle the declared tables of a quarter and freeze them: once, and never changed. 冻结季度统计表。

    What is shown of each table is decided over all of them together, so that nobody can reckon a small cell.

    Exit codes: 0 frozen; 1 it is frozen already, is no quarter, or a department does not answer; 2 the hub's database
    does not, or a setting is wrong.
    """
    with outcomes():
        try:
            cells = asyncio.run(freeze_now(settings_of(context), quarter))
        except (FreezeError, TooManyError) as error:
            raise Failure(str(error)) from None
        for code, (hidden, every) in sorted(hidden_share(cells).items()):
            out.print(f"{code}: {every - hidden:,} of {every:,} cells shown", markup=False)
        out.print(f"已冻结 {quarter} · {quarter} is frozen", markup=False)


async def freeze_now(settings: Settings, quarter: str) -> Sequence[Published]:
    """Freezes ``quarter``, and returns its cells; that it was done, and by which policy, is an entry of the log."""
    policy, now = read_policy(settings), datetime.now(UTC)
    writing = Session(log_dsn(settings), name="statistics", durable=settings.fsync_required, timeout=60.0)
    try:
        await check_free(writing, quarter)
        cells = await _settled(settings, policy, now)
        await put(settings, _entry(quarter, policy, now))
        # If we crash here, an entry tells of a freeze that did not happen: the quarter is free, and is frozen later.
        await freeze(writing, quarter, policy, cells, now)
        return cells
    finally:
        await writing.close()


async def _settled(settings: Settings, policy: Policy, now: datetime) -> Sequence[Published]:
    # The solver is large: no other command loads it.
    from hub.statistics.settle import settle_all

    sources = open_sources(settings)
    try:
        reached = Sources.of(sources, deadline=_DEADLINE, monotonic=time.monotonic)
        truth = await tabulated(reading_all(reached, now.astimezone(SHANGHAI), set_limit=_SET_LIMIT), policy)
    finally:
        for source in sources.values():
            await source.close()
    return await asyncio.to_thread(settle_all, truth)


def _entry(quarter: str, policy: Policy, now: datetime) -> Entry:
    return Entry(
        kind="policy",
        request=secrets.token_hex(16),
        at=now,
        unit="hub",
        policy=policy.version,
        decision="ALLOWED",
        facts=(f"act={ACT}", f"quarter={quarter}", f"tables={len(policy.tables)}"),
    )
