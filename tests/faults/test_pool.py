"""A department's host vanishes and is back: the connections that were open to it are dead, all of them."""

from __future__ import annotations

import asyncio

import pytest

from connectors.demo.server import Server
from connectors.mapping import load as load_mapping
from connectors.postgres import PoolSettings, PostgresSource
from connectors.source import SourceError
from tests.support.proxy import proxied
from tests.support.running import READ_PASSWORD, ROOT

pytestmark = pytest.mark.postgres

POOL = PoolSettings(connections=6, connect_timeout=0.5)


async def test_after_a_hang_dead_connections_are_given_up_together_and_not_a_deadline_each(server: Server) -> None:
    upstream = server.dsn("courts", user="hub_read", password=READ_PASSWORD)
    async with proxied(upstream) as proxy:
        mapping = load_mapping(ROOT / "connectors" / "courts.toml")
        source = PostgresSource(name="courts", mapping=mapping, dsn=proxy.dsn, settings=POOL)
        await asyncio.gather(*(source.query("SELECT pg_sleep(0.3)", deadline=10) for _ in range(POOL.connections)))
        assert proxy.seen == POOL.connections
        await proxy.turn("hang")
        with pytest.raises(SourceError) as failed:
            await source.ping(deadline=0.5)
        assert failed.value.reason == "timeout"
        # The server has had its time to confirm that the statement is cancelled.
        await asyncio.sleep(POOL.connect_timeout * 3)
        await proxy.turn("pass")
        outcomes = [await pinged(source) for _ in range(4)]
        await source.close()
    assert outcomes == ["answers"] * 4


async def pinged(source: PostgresSource) -> str:
    try:
        await source.ping(deadline=30)
    except SourceError as error:
        return error.reason
    return "answers"
