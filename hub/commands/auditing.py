"""``hub audit``: the access log on the command line. Here: `show`; the others stand in files ``audit_*.py``."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from hub.audit.show import show as shown_lines
from hub.commands import audit_author, audit_folder, audit_keys, audit_proofs, audit_retire, audit_subject, audit_values
from hub.commands.log_access import reading
from hub.commands.outcome import Failure, out, outcomes, settings_of
from hub.settings import Settings


def add(app: typer.Typer) -> None:
    """Adds the group ``audit``."""
    group = typer.Typer(no_args_is_help=True, help="The access log. 访问记录。")

    @group.callback()
    def audit() -> None:
        """The access log. 访问记录。"""

    group.command()(show)
    for module in (audit_proofs, audit_keys, audit_folder, audit_subject, audit_author, audit_retire, audit_values):
        module.add(group)
    app.add_typer(group, name="audit")


def show(
    context: typer.Context,
    request: Annotated[str | None, typer.Argument(help="Id of a request (`Hub-Request-Id`, or its receipt).")] = None,
    last: Annotated[int, typer.Option(help="How many of the newest entries to show.", min=1, max=1000)] = 10,
) -> None:
    """Show the entries of a request, or the newest ones. 查看访问记录。

    Exit codes: 0 shown; 1 there is no such entry; 2 the log's database does not answer.
    """
    with outcomes():
        lines = asyncio.run(_lines(settings_of(context), request, last))
        if not lines:
            raise Failure("the log has no such entry" if request else "the log is empty")
        for line in lines:
            out.print(line, markup=False)


async def _lines(settings: Settings, request: str | None, last: int) -> list[str]:
    async with reading(settings) as reader:
        return await shown_lines(reader, request=request, last=last)
