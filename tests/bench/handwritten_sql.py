"""The statements of the hand-written endpoint: one a department, JSON built in SQL, codes named in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors.mapping import load
from connectors.sql_values import literal

CONNECTORS = Path(__file__).parent.parent.parent / "connectors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A list below a child that another department keeps: rows (citizen id, person, JSON of the edge)."""

    name: str
    source: str
    text: str


def _named(source: str, relation: str, field: str, alias: str) -> str:
    """The code of a column, named, as the department's code table has it."""
    column = load(CONNECTORS / f"{source}.toml").relation(relation).column(field)
    raw = f"{alias}.{column.place.column}"
    assert column.codes is not None
    whens = " ".join(f"when {literal(code)} then {literal(value)}" for code, value in column.codes.pairs)
    if column.separator is None:
        return f"case {raw} {whens} end"
    items = f"unnest(string_to_array({raw}, {literal(column.separator)})) with ordinality as listed (item, place)"
    return f"(select json_agg(case item {whens} end order by place) from {items})"


def _object(*pairs: tuple[str, str]) -> str:
    return "json_build_object(" + ", ".join(f"'{name}', {text}" for name, text in pairs) + ")"


def _child(field: str) -> str:
    return _named("civil_affairs", "Child", field, "c")


_SHORT = (
    ("name", "c.xm"),
    ("sex", _child("sex")),
    ("birthDate", "to_char(c.csrq, 'YYYY-MM-DD')"),
    ("divisionCode", "c.xzqhdm"),
    ("schoolingStatus", _child("schoolingStatus")),
    ("leftBehindType", _child("leftBehindType")),
    ("guardianshipType", _child("guardianshipType")),
    ("economicHardship", "c.jjkn = '1'"),
)
_LONG = (
    *_SHORT,
    ("citizenId", "c.sfzh"),
    ("householdRegistered", "c.sfdjhk = '1'"),
    ("bodyCondition", _child("bodyCondition")),
    ("updatedAt", """to_char(c.gxsj, 'YYYY-MM-DD"T"HH24:MI:SS"+08:00"')"""),
    ("entrusted", "c.sfwt = '1'"),
    ("incomeSources", _child("incomeSources")),
    ("residenceAddress", "c.xjzd"),
)


def _below(table: str, key: str, fields: Sequence[tuple[str, str]], limit: int) -> str:
    """A list below a child in its own department."""
    rows = f"select b.* from {table} b where b.dabh = c.dabh order by b.{key} limit {limit}"
    edge = f"json_build_object('node', {_object(*fields)})"
    return f"json_build_object('edges', (select coalesce(json_agg({edge}), '[]'::json) from ({rows}) b))"


_FAMILY = (
    ("relation", _named("civil_affairs", "FamilyMember", "relation", "b")),
    ("name", "b.xm"),
    ("phone", "b.lxdh"),
    ("workPlace", "b.wgdd"),
)
_GUARDIANS = (
    ("kind", _named("civil_affairs", "Guardian", "kind", "b")),
    ("name", "b.xm"),
    ("phone", "b.lxdh"),
)
_GUARDIANS_LONG = (
    *_GUARDIANS,
    ("relation", _named("civil_affairs", "Guardian", "relation", "b")),
    ("capacity", _named("civil_affairs", "Guardian", "capacity", "b")),
)
_OTHER = "select 1 from etda d where d.sh_sfzh = c.sh_sfzh and d.dazt = '1' and d.dabh <> c.dabh"
_NUMBER = f"case when c.sfsh = '1' and not exists ({_OTHER}) then c.sh_sfzh end"
"""A number that two open files carry joins neither."""
CIVIL_POINT = (
    f"select c.dabh, {_NUMBER}, "
    + _object(
        *_LONG,
        ("familyMembers", _below("etjtcy", "cybh", _FAMILY, 10)),
        ("guardians", _below("etjhr", "jhrbh", _GUARDIANS_LONG, 10)),
    )
    + " from etda c where c.dabh = any ($1::text[]) and c.dazt = '1'"
)
CIVIL_LIST = (
    f"select c.dabh, {_NUMBER}, "
    + _object(*_SHORT, ("guardians", _below("etjhr", "jhrbh", _GUARDIANS, 5)))
    + " from (select * from etda where xzqhdm >= $1 and xzqhdm <= $2 and csrq > $3 and dazt = '1'"
    " order by dabh limit 100) c"
)
AGGREGATE = (
    f"select left(c.xzqhdm, 9), {_child('guardianshipType')} as kind, count(*) from etda c where c.dazt = '1'"
    " group by 1, 2 order by 1, 2"
)
LINKS = "select source, person, register_no from link where register_no = any ($1::text[]) and status = 'CONFIRMED'"


def _part(name: str, source: str, columns: tuple[str, str], tables: str, key: str, *fields: tuple[str, str]) -> Part:
    number, person = columns
    edge = f"json_build_object('node', {_object(*fields)})"
    where = f"t.{number} = any ($1::text[]) or t.{person} = any ($2::text[])"
    text = f"select t.{number}, t.{person}, {edge} from {tables} where {where} order by t.{key}"
    return Part(name=name, source=source, text=text)


_IDS = {
    "education": ("sfzjh", "grbsm"),
    "public_security": ("gmsfhm", "rybh"),
    "courts": ("etsfzh", "etbh"),
    "procuratorate": ("etsfzh", "etbh"),
}
_SCHOOL = "jy_xsxj t left join jy_xx x on x.xxbsm = t.xxbsm"
_ENROLMENT = (
    ("schoolName", "x.xxmc"),
    ("stage", _named("education", "Enrolment", "stage", "t")),
    ("status", _named("education", "Enrolment", "status", "t")),
)
_STATUS = ("status", _named("public_security", "HouseholdRegistration", "status", "t"))
_CASE = (
    ("status", _named("courts", "GuardianshipCase", "status", "t")),
    ("decidedOn", "to_char(t.cprq, 'YYYY-MM-DD')"),
)
LIST_PARTS = (
    _part("enrolments", "education", _IDS["education"], _SCHOOL, "xjid", *_ENROLMENT),
    _part("householdRegistrations", "public_security", _IDS["public_security"], "hj_czrk t", "hjbh", _STATUS),
    _part("guardianshipCases", "courts", _IDS["courts"], "jh_aj t", "ajid", *_CASE),
)
POINT_PARTS = (
    _part(
        "enrolments",
        "education",
        _IDS["education"],
        _SCHOOL,
        "xjid",
        *_ENROLMENT,
        ("boardingMode", _named("education", "Enrolment", "boardingMode", "t")),
        ("leftBehindFlag", _named("education", "Enrolment", "leftBehindFlag", "t")),
    ),
    _part(
        "householdRegistrations",
        "public_security",
        _IDS["public_security"],
        "hj_czrk t",
        "hjbh",
        _STATUS,
        ("name", "t.xm"),
        ("householdKind", _named("public_security", "HouseholdRegistration", "householdKind", "t")),
        ("relationToHead", _named("public_security", "HouseholdRegistration", "relationToHead", "t")),
    ),
    _part(
        "guardianshipCases",
        "courts",
        _IDS["courts"],
        "jh_aj t",
        "ajid",
        ("caseNumber", "t.ah"),
        ("cause", _named("courts", "GuardianshipCase", "cause", "t")),
        *_CASE,
    ),
    _part(
        "supervisions",
        "procuratorate",
        _IDS["procuratorate"],
        "jd_ws t",
        "wsbh",
        ("kind", _named("procuratorate", "ProcuratorialSupervision", "kind", "t")),
        ("targetUnit", "t.bjddw"),
        ("issuedOn", "to_char(t.fcrq, 'YYYY-MM-DD')"),
        ("result", _named("procuratorate", "ProcuratorialSupervision", "result", "t")),
    ),
)
