"""``hub held``: reports that the hub holds because their department did not take them, and another try for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from rich.table import Table

from hub.audit.session import Session
from hub.commands.log_access import log_dsn
from hub.commands.outcome import Failure, out, outcomes, settings_of
from hub.lifecycle.shelf import Resting, Shelf
from hub.settings import Settings


def add(app: typer.Typer) -> None:
    """Adds the group ``held``."""
    group = typer.Typer(no_args_is_help=True, help="Reports that the hub holds. 平台代存的报告。")

    @group.callback()
    def held() -> None:
        """Reports that the hub holds. 平台代存的报告。"""

    group.command(name="list")(list_held)
    group.command()(retry)
    app.add_typer(group, name="held")


def list_held(
    context: typer.Context,
    most: Annotated[int, typer.Option(help="How many to show.", min=1, max=10_000)] = 100,
) -> None:
    """Show reports that are held, the oldest first; what they say stays sealed. 查看代存的报告（内容保持密封）。

    Exit codes: 0 none was refused; 1 some were refused by their department; 2 the hub's own database does not answer.
    """
    with outcomes():
        found = asyncio.run(_resting(settings_of(context), most))
        if not found:
            out.print("none")
            return
        table = Table("report", "first attempt", "how it stands")
        for one in found:
            table.add_row(one.name[:12], str(one.first_at), f"refused: {one.refused}" if one.refused else "waits")
        out.print(table)
        refused = sum(one.refused is not None for one in found)
        if refused:
            words = "the police see on their duty page what they say, `hub held retry` sends them again"
            raise Failure(f"{refused} were refused: {words}")


def retry(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(help="How the names begin; without them all that were refused.")
    ] = None,
) -> None:
    """Have reports that were refused delivered again, in the hub's next round. 重新送达被拒收的报告。

    Exit codes: 0 done; 1 there was none; 2 the hub's own database does not answer.
    """
    with outcomes():
        count = asyncio.run(_retry(settings_of(context), names or []))
        if not count:
            raise Failure("there is no such report")
        out.print(f"{count} wait again")


@asynccontextmanager
async def _shelf(settings: Settings) -> AsyncIterator[Shelf]:
    session = Session(log_dsn(settings), name="command", durable=False, timeout=30)
    try:
        yield Shelf(connections=session)
    finally:
        await session.close()


async def _resting(settings: Settings, most: int) -> Sequence[Resting]:
    async with _shelf(settings) as shelf:
        return await shelf.resting(most, waiting=True)


async def _retry(settings: Settings, names: Sequence[str]) -> int:
    async with _shelf(settings) as shelf:
        return await shelf.retry(names)
