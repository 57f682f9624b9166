"""A small department that exercises every kind of column: its tables, its mapping, and its rows in both terms.

Everybody in it is invented.
"""

from __future__ import annotations

import datetime
import random
import tomllib
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import asyncpg

from connectors.demo.server import Server
from connectors.mapping import Mapping, parse

DDL = """
CREATE TABLE qh (dm text PRIMARY KEY, mc text NOT NULL);
CREATE TABLE xx (bm integer PRIMARY KEY, mc text NOT NULL, dz text);
CREATE TABLE qy (dz text PRIMARY KEY, mc varchar(20) NOT NULL);
CREATE TABLE zhu (
  bh varchar(20) PRIMARY KEY, zu text, sfz char(18), zt char(1) NOT NULL, xm text, dh text, csrq char(8), sr date,
  gx timestamptz, ts timestamp, xb char(1), gxdm varchar(2), du boolean, pk char(1), ly text, lb text[], bw text,
  bq text[], dz text, dz_qh text, qh char(12), dj smallint, js varchar(9), je numeric(12, 2), bl double precision,
  xxbm integer
);
CREATE INDEX ON zhu (qh);
CREATE INDEX ON zhu (sfz);
CREATE INDEX ON zhu (csrq);
CREATE TABLE fu (id bigint PRIMARY KEY, zbh text, lx char(1), rq date, je numeric(12, 2), sj timestamptz);
CREATE INDEX ON fu (zbh);
"""

TOML = """
source = "scratch"
[divisions]
table = "qh"
code = "dm"
name = "mc"
[codes.xb]
"1" = "MALE"
"2" = "FEMALE"
"0" = "UNKNOWN"
[codes.gx]
"51" = "FATHER"
"81" = "UNCLE"
"83" = "UNCLE"
"99" = "NON_RELATIVE"
[codes.ly]
"a" = "FARMING"
"b" = "WAGES"
"c" = "WAGES"
"d" = "OTHER"
[codes.lx]
"1" = "GRANT"
"2" = "LOAN"

[relations.Person]
table = "zhu"
[relations.Person.joins.xx]
table = "xx"
on = { bm = "xxbm" }
[relations.Person.joins.qy]
table = "qy"
on = { dz = "xx.dz" }
[relations.Person.keys]
_key = { column = "bh" }
_group = { column = "zu" }
_citizen = { column = "sfz", unique = { zt = "1" } }
_open = { column = "zt", kind = "bool", true = "1" }
[relations.Person.fields]
name = { column = "xm" }
citizenId = { column = "sfz" }
phone = { column = "dh" }
birthDate = { column = "csrq", kind = "date", stored = "yyyymmdd" }
bornOn = { column = "sr", kind = "date" }
updatedAt = { column = "gx", kind = "instant" }
heardAt = { column = "ts", kind = "instant", stored = "local" }
sex = { column = "xb", codes = "xb" }
kin = { column = "gxdm", codes = "gx" }
alone = { column = "du", kind = "bool" }
poor = { column = "pk", kind = "bool", true = "1" }
incomes = { column = "ly", codes = "ly", separator = "," }
kinds = { column = "lb", codes = "lx", stored = "array" }
parts = { column = "bw", separator = "|" }
tags = { column = "bq", stored = "array" }
address = { column = "dz", village = "dz_qh" }
division = { column = "qh" }
grade = { column = "dj", kind = "int" }
digits = { column = "js", kind = "int", stored = "digits" }
amount = { column = "je", kind = "decimal" }
rate = { column = "bl", kind = "float" }
schoolName = { column = "xx.mc" }
regionName = { column = "qy.mc" }

[relations.Part]
table = "fu"
[relations.Part.keys]
_key = { column = "id", kind = "int" }
_person = { column = "zbh" }
[relations.Part.fields]
kind = { column = "lx", codes = "lx" }
givenOn = { column = "rq", kind = "date" }
amount = { column = "je", kind = "decimal" }
givenAt = { column = "sj", kind = "instant" }
"""

DIVISIONS = {"120114101201": "甲村", "120114101202": "乙村", "120114102201": "丙村"}
SCHOOLS = {1: ("一小", "north"), 2: ("二小", "south"), 3: ("三小", None)}
REGIONS = {"north": "北片", "south": "南片"}
SEX = {"1": "MALE", "2": "FEMALE", "0": "UNKNOWN", "7": None}
KIN = {"51": "FATHER", "81": "UNCLE", "83": "UNCLE", "99": "NON_RELATIVE", "12": None}
INCOME = {"a": "FARMING", "b": "WAGES", "c": "WAGES", "d": "OTHER", "z": None}
KIND = {"1": "GRANT", "2": "LOAN", "5": None}
SHANGHAI = datetime.timezone(datetime.timedelta(hours=8))
PEOPLE = 60
PARTS = 90


@dataclass(frozen=True, slots=True)
class Rows:
    """The same rows as the department stores them (tuples by table) and as the hub names them (dicts by relation)."""

    stored: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    relations: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def mapping() -> Mapping:
    return parse(tomllib.loads(TOML), "scratch.toml")


def rows() -> Rows:
    dice = random.Random(20170117)
    people = [_person(dice, number) for number in range(PEOPLE)]
    parts = [_part(dice, number) for number in range(PARTS)]
    shown = [row for _, row in people]
    for stored, row in people:
        others = [other for other, _ in people if other[3] == "1" and other[2] == stored[2] and other[0] != stored[0]]
        row["_citizen"] = None if others else stored[2]
    return Rows(
        stored={"zhu": [stored for stored, _ in people], "fu": [stored for stored, _ in parts]},
        relations={"Person": shown, "Part": [row for _, row in parts]},
    )


def relations() -> dict[str, list[dict[str, Any]]]:
    return rows().relations


async def load(server: Server, database: str = "scratch") -> str:
    """Makes the database anew and returns its DSN."""
    owner = await asyncpg.connect(server.dsn("postgres"))
    await owner.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
    await owner.execute(f'CREATE DATABASE "{database}"')
    await owner.close()
    connection = await asyncpg.connect(server.dsn(database))
    await connection.execute(DDL)
    await connection.copy_records_to_table("qh", records=list(DIVISIONS.items()))
    await connection.copy_records_to_table("xx", records=[(number, *rest) for number, rest in SCHOOLS.items()])
    await connection.copy_records_to_table("qy", records=list(REGIONS.items()))
    for table, records in rows().stored.items():
        await connection.copy_records_to_table(table, records=records)
    await connection.execute("ANALYZE")
    await connection.close()
    return server.dsn(database)


def _maybe(dice: random.Random, value: Any) -> Any:
    return None if dice.random() < 0.15 else value


def _day(dice: random.Random) -> datetime.date:
    return datetime.date(2012, 1, 1) + datetime.timedelta(days=dice.randrange(2400))


def _moment(dice: random.Random) -> datetime.datetime:
    return datetime.datetime(2017, 1, 1, tzinfo=SHANGHAI) + datetime.timedelta(hours=dice.randrange(60))


def _person(dice: random.Random, number: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
    codes = [dice.choice(list(INCOME)) for _ in range(dice.randrange(4))]
    kinds = [dice.choice(list(KIND)) for _ in range(dice.randrange(3))]
    born, day, moment, heard = (_maybe(dice, made(dice)) for made in (_day, _day, _moment, _moment))
    village = dice.choice(list(DIVISIONS))
    school = _maybe(dice, dice.choice(list(SCHOOLS)))
    income, kind = _maybe(dice, codes), _maybe(dice, kinds)
    part = _maybe(dice, [dice.choice("甲乙丙") for _ in range(dice.randrange(1, 3))])
    sex, kin = _maybe(dice, dice.choice(list(SEX))), _maybe(dice, dice.choice(list(KIN)))
    poor = _maybe(dice, dice.choice("012"))
    plain = {
        "_key": f"D{number:04}",
        "_group": _maybe(dice, dice.choice("xyz")),
        "name": _maybe(dice, dice.choice(["张三", "欧阳小明", "欧阳", "司马光", "李", "%", "a_b"])),
        "phone": _maybe(dice, dice.choice(["13800001234", "82123456", "02282123456"])),
        "alone": _maybe(dice, dice.random() < 0.5),
        "tags": _maybe(dice, [dice.choice("pqr") for _ in range(dice.randrange(3))]),
        "address": _maybe(dice, dice.choice(["大街1号", "小巷2号"])),
        "division": _maybe(dice, dice.choice(list(DIVISIONS))),
        "grade": _maybe(dice, dice.randrange(1, 5)),
        "digits": _maybe(dice, dice.randrange(12)),
        "amount": _maybe(dice, f"{dice.randrange(2000) / 4:.2f}"),
        "rate": _maybe(dice, dice.randrange(8) / 4),
        "citizenId": _maybe(dice, f"12011420120101{dice.randrange(40):03}X"),
    }
    status = dice.choice("112")
    stored = (
        plain["_key"], plain["_group"], plain["citizenId"], status, plain["name"], plain["phone"],
        born and born.strftime("%Y%m%d"), day, moment, heard and heard.replace(tzinfo=None), sex, kin, plain["alone"],
        poor, None if income is None else ",".join(income), kind, None if part is None else "|".join(part),
        plain["tags"], plain["address"], village, plain["division"], plain["grade"],
        None if plain["digits"] is None else str(plain["digits"]),
        None if plain["amount"] is None else Decimal(plain["amount"]), plain["rate"], school,
    )  # fmt: skip
    region = SCHOOLS[school][1] if school else None
    return stored, plain | {
        "_open": status == "1",
        "birthDate": born and born.isoformat(),
        "bornOn": day and day.isoformat(),
        "updatedAt": moment and moment.isoformat(),
        "heardAt": heard and heard.isoformat(),
        "sex": SEX.get(sex or ""),
        "kin": KIN.get(kin or ""),
        "poor": None if poor is None else poor == "1",
        "incomes": None if income is None else [INCOME[code] for code in income if INCOME[code]],
        "kinds": None if kind is None else [KIND[code] for code in kind if KIND[code]],
        "parts": part,
        "address~village": DIVISIONS[village],
        "schoolName": SCHOOLS[school][0] if school else None,
        "regionName": REGIONS[region] if region else None,
    }


def _part(dice: random.Random, number: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
    person = f"D{dice.randrange(PEOPLE + 5):04}"
    kind, day, moment = dice.choice(list(KIND)), _maybe(dice, _day(dice)), _maybe(dice, _moment(dice))
    amount = _maybe(dice, f"{dice.randrange(400) / 4:.2f}")
    stored = (number, person, kind, day, None if amount is None else Decimal(amount), moment)
    return stored, {
        "_key": str(number),
        "_person": person,
        "kind": KIND[kind],
        "givenOn": day and day.isoformat(),
        "amount": amount,
        "givenAt": moment and moment.isoformat(),
    }
