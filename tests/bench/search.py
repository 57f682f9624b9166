"""How long auditors wait for the console's questions at ten million entries.

``BENCH_ROWS`` (10,000,000) rows of the index (``tests/bench/rows.py``), on a server of its own with fsync on, asked as
the console asks. Each question is asked ``ROUNDS`` times, with other values each time, for its first page, and for the
page that begins in the middle of the log. The figures are medians and the slowest, in milliseconds.
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg

from connectors.demo.server import Server
from hub.audit.reader import Reader
from hub.audit.search import SETTINGS, Question, Search, TooMuchError
from hub.audit.session import Session, install
from hub.audit.unusual import Thresholds, Unusual
from schema.catalogue import CATALOGUE
from tests.bench.rows import DAYS, fill_index

ROUNDS = 7
NEWEST = datetime(2026, 11, 24, tzinfo=UTC)
Made: TypeAlias = Callable[[random.Random], Question]
Asked: TypeAlias = Callable[[random.Random], Awaitable[Any]]


async def measure() -> list[Mapping[str, Any]]:
    """A record for each question."""
    rows = int(os.environ.get("BENCH_ROWS", "10000000"))
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        with Server(folder=Path(name) / "postgres", databases=("hub",)) as server:
            await install(server.dsn("hub"))
            started = time.monotonic()
            await fill_index(server.dsn("hub"), rows, NEWEST)
            print(f"{rows:,} rows in {time.monotonic() - started:.0f} s", flush=True)
            return [record async for record in asked(server.dsn("hub"), rows)]


async def asked(dsn: str, rows: int) -> AsyncIterator[Mapping[str, Any]]:
    """Asks everything of the filled database ``dsn``; a record for each question."""
    samples = await _samples(dsn)
    async with AsyncExitStack() as stack:
        connections = Session(dsn, name="bench", timeout=5)
        for name, value in SETTINGS.items():
            connections.setting(name, value)
        stack.push_async_callback(connections.close)
        search = Search(connections=connections, reader=Reader(connections))
        unusual = Unusual(connections=connections, thresholds=Thresholds())
        for name, ask in {**_pages(search, samples, rows), **_others(search, unusual, samples)}.items():
            yield await _timed(name, ask, rows)


async def _samples(dsn: str) -> Sequence[Any]:
    """Rows whose values are asked for, so that what is often there is often asked."""
    owner = await asyncpg.connect(dsn, timeout=5)
    try:
        found: Sequence[Any] = await owner.fetch(
            "select f.*, s.pseudonym from log.found f tablesample system (0.02) repeatable (1)"
            " join log.alias a on a.index = f.index % 100000 + 1"
            " join lateral (select a.register as pseudonym) s on true where cardinality(f.coordinates) > 0"
        )
        return found
    finally:
        await owner.close()


def _pages(search: Search, samples: Sequence[Any], rows: int) -> Mapping[str, Asked]:
    """First and deep pages of every question by its name."""
    asks: dict[str, Asked] = {}
    for name, question in {**_plain(samples), **_joined(samples)}.items():
        asks[name], asks[f"{name}, deep"] = _first(search, question), _deep(search, question, rows)
    return asks


def _first(search: Search, question: Made) -> Asked:
    async def ask(chance: random.Random) -> Any:
        return await search.entries(question(chance))

    return ask


def _deep(search: Search, question: Made, rows: int) -> Asked:
    async def ask(chance: random.Random) -> Any:
        asked = question(chance)
        return await search.entries(replace(asked, before=_middle(rows, asked, chance)))

    return ask


def _middle(rows: int, asked: Question, chance: random.Random) -> int:
    """A place deep in the log, within the days that are asked for."""
    if asked.until is None:
        return chance.randrange(rows // 3, rows // 2)
    ago = (NEWEST.date() - asked.until).days
    return max(rows - rows // DAYS * ago - rows // DAYS // 2, 1)


def _of(samples: Sequence[Any], *names: str, **fixed: Any) -> Made:
    """A question with the values that some row has."""

    def made(chance: random.Random) -> Question:
        row = chance.choice(samples)
        values = {name: row["case_ref" if name == "case" else name] for name in names}
        if values.pop("coordinates", None):
            values["coordinate"] = chance.choice(row["coordinates"])
        return Question(**values, **fixed)

    return made


def _days(samples: Sequence[Any], span: int, *names: str) -> Made:
    def made(chance: random.Random) -> Question:
        since = chance.choice(samples)["at"].date()
        until = since + timedelta(days=span)
        return replace(_of(samples, *names)(chance), without="look", since=since, until=until)

    return made


def _plain(samples: Sequence[Any]) -> Mapping[str, Made]:
    return {
        "everything": _of(samples),
        "everything but looks": _of(samples, without="look"),
        **{name: _of(samples, name) for name in ("unit", "purpose", "case", "decision", "kind", "request")},
        "operator of any unit": _of(samples, "operator", without="look"),
        "coordinate": _of(samples, "coordinates"),
        "any coordinate of the catalogue": lambda chance: Question(coordinate=chance.choice([*CATALOGUE])),
        "a coordinate nobody read": _of(samples, coordinate="Child.unheard", without="look"),
        "reviews": _of(samples, kind="review"),
    }


def _joined(samples: Sequence[Any]) -> Mapping[str, Made]:
    return {
        "operator": _of(samples, "unit", "operator"),
        "unit and coordinate": _of(samples, "unit", "coordinates"),
        "a unit and a coordinate that never met": lambda chance: _unmet(samples, chance),
        "unit, purpose and refusals": _of(samples, "unit", "purpose", kind="refusal"),
        "operator and purpose": _of(samples, "operator", "purpose"),
        "a day": _days(samples, 0),
        "a month": _days(samples, 30),
        "until a day": lambda chance: replace(_days(samples, 0)(chance), since=None),
        "a unit in a month": _days(samples, 30, "unit"),
    }


def _unmet(samples: Sequence[Any], chance: random.Random) -> Question:
    """Two values that are each often there, joined with a third that never occurs with them."""
    row = chance.choice(samples)
    return Question(unit=row["unit"], kind="refusal", decision="ALLOWED", coordinate=row["coordinates"][0])


def _others(search: Search, unusual: Unusual, samples: Sequence[Any]) -> Mapping[str, Asked]:
    """What is no list of entries, or not by their own columns."""
    today = NEWEST.date()

    async def one_child(chance: random.Random) -> Any:
        names = (chance.choice(samples)["pseudonym"],)
        return await search.of_subjects((await search.child(names)).names)

    async def deep_child(chance: random.Random) -> Any:
        names = (chance.choice(samples)["pseudonym"],)
        return await search.of_subjects((await search.child(names)).names, before=chance.randrange(4_000_000))

    def counts(days: int) -> Asked:
        async def asked(_chance: random.Random) -> Any:
            return await search.counts(today - timedelta(days=days - 1), today)

        return asked

    def unusual_uses(days: int) -> Asked:
        async def asked(_chance: random.Random) -> Any:
            return await unusual.hits(today - timedelta(days=days), today - timedelta(days=1))

        return asked

    return {
        "one child": one_child,
        "one child, deep": deep_child,
        **{f"tallies of {days} days": counts(days) for days in (1, 7, 30)},
        **{f"unusual uses of {days} days": unusual_uses(days) for days in (1, 7, 30)},
    }


async def _timed(name: str, ask: Asked, rows: int) -> Mapping[str, Any]:
    times, refused = [], 0
    for number in range(ROUNDS):
        started = time.perf_counter()
        try:
            await ask(random.Random(number))
        except TooMuchError:
            refused += 1
        times.append((time.perf_counter() - started) * 1_000)
    return {
        "workload": "search",
        "contender": f"{rows} entries",
        "figure": name,
        "p50_ms": round(statistics.median(times), 1),
        "max_ms": round(max(times), 1),
        "too_much": refused,
    }
