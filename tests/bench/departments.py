"""Folder, number of children -> five departments and the hub's database on a server of our own, for every contender.

The settings are stated here and in each result; fsync is on. A folder that was filled before is used as it is, so that
one load serves many runs (``BENCH_DATA``). The database ``together`` holds the same tables side by side, for contenders
that know one database alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from connectors.demo.generate import BOUNDARY, DDL, load
from connectors.demo.server import DATABASES, Server
from hub.audit.session import LAYOUT, install
from tests.bench.postgraphile_documents import FUNCTION
from tests.support.running import READ_PASSWORD, ROOT, SEED_OF_BENCH

SETTINGS = {
    "shared_buffers": "1GB",
    "effective_cache_size": "8GB",
    "random_page_cost": "1.1",
    "work_mem": "16MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "max_connections": "250",
    "jit": "off",
}
"""Beside fsync, synchronous_commit and full_page_writes, which are on."""
TOGETHER = "together"
KEYS = {
    "civil_affairs.etjtcy": ("dabh", "civil_affairs.etda", "dabh"),
    "civil_affairs.etjhr": ("dabh", "civil_affairs.etda", "dabh"),
}
"""Table of ``together`` -> (column, table, column): real foreign keys, by which PostGraphile finds relations."""
TAGS = {
    "civil_affairs.etda": "@unique sh_sfzh",
    "education.jy_xsxj": "@foreignKey (sfzjh) references civil_affairs.etda (sh_sfzh)\n"
    "@foreignKey (xxbsm) references education.jy_xx (xxbsm)",
    "public_security.hj_czrk": "@foreignKey (gmsfhm) references civil_affairs.etda (sh_sfzh)",
    "courts.jh_aj": "@foreignKey (etsfzh) references civil_affairs.etda (sh_sfzh)",
    "procuratorate.jd_ws": "@foreignKey (etsfzh) references civil_affairs.etda (sh_sfzh)",
}
"""Table of ``together`` -> smart tags that tell PostGraphile of the joins by citizen id, which no constraint holds."""
TABLES: Mapping[str, Sequence[str]] = {
    "civil_affairs": ("xzqh", "etda", "etjtcy", "etjhr"),
    "education": ("jy_xx", "jy_xsxj"),
    "public_security": ("hj_czrk",),
    "courts": ("jh_aj",),
    "procuratorate": ("jd_ws",),
}
"""What the workloads touch: that much is kept side by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Departments:
    """The running server, and who is in it."""

    folder: Path
    server: Server
    children: int

    def dsn(self, source: str) -> str:
        """As the read role."""
        return self.server.dsn(source, user="hub_read", password=READ_PASSWORD)

    def sample(self, count: int) -> list[Mapping[str, Any]]:
        """Children whose file is open, accepted and found by its true number: lines of the generator's truth."""
        found: list[Mapping[str, Any]] = []
        step = max(1, self.children // (count * 2))
        with (self.folder / "truth.jsonl").open(encoding="utf-8") as lines:
            next(lines)
            for number, line in enumerate(lines):
                child = json.loads(line) if number % step == 0 else {"planted": True}
                if not any(child[name] for name in ("planted", "closed", "draft", "edited", "link") if name in child):
                    found.append(child)
        return [child for child in found if child["register"] and child["citizen_id"]][:count]


@contextmanager
def departments(children: int) -> Iterator[Departments]:
    """The server with so many children, filled if it was not, running until the end of the block."""
    with _folder(children) as folder:
        loaded = folder / f"loaded-{LAYOUT}.json"
        if not loaded.exists():  # never filled, or with tables of the log as they were before
            shutil.rmtree(folder / "postgres", ignore_errors=True)
        server = Server(folder=folder / "postgres", databases=(*DATABASES, TOGETHER), settings=SETTINGS)
        with server:
            if not loaded.exists():
                asyncio.run(_fill(server, folder, children))
                loaded.write_text(json.dumps({"children": children, "seed": SEED_OF_BENCH}), "utf-8")
            yield Departments(folder=folder, server=server, children=children)


@contextmanager
def _folder(children: int) -> Iterator[Path]:
    kept = os.environ.get("BENCH_DATA")
    if kept:
        folder = Path(kept) / str(children)
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def _fill(server: Server, folder: Path, children: int) -> None:
    await install(server.dsn("hub"))
    await load(
        {name: server.dsn(name) for name in DATABASES},
        children=children,
        seed=SEED_OF_BENCH,
        today=datetime.now(ZoneInfo("Asia/Shanghai")).date(),
        divisions=ROOT / "policies" / "divisions.csv",
        institutions=ROOT / "policies" / "institutions.csv",
        truth=folder / "truth.jsonl",
        read_password=READ_PASSWORD,
        progress=lambda _what, _done, _whole: None,
    )
    target = await asyncpg.connect(server.dsn(TOGETHER))
    for source, tables in TABLES.items():
        await _side_by_side(server, target, source, tables)
    for table, (column, other, key) in KEYS.items():
        await target.execute(f"alter table {table} add foreign key ({column}) references {other} ({key})")
    for table, tags in TAGS.items():
        await target.execute(f"comment on table {table} is '{tags}'")
    await target.execute(FUNCTION)
    await target.close()
    await _vacuum(server)


async def _side_by_side(server: Server, target: Any, source: str, tables: Sequence[str]) -> None:
    """The source's tables in a schema of its name, with its own keys and indexes, every row copied."""
    create, _, index = (DDL / f"{source}.sql").read_text("utf-8").partition(BOUNDARY)
    await target.execute(f"create schema {source}; set search_path = {source}; {create}")
    origin = await asyncpg.connect(server.dsn(source))
    for table in tables:
        with tempfile.NamedTemporaryFile() as file:
            await origin.copy_from_table(table, output=file.name, format="binary")
            await target.copy_to_table(table, source=file.name, format="binary", schema_name=source)
    await origin.close()
    await target.execute(f"{index}; grant usage on schema {source} to hub_read")
    await target.execute(f"grant select on all tables in schema {source} to hub_read; reset search_path")


async def _vacuum(server: Server) -> None:
    """Visibility maps and statistics as in a database that has been there for a day."""
    for name in (*DATABASES, TOGETHER):
        connection = await asyncpg.connect(server.dsn(name))
        await connection.execute("vacuum analyze")
        await connection.close()
