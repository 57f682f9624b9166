"""HTTP request -> JSON: the three workloads as a good engineer writes them by hand, without policy, masks or log.

The floor that the hub is measured against: few statements, each department's JSON built by PostgreSQL, texts spliced.
It joins by citizen id as last accepted and by confirmed links, as the answers must be equal; scopes it knows none.
``BENCH_DSNS`` names the departments (JSON).
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.bench.handwritten_sql import AGGREGATE, CIVIL_LIST, CIVIL_POINT, LINKS, LIST_PARTS, POINT_PARTS, Part

CONNECTIONS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Pools:
    """A pool a department."""

    of: dict[str, Any]

    async def rows(self, source: str, text: str, *arguments: Any) -> Sequence[Any]:
        """Rows of a statement."""
        found: Sequence[Any] = await self.of[source].fetch(text, *arguments)
        return found


async def _reset(_: Any) -> None:
    return None


@asynccontextmanager
async def opened(dsns: dict[str, str]) -> AsyncIterator[Pools]:
    """The pools, as one would set them for speed."""
    settings = {"plan_cache_mode": "force_generic_plan", "jit": "off", "application_name": "handwritten"}
    pools = {
        name: await asyncpg.create_pool(
            dsn, min_size=0, max_size=CONNECTIONS, server_settings=settings, reset=_reset, statement_cache_size=256
        )
        for name, dsn in dsns.items()
    }
    yield Pools(of=pools)
    for pool in pools.values():
        pool.terminate()


async def point(pools: Pools, asked: Any) -> bytes:
    """One child: its own department and the links at once, the other departments next."""
    keys = [asked["id"]]
    civil, links = await asyncio.gather(pools.rows("civil_affairs", CIVIL_POINT, keys), pools.rows("hub", LINKS, keys))
    if not civil:
        return b'{"data":{"child":null}}'
    [(_, number, text)] = civil
    found = await _parts(pools, POINT_PARTS, {number: keys[0]}, links)
    rest = ",".join(f'"{part.name}":{_edges(found[part.name].get(keys[0], ()))}' for part in POINT_PARTS)
    return f'{{"data":{{"child":{text[:-1]},{rest}}}}}}}'.encode()


async def children(pools: Pools, asked: Any) -> bytes:
    """A hundred children of a town: theirs first, then the links, then the other departments."""
    town = asked["town"]
    civil = await pools.rows("civil_affairs", CIVIL_LIST, town, f"{town}999", date.fromisoformat(asked["born"]))
    links = await pools.rows("hub", LINKS, [row[0] for row in civil])
    found = await _parts(pools, LIST_PARTS, {row[1]: row[0] for row in civil if row[1] is not None}, links)
    nodes = []
    for register, _, text in civil:
        rest = ",".join(f'"{part.name}":{_edges(found[part.name].get(register, ()))}' for part in LIST_PARTS)
        nodes.append(f'{{"node":{text[:-1]},{rest}}}}}')
    return f'{{"data":{{"children":{{"edges":[{",".join(nodes)}]}}}}}}'.encode()


async def aggregate(pools: Pools, _: Any) -> bytes:
    """Children by town and guardianship type."""
    rows = await pools.rows("civil_affairs", AGGREGATE)
    names = ("Child.divisionCode", "Child.guardianshipType")
    cells = [
        {
            "keys": [{"coordinate": name, "value": row[place]} for place, name in enumerate(names)],
            "value": float(row[2]),
            "suppressed": False,
        }
        for row in rows
    ]
    return orjson.dumps({"data": {"aggregate": {"cells": cells, "total": float(sum(row[2] for row in rows))}}})


async def _parts(
    pools: Pools, parts: Sequence[Part], registers: dict[str, str], links: Sequence[Any]
) -> dict[str, dict[str, list[str]]]:
    """Part -> register number -> JSON texts of its rows."""

    async def one(part: Part) -> dict[str, list[str]]:
        persons = {person: register for source, person, register in links if source == part.source}
        rows = await pools.rows(part.source, part.text, list(registers), list(persons))
        of: dict[str, list[str]] = {}
        for number, person, text in rows:
            register = registers.get(number) or persons.get(person)
            if register is not None:
                of.setdefault(register, []).append(text)
        return of

    found = await asyncio.gather(*(one(part) for part in parts))
    return {part.name: rows for part, rows in zip(parts, found, strict=True)}


def _edges(texts: Sequence[str]) -> str:
    return f'{{"edges":[{",".join(texts)}]}}'


def create_app() -> Starlette:
    """The application, for uvicorn."""
    opening = opened(json.loads(os.environ["BENCH_DSNS"]))
    pools: list[Pools] = []

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with opening as found:
            pools.append(found)
            yield

    def route(name: str, work: Any) -> Route:
        async def answer(request: Request) -> Response:
            body = await work(pools[0], orjson.loads(await request.body()))
            return Response(body, media_type="application/json")

        return Route(f"/{name}", answer, methods=["POST"])

    works = {"point": point, "list": children, "aggregate": aggregate}
    return Starlette(routes=[route(name, work) for name, work in works.items()], lifespan=lifespan)
