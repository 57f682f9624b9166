"""``hub events``: messages to units' own systems that were given up, and another try for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from rich.table import Table

from hub.audit.session import Session
from hub.commands.log_access import log_dsn
from hub.commands.outcome import Failure, out, outcomes, settings_of
from hub.events.mail import Mail
from hub.settings import Settings


def add(app: typer.Typer) -> None:
    """Adds the group ``events``."""
    group = typer.Typer(no_args_is_help=True, help="Messages to units' own systems. 推送消息。")

    @group.callback()
    def events() -> None:
        """Messages to units' own systems. 推送消息。"""

    group.command()(dead)
    group.command()(retry)
    app.add_typer(group, name="events")


def dead(
    context: typer.Context,
    most: Annotated[int, typer.Option(help="How many to show.", min=1, max=10_000)] = 100,
) -> None:
    """Show messages to webhooks that were given up, the oldest first. 查看推送失败的消息。

    Exit codes: 0 there is none; 1 there are some, they are shown; 2 the hub's own database does not answer.
    """
    with outcomes():
        found = asyncio.run(_dead(settings_of(context), most))
        if not found:
            out.print("none")
            return
        table = Table("webhook", "message", "attempts", "given up", "failure")
        for row in found:
            table.add_row(*(str(row[name]) for name in ("target", "id", "attempts", "dead", "failure")))
        out.print(table)
        raise Failure(f"{len(found)} messages were given up; `hub events retry` makes them due again")


def retry(
    context: typer.Context,
    ids: Annotated[
        list[str] | None, typer.Argument(help="Ids of messages; without them all that were given up.")
    ] = None,
) -> None:
    """Make messages that were given up due again, under their own ids. 重新推送。

    Exit codes: 0 done; 1 there was none; 2 the hub's own database does not answer.
    """
    with outcomes():
        count = asyncio.run(_retry(settings_of(context), ids or []))
        if not count:
            raise Failure("there is no such message")
        out.print(f"{count} due again")


@asynccontextmanager
async def _mail(settings: Settings) -> AsyncIterator[Mail]:
    session = Session(log_dsn(settings), name="command", durable=False, timeout=30)
    try:
        yield Mail(connections=session)
    finally:
        await session.close()


async def _dead(settings: Settings, most: int) -> list[dict[str, object]]:
    async with _mail(settings) as mail:
        return [dict(row) for row in await mail.dead(most)]


async def _retry(settings: Settings, ids: list[str]) -> int:
    async with _mail(settings) as mail:
        return await mail.retry(ids)
