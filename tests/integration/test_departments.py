"""Departments that refuse, hang or reset, by a proxy before its database: the rest answers, nothing is guessed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import pytest

from connectors.demo.server import Server
from connectors.mapping import load as load_mapping
from connectors.postgres import PostgresSource
from connectors.source import Source
from hub.hub import Hub
from hub.shared import Questions
from hub.sources import Sources
from tests.faults.outage import problems, unavailable
from tests.properties.principals import principals
from tests.properties.shapes import links_of
from tests.support.handmade import plain_schema
from tests.support.proxy import Mode, Proxy, proxied
from tests.support.rights import RIGHTS, Me, readable
from tests.support.running import READ_PASSWORD, ROOT, SOURCES, Asking, Reply, compose
from tests.support.ways import ROOT_OF, selected
from tests.support.world import World

pytestmark = pytest.mark.postgres

SCHEMA = plain_schema()
DEADLINE = 1.5
PATIENT = 60.0
"""Where every department answers, it may be late."""
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
    """A hub that reaches one department through a proxy."""

    hub: Hub
    ask: Asking
    name: str
    proxy: Proxy

    async def answer(self, case: Wide) -> Reply:
        """The answer to a case."""
        return await self.ask(case.me.key, case.me.purpose, case.query)

    def forget(self) -> None:
        """Closed breakers again."""
        self.hub.sources = fresh(self.hub.sources.by_name)


def fresh(sources: Mapping[str, Source], deadline: float = DEADLINE) -> Sources:
    return Sources.of(sources, deadline=deadline, monotonic=time.monotonic)


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


@asynccontextmanager
async def reached_by_proxy(name: str, server: Server, sources: Mapping[str, Source], hub: Hub) -> AsyncIterator[Behind]:
    """A hub that shares plans with ``hub``, and with it every department but this one."""
    async with proxied(server.dsn(name, user="hub_read", password=READ_PASSWORD)) as proxy:
        mapping = load_mapping(ROOT / "connectors" / f"{name}.toml")
        connected = PostgresSource(name=name, mapping=mapping, dsn=proxy.dsn)
        alone = replace(hub, sources=fresh({**sources, name: connected}), questions=Questions())
        yield Behind(hub=alone, ask=Asking(hub=alone), name=name, proxy=proxy)
        await connected.close()


@pytest.fixture(scope="module")
async def behinds(server: Server, sources: Mapping[str, Source], hub: Hub) -> AsyncIterator[list[Behind]]:
    """For each department a hub of its own: what befalls one is waited for while others wait for theirs."""
    async with AsyncExitStack() as stack:
        composed = compose(sources, hub.recording.log)
        yield [await stack.enter_async_context(reached_by_proxy(name, server, sources, composed)) for name in SOURCES]


@pytest.fixture(scope="module")
async def cases(world: World) -> list[Wide]:
    by_scope = cases_of_scopes(world)
    assert len(by_scope) == 27, sorted(by_scope)
    return list({(case.me, case.type_name): case for found in by_scope.values() for case in found}.values())


@pytest.fixture(scope="module")
async def healthy(cases: list[Wide], behinds: list[Behind]) -> list[dict[str, Any]]:
    """Answers while every department answers; every hub is asked, so that connections and plans are there."""
    for behind in behinds:
        behind.hub.sources = fresh(behind.hub.sources.by_name, PATIENT)
    [found, *others] = await asyncio.gather(*(answers(behind, cases) for behind in behinds))
    for behind in behinds:
        behind.forget()
    for answered in others:
        assert not [line for pair in zip(found, answered, strict=True) for line in problems(*pair, "none")]
    assert all(behind.proxy.seen for behind in behinds)
    assert not any(unavailable(answer) for answer in found)
    assert sum('"node"' in str(answer).replace("'", '"') for answer in found) > len(cases) * 0.7
    return found


async def answers(behind: Behind, cases: list[Wide]) -> list[dict[str, Any]]:
    """One after the other."""
    return [(await behind.answer(case)).json for case in cases]


async def within(seconds: float, holds: Callable[[], Awaitable[bool]]) -> float:
    """Waits until it holds; how long that took, counted in looks: a machine that stands still looks once meanwhile."""
    looks = 0
    while not await holds():
        assert looks * 0.05 < seconds, f"not within {seconds} s"
        await asyncio.sleep(0.05)
        looks += 1
    return looks * 0.05


@pytest.mark.parametrize("mode", MODES)
async def test_a_stopped_department_is_an_error_where_it_is_needed_and_comes_back_by_itself(
    behinds: list[Behind], cases: list[Wide], healthy: list[dict[str, Any]], mode: Mode
) -> None:
    if mode == "hang":
        # Each of these waits for a whole deadline: every fifth will do.
        cases, healthy = cases[::5], healthy[::5]
    await asyncio.gather(*(stopped_and_back(behind, cases, healthy, mode) for behind in behinds))


async def stopped_and_back(behind: Behind, cases: list[Wide], healthy: list[dict[str, Any]], mode: Mode) -> None:
    """All that is asserted of one department."""
    await behind.proxy.turn(mode)
    try:
        found = await answers(behind, cases)
    finally:
        await behind.proxy.turn("pass")
    wrong = [
        f"{behind.name}: {case.me} {case.type_name}: {line}"
        for case, before, answer in zip(cases, healthy, found, strict=True)
        for line in problems(before, answer, behind.name)
    ]
    assert not wrong, "\n".join(wrong[:10])
    told = [case for case, answer in zip(cases, found, strict=True) if unavailable(answer)]
    assert 0 < len(told) < len(cases), behind.name
    last, before = told[-1], healthy[cases.index(told[-1])]

    async def answers_again() -> bool:
        answer = (await behind.answer(last)).json
        return not unavailable(answer) and bool(answer["data"] == before["data"])

    await within(BACK_WITHIN, answers_again)


async def test_while_a_department_hangs_an_answer_takes_at_most_the_deadline(
    behinds: list[Behind], cases: list[Wide], healthy: list[dict[str, Any]]
) -> None:
    for behind, took in zip(behinds, await asyncio.gather(*(hung(each, cases) for each in behinds)), strict=True):
        assert took, behind.name
        assert max(took) < DEADLINE + BOUND, (behind.name, took)


async def hung(behind: Behind, cases: list[Wide]) -> list[float]:
    """Seconds that answers took in which the department is missing, of four at most."""
    took: list[float] = []
    await behind.proxy.turn("hang")
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
        await behind.proxy.turn("pass")
        behind.forget()
    return took


async def test_who_does_not_need_a_hanging_department_waits_for_nothing(
    behinds: list[Behind], healthy: list[dict[str, Any]]
) -> None:
    [behind] = [behind for behind in behinds if behind.name == "procuratorate"]

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
    await behind.proxy.turn("hang")
    try:
        now = median(await times())
    finally:
        await behind.proxy.turn("pass")
    assert now < usual * 1.3 + DEADLINE
