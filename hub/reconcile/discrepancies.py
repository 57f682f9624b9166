"""Class of a discrepancy -> what it asks of whom: the domain's twelve, as data. What differs is in ``compared.sql``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from hub.identity import PARKS

Answering: TypeAlias = Literal[
    "town_government", "education_bureau", "public_security_bureau", "civil_affairs_bureau", "keeper"
]
LEAD: Final = "civil_affairs_bureau"
KEEPERS: Final[Mapping[str, Answering]] = {
    "file": "town_government",
    "education": "education_bureau",
    "public_security": "public_security_bureau",
}
"""Source of a number -> who answers for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """Who answers, and the task in words for officials."""

    answering: Answering
    task: str


DISCREPANCIES: Final[Mapping[str, Discrepancy]] = {
    "INVALID_CITIZEN_ID": Discrepancy(answering="keeper", task="核实公民身份号码"),
    "IDENTITY_MISMATCH": Discrepancy(answering="public_security_bureau", task="核实户籍姓名、性别、出生日期"),
    "NO_HOUSEHOLD_RECORD": Discrepancy(answering="public_security_bureau", task="核实是否登记户口"),
    "HOUSEHOLD_STATUS_CONFLICT": Discrepancy(answering="public_security_bureau", task="核实户口登记状态"),
    "ADDRESS_CONFLICT": Discrepancy(answering="town_government", task="核实户籍所在村居"),
    "NO_ENROLMENT": Discrepancy(answering="education_bureau", task="核实适龄儿童学籍"),
    "SCHOOLING_CONFLICT": Discrepancy(answering="education_bureau", task="核实就学情况"),
    "FLAGGED_NOT_SURVEYED": Discrepancy(answering="town_government", task="入户核实是否为农村留守儿童"),
    "FLAGGED_ONE_PARENT": Discrepancy(answering="town_government", task="核实在家一方监护能力"),
    "SURVEYED_NOT_FLAGGED": Discrepancy(answering="education_bureau", task="核实学籍系统留守儿童标识"),
    "DUPLICATE_FILE": Discrepancy(answering="civil_affairs_bureau", task="核实重复建档"),
    "AGED_OUT": Discrepancy(answering="town_government", task="核实年满十六周岁档案"),
}


def answering_unit(name: str, subject: str, division: str | None) -> str:
    """The unit key that must answer; the lead bureau where no town government is known."""
    unit: str = DISCREPANCIES[name].answering
    if unit == "keeper":
        unit = KEEPERS[subject.partition(":")[0]]
    if unit != "town_government":
        return unit
    if division is None or len(division) < 9 or division.startswith(PARKS):
        return LEAD
    return f"town_government:{division[:9]}"


def subject_of(name: str, field: str, register: str | None, education: str | None, police: str | None) -> str:
    """What an item is about, so that the next comparison knows it again: a file, or a department's person."""
    if name.startswith("FLAGGED_"):
        return f"education:{education}"
    if name == "INVALID_CITIZEN_ID" and not field.startswith("Child."):
        return f"education:{education}" if field.startswith("Enrolment.") else f"public_security:{police}"
    return f"file:{register}"
