"""Concurrent requests of one plan and one principal share statements, and nothing else is shared between anyone."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from connectors.demo.server import Server
from connectors.source import Aggregate, Bindings, Fetch, Row, Source, SourceError
from hub.audit.reader import Reader
from hub.audit.session import Session
from hub.hub import Hub
from hub.pipeline import Request, answer
from tests.properties.principals import busiest
from tests.support.running import Reply, compose, identity
from tests.support.world import World

pytestmark = pytest.mark.postgres

TOWN_QUERY = """query Town($first: Int!) {
  children(first: $first) { edges { node { id name divisionCode guardians(first: 3) { edges { node { id kind } } } } } }
}"""
BUREAU = ("civil_affairs_bureau", "guardianship_protection")
SCHOOLS = ("education_bureau", "dropout_control")


@dataclass(slots=True, kw_only=True)
class Counting:
    """A source that notes each statement with what was bound to it; ``failing``: so many of the next fail."""

    inner: Source
    name: str
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    failing: int = 0

    async def fetch(self, fetch: Fetch, bindings: Bindings, *, deadline: float) -> Sequence[Row]:
        """As the inner source."""
        self._note(fetch.relation, bindings)
        return await self.inner.fetch(fetch, bindings, deadline=deadline)

    async def aggregate(self, aggregate: Aggregate, bindings: Bindings, *, deadline: float) -> Sequence[Row]:
        """As the inner source."""
        self._note(aggregate.relation, bindings)
        return await self.inner.aggregate(aggregate, bindings, deadline=deadline)

    async def ping(self, *, deadline: float) -> None:
        """As the inner source."""
        await self.inner.ping(deadline=deadline)

    async def close(self) -> None:
        """The inner source is not ours to close."""

    def _note(self, relation: str, bindings: Bindings) -> None:
        self.asked.append((relation, bindings))
        if self.failing:
            self.failing -= 1
            raise SourceError(self.name, "timeout")


@dataclass(slots=True, kw_only=True)
class Counted:
    """A hub whose statements are counted, and its log."""

    hub: Hub
    sources: Mapping[str, Counting]
    log: Reader
    _numbers: Any = field(default_factory=itertools.count)

    def statements(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Everything asked since the last time, of any source."""
        found = [asked for source in self.sources.values() for asked in source.asked]
        for source in self.sources.values():
            source.asked.clear()
        return found

    async def ask(self, key: str, purpose: str, query: str, **variables: Any) -> Reply:
        """The answer to a request."""
        found = await answer(self.hub, identity(key, purpose), self.request(query, variables))
        return Reply(status=found.status, body=found.body)

    def request(self, query: str, variables: Mapping[str, Any]) -> Request:
        """A request with a name of its own."""
        name = hashlib.sha256(f"batch {id(self)} {next(self._numbers)}".encode()).hexdigest()[:32]
        return Request(query=query, operation_name=None, variables=variables, denied="refuse", request_id=name)

    async def entry(self, reply: Reply) -> dict[str, Any]:
        """The one entry that the answer's receipt is of."""
        receipt = reply.json["extensions"]["receipt"]
        kept = [kept for kept in await self.log.find(request_of(receipt)) if kept.leaf.hex() == receipt["leaf"]]
        assert len(kept) == 1
        found: dict[str, Any] = orjson.loads(kept[0].data)
        return found


def request_of(receipt: Mapping[str, Any]) -> str:
    """The request that a receipt's entry is named by."""
    return str(receipt["entry"]).partition("/")[0]


@pytest.fixture(scope="module")
async def counted(server: Server, hub: Hub, sources: Mapping[str, Source]) -> AsyncIterator[Counted]:
    counting = {name: Counting(inner=source, name=name) for name, source in sources.items()}
    reader = Reader(Session(server.dsn("hub"), name="test", durable=False))
    yield Counted(hub=compose(counting, hub.recording.log), sources=counting, log=reader)
    await reader.close()


@pytest.fixture(scope="module")
def towns(world: World) -> list[str]:
    return [f"town_government:{code}" for code in busiest(world, 9)]


async def together(*requests: Awaitable[Reply]) -> list[Reply]:
    return list(await asyncio.gather(*requests))


async def test_requests_that_come_together_share_statements_and_each_has_its_own_entry(counted: Counted) -> None:
    query = "{ children(first: 10) { edges { node { id name riskFlags reports { edges { node { id status } } } } } } }"
    alone = await counted.ask(*BUREAU, query)
    counted.statements()
    again = await counted.ask(*BUREAU, query)
    each = len(counted.statements())
    replies = await together(*(counted.ask(*BUREAU, query) for _ in range(40)))
    asked = len(counted.statements())
    assert again.data == alone.data
    assert all(reply.data == alone.data for reply in replies)
    # Those who come while a batch is under way leave together as the next.
    assert each <= asked <= 3 * each
    entries = [await counted.entry(reply) for reply in replies]
    assert len({reply.json["extensions"]["receipt"]["leaf"] for reply in replies}) == 40
    told = {orjson.dumps([entry[name] for name in ("unit", "operation", "released", "subjects")]) for entry in entries}
    assert len(told) == 1
    assert entries[0]["released"] and entries[0]["subjects"]


async def test_look_ups_of_many_children_share_one_statement_and_each_gets_its_own_child(counted: Counted) -> None:
    listed = await counted.ask(*BUREAU, "{ children(first: 30) { edges { node { id name } } } }")
    assert listed.data
    known = [edge["node"] for edge in listed.data["children"]["edges"]]
    query = "query One($id: ID!) { child(id: $id) { id name } }"
    counted.statements()
    replies = await together(*(counted.ask(*BUREAU, query, id=node["id"]) for node in known))
    counts = Counter(relation for relation, _ in counted.statements())
    assert [reply.data for reply in replies] == [{"child": node} for node in known]
    assert counts["Child"] <= 6
    subjects = [frozenset((await counted.entry(reply))["subjects"]) for reply in replies]
    assert len(set(subjects)) == len(known), "each entry is about its own child alone"


async def test_two_towns_asking_the_same_at_once_are_never_in_one_statement(counted: Counted, towns: list[str]) -> None:
    purpose = "guardianship_protection"
    alone = {town: (await counted.ask(town, purpose, TOWN_QUERY, first=10)).data for town in towns}
    assert all(data and data["children"]["edges"] for data in alone.values())
    counted.statements()
    asked = [town for pair in zip([towns[0]] * 20, [towns[1]] * 20, strict=True) for town in pair]
    replies = await together(*(counted.ask(town, purpose, TOWN_QUERY, first=10) for town in asked))
    assert [reply.data for reply in replies] == [alone[town] for town in asked]
    bound = {(bindings["me"], bindings["division"]) for _, bindings in counted.statements()}
    assert bound == {(town, town.partition(":")[2]) for town in towns}
    entries = [await counted.entry(reply) for reply in replies]
    assert [entry["unit"] for entry in entries] == asked


async def test_pages_that_are_read_together_ask_once_for_the_undecided_rows_of_all(
    counted: Counted, towns: list[str]
) -> None:
    query = """query Page($town: DivisionCode!) {
      children(first: 30, filter: {divisionCode: {under: $town}}) { edges { node { id name } } }
    }"""
    codes = [town.partition(":")[2] for town in towns[:3]]
    alone, statements = [], 0
    for code in codes:
        alone.append((await counted.ask(*SCHOOLS, query, town=code)).data)
        counted.statements()
        assert (await counted.ask(*SCHOOLS, query, town=code)).data == alone[-1]
        statements += len(counted.statements())
    replies = await together(*(counted.ask(*SCHOOLS, query, town=code) for code in codes * 3))
    assert [reply.data for reply in replies] == alone * 3
    assert all(data and data["children"]["edges"] for data in alone)
    assert len(counted.statements()) < statements


async def test_two_operators_of_one_unit_share_a_batch_and_not_an_entry(counted: Counted) -> None:
    query = "{ children(first: 3) { edges { node { id } } } }"
    people = [identity(*BUREAU, case=f"(2026)津0114民特{number}号") for number in range(10)]
    answers = await asyncio.gather(*(answer(counted.hub, who, counted.request(query, {})) for who in people))
    entries = [await counted.entry(Reply(status=found.status, body=found.body)) for found in answers]
    assert len({entry["case"] for entry in entries}) == 10


async def test_a_caller_that_goes_away_harms_nobody_who_waits_with_it(counted: Counted) -> None:
    query = "{ children(first: 7) { edges { node { id name } } } }"
    alone = await counted.ask(*BUREAU, query)
    tasks = [asyncio.create_task(counted.ask(*BUREAU, query)) for _ in range(12)]
    await asyncio.sleep(0)
    for task in tasks[:6]:
        # The very first is the one whose request set the batch going.
        task.cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in found[:6])
    assert [one.data for one in found[6:] if isinstance(one, Reply)] == [alone.data] * 6
    assert not counted.hub.batches.gathering


async def test_a_caller_who_asks_wrongly_harms_nobody_who_asks_with_it(counted: Counted) -> None:
    query = (
        "query Page($first: Int!, $after: String) { children(first: $first, after: $after) { edges { node { id } } } }"
    )
    alone = await counted.ask(*BUREAU, query, first=5)
    wrong: list[dict[str, Any]] = [
        {"first": 0},
        {"first": 10_000},
        {"first": 5, "after": "no cursor"},
        {"first": "five"},
    ]
    asked: list[dict[str, Any]] = [{"first": 5}, *wrong] * 4
    replies = await together(*(counted.ask(*BUREAU, query, **variables) for variables in asked))
    for variables, reply in zip(asked, replies, strict=True):
        if variables == {"first": 5}:
            assert reply.data == alone.data
        else:
            assert reply.data is None
            assert reply.codes() == {"INVALID_INPUT"}
        assert (await counted.entry(reply))["unit"] == BUREAU[0]


async def test_a_statement_that_fails_is_told_to_its_batch_and_not_to_the_next_one(counted: Counted) -> None:
    query = "{ children(first: 6) { edges { node { id name } } } }"
    alone = await counted.ask(*BUREAU, query)
    counted.sources["civil_affairs"].failing = 1
    replies = await together(*(counted.ask(*BUREAU, query) for _ in range(10)))
    assert counted.sources["civil_affairs"].failing == 0
    # All ten were there before the first statement went out: one batch.
    assert all(reply.codes() == {"SOURCE_UNAVAILABLE"} for reply in replies)
    assert {(await counted.entry(reply))["decision"] for reply in replies} == {"FAILED"}
    assert [reply.data for reply in await together(*(counted.ask(*BUREAU, query) for _ in range(5)))] == [
        alone.data
    ] * 5


async def test_an_entry_counts_the_rows_of_its_own_answer_and_not_of_its_batch(counted: Counted, world: World) -> None:
    listed = await counted.ask(*BUREAU, "{ children(first: 12) { edges { node { id } } } }")
    ids = [edge["node"]["id"] for edge in (listed.data or {})["children"]["edges"]]
    query = "query One($id: ID!) { child(id: $id) { sex } }"
    replies = await together(*(counted.ask(*BUREAU, query, id=each) for each in ids))
    assert [(await counted.entry(reply))["rows"] for reply in replies] == [["civil_affairs=1"]] * len(ids)


async def test_when_the_hub_ends_nobody_who_waits_or_gathers_is_left_waiting(counted: Counted) -> None:
    started, never = asyncio.Event(), asyncio.Event()

    class Stuck:
        async def record(self, _entries: Any) -> Any:
            started.set()
            await never.wait()

    hub = compose(counted.sources, Stuck())
    query = "{ children(first: 1) { edges { node { id } } } }"
    calls = [asyncio.create_task(answer(hub, identity(*BUREAU), counted.request(query, {}))) for _ in range(2)]
    await started.wait()
    calls.append(asyncio.create_task(answer(hub, identity(*BUREAU), counted.request(query, {}))))
    await asyncio.sleep(0)
    for task in tuple(hub.batches.tasks):
        task.cancel()
    done, waiting = await asyncio.wait(calls, timeout=30)
    assert not waiting
    assert all(call.cancelled() for call in done)


async def test_a_bug_is_told_by_its_place_and_kind_and_never_by_its_text(
    counted: Counted, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = "120114201001010018"

    def broken(*_: Any) -> Any:
        raise ValueError(value)

    monkeypatch.setattr(Hub, "entitlements", broken)
    hub = compose(counted.sources, counted.hub.recording.log)
    found = await answer(hub, identity(*BUREAU), counted.request("{ me { key } }", {}))
    assert Reply(status=found.status, body=found.body).codes() == {"INTERNAL"}
    assert "ValueError" in caplog.text
    assert "in broken" in caplog.text
    assert value not in caplog.text + found.body.decode()


async def test_of_many_pages_each_is_read_once_for_all_who_came_with_it(counted: Counted, world: World) -> None:
    query = """query Page($town: DivisionCode!) {
      children(first: 100, filter: {divisionCode: {under: $town}}) { edges { node { id name } } }
    }"""
    codes = busiest(world, 9, most=9)
    counted.statements()
    alone = [(await counted.ask(*BUREAU, query, town=code)).data for code in codes]
    each = pages_read(counted)
    replies = await together(*(counted.ask(*BUREAU, query, town=code) for code in codes * 3))
    assert [reply.data for reply in replies] == alone * 3
    assert 0 < each == pages_read(counted)
    assert not counted.hub.batches.reading


def pages_read(counted: Counted) -> int:
    """Statements since the last time that read a page of files."""
    return sum(relation == "Child" and "limit" in bindings for relation, bindings in counted.statements())
