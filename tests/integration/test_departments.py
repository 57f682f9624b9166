"""Departments that refuse, hang or reset, by a proxy before each database: the rest answers, nothing is guessed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

import pytest

from connectors.demo.server import Server
from connectors.mapping import load as load_mapping
from connectors.postgres import PostgresSource
from connectors.source import Source
from hub.hub import Hub
from hub.sources import Sources
from tests.faults.outage import problems, unavailable
from tests.properties.principals import principals
from tests.properties.shapes import links_of
from tests.support.handmade import plain_schema
from tests.support.proxy import Mode, Proxy, proxied
from tests.support.rights import RIGHTS, Me, readable
from tests.support.running import READ_PASSWORD, ROOT, SOURCES, Asking, Reply, close_all, compose
from tests.support.ways import ROOT_OF, selected
from tests.support.world import World

pytestmark = pytest.mark.postgres

SCHEMA = plain_schema()
DEADLINE = 1.5
BOUND = 10.0
"""Seconds that an answer may take beyond the deadline: two cores, and a test server that others share."""
BACK_WITHIN = 60.0
"""Seconds after which a department that answers again must be asked again: the breaker's pause, and connections that
are given up only when the server has had its time to confirm."""
MODES: tuple[Mode, ...] = ("refuse", "hang", "reset")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wide:
    """A query on everything that a principal reads of one type, and of what hangs on it."""

    me: Me
    type_name: str
    query: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """A hub that reaches every database through a proxy."""

    hub: Hub
    ask: Asking
    proxies: Mapping[str, Proxy]

    async def answer(self, case: Wide) -> Reply:
        """The answer to a case."""
        return await self.ask(case.me.key, case.me.purpose, case.query)

    def forget(self) -> None:
        """Closed breakers again."""
        self.hub.sources = fresh(self.hub.sources.by_name)


def fresh(sources: Mapping[str, Source]) -> Sources:
    return Sources.of(sources, deadline=DEADLINE, monotonic=time.monotonic)


def wide(me: Me, type_name: str) -> str:
    def fields(name: str) -> str:
        return " ".join(["id", *(selected(coordinate.partition(".")[2]) for coordinate in readable(me, name))])

    links = [
        f"{link}{'(first: 3) { edges { cursor node' if many(type_name, link) else ''} {{ {fields(target)} }}"
        + (" } }" if many(type_name, link) else "")
        for link, target in links_of(SCHEMA, type_name).items()
        if readable(me, target)
    ]
    page = "pageInfo { hasNextPage endCursor }"
    selected_fields = f"{fields(type_name)} {' '.join(links)}"
    return f"{{ {ROOT_OF[type_name]}(first: 8) {{ edges {{ node {{ {selected_fields} }} }} {page} }} }}"


def many(type_name: str, link: str) -> bool:
    named: Any = SCHEMA.type_map[type_name]
    return str(named.fields[link].type).endswith("Connection")


def cases_of_scopes(world: World) -> dict[str, list[Wide]]:
    """For each scope two queries of principals whose rows it opens, as far as there are so many."""
    found: dict[str, list[Wide]] = {}
    for me in principals(world):
        for coordinate, rights in RIGHTS[me.unit, me.purpose].items():
            type_name = coordinate.partition(".")[0]
            for right in rights:
                known = found.setdefault(right.scope, [])
                new = all((case.me.unit, case.type_name) != (me.unit, type_name) for case in known)
                if right.action.startswith("read") and type_name in ROOT_OF and len(known) < 2 and new:
                    known.append(Wide(me=me, type_name=type_name, query=wide(me, type_name)))
    return found


@pytest.fixture(scope="module")
async def behind(server: Server, hub: Hub) -> AsyncIterator[Behind]:
    async with AsyncExitStack() as stack:
        upstream = {name: server.dsn(name, user="hub_read", password=READ_PASSWORD) for name in SOURCES}
        proxies = {name: await stack.enter_async_context(proxied(dsn)) for name, dsn in upstream.items()}
        connected: dict[str, Source] = {
            name: PostgresSource(
                name=name, mapping=load_mapping(ROOT / "connectors" / f"{name}.toml"), dsn=proxies[name].dsn
            )
            for name in SOURCES
        }
        composed = compose(connected, hub.recording.log)
        composed.sources = fresh(connected)
        yield Behind(hub=composed, ask=Asking(hub=composed), proxies=proxies)
        await close_all(connected)


@pytest.fixture(scope="module")
async def cases(world: World, behind: Behind) -> list[Wide]:
    by_scope = cases_of_scopes(world)
    assert len(by_scope) == 27, sorted(by_scope)
    return list({(case.me, case.type_name): case for found in by_scope.values() for case in found}.values())


@pytest.fixture(scope="module")
async def healthy(cases: list[Wide], behind: Behind) -> list[dict[str, Any]]:
    """Answers while every department answers; asked twice, so that connections and plans are there."""
    for case in cases:
        await behind.answer(case)
    found = [(await behind.answer(case)).json for case in cases]
    assert not any(unavailable(answer) for answer in found)
    assert sum('"node"' in str(answer).replace("'", '"') for answer in found) > len(cases) * 0.7
    return found


async def within(seconds: float, holds: Callable[[], Awaitable[bool]]) -> float:
    """Waits until it holds; how long that took."""
    begun = time.monotonic()
    while not await holds():
        assert time.monotonic() - begun < seconds, f"not within {seconds} s"
        await asyncio.sleep(0.05)
    return time.monotonic() - begun


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", SOURCES)
async def test_a_stopped_department_is_an_error_where_it_is_needed_and_comes_back_by_itself(
    behind: Behind, cases: list[Wide], healthy: list[dict[str, Any]], name: str, mode: Mode
) -> None:
    if mode == "hang":
        # Each of these waits for a whole deadline: every fifth will do.
        cases, healthy = cases[::5], healthy[::5]
    proxy = behind.proxies[name]
    await proxy.turn(mode)
    try:
        answers = [(await behind.answer(case)).json for case in cases]
    finally:
        await proxy.turn("pass")
    wrong = [
        f"{case.me} {case.type_name}: {line}"
        for case, before, answer in zip(cases, healthy, answers, strict=True)
        for line in problems(before, answer, name)
    ]
    assert not wrong, "\n".join(wrong[:10])
    told = [case for case, answer in zip(cases, answers, strict=True) if unavailable(answer)]
    assert 0 < len(told) < len(cases)
    last, before = told[-1], healthy[cases.index(told[-1])]

    async def answers_again() -> bool:
        answer = (await behind.answer(last)).json
        return not unavailable(answer) and bool(answer["data"] == before["data"])

    await within(BACK_WITHIN, answers_again)


@pytest.mark.parametrize("name", SOURCES)
async def test_while_a_department_hangs_an_answer_takes_at_most_the_deadline(
    behind: Behind, cases: list[Wide], healthy: list[dict[str, Any]], name: str
) -> None:
    took: list[float] = []
    await behind.proxies[name].turn("hang")
    try:
        for case in cases:
            behind.forget()
            begun = time.monotonic()
            answer = (await behind.answer(case)).json
            if unavailable(answer):
                took.append(time.monotonic() - begun)
            if len(took) == 4:
                break
    finally:
        await behind.proxies[name].turn("pass")
        behind.forget()
    assert took
    assert max(took) < DEADLINE + BOUND, took


async def test_who_does_not_need_a_hanging_department_waits_for_nothing(
    behind: Behind, healthy: list[dict[str, Any]]
) -> None:
    async def times() -> list[float]:
        found = []
        for _ in range(30):
            begun = time.monotonic()
            reply = await behind.ask(
                "civil_affairs_bureau", "survey_management", "{ surveySubmissions { edges { node { quarter } } } }"
            )
            found.append(time.monotonic() - begun)
            assert reply.data and not reply.errors
        return found

    usual = median(await times())
    await behind.proxies["procuratorate"].turn("hang")
    try:
        now = median(await times())
    finally:
        await behind.proxies["procuratorate"].turn("pass")
    assert now < usual * 1.3 + DEADLINE
