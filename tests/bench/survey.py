"""How long a form of ``BENCH_FORM`` rows (5,000) takes from file to annotated answer, a tenth of its rows broken."""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hub.survey.check import check
from hub.survey.reading import read
from hub.survey.workbook import annotated
from tests.survey.forms import TODAY, VILLAGE, as_csv, as_xlsx, good_row, grid


async def measure() -> Sequence[Mapping[str, Any]]:
    """A record for each kind of file."""
    count, draw = int(os.environ.get("BENCH_FORM", "5000")), random.Random(1)
    rows = [good_row(draw, number) for number in range(count)]
    for row in rows[::10]:
        row["sex"] = "?"
    found = []
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        as_xlsx(Path(folder) / "form.xlsx", grid(rows))
        as_csv(Path(folder) / "form.csv", grid(rows), "gb18030")
        for name in ("form.xlsx", "form.csv"):
            started = time.monotonic()
            sheet = read(Path(folder) / name)
            checked = check(sheet, village=VILLAGE, own=(), day=TODAY, progress=lambda *_: None)
            middle = time.monotonic()
            size = len(annotated(sheet, checked))
            found.append(
                {
                    "measurement": "survey form",
                    "file": name,
                    "rows": checked.rows,
                    "problems": len(checked.problems),
                    "check_seconds": round(middle - started, 2),
                    "annotate_seconds": round(time.monotonic() - middle, 2),
                    "answer_bytes": size,
                }
            )
    return found
