"""Rows of the sources -> tables in memory that can be asked in SQL: the only importer of duckdb.

Guarantee: nothing is written to disk and no other process can read it: the departments' rows are gone with the
comparison. What duckdb says of a statement that fails is our bug, and holds no row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import duckdb
import pyarrow

from connectors.source import Row
from hub import citizen_id

SQL: Final = Path(__file__).parent
MEMORY: Final = "6GB"
THREADS: Final = 2

Prepare = Callable[[Row], Sequence[Any]]


class Workbench:
    """An empty database in memory; use it as a context manager."""

    def __init__(self, *, memory: str = MEMORY, threads: int = THREADS) -> None:
        self.connection: Any = duckdb.connect(":memory:", config={"memory_limit": memory, "threads": threads})
        # Rows that do not fit must end the comparison, not spill to a file that outlives it.
        self.connection.execute("set temp_directory = ''")
        self.connection.execute("set preserve_insertion_order = false")
        self.script("tables.sql")

    def __enter__(self) -> Workbench:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.connection.close()

    def add(self, table: str, rows: Sequence[Row]) -> None:
        """Adds rows as a stream brings them; what the tables hold besides is derived here."""
        self.insert(table, [PREPARED[table](row) for row in rows])

    def insert(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Adds rows that have the table's columns."""
        if not rows:
            return
        columns = list(zip(*rows, strict=True))
        names = [f"c{place}" for place in range(len(columns))]
        page = pyarrow.table([_array(column) for column in columns], names=names)
        self.connection.register("page", page)
        self.connection.execute(f"insert into {table} select * from page")
        self.connection.unregister("page")

    def script(self, file: str) -> None:
        """Runs one of this folder's scripts."""
        self.connection.execute((SQL / file).read_text(encoding="utf-8"))

    def rows(self, statement: str, parameters: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of a statement."""
        found: list[tuple[Any, ...]] = self.connection.execute(statement, list(parameters)).fetchall()
        return found


def _array(column: Sequence[Any]) -> Any:
    first = next((value for value in column if value is not None), "")
    if isinstance(first, list):
        return pyarrow.array(column, pyarrow.list_(pyarrow.string()))
    return pyarrow.array(column, pyarrow.bool_() if isinstance(first, bool) else pyarrow.string())


def _file(row: Row) -> Sequence[Any]:
    key, number, accepted, joins, is_accepted, accepted_in, division, name, sex, birth, *rest = row
    return (
        *(key, number, accepted, joins, is_accepted, accepted_in or division, name, sex, birth, *rest),
        *_derived(number, birth, sex, name),
        citizen_id.normal(accepted, birth),
    )


def _derived(number: str | None, birth: str | None, sex: str | None, name: str | None) -> tuple[str | None, ...]:
    return citizen_id.normal(number, birth), citizen_id.fault(number, birth, sex), citizen_id.plain_name(name)


def _enrolment(row: Row) -> Sequence[Any]:
    _, _, number, name, sex, birth, _, _, _, father, mother = row
    parents = (citizen_id.plain_name(father), citizen_id.plain_name(mother))
    return (*row[:-2], *parents, *_derived(number, birth, sex, name))


def _household(row: Row) -> Sequence[Any]:
    _, _, number, name, sex, birth, *_ = row
    return (*row, *_derived(number, birth, sex, name))


PREPARED: Final[dict[str, Prepare]] = {
    "file": _file,
    "enrolment": _enrolment,
    "dropout": lambda row: row,
    "household": _household,
}
