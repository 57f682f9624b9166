"""Rows of a type -> pages of them (Relay cursor connections), and the interface of everything that has an id."""

from __future__ import annotations

from typing import Generic, TypeVar

import strawberry

T = TypeVar("T")


@strawberry.interface(description="有标识的记录 a record with an opaque id, sealed for the unit that sees it")
class Node:
    """Everything that ``node`` can find again."""

    id: strawberry.ID = strawberry.field(
        description="标识 opaque id, the caller's own: two units cannot join on it; granted with any field of the type"
    )


@strawberry.type(description="分页信息 where a page stands")
class PageInfo:
    """Where a page stands among the rows that the caller may see."""

    has_next_page: bool = strawberry.field(description="有下一页 more rows follow")
    has_previous_page: bool = strawberry.field(description="有上一页 rows come before: true if `after` was given")
    start_cursor: str | None = strawberry.field(description="首行游标 cursor of the first row")
    end_cursor: str | None = strawberry.field(description="末行游标 cursor of the last row; give it as `after`")


@strawberry.type(description="一行 a row and its place")
class Edge(Generic[T]):
    """A row and its place."""

    node: T = strawberry.field(description="记录 the row")
    cursor: str = strawberry.field(description="游标 opaque place of the row, good for the same query and unit alone")


@strawberry.type(description="一页 a page of rows in the caller's scope")
class Connection(Generic[T]):
    """A page of rows in the caller's scope."""

    edges: list[Edge[T]] = strawberry.field(description="各行 the rows in order")
    page_info: PageInfo = strawberry.field(description="分页信息 where the page stands")
