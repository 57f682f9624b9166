"""How many instructions a warm request takes in its process, PostgreSQL and HTTP apart: a figure that no load moves.

Where the processor's counters can be read: ``perf stat`` over a process that answers ``BENCH_TURNS`` requests (200) and
one that answers twice as many, the difference divided. Elsewhere callgrind, a tenth of the requests between two marks.
``ratio`` is to the hand-written endpoint, counted the same way in the same run. The kernel is left out.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.departments import Departments, departments
from tests.bench.instructed import MARK
from tests.bench.opened import policy_of_bench
from tests.support.running import ROOT, SOURCES

CHILDREN = 2_000
WORKLOADS = (
    "handwritten point full",
    "hub point full",
    "hub point masked",
    "hub 32 points full",
    "hub 32 points masked",
    "handwritten list full",
    "hub list full",
    "hub list masked",
    "handwritten aggregate full",
    "hub aggregate full",
)
TOGETHER = 32

Counter = Callable[[Mapping[str, str], Path, int], Mapping[str, float]]


async def measure() -> list[Mapping[str, Any]]:
    """A record for each workload, or one that says why there is none."""
    return await asyncio.to_thread(_measure)


def _measure() -> list[Mapping[str, Any]]:
    turns, (name, counter) = int(os.environ.get("BENCH_TURNS", "200")), _counter()
    if counter is None:
        return [{"measurement": "instructions", "not available": name}]
    with departments(CHILDREN) as found:
        counted = counter(_environment(found), found.folder, turns)
    floors = {key.split()[1]: count for key, count in counted.items() if key.startswith("handwritten")}
    return [_record(name, key, count, floors) for key, count in counted.items()]


def _counter() -> tuple[str, Counter | None]:
    """What counts here, or why nothing does."""
    if _counters_work():
        return "perf", _by_perf
    if shutil.which("valgrind"):
        return "callgrind", _by_callgrind
    return "perf cannot read the processor's counters here, and there is no valgrind", None


def _counters_work() -> bool:
    if shutil.which("perf") is None:
        return False
    tried = subprocess.run(_perf("-", ["true"]), capture_output=True, text=True, check=False)
    return counted_by_perf(tried.stdout + tried.stderr) is not None


def _perf(output: str, command: Sequence[str]) -> list[str]:
    where = [] if output == "-" else ["-o", output]
    return ["perf", "stat", "-x", ",", "-e", "instructions:u", *where, "--", *command]


def counted_by_perf(report: str) -> int | None:
    """Instructions by a report of ``perf stat -x ,``; None where the processor does not tell."""
    found = re.search(r"^(\d+),[^,]*,instructions", report, re.MULTILINE)
    return int(found[1]) if found else None


def counted_by_callgrind(dump: str) -> int:
    """Instructions by a dump of callgrind: since the mark before."""
    found = re.search(r"^(?:totals|summary): (\d+)", dump, re.MULTILINE)
    if found is None:
        raise SystemExit("bench: callgrind's dump has no total")
    return int(found[1])


def _by_perf(environment: Mapping[str, str], folder: Path, turns: int) -> Mapping[str, float]:
    def once(name: str, times: int) -> int:
        report = folder / "perf.csv"
        _run(_perf(str(report), _answering(times, [name])), environment)
        found = counted_by_perf(report.read_text("utf-8"))
        if found is None:
            raise SystemExit(f"bench: perf counted nothing of `{name}`")
        return found

    return {name: (once(name, 2 * turns) - once(name, turns)) / turns for name in WORKLOADS}


def _by_callgrind(environment: Mapping[str, str], folder: Path, turns: int) -> Mapping[str, float]:
    """A dump before each mark: what was done before the first workload's, then its requests, what warms the next."""
    for old in folder.glob("callgrind.*"):
        old.unlink()
    times = max(1, turns // 10)
    tool = ["valgrind", "--tool=callgrind", "-q", f"--dump-before={MARK}"]
    _run([*tool, f"--callgrind-out-file={folder}/callgrind", *_answering(times, WORKLOADS)], environment)
    dumps = [folder / f"callgrind.{2 * number + 2}" for number in range(len(WORKLOADS))]
    counts = [counted_by_callgrind(dump.read_text("utf-8")) for dump in dumps]
    return {name: count / times for name, count in zip(WORKLOADS, counts, strict=True)}


def _answering(times: int, names: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "tests.bench.instructed", str(times), *names]


def _run(command: Sequence[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=False)
    if done.returncode:
        raise SystemExit(f"bench: `{' '.join(command[:3])}` ended with {done.returncode}")


def _environment(found: Departments) -> Mapping[str, str]:
    given = {
        "dsns": {name: found.dsn(name) for name in SOURCES},
        "log": found.server.dsn("hub"),
        "policies": str(policy_of_bench(found.folder)),
        "registers": [child["register"] for child in found.sample(100)],
    }
    # Hashes of texts decide how often sets and dicts probe.
    return {"BENCH_INSTRUCTED": json.dumps(given), "PYTHONHASHSEED": "0"}


def _record(counter: str, key: str, count: float, floors: Mapping[str, float]) -> Mapping[str, Any]:
    contender, _, rest = key.partition(" ")
    workload, _, principal = rest.rpartition(" ")
    each = count / TOGETHER if workload.startswith(str(TOGETHER)) else count
    return {
        "measurement": "instructions",
        "counter": counter,
        "workload": workload,
        "principal": principal,
        "contender": contender,
        "instructions": round(each),
        "ratio": round(each / floors[workload.removeprefix("32 ").removesuffix("s")], 2),
    }
