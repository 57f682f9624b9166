"""``hub check`` and ``hub sources check``: whether schema, policy, mappings and live databases fit together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

import connectors
from connectors.advice import LEAST, Findings
from connectors.check import DEADLINE, Problem
from connectors.check import check as check_database
from connectors.mapping import Mapping as SourceMapping
from connectors.mapping import MappingError
from connectors.mapping import load as load_mapping
from connectors.postgres import PostgresSource
from connectors.source import SourceError
from connectors.sql_write import INTENTS_DDL, grants
from connectors.write import Target
from connectors.write_postgres import PostgresTarget
from hub.commands.indexes import findings, told
from hub.commands.outcome import MISCONFIGURED, Failure, out, outcomes, settings_of
from hub.service import open_sources, read_policy
from hub.settings import SOURCES, ConfigurationError, Settings
from hub.writing import open_targets
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
    group.command("rights")(rights)
    app.add_typer(group, name="sources")


def check(context: typer.Context) -> None:
    """Prove that settings, schema, policy, mappings and the databases that have a DSN fit together. 自检。

    Exit codes: 0 they fit; 1 they do not, each problem on a line; 2 a setting, policy or mapping cannot be read.
    """
    with outcomes():
        settings = settings_of(context)
        policy = read_policy(settings)
        mappings = read_mappings()
        problems = list(misfits(mappings))
        for found in asyncio.run(_asked(settings)).values():
            problems += [str(problem) for problem in found if problem.fatal]
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


def check_sources(
    context: typer.Context,
    strict: Annotated[
        bool, typer.Option("--strict", help="缺索引也算不合格。Fail for an index that is lacking.")
    ] = False,
    least: Annotated[
        int, typer.Option(min=1, help="多少行起才建议索引。Rows from which on a table wants them.")
    ] = LEAST,
) -> None:
    """Ask every database whether it answers, has what its mapping names, and has the indexes. 检查部门数据库。

    Codes and dates that a mapping cannot read are counted, and are no failure; an index that is lacking is one under
    `--strict` alone. 缺少的索引连同用途、占用空间和建索引语句一并列出，由部门管理员决定是否建立。

    Exit codes: 0 all is well; 1 something is not, each on a line; 2 a setting, policy or mapping cannot be read.
    """
    with outcomes():
        settings = settings_of(context)
        asked = asyncio.run(_asked(settings))
        unwritten = asyncio.run(_unwritten(settings))
        indexes = asyncio.run(findings(settings, least=least))
        mappings = read_mappings()
        for name in SOURCES:
            _tell(name, asked.get(name), unwritten.get(name))
            if name in indexes and not any(problem.fatal for problem in asked[name]):
                for line in told(name, indexes[name], mappings[name]):
                    out.print(line, markup=False)
        if wrong := list(_wrong(asked, unwritten, indexes if strict else {})):
            raise Failure("\n".join(wrong))


def _wrong(
    asked: Mapping[str, Sequence[Problem]], unwritten: Mapping[str, str], indexes: Mapping[str, Findings]
) -> Iterator[str]:
    """What is not well, in a line each."""
    if len(asked) < len(SOURCES) or any(problem.fatal for found in asked.values() for problem in found):
        yield "not every source is well"
    if any(unwritten.values()):
        yield "not every source takes writes; `hub sources rights SOURCE` prints what its role needs"
    if any(found.advice for found in indexes.values()):
        yield "not every source has the indexes"


def _tell(name: str, problems: Sequence[Problem] | None, unwritten: str | None) -> None:
    if problems is None:
        out.print(f"{name}: no DSN (`databases.{name}`)", markup=False)
        return
    for problem in problems:
        out.print(str(problem), markup=False)
    if not any(problem.fatal for problem in problems):
        out.print(f"{name}: ok", markup=False)
    if unwritten is not None:
        out.print(f"{name}: writes {unwritten or 'ok'}", markup=False)


def rights(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="The department's source, such as `public_security`.")],
    role: Annotated[str, typer.Option(help="The role by which the hub writes there.")] = "hub_write",
) -> None:
    """Print the SQL by which a department's administrator opens what the hub may write there. 输出写入授权语句。

    A table of the hub's own, and rights column by column: none to delete, none on a table as a whole. The role itself,
    with its password, is the administrator's to make; its DSN is the setting `writes.<source>`.

    Exit codes: 0 printed; 1 the department's mapping opens nothing to write; 2 there is no such source.
    """
    with outcomes():
        settings_of(context)
        mappings = read_mappings()
        if source not in mappings:
            known = ", ".join(f"`{name}`" for name in mappings)
            raise Failure(f"there is no source `{source}`; sources are {known}", MISCONFIGURED)
        granted = grants(mappings[source], role)
        if not granted:
            raise Failure(f"connectors/{source}.toml opens nothing to write")
        out.print(INTENTS_DDL.strip(), markup=False, highlight=False, soft_wrap=True)
        for statement in granted:
            out.print(f"{statement};", markup=False, highlight=False, soft_wrap=True)


async def _asked(settings: Settings) -> Mapping[str, list[Problem]]:
    """What is wrong with each source that has a DSN."""
    sources = open_sources(settings)
    try:
        adopted = {name: source for name, source in sources.items() if isinstance(source, PostgresSource)}
        return {name: await _problems(source) for name, source in adopted.items()}
    finally:
        await asyncio.gather(*(source.close() for source in sources.values()))


async def _unwritten(settings: Settings) -> Mapping[str, str]:
    """Source with a write role -> why its table of intents does not answer; empty if it does."""
    targets = {name: target for name, target in open_targets(settings).items() if isinstance(target, PostgresTarget)}
    try:
        return {name: await _deaf(target) for name, target in targets.items()}
    finally:
        await asyncio.gather(*(target.close() for target in targets.values()))


async def _deaf(target: Target) -> str:
    try:
        await target.found("", deadline=DEADLINE)
    except SourceError as error:
        return error.reason
    return ""


async def _problems(source: PostgresSource) -> list[Problem]:
    try:
        return await check_database(source)
    except SourceError as error:
        return [Problem(source=source.name, place="database", message=error.reason, fatal=True)]
