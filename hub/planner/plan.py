"""The plan: frozen trees that say which rows to reach, which columns to take, and how the answer is laid out.

A ``Reach`` is one set of rows (a root connection, a look-up, a link). Its ``columns`` are the values to take, each with
the formulas under which they are clear or masked; its layout (``ObjectShape``, ``ConnectionShape``) says under which
response key each value stands. Arguments are read at each request; a plan knows only where they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from graphql import FieldNode, GraphQLField

from connectors.source import Fetch
from hub.planner.formula import FALSE, TRUE, Formula
from hub.planner.shape import Shape

BEYOND = "~beyond"
"""In place of a coordinate: whether a row exists for the caller for another reason than being its own report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A column of a reach: the source's column and the conditions under which the value may be shown.

    ``coordinate`` None: a key. ``part``: the value itself lies in another source's part of the row (the column here is
    the row's key, and tells only whether the caller may see it).
    """

    column: str
    coordinate: str | None = None
    clear: Formula = TRUE
    masked: Formula = FALSE
    mask: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A field whose value is the column at ``slot``."""

    key: str
    coordinate: str
    slot: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """The row's opaque id."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A fixed text, such as ``__typename``."""

    key: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """``riskFlags``: the column at ``slot`` tells whether the field is open, each of ``flags`` whether it is raised."""

    key: str
    coordinate: str
    slot: int
    flags: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A field whose value lies in other sources' parts of the row; the first part that has a value counts."""

    key: str
    coordinate: str
    slot: int
    parts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """``sourceValues``: what the sources hold of the coordinates in the column ``compared``, read at each request.

    ``item``: slots of the item's register number, education person, police person, and its own key (a link's as well).
    """

    key: str
    coordinate: str
    slot: int
    item: tuple[int, int, int, int]
    compared: int
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """A field that no grant opens, in ``null`` mode."""

    key: str
    coordinate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Rows of another reach that belong to this one."""

    key: str
    reach: Reach


Entry: TypeAlias = Value | Identifier | Word | Flags | Part | Compared | Denied | Link


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectShape:
    """An object's entries, in response order."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """An edge's cursor."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEntry:
    """An edge's node."""

    key: str
    shape: ObjectShape


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgesEntry:
    """A connection's edges."""

    key: str
    entries: tuple[NodeEntry | Cursor | Word, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageInfoEntry:
    """A connection's page information: (response key, field name) pairs."""

    key: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionShape:
    """A connection's entries, in response order."""

    entries: tuple[EdgesEntry | PageInfoEntry | Word, ...]


Kind: TypeAlias = Literal["connection", "object"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reach:
    """One set of rows: type, source, visibility, columns, layout.

    ``join``: (parent's column, own column) by which rows belong to their parent; ``("~child", "~child")`` where they
    belong by the child that both sources know; None at a root. ``variants`` remembers the fetches made of this reach,
    by the shape of the arguments and the facts that were unknown; ``known`` what else was worked out of it once.
    """

    number: int
    type_name: str
    source: str
    kind: Kind
    visible: Formula
    columns: tuple[Wanted, ...]
    keys: Mapping[str, int]
    shape: ObjectShape | ConnectionShape
    definition: GraphQLField
    node: FieldNode
    join: tuple[str, str] | None = None
    access: Access
    beyond: int | None = None
    """Slot of the key that tells of such a row whether it exists for another reason too; None: for no other."""
    fields_count: int = 0
    variants: dict[object, Fetch] = field(default_factory=dict)
    known: dict[object, Any] = field(default_factory=dict)

    @property
    def own(self) -> bool:
        """Whether rows may exist for the caller as its own reports."""
        return self.access.beyond is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What the caller reads of one type: for each coordinate the clear and masked formulas; ``visible`` over all.

    ``beyond``: over the lines that are not of its own reports; None where it has no line of these. ``flags``: the risk
    flags that the caller may be shown on a row, each with its branches; worked out when a filter first names one.
    """

    type_name: str
    clear: Mapping[str, Formula]
    masked: Mapping[str, Formula]
    visible: Formula
    beyond: Formula | None = None
    flags: Callable[[], Sequence[tuple[str, tuple[Formula, ...]]]] = field(default=tuple, compare=False, repr=False)
    known: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)
    """What was worked out of its formulas once, for every plan: see ``hub/planner/fetches.py``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsRoot:
    """A root field that reaches rows: a connection, or one row by id or number."""

    key: str
    name: str
    reaches: Mapping[str, Reach]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRoot:
    """A root field that the hub answers itself: ``me``, ``catalogue``, ``__schema``, ``__type``, ``aggregate``.

    ``shape``: of an aggregate, of whose groups there may be many.
    """

    key: str
    name: str
    node: FieldNode
    definition: GraphQLField | None
    shape: Shape | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A coordinate that the caller may not read, with where it stands in the document (response keys)."""

    coordinate: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one operation does for one principal under one purpose and policy version."""

    roots: tuple[RowsRoot | LocalRoot | Denied | Word, ...]
    refused: tuple[Refused, ...]
    rules: tuple[str, ...]
    clauses: tuple[str, ...]
    scopes: frozenset[str]
    policy_version: str
    null_mode: bool
    known: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)
    """What was worked out once for all requests of the plan."""
