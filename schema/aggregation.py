"""Coordinates to group by and a measure -> counts and sums: the types of ``aggregate``."""

from __future__ import annotations

import strawberry

from schema.scalars import DivisionCode, Quarter


@strawberry.input(description="汇总范围 rows that an aggregate takes in")
class AggregateWhere:
    """Rows that an aggregate takes in; a member that is null is absent."""

    division_code: DivisionCode | None = strawberry.field(
        default=strawberry.UNSET, description="地区 the district or a town; nothing finer"
    )
    quarter: Quarter | None = strawberry.field(
        default=strawberry.UNSET,
        description="季度 a frozen quarter, for declared tables; the last one if none is given",
    )


@strawberry.type(description="分组值 a grouping coordinate and its value in a cell")
class AggregateKey:
    """A grouping coordinate and its value in a cell."""

    coordinate: str = strawberry.field(description="坐标 coordinate grouped by")
    value: str | None = strawberry.field(
        description="取值 value or bucket; null where rows have none, in declared tables also where too few have it"
    )


@strawberry.type(description="单元格 a group")
class AggregateCell:
    """A group; its value is null where it is suppressed."""

    keys: list[AggregateKey] = strawberry.field(description="分组值 in the order of `by`")
    value: float | None = strawberry.field(
        description="数值 count or sum, in declared tables to the nearest 5 or 100; null if suppressed"
    )
    suppressed: bool = strawberry.field(description="是否隐去 too small a group to be shown, or needed to hide one")


@strawberry.type(description="汇总 counts or sums by group")
class Aggregation:
    """Counts or sums by group."""

    cells: list[AggregateCell] = strawberry.field(description="单元格 groups")
    total: float | None = strawberry.field(description="合计 of the values of all groups; null if one is suppressed")
    quarter: Quarter | None = strawberry.field(description="季度 the frozen quarter; null for rows as they are now")
