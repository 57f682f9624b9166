"""``hub check`` and ``hub sources check``: whether schema, policy, mappings and live databases fit together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

import typer

import connectors
from connectors.mapping import Mapping as SourceMapping
from connectors.mapping import MappingError
from connectors.mapping import load as load_mapping
from connectors.source import Source, SourceError
from hub.commands.outcome import Failure, out, outcomes, settings_of
from hub.service import open_sources, read_policy
from hub.settings import SOURCES, ConfigurationError, Settings
from schema.catalogue import CATALOGUE, TYPES

OPENED_FROM_ELSEWHERE = {"Child.riskFlags", "CriminalCase.stage", "ReconciliationItem.sourceValues"}
"""Coordinates that the hub derives from several columns: no one mapping holds them whole."""


def add(app: typer.Typer) -> None:
    """Adds ``check`` and the group ``sources``."""
    app.command()(check)
    group = typer.Typer(no_args_is_help=True, help="The departments' databases. 部门数据库。")

    @group.callback()
    def sources() -> None:
        """The departments' databases. 部门数据库。"""

    group.command("check")(check_sources)
    app.add_typer(group, name="sources")


def check(context: typer.Context) -> None:
    """Prove that settings, schema, policy and mappings fit together; asks no database. 自检。

    Exit codes: 0 they fit; 1 they do not, each problem on a line; 2 a setting, policy or mapping cannot be read.
    """
    with outcomes():
        settings = settings_of(context)
        policy = read_policy(settings)
        mappings = read_mappings()
        problems = list(misfits(mappings))
        for problem in problems:
            out.print(problem, markup=False)
        if problems:
            raise Failure(f"{len(problems)} problems")
        out.print(f"ok: {len(CATALOGUE)} coordinates, policy {policy.version}, {len(mappings)} mappings", markup=False)


def read_mappings() -> Mapping[str, SourceMapping]:
    """Every department's mapping; raises ``ConfigurationError``."""
    folder = Path(str(connectors.__path__[0]))
    try:
        return {name: load_mapping(folder / f"{name}.toml") for name in SOURCES}
    except MappingError as error:
        raise ConfigurationError(str(error)) from None


def misfits(mappings: Mapping[str, SourceMapping]) -> Iterator[str]:
    """Mapped coordinates that do not exist or belong to another source, and coordinates that no source maps."""
    owners: dict[str, list[str]] = {}
    for source, mapping in mappings.items():
        for relation in mapping.relations.values():
            for name in relation.columns:
                if name.startswith("_") or relation.name not in TYPES:
                    continue
                coordinate = f"{relation.name}.{name}"
                owners.setdefault(coordinate, []).append(source)
                if coordinate not in CATALOGUE:
                    yield f"connectors/{source}.toml: `{coordinate}` is no coordinate of the schema"
    yield from _unowned(owners)


def _unowned(owners: Mapping[str, list[str]]) -> Iterator[str]:
    for coordinate, facts in CATALOGUE.items():
        found = owners.get(coordinate, [])
        derived = coordinate in OPENED_FROM_ELSEWHERE or coordinate.endswith(".id")
        if not found and not derived:
            yield f"`{coordinate}` of source `{facts.source}` is mapped nowhere"
        if len(found) > 1 and not derived:
            yield f"`{coordinate}` is mapped in {' and '.join(f'`{name}`' for name in found)}, one owner is wanted"


def check_sources(context: typer.Context) -> None:
    """Ask every database whether it answers. 检查各部门数据库。

    Exit codes: 0 all is well; 1 something is not, each problem on a line; 2 a setting or mapping cannot be read.
    """
    with outcomes():
        settings = settings_of(context)
        states = asyncio.run(_states(settings))
        for name, state in states.items():
            out.print(f"{name}: {state}", markup=False)
        if any(state != "ok" for state in states.values()):
            raise Failure("not every source is well")


async def _states(settings: Settings) -> Mapping[str, str]:
    sources = open_sources(settings)
    try:
        return {name: await _state(source, settings) for name, source in sources.items()}
    finally:
        await asyncio.gather(*(source.close() for source in sources.values()))


async def _state(source: Source, settings: Settings) -> str:
    if settings.databases.dsn(source.name) is None:
        return f"no DSN (`databases.{source.name}`)"
    try:
        await source.ping(deadline=settings.deadlines.source)
    except SourceError as error:
        return error.reason
    return "ok"
