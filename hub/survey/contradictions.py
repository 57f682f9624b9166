"""A row's values -> what contradicts itself, with which cells, and what would be right: pure, a rule a line.

Guarantee: a rule judges only cells that are filled in and right by themselves; it knows this row and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Final, TypeAlias

from hub import citizen_id
from hub.survey.cells import Fault
from hub.today import months_before

Values: TypeAlias = Mapping[str, Any]
Test: TypeAlias = Callable[[Values, date], bool]

SCHOOL_AGES: Final[Mapping[str, tuple[int, int]]] = {
    "KINDERGARTEN": (2, 7),
    "NOT_IN_KINDERGARTEN": (0, 7),
    "PRIMARY": (5, 15),
    "JUNIOR_SECONDARY": (10, 15),
    "SENIOR_SECONDARY": (13, 15),
    "VOCATIONAL": (13, 15),
    "DROPPED_OUT": (6, 15),
    "NOT_IN_SCHOOL": (13, 15),
}
"""Schooling -> ages at which it is believable; wide, since a wrong refusal costs a village a journey."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A contradiction: ``needs`` are the cells that must be filled in, ``at`` the one that is marked."""

    code: str
    needs: tuple[str, ...]
    at: str
    holds: Test
    wrong: str
    right: str

    @property
    def fault(self) -> Fault:
        """In words."""
        return Fault(code=self.code, wrong=self.wrong, right=self.right)


def age_on(day: date, born: str) -> int:
    """Completed years of age."""
    birth = date.fromisoformat(born)
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def _number_says(part: str) -> Test:
    return lambda row, _: citizen_id.fault(row["citizenId"], row["birthDate"], row["sex"]) == part


def _remaining_parent_is_capable(row: Values, _: date) -> bool:
    """One parent is away; the other, at home, is said to be capable: then the child is not left behind."""
    home = [who for who in ("father", "mother") if row.get(f"{who}.name") and not row.get(f"{who}.workPlace")]
    return len(home) == 1 and row.get(f"{home[0]}.guardianshipCapacity") == "CAPABLE"


def _nameless(who: str, row: Values, _: date) -> bool:
    """Whether something is said of a person whose name is not given: nobody could be entered."""
    return row.get(f"{who}.name") is None and any(
        value is not None for name, value in row.items() if name.startswith(f"{who}.")
    )


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        code="not_born",
        needs=("birthDate",),
        at="birthDate",
        holds=lambda row, day: row["birthDate"] > day.isoformat(),
        wrong="出生日期在今天之后",
        right="核对年份",
    ),
    Rule(
        code="aged_out",
        needs=("birthDate",),
        at="birthDate",
        holds=lambda row, day: row["birthDate"] <= months_before(day, 192).isoformat(),
        wrong="已满16周岁",
        right="删除本行，由镇街办理结案；如日期有误请更正",
    ),
    Rule(
        code="citizen_id_birth",
        needs=("citizenId", "birthDate", "sex"),
        at="citizenId",
        holds=_number_says("birth_date"),
        wrong="号码中的出生日期与“出生日期”不一致",
        right="对照户口簿更正其中一项",
    ),
    Rule(
        code="citizen_id_sex",
        needs=("citizenId", "birthDate", "sex"),
        at="citizenId",
        holds=_number_says("sex"),
        wrong="号码第17位表示的性别与“性别”不一致",
        right="对照户口簿更正其中一项",
    ),
    Rule(
        code="number_unregistered",
        needs=("citizenId", "householdRegistered"),
        at="householdRegistered",
        holds=lambda row, _: row["householdRegistered"] is False,
        wrong="填有公民身份号码，却填未登记户口",
        right="已登记的选“是”；未登记的号码留空",
    ),
    Rule(
        code="registered_without_place",
        needs=("householdRegistered",),
        at="householdPlace",
        holds=lambda row, _: row["householdRegistered"] is True and row.get("householdPlace") is None,
        wrong="已登记户口，户籍所在地为空",
        right="按户口簿填写",
    ),
    Rule(
        code="disabled_without_category",
        needs=("bodyCondition",),
        at="disabilityCategory",
        holds=lambda row, _: row["bodyCondition"] == "DISABLED" and row.get("disabilityCategory") is None,
        wrong="身体情况为残疾，残疾类别为空",
        right="按残疾人证选择类别",
    ),
    Rule(
        code="category_without_disability",
        needs=("bodyCondition", "disabilityCategory"),
        at="bodyCondition",
        holds=lambda row, _: row["bodyCondition"] != "DISABLED",
        wrong="填有残疾类别，身体情况却不是残疾",
        right="身体情况选“残疾”，或清空残疾类别",
    ),
    Rule(
        code="grade_without_category",
        needs=("disabilityGrade",),
        at="disabilityGrade",
        holds=lambda row, _: row.get("disabilityCategory") is None,
        wrong="填有残疾等级，残疾类别为空",
        right="补填残疾类别，或清空残疾等级",
    ),
    Rule(
        code="ill_without_type",
        needs=("bodyCondition",),
        at="illnessType",
        holds=lambda row, _: row["bodyCondition"] == "ILL" and row.get("illnessType") is None,
        wrong="身体情况为患病，患病类型为空",
        right="填写所患疾病",
    ),
    Rule(
        code="schooling_age",
        needs=("schoolingStatus", "birthDate"),
        at="schoolingStatus",
        holds=lambda row, day: _beyond(SCHOOL_AGES[row["schoolingStatus"]], age_on(day, row["birthDate"])),
        wrong="就学情况与年龄不符",
        right="核对就学情况和出生日期",
    ),
    Rule(
        code="one_away_other_capable",
        needs=("leftBehindType",),
        at="leftBehindType",
        holds=lambda row, day: (
            row["leftBehindType"] == "ONE_AWAY_OTHER_INCAPABLE" and _remaining_parent_is_capable(row, day)
        ),
        wrong="在家一方有监护能力，不符合农村留守儿童定义",
        right="更正父母外出情况，或更正在家一方的监护能力",
    ),
    Rule(
        code="alone_with_good_care",
        needs=("livesAlone", "guardianshipType"),
        at="guardianshipType",
        holds=lambda row, _: row["livesAlone"] is True and row["guardianshipType"] in {"FAIR", "GOOD"},
        wrong="脱离监护单独居住，监护类型却为一般或较好",
        right="核实后更正其中一项；确属单独居住的应立即报告",
    ),
    Rule(
        code="no_guardian_named",
        needs=("guardianshipType", "guardian.name"),
        at="guardianshipType",
        holds=lambda row, _: row["guardianshipType"] == "NONE",
        wrong="填有实际监护人，监护类型却为无人监护",
        right="更正监护类型，或清空监护人",
    ),
    Rule(
        code="entrusted_without_guardian",
        needs=("entrusted",),
        at="guardian.name",
        holds=lambda row, _: row["entrusted"] is True and row.get("guardian.name") is None,
        wrong="已委托其他监护人，监护人姓名为空",
        right="填写受委托监护人的姓名、关系和电话",
    ),
    *(
        Rule(
            code=f"{who}_without_name",
            needs=(),
            at=f"{who}.name",
            holds=partial(_nameless, who),
            wrong="填有该人的其他情况，姓名为空",
            right="补填姓名，或清空该人的其他各项",
        )
        for who in ("father", "mother", "guardian")
    ),
    Rule(
        code="inadequate_not_entrusted",
        needs=("guardianshipType", "entrusted"),
        at="entrusted",
        holds=lambda row, _: row["guardianshipType"] == "ENTRUSTED_INADEQUATE" and row["entrusted"] is False,
        wrong="监护类型为受委托监护人监护能力不足，却未委托其他监护人",
        right="更正其中一项",
    ),
    Rule(
        code="visit_ahead",
        needs=("lastVisitedOn",),
        at="lastVisitedOn",
        holds=lambda row, day: row["lastVisitedOn"] > day.isoformat(),
        wrong="走访日期在今天之后",
        right="填写实际走访日期",
    ),
)


def _beyond(ages: tuple[int, int], age: int) -> bool:
    """A child not yet born, or too old for the survey, is told that and nothing more."""
    return 0 <= age < 16 and not ages[0] <= age <= ages[1]


def contradictions(row: Values, day: date, faulty: frozenset[str]) -> list[tuple[str, Fault]]:
    """(Cell, fault) of every rule that the row breaks; ``faulty`` cells are wrong already and prove nothing."""
    found = []
    for rule in RULES:
        if rule.at in faulty or any(name in faulty or row.get(name) is None for name in rule.needs):
            continue
        if rule.holds(row, day):
            found.append((rule.at, rule.fault))
    return found
