from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from connectors.check import check
from connectors.demo.server import Server
from connectors.mapping import Mapping, load, parse
from connectors.postgres import PostgresSource
from connectors.source import SourceError
from tests.connectors import scratch

pytestmark = pytest.mark.postgres


def changed(*path: str, **settings: Any) -> Mapping:
    """The scratch mapping with one table of it changed."""
    data = tomllib.loads(scratch.TOML)
    table: Any = data
    for name in path:
        table = table.setdefault(name, {})
    table.update(settings)
    return parse(data, "scratch.toml")


async def problems(dsn: str, mapping: Mapping) -> list[str]:
    source = PostgresSource(name="scratch", mapping=mapping, dsn=dsn)
    try:
        return [str(problem) for problem in await check(source) if problem.fatal]
    finally:
        await source.close()


async def test_a_mapping_that_fits_has_no_fatal_problem_and_unreadable_values_are_counted(
    postgres: PostgresSource,
) -> None:
    found = {problem.place: problem.count for problem in await check(postgres)}
    people = scratch.rows().stored["zhu"]
    assert found == {
        "Person.sex": sum(row[10] == "7" for row in people),
        "Person.kin": sum(row[11] == "12" for row in people),
        "Person.incomes": sum("z" in (row[14] or "") for row in people),
        "Person.kinds": sum("5" in (row[15] or []) for row in people),
        "Part.kind": sum(row[2] == "5" for row in scratch.rows().stored["fu"]),
    }
    assert all(found.values())


@pytest.mark.parametrize(
    ("path", "settings", "problem"),
    [
        (("relations", "Part"), {"table": "fuu"}, "Part._key: the database has no table `fuu`"),
        (("relations", "Part", "fields", "givenOn"), {"column": "rqq"}, "Part.givenOn: table `fu` has no column `rqq`"),
        (
            ("relations", "Part", "fields", "givenOn"),
            {"stored": "yyyymmdd"},
            "Part.givenOn: column `fu.rq` has type `date`: `bpchar`, `text`, `varchar` would fit its mapping",
        ),
        (
            ("relations", "Person", "fields", "division"),
            {"column": "bq"},
            "Person.division: column `zhu.bq` has type `_text`: `bpchar`, `text`, `varchar` would fit its mapping",
        ),
        (
            ("relations", "Person", "joins", "xx"),
            {"on": {"bmm": "xxbm"}},
            "Person.joins.xx: table `xx` has no column `bmm`",
        ),
        (("divisions",), {"name": "mcc"}, "divisions: table `qh` has no column `mcc`"),
        (
            ("relations", "Person", "keys", "_citizen"),
            {"unique": {"ztt": "1"}},
            "Person._citizen: table `zhu` has no column `ztt`",
        ),
        (
            ("relations", "Person", "fields", "address"),
            {"village": "nowhere"},
            "Person.address: table `zhu` has no column `nowhere`",
        ),
    ],
)
async def test_what_does_not_exist_or_fit_is_named_with_its_place(
    scratch_dsn: str, path: tuple[str, ...], settings: dict[str, Any], problem: str
) -> None:
    assert f"scratch: {problem}" in await problems(scratch_dsn, changed(*path, **settings))


async def test_a_column_that_the_role_may_not_read_is_a_problem(postgres_server: Server, scratch_dsn: str) -> None:
    owner = await asyncpg.connect(scratch_dsn)
    await owner.execute("CREATE ROLE narrow LOGIN PASSWORD 'invented'; GRANT SELECT ON xx, qy, qh, fu TO narrow")
    await owner.execute("GRANT SELECT (bh, zu) ON zhu TO narrow")
    try:
        dsn = postgres_server.dsn("scratch", user="narrow", password="invented")
        found = await problems(dsn, scratch.mapping())
    finally:
        await owner.execute("DROP OWNED BY narrow; DROP ROLE narrow")
        await owner.close()
    assert "scratch: Person.name: column `zhu.xm` may not be read by the hub's role" in found
    assert not any("_group" in problem or "Part" in problem for problem in found)


async def test_a_database_that_does_not_answer_is_an_error_and_no_problem(tmp_path: Path) -> None:
    source = PostgresSource(name="scratch", mapping=scratch.mapping(), dsn=f"postgresql://x@/x?host={tmp_path}")
    with pytest.raises(SourceError, match="unreachable"):
        await check(source)
    await source.close()


@pytest.mark.parametrize("name", ["civil_affairs", "education", "public_security", "courts", "procuratorate"])
async def test_each_department_of_the_demonstration_fits_its_mapping(postgres_server: Server, name: str) -> None:
    folder = Path(scratch.__file__).parents[2] / "connectors"
    database = f"empty_{name}"
    owner = await asyncpg.connect(postgres_server.dsn("postgres"))
    await owner.execute(f"CREATE DATABASE {database}")
    await owner.close()
    owner = await asyncpg.connect(postgres_server.dsn(database))
    await owner.execute((folder / "demo" / "ddl" / f"{name}.sql").read_text(encoding="utf-8"))
    await owner.close()
    assert await problems(postgres_server.dsn(database), load(folder / f"{name}.toml")) == []
