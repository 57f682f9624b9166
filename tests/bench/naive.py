"""HTTP request -> JSON by the executor that Strawberry uses, over the hand-written statements: no policy, no log.

What one would get from a resolver a field, with loaders that gather what the resolvers of one request ask at once. The
statements are the floor's own, so the difference to it is the execution of GraphQL alone.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import orjson
from graphql import GraphQLResolveInfo, execute, parse, validate
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from strawberry.dataloader import DataLoader

from schema.build import whole
from tests.bench import handwritten
from tests.bench.handwritten import Pools
from tests.bench.handwritten_sql import CIVIL_LIST, CIVIL_POINT, LINKS, LIST_PARTS, POINT_PARTS, Part


@dataclass(slots=True, kw_only=True)
class Loaders:
    """The loaders of one request."""

    pools: Pools
    parts: Sequence[Part]
    of: dict[str, DataLoader[tuple[str, str | None], list[Any]]] = field(default_factory=dict)
    links: DataLoader[str, list[Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.links = DataLoader(load_fn=self._links)
        for part in self.parts:
            self.of[part.name] = DataLoader(load_fn=self._loader(part))

    async def _links(self, registers: list[str]) -> list[list[Any]]:
        rows = await self.pools.rows("hub", LINKS, registers)
        return [[row for row in rows if row[2] == register] for register in registers]

    def _loader(self, part: Part) -> Any:
        async def load(children: list[tuple[str, str | None]]) -> list[list[Any]]:
            links = [row for rows in await self.links.load_many([key for key, _ in children]) for row in rows]
            registers = {number: key for key, number in children if number is not None}
            persons = {person: register for source, person, register in links if source == part.source}
            of: dict[str, list[Any]] = {}
            for number, person, text in await self.pools.rows(part.source, part.text, list(registers), list(persons)):
                of.setdefault(registers.get(number) or persons.get(person) or "", []).append(orjson.loads(text))
            return [of.get(key, []) for key, _ in children]

        return load


async def resolve(source: Any, info: GraphQLResolveInfo[Any], **given: Any) -> Any:
    """Any field that must be fetched."""
    loaders: Loaders = info.context
    name = info.field_name
    if name == "child":
        rows = await loaders.pools.rows("civil_affairs", CIVIL_POINT, [given["id"]])
        return _child(rows[0]) if rows else None
    if name == "children":
        town, born = given["filter"]["divisionCode"]["under"], given["filter"]["birthDate"]["gt"]
        rows = await loaders.pools.rows("civil_affairs", CIVIL_LIST, town, f"{town}999", date.fromisoformat(born))
        return {"edges": [{"node": _child(row)} for row in rows]}
    if name == "aggregate":
        return orjson.loads(await handwritten.aggregate(loaders.pools, None))["data"]["aggregate"]
    return {"edges": await loaders.of[name].load(source["~"])}


def _child(row: Any) -> Any:
    return {**orjson.loads(row[2]), "~": (row[0], row[1])}


def plain(source: Any, info: GraphQLResolveInfo[Any], **given: Any) -> Any:
    """A field: of a root, or a list of another department, by ``resolve``; any other is there already."""
    if info.parent_type.name == "Query" or info.field_name in info.context.of:
        return resolve(source, info, **given)
    return source[info.field_name]


def create_app() -> Starlette:
    """The application, for uvicorn."""
    schema = whole()
    pools: list[Pools] = []

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with handwritten.opened(json.loads(os.environ["BENCH_DSNS"])) as found:
            pools.append(found)
            yield

    async def answer(request: Request) -> Response:
        asked = orjson.loads(await request.body())
        document = parse(asked["query"])
        if errors := validate(schema, document):
            return Response(orjson.dumps({"errors": [error.message for error in errors]}), 400)
        loaders = Loaders(pools=pools[0], parts=LIST_PARTS if "children" in asked["query"] else POINT_PARTS)
        result = execute(
            schema, document, variable_values=asked.get("variables"), context_value=loaders, field_resolver=plain
        )
        found = await result if asyncio.iscoroutine(result) or hasattr(result, "__await__") else result
        body = {"data": found.data} | ({"errors": [str(error) for error in found.errors]} if found.errors else {})
        return Response(orjson.dumps(body), media_type="application/json")

    return Starlette(routes=[Route("/graphql", answer, methods=["POST"])], lifespan=lifespan)
