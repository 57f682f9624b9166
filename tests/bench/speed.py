"""What the hub's way costs beside others' over the same rows: ratios to the hand-written endpoint, in the same run.

``BENCH_N`` children (100,000), ``BENCH_ROUNDS`` rounds (3) of ``BENCH_SECONDS`` (4) each, contenders in turn.
``BENCH_WORKLOADS``, ``BENCH_CONTENDERS``, ``BENCH_CONNECTIONS`` and ``BENCH_ASKERS`` name some, with commas between;
``BENCH_DATA`` names a folder that keeps the departments for the next run. Answers are compared before any timing.
``ratio`` is of requests a second; ``ratio_cpu`` is of processor time (server and PostgreSQL) and hardly moves when
other work has the machine.
"""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.contenders import Contender, contenders, cpu_of_server
from tests.bench.departments import Departments, departments
from tests.bench.documents import FULL, MASKED, REAL, REFUSED, Asker
from tests.bench.equal import check
from tests.bench.load import Asked, Load, loaded
from tests.bench.opened import authorization, environment, settings_of
from tests.bench.workloads import Asking

WORKLOADS = ("point", "point by number", "list", "aggregate")
ASKERS = (FULL, MASKED, REFUSED, *REAL)
CONTENDERS = ("handwritten", "hub", "two workers", "postgraphile", "strawberry")
FLOOR = "handwritten"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A line of the table: one contender at one workload, asked by one principal over so many connections."""

    workload: str
    asker: Asker
    connections: int
    contender: Contender
    asked: Sequence[Asked]
    loads: list[Load] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    cpu_of_server: list[float] = field(default_factory=list)
    rss: list[int] = field(default_factory=list)

    @property
    def rps(self) -> float:
        """Median over the rounds."""
        return statistics.median(load.rps for load in self.loads)


async def measure() -> list[Mapping[str, Any]]:
    """A record for each line; all of it waits for other processes, so in a thread."""
    return await asyncio.to_thread(_measure)


def _measure() -> list[Mapping[str, Any]]:
    with departments(int(os.environ.get("BENCH_N", "100000"))) as found:
        hub_settings = environment(found)
        settings = settings_of(found, found.folder / "policies")
        tokens = {asker.name: authorization(settings, asker) for asker in ASKERS}
        with contenders(found, _chosen("CONTENDERS", CONTENDERS), hub_settings) as running:
            [hub] = [one for one in running if one.name == "hub"]
            asking = Asking.of(found, hub.url, tokens)
            lines = [line for group in _groups(asking, running, hub) for line in _timed(found, group)]
    records = _records(lines, found.children)
    _print(records)
    return records


def _chosen(name: str, every: Sequence[str]) -> list[str]:
    given = os.environ.get(f"BENCH_{name}")
    return [one for one in (given.split(",") if given else every) if one]


def _groups(asking: Asking, running: Sequence[Contender], hub: Contender) -> Iterator[list[Cell]]:
    """Lines that take turns: of one workload, one principal and one number of connections."""
    askers = {asker.name: asker for asker in ASKERS}
    for workload in _chosen("WORKLOADS", WORKLOADS):
        if workload != "point by number":
            check(asking, hub, list(running), workload)
        for name in [FULL.name] if workload == "point by number" else _chosen("ASKERS", list(askers)):
            asker = askers[name]
            if workload == "aggregate" and asker is not FULL and asker not in REAL:
                continue
            ours = asking.hub(workload, asker)
            for connections in map(int, _chosen("CONNECTIONS", ("1", "32", "256"))):
                group = [
                    Cell(workload=workload, asker=asker, connections=connections, contender=one, asked=asked)
                    for one in running
                    if (one.ours or one.name == FLOOR or asker is FULL)
                    and (asked := ours if one.ours else asking.other(one.name, workload.removesuffix(" by number")))
                ]
                yield group


def _timed(found: Departments, group: list[Cell]) -> list[Cell]:
    """Every line once warm, then in turn, a round in one direction and a round in the other."""
    seconds = float(os.environ.get("BENCH_SECONDS", "4"))
    for line in group:
        _once(found, line, 1.0, keep=False)
    for number in range(int(os.environ.get("BENCH_ROUNDS", "3"))):
        for line in group if number % 2 == 0 else reversed(group):
            _once(found, line, seconds, keep=True)
    words = ", ".join(f"{line.contender.name} {line.rps:,.0f}" for line in group)
    print(f"{group[0].workload}, {group[0].asker.name}, {group[0].connections} connections: {words}", flush=True)
    return group


def _once(found: Departments, line: Cell, seconds: float, *, keep: bool) -> None:
    path = f"/{line.workload.removesuffix(' by number')}" if line.contender.name == FLOOR else ""
    before, server = line.contender.cpu(), cpu_of_server(found)
    load = loaded(f"{line.contender.url}{path}", line.asked, connections=line.connections, seconds=seconds)
    if keep:
        answered = max(load.requests, 1)  # one that was not answered in time must not cost the whole run
        line.loads.append(load)
        line.cpu.append((line.contender.cpu() - before) / answered * 1_000)
        line.cpu_of_server.append((cpu_of_server(found) - server) / answered * 1_000)
        line.rss.append(line.contender.rss())


def _records(lines: Sequence[Cell], children: int) -> list[Mapping[str, Any]]:
    floors = {
        (line.workload, line.asker.name, line.connections): line for line in lines if line.contender.name == FLOOR
    }
    return [_record(line, floors.get((line.workload, line.asker.name, line.connections)), children) for line in lines]


def _cost(line: Cell) -> float:
    """Processor time of a request, in milliseconds: of the contender and of PostgreSQL."""
    return statistics.median(line.cpu) + statistics.median(line.cpu_of_server)


def _record(line: Cell, floor: Cell | None, children: int) -> Mapping[str, Any]:
    rates = [load.rps for load in line.loads]
    ratios = [ours.rps / theirs.rps for ours, theirs in zip(line.loads, floor.loads, strict=True)] if floor else []
    return {
        "workload": line.workload,
        "principal": line.asker.name,
        "connections": line.connections,
        "contender": line.contender.name,
        "children": children,
        "ratio": round(statistics.median(ratios), 3) if ratios else None,
        "ratio_min": round(min(ratios), 3) if ratios else None,
        "ratio_max": round(max(ratios), 3) if ratios else None,
        "ratio_cpu": round(_cost(floor) / _cost(line), 3) if floor else None,
        "rps": round(line.rps),
        "rps_min": round(min(rates)),
        "rps_max": round(max(rates)),
        "p50_ms": round(statistics.median(load.p50_ms for load in line.loads), 2),
        "p99_ms": round(statistics.median(load.p99_ms for load in line.loads), 2),
        "cpu_ms": round(statistics.median(line.cpu), 3),
        "cpu_postgres_ms": round(statistics.median(line.cpu_of_server), 3),
        "rss_mb": round(max(line.rss) / 2**20),
        "failed": sum(load.failed for load in line.loads),
    }


COLUMNS = ("workload", "principal", "connections", "contender", "ratio", "ratio_cpu", "rps", "rps_min", "rps_max")
COLUMNS_LEFT = ("p50_ms", "p99_ms", "cpu_ms", "cpu_postgres_ms", "rss_mb", "failed")


def _print(records: Sequence[Mapping[str, Any]]) -> None:
    table = Table(*COLUMNS, *COLUMNS_LEFT)
    for record in records:
        table.add_row(*("" if record[name] is None else str(record[name]) for name in (*COLUMNS, *COLUMNS_LEFT)))
    Console(width=180).print(table)
