"""Answers of two contenders to the same question -> nothing, or the end of the bench: nothing unequal is timed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from tests.bench.contenders import Contender
from tests.bench.documents import FULL
from tests.bench.postgraphile_documents import decoded
from tests.bench.workloads import Asking

CHECKED = 25
"""Requests of each workload that are compared."""
LINKED_SHARE = 0.08
"""Children with a confirmed link, or a number that two files carry: PostGraphile joins by the number alone."""
CLOSED_SHARE = 0.03
"""Open files of children who are 16 and have nothing open: the hub leaves them out, the others know no such rule."""


def check(asking: Asking, hub: Contender, others: list[Contender], workload: str) -> None:
    """Compares as JSON; raises ``SystemExit`` at the first difference."""
    with httpx.Client(timeout=60) as client:
        wanted = asking.hub(workload, FULL)
        for other in others:
            if other.ours:
                continue
            given = asking.other(other.name, workload)
            for ours, theirs in zip(wanted[:CHECKED], given[:CHECKED], strict=False):
                expected = {"data": asking.answer(client, ours)["data"]}
                path = f"/{workload}" if other.name == "handwritten" else ""
                found = client.post(f"{other.url}{path}", json=theirs.body).json()
                if other.name == "postgraphile" and found.get("data"):
                    found = decoded(found)
                difference = _judged(expected, found, workload, other.name)
                if difference:
                    raise SystemExit(f"bench: {other.name} answers `{workload}` otherwise than the hub: {difference}")


def _judged(expected: Any, found: Any, workload: str, contender: str) -> str:
    if workload == "aggregate":
        return _counted(expected, found)
    if workload == "list" and contender == "postgraphile" and found.get("data"):
        pairs = zip(*(answer["data"]["children"]["edges"] for answer in (expected, found)), strict=True)
        differences = [difference for one, other in pairs if (difference := _difference(one, other, ""))]
        return differences[0] if len(differences) > LINKED_SHARE * 100 else ""
    return _difference(expected, found, "")


def _difference(one: Any, other: Any, path: str) -> str:
    """Where two JSON values differ; members may stand in any order."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        if one.keys() != other.keys():
            return f"{path}: members {sorted(one.keys() ^ other.keys())}"
        return next(filter(None, (_difference(one[key], other[key], f"{path}.{key}") for key in one)), "")
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return next(filter(None, (_difference(a, b, f"{path}[{number}]") for number, (a, b) in pairs)), "")
    return "" if one == other else f"{path}: {one!r:.80} and {other!r:.80}"


def _counted(one: Any, other: Any) -> str:
    """The same groups, and counts that differ by closed files alone."""
    ours, theirs = (
        {str(cell["keys"]): cell["value"] for cell in found["data"]["aggregate"]["cells"]} for found in (one, other)
    )
    if ours.keys() != theirs.keys():
        return f"groups {sorted(ours.keys() ^ theirs.keys())[:3]}"
    total, wider = sum(ours.values()), sum(theirs.values())
    return "" if total <= wider <= total * (1 + CLOSED_SHARE) else f"total {total} and {wider}"
