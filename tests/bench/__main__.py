"""``make bench``: every measurement, or those named (``python -m tests.bench log``); writes ``results/<time>.json``."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench import (
    counts,
    events,
    folder,
    following,
    freeze,
    instructions,
    linkage,
    log,
    search,
    sizes,
    speed,
    survey,
    variety,
)

MEASUREMENTS: Mapping[str, Callable[[], Awaitable[Sequence[Mapping[str, Any]]]]] = {
    "speed": speed.measure,
    "counts": counts.measure,
    "variety": variety.measure,
    "linkage": linkage.measure,
    "folder": folder.measure,
    "freeze": freeze.measure,
    "log": log.measure,
    "search": search.measure,
    "sizes": sizes.measure,
    "survey": survey.measure,
    "events": events.measure,
    "following": following.measure,
    "instructions": instructions.measure,
}


async def main(names: Sequence[str]) -> None:
    """Measures, prints, writes."""
    unknown = set(names) - set(MEASUREMENTS)
    if unknown:
        raise SystemExit(f"bench: no measurement `{min(unknown)}`, there are {', '.join(MEASUREMENTS)}")
    records: list[Mapping[str, Any]] = []
    for name in names or MEASUREMENTS:
        for record in await MEASUREMENTS[name]():
            print(json.dumps(record), flush=True)
            records.append(record)
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / f"{time.strftime('%Y%m%dT%H%M%S')}.json").write_text(json.dumps(records, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
