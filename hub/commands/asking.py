"""``hub query``, ``hub schema`` and ``hub explain``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from hub.commands.client import Question, ask
from hub.commands.outcome import MISCONFIGURED, Failure, out, outcomes, settings_of
from hub.commands.principals import check_purposes, dev_token, known_unit, purposes_of
from hub.commands.running import Division, Institution, Unit
from hub.document import Documents
from hub.entitlements import Entitlements
from hub.hub import view_of
from hub.lifecycle.signatures import served
from hub.service import read_policy
from hub.settings import Settings
from schema.build import sdl

Query = Annotated[str, typer.Argument(help="The document, `@file`, or `-` for standard input.")]
Purpose = Annotated[str | None, typer.Option(help="The declared purpose (default: the unit's only one).")]
Variables = Annotated[str, typer.Option(help="Variables as a JSON object.")]
Denied = Annotated[Literal["refuse", "null"], typer.Option(help="What becomes of denied fields.")]


def add(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(query)
    app.command()(schema)
    app.command()(explain)


def query(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    unit: Unit,
    document: Query = "-",
    purpose: Purpose = None,
    case: Annotated[str | None, typer.Option(help="Case reference, where the purpose needs one.")] = None,
    division: Division = None,
    institution: Institution = None,
    variables: Variables = "{}",
    operation: Annotated[str | None, typer.Option(help="Name of the operation, if the document has several.")] = None,
    denied: Denied = "refuse",
    url: Annotated[str | None, typer.Option(help="The hub's URL (default: the one in the settings).")] = None,
) -> None:
    """Ask a running hub as a unit, with a dev token. 以某单位身份查询。

    Exit codes: 0 answered (perhaps with errors beside the data); 1 refused; 2 no hub there, or no such principal.
    """
    with outcomes():
        settings = settings_of(context)
        chosen = purpose or _only_purpose(settings, unit)
        token = dev_token(
            settings, unit, purposes=(chosen,), division=division, institution=institution, operator="cli"
        )
        question = Question(
            query=_text(document),
            token=token,
            purpose=chosen,
            case=case,
            denied=denied,
            variables=_object(variables),
            operation_name=operation,
        )
        _, answer = ask(url or f"http://{settings.host}:{settings.port}", question)
        out.print(json.dumps(answer, ensure_ascii=False, indent=2), markup=False)
        if not isinstance(answer.get("data"), dict):
            raise typer.Exit(1)


def schema(
    context: typer.Context,
    unit: Annotated[str | None, typer.Option(help="Show this unit's own view.")] = None,
    purpose: Purpose = None,
) -> None:
    """Print the schema: whole, or a unit's own view for a purpose. 输出模式（SDL）。

    Exit codes: 0 printed; 2 no such unit or purpose.
    """
    with outcomes():
        shown = served()
        if unit is not None:
            settings = settings_of(context)
            policy = read_policy(settings)
            known_unit(policy, unit)
            chosen = purpose or _only_purpose(settings, unit)
            check_purposes(policy, (chosen,))
            shown = view_of(shown, Entitlements.of(policy, unit, chosen))
        out.print(sdl(shown), markup=False, end="")


def explain(
    context: typer.Context,
    unit: Unit,
    document: Query = "-",
    purpose: Purpose = None,
    variables: Variables = "{}",
    denied: Denied = "refuse",
) -> None:
    """Print the plan of a query: what would be asked of which department, by which rules. 解释查询计划。

    Nothing is asked of any database. Exit codes: 0 planned; 1 refused; 2 no such unit or purpose.
    """
    with outcomes():
        from hub.planner.compile import compile_plan
        from hub.planner.explain import explain as explained

        settings = settings_of(context)
        policy = read_policy(settings)
        known_unit(policy, unit)
        chosen = purpose or _only_purpose(settings, unit)
        check_purposes(policy, (chosen,))
        shown = served()
        read = Documents(shown, settings.limits).read(_text(document), None, _object(variables))
        if read.writes:
            raise Failure(
                "a mutation is a step and no plan: docs/life-cycles.md says who may take it and what it writes"
            )
        held = Entitlements.of(policy, unit, chosen)
        plan = compile_plan(
            schema=shown,
            operation=read.operation,
            fragments=read.fragments,
            variables=read.values,
            entitlements=held,
            refuse=denied != "null",
        )
        out.print(explained(plan, held), markup=False)


def _only_purpose(settings: Settings, unit: str) -> str:
    policy = read_policy(settings)
    known_unit(policy, unit)
    held = purposes_of(policy, unit)
    if len(held) != 1:
        raise Failure(f"say `--purpose`; `{unit}` has {', '.join(f'`{name}`' for name in held)}", MISCONFIGURED)
    return held[0]


def _text(document: str) -> str:
    if document == "-":
        return sys.stdin.read()
    return Path(document[1:]).read_text("utf-8") if document.startswith("@") else document


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Failure("`--variables` must be a JSON object", MISCONFIGURED)
    return value
