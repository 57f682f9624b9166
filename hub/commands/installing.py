"""``hub install``: the tables that a hub needs in its own database, made or brought up to date by their owner."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from hub.audit.session import LAYOUT, install
from hub.commands.log_access import owner_dsn
from hub.commands.outcome import out, outcomes


def add(app: typer.Typer) -> None:
    """Adds ``install``."""
    app.command(name="install")(install_tables)


def install_tables(
    owner: Annotated[Path, typer.Option(help="File with the DSN of the owner of the hub's own database.")],
) -> None:
    """Make the tables of the hub's own database, or bring them up to date. 安装或升级平台自有数据表。

    The owner must be allowed to make roles. Run again it changes nothing; after an upgrade run it before the hub is
    started. What is there stays. If it is interrupted, run it again.

    Exit codes: 0 the tables are as this version needs them; 2 the file, or the database, cannot be used.
    """
    with outcomes():
        asyncio.run(install(owner_dsn(owner)))
        out.print(f"已安装 · the hub's own tables are there (layout {LAYOUT} of the log)", markup=False)
