"""Statements asked ahead, the files that were found -> pages of rows below these, where nothing else must be known.

Guarantee: a page given here is the page that ``Execution.linked`` would give, of the same statement with the same
parameters. Where that is not sure (a file is not there or has another number, somebody is linked to it, a row or value
is undecided, the department did not answer) none is given, and all goes its usual way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from connectors.source import Fetch, Row, SourceError
from hub.executor import NOTHING, Execution, Page, Record, places
from hub.planner.arguments import Arguments
from hub.planner.fetches import Form, told_with
from hub.planner.plan import Reach
from hub.planner.relations import CHILD
from hub.sources import rows_of


class Hanging(NamedTuple):
    """Rows below files: of which files, by which numbers, and what was found."""

    form: Form
    files: Mapping[str, str | None]
    fetch: Fetch
    found: asyncio.Task[Sequence[Row] | SourceError]


def hang(
    execution: Execution,
    reach: Reach,
    files: Mapping[str, str | None],
    form: Form,
    fetch: Fetch,
    bindings: Mapping[str, Any],
) -> asyncio.Task[Sequence[Row] | SourceError]:
    """Asks now for the rows below the files, as ``Reading.fetch_ahead``, and remembers of whom."""
    found = execution.reading.fetch_ahead(fetch, bindings)
    execution.hanging[reach.number] = Hanging(form, files, fetch, found)
    return found


@dataclass(slots=True, kw_only=True)
class AtHand:
    """Rows that exist for the caller, and what is known already of those below them."""

    execution: Execution
    parent: Reach
    parents: Sequence[Record]
    files: Mapping[str, str | None] | None
    unlinked: bool | None = None
    """Whether it is there that nobody elsewhere is linked to the files; None: not looked at."""

    @classmethod
    def of(cls, execution: Execution, parent: Reach, parents: Sequence[Record]) -> AtHand:
        """What is known of rows of a reach."""
        files = None
        if parent.type_name == "Child":
            register, citizen = parent.keys["_register"], parent.keys["_citizen"]
            files = {record.values[register]: record.values[citizen] for record in parents}
        return cls(execution=execution, parent=parent, parents=parents, files=files)

    def pages(self, reach: Reach, arguments: Arguments) -> list[Page] | None:
        """For each of the rows the page below it, if all that decides them is there already."""
        hanging = self.execution.hanging.get(reach.number)
        if (
            hanging is None
            or hanging.form.arguments is not arguments
            or hanging.files != self.files
            or reach.join is None
        ):
            return None
        # Where a row might be hidden, facts are asked whether there is one or not.
        if hanging.fetch.certain is not None and not told_with(self.parent, reach, hanging.form):
            return None
        if (rows := rows_of(hanging.found)) is None:
            return None
        above, own = reach.join
        if reach.join == CHILD:
            above = own = "_citizen"
            if self.unlinked is None:
                self.unlinked = self.execution.registry.unlinked(hanging.files)
            if not self.unlinked:
                return None
        return _dealt(reach, hanging, rows, reach.keys[own], self.parents, self.parent.keys[above])


def _dealt(
    reach: Reach, hanging: Hanging, rows: Sequence[Row], own: int, parents: Sequence[Record], slot: int
) -> list[Page] | None:
    """To each parent the rows whose value at ``own`` is its value at ``slot``."""
    states, certain, place = places(reach, hanging.fetch)
    groups: dict[Any, list[Record]] = {}
    for row in rows:
        state = None if states is None else row[states]
        if (state is not None and "u" in state) or (certain is not None and not row[certain]):
            return None
        groups.setdefault(row[own], []).append(Record(row, state, True, place))
    groups[None] = []  # whoever has no number is not known by it
    return [_page(groups.get(record.values[slot], ()), hanging.form.arguments.first) for record in parents]


def _page(records: Sequence[Record], first: int) -> Page:
    return Page(tuple(records[:first]), len(records) > first) if records else NOTHING
