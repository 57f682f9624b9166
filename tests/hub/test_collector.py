"""When the cycle collector runs: while idle, not while busy, and documents need it for nothing."""

from __future__ import annotations

import asyncio
import gc
import weakref
from itertools import count

import pytest

from hub.collector import LATE, PAUSE, collect_when_idle, settle
from hub.document import Documents
from hub.settings import Limits
from schema.build import whole


async def _seconds(busy: float, seconds: int) -> int:
    """Collections in so many seconds of which that share was used."""
    now, collected = 0.0, 0

    async def sleep(pause: float) -> None:
        nonlocal now
        now += pause
        if now > seconds:
            raise asyncio.CancelledError

    def collect() -> None:
        nonlocal collected
        collected += 1

    with pytest.raises(asyncio.CancelledError):
        await collect_when_idle(used=lambda: now * busy, clock=lambda: now, sleep=sleep, collect=collect)
    return collected


async def test_everything_is_collected_while_idle_and_never_while_busy() -> None:
    """At most once in a pause."""
    assert await _seconds(0.02, int(PAUSE) * 3 + 5) == 3
    assert await _seconds(0.5, int(PAUSE) * 3 + 5) == 0


async def test_a_process_that_is_never_idle_is_collected_in_the_end() -> None:
    """Cycles that grew old would stay for ever."""
    assert await _seconds(0.5, int(LATE) + 5) == 1


def test_no_collection_of_old_objects_is_started_by_counting() -> None:
    """They grow with what is remembered, and so would the pause."""
    before = gc.get_threshold()
    try:
        settle()
        young, middle, old = gc.get_threshold()
        assert young * middle <= 10_000
        assert old > 1_000_000
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def test_a_document_that_is_forgotten_is_freed_without_the_collector() -> None:
    """With the oldest go the tokens of its text, which graphql-core chains to each other."""
    documents = Documents(whole(), Limits(documents=1))
    names = (f"query D{number} {{ children {{ edges {{ cursor }} }} }}" for number in count())
    gc.disable()
    try:
        first = documents.read(next(names), None, None)
        assert first.node.loc is not None
        left = weakref.ref(first.node)
        token = first.node.loc.start_token
        assert token.next is None
        documents.read(next(names), None, None)
        del first, token
        assert left() is None
    finally:
        gc.enable()


def test_what_is_remembered_is_bounded_by_the_length_of_texts_as_well() -> None:
    """A thousand documents near the limits would be most of the memory of the process."""
    documents = Documents(whole(), Limits(documents=1_000))
    padding = "# " + "x" * 16_000
    for number in range(40):
        documents.read(f"query D{number} {{ children {{ edges {{ cursor }} }} }} {padding}", None, None)
    remembered = documents._known
    assert 20 <= len(remembered) <= 25
    assert documents._size == sum(parsed.size for parsed in remembered.values())
