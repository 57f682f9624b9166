"""``hub policy``: why a right is or is not, what a change would do, and the matrix of all rights."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer

import policies
from hub.commands.outcome import MISCONFIGURED, Failure, out, outcomes, settings_of
from hub.commands.principals import check_purposes, known_unit
from hub.commands.running import Unit
from hub.planner.scopes import SCOPES
from hub.service import read_policy
from policies import matrix as rights
from policies.folder import load as load_policy
from policies.policy import Policy
from policies.rules import ACTIONS
from schema.catalogue import CATALOGUE

Coordinate = Annotated[str, typer.Argument(help="Schema coordinate, as `Child.birthDate`.")]
Folder = Annotated[Path, typer.Argument(help="A policy folder.", exists=True, file_okay=False)]


def add(app: typer.Typer) -> None:
    """Adds the group ``policy``."""
    group = typer.Typer(no_args_is_help=True, help="Who may do what, and why. 授权规则。")
    group.command()(why)
    group.command()(diff)
    group.command()(matrix)
    app.add_typer(group, name="policy")


def why(
    context: typer.Context,
    unit: Unit,
    coordinate: Coordinate,
    purpose: Annotated[str, typer.Option(help="The declared purpose.")],
    action: Annotated[str, typer.Option(help="read, read_masked, aggregate, report, update or subscribe.")] = "read",
) -> None:
    """Say whether a unit holds a right, by which line, with the clause of the notice. 为何有权或无权。

    Exit codes: 0 granted; 1 not granted; 2 the policy cannot be read, or has no such unit, purpose, field or action.
    """
    with outcomes():
        policy = read_policy(settings_of(context))
        known_unit(policy, unit)
        check_purposes(policy, (purpose,))
        _check_right(policy, coordinate, action)
        for line in rights.why(policy, unit, purpose, coordinate, action):
            out.print(line, markup=False)
        if not policy.decide(unit, purpose, coordinate, action).allowed:
            raise typer.Exit(1)


def _check_right(policy: Policy, coordinate: str, action: str) -> None:
    if coordinate not in policy.coordinates:
        near = ", ".join(f"`{name}`" for name in get_close_matches(coordinate, sorted(policy.coordinates)))
        raise Failure(
            f"there is no coordinate `{coordinate}`; {f'near are {near}' if near else '`hub schema` prints them'}",
            MISCONFIGURED,
        )
    if action not in ACTIONS:
        raise Failure(
            f"there is no action `{action}`; actions are {', '.join(f'`{a}`' for a in ACTIONS)}", MISCONFIGURED
        )


def diff(context: typer.Context, new: Folder) -> None:
    """Say which rights another policy folder adds and removes. 比较两版授权。

    Exit codes: 0 the same rights; 1 rights differ; 2 a policy cannot be read.
    """
    with outcomes():
        changed = rights.diff(
            read_policy(settings_of(context)), load_policy(new, CATALOGUE, scopes=frozenset(SCOPES), matrix=False)
        )
        for sign, rows in (("-", changed.removed), ("+", changed.added)):
            for row in rows:
                out.print(f"{sign} {','.join(row)}", markup=False)
        if changed.added or changed.removed:
            raise typer.Exit(1)


def matrix(
    context: typer.Context,
    write: Annotated[bool, typer.Option("--write", help="Write `matrix.csv` in the policy folder anew.")] = False,
) -> None:
    """Print every right, exact and sorted, as it stands in matrix.csv. 授权总表。

    Exit codes: 0 printed or written; 2 the policy cannot be read.
    """
    with outcomes():
        folder = settings_of(context).policies or Path(str(policies.__path__[0]))
        policy = load_policy(folder, CATALOGUE, scopes=frozenset(SCOPES), matrix=not write)
        text = rights.text(policy)
        if write:
            (folder / "matrix.csv").write_text(text, "utf-8")
            out.print(f"{folder / 'matrix.csv'}: {len(rights.matrix(policy)):,} rights", markup=False)
        else:
            out.print(text, markup=False, end="")
