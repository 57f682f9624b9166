"""``hub serve`` and ``hub token``."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.commands.outcome import out, outcomes, settings_of
from hub.commands.principals import dev_token
from hub.commands.serving import serve as serve_settings
from hub.commands.workers import serve_many

Unit = Annotated[str, typer.Argument(help="Code of the unit, as `education_bureau`.")]
Division = Annotated[str | None, typer.Option(help="Division code: 9 digits for a town, 12 for a village.")]
Institution = Annotated[str | None, typer.Option(help="Institution code, for `mandatory_reporter`.")]


def add(app: typer.Typer) -> None:
    """Adds ``serve`` and ``token``."""
    _add_serve(app)
    _add_token(app)


def _add_serve(app: typer.Typer) -> None:
    @app.command()
    def serve(
        context: typer.Context,
        host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
        port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
        workers: Annotated[int | None, typer.Option(help="Processes that answer on the port.")] = None,
    ) -> None:
        """Answer queries with the databases and keys that the settings name. 启动服务。

        SIGHUP reads the policy folder anew, whole or not at all, and has every other replica follow.

        Exit codes: 0 stopped in good order; 2 a setting, policy, key, port or the log's database is wrong.
        """
        with outcomes():
            settings = settings_of(context, host=host, port=port, workers=workers)
            if settings.workers > 1:
                raise typer.Exit(serve_many(settings))
            serve_settings(settings)


def _add_token(app: typer.Typer) -> None:
    @app.command()
    def token(
        context: typer.Context,
        unit: Unit,
        division: Division = None,
        institution: Institution = None,
        purpose: Annotated[list[str] | None, typer.Option(help="A purpose; may be given again. Default: all.")] = None,
        operator: Annotated[str, typer.Option(help="Staff number of the official.")] = "dev",
        minutes: Annotated[int | None, typer.Option(help="Life of the token (default: the longest allowed).")] = None,
    ) -> None:
        """Issue a token of the local dev issuer. 签发本机开发令牌。

        Only a hub that trusts the dev key (its own keys folder) accepts it. Exit codes: 0 issued; 2 no such principal.
        """
        with outcomes():
            text = dev_token(
                settings_of(context),
                unit,
                purposes=tuple(purpose or ()),
                division=division,
                institution=institution,
                operator=operator,
                seconds=None if minutes is None else minutes * 60,
            )
            out.print(text, markup=False)
