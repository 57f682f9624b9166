"""Loading the departments: who may read, whether the mappings fit, whether a seed says everything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from connectors import mapping
from connectors.demo.generate import READ_ROLE, load
from connectors.demo.server import Server

pytestmark = pytest.mark.postgres

ROOT = Path(__file__).resolve().parents[2]
DIVISIONS = ROOT / "policies" / "divisions.csv"
INSTITUTIONS = ROOT / "policies" / "institutions.csv"
TODAY = date(2026, 11, 24)
SOURCES = ("civil_affairs", "education", "public_security", "courts", "procuratorate", "hub")
PASSWORD = "it's only for reading"  # the quote must survive the loader


OF_THE_HUB = ("AccessLogEntry", "PublishedQuarter", "PublishedCell")
"""Relations that the hub's own store makes (``hub/audit/session.py``), and no demo data."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(folder=tmp_path_factory.mktemp("load"), databases=SOURCES, fsync=False) as running:
        yield running


async def empty(server: Server) -> None:
    for source in SOURCES:
        connection = await asyncpg.connect(server.dsn(source))
        await connection.execute("drop schema public cascade; create schema public")
        await connection.close()


async def load_into(server: Server, truth: Path, *, children: int, seed: int = 7) -> list[tuple[str, int]]:
    steps: list[tuple[str, int]] = []
    await load(
        {source: server.dsn(source) for source in SOURCES},
        children=children,
        seed=seed,
        today=TODAY,
        divisions=DIVISIONS,
        institutions=INSTITUTIONS,
        truth=truth,
        read_password=PASSWORD,
        progress=lambda what, done, total: steps.append((what, total - done)),
    )
    return steps


async def test_the_read_role_reads_and_cannot_write(server: Server, tmp_path: Path) -> None:
    await empty(server)
    await load_into(server, tmp_path / "truth.jsonl", children=50)
    for source in SOURCES:
        connection = await asyncpg.connect(server.dsn(source, user=READ_ROLE, password=PASSWORD))
        try:
            tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
            assert tables
            for (table,) in tables:
                assert await connection.fetchval(f"select count(*) >= 0 from {table}")
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(f"delete from {table}")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("create table scratch (id int)")
        finally:
            await connection.close()


async def test_every_mapped_column_exists_in_the_live_database(server: Server, tmp_path: Path) -> None:
    await empty(server)
    await load_into(server, tmp_path / "truth.jsonl", children=50)
    for source in SOURCES:
        connection = await asyncpg.connect(server.dsn(source))
        rows = await connection.fetch(
            "select table_name, column_name from information_schema.columns where table_schema = 'public'"
        )
        await connection.close()
        live = {(row["table_name"], row["column_name"]) for row in rows}
        for relation in mapping.load(ROOT / "connectors" / f"{source}.toml").relations.values():
            if relation.name in OF_THE_HUB:
                continue
            tables: dict[str | None, str] = {None: relation.table}
            tables.update((name, join.table) for name, join in relation.joins.items())
            for column in relation.columns.values():
                for place in filter(None, (column.place, column.village)):
                    assert (tables[place.join], place.column) in live, (source, relation.name, column.name)


async def test_the_same_seed_gives_the_same_rows_and_another_seed_others(server: Server, tmp_path: Path) -> None:
    async def everything(source: str, table: str) -> list[Any]:
        connection = await asyncpg.connect(server.dsn(source))
        try:
            rows: list[Any] = await connection.fetch(f"select * from {table} order by 1")
            return rows
        finally:
            await connection.close()

    texts, files = [], []
    for seed in (7, 7, 8):
        await empty(server)
        steps = await load_into(server, tmp_path / "truth.jsonl", children=120, seed=seed)
        assert steps[-1] == ("indexes", 0)
        texts.append((tmp_path / "truth.jsonl").read_text(encoding="utf-8"))
        files.append([await everything("civil_affairs", "etda"), await everything("public_security", "jq_bg")])
    assert texts[0] == texts[1] != texts[2]
    assert files[0] == files[1] != files[2]


@pytest.mark.parametrize("children", [0, -1, 1_000_001])
async def test_a_count_out_of_range_is_refused_before_anything_is_asked(children: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="out of range"):
        await load(
            {},
            children=children,
            seed=1,
            today=TODAY,
            divisions=DIVISIONS,
            institutions=INSTITUTIONS,
            truth=tmp_path / "truth.jsonl",
            read_password="",
            progress=lambda *_: None,
        )
