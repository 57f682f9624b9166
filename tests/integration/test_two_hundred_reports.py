"""Reports of every kind of reporter and concern, each driven to its end over HTTP, while everybody looks and listens.

All take one step a round. After each round every principal sees of every report just what its grants say, and whoever
subscribes over a WebSocket was told once, in order, of every change that it may see, and of no other.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping

import pytest

from connectors.demo.server import Server
from connectors.source import ALWAYS, Source
from tests.support.clusters import throw_away
from tests.support.course import strangers_to
from tests.support.drive import ENDS, ROUNDS, STATUS, Drive, Driven, values_of
from tests.support.followers import following
from tests.support.running import close_all, connect, start_server
from tests.support.served import (
    Child,
    Served,
    children_of,
    entries_of,
    fill_writable,
    serving,
    settings_of,
    today,
)
from tests.support.steps import row_of, rows_of
from tests.support.views import (
    LOOKED_AT,
    OF_REPORTS,
    everybody_sees_what_its_grants_say,
    nobody_else_can,
    one_of_each,
    principals_of,
)
from tests.support.world import World, load

pytestmark = pytest.mark.postgres

FEW, MANY = 18, 200
LOOKS = {number for number, step in enumerate(ROUNDS) if step in STATUS}
"""Rounds after which everybody looks: those that move the reports."""


@pytest.fixture(scope="module")
async def served(written: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """A hub that waits for its databases as long as it takes."""
    folder = tmp_path_factory.mktemp("hub")
    async with serving(settings_of(written, folder / "keys"), folder) as opened:
        yield opened


async def unknown_to_the_police(departments: Mapping[str, Source], people: list[Child]) -> list[Child]:
    """Children of whom nothing was ever reported: what is seen of them follows from the drive alone."""
    rows = await rows_of(departments, "MandatoryReport", ALWAYS, {}, "_citizen")
    known = {row["_citizen"] for row in rows}
    return [child for child in people if child.citizen not in known]


def children_in(people: list[Child], towns: int) -> list[Child]:
    """Children of the towns that have most of them."""
    most = [town for town, _ in Counter(child.town for child in people).most_common(towns)]
    return [child for child in people if child.town in most]


async def stands(drive: Drive, steps: list[tuple[Driven, str]]) -> None:
    """Each report stands where its step leads to."""
    for driven, step in steps:
        if step in STATUS:
            assert await driven.course.status() == STATUS[step]


async def everybody_at_its_end(drive: Drive) -> None:
    """Every end, every kind of reporter and of concern: all as they should be, none twice."""
    for one in drive.driven:
        names = ("status", "reporterUnit", "reporterKind", "concernKinds")
        row = await row_of(drive.departments, "MandatoryReport", one.course.key, *names)
        assert row == dict(zip(names, (one.end, one.reporter, one.kind, [one.concern]), strict=True))
    assert {one.kind for one in drive.driven} == set(values_of("ReporterKind"))
    assert {one.concern for one in drive.driven} == set(values_of("ConcernKind"))
    ends = Counter(one.end for one in drive.driven)
    assert set(ends) == set(ENDS)
    assert max(ends.values()) - min(ends.values()) <= 1
    assert {one.taken[-1] for one in drive.driven if one.end == "MERGED"} == {"mergeReport"}
    assert {len(one.taken) for one in drive.driven if one.end == "MERGED"} == {3, 4}, "from REPORTED and DISPATCHED"


async def every_step_has_its_entries(written: Server) -> None:
    """Each intent has its outcome, and each of them once."""
    documents = [json.loads(entry) for entry in await entries_of(written)]
    named = {
        kind: [(one["request"], one["part"]) for one in documents if one["kind"] == kind]
        for kind in ("intent", "outcome")
    }
    assert sorted(named["intent"]) == sorted(set(named["outcome"])) == sorted(named["outcome"])


async def driven_to_the_end(drive: Drive, strangers: list[str], institutions: Mapping[str, str], *, many: bool) -> str:
    """The whole drive, everybody looking and listening; what was counted.

    ``many``: everybody looks at a third of the rows each time, and tries the steps of every fifth report.
    """

    async def look() -> World:
        return await load(drive.departments, today(), institutions)

    principals, tries, compared = principals_of(drive, strangers, FEW), 0, 0
    before = await look()
    async with following(drive, strangers) as followers:
        for number in range(len(ROUNDS)):
            due = drive.steps(number)
            tries += await nobody_else_can(drive, _tried(due, many=many), strangers)
            steps = await drive.round(number)
            await stands(drive, steps)
            world = await look()
            await followers.after(steps, before, world)
            if number in LOOKS:
                types = LOOKED_AT if number == ROUNDS.index("recordMeasures") else OF_REPORTS
                share = {"one_in": 3 if many else 1, "start": number}
                compared += await everybody_sees_what_its_grants_say(drive, world, principals, types, **share)
            before = world
        await followers.silent(0.5)
    return f"{len(principals)} principals, {tries} tries of others, {compared} values seen, {followers.count} events"


def _tried(due: list[tuple[Driven, str]], *, many: bool) -> list[tuple[Driven, str]]:
    named = [(driven, step) for driven, step in due if step not in ("reportConcern", "care")]
    return named[::5] if many else list(one_of_each(named))


async def test_reports_of_every_kind_reach_their_ends_while_everybody_looks_and_listens(
    served: Served,
    departments: Mapping[str, Source],
    people: list[Child],
    written: Server,
    institutions: Mapping[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    children = children_in(await unknown_to_the_police(departments, people), 2)
    drive = Drive.of(served, departments, children, FEW)
    counted = await driven_to_the_end(drive, strangers_to(children[0], people), institutions, many=False)
    with capsys.disabled():
        print(f"\n{FEW} reports: {counted}")
    await everybody_at_its_end(drive)
    await every_step_has_its_entries(written)


@pytest.mark.soak
async def test_two_hundred_reports_reach_their_ends_while_everybody_looks_and_listens(
    tmp_path_factory: pytest.TempPathFactory, institutions: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    server = start_server(tmp_path_factory.mktemp("many"))
    try:
        folder = tmp_path_factory.mktemp("hub of many")
        await fill_writable(server, children=900, seed=20171124, truth=folder / "truth.jsonl")
        departments = connect(server)
        people = await unknown_to_the_police(departments, await children_of(departments))
        async with serving(settings_of(server, folder / "keys"), folder) as served:
            drive = Drive.of(served, departments, people, MANY)
            counted = await driven_to_the_end(drive, strangers_to(people[0], people), institutions, many=True)
        with capsys.disabled():
            print(f"\n{MANY} reports: {counted}")
        await everybody_at_its_end(drive)
        await every_step_has_its_entries(server)
        await close_all(departments)
    finally:
        throw_away(server)
