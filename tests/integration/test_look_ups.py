"""A child looked up by id while one department does not answer: what is asked ahead hides nothing and ends nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from connectors.source import Aggregate, Bindings, Fetch, Row, Source, SourceError
from hub.hub import Hub
from tests.bench.documents import FULL, IDS, MASKED, POINT, Asker
from tests.faults.outage import problems, unavailable
from tests.support.running import SOURCES, Asking, compose

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("at_once")]

NURSES = Asker(name="medical care", unit="health_commission", purpose="medical_care")
LAWYERS = Asker(name="supervision", unit="district_procuratorate", purpose="legal_supervision")
RESCUERS = Asker(name="emergency", unit="civil_affairs_bureau", purpose="emergency_response")
EVERYWHERE = {"town": "120114", "born": "2008-11-25", "after": None}


@dataclass(slots=True, kw_only=True)
class Switched:
    """A source that can be off."""

    name: str
    inner: Source
    off: set[str] = field(default_factory=set)

    async def fetch(self, fetch: Fetch, bindings: Bindings, *, deadline: float) -> Sequence[Row]:
        """As the inner source, or a failure."""
        if self.name in self.off:
            raise SourceError(self.name, "unreachable")
        return await self.inner.fetch(fetch, bindings, deadline=deadline)

    async def aggregate(self, aggregate: Aggregate, bindings: Bindings, *, deadline: float) -> Sequence[Row]:
        """Nothing here counts."""
        raise AssertionError(aggregate)

    async def ping(self, *, deadline: float) -> None:
        """As the inner source."""
        await self.inner.ping(deadline=deadline)

    async def close(self) -> None:
        """The inner source is not ours to close."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switching:
    """A hub over such sources; what is in ``off`` does not answer."""

    ask: Asking
    off: set[str]


@pytest.fixture(scope="module")
async def switching(hub: Hub, sources: Mapping[str, Source]) -> AsyncIterator[Switching]:
    off = set[str]()
    switched = {name: Switched(name=name, inner=source, off=off) for name, source in sources.items()}
    yield Switching(ask=Asking(hub=compose(switched, hub.recording.log)), off=off)


@pytest.mark.parametrize("asker", [MASKED, FULL, NURSES, LAWYERS, RESCUERS], ids=lambda asker: asker.name)
async def test_whoever_does_not_answer_the_others_do_and_nothing_is_guessed(switching: Switching, asker: Asker) -> None:
    listed = await switching.ask(asker.unit, asker.purpose, IDS, EVERYWHERE, denied="null")
    ids = [edge["node"]["id"] for edge in listed.json["data"]["children"]["edges"]][:40:8]
    assert ids
    wrong, told = list[str](), set[str]()
    for each in ids:
        healthy = await switching.ask(asker.unit, asker.purpose, POINT, {"id": each}, denied="null")
        assert healthy.json["data"]["child"] and not unavailable(healthy.json)
        for name in SOURCES:
            switching.off.add(name)
            outage = await switching.ask(asker.unit, asker.purpose, POINT, {"id": each}, denied="null")
            switching.off.clear()
            for breaker in switching.ask.hub.sources.breakers.values():
                breaker.succeeded()
            wrong += [f"{name} off: {line}" for line in problems(healthy.json, outage.json, name)]
            told |= {name} if unavailable(outage.json) else set()
    assert wrong == []
    assert "civil_affairs" in told
