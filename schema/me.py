"""What a caller asks of itself and of the catalogue: the types of ``me`` and ``catalogue``."""

from __future__ import annotations

import strawberry

from schema.enums.governance import Purpose
from schema.scalars import DateTime, DivisionCode, Quarter


@strawberry.type(description="超期事项 a clock that ran out, of a row that you see and have to act upon")
class Overdue:
    """A row that has waited too long: no value of it, but what it is and since when it is too late."""

    clock: str = strawberry.field(description="时钟 which clock")
    clock_zh: str = strawberry.field(description="名称 its name in Chinese")
    clause: str = strawberry.field(description="条款 the clause of the notice on which it rests")
    at: DateTime = strawberry.field(description="超期时间 when the alarm was raised")
    id: strawberry.ID = strawberry.field(description="标识 id of the row that waits, as you know it, if it is there")
    type: str = strawberry.field(description="类型 type of the row")
    division: DivisionCode | None = strawberry.field(
        description="地区代码 whose survey was never begun; null of what is there"
    )
    quarter: Quarter | None = strawberry.field(description="季度 of which quarter it was never begun")


@strawberry.type(description="待办事项 a row that waits for a step of yours and stands in no state")
class Waiting:
    """A row that waits: no value of it, but for what it waits and since when it stands so."""

    step: str = strawberry.field(description="步骤 name of the step")
    step_zh: str = strawberry.field(description="名称 its name in Chinese")
    clause: str = strawberry.field(description="条款 the clause of the notice on which it rests")
    since: DateTime | None = strawberry.field(description="最近更新 since when the row stands as it does")
    id: strawberry.ID = strawberry.field(description="标识 id of the row that waits, as you know it")
    type: str = strawberry.field(description="类型 type of the row")


@strawberry.type(description="调用方 who asks, for which purpose, under which policy")
class Me:
    """The caller as the hub has identified it."""

    unit: str = strawberry.field(description="单位代码 unit code")
    unit_name_zh: str = strawberry.field(description="单位名称 unit's name in Chinese")
    unit_name_en: str = strawberry.field(description="unit's name in English")
    key: str = strawberry.field(description="单位键 unit key: the unit, with its division or institution")
    operator: str | None = strawberry.field(description="操作人员编号 the official's staff number")
    division: str | None = strawberry.field(description="地区代码 division of a town or village")
    institution: str | None = strawberry.field(description="机构代码 institution of a mandatory reporter")
    purpose: Purpose = strawberry.field(description="本次访问目的 purpose declared")
    purposes: list[Purpose] = strawberry.field(description="可声明的目的 purposes of the credential")
    case: bool = strawberry.field(description="是否带有办案编号 a case reference was given")
    policy_version: str = strawberry.field(description="策略版本 version of the policy that decides")
    overdue: list[Overdue] | None = strawberry.field(
        description="超期事项 clocks that ran out, of rows that you see now and have to act upon, the oldest first"
    )
    waiting: list[Waiting] | None = strawberry.field(
        description="待办事项 rows that wait for a step of yours and stand in no state, the oldest first, 200 at most"
    )


@strawberry.type(description="目录项 a shared field: who keeps it, how it may be shared, whether you hold it")
class CatalogueField:
    """A shared field, and what the caller holds of it for the declared purpose."""

    coordinate: str = strawberry.field(description="坐标 coordinate, as Child.birthDate")
    type: str = strawberry.field(description="类型 type")
    field: str = strawberry.field(description="字段 field")
    name_zh: str = strawberry.field(description="中文名称 Chinese name")
    name_en: str = strawberry.field(description="English name")
    owner: str = strawberry.field(description="数据来源 source that keeps the field")
    category: str = strawberry.field(description="类别 category")
    sensitivity: str = strawberry.field(description="敏感级别 sensitivity, L1 public to L4 gravest")
    mask: str = strawberry.field(description="脱敏方式 mask")
    standard: str = strawberry.field(description="标准 standard")
    clause: str = strawberry.field(description="依据条款 clause of the notice")
    gql_type: str = strawberry.field(description="GraphQL 类型 GraphQL type")
    held: bool = strawberry.field(description="可读原值 you read it in clear, in some rows at least")
    masked: bool = strawberry.field(description="可读脱敏值 you read it masked, in some rows at least")
    scopes: list[str] = strawberry.field(description="行范围 scopes of rows in which you read it")
    rules: list[str] = strawberry.field(description="依据规则 rules that open it to you")
