"""Command line -> the hub's commands; ``hub --help`` is enough to use it.

Exit codes everywhere: 0 done, 1 refused or found wrong, 2 the command, a setting or the surroundings are wrong.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hub.commands import (
    asking,
    auditing,
    checking,
    demo,
    eventing,
    freezing,
    holding,
    installing,
    policing,
    reconciling,
    running,
    surveying,
    witness,
)

app = typer.Typer(
    name="hub",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def hub(
    config: Annotated[
        Path | None, typer.Option(help="Settings file (else $HUB_CONFIG, hub.toml, data/hub.toml).")
    ] = None,
) -> None:
    """Data sharing on rural left-behind children, Wuqing District. 武清区农村留守儿童数据共享平台。

    Exit codes: 0 done; 1 refused, or something looked at is wrong; 2 the command, a setting or the surroundings
    (a port, a folder, a database) are wrong.
    """


for group in (
    demo,
    installing,
    running,
    asking,
    checking,
    policing,
    reconciling,
    surveying,
    auditing,
    freezing,
    eventing,
    holding,
    witness,
):
    group.add(app)


def main() -> None:
    """The entry point of the package."""
    app()
