"""Good rows, the village's own files -> what entering them would change, with what stands there now: pure.

Guarantee: what is listed is what ``hub.survey.acts`` would write over something: a value that somebody else corrected
after the form was downloaded is seen before it is written back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hub.survey.check import Entry, plain_value
from hub.survey.form import BY_NAME
from hub.survey.register import Node, row

_UNWRITTEN: Final = frozenset({"id", "divisionCode"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A value that a row would change: in which row of the sheet and column, of whom, from what to what."""

    row: int
    column: str
    name: str = field(repr=False)
    stands: Any = field(repr=False)
    said: Any = field(repr=False)


def changes(good: Sequence[Entry], own: Mapping[str, Node]) -> Iterator[Change]:
    """What the rows about files that are there would change in them, in the order of the sheet."""
    for entry in good:
        child = own.get(str(entry.values.get("id") or ""))
        if child is not None:
            yield from _of_row(entry, row(child))


def _of_row(entry: Entry, there: Mapping[str, Any]) -> Iterator[Change]:
    for name, said in entry.values.items():
        if _written(name, entry.values) and plain_value(said) != plain_value(there.get(name)):
            yield Change(
                row=entry.row, column=name, name=str(there.get("name") or ""), stands=there.get(name), said=said
            )


def _written(name: str, values: Mapping[str, Any]) -> bool:
    """Whether a cell writes anything: nobody is removed because its name is empty, and no visit is taken back."""
    who = BY_NAME[name].person
    if who is not None:
        return values.get(f"{who}.name") is not None
    return name not in _UNWRITTEN and (name != "lastVisitedOn" or values[name] is not None)
