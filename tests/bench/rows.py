"""A database with the log's tables -> the same with ``rows`` rows by which the console finds entries, in a real shape.

Twenty-four units of very unequal weight, 60 towns, 150 operators a unit; office hours with some nights; 400 shapes of
what a query releases, from the everyday to the very rare; 100,000 children, lists among the reads; refusals, failures,
looks and a few reviews. Nothing is measured here. The rows are those that hub/audit/indexer.py would write for two
years of entries, put straight into its tables: writing the entries themselves would take an hour.
"""

from __future__ import annotations

import csv
import random
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from hub.audit.session import DDL
from schema.catalogue import CATALOGUE
from tests.support.running import ROOT

DAYS = 730
CHILDREN = 100_000
SHAPES = 400

_BARE = """
alter table log.found drop constraint found_pkey;
alter table log.named drop constraint named_pkey;
alter table log.alias drop constraint alias_pkey;
do $$ declare name text; begin
    for name in select indexname from pg_indexes where schemaname = 'log' and tablename in ('found', 'named', 'alias')
    loop execute format('drop index log.%I', name); end loop;
end $$;
"""
_FOUND = """
insert into log.found (index, at, kind, decision, unit, operator, purpose, case_ref, request, rows, subjects,
    sensitivity, coordinates, released, masked, refused)
select i, date_trunc('day', $2::timestamptz) + i * $3::int / $1::bigint * interval '1 day'
        + interval '1 hour' * (case when f < 0.01 then f * 600 else 8 + power((f - 0.01) / 0.99, 1.2) * 14 end),
    k.kind, case k.kind when 'refusal' then 'DENIED' when 'failure' then 'FAILED'
        else (array['ALLOWED','ALLOWED','ALLOWED','MASKED','FILTERED'])[1 + floor(d * 5)::int] end,
    u.unit, 'T' || lpad(floor(power(o, 2) * 150)::text, 4, '0'),
    u.purposes[1 + floor(p * cardinality(u.purposes))::int],
    case when c < 0.2 then 'k-' || left(md5((c * 40000)::int::text), 22) else '' end,
    md5(i::text), n, n, s.sensitivity, case when k.kind in ('look', 'review') then '{}' else s.coordinates end,
    case when k.kind = 'disclosure' then s.coordinates else '{}' end, '{}',
    case when k.kind = 'refusal' then s.coordinates else '{}' end
from (
    select i, (i * $3::int % $1::bigint)::float8 / $1::bigint as f, random() as d, random() as o, random() as p,
        random() as c, 1 + floor(power(random(), 30) * 60)::int as n, random() as q,
        floor(power(random(), 3) * $4::int)::int as shape, floor(power(random(), 2.5) * $5::int)::int as unit
    from generate_series(0, $1::bigint - 1) i
) r
join bench.shape s on s.id = r.shape
join bench.unit u on u.id = r.unit
cross join lateral (select case when q < 0.9 then 'disclosure' when q < 0.95 then 'refusal' when q < 0.955 then
    'failure' when q < 0.985 then 'look' when q < 0.9852 then 'review' else 'outcome' end as kind) k
order by i
"""
_SUBJECTS = """
insert into log.named
select f.index, f.kind, f.subjects, 0, array(
    select log.name_key('f-' || left(md5(floor(power(random(), 1.5) * $1::int)::text), 22))
    from generate_series(1, f.subjects)
)
from log.found f
where f.kind not in ('look', 'refusal', 'failure')
order by 1
"""
_REST = """
insert into log.alias select 'f-' || left(md5(i::text), 22), 'i-' || left(md5('i' || i), 22), i
    from generate_series(1, 100000) i;
insert into log.tally
    select (at at time zone 'Asia/Shanghai')::date, unit, purpose, kind, decision, sensitivity, count(*)
    from log.found group by 1, 2, 3, 4, 5, 6 order by 1;
update log.indexed set position = (select max(index) + 1 from log.found);
alter table log.found add primary key (index);
alter table log.named add primary key (index);
alter table log.alias add primary key (register, citizen);
drop schema bench cascade;
"""


async def fill_index(dsn: str, rows: int, newest: datetime) -> None:
    """Fills the tables of an empty log; ``newest`` is the time of about the last entry."""
    owner = await asyncpg.connect(dsn, timeout=5)
    try:
        await owner.execute("set maintenance_work_mem = '1GB'; set work_mem = '256MB'; set jit = off")
        await owner.execute(_BARE)
        await _vocabulary(owner)
        units = await owner.fetchval("select count(*) from bench.unit")
        await owner.execute("select setseed(0.25)")
        await owner.execute(_FOUND, rows, newest - timedelta(days=DAYS), DAYS, SHAPES, units)
        await owner.execute(_SUBJECTS, CHILDREN)
        await owner.execute(_REST)
        await owner.execute(DDL[1].read_text(encoding="utf-8"))
        await owner.execute("vacuum (analyze) log.found")
        await owner.execute("vacuum (analyze) log.named")
    finally:
        await owner.close()


async def _vocabulary(owner: Any) -> None:
    await owner.execute(
        "create schema bench;"
        "create table bench.unit (id int, unit text, purposes text[]);"
        "create table bench.shape (id int, coordinates text[], sensitivity text)"
    )
    chance = random.Random(1)
    units, purposes = (_codes(name) for name in ("units.csv", "purposes.csv"))
    keys = [
        f"{code}:{120114100 + n}" if code == "town_government" else code
        for code in units
        for n in range(60 if code == "town_government" else 1)
    ]
    chance.shuffle(keys)
    records = [(number, key, chance.sample(purposes, 3)) for number, key in enumerate(keys)]
    shapes = [_shape(number, chance) for number in range(SHAPES)]
    await owner.copy_records_to_table("unit", schema_name="bench", records=records)
    await owner.copy_records_to_table("shape", schema_name="bench", records=shapes)


def _codes(file: str) -> list[str]:
    with (ROOT / "policies" / file).open(encoding="utf-8") as lines:
        return [row["code"] for row in csv.DictReader(lines) if row["code"] not in {"audit", "auditor"}]


def _shape(number: int, chance: random.Random) -> tuple[Any, ...]:
    """What a query releases: much of ``Child`` and some of another type, the later the rarer."""
    types = sorted({name.partition(".")[0] for name in CATALOGUE} - {"Child"})
    other = types[number * len(types) // SHAPES]
    pool = [name for name in CATALOGUE if name.startswith("Child.")]
    beside = [name for name in CATALOGUE if name.startswith(f"{other}.")]
    chosen = chance.sample(pool, chance.randint(1, min(9, len(pool)))) + chance.sample(
        beside, chance.randint(1, min(5, len(beside)))
    )
    return number, sorted(chosen), max(CATALOGUE[name].sensitivity for name in chosen)
