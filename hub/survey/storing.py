"""Checked rows -> the survey's write steps: the port by which an import stores, and the rule of what it stores.

Guarantee: nothing is stored unless every row passes, or the caller accepts the good ones; then exactly those. They are
a draft until the village submits; if we crash among them, the same call started again stores what is left and nothing
twice.
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
        """Stores exactly these rows in the village's draft of the quarter, or fails with an error.

        What was stored before an error stays, and is passed over when the same rows are entered again.
        """
        ...


async def store(checked: Checked, steps: Steps, *, village: str, quarter: str, accept_good: bool) -> int:
    """How many rows were stored; raises ``NotPassedError``, and whatever the step raises."""
    if not checked.passed and not accept_good:
        raise NotPassedError("rows have problems: correct them, or accept the good ones")
    if checked.good:
        await steps.enter(village, quarter, checked.good)
    return len(checked.good)
