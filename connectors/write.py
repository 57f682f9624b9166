"""Write -> what came of it: the other half of the contract that a department's records keep, in types and prose.

``connectors/source.py`` reads, this writes, by a role of its own. A ``Write`` is one or more changes of rows of one
department, made together or not at all, under one **intent**: a name, given by the caller, of this one attempt to
write. Relations, columns, predicates and bound values are those of a ``Fetch``; values come in schema terms.

What holds of every change is checked in the statement that makes it: ``scope`` says which rows exist for the writer
(a row outside is ``NotThere``, exactly as one that does not exist), ``expect`` in which state the row must be found
(otherwise ``Stale``, with what it was found to be). Nothing is ever deleted, and a row keeps its key.

What a state does not guard, ``touched`` does: a row is known by the names of the writes that named it, so that of two
who looked at it and then write, the second is ``Stale``, though the writer may read none of the columns.

**Has it happened?** In the same transaction the department keeps the intent's name in a small table of the hub's own.
So a write sent twice happens once: the second is answered as the first was. After an error or a crash ``settle`` says
what became of an intent. If an attempt is still running there, ``settle`` waits for its end; if none has happened, it
takes the intent's name itself, and an attempt that arrives later (a hub that stood still, a packet that was late) finds
the name taken and does nothing. What ``settle`` has said is final.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from connectors.source import ALWAYS, Bindings, Constant, Param, Predicate


@dataclass(frozen=True, slots=True)
class Next:
    """In place of an operand: one more than the number that stands there (of null: one)."""


@dataclass(frozen=True, slots=True)
class Copied:
    """In place of an operand: what stands in another column of the same row, which is kept in the same form."""

    column: str


@dataclass(frozen=True, slots=True)
class Put:
    """A column and the value that it is given."""

    column: str
    operand: Param | Constant | Next | Copied


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The row that a new row is about: it must be there with this key and satisfy ``scope``."""

    relation: str
    key: Param
    scope: Predicate = ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert:
    """A new row. Its key is the caller's to give (a key that no row has); ``Stale`` if a row like it is there."""

    relation: str
    key: Param
    puts: tuple[Put, ...]
    about: About | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """A row changed, or, without ``puts``, only looked at and held until the others are made.

    ``shows``: columns of which a ``Stale`` gives what stands there. ``touched``: how often the row had been named by
    writes (``Target.touched``) when it was looked at; ``Stale`` if another has named it since.
    """

    relation: str
    key: Param
    puts: tuple[Put, ...] = ()
    scope: Predicate = ALWAYS
    expect: Predicate = ALWAYS
    shows: tuple[str, ...] = ()
    touched: Param | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Every row that satisfies ``where``, changed; there may be none. No key of them is told or kept."""

    relation: str
    puts: tuple[Put, ...]
    where: Predicate


Change: TypeAlias = Insert | Update | Sweep


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Changes of one department's rows, in this order, in one transaction."""

    source: str
    changes: tuple[Change, ...]

    @property
    def keyed(self) -> tuple[Insert | Update, ...]:
        """The changes of a row that is named."""
        return tuple(change for change in self.changes if not isinstance(change, Sweep))


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """It has happened: the keys of the rows that are named, a change a key. ``again``: it had happened before."""

    keys: tuple[str, ...]
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """It has not: the row of change number ``change`` is there, but not as expected. ``current``: what was found."""

    change: int
    current: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotThere:
    """It has not: for the writer there is no such row."""

    change: int


@dataclass(frozen=True, slots=True)
class GivenUp:
    """It has not and never will: the intent was settled before this attempt arrived."""


@dataclass(frozen=True, slots=True)
class Reused:
    """It has not: something else was written under this intent (another ``digest``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfit:
    """It has not: a column of change number ``change`` cannot hold the value that it is given, or may not be null.

    ``column``: which; None if the department does not say.
    """

    change: int
    column: str | None


class UnfitError(ValueError):
    """A value that its column cannot hold; the message does not repeat it."""

    def __init__(self, column: str) -> None:
        super().__init__(f"column `{column}` cannot hold the value that it is given")
        self.column = column


Result: TypeAlias = Written | Stale | NotThere | GivenUp | Reused | Unfit


class Target(Protocol):
    """One department's records, written.

    Concurrency: calls may run at once; two that change one row wait for each other, in the order in which their changes
    stand. Durability: what is ``Written`` is on the department's disk. Errors: ``SourceError`` alone. After one from
    ``write`` it may have happened or not, and only ``settle`` tells; a ``rejected`` write has not happened. If the
    caller is cancelled the transaction is rolled back, unless its commit was under way; ``settle`` tells that as well.
    """

    @property
    def name(self) -> str:
        """The department."""
        ...

    async def write(self, write: Write, bindings: Bindings, *, intent: str, digest: str, deadline: float) -> Result:
        """What came of it. ``digest``: a text that is the same for the same content, so that a name used for something
        else is not taken for a repetition; it should tell nobody the content."""
        ...

    async def found(self, intent: str, *, deadline: float) -> Written | GivenUp | None:
        """What stands under the intent at this moment; None: nothing, which promises nothing."""
        ...

    async def touched(self, relation: str, key: str, *, deadline: float) -> int:
        """How many writes have named the row so far; look at the row after this, not before."""
        ...

    async def settle(self, intent: str, *, deadline: float) -> tuple[str, ...] | None:
        """Keys of the rows written under the intent; None: nothing was, and nothing ever will be."""
        ...

    async def close(self) -> None:
        """Gives back every connection; later calls fail as ``unreachable``."""
        ...
