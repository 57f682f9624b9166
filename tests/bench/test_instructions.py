"""Reports of perf and callgrind -> instructions: what a report without a count is taken for."""

from __future__ import annotations

import pytest

from tests.bench.instructions import WORKLOADS, counted_by_callgrind, counted_by_perf

PERF = "# started on Thu Nov 26 08:12:29 2026\n\n2104331987,,instructions:u,812003441,100.00,,\n"
UNSUPPORTED = "<not supported>,,instructions:u,0,100.00,,\n"
CALLGRIND = """version: 1
part: 2
desc: Trigger: --dump-before=getloadavg
events: Ir
summary: 34429100
fn=(1) main
16 400
totals: 34429100
"""


def test_instructions_are_read_from_a_report_of_perf() -> None:
    assert counted_by_perf(PERF) == 2_104_331_987


def test_a_processor_that_does_not_tell_is_no_count_of_nothing() -> None:
    assert counted_by_perf(UNSUPPORTED) is None


def test_instructions_are_read_from_a_dump_of_callgrind() -> None:
    assert counted_by_callgrind(CALLGRIND) == 34_429_100
    with pytest.raises(SystemExit, match="no total"):
        counted_by_callgrind("version: 1\nevents: Ir\n")


def test_every_workload_is_held_against_the_hand_written_endpoint() -> None:
    floors = {name.split()[1] for name in WORKLOADS if name.startswith("handwritten")}
    assert {
        name.split(" ", 1)[1].rsplit(" ", 1)[0].removeprefix("32 ").removesuffix("s") for name in WORKLOADS
    } == floors
