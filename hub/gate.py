"""How many at once, and how many a second: one caller's flood is not another's wait, and fills no log."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hub.errors import RefusalError


@dataclass(slots=True)
class Gate:
    """At most ``maximum`` requests of one principal at once, so that one unit's flood is not another's wait."""

    maximum: int
    _under_way: dict[str, int] = field(default_factory=dict)

    def passing(self, key: str) -> Place:
        """Holds a place for the principal; entering raises RATE_LIMITED if there is none."""
        return Place(self, key)

    def enter(self, key: str) -> None:
        """Takes a place; raises RATE_LIMITED if there is none."""
        count = self._under_way.get(key, 0)
        if count >= self.maximum:
            raise RefusalError(
                "RATE_LIMITED",
                f"{self.maximum} requests of this principal are under way, wait for one of them",
                limit="concurrency",
                maximum=self.maximum,
            )
        self._under_way[key] = count + 1

    def leave(self, key: str) -> None:
        """Gives a place back."""
        left = self._under_way[key] - 1
        if left:
            self._under_way[key] = left
        else:
            del self._under_way[key]


@dataclass(frozen=True, slots=True)
class Place:
    """A principal's place in a gate, for the time of a block."""

    gate: Gate
    key: str

    def __enter__(self) -> None:
        self.gate.enter(self.key)

    def __exit__(self, *_: object) -> None:
        self.gate.leave(self.key)


@dataclass(slots=True)
class Bucket:
    """``rate`` tokens a second: callers without a credential cannot fill the log."""

    rate: float
    clock: Callable[[], float] = time.monotonic
    _level: float = 0.0
    _at: float = float("-inf")

    def take(self) -> bool:
        """Whether there was a token left."""
        now = self.clock()
        self._level = min(self.rate, self._level + (now - self._at) * self.rate)
        self._at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True
