"""The register form as columns: what stands above each, what may stand in it, where it belongs in the schema.

Guarantee: the one place that knows the form (农村留守儿童基本情况登记表 of 民发〔2016〕42号, six categories); template,
reading, checks and the annotated answer all follow it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from schema.enums.person import (
    BodyCondition,
    DisabilityCategory,
    GuardianshipCapacity,
    GuardianshipType,
    IncomeSource,
    KinRelation,
    LeftBehindType,
    SchoolingStatus,
    Sex,
)
from schema.enums.protection import AssistanceKind

Kind: TypeAlias = Literal[
    "key", "text", "name", "citizen_id", "date", "phone", "division", "bool", "grade", "ethnicity", "code", "codes"
]

FORM_AID: Final = ("SUBSISTENCE_ALLOWANCE", "TEMPORARY_RELIEF", "MEDICAL_AID", "HOUSING_AID", "OTHER_AID")
"""What the form itself asks for; other kinds of assistance are records of their own."""

_ETHNICITIES: Final = (
    "01汉族 02蒙古族 03回族 04藏族 05维吾尔族 06苗族 07彝族 08壮族 09布依族 "
    "10朝鲜族 11满族 12侗族 13瑶族 14白族 15土家族 16哈尼族 17哈萨克族 18傣族 "
    "19黎族 20傈僳族 21佤族 22畲族 23高山族 24拉祜族 25水族 26东乡族 27纳西族 "
    "28景颇族 29柯尔克孜族 30土族 31达斡尔族 32仫佬族 33羌族 34布朗族 35撒拉族 "
    "36毛南族 37仡佬族 38锡伯族 39阿昌族 40普米族 41塔吉克族 42怒族 43乌孜别克族 "
    "44俄罗斯族 45鄂温克族 46德昂族 47保安族 48裕固族 49京族 50塔塔尔族 51独龙族 "
    "52鄂伦春族 53赫哲族 54门巴族 55珞巴族 56基诺族 97其他 98外国血统中国籍人士"
)
ETHNICITIES: Final[Mapping[str, str]] = MappingProxyType({one[:2]: one[2:] for one in _ETHNICITIES.split()})
"""GB/T 3304."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What may be chosen in a cell: the schema's value, its word, its codes."""

    value: str
    word: str
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: ``name`` within the row, ``group`` and ``header`` above it, ``kind`` of its cells.

    ``also``: other headers by which it is known, `父亲:姓名` being `姓名` under `父亲`. ``longest``: characters that
    the register can keep, where that is fewer than any text of the form may have.
    """

    name: str
    group: str
    header: str
    kind: Kind
    required: bool = False
    choices: tuple[Choice, ...] = ()
    also: tuple[str, ...] = ()
    width: int = 12
    hint: str = ""
    longest: int | None = None

    @property
    def person(self) -> str | None:
        """``father``, ``mother`` or ``guardian`` for a cell about one of them."""
        head, dot, _ = self.name.partition(".")
        return head if dot else None


def choices(enum: type[Enum], *, only: tuple[str, ...] = ()) -> tuple[Choice, ...]:
    """The values of an enum of the schema with their Chinese words."""
    found = []
    for member in enum:
        word: Any = member.value
        if not only or member.name in only:
            found.append(Choice(value=member.name, word=word.zh, codes=tuple(word.codes)))
    return tuple(found)


YES_NO: Final = (Choice(value="true", word="是", codes=("1",)), Choice(value="false", word="否", codes=("0",)))
_CAPACITY: Final = choices(GuardianshipCapacity)
_RELATIONS: Final = tuple(
    one for one in choices(KinRelation) if one.value not in {"SELF", "SON", "DAUGHTER", "GRANDCHILD"}
)


def _parent(who: str, zh: str) -> tuple[Column, ...]:
    group = f"三、{zh}情况"
    return (
        Column(name=f"{who}.name", group=group, header=f"{zh}姓名", kind="name", also=(f"{zh}:姓名",), longest=30),
        Column(
            name=f"{who}.citizenId",
            group=group,
            header=f"{zh}公民身份号码",
            kind="citizen_id",
            also=(f"{zh}身份证号", f"{zh}身份证号码", f"{zh}:公民身份号码", f"{zh}:身份证号"),
            width=20,
        ),
        Column(
            name=f"{who}.phone",
            group=group,
            header=f"{zh}联系电话",
            kind="phone",
            also=(f"{zh}电话", f"{zh}:联系电话", f"{zh}:电话"),
            width=14,
        ),
        Column(
            name=f"{who}.workPlace",
            group=group,
            header=f"{zh}务工地点",
            kind="text",
            also=(f"{zh}:务工地点", f"{zh}:务工地"),
            width=18,
            hint="省、市，在家填空",
            longest=40,
        ),
        Column(
            name=f"{who}.guardianshipCapacity",
            group=group,
            header=f"{zh}监护能力",
            kind="code",
            choices=_CAPACITY,
            also=(f"{zh}:监护能力",),
        ),
    )


_BASIC, _CARE, _GUARD, _INCOME, _AID = (
    "一、基本情况",
    "二、监护情况",
    "四、实际监护人",
    "五、家庭经济",
    "六、救助帮扶",
)

COLUMNS: Final[tuple[Column, ...]] = (
    Column(name="id", group=_BASIC, header="档案标识", kind="key", width=10, hint="平台填写，请勿改动；新建档案留空"),
    Column(name="name", group=_BASIC, header="姓名", kind="name", required=True, also=("儿童姓名",), longest=30),
    Column(
        name="citizenId",
        group=_BASIC,
        header="公民身份号码",
        kind="citizen_id",
        also=("身份证号", "身份证号码", "身份证件号码"),
        width=20,
        hint="18位，末位可为X；未登记户口的留空",
    ),
    Column(name="sex", group=_BASIC, header="性别", kind="code", required=True, choices=choices(Sex), width=8),
    Column(
        name="birthDate",
        group=_BASIC,
        header="出生日期",
        kind="date",
        required=True,
        also=("出生年月日", "出生年月"),
        hint="如 2014-03-09",
    ),
    Column(
        name="ethnicity",
        group=_BASIC,
        header="民族",
        kind="ethnicity",
        choices=tuple(Choice(value=code, word=word, codes=(code,)) for code, word in ETHNICITIES.items()),
    ),
    Column(
        name="divisionCode",
        group=_BASIC,
        header="村居代码",
        kind="division",
        also=("所在村居代码", "所在村(居)代码", "村(居)代码", "行政区划代码"),
        width=15,
        hint="可留空，即本村(居)",
    ),
    Column(
        name="householdRegistered",
        group=_BASIC,
        header="是否登记户口",
        kind="bool",
        required=True,
        choices=YES_NO,
        also=("户口登记",),
    ),
    Column(
        name="householdPlace", group=_BASIC, header="户籍所在地", kind="text", also=("户籍地址", "户籍地"), width=28
    ),
    Column(
        name="residenceAddress",
        group=_BASIC,
        header="现居住地",
        kind="text",
        required=True,
        also=("现住址", "居住地址"),
        width=28,
    ),
    Column(
        name="bodyCondition",
        group=_BASIC,
        header="身体情况",
        kind="code",
        required=True,
        choices=choices(BodyCondition),
        also=("健康状况",),
    ),
    Column(
        name="disabilityCategory", group=_BASIC, header="残疾类别", kind="code", choices=choices(DisabilityCategory)
    ),
    Column(name="disabilityGrade", group=_BASIC, header="残疾等级", kind="grade", also=("残疾级别",)),
    Column(name="illnessType", group=_BASIC, header="患病类型", kind="text", also=("疾病类型",), longest=60),
    Column(
        name="schoolingStatus",
        group=_BASIC,
        header="就学情况",
        kind="code",
        required=True,
        choices=choices(SchoolingStatus),
    ),
    Column(
        name="leftBehindType",
        group=_CARE,
        header="父母外出情况",
        kind="code",
        required=True,
        choices=choices(LeftBehindType),
        width=18,
    ),
    Column(
        name="entrusted",
        group=_CARE,
        header="有无委托其他监护人",
        kind="bool",
        required=True,
        choices=YES_NO,
        also=("是否委托监护",),
    ),
    Column(
        name="livesAlone",
        group=_CARE,
        header="是否脱离监护单独居住",
        kind="bool",
        required=True,
        choices=YES_NO,
        also=("是否单独居住", "是否独居"),
    ),
    Column(
        name="guardianshipType",
        group=_CARE,
        header="监护类型",
        kind="code",
        required=True,
        choices=choices(GuardianshipType),
        width=20,
    ),
    Column(name="lastVisitedOn", group=_CARE, header="最近走访日期", kind="date", also=("走访日期",)),
    *_parent("father", "父亲"),
    *_parent("mother", "母亲"),
    Column(name="guardian.name", group=_GUARD, header="监护人姓名", kind="name", also=("监护人:姓名",), longest=30),
    Column(
        name="guardian.relation",
        group=_GUARD,
        header="与儿童关系",
        kind="code",
        choices=_RELATIONS,
        also=("与被监护人关系", "监护人:关系", "监护人关系"),
    ),
    Column(
        name="guardian.citizenId",
        group=_GUARD,
        header="监护人公民身份号码",
        kind="citizen_id",
        also=("监护人身份证号", "监护人:身份证号", "监护人:公民身份号码"),
        width=20,
    ),
    Column(
        name="guardian.phone",
        group=_GUARD,
        header="监护人电话",
        kind="phone",
        also=("监护人联系电话", "监护人:联系电话", "监护人:电话"),
        width=14,
    ),
    Column(
        name="incomeSources",
        group=_INCOME,
        header="家庭经济来源",
        kind="codes",
        choices=choices(IncomeSource),
        width=20,
        hint="多项以；分隔",
    ),
    Column(name="economicHardship", group=_INCOME, header="家庭经济困难", kind="bool", choices=YES_NO),
    Column(
        name="assistanceKinds",
        group=_AID,
        header="救助帮扶情况",
        kind="codes",
        choices=choices(AssistanceKind, only=FORM_AID),
        also=("救助帮扶",),
        width=20,
        hint="多项以；分隔",
    ),
)
BY_NAME: Final[Mapping[str, Column]] = MappingProxyType({column.name: column for column in COLUMNS})
FOUND: Final = "检查结果"
"""Header of the column in which an annotated sheet says what is wrong; read back, it is passed over."""
