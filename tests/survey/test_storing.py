"""What an import hands to the survey's steps: exactly the rows that pass, and nothing unless it may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from hub.survey.check import Checked, Entry
from hub.survey.storing import NotPassedError, store
from tests.survey.forms import VILLAGE, rows
from tests.survey.test_check import checked


@dataclass
class Taken:
    """Keeps the port and notes what it is given; fails if told to, as a step that could not store."""

    fails: bool = False
    calls: list[tuple[str, str, tuple[Entry, ...]]] = field(default_factory=list)

    async def enter(self, village: str, quarter: str, entries: Sequence[Entry]) -> None:
        if self.fails:
            raise ConnectionError
        self.calls.append((village, quarter, tuple(entries)))


def broken() -> Checked:
    written = rows(1, 6)
    written[2]["sex"] = written[4]["name"] = "?"
    return checked(written)


async def test_a_form_that_passes_is_stored_whole_in_one_step() -> None:
    steps, found = Taken(), checked(rows(1, 6))
    assert await store(found, steps, village=VILLAGE, quarter="2026Q4", accept_good=False) == 6
    assert steps.calls == [(VILLAGE, "2026Q4", found.good)]


async def test_a_form_with_a_problem_stores_nothing() -> None:
    steps = Taken()
    with pytest.raises(NotPassedError):
        await store(broken(), steps, village=VILLAGE, quarter="2026Q4", accept_good=False)
    assert steps.calls == []


async def test_where_the_good_rows_are_accepted_exactly_those_are_stored() -> None:
    steps = Taken()
    assert await store(broken(), steps, village=VILLAGE, quarter="2026Q4", accept_good=True) == 4
    ((_, _, entries),) = steps.calls
    assert [entry.row for entry in entries] == [1, 2, 4, 6]


async def test_a_form_without_a_good_row_asks_for_no_step() -> None:
    steps = Taken()
    written = rows(1, 1)
    written[0]["sex"] = "?"
    assert await store(checked(written), steps, village=VILLAGE, quarter="2026Q4", accept_good=True) == 0
    assert steps.calls == []


async def test_a_step_that_fails_is_the_callers_to_hear_of() -> None:
    with pytest.raises(ConnectionError):
        await store(checked(rows(1, 2)), Taken(fails=True), village=VILLAGE, quarter="2026Q4", accept_good=False)
