"""``hub statistics freeze``: the declared tables of a quarter, settled over the departments' rows of now and stored."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from hub.audit.session import Session
from hub.commands.demo import progress_bars
from hub.commands.log_access import log_dsn
from hub.commands.log_acts import put
from hub.commands.outcome import Failure, out, outcomes, settings_of
from hub.quarters import QUARTER, running
from hub.service import open_sources, read_policy
from hub.settings import Settings
from hub.statistics.accepted import DEADLINE, Freezing, Progress, unseen
from hub.statistics.freeze import FreezeError, hidden_share
from hub.statistics.tables import Published, TooManyError


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

    Exit codes: 0 frozen; 1 it is frozen already, has not begun, is no quarter, or a department does not answer; 2 the
    hub's database does not, or a setting is wrong.
    """
    with outcomes():
        settings = settings_of(context)
        # What is frozen stays, and the last frozen quarter is what a question without one is answered with.
        if QUARTER.fullmatch(quarter) and quarter > (now := running(datetime.now(ZoneInfo(settings.timezone)).date())):
            raise Failure(f"quarter `{quarter}` has not begun, `{now}` is the running one")
        try:
            with progress_bars() as progress:
                cells = asyncio.run(freeze_now(settings, quarter, progress))
        except (FreezeError, TooManyError) as error:
            raise Failure(str(error)) from None
        for code, (hidden, every) in sorted(hidden_share(cells).items()):
            out.print(f"{code}: {every - hidden:,} of {every:,} cells shown", markup=False)
        out.print(f"已冻结 {quarter} · {quarter} is frozen", markup=False)


async def freeze_now(settings: Settings, quarter: str, progress: Progress = unseen) -> Sequence[Published]:
    """Freezes ``quarter``, and returns its cells; that it was done, and by which policy, is an entry of the log."""
    policy = read_policy(settings)
    writing = Session(log_dsn(settings), name="statistics", durable=settings.fsync_required, timeout=60.0)
    freezing = Freezing(
        connections=writing,
        record=lambda entry: put(settings, entry),
        opened=lambda: open_sources(settings, longest=DEADLINE),
        policy=lambda: policy,
        now=lambda: datetime.now(UTC),
    )
    try:
        return await freezing.freeze(quarter, progress)
    finally:
        await writing.close()
