"""Pages by cursor: nothing twice, nothing skipped while rows come and go; a cursor is good for one caller and query."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import asyncpg
import pytest
from graphql import GraphQLEnumType

from connectors.demo.server import Server
from tests.properties.principals import principals
from tests.support.asked import column_of
from tests.support.handmade import plain_schema
from tests.support.rights import Me
from tests.support.running import TODAY, Asking, close_all, connect, fill, open_hub, start_server
from tests.support.sight import Sight
from tests.support.ways import ROOT_OF
from tests.support.world import World, load

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("at_once")]

SCHEMA = plain_schema()
BUREAU = Me("civil_affairs_bureau", "survey_management")
ORDERS = [
    "[]",
    "[{field: NAME}]",
    "[{field: BIRTH_DATE, direction: DESC}, {field: NAME}]",
    "[{field: LAST_VISITED_ON}]",
    "[{field: LAST_VISITED_ON, direction: DESC}]",
    "[{field: DISABILITY_GRADE, direction: DESC}, {field: UPDATED_AT, direction: DESC}]",
    "[{field: GUARDIANSHIP_TYPE, direction: DESC}]",
    "[{field: LIVES_ALONE}, {field: DIVISION_CODE, direction: DESC}]",
]
TABLES = {"Child": ("civil_affairs", "etda", "dabh"), "MandatoryReport": ("public_security", "jq_bg", "bgbh")}
"""Type -> database, table and key of its rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One connection as one principal lists it."""

    me: Me
    type_name: str
    order: str

    @property
    def query(self) -> str:
        """A page."""
        root = ROOT_OF[self.type_name]
        given = f"first: $first, after: $after, orderBy: {self.order}"
        return (
            f"query Page($first: Int!, $after: String) {{ page: {root}({given})"
            " { edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """A server of these tests alone, the hub over it, and its rows as the oracle sees them."""

    server: Server
    ask: Asking
    world: World

    async def page(self, listing: Listing, first: int, after: str | None) -> dict[str, Any]:
        """One page."""
        variables = {"first": first, "after": after}
        reply = await self.ask(listing.me.key, listing.me.purpose, listing.query, variables)
        assert reply.data and reply.data["page"], reply.json
        found: dict[str, Any] = reply.data["page"]
        assert found["pageInfo"]["hasPreviousPage"] is (after is not None)
        return found

    async def walk(self, listing: Listing, first: int, between: Any = None) -> list[str]:
        """Ids of all pages, one after the other; ``between`` is awaited after each."""
        ids: list[str] = []
        after = None
        while True:
            page = await self.page(listing, first, after)
            edges, info = page["edges"], page["pageInfo"]
            ids += [edge["node"]["id"] for edge in edges]
            if edges:
                assert (info["startCursor"], info["endCursor"]) == (edges[0]["cursor"], edges[-1]["cursor"])
            if not info["hasNextPage"]:
                return ids
            assert len(edges) == first
            after = info["endCursor"]
            if between is not None:
                await between()


@pytest.fixture(scope="module")
async def scratch(tmp_path_factory: pytest.TempPathFactory, institutions: Mapping[str, str]) -> AsyncIterator[Scratch]:
    server = start_server(tmp_path_factory.mktemp("pages"))
    async with AsyncExitStack() as stack:
        stack.callback(server.stop)
        await fill(server, children=90, seed=11, truth=tmp_path_factory.mktemp("truth") / "pages.jsonl")
        sources = connect(server)
        stack.push_async_callback(close_all, sources)
        world = await load(sources, TODAY, institutions)
        hub = await stack.enter_async_context(open_hub(server, sources))
        yield Scratch(server=server, ask=Asking(hub=hub), world=world)


def mixed(world: World, type_name: str, count: int) -> list[Listing]:
    """Orders on coordinates that are clear in some rows that the principal sees, and masked or closed in others."""
    values = SCHEMA.type_map[f"{type_name}OrderField"]
    assert isinstance(values, GraphQLEnumType)
    found: list[Listing] = []
    for me in principals(world):
        sight = Sight(world, me)
        for value in values.values:
            coordinate = f"{type_name}.{column_of(value)}"
            if sight.askable(coordinate) and all(listing.me.unit != me.unit for listing in found):
                states = [sight.state(type_name, row, coordinate) == "clear" for row in sight.every(type_name)]
                if min(states.count(True), states.count(False)) >= 2:
                    found.append(Listing(me=me, type_name=type_name, order=f"[{{field: {value}, direction: DESC}}]"))
    return found[:count]


@pytest.fixture(scope="module")
def listings(scratch: Scratch) -> list[Listing]:
    plain = [Listing(me=BUREAU, type_name="Child", order=order) for order in ORDERS]
    reports = Listing(
        me=Me("public_security_bureau", "emergency_response"),
        type_name="MandatoryReport",
        order="[{field: ACCEPTED_AT, direction: DESC}]",
    )
    partly = mixed(scratch.world, "Child", 3) + mixed(scratch.world, "Incident", 2)
    assert {listing.type_name for listing in partly} == {"Child", "Incident"}
    return [*plain, reports, *partly]


@dataclass(slots=True, kw_only=True)
class Churn:
    """Rows that come, change and go beside those that stay: copies under keys of their own, with no citizen id."""

    connection: Any
    table: str
    key: str
    random: Random
    columns: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    made: int = 0

    async def turn(self) -> None:
        """A few rows more, a few less."""
        for _ in range(self.random.randint(1, 4)):
            if self.keys and self.random.random() < 0.45:
                await self.remove(self.keys.pop(self.random.randrange(len(self.keys))))
            else:
                await self.add()

    async def add(self) -> None:
        """A copy of some row that stays."""
        self.made += 1
        key = f"{self.random.choice('AMZ')}{self.made:06d}{self.random.randint(0, 9_999):04d}"
        shown = ", ".join("null" if name in ("sfzh", "sh_sfzh") else name for name in self.columns)
        await self.connection.execute(
            f"insert into {self.table} ({self.key}, {', '.join(self.columns)}) select $1::text, {shown}"
            f" from {self.table} where {self.key} !~ '^[AMZ][0-9]{{10}}$' order by md5({self.key} || $1::text) limit 1",
            key,
        )
        self.keys.append(key)

    async def remove(self, key: str) -> None:
        """One of the copies goes."""
        await self.connection.execute(f"delete from {self.table} where {self.key} = $1", key)


@asynccontextmanager
async def churning(server: Server, type_name: str, seed: int) -> AsyncIterator[Churn]:
    database, table, key = TABLES[type_name]
    connection = await asyncpg.connect(server.dsn(database))
    try:
        rows = await connection.fetch(
            "select column_name from information_schema.columns where table_name = $1 and column_name <> $2", table, key
        )
        columns = [row["column_name"] for row in rows]
        churn = Churn(connection=connection, table=table, key=key, random=Random(seed), columns=columns)
        yield churn
        for made in churn.keys:
            await churn.remove(made)
    finally:
        await connection.close()


async def test_pages_of_any_size_put_together_are_the_list_in_every_order(
    scratch: Scratch, listings: list[Listing]
) -> None:
    for listing in listings:
        whole = await scratch.walk(listing, 100)
        assert len(set(whole)) == len(whole) > 4, listing
        for first in (3, 7, 50):
            assert await scratch.walk(listing, first) == whole, (listing, first)


async def test_a_page_after_any_row_goes_on_with_the_next(scratch: Scratch, listings: list[Listing]) -> None:
    for listing in listings:
        whole = await scratch.walk(listing, 100)
        page = await scratch.page(listing, 20, None)
        for number, edge in enumerate(page["edges"]):
            following = await scratch.page(listing, 2, edge["cursor"])
            assert [one["node"]["id"] for one in following["edges"]] == whole[number + 1 : number + 3]


async def test_rows_that_stay_are_listed_once_in_their_order_while_others_come_and_go(
    scratch: Scratch, listings: list[Listing]
) -> None:
    strangers = 0
    for number, listing in enumerate(listing for listing in listings if listing.type_name in TABLES):
        stay = await scratch.walk(listing, 100)
        async with churning(scratch.server, listing.type_name, number) as churn:
            for first in (2, 5):
                ids = await scratch.walk(listing, first, churn.turn)
                assert len(set(ids)) == len(ids), f"{listing}: a row came twice"
                kept = set(stay)
                assert [one for one in ids if one in kept] == stay, f"{listing}: a row was skipped or moved"
                strangers += len(ids) - len(stay)
        assert await scratch.walk(listing, 100) == stay
    assert strangers > 20, "rows came while pages were read, and were seen"


async def test_the_same_holds_while_rows_come_and_go_at_the_very_moment(scratch: Scratch) -> None:
    listing = Listing(me=BUREAU, type_name="Child", order=ORDERS[4])
    stay = await scratch.walk(listing, 100)
    async with churning(scratch.server, "Child", 99) as churn:

        async def without_pause() -> None:
            while True:
                await churn.turn()

        task = asyncio.create_task(without_pause())
        try:
            for _ in range(3):
                ids = await scratch.walk(listing, 6)
                assert len(set(ids)) == len(ids)
                assert [one for one in ids if one in set(stay)] == stay
            assert not task.done()
            assert churn.made > 20
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        # The statement that was cut may have put its row in.
        await churn.connection.execute("delete from etda where dabh ~ '^[AMZ][0-9]{10}$'")


async def test_a_cursor_of_a_row_that_is_gone_still_marks_its_place(scratch: Scratch) -> None:
    listing = Listing(me=BUREAU, type_name="Child", order="[{field: NAME}]")
    stay = await scratch.walk(listing, 100)
    async with churning(scratch.server, "Child", 5) as churn:
        for _ in range(6):
            await churn.add()
        page = await scratch.page(listing, 100, None)
        more = (
            await scratch.page(listing, 100, page["pageInfo"]["endCursor"]) if page["pageInfo"]["hasNextPage"] else {}
        )
        edges = [*page["edges"], *more.get("edges", [])]
        strangers = [(place, edge) for place, edge in enumerate(edges) if edge["node"]["id"] not in stay]
        assert strangers
        while churn.keys:
            await churn.remove(churn.keys.pop())
        for place, edge in strangers:
            before = {one["node"]["id"] for one in edges[:place]}
            following = await scratch.page(listing, 3, edge["cursor"])
            expected = [one for one in stay if one not in before][:3]
            assert [one["node"]["id"] for one in following["edges"]] == expected


NESTED = """query Below($id: ID!, $after: String) {
  child(id: $id) { familyMembers(first: 1, after: $after, orderBy: [{field: BIRTH_DATE, direction: DESC}]) {
    edges { cursor node { id } } pageInfo { hasNextPage } } }
}"""


async def families(scratch: Scratch) -> list[dict[str, Any]]:
    order = "[{field: BIRTH_DATE, direction: DESC}]"
    below = f"familyMembers(first: 20, orderBy: {order}) {{ edges {{ cursor node {{ id }} }} }}"
    query = f"{{ children(first: 30) {{ edges {{ node {{ id {below} }} }} }} }}"
    reply = await scratch.ask(BUREAU.key, BUREAU.purpose, query)
    assert reply.data, reply.json
    nodes = [edge["node"] for edge in reply.data["children"]["edges"]]
    return [node for node in nodes if len(node["familyMembers"]["edges"]) >= 2]


async def test_pages_below_a_row_go_on_by_cursors_of_that_row_alone(scratch: Scratch) -> None:
    found = await families(scratch)
    assert len(found) >= 5
    for family in found[:5]:
        whole = [edge["node"]["id"] for edge in family["familyMembers"]["edges"]]
        ids: list[str] = []
        after, more = None, True
        while more:
            reply = await scratch.ask(BUREAU.key, BUREAU.purpose, NESTED, {"id": family["id"], "after": after})
            assert reply.data, reply.json
            page = reply.data["child"]["familyMembers"]
            ids += [edge["node"]["id"] for edge in page["edges"]]
            after, more = page["edges"][-1]["cursor"], page["pageInfo"]["hasNextPage"]
        assert ids == whole
    other = found[1]["familyMembers"]["edges"][0]["cursor"]
    reply = await scratch.ask(BUREAU.key, BUREAU.purpose, NESTED, {"id": found[0]["id"], "after": other})
    assert reply.codes() == {"INVALID_INPUT"}
    assert reply.data is None or reply.data == {"child": {"familyMembers": None}}


def altered(cursor: str) -> list[str]:
    """The cursor with one bit changed, cut short, made longer; and things that are none."""
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    flipped = []
    for place in (0, len(raw) // 2, len(raw) - 1):
        changed = bytearray(raw)
        changed[place] ^= 1
        flipped.append(bytes(changed))
    forged = [*flipped, raw[:-1], raw + b"\0", raw[1:], b"", b"\0" * 40]
    return [base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in forged] + [
        "",
        "1",
        "中文",
        "a" * 500,
        "=" * 8,
    ]


async def test_a_cursor_that_was_altered_or_is_of_another_caller_or_query_is_refused(scratch: Scratch) -> None:
    mine = Listing(me=BUREAU, type_name="Child", order="[{field: NAME}]")
    cursor = (await scratch.page(mine, 3, None))["edges"][1]["cursor"]
    others = {
        "another order": Listing(me=BUREAU, type_name="Child", order="[{field: NAME, direction: DESC}]"),
        "no order": Listing(me=BUREAU, type_name="Child", order="[]"),
        "another purpose": Listing(
            me=Me(BUREAU.key, "guardianship_protection"), type_name="Child", order="[{field: NAME}]"
        ),
        "another unit": Listing(
            me=Me("town_government:120114101", "survey_management"), type_name="Child", order="[{field: NAME}]"
        ),
        "another type": Listing(me=BUREAU, type_name="SurveySubmission", order="[]"),
    }
    for word, listing in others.items():
        reply = await scratch.ask(listing.me.key, listing.me.purpose, listing.query, {"first": 3, "after": cursor})
        assert (reply.data, reply.codes()) == (None, {"INVALID_INPUT"}), word
    for forged in altered(cursor):
        reply = await scratch.ask(mine.me.key, mine.me.purpose, mine.query, {"first": 3, "after": forged})
        assert (reply.data, reply.codes()) == (None, {"INVALID_INPUT"}), forged
    filtered = mine.query.replace("first: $first,", 'first: $first, filter: {name: {startsWith: "张"}},')
    reply = await scratch.ask(mine.me.key, mine.me.purpose, filtered, {"first": 3, "after": cursor})
    assert (reply.data, reply.codes()) == (None, {"INVALID_INPUT"})
    below = (await families(scratch))[0]["familyMembers"]["edges"][0]["cursor"]
    reply = await scratch.ask(mine.me.key, mine.me.purpose, mine.query, {"first": 3, "after": below})
    assert (reply.data, reply.codes()) == (None, {"INVALID_INPUT"})
