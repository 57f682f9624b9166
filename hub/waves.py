"""Batches that were read -> for whom the next batch of the same calls waits, and how long.

Reading that takes long is shared by all who are there when it begins. Whoever the last batch answered comes back one
after another, so the first of them waits for the others: a small part of what reading takes, and never for callers
who were alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

LONG: Final = 0.02
"""Seconds of reading from which on it pays to wait for others."""
SHARE: Final = 4
"""The part of the last reading's time that is waited at most."""
REMEMBERED: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """A batch that was read: how many calls it held, how long it took, when it ended. Times in seconds."""

    calls: int
    took: float
    ended: float


@dataclass(slots=True, kw_only=True)
class Waves:
    """The last batch of each kind of call."""

    last: OrderedDict[Hashable, Wave] = field(default_factory=OrderedDict)

    def read(self, key: Hashable, wave: Wave) -> None:
        """A batch was read."""
        self.last[key] = wave
        self.last.move_to_end(key)
        if len(self.last) > REMEMBERED:
            self.last.popitem(last=False)

    def wanted(self, key: Hashable, now: float) -> tuple[int, float]:
        """So many calls are waited for, until then at the latest; (0, now) if nobody is."""
        last = self.last.get(key)
        if last is None or last.calls < 2 or last.took < LONG or now - last.ended > last.took:
            return 0, now
        return last.calls, now + last.took / SHARE
