"""HTTP request -> JSON by Strawberry as its users run it, over the hand-written statements: no policy, no log.

Types, a resolver for what must be fetched, and loaders that gather what the resolvers of one request ask at once, in
Strawberry's own ASGI application. The statements are the floor's own, so the difference to it is Strawberry alone.
Rows stay dicts and JSON is written by orjson, which is faster than making objects of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Generic, NewType, TypeVar

import orjson
import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.schema.config import StrawberryConfig

from tests.bench import handwritten
from tests.bench.handwritten import Pools
from tests.bench.handwritten_sql import CIVIL_LIST, CIVIL_POINT, LINKS, LIST_PARTS, POINT_PARTS, Part

T = TypeVar("T")
Text = str | None
DivisionCode = NewType("DivisionCode", str)


@dataclass(slots=True, kw_only=True)
class Loaders:
    """The loaders of one request."""

    pools: Pools
    of: dict[str, DataLoader[tuple[str, str | None], list[Any]]] = field(default_factory=dict)
    links: DataLoader[str, list[Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.links = DataLoader(load_fn=self._links)

    def ready(self, parts: Sequence[Part]) -> None:
        """Loaders of what hangs on a child, or on a hundred of them."""
        self.of = {part.name: DataLoader(load_fn=self._loader(part)) for part in parts}

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


@strawberry.type
class Edge(Generic[T]):
    """A row."""

    node: T


@strawberry.type
class Connection(Generic[T]):
    """Rows."""

    edges: list[Edge[T]]


@strawberry.type
class FamilyMember:
    """As documents ask for it; so are the others."""

    relation: Text
    name: Text
    phone: Text
    workPlace: Text


@strawberry.type
class Guardian:
    """A guardian."""

    kind: Text
    name: Text
    phone: Text
    relation: Text
    capacity: Text


@strawberry.type
class Enrolment:
    """An enrolment."""

    schoolName: Text
    stage: Text
    status: Text
    boardingMode: Text
    leftBehindFlag: Text


@strawberry.type
class HouseholdRegistration:
    """A household registration."""

    status: Text
    name: Text
    householdKind: Text
    relationToHead: Text


@strawberry.type
class GuardianshipCase:
    """A case."""

    caseNumber: Text
    cause: Text
    status: Text
    decidedOn: Text


@strawberry.type
class ProcuratorialSupervision:
    """A supervision."""

    kind: Text
    targetUnit: Text
    issuedOn: Text
    result: Text


async def linked(root: Any, info: strawberry.Info, first: int = 20) -> Any:
    """What hangs on a child: read with it, or from another department for all children whom this request shows."""
    found = root.get(info.field_name)
    return found if found is not None else {"edges": await info.context.of[info.field_name].load(root["~"])}


@strawberry.type
class Child:
    """A child."""

    name: Text
    citizenId: Text
    sex: Text
    birthDate: Text
    divisionCode: Text
    householdRegistered: bool | None
    bodyCondition: Text
    schoolingStatus: Text
    updatedAt: Text
    leftBehindType: Text
    entrusted: bool | None
    guardianshipType: Text
    incomeSources: list[str] | None
    economicHardship: bool | None
    residenceAddress: Text
    familyMembers: Connection[FamilyMember] = strawberry.field(resolver=linked)
    guardians: Connection[Guardian] = strawberry.field(resolver=linked)
    enrolments: Connection[Enrolment] = strawberry.field(resolver=linked)
    householdRegistrations: Connection[HouseholdRegistration] = strawberry.field(resolver=linked)
    guardianshipCases: Connection[GuardianshipCase] = strawberry.field(resolver=linked)
    supervisions: Connection[ProcuratorialSupervision] = strawberry.field(resolver=linked)


@strawberry.type
class Key:
    """By what a group is told from others."""

    coordinate: str
    value: Text


@strawberry.type
class Cell:
    """A group."""

    keys: list[Key]
    value: float | None
    suppressed: bool


@strawberry.type
class Aggregation:
    """Groups."""

    cells: list[Cell]
    total: float | None


@strawberry.input
class Under:
    """A division and those in it."""

    under: DivisionCode


@strawberry.input
class After:
    """Later than a day."""

    gt: date


@strawberry.input
class Filter:
    """As documents filter."""

    divisionCode: Under
    birthDate: After


async def one(info: strawberry.Info, id: strawberry.ID) -> Any:
    """A child."""
    info.context.ready(POINT_PARTS)
    rows = await info.context.pools.rows("civil_affairs", CIVIL_POINT, [id])
    return _child(rows[0]) if rows else None


async def many(info: strawberry.Info, filter: Filter, first: int = 100) -> Any:
    """Children of a town."""
    info.context.ready(LIST_PARTS)
    town = filter.divisionCode.under
    rows = await info.context.pools.rows("civil_affairs", CIVIL_LIST, town, f"{town}999", filter.birthDate.gt)
    return {"edges": [{"node": _child(row)} for row in rows]}


async def counted(info: strawberry.Info, by: list[str]) -> Any:
    """Children by town and guardianship type."""
    return orjson.loads(await handwritten.aggregate(info.context.pools, None))["data"]["aggregate"]


@strawberry.type
class Query:
    """What is asked."""

    child: Child | None = strawberry.field(resolver=one)
    children: Connection[Child] = strawberry.field(resolver=many)
    aggregate: Aggregation = strawberry.field(resolver=counted)


def _child(row: Any) -> Any:
    return {**orjson.loads(row[2]), "~": (row[0], row[1])}


class Served(GraphQL[Loaders, None]):
    """Strawberry's application over these pools."""

    pools: Pools

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Loaders:
        """Loaders of its own for each request."""
        return Loaders(pools=self.pools)

    def encode_json(self, data: object) -> bytes:
        """As fast as it can be had."""
        return orjson.dumps(data)


def create_app() -> Starlette:
    """The application, for uvicorn."""
    code = strawberry.scalar(name="DivisionCode", parse_value=str, serialize=str)
    config = StrawberryConfig(default_resolver=dict.__getitem__, scalar_map={DivisionCode: code})
    served = Served(strawberry.Schema(query=Query, config=config), graphql_ide=None)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with handwritten.opened(json.loads(os.environ["BENCH_DSNS"])) as found:
            served.pools = found
            yield

    return Starlette(routes=[Route("/graphql", served)], lifespan=lifespan)
