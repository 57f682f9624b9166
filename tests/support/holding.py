"""A hub that holds reports, with proxies on the ways to the police database that a test can cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from pydantic import SecretStr

from connectors.demo.server import Server
from connectors.source import Compare, Constant, Source
from hub.settings import Databases, Writes
from tests.support.course import EMERGENCY
from tests.support.proxy import Proxy, proxied
from tests.support.running import SOURCES, close_all, connect
from tests.support.served import Child, Reply, Served, children_of, serving, settings_of
from tests.support.steps import POLICY, rows_of

SCHOOL = next(f"mandatory_reporter:{one.code}" for one in POLICY.institutions.values() if one.kind == "SCHOOL")
GONE = ("public_security", "write public_security")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A hub that holds reports, whose way to the police can be cut."""

    served: Served
    departments: Mapping[str, Source]
    child: Child
    server: Server
    ways: Mapping[str, Proxy]

    async def report(self, key: str, narrative: str) -> Reply:
        """A school reports."""
        given = {"divisionCode": self.child.village, "narrative": narrative}
        return await self.served.step(SCHOOL, EMERGENCY, "reportConcern", key=key, **given)

    async def rows(self, narrative: str) -> list[dict[str, Any]]:
        """Reports with this account in the police database."""
        where = Compare("narrative", "eq", Constant(narrative))
        return await rows_of(self.departments, "MandatoryReport", where, {}, "status", "reportedAt", "reporterUnit")

    async def held(self) -> list[asyncpg.Record]:
        """What the hub's own database holds."""
        connection = await asyncpg.connect(self.server.dsn("hub"))
        try:
            return list(await connection.fetch("select *, r::text as whole from held.report r order by first_at"))
        finally:
            await connection.close()

    async def delivered(self) -> None:
        """Returns when nothing is held."""
        async with asyncio.timeout(60):
            while await self.held():
                await asyncio.sleep(0.1)

    async def parts(self) -> dict[str, str]:
        """What the hub says of its parts."""
        found = await self.served.client.get(f"http://127.0.0.1:{self.served.port}/readyz")
        parts: dict[str, str] = found.json()["parts"]
        return parts

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """While the police database does not answer."""
        for name in GONE:
            await self.ways[name].turn("refuse")
        try:
            yield
        finally:
            for name in GONE:
                await self.ways[name].turn("pass")


@asynccontextmanager
async def holding_hub(written: Server, folder: Path, **more: str) -> AsyncIterator[Holding]:
    """The hub over departments that may be written; ``more``: further settings, as the environment has them."""
    plain = settings_of(written, folder / "keys", settle=0.5)
    async with AsyncExitStack() as stack:
        dsns = {
            "public_security": plain.databases.dsn("public_security"),
            "write public_security": plain.writes.dsn("public_security"),
        }
        ways = {name: await stack.enter_async_context(proxied(dsn or "")) for name, dsn in dsns.items()}
        read = {name: plain.databases.dsn(name) or "" for name in (*SOURCES, "log")}
        write = {name: plain.writes.dsn(name) or "" for name in Writes.model_fields}
        read["public_security"], write["public_security"] = (ways[name].dsn for name in GONE)
        settings = plain.model_copy(
            update={
                "databases": Databases(**{name: SecretStr(dsn) for name, dsn in read.items()}),
                "writes": Writes(**{name: SecretStr(dsn) for name, dsn in write.items()}),
                "hold_reports": True,
            }
        )
        departments = connect(written)
        stack.push_async_callback(close_all, departments)
        served = await stack.enter_async_context(serving(settings, folder, **more))
        [child, *_] = await children_of(departments)
        yield Holding(served=served, departments=departments, child=child, server=written, ways=ways)
