"""``hub install``: an empty database becomes one that takes entries, and one that is there is brought up to date."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from connectors.demo.server import Server
from hub.audit.contract import StoreError
from hub.audit.entry import encode
from hub.audit.session import Session
from hub.audit.store import PostgresStore
from hub.cli import app
from hub.commands.outcome import MISCONFIGURED
from tests.hub.audit.support import entry, names_in
from tests.hub.audit.support.databases import copied

pytestmark = pytest.mark.postgres


@pytest.fixture
async def bare(server: Server) -> AsyncIterator[str]:
    """A database with nothing in it."""
    async with copied(server, "template1") as name:
        yield server.dsn(name)


async def installed(dsn: str, tmp_path: Path) -> Result:
    owner = tmp_path / "owner"
    owner.write_text(dsn + "\n")
    return await asyncio.to_thread(CliRunner().invoke, app, ["install", "--owner", str(owner)])


async def test_an_empty_database_takes_entries_once_it_is_installed_and_keeps_them_when_it_is_again(
    bare: str, tmp_path: Path
) -> None:
    store = PostgresStore(Session(bare, name="test"))
    with pytest.raises(StoreError, match=r"missing, .* by `hub install`"):
        await store.probe()
    result = await installed(bare, tmp_path)
    assert (result.exit_code, "layout 5" in result.stdout) == (0, True), result.output
    leaf = encode(entry("r1"))
    await store.append([leaf])
    again = await installed(bare, tmp_path)
    assert again.exit_code == 0, again.output
    assert await names_in(bare) == [leaf.name]
    await store.close()


async def test_what_an_older_version_did_not_have_is_there_afterwards(dsn: str, tmp_path: Path) -> None:
    older = await asyncpg.connect(dsn)
    await older.execute("drop table held.act; drop schema policy cascade")
    result = await installed(dsn, tmp_path)
    assert result.exit_code == 0, result.output
    assert await older.fetchval("select to_regclass('held.act') is not null and to_regclass('policy.told') is not null")
    await older.close()


async def test_a_database_that_is_away_is_told_without_its_dsn(tmp_path: Path) -> None:
    result = await installed("postgresql://someone:s3cret@127.0.0.1:1/hub", tmp_path)
    assert (result.exit_code, "unreachable" in result.stderr) == (MISCONFIGURED, True), result.output
    assert "s3cret" not in result.output


async def test_a_role_that_the_server_does_not_have_is_named(bare: str) -> None:
    store = PostgresStore(Session(bare, name="test", role="hub_nobody"))
    with pytest.raises(StoreError, match="the role `hub_nobody` is missing"):
        await store.probe()


async def test_who_may_make_nothing_there_is_told_whose_dsn_is_wanted(
    server: Server, bare: str, tmp_path: Path
) -> None:
    owner = await asyncpg.connect(bare)
    await owner.execute("create role passer_by login password 'invented'")
    name = await owner.fetchval("select current_database()")
    await owner.close()
    result = await installed(server.dsn(name, user="passer_by", password="invented"), tmp_path)
    assert (result.exit_code, "the owner's is wanted" in result.stderr) == (MISCONFIGURED, True), result.output
