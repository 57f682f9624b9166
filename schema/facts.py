"""What the notice says of a field -> a Strawberry field that carries it: facts and meaning stand in one place.

A noun file declares its fields with ``shared`` and its links with ``many`` and ``one``. No resolver lives here: a query
is planned as a whole, so a link that a resolver is asked for is our bug.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass
from types import GenericAlias
from typing import Annotated, Any, NoReturn

import strawberry


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Sharing attributes of one field: who keeps it, how grave it is, under which mask it may leave."""

    name_zh: str
    name_en: str
    source: str
    category: str
    sensitivity: str
    mask: str
    standard: str
    clause: str

    def __str__(self) -> str:
        mask = "" if self.mask == "none" else f", masked: {self.mask}"
        return (
            f"{self.name_zh} {self.name_en}. [{self.source}, {self.sensitivity}{mask}] {self.standard}; {self.clause}"
        )


@dataclass(frozen=True, slots=True)
class Link:
    """A way from a row to rows of ``target``: a page of many, or one."""

    target: str
    many: bool


class UnplannedError(RuntimeError):
    """A resolver was reached: the query took another way than the planner."""


def unplanned() -> NoReturn:
    """Raises ``UnplannedError``."""
    raise UnplannedError("queries are answered by a plan, never by a resolver")


def shared(name_zh: str, name_en: str, *, required: bool = False, **attributes: str) -> Any:
    """A field that a department shares, with its ``Facts``; null unless ``required``."""
    facts = Facts(name_zh=name_zh, name_en=name_en, **attributes)
    default = MISSING if required else None
    return strawberry.field(default=default, description=str(facts), metadata={"facts": facts})


def many(target: str, name_zh: str, name_en: str) -> Any:
    """A page of rows of ``target`` in the caller's scope, with filter, order and place to go on from."""
    return strawberry.field(
        resolver=_paged(target), description=f"{name_zh} {name_en}", metadata={"link": Link(target, True)}
    )


def one(target: str, name_zh: str, name_en: str) -> Any:
    """The row of ``target`` that this row belongs with, if it is in the caller's scope."""
    return strawberry.field(default=None, description=f"{name_zh} {name_en}", metadata={"link": Link(target, False)})


def _paged(target: str) -> Callable[..., Any]:
    def page(
        filter: Any = strawberry.UNSET,
        order_by: Any = strawberry.UNSET,
        first: Any = strawberry.UNSET,
        after: Any = strawberry.UNSET,
    ) -> Any:
        unplanned()

    page.__annotations__ = {
        "filter": _say(lazily(f"{target}Filter") | None, "条件 rows that match"),
        "order_by": _say(list_of(lazily(f"{target}Order")) | None, "排序 order, most important first; nulls are last"),
        "first": _say(int | None, "条数 rows of a page: 1 to 100, 20 if absent"),
        "after": _say(str | None, "游标 cursor of the row after which to go on"),
    }
    return page


def lazily(name: str) -> Any:
    """The input ``name``, looked up when the schema is built.

    Lazy, since filters are made from the catalogue, and the catalogue from the types that carry these links.
    """
    return Annotated[name, strawberry.lazy("schema.inputs")]


def list_of(item: Any) -> Any:
    """A list of ``item``, for a type known only when this runs."""
    return GenericAlias(list, (item,))


def _say(annotation: Any, description: str) -> Any:
    return Annotated[annotation, strawberry.argument(description=description)]
