"""What variety costs the hub: twenty units with five documents each, documents never seen, documents near the limits.

The mix is compared with what its hundred parts take one by one: what is lost is the price of many plans at once. In
this process, without HTTP: the policy compiled for every principal and purpose, and a cold document up to its plan.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from hub.document import Documents
from hub.entitlements import Entitlements
from hub.planner.compile import compile_plan
from hub.service import read_policy
from hub.settings import Settings
from policies.policy import Policy
from schema.build import whole
from tests.bench import contenders
from tests.bench.contenders import Contender, cpu_of_server
from tests.bench.departments import Departments, departments
from tests.bench.documents import BY_NUMBER, FULL, MIX, POINT, Asker
from tests.bench.load import Asked, Load, loaded
from tests.bench.opened import authorization, environment, settings_of

UNITS = 20
CONNECTIONS = 32
TOWN = "120114101"
DIVISIONS = {"town_government": TOWN, "village_committee": f"{TOWN}201"}
COLD = 5_000
"""Documents that are sent in turn: more than the hub remembers, so that each is always new to it."""


async def measure() -> list[Mapping[str, Any]]:
    """A record for each figure."""
    return await asyncio.to_thread(_measure)


def _measure() -> list[Mapping[str, Any]]:
    with departments(int(os.environ.get("BENCH_N", "100000"))) as found:
        variables = environment(found)
        settings = settings_of(found, Path(variables["HUB_POLICIES"]))
        policy = read_policy(settings)
        parts = _parts(settings, policy)
        with contenders.hub(variables) as hub:
            mixed, cold = _mixed(hub, parts, found), _cold(hub, settings)
        with contenders.probed(variables) as hub:
            limits = list(_limits(hub, settings))
        return [
            mixed,
            cold,
            *limits,
            _compiled(settings, policy),
            _planned(settings, policy),
            _entitled(variables, settings),
        ]


def _seconds() -> float:
    return float(os.environ.get("BENCH_SECONDS", "4"))


def _parts(settings: Settings, policy: Policy) -> list[Asked]:
    """Each of the documents by each of the units, under the purpose for which it reads most."""
    askers: list[Asker] = []
    for unit in policy.units:
        reads = [(len(read), purpose) for of, purpose, action, read in policy.sets() if (of, action) == (unit, "read")]
        purposes = [purpose for _, purpose in sorted(reads, reverse=True)]
        if purposes and len(askers) < UNITS and unit not in ("mandatory_reporter", "auditor"):
            askers.append(Asker(name=unit, unit=unit, purpose=purposes[0], denied="null", division=DIVISIONS.get(unit)))
    found = []
    for asker in askers:
        token = authorization(settings, asker)
        for document in MIX:
            body = {"query": document, "variables": {"town": TOWN} if "$town" in document else {}}
            found.append(Asked(body=body, authorization=token, purpose=asker.purpose, denied="null"))
    return found


def _mixed(hub: Contender, parts: Sequence[Asked], found: Departments) -> Mapping[str, Any]:
    """The mix beside two others: each document alone asked by all units, and each alone asked by one unit.

    The first says what the variety of documents costs, the second what that of callers costs as well: 32 callers of one
    unit share what they read, and in the mix nearly every request reads for itself. ``ratio_of_cpu`` says the second of
    the processor time of server and PostgreSQL, which other work on the machine moves far less.
    """
    loaded(hub.url, parts, connections=CONNECTIONS, seconds=2)
    alone = [_weighed(hub, found, [part], 1) for part in parts]
    documents = [_weighed(hub, found, parts[number :: len(MIX)], _seconds()) for number in range(len(MIX))]
    expected, by_document = _rate(alone), _rate(documents)
    mixed = [_weighed(hub, found, parts, _seconds()) for _ in range(3)]
    rate = statistics.median(load.rps for load, _ in mixed)
    cost, cost_alone = min(cost for _, cost in mixed), sum(cost for _, cost in alone) / len(alone)
    return {
        "workload": "mix",
        "contender": "hub",
        "connections": CONNECTIONS,
        "parts": len(parts),
        "rps": round(rate),
        "rps_of_parts_alone": round(expected),
        "ratio": round(rate / expected, 3),
        "rps_of_documents_alone": round(by_document),
        "ratio_of_documents": round(rate / by_document, 3),
        "cpu_ms": round(cost, 3),
        "cpu_ms_of_parts_alone": round(cost_alone, 3),
        "ratio_of_cpu": round(cost_alone / cost, 3),
        "p50_ms": statistics.median(load.p50_ms for load, _ in mixed),
        "p99_ms": statistics.median(load.p99_ms for load, _ in mixed),
        "failed": sum(load.failed for load, _ in mixed),
    }


def _rate(loads: Sequence[tuple[Load, float]]) -> float:
    """Requests a second of all together, if each has as many; what takes longer than its turn counts as one answer."""
    return len(loads) / sum(load.seconds / max(load.requests, 1) for load, _ in loads)


def _weighed(hub: Contender, found: Departments, asked: Sequence[Asked], seconds: float) -> tuple[Load, float]:
    """A load, and the milliseconds of processor time, server and PostgreSQL together, that a request of it took."""
    before = hub.cpu() + cpu_of_server(found)
    load = loaded(hub.url, asked, connections=CONNECTIONS, seconds=seconds)
    return load, (hub.cpu() + cpu_of_server(found) - before) * 1_000 / max(load.requests, 1)


def _cold(hub: Contender, settings: Settings) -> Mapping[str, Any]:
    """The point query under a new name each time: parsed, validated, entitled, compiled, asked."""
    token = authorization(settings, FULL)
    number = "120114201001010018"
    text = POINT.replace("$id: ID!", "$number: CitizenId!").replace("id: $id", "citizenId: $number")
    asked = [
        Asked(
            body={"query": text.replace("Point", f"Cold{turn}"), "variables": {"number": number}},
            authorization=token,
            purpose=FULL.purpose,
            denied="refuse",
        )
        for turn in range(COLD)
    ]
    load = loaded(hub.url, asked, connections=1, seconds=_seconds())
    return {
        "workload": "cold",
        "contender": "hub",
        "principal": FULL.name,
        "connections": 1,
        "rps": round(load.rps),
        "p50_ms": load.p50_ms,
        "p99_ms": load.p99_ms,
        "failed": load.failed,
    }


def _limits(hub: Contender, settings: Settings) -> Iterator[Mapping[str, Any]]:
    """Documents near the limits, each new to the hub, and by how much its loop lagged meanwhile."""
    token = authorization(settings, FULL)
    for name, documents in LIMITS.items():
        asked = [
            Asked(
                body={"query": document, "variables": {}},
                authorization=token,
                purpose=FULL.purpose,
                denied="null",
            )
            for document in documents
        ]
        _lag(hub)
        load = loaded(hub.url, asked, connections=4, seconds=_seconds())
        lag, used = _lag(hub)
        yield {
            "workload": "limits",
            "contender": "hub",
            "document": name,
            "connections": 4,
            "rps": round(load.rps),
            "p50_ms": load.p50_ms,
            "p99_ms": load.p99_ms,
            "loop_lag_ms": lag,
            "loop_lag_cpu_ms": used,
        }


def _many_fields(turn: int) -> str:
    """Close to the fields allowed: the same selection under many names."""
    fields = "name sex birthDate divisionCode schoolingStatus leftBehindType guardianshipType entrusted updatedAt"
    roots = " ".join(f"c{number}: children(first: 1) {{ edges {{ node {{ {fields} }} }} }}" for number in range(28))
    return f"query Fields{turn} {{ {roots} }}"


def _many_fragments(turn: int) -> str:
    """Fragments that spread fragments, as deep as allowed."""
    names = [f"F{number}" for number in range(50)]
    chain = " ".join(
        f"fragment {name} on Child {{ sex {f'...{names[place + 1]}' if place < 49 else 'name'} }}"
        for place, name in enumerate(names)
    )
    return f"query Fragments{turn} {{ children(first: 1) {{ edges {{ node {{ ...F0 }} }} }} }} {chain}"


LIMITS: Mapping[str, Sequence[str]] = {
    "many fields": [_many_fields(turn) for turn in range(1_500)],
    "many fragments": [_many_fragments(turn) for turn in range(1_500)],
}


def _lag(hub: Contender) -> tuple[float, float]:
    """The longest lag of the loop since this was asked last, and the processor time of the worst, in milliseconds."""
    port = int(hub.url.split(":")[2].split("/")[0]) + 1
    with socket.create_connection(("127.0.0.1", port), timeout=30) as probe:
        lag, _, used = probe.recv(64).decode().partition(" ")
        return float(lag), float(used)


def _compiled(settings: Settings, policy: Policy) -> Mapping[str, Any]:
    """Entitlements of every unit under every purpose, made anew from a policy read anew."""
    started = time.perf_counter()
    again = read_policy(settings)
    read = time.perf_counter() - started
    started = time.perf_counter()
    count = 0
    for unit in again.units:
        for purpose in again.purposes:
            Entitlements.of(again, unit, purpose)
            count += 1
    return {
        "workload": "policy",
        "contender": "hub",
        "principals": len(policy.units),
        "compiled": count,
        "seconds": round(time.perf_counter() - started, 3),
        "read_seconds": round(read, 3),
    }


def _planned(settings: Settings, policy: Policy) -> Mapping[str, Any]:
    """A cold document up to its plan, without HTTP and departments: parse, validate, entitle, compile."""
    schema = whole()
    documents = Documents(schema, settings.limits)
    times: list[float] = []
    for turn in range(300):
        started = time.perf_counter()
        read = documents.read(POINT.replace("Point", f"Planned{turn}"), None, {"id": "x"})
        held = Entitlements.of(policy, FULL.unit, FULL.purpose)
        compile_plan(
            schema=schema,
            operation=read.operation,
            fragments=read.fragments,
            variables=read.values,
            entitlements=held,
            refuse=True,
        )
        times.append((time.perf_counter() - started) * 1_000)
    ordered = sorted(times[20:])
    return {
        "workload": "cold",
        "contender": "hub, up to the plan",
        "principal": FULL.name,
        "p50_ms": round(statistics.median(ordered), 2),
        "p99_ms": round(ordered[int(len(ordered) * 0.99)], 2),
    }


def _entitled(variables: Mapping[str, str], settings: Settings) -> Mapping[str, Any]:
    """What part of a warm request's processor time goes into what its caller may do, by the hub's own metrics."""
    number = "120114201001010018"
    asked = Asked(
        body={"query": BY_NUMBER, "variables": {"number": number}},
        authorization=authorization(settings, FULL),
        purpose=FULL.purpose,
        denied="refuse",
    )
    with contenders.hub({**variables, "HUB_METRICS": "true"}) as hub:
        loaded(hub.url, [asked], connections=1, seconds=1)
        entitling, used = _seconds_of(hub, "entitle"), hub.cpu()
        load = loaded(hub.url, [asked], connections=1, seconds=_seconds())
        entitling, used = _seconds_of(hub, "entitle") - entitling, hub.cpu() - used
    return {
        "workload": "entitlement of a warm request",
        "contender": "hub",
        "principal": FULL.name,
        "us": round(entitling * 1e6 / load.requests, 2),
        "cpu_ms": round(used * 1_000 / load.requests, 3),
        "share": round(entitling / used, 5),
    }


def _seconds_of(hub: Contender, stage: str) -> float:
    """Seconds that a stage has taken so far."""
    page = httpx.get(hub.url.replace("/graphql", "/metrics"), timeout=30).text
    sums = re.findall(rf'^hub_stage_duration\w*_sum{{[^}}]*"{stage}"[^}}]*}} (\S+)', page, re.MULTILINE)
    return sum(map(float, sums))
