"""The workloads as PostGraphile names things, and its answers turned into the hub's: codes named, dates written out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.mapping import Mapped, load
from tests.bench.handwritten_sql import CONNECTORS

_CHILD = """
  name: xm sex: xb birthDate: csrq divisionCode: xzqhdm schoolingStatus: jxqk leftBehindType: wcqk
  guardianshipType: jhlx economicHardship: jjkn
"""
_REST = """
  citizenId: sfzh householdRegistered: sfdjhk bodyCondition: stqk updatedAt: gxsj entrusted: sfwt incomeSources: jjly
  residenceAddress: xjzd
"""
_SCHOOL = "school: educationJyXxByXxbsm { schoolName: xxmc } stage: xdm status: xjztm"
POINT = f"""query Point($id: String!) {{ child: etdaByDabh(dabh: $id) {{ {_CHILD} {_REST}
  familyMembers: etjtciesByDabh(first: 10) {{
    edges {{ node {{ relation: gx name: xm phone: lxdh workPlace: wgdd }} }} }}
  guardians: etjhrsByDabh(first: 10) {{
    edges {{ node {{ kind: jhrlb name: xm phone: lxdh relation: gx capacity: jhnl }} }} }}
  enrolments: educationJyXsxjsBySfzjh(first: 5) {{
    edges {{ node {{ {_SCHOOL} boardingMode: jdfsm leftBehindFlag: sflset }} }} }}
  householdRegistrations: publicSecurityHjCzrksByGmsfhm(first: 5) {{
    edges {{ node {{ status: hkztdm name: xm householdKind: hklbdm relationToHead: yhzgxdm }} }} }}
  guardianshipCases: courtsJhAjsByEtsfzh(first: 5) {{
    edges {{ node {{ caseNumber: ah cause: ay status: ajzt decidedOn: cprq }} }} }}
  supervisions: procuratorateJdWsByEtsfzh(first: 5) {{
    edges {{ node {{ kind: jdlb targetUnit: bjddw issuedOn: fcrq result: jdjg }} }} }}
}} }}"""
LIST = f"""query List($town: String!, $born: Date!) {{
  children: childrenOf(town: $town, born: $born, first: 100) {{ edges {{ node {{ {_CHILD}
    guardians: etjhrsByDabh(first: 5) {{ edges {{ node {{ kind: jhrlb name: xm phone: lxdh }} }} }}
    enrolments: educationJyXsxjsBySfzjh(first: 3) {{ edges {{ node {{ {_SCHOOL} }} }} }}
    householdRegistrations: publicSecurityHjCzrksByGmsfhm(first: 3) {{ edges {{ node {{ status: hkztdm }} }} }}
    guardianshipCases: courtsJhAjsByEtsfzh(first: 3) {{ edges {{ node {{ status: ajzt decidedOn: cprq }} }} }}
  }} }} }}
}}"""
FUNCTION = """create or replace function civil_affairs.children_of(town text, born date)
  returns setof civil_affairs.etda
  language sql stable as $$
  select * from civil_affairs.etda
  where xzqhdm >= town and xzqhdm <= town || '999' and csrq > born and dazt = '1' order by dabh
$$"""
"""PostGraphile without plugins filters by equality alone: a function is how it is given a range."""

_LISTS = {
    "child": ("civil_affairs", "Child"),
    "children": ("civil_affairs", "Child"),
    "familyMembers": ("civil_affairs", "FamilyMember"),
    "guardians": ("civil_affairs", "Guardian"),
    "enrolments": ("education", "Enrolment"),
    "householdRegistrations": ("public_security", "HouseholdRegistration"),
    "guardianshipCases": ("courts", "GuardianshipCase"),
    "supervisions": ("procuratorate", "ProcuratorialSupervision"),
}


def decoded(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The answer's data as the hub has them."""
    return {"data": {name: _below(name, value) for name, value in answer["data"].items()}}


def _below(name: str, value: Any) -> Any:
    if isinstance(value, dict) and "edges" in value:
        return {"edges": [{"node": _row(name, edge["node"])} for edge in value["edges"]]}
    return _row(name, value)


def _row(name: str, row: Any) -> Any:
    if row is None:
        return None
    relation = load(CONNECTORS / f"{_LISTS[name][0]}.toml").relation(_LISTS[name][1])
    found: dict[str, Any] = {}
    for key, value in row.items():
        if key == "school":
            found["schoolName"] = None if value is None else value["schoolName"]
        elif isinstance(value, dict):
            found[key] = _below(key, value)
        else:
            found[key] = _shown(relation.column(key), value)
    return found


def _shown(column: Mapped, value: Any) -> Any:
    if value is None:
        return None
    if column.codes is not None:
        named = dict(column.codes.pairs)
        return [named[item] for item in value.split(column.separator)] if column.separator else named.get(value)
    if column.kind == "bool" and column.true is not None:
        return value == column.true
    if column.kind == "instant":
        return f"{value[:19]}+08:00"
    return value
