"""A guardian asks who has read a child's data, from requests to the printed page; nobody is told who reported."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import asyncpg
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner, Result

from connectors.demo.server import Server
from connectors.source import Source
from hub.audit.entry import Pseudonyms
from hub.audit.keys import SigningKey
from hub.audit.log import Log
from hub.audit.reader import Reader
from hub.audit.session import Session, install
from hub.cli import app
from hub.commands.outcome import MISCONFIGURED, REFUSED
from hub.hub import Hub
from hub.secrets import open_secrets
from tests.support.running import CASE, SHANGHAI, Asking, compose
from tests.support.world import Row, World

pytestmark = pytest.mark.postgres

LONG_AGO = datetime(2017, 6, 1, 10, tzinfo=SHANGHAI)
ORIGIN = "family.test/log"
OWN_REPORTS = "{ mandatoryReports(first: 100) { edges { node { id status } } } }"
BESIDE = """{ mandatoryReports(first: 100) { edges { node { id status incident { id measures } } } }
  children(first: 100) { edges { node { id name divisionCode } } } }"""
CHILD = """query Child($number: CitizenId!) { child(citizenId: $number) { id name divisionCode
  enrolments(first: 5) { edges { node { id status } } } incidents(first: 5) { edges { node { id measures } } } } }"""
LIST = "{ children(first: 100) { edges { node { id name divisionCode leftBehindType } } } }"
KINDS = ("SCHOOL", "VILLAGE_COMMITTEE", "MEDICAL_INSTITUTION")
POLICE, PROCURATORATE = "public_security_bureau", "district_procuratorate"


def run(config: Path, *arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["--config", str(config), "audit", *arguments], input=stdin)


def undated(text: str) -> str:
    """The page without its day of issue: two are printed one after the other, perhaps around midnight."""
    return "\n".join(line for line in text.splitlines() if not line.startswith("出具日期"))


class Family:
    """A log of its own in the shared server, a hub that writes to it, and the command line over it."""

    def __init__(self, server: Server, sources: Mapping[str, Source], folder: Path, name: str) -> None:
        self.server, self.sources, self.name = server, sources, name
        self.keys, self.config = folder / "keys", folder / f"{name}.toml"
        self.dsn = server.dsn(name)
        self.config.write_text(
            f'origin = "{ORIGIN}"\nfsync_required = false\nkeys = {json.dumps(str(self.keys))}\n'
            f"[databases]\nlog = {json.dumps(self.dsn)}\n",
            "utf-8",
        )

    async def make(self) -> None:
        await self._owner(f"create database {self.name}")
        await install(self.dsn)

    async def drop(self) -> None:
        await self._owner(f"drop database if exists {self.name} with (force)")

    async def _owner(self, statement: str) -> None:
        owner = await asyncpg.connect(self.server.dsn("postgres"))
        await owner.execute(statement)
        await owner.close()

    async def ask(self, *requests: tuple[str, str, str, str | None]) -> int:
        """Makes requests (principal, purpose, document, citizen id), one after another; how many receipts came."""
        receipts = 0
        names = Pseudonyms(open_secrets(self.keys, origin=ORIGIN).pseudonyms)
        key = SigningKey.of(ORIGIN, Ed25519PrivateKey.generate())
        async with Log.opened(self.dsn, key=key, durable=False, patience=60.0) as log:
            made = compose(self.sources, log)
            recording = replace(made.recording, pseudonyms=names, clock=lambda: LONG_AGO)
            hub: Hub = replace(made, pseudonyms=names, recording=recording)
            asking = Asking(hub=hub)
            for unit, purpose, document, number in requests:
                variables = {} if number is None else {"number": number}
                reply = await asking(unit, purpose, document, variables, case=CASE, denied="null")
                receipts += len(reply.json["extensions"])
        return receipts

    async def entries(self) -> list[dict[str, object]]:
        reader = Reader(Session(self.dsn, name="test", durable=False))
        kept = await reader.last(1_000)
        await reader.close()
        return [orjson.loads(each.data) for each in kept]

    async def cli(self, *arguments: str, stdin: str | None = None) -> Result:
        return await asyncio.to_thread(run, self.config, *arguments, stdin=stdin)

    async def page(self, file: Row) -> str:
        both = ("--citizen-id", "-", "--register", "-")
        result = await self.cli("subject", *both, stdin=f"{file['_citizen']}\n{file['_register']}\n")
        assert result.exit_code == 0, result.output
        return undated(result.stdout)


@pytest.fixture
async def families(
    server: Server, sources: Mapping[str, Source], tmp_path: Path
) -> AsyncIterator[tuple[Family, Family]]:
    """A log in which nobody reported, and one in which somebody did."""
    made = Family(server, sources, tmp_path, "family_quiet"), Family(server, sources, tmp_path, "family_reported")
    for family in made:
        await family.drop()
        await family.make()
    yield made
    for family in made:
        await family.drop()


def reported_by(world: World, kind: str) -> tuple[Row, str]:
    """A child on file and the unit key that reported it."""
    for report in world.rows("public_security", "MandatoryReport"):
        files = world.files_of("MandatoryReport", report)
        if report["reporterKind"] == kind and report["reporterUnit"] and len(files) == 1 and files[0]["_citizen"]:
            return files[0], str(report["reporterUnit"])
    raise AssertionError(f"no child was reported by a {kind}")


def ordinary(file: Row) -> list[tuple[str, str, str, str | None]]:
    """What would be read of the child if nobody had reported, and by the police if somebody else had."""
    village = str(file["_division"])
    return [
        ("education_bureau", "dropout_control", CHILD, file["_citizen"]),
        (f"village_committee:{village}", "guardianship_protection", LIST, None),
        ("civil_affairs_bureau", "data_reconciliation", CHILD, file["_citizen"]),
        (f"town_government:{village[:9]}", "guardianship_protection", CHILD, file["_citizen"]),
        (POLICE, "emergency_response", CHILD, file["_citizen"]),
        (POLICE, "emergency_response", OWN_REPORTS, None),
        (PROCURATORATE, "legal_supervision", CHILD, file["_citizen"]),
    ]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_page_is_the_same_to_the_byte_whether_its_neighbours_reported_or_not(
    families: tuple[Family, Family], world: World, institutions: Mapping[str, str], kind: str
) -> None:
    quiet, reported = families
    file, author = reported_by(world, kind)
    bureau = institutions.get(author.partition(":")[2], "civil_affairs_bureau")
    traces = [
        (unit, "emergency_response", document, None) for unit in (author, bureau) for document in (OWN_REPORTS, BESIDE)
    ]
    await quiet.ask(*ordinary(file))
    receipts = await reported.ask(*traces, *ordinary(file), *traces)
    kept = await reported.entries()
    assert len(kept) == receipts >= len(await quiet.entries()) + 2 * len(traces)
    assert any(str(each["unit"]).startswith("a-") for each in kept)
    assert not any("INVALID_DOCUMENT" in str(each["errors"]) for each in kept)

    before = await quiet.page(file)
    assert before == await reported.page(file)
    reads = before.partition("二、说明")[0]
    assert all(word in reads for word in ("区民政局", "镇人民政府", "村(居)民委员会")), reads
    assert not any(word in reads for word in ("公安", "检察", "办案材料", "强制报告")), reads
    number = ("--citizen-id", str(file["_citizen"]), "--register", str(file["_register"]))
    for family in families:
        for holder in (POLICE, PROCURATORATE):
            done = await family.cli("release", holder, *number, "--case", CASE)
            assert done.exit_code == 0, done.output
    after = await quiet.page(file)
    assert after == await reported.page(file)
    assert "公安武清分局" in after and before != after
    for hidden in (file["_citizen"], file["_register"], author, CASE, "T0001", "报告单位"):
        assert str(hidden) not in after


async def test_holds_releases_refusals_and_looks_are_entries(families: tuple[Family, Family], world: World) -> None:
    family, _ = families
    file, _ = reported_by(world, "SCHOOL")
    await family.ask((POLICE, "emergency_response", CHILD, file["_citizen"]))
    number = ("--citizen-id", str(file["_citizen"]), "--purpose", "emergency_response", "--case", CASE)
    assert "公安武清分局" not in await family.page(file)
    assert (await family.cli("release", POLICE, *number)).exit_code == 0
    assert "公安武清分局" in await family.page(file)
    assert (await family.cli("hold", PROCURATORATE, *number)).exit_code == 0
    assert "公安武清分局" not in await family.page(file)
    refused = await family.cli("release", "education_bureau", *number)
    assert refused.exit_code == REFUSED and "NOT_ENTITLED" in refused.stderr
    assert "公安武清分局" not in await family.page(file)
    assert (await family.cli("release", PROCURATORATE, *number)).exit_code == 0
    assert "公安武清分局" in await family.page(file)
    acts = [each for each in await family.entries() if each["kind"] != "disclosure"]
    assert [(each["kind"], each["unit"]) for each in acts if each["kind"] != "look"] == [
        ("release", POLICE),
        ("hold", PROCURATORATE),
        ("refusal", "education_bureau"),
        ("release", PROCURATORATE),
    ]
    looks = [each for each in acts if each["kind"] == "look"]
    assert len(looks) == 5
    assert all((each["unit"], each["purpose"], len(each["subjects"])) == ("auditor", "audit", 2) for each in looks)  # type: ignore[arg-type]
    assert str(file["_citizen"]) not in json.dumps(acts)


async def test_what_is_typed_wrong_is_told_and_is_no_entry(
    families: tuple[Family, Family], monkeypatch: pytest.MonkeyPatch
) -> None:
    family, _ = families
    await family.ask()
    for arguments, words in [
        (("subject",), "--citizen-id"),
        (("subject", "--citizen-id", "120114201203070017"), "check digit"),
        (("subject", "--register", "-"), "the number is empty"),
        (("hold", POLICE, "--register", "R1", "--purpose", "statistics"), "must be one of"),
        (("hold", "police", "--register", "R1", "--case", CASE), "there is no unit `police`"),
    ]:
        result = await family.cli(*arguments, stdin="\n")
        assert (result.exit_code, words in result.stderr) == (MISCONFIGURED, True), result.output
    result = await family.cli("hold", POLICE, "--register", "R1")
    assert (result.exit_code, "CASE_REQUIRED" in result.stderr) == (REFUSED, True)
    monkeypatch.setenv("HUB_TOKEN", "no.such.token")
    result = await family.cli("subject", "--register", "R1")
    assert (result.exit_code, "UNAUTHENTICATED" in result.stderr) == (REFUSED, True)
    assert await family.entries() == []
