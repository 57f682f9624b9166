"""Region, birthday, serial -> citizen id with its GB 11643 check digit; a broken one on purpose.

Guarantee: within one load, two children never share a number unless that is planted. Adults' serials are drawn at
random: nothing joins by them.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK = "10X98765432"

CHILD_REGION = "120114"
ADULT_REGIONS = ("120222", "120222", "120222", "120222", "130984", "341623", "370781", "411526", "510923")
"""Adults of Wuqing were registered while it still was a county (120222); the others married in."""

CHUNKS = 100
PAIRS = 500
"""Serials 000 to 999 are 500 pairs of an even (female) and an odd (male) one; a chunk owns five pairs of every day."""


@lru_cache(maxsize=200_000)
def _day_sum(region: str, ordinal: int) -> tuple[str, int]:
    head = region + date.fromordinal(ordinal).strftime("%Y%m%d")
    return head, sum(int(digit) * weight for digit, weight in zip(head, WEIGHTS, strict=False))


def citizen_id(region: str, ordinal: int, serial: int) -> str:
    """The number of somebody born on day ``ordinal``; ``serial`` 0 to 999, odd for males."""
    head, total = _day_sum(region, ordinal)
    hundreds, rest = divmod(serial, 100)
    tens, ones = divmod(rest, 10)
    return f"{head}{serial:03d}{CHECK[(total + hundreds * 8 + tens * 4 + ones * 2) % 11]}"


def is_valid(number: str) -> bool:
    """Whether the check digit is right."""
    return CHECK[sum(int(digit) * weight for digit, weight in zip(number, WEIGHTS, strict=False)) % 11] == number[17]


def broken(number: str) -> str:
    """The same number with a wrong check digit."""
    return number[:17] + CHECK[(CHECK.index(number[17]) + 1) % 11]


class Serials:
    """Serials of one chunk: unique over all chunks of a load, by day and sex."""

    __slots__ = ("_chunk", "_used")

    def __init__(self, chunk: int) -> None:
        if not 0 <= chunk < CHUNKS:
            raise ValueError(f"chunk `{chunk}` is out of range")
        self._chunk = chunk
        self._used: dict[tuple[int, bool], int] = {}

    def take(self, ordinal: int, male: bool) -> tuple[int, int]:
        """A free (day, serial) of that day, or of the nearest earlier day that has one left."""
        used = self._used
        while (taken := used.get((ordinal, male), 0)) == PAIRS // CHUNKS:
            ordinal -= 1
        used[(ordinal, male)] = taken + 1
        pair = ((self._chunk * (PAIRS // CHUNKS) + taken) * 193 + 57) % PAIRS
        return ordinal, 2 * pair + male
