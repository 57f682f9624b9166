"""A source that fails: asked no more in this batch, left alone for a while, tried again by one; never an empty list."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.memory import Fault, MemorySource
from connectors.source import Aggregate, Bucket, Column, Compare, Fetch, Param, SourceError
from hub.sources import BREAK_AFTER, OPEN_SECONDS, Breaker, Reading, Sources

FETCH = Fetch(
    source="courts",
    relation="GuardianshipCase",
    columns=(Column(name="_key"),),
    where=Compare("_applicant", "eq", Param("me")),
)
COUNT = Aggregate(source="courts", relation="GuardianshipCase", by=(Bucket(column="cause"),))


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Court:
    """The court's source, a clock, and readings of it."""

    clock: Clock = field(default_factory=Clock)
    source: MemorySource = field(
        default_factory=lambda: MemorySource(
            name="courts",
            relations={
                "GuardianshipCase": [{"_key": "L1", "_applicant": "me", "cause": "REVOKE", "_person": "C1"}],
            },
        )
    )
    sources: Sources = field(init=False)

    def __post_init__(self) -> None:
        self.sources = Sources.of({"courts": self.source}, deadline=0.2, monotonic=self.clock)

    def reading(self) -> Reading:
        return Reading(sources=self.sources, bindings={"me": "me"})

    async def fails(self, times: int) -> None:
        self.source.outage = Fault(kind="fail")
        for _ in range(times):
            with pytest.raises(SourceError):
                await self.reading().fetch(FETCH, {})


async def test_what_a_request_binds_goes_with_every_statement() -> None:
    reading = Court().reading()
    assert [list(row) for row in await reading.fetch(FETCH, {})] == [["L1"]]
    assert await reading.fetch(FETCH, {"me": "another"}) == []
    assert [list(row) for row in await reading.aggregate(COUNT, {})] == [["REVOKE", 1]]


async def test_a_source_that_failed_is_not_asked_again_in_the_same_batch() -> None:
    court = Court()
    court.source.faults.append(Fault(kind="fail", reason="timeout"))
    reading = court.reading()
    for asked in (FETCH, FETCH):
        with pytest.raises(SourceError) as found:
            await reading.fetch(asked, {})
        assert found.value.reason == "timeout"
    with pytest.raises(SourceError):
        await reading.aggregate(COUNT, {})
    assert court.source.calls == 1
    assert reading.down["courts"].reason == "timeout"


async def test_another_batch_asks_it_again() -> None:
    court = Court()
    await court.fails(1)
    court.source.outage = None
    assert len(await court.reading().fetch(FETCH, {})) == 1


async def test_after_failures_in_a_row_the_breaker_opens_and_nothing_is_asked() -> None:
    court = Court()
    await court.fails(BREAK_AFTER)
    asked = court.source.calls
    with pytest.raises(SourceError) as found:
        await court.reading().fetch(FETCH, {})
    assert found.value.reason == "open"
    assert court.source.calls == asked


async def test_after_a_pause_one_call_tries_and_the_others_still_wait() -> None:
    court = Court()
    await court.fails(BREAK_AFTER)
    court.clock.now += OPEN_SECONDS
    asked = court.source.calls
    for _ in range(3):
        with pytest.raises(SourceError):
            await court.reading().fetch(FETCH, {})
    assert court.source.calls == asked + 1


async def test_the_try_that_succeeds_closes_the_breaker() -> None:
    court = Court()
    await court.fails(BREAK_AFTER)
    court.clock.now += OPEN_SECONDS
    court.source.outage = None
    for _ in range(3):
        assert len(await court.reading().fetch(FETCH, {})) == 1


async def test_a_deadline_that_passes_is_a_timeout() -> None:
    court = Court()
    court.source.outage = Fault(kind="hang")
    with pytest.raises(SourceError) as found:
        await court.reading().fetch(FETCH, {})
    assert found.value.reason == "timeout"


async def test_one_source_down_leaves_the_others_alone() -> None:
    down = MemorySource(name="courts", relations={}, outage=Fault(kind="fail"))
    up = MemorySource(name="hub", relations={"Link": [{"_key": "1"}]})
    reading = Reading(
        sources=Sources.of({"courts": down, "hub": up}, deadline=1.0, monotonic=Clock()), bindings={"me": "me"}
    )
    with pytest.raises(SourceError):
        await reading.fetch(FETCH, {})
    links = Fetch(source="hub", relation="Link", columns=(Column(name="_key"),))
    assert len(await reading.fetch(links, {})) == 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=30))
def test_a_breaker_is_closed_after_any_success_and_open_only_after_failures_in_a_row(
    steps: list[tuple[float, bool]],
) -> None:
    breaker, now, failed, tries = Breaker(), 0.0, 0, 0
    for pause, works in steps:
        now += pause
        allowed = breaker.allows(now)
        assert allowed or failed >= BREAK_AFTER
        if not allowed:
            continue
        tries += 1
        if works:
            breaker.succeeded()
            failed = 0
        else:
            breaker.failed(now)
            failed += 1
            assert breaker.allows(now) == (failed < BREAK_AFTER)
    assert tries <= len(steps)
