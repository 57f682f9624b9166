"""Calls that ask the same pages leave together, the oldest first, and no more pages than are worth waiting for."""

from __future__ import annotations

import pytest

from hub.calls import Call
from hub.departure import LARGEST, ROWS, departing
from tests.hub.test_calls import BUREAU, NoLog, Reading
from tests.support.running import compose

ASKED = "(first: 100, filter: {divisionCode: {under: $town}}) { edges { node { name } } }"
PAGE = f"query Page($town: DivisionCode!) {{ children{ASKED} }}"
ROOTS = " ".join(f"a{number}: children{ASKED}" for number in range(ROWS // 100 + 1))
PAGES = f"query Pages($town: DivisionCode!) {{ {ROOTS} }}"
ONE = "query One($id: ID!) { child(id: $id) { name } }"


@pytest.fixture(scope="module")
def reading() -> Reading:
    return Reading(compose({}, NoLog()))


def pages(reading: Reading, towns: str, query: str = PAGE) -> list[Call]:
    """A call for each letter, of the town for which the letter stands."""
    return [reading.call(BUREAU, query, town=f"1201141{ord(letter) - 97:02}") for letter in towns]


def towns(calls: list[Call]) -> str:
    """The letters of the calls' towns."""
    first = [next(wish for wish in call.wishes.values() if wish is not None) for call in calls]
    named = [str(wish.asked[wish.reach.number].values[0]) for wish in first]
    return "".join(chr(97 + int(town[-2:])) for town in named)


def test_a_share_leaves_whole_and_the_one_that_waits_longest_leaves_first(reading: Reading) -> None:
    calls = pages(reading, "abcdefabcdefa")
    leaving, staying = departing(calls)
    assert (towns(leaving), towns(staying)) == ("aaabbccdd", "efef")
    assert [towns(part) for part in departing([*staying, *pages(reading, "ae")])] == ["eeeffa", ""]


def test_what_is_more_than_a_batch_leaves_alone(reading: Reading) -> None:
    leaving, staying = departing(pages(reading, "aba", PAGES))
    assert (towns(leaving), towns(staying)) == ("aa", "b")


def test_of_look_ups_as_many_leave_as_fit_in_a_batch(reading: Reading) -> None:
    calls = [reading.call(BUREAU, ONE, id=reading.id(BUREAU, "Child", f"LS{number:012}")) for number in range(LARGEST)]
    more = [reading.call(BUREAU, ONE, id=reading.id(BUREAU, "Child", "LS999999999999"))]
    leaving, staying = departing([*calls, *more])
    assert leaving == calls
    assert staying == more


def test_those_who_ask_alike_leave_together_however_many_they_are(reading: Reading) -> None:
    calls = pages(reading, "a" * (LARGEST + 1) + "b")
    assert [towns(part) for part in departing(calls)] == ["a" * (LARGEST + 1), "b"]
