"""Confirmed links: a person confirmed for two open files belongs to neither; what is asked once is asked once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import pytest

from connectors.demo.server import Server
from connectors.source import Source
from hub.anywhere import Home, members_anywhere
from hub.files import Files
from hub.planner.facts import ENROLLED
from hub.registry import Registry
from hub.sources import Reading, Sources
from tests.conftest import CHILDREN, SEED
from tests.support.clusters import throw_away
from tests.support.running import TODAY, Asking, close_all, connect, open_hub, start_filled
from tests.support.seen import statements
from tests.support.world import Row, World, load

pytestmark = pytest.mark.postgres

CHILD = "query C($id: ID!) { child(id: $id) { enrolments { edges { node { id } } } } }"
WHO, WHY = "civil_affairs_bureau", "guardianship_protection"


@dataclass(frozen=True, slots=True, kw_only=True)
class Linking:
    """Databases that this test may change; ``person`` is linked to ``file`` alone, ``other`` is a stranger's."""

    server: Server
    sources: Mapping[str, Source]
    ask: Asking
    person: str
    file: Row
    other: Row

    def registry(self) -> Registry:
        """A registry that knows nothing yet."""
        sources = Sources.of(self.sources, deadline=30.0, monotonic=time.monotonic)
        return Registry(reading=Reading(sources=sources, bindings={}), set_limit=20_000)

    async def enrolments(self, file: Row) -> set[str]:
        """Keys of the enrolments that the civil affairs bureau sees below the file."""
        seal = self.ask.hub.seals.of(WHO)
        reply = await self.ask(WHO, WHY, CHILD, {"id": seal.identify("Child", file["_key"], file["_citizen"])})
        assert reply.data and reply.data["child"], reply.json
        nodes = [edge["node"]["id"] for edge in reply.data["child"]["enrolments"]["edges"]]
        return {seal.identified(node, "id")[1] for node in nodes}

    async def world(self) -> World:
        """The rows as they are now."""
        return await load(self.sources, TODAY, {})

    @asynccontextmanager
    async def linked_twice(self) -> AsyncIterator[None]:
        """Meanwhile the person is confirmed for the other file as well."""
        hub = await asyncpg.connect(self.server.dsn("hub"))
        try:
            text = "INSERT INTO link VALUES ('second', 'education', $1, $2, 'CONFIRMED')"
            await hub.execute(text, self.person, self.other["_register"])
            yield
        finally:
            await hub.execute("DELETE FROM link WHERE id = 'second'")
            await hub.close()

    @asynccontextmanager
    async def other_file(self, column: str, value: str) -> AsyncIterator[None]:
        """Meanwhile the other file is closed, or a draft."""
        civil = await asyncpg.connect(self.server.dsn("civil_affairs"))
        try:
            before = await civil.fetchval(f"SELECT {column} FROM etda WHERE dabh = $1", self.other["_register"])
            await civil.execute(f"UPDATE etda SET {column} = $2 WHERE dabh = $1", self.other["_register"], value)
            yield
        finally:
            await civil.execute(f"UPDATE etda SET {column} = $2 WHERE dabh = $1", self.other["_register"], before)
            await civil.close()


@pytest.fixture(scope="module")
async def linking(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Linking]:
    folder = tmp_path_factory.mktemp("linking")
    server = await start_filled(folder, children=CHILDREN, seed=SEED, log_statement="all")
    try:
        sources = connect(server)
        async with open_hub(server, sources) as hub:
            world = await load(sources, TODAY, {})
            link = next(found for found in world.rows("hub", "Link") if joins_by_link(world, found))
            file = world.file(link["_register"])
            other = next(found for found in world.rows("civil_affairs", "Child") if is_plain(world, found))
            assert file is not None
            yield Linking(
                server=server, sources=sources, ask=Asking(hub=hub), person=link["_person"], file=file, other=other
            )
        await close_all(sources)
    finally:
        throw_away(server)


def joins_by_link(world: World, link: Row) -> bool:
    """Whether the link is what joins an enrolment to a young child's open file."""
    file = world.file(link["_register"])
    own = world.by("education", "Enrolment", "_person", link["_person"])
    if file is None or link["_source"] != "education" or link["_status"] != "CONFIRMED" or not own:
        return False
    return open_and_young(file) and all(row["_citizen"] is None or row["_citizen"] != file["_citizen"] for row in own)


def is_plain(world: World, file: Row) -> bool:
    """Whether the file joins by its number alone, and has an enrolment."""
    linked = world.by("hub", "Link", "_register", file["_register"])
    return open_and_young(file) and not linked and bool(world.of_file(file, "Enrolment"))


def open_and_young(file: Row) -> bool:
    return bool(file["_open"] and file["_accepted"] and str(file["birthDate"]) > "2012")


async def test_a_person_confirmed_for_two_open_files_belongs_to_neither(linking: Linking) -> None:
    own, others = await linking.enrolments(linking.file), await linking.enrolments(linking.other)
    assert own and others
    async with linking.linked_twice():
        assert await linking.enrolments(linking.file) == set()
        assert await linking.enrolments(linking.other) == others, "what belongs to it by number still does"
        world = await linking.world()
        assert not world.of_file(linking.file, "Enrolment")
    assert await linking.enrolments(linking.file) == own


@pytest.mark.parametrize(("column", "value"), [("dazt", "0"), ("sfsh", "0")])
async def test_a_link_to_a_closed_file_or_a_draft_makes_no_second(linking: Linking, column: str, value: str) -> None:
    own = await linking.enrolments(linking.file)
    async with linking.linked_twice(), linking.other_file(column, value):
        assert await linking.enrolments(linking.file) == own
        files = await linking.registry().files_of("education", [(linking.person, None)])
        assert set(files.citizen) == {linking.file["_register"]}


async def test_a_fact_about_a_person_confirmed_for_two_files_counts_for_neither(linking: Linking) -> None:
    mine, other = linking.file["_register"], linking.other["_register"]
    assert set((await linking.registry().files_of("education", [(linking.person, None)])).citizen) == {mine}
    async with linking.linked_twice():
        registry = linking.registry()
        assert not (await registry.files_of("education", [(linking.person, None)])).citizen
        for by_number in (False, True):
            home = Home(name="civil_affairs", by_number=by_number)
            found = (await members_anywhere(registry, [ENROLLED], home))[ENROLLED]
            assert isinstance(found, dict) and mine not in found["enrolled.register"]
        files = await registry.files([mine, other])
        assert await registry.holding(ENROLLED, files) == frozenset({other})
        assert linking.person not in await registry.persons("education", [mine, other])
        members = await registry.membership(ENROLLED, frozenset({mine, other}), "education", files)
        assert linking.person not in members[f"{ENROLLED.name}.person"]


async def test_facts_that_are_asked_at_once_share_one_statement_about_links(linking: Linking) -> None:
    registry, registers = linking.registry(), [linking.file["_register"], linking.other["_register"]]
    start = linking.server.log.stat().st_size
    asked = ("education", "public_security", "courts", "procuratorate", "education", "civil_affairs")
    found = await asyncio.gather(*(registry.persons(source, registers) for source in asked))
    assert found[0] == found[4] == {linking.person: linking.file["_register"]}
    assert found[5] == {}, "civil affairs joins by the register itself"
    seen = [statement.table for statement in statements(linking.server.log, start, "hub_read")]
    assert sorted(seen) == ["etda", "link"]


async def test_whether_there_are_links_does_not_change_what_is_asked(linking: Linking) -> None:
    async def tables(registers: list[str]) -> list[str]:
        start = linking.server.log.stat().st_size
        await linking.registry().persons("education", registers)
        return [statement.table for statement in statements(linking.server.log, start, "hub_read")]

    assert await tables([linking.file["_register"]]) == await tables(["-"]) == await tables([]) == ["link", "etda"]
    assert not Files(citizen={}) and Files(citizen={"x": None})
