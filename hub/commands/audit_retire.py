"""``hub audit retire``: a month that is old enough leaves the log for an archive."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from hub.audit.archive import Archive, ArchiveError
from hub.audit.entry import Entry
from hub.audit.reader import Reader
from hub.audit.retention import Month, Retention, RetentionError
from hub.audit.session import Session
from hub.commands.demo import progress_bars
from hub.commands.log_access import owner_dsn, reading
from hub.commands.log_acts import place, put
from hub.commands.outcome import Failure, out, outcomes, settings_of
from hub.settings import Settings


def add(group: typer.Typer) -> None:
    """Adds the command to ``hub audit``."""
    group.command()(retire)


def retire(
    context: typer.Context,
    month: Annotated[int, typer.Argument(help="The month, as 202211.", min=200001, max=299912)],
    to: Annotated[Path, typer.Option(help="Folder of the archive; several months may share one.")],
    owner: Annotated[Path, typer.Option(help="File with the DSN of the owner of the log's database.")],
    floor: Annotated[
        int | None, typer.Option(help="Months that entries stay at least (default: `audit.floor_months`).", min=1)
    ] = None,
) -> None:
    """Archive a closed month, say so in the log, and detach its partition; proofs go on. 归档到期月份。

    Nothing leaves before the archive was read back against the tree. If the command is interrupted, run it again.

    Exit codes: 0 retired, now or before; 1 the month may not be retired, or the archive does not hold; 2 a file, a
    setting or the log's database cannot be used.
    """
    with outcomes():
        settings = settings_of(context)
        found = asyncio.run(_retired(settings, month, to, (owner_dsn(owner), floor or settings.audit.floor_months)))
        if found is None:
            out.print(f"month {month} was retired before", markup=False)
            return
        out.print(f"month {month}: entries {found.first:,} to {found.end - 1:,} are in `{to}`", markup=False)
        out.print(f"their table is detached; when the archive is safe: drop table log.retired_{month}", markup=False)


async def _retired(settings: Settings, month: int, to: Path, owner: tuple[str, int]) -> Month | None:
    session = Session(owner[0], name="retire", role=None, durable=settings.fsync_required, timeout=10.0)
    try:
        async with reading(settings) as reader:
            with progress_bars() as progress:
                retention = Retention(
                    session=session,
                    archive=Archive(folder=to),
                    writer=_Writer(settings=settings, reader=reader),
                    clock=lambda: datetime.now(UTC),
                    floor=owner[1],
                    progress=lambda done, whole: progress("entries", done, whole),
                )
                return await retention.retire(month)
    except (RetentionError, ArchiveError) as error:
        raise Failure(str(error)) from None
    finally:
        await session.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Writer:
    """The log as the hub's own role writes it."""

    settings: Settings
    reader: Reader

    async def put(self, entry: Entry) -> None:
        """See ``hub.audit.retention.Writer``."""
        await put(self.settings, entry)

    async def place(self, entry: Entry) -> None:
        """See ``hub.audit.retention.Writer``."""
        await place(self.settings, self.reader, entry)
