"""Six empty databases, a seed -> schemas, invented rows, indexes, read role, and the truth about them beside the data.

Guarantee: the rows are a function of (seed, children, today, divisions, institutions). Ten thousand children at a time
are in memory. If we crash here, the databases are half full: drop them and load again; nothing is repaired.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg

from connectors.demo.batch import TABLES, Batch
from connectors.demo.chunk import make_chunk
from connectors.demo.codes import MAPPINGS, code_book
from connectors.demo.judiciary import write_duties
from connectors.demo.people import CHUNK, MOST, World
from connectors.demo.places import Places, read_places
from connectors.demo.tallies import write_statistics, write_surveys
from connectors.mapping import load as load_mapping
from connectors.sql_write import INTENTS_DDL, grants

DDL = Path(__file__).parent / "ddl"
BOUNDARY = "-- loaded above this line, indexed below it"
READ_ROLE = "hub_read"
WRITE_ROLE = "hub_write"

Connections = Mapping[str, Any]
Progress = Callable[[str, int, int], None]
"""Called with what is under way, how much of it is done, of how much."""


async def load(  # noqa: PLR0913 - every one of them is an input of the data
    dsns: Mapping[str, str],
    *,
    children: int,
    seed: int,
    today: date,
    divisions: Path,
    institutions: Path,
    truth: Path,
    read_password: str,
    progress: Callable[[str, int, int], None],
    write_password: str | None = None,
) -> None:
    """Fills the six databases (``dsns`` by source, as their owners); raises ``ValueError`` for a count out of range.

    With a ``write_password`` the departments take writes as well.
    """
    if not 1 <= children <= MOST:
        raise ValueError(f"children `{children}` is out of range: 1 to {MOST}")
    world = World(seed=seed, today=today, children=children, places=read_places(divisions, institutions))
    connections: dict[str, Any] = {}
    try:
        for source in TABLES:
            connections[source] = await asyncpg.connect(dsns[source])
        await _each(connections, _create)
        await _fill_dictionaries(connections, world.places)
        await _fill(connections, world, truth, progress)
        await _index(connections, progress)
        for source, connection in connections.items():
            # One after another: the role belongs to the server that the databases may share.
            await _grant(connection, source, read_password)
            if write_password is not None:
                await _grant_writes(connection, source, write_password)
    finally:
        await asyncio.gather(*(connection.close() for connection in connections.values()), return_exceptions=True)


async def _each(connections: Connections, work: Callable[[Any, str], Any]) -> None:
    await asyncio.gather(*(work(connection, source) for source, connection in connections.items()))


def _ddl(source: str) -> tuple[str, str]:
    tables, _, indexes = (DDL / f"{source}.sql").read_text(encoding="utf-8").partition(BOUNDARY)
    return tables, indexes


async def _create(connection: Any, source: str) -> None:
    await connection.execute(_ddl(source)[0])


async def _fill_dictionaries(connections: Connections, places: Places) -> None:
    """Each department's own list of divisions, and the education bureau's of schools."""
    levels = {"district": 1, "town": 2, "village": 3}
    plain = [(line.code, line.name) for line in places.divisions]
    await connections["civil_affairs"].copy_records_to_table(
        "xzqh", records=[(line.code, line.name, line.parent or None, levels[line.level]) for line in places.divisions]
    )
    await connections["courts"].copy_records_to_table("xzqh", records=plain)
    for source in ("education", "public_security", "procuratorate"):
        await connections[source].copy_records_to_table("zd_xzqh", records=plain)
    schools = [one for one in places.institutions if one.kind in ("SCHOOL", "KINDERGARTEN")]
    await connections["education"].copy_records_to_table(
        "jy_xx", records=[(one.code, one.name, one.code[:2], one.division) for one in schools]
    )


async def _fill(connections: Connections, world: World, truth: Path, progress: Progress) -> None:
    tally: Counter[tuple[str, str]] = Counter()
    with truth.open("w", encoding="utf-8") as file:
        header = {"seed": world.seed, "children": world.children, "today": world.today.isoformat(), "invented": True}
        file.write(json.dumps(header) + "\n")
        for chunk in range(world.chunks):
            batch = make_chunk(world, chunk)
            tally.update(batch.tally)
            if chunk == world.chunks - 1:
                _write_tail(world, chunk, tally, batch)
            file.writelines(f"{line}\n" for line in batch.truth)
            await _copy(connections, batch)
            progress("children", min((chunk + 1) * CHUNK, world.children), world.children)


def _write_tail(world: World, chunk: int, tally: Counter[tuple[str, str]], batch: Batch) -> None:
    """Rows that count all children, or concern none."""
    write_surveys(world, tally, code_book("civil_affairs"), batch)
    write_statistics(world, tally, batch)
    write_duties(world, chunk, code_book("procuratorate"), batch)


async def _copy(connections: Connections, batch: Batch) -> None:
    async def one(source: str, tables: Iterable[str]) -> None:
        for table in tables:
            await connections[source].copy_records_to_table(table, records=batch.table(source, table))

    await asyncio.gather(*(one(source, tables) for source, tables in TABLES.items()))


async def _index(connections: Connections, progress: Progress) -> None:
    done = 0

    async def one(connection: Any, source: str) -> None:
        nonlocal done
        await connection.execute(_ddl(source)[1])
        await connection.execute("analyze")
        done += 1
        progress("indexes", done, len(connections))

    await _each(connections, one)


async def _grant(connection: Any, source: str, password: str) -> None:
    """The role by which the hub reads: it may connect and select, nothing else."""
    await _make_role(connection, READ_ROLE, password)
    await connection.execute(f"grant usage on schema public to {READ_ROLE}")
    await connection.execute(f"grant select on all tables in schema public to {READ_ROLE}")


async def _grant_writes(connection: Any, source: str, password: str) -> None:
    """The role by which the hub writes: what the department's mapping opens, column by column, and nothing else."""
    rights = grants(load_mapping(MAPPINGS / f"{source}.toml"), WRITE_ROLE)
    if not rights:
        return
    await _make_role(connection, WRITE_ROLE, password)
    for statement in (INTENTS_DDL, *rights):
        await connection.execute(statement)


async def _make_role(connection: Any, role: str, password: str) -> None:
    with contextlib.suppress(asyncpg.DuplicateObjectError):
        # An earlier database of this server, or another load, may have made it.
        await connection.execute(f"create role {role} login")
    statement = await connection.fetchval(
        "select format('alter role %I login password %L', $1::text, $2::text)", role, password
    )
    await connection.execute(statement)
    database = await connection.fetchval("select format('%I', current_database())")
    await connection.execute(f"grant connect on database {database} to {role}")
