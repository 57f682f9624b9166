"""Hubs over the shared databases whose departments can be switched off."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from connectors.source import Source
from hub.hub import Hub
from hub.sources import Sources
from tests.faults.switched import Switched
from tests.support.running import Asking, compose


@dataclass(frozen=True, slots=True, kw_only=True)
class Departments:
    """A hub of its own over the shared databases, a switch before each."""

    switches: Mapping[str, Switched]
    ask: Asking


@pytest.fixture(scope="session")
def departments(hub: Hub, sources: Mapping[str, Source]) -> Departments:
    """Every breaker's pause is over at the next call, so that one outage does not colour the next question."""
    switches = {name: Switched(inner=source, name=name) for name, source in sources.items()}
    composed = compose(switches, hub.recording.log)
    ticks = itertools.count(0, 10)
    composed.sources = Sources.of(switches, deadline=30.0, monotonic=lambda: float(next(ticks)))
    return Departments(switches=switches, ask=Asking(hub=composed))
