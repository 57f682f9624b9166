"""A server, a database -> its copy, for one test."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from connectors.demo.server import Server

_numbers = itertools.count(1)


@asynccontextmanager
async def copied(server: Server, template: str) -> AsyncIterator[str]:
    """The name of a database that begins as ``template``; afterwards nobody is connected to it."""
    name = f"log_{next(_numbers)}"
    owner = await asyncpg.connect(server.dsn("postgres"))
    try:
        await owner.execute(f"create database {name} template {template}")
        yield name
        # To drop it, the server would first write all there is to disk: it goes with the folder.
        await owner.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
    finally:
        await owner.close()
