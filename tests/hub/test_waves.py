"""The first of those who come back waits for the others, for a part of what reading takes, where there were others."""

from __future__ import annotations

import pytest

from hub.waves import LONG, REMEMBERED, SHARE, Wave, Waves


def after(calls: int, took: float) -> Waves:
    waves = Waves()
    waves.read("key", Wave(calls=calls, took=took, ended=10.0))
    return waves


def test_as_many_as_were_answered_are_waited_for_a_part_of_what_reading_took() -> None:
    assert after(31, 0.2).wanted("key", 10.1) == (31, 10.1 + 0.2 / SHARE)


@pytest.mark.parametrize(
    ("calls", "took", "now"), [(1, 0.2, 10.0), (31, LONG / 2, 10.0), (31, 0.2, 10.3)], ids=["alone", "quick", "later"]
)
def test_nobody_waits_for_whom(calls: int, took: float, now: float) -> None:
    assert after(calls, took).wanted("key", now) == (0, now)


def test_calls_of_another_kind_are_not_waited_for_and_old_ones_are_forgotten() -> None:
    waves = after(31, 0.2)
    assert waves.wanted("other", 10.0) == (0, 10.0)
    for number in range(REMEMBERED):
        waves.read(number, Wave(calls=2, took=1.0, ended=10.0))
    assert waves.wanted("key", 10.0) == (0, 10.0)
    assert waves.wanted(0, 10.0)[0] == 2
