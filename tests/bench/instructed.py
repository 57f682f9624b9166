"""Workload, number of turns -> that many warm requests answered in this process, one after another, without HTTP.

Run under a counter of instructions by ``tests/bench/instructions.py``. A mark (``MARK``, a function of libc that nobody
else calls) stands before each of the workloads named, after what it warms, and after the last: what is counted between
two marks is a workload's. ``BENCH_INSTRUCTED`` says where the departments are (JSON).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import uvloop

from connectors.mapping import load as load_mapping
from connectors.postgres import PoolSettings, PostgresSource
from connectors.source import Source
from hub.audit.contract import StoreError
from hub.collector import settle
from hub.hub import Hub
from hub.pipeline import Request, answer
from policies import Current
from policies import load as load_policy
from schema.catalogue import CATALOGUE
from tests.bench import handwritten
from tests.bench.documents import AGGREGATE, FULL, LIST, MASKED, POINT, Asker
from tests.support.running import ROOT, SOURCES, close_all, identity, open_alone

MARK = "getloadavg"
EVERYWHERE = {"town": "120114", "born": "2010-11-25"}
IDS = "{ children(first: 100) { edges { node { id } } } }"
WARM = 4
TRIES = 30
PATIENCE = 600.0
"""Seconds for anything: under a counter all takes fifty times as long."""

Work = Callable[[int], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Where the departments, the log and the bench's policy are, and the files that the hand-written endpoint knows."""

    dsns: Mapping[str, str]
    log: str
    policies: str
    registers: Sequence[str]


async def run(names: Sequence[str], turns: int) -> None:
    """Answers each workload so often."""
    given = Given(**json.loads(os.environ["BENCH_INSTRUCTED"]))
    async with _hub(given) as hub, handwritten.opened(dict(given.dsns)) as pools:
        works = {**await _of_hub(hub), **_of_handwritten(pools, given.registers)}
        for name in names:
            for number in range(-WARM, 0):
                await works[name](number)
            os.getloadavg()
            for number in range(turns):
                await works[name](number)
            os.getloadavg()


@asynccontextmanager
async def _hub(given: Given) -> AsyncIterator[Hub]:
    patient = PoolSettings(connect_timeout=PATIENCE, statement_timeout=PATIENCE)
    sources: dict[str, Source] = {
        name: PostgresSource(
            name=name,
            mapping=load_mapping(ROOT / "connectors" / f"{name}.toml"),
            dsn=given.dsns[name],
            settings=patient,
        )
        for name in SOURCES
    }
    async with AsyncExitStack() as stack:
        hub = await _opened(stack, given.log, sources)
        hub.current = Current(lambda: load_policy(Path(given.policies), CATALOGUE))
        yield hub
        await close_all(sources)


async def _opened(stack: AsyncExitStack, log: str, sources: Mapping[str, Source]) -> Hub:
    """The log gives a connection a second to be made, which a counter may need for the first of them alone."""
    for _ in range(TRIES):
        with suppress(StoreError):
            return await stack.enter_async_context(open_alone(log, sources, deadline=PATIENCE))
    raise SystemExit("bench: the log's database is out of reach")


async def _of_hub(hub: Hub) -> dict[str, Work]:
    settle()
    full, masked = await _ids(hub, FULL), await _ids(hub, MASKED)
    return {
        "hub point full": lambda number: _ask(hub, FULL, POINT, {"id": full[number % len(full)]}),
        "hub point masked": lambda number: _ask(hub, MASKED, POINT, {"id": masked[number % len(masked)]}),
        "hub 32 points full": lambda number: _together(hub, FULL, full, number),
        "hub 32 points masked": lambda number: _together(hub, MASKED, masked, number),
        "hub list full": lambda _: _ask(hub, FULL, LIST, EVERYWHERE),
        "hub list masked": lambda _: _ask(hub, MASKED, LIST, EVERYWHERE),
        "hub aggregate full": lambda _: _ask(hub, FULL, AGGREGATE, {}),
    }


async def _ids(hub: Hub, asker: Asker) -> list[str]:
    found = orjson.loads(await _ask(hub, asker, IDS, {}))
    return [edge["node"]["id"] for edge in found["data"]["children"]["edges"]]


async def _ask(hub: Hub, asker: Asker, query: str, variables: Mapping[str, Any]) -> bytes:
    request_id = f"{random.getrandbits(128):032x}"
    request = Request(query=query, operation_name=None, variables=variables, denied="null", request_id=request_id)
    found = await answer(hub, identity(asker.unit, asker.purpose), request)
    if not found.body.startswith(b'{"data":{') and not orjson.loads(found.body).get("data"):
        raise SystemExit(f"bench: no answer: {found.body[:300]!r}")
    return found.body


async def _together(hub: Hub, asker: Asker, ids: Sequence[str], number: int) -> None:
    first = number * 32
    await asyncio.gather(
        *(_ask(hub, asker, POINT, {"id": ids[place % len(ids)]}) for place in range(first, first + 32))
    )


def _of_handwritten(pools: handwritten.Pools, registers: Sequence[str]) -> dict[str, Work]:
    return {
        "handwritten point full": lambda number: handwritten.point(pools, {"id": registers[number % len(registers)]}),
        "handwritten list full": lambda _: handwritten.children(pools, EVERYWHERE),
        "handwritten aggregate full": lambda _: handwritten.aggregate(pools, {}),
    }


if __name__ == "__main__":
    uvloop.run(run(sys.argv[2:], int(sys.argv[1])))
