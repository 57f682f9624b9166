"""Checked rows -> the survey's write steps: the port by which an import stores, and the rule of what it stores.

Guarantee: nothing is stored unless every row passes, or the caller accepts the good ones; then exactly those, all in
one step or none. If we crash in it, the step's own intent and outcome tell which.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hub.survey.check import Checked, Entry


class NotPassedError(Exception):
    """Rows have problems and nobody said that the good ones may be stored without them."""


class Steps(Protocol):
    """The survey's writes, under the rights of the village whose form it is."""

    async def enter(self, village: str, quarter: str, entries: Sequence[Entry]) -> None:
        """Stores exactly these rows as the village's draft of the quarter: all of them, or none and an error."""
        ...


async def store(checked: Checked, steps: Steps, *, village: str, quarter: str, accept_good: bool) -> int:
    """How many rows were stored; raises ``NotPassedError``, and whatever the step raises."""
    if not checked.passed and not accept_good:
        raise NotPassedError("rows have problems: correct them, or accept the good ones")
    if checked.good:
        await steps.enter(village, quarter, checked.good)
    return len(checked.good)
