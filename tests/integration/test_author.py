"""The police learn who reported from the pseudonym in the log; nobody else does, and each try is an entry."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from connectors.demo.server import Server
from connectors.source import Source
from hub.commands.audit_author import reporters
from hub.commands.outcome import MISCONFIGURED, REFUSED
from hub.service import read_policy
from hub.settings import Settings
from tests.integration.test_family import KINDS, OWN_REPORTS, POLICE, Family, reported_by
from tests.support.running import CASE
from tests.support.world import World

pytestmark = pytest.mark.postgres


@pytest.fixture
async def family(server: Server, sources: Mapping[str, Source], tmp_path: Path) -> AsyncIterator[Family]:
    made = Family(server, sources, tmp_path, "family_author")
    await made.drop()
    await made.make()
    yield made
    await made.drop()


@pytest.mark.parametrize("kind", KINDS)
async def test_the_police_resolve_the_pseudonym_and_that_is_an_entry(family: Family, world: World, kind: str) -> None:
    _, author = reported_by(world, kind)
    await family.ask((author, "emergency_response", OWN_REPORTS, None))
    [act] = await family.entries()
    pseudonym = str(act["unit"])
    assert pseudonym.startswith("a-")
    told = await family.cli("author", pseudonym, "--case", CASE)
    assert (told.exit_code, told.stdout.strip()) == (0, author), told.output
    refused = await family.cli("author", pseudonym, "--unit", "district_procuratorate", "--case", CASE)
    assert refused.exit_code == REFUSED and "NOT_ENTITLED" in refused.stderr and author not in refused.output
    looks = [each for each in await family.entries() if each != act]
    assert [(each["kind"], each["unit"], each["decision"]) for each in looks] == [
        ("look", POLICE, "ALLOWED"),
        ("refusal", "district_procuratorate", "DENIED"),
    ]
    assert all(each["facts"] == ["act=author", f"author={pseudonym}"] for each in looks)
    assert all(author not in str(each) for each in looks)


async def test_what_is_no_pseudonym_is_told_and_an_unknown_one_is_an_entry(family: Family) -> None:
    wrong = await family.cli("author", "village_committee:120114101204")
    assert (wrong.exit_code, "a-" in wrong.stderr) == (MISCONFIGURED, True)
    assert await family.entries() == []
    unknown = await family.cli("author", "a-" + "x" * 22)
    assert unknown.exit_code == REFUSED and "no unit" in unknown.stderr
    assert [each["kind"] for each in await family.entries()] == ["look"]


def test_every_key_that_may_report_is_tried() -> None:
    keys = set(reporters(read_policy(Settings())))
    assert {"education_bureau", "town_government:120114101", "village_committee:120114101204"} <= keys
    assert sum(key.startswith("mandatory_reporter:") for key in keys) > 20
