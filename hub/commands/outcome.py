"""What a command raises -> a line on standard error and an exit code.

0: done. 1: refused, or something that was looked at is wrong. 2: the command, its settings or its surroundings are
wrong. Anything else is our bug and keeps its trace.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console

from connectors.demo.server import ServerError
from hub.audit.contract import StoreError
from hub.audit.keys import KeyFileError
from hub.errors import HubError, RefusedError
from hub.settings import ConfigurationError, Settings, load
from policies.problems import PolicyError

REFUSED = 1
MISCONFIGURED = 2

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Failure(Exception):
    """A command could not do what it was asked: a line for people and an exit code."""

    def __init__(self, message: str, code: int = REFUSED) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def outcomes() -> Iterator[None]:
    """Turns the errors that a command may meet into words and an exit code."""
    try:
        yield
    except (ConfigurationError, ServerError, PolicyError, KeyFileError, StoreError) as error:
        raise _exit(str(error), MISCONFIGURED) from None
    except RefusedError as refused:
        raise _exit("\n".join(map(_told, refused.errors)), REFUSED) from None
    except HubError as error:
        raise _exit(_told(error), REFUSED) from None
    except Failure as failure:
        raise _exit(str(failure), failure.code) from None
    except FileExistsError as error:
        raise _exit(f"a file is in the way: `{error.filename}`", MISCONFIGURED) from None
    except OSError as error:
        where = f" `{error.filename}`" if error.filename else ""
        raise _exit(f"{(error.strerror or type(error).__name__).lower()}{where}", MISCONFIGURED) from None


def _told(error: HubError) -> str:
    # The words are those of HTTP: a command has an option where a client sends a header.
    option = " (here: `--case`)" if error.code == "CASE_REQUIRED" else ""
    return f"{error.code}: {error.message}{option}"


def _exit(message: str, code: int) -> typer.Exit:
    for line in message.splitlines() or [""]:
        err.print(f"hub: {line}", markup=False)
    return typer.Exit(code)


def settings_of(context: typer.Context, **changes: object) -> Settings:
    """The settings, from the file that ``--config`` names; ``changes`` of None change nothing."""
    file: Path | None = context.find_root().params.get("config")
    return load(file, **{name: value for name, value in changes.items() if value is not None})
