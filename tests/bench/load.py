"""Requests, a URL, so many connections -> how many were answered how fast, by wrk in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).parent / "wrk.lua"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: its body as JSON, and the headers that the hub wants (empty for others)."""

    body: dict[str, Any]
    authorization: str = ""
    purpose: str = ""
    denied: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """As HTTP has them."""
        if not self.authorization:
            return {}
        return {
            "Authorization": self.authorization,
            "Hub-Purpose": self.purpose,
            "Hub-On-Denied": self.denied,
            "Hub-Case": "BENCH-0001",
        }

    @property
    def line(self) -> str:
        """As the script reads it."""
        return "\t".join((self.authorization, self.purpose, self.denied, json.dumps(self.body)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What came of it; times in milliseconds, ``failed`` counts answers that were none."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int

    @property
    def rps(self) -> float:
        """Requests answered a second; none in all the time counts as one."""
        return max(self.requests, 1) / self.seconds


def loaded(url: str, asked: Iterable[Asked], *, connections: int, seconds: float) -> Load:
    """Asks over and over, every connection one request at a time."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("bench: `wrk` is needed to make the load (on Debian: apt-get install wrk)")
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.writelines(f"{one.line}\n" for one in asked)
        file.flush()
        command = [wrk, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "15s"]
        done = subprocess.run(
            [*command, "-s", str(SCRIPT), url],
            env={**os.environ, "BENCH_REQUESTS": file.name},
            capture_output=True,
            text=True,
            check=False,
        )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise SystemExit(f"bench: wrk gave no result: {done.stderr or done.stdout}")
    return Load(**json.loads(lines[-1]))
