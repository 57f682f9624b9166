"""Commitments are those of the answer's values and of no other; a dispute is settled at the command line.

What an answer released is told by the oracle, field by field as it resolves them; the commitments are computed anew.
"""

from __future__ import annotations

import asyncio
import csv
import json
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from hashlib import blake2b
from pathlib import Path
from random import Random
from struct import pack
from typing import Any

import asyncpg
import pytest
from graphql import GraphQLResolveInfo
from typer.testing import Result

from connectors.demo.server import Server
from connectors.source import Source
from hub.audit.commitment_keys import Opened, opened
from hub.audit.entry import Pseudonyms
from hub.audit.session import Session
from hub.commands.outcome import MISCONFIGURED, REFUSED
from hub.secrets import open_secrets
from tests.integration.test_family import ORIGIN, POLICE, Family
from tests.properties.queries import Case, write
from tests.properties.test_equal import SCHEMA, Judge, pool_of
from tests.support.reference import Expected, Reference, Seen
from tests.support.rights import Me
from tests.support.running import Asking, Reply
from tests.support.world import HOME, VECTORS, World

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("at_once")]

QUERIES = 500
REPORTER = {f"MandatoryReport.reporter{part}" for part in ("Kind", "Unit", "Name", "Phone")}
with (VECTORS / "fields.csv").open(encoding="utf-8") as lines:
    LEVELS = {f"{row['type']}.{row['field']}": row["sensitivity"] for row in csv.DictReader(lines)}
CHILD = {f"MandatoryReport.{name}" for name in ("narrative", "placeAddress", "subject")}
"""What could name a report's child: bound nowhere but in entries that name who read."""
BOUND = {coordinate for coordinate, level in LEVELS.items() if level in ("L3", "L4")} - REPORTER

Told = set[tuple[str, str, str, str]]
"""(coordinate, type, key, value as JSON)"""


def by_hand(secret: bytes, *parts: str) -> str:
    message = b"".join(pack(">I", len(part.encode())) + part.encode() for part in parts)
    if not secret:  # of an entry that binds nothing
        return ""
    return urlsafe_b64encode(blake2b(message, key=secret, digest_size=18, person=b"hub-commitment-2").digest()).decode()


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


class Noting(Reference):
    """The oracle, noting the values that it shows."""

    told: Told

    def answer(self, *args: Any, **kwargs: Any) -> Expected:
        self.told = set()
        return super().answer(*args, **kwargs)

    def _field(self, seen: Seen, info: GraphQLResolveInfo[Any], arguments: Mapping[str, Any]) -> Any:
        value = super()._field(seen, info, arguments)
        coordinate, key = f"{seen.type_name}.{info.field_name}", str(seen.row["_key"])
        shown = coordinate in LEVELS and self.sight.selectable(coordinate)
        if shown and self.sight.state(seen.type_name, seen.row, coordinate) != "closed":
            self._tell(coordinate, seen.type_name, key, value)
            if coordinate == "ReconciliationItem.sourceValues":
                for compared, held in zip(seen.row["_coordinates"] or (), value, strict=True):
                    self._tell(compared, seen.type_name, key, held["value"])
        return value

    def _tell(self, coordinate: str, type_name: str, key: str, value: Any) -> None:
        if coordinate in BOUND:
            self.told.add((coordinate, type_name, key, as_json(value)))


class Auditor(Judge):
    """Asks both sides, and compares the commitments in the hub's entry with what the oracle showed."""

    def __init__(self, world: World, ask: Asking, log: Session) -> None:
        super().__init__(world, ask)
        self.log = log
        self.notes = {sight.me: Noting(schema=SCHEMA, sight=sight) for sight in self.sights}
        self.oracles.update(self.notes)
        self.digests: Counter[str] = Counter()

    async def _both(self, case: Case, mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[Expected, Reply]:
        expected, reply = await super()._both(case, mine, theirs)
        entries = await entries_of(self.log, reply)
        told = self.notes[case.me].told if reply.data is not None else set()
        for entry in entries:
            # What is shown of own reports is bound in the entry about them, and nowhere else.
            own = entry is not entries[0] or str(entry.document["unit"]).startswith("a-")
            part = {each for each in told if self._own(case.me, each) is own and (not own or each[0] not in CHILD)}
            found = entry.document["commitments"]
            assert found == bound(entry, part, self.ask.hub.pseudonyms), case
            self.digests.update(found)
            self.seen["apart"] += "commitmentsHash" in entry.document
        self.seen["values"] += len(told)
        self.seen["nulls"] += sum(value == "null" for *_, value in told)
        self.seen["compared"] += any(name.endswith("sourceValues") for name, *_ in told)
        self.seen["none"] += not told
        self.seen["own"] += len(entries) - 1
        return expected, reply

    def _own(self, me: Me, told: tuple[str, str, str, str]) -> bool:
        _, type_name, key, _ = told
        sight = self.notes[me].sight
        rows = sight.world.by(HOME[type_name], type_name, "_key", key) if type_name == "MandatoryReport" else []
        return any(sight.own_alone(type_name, row) for row in rows)


def bound(entry: Opened, told: Told, names: Pseudonyms) -> list[str]:
    """The commitments of the values under the entry's key."""
    assert bool(entry.secret) is bool(told)
    secret = entry.secret or b""
    wanted = {by_hand(secret, name, names.record(kind, key), value) for name, kind, key, value in told}
    return sorted(wanted | {by_hand(secret), *(by_hand(secret, name) for name, *_ in told)} if told else wanted)


async def entries_of(log: Session, reply: Reply) -> list[Opened]:
    return [
        await entry_of(log, reply, receipt)
        for receipt in ("receipt", "ownReportsReceipt")
        if receipt in reply.json["extensions"]
    ]


async def entry_of(log: Session, reply: Reply, receipt: str = "receipt") -> Opened:
    request, kind, part = reply.json["extensions"][receipt]["entry"].split("/")
    found = await opened(log, request, kind, int(part))
    assert found is not None
    return found


@pytest.fixture
async def log(server: Server) -> AsyncIterator[Session]:
    made = Session(server.dsn("hub"), name="test", durable=False, timeout=30)
    yield made
    await made.close()


async def test_the_commitments_of_generated_answers_are_those_of_the_values_in_them(
    world: World, ask: Asking, log: Session
) -> None:
    auditor = Auditor(world, ask, log)
    pool, draw = pool_of(world), Random(4)
    for _ in range(QUERIES):
        case = write(SCHEMA, auditor.sights, pool, draw.randint)
        assert not await auditor.judge(case), case
    # The same values come again and again, and no commitment does: no two entries can be linked by them.
    assert max(auditor.digests.values()) == 1
    seen = auditor.seen
    assert seen["values"] > 5 * QUERIES and seen["nulls"] > 100 and seen["none"] > 50, seen
    assert seen["compared"] > 3 and seen["apart"] > 20 and seen["own"] > 3, seen


VALUES = "{ reconciliationItems(first: 100) { edges { node { id comparedField sourceValues { %s } } } } }"


async def test_an_entry_names_the_compared_coordinates_whose_values_were_shown(ask: Asking, log: Session) -> None:
    shown, hidden = [
        (await entry_of(log, await ask("civil_affairs_bureau", "data_reconciliation", VALUES % fields))).document
        for fields in ("source value", "source")
    ]
    compared = set(shown["released"]) - set(hidden["released"])
    assert len(compared) > 3 and not any(name.startswith("ReconciliationItem.") for name in compared)
    assert {"Child.birthDate", "HouseholdRegistration.birthDate"} & compared


async def test_who_reported_is_bound_in_no_entry(world: World, ask: Asking, log: Session) -> None:
    names = " ".join(name.partition(".")[2] for name in sorted(REPORTER))
    query = f"{{ mandatoryReports(first: 100) {{ edges {{ node {{ {names} }} }} }} }}"
    reply = await ask(POLICE, "emergency_response", query)
    assert reply.data is not None and not reply.errors
    entry = await entry_of(log, reply)
    assert set(entry.document["released"]) >= REPORTER
    assert (entry.document["commitments"], entry.secret) == ([], None)


async def test_what_a_reporter_reads_of_its_own_reports_binds_nothing_that_names_the_child(
    world: World, ask: Asking, log: Session
) -> None:
    [author] = {str(row["reporterUnit"]) for row in world.rows("public_security", "MandatoryReport")} & {
        "education_bureau"
    }
    query = "{ mandatoryReports(first: 100) { edges { node { id concernKinds } } } }"
    reply = await ask(author, "emergency_response", query)
    entry = await entry_of(log, reply)
    assert entry.document["unit"].startswith("a-") and reply.data is not None
    rows = {str(row["_key"]): row for row in world.rows("public_security", "MandatoryReport")}
    wanted = {by_hand(entry.secret or b""), by_hand(entry.secret or b"", "MandatoryReport.concernKinds")}
    for edge in reply.data["mandatoryReports"]["edges"]:
        _, key = ask.hub.seals.of(author).identified(edge["node"]["id"], "id")
        record = ask.hub.pseudonyms.record("MandatoryReport", key)
        wanted.add(
            by_hand(entry.secret or b"", "MandatoryReport.concernKinds", record, as_json(rows[key]["concernKinds"]))
        )
    assert len(wanted) > 2 and entry.document["commitments"] == sorted(wanted)


# --- at the command line

ADDRESS = "query Child($number: CitizenId!) { child(citizenId: $number) { id name residenceAddress riskFlags } }"
REPORTS = "{ mandatoryReports(first: 5) { edges { node { reporterUnit narrative } } } }"


class Disputed:
    """A child whose address the police have read, and the questions about that."""

    def __init__(self, family: Family, file: Mapping[str, Any], folder: Path) -> None:
        self.family, self.file = family, file
        self.owner = folder / "owner"
        self.owner.write_text(family.dsn + "\n", "utf-8")
        self.entry = self.reports = ""
        self.child = ("--child", str(file["_register"]))
        self.address = as_json(file["residenceAddress"])

    async def read(self) -> None:
        await self.family.ask((POLICE, "emergency_response", ADDRESS, self.file["_citizen"]))
        await self.family.ask((POLICE, "emergency_response", REPORTS, None))
        found = [entry for entry in await self.family.entries() if entry["kind"] == "disclosure"]
        self.entry, self.reports = (f"{entry['request']}/disclosure/0" for entry in found)

    async def ask(self, coordinate: str, *row: str, value: str, entry: str | None = None) -> Result:
        arguments = ("dispute", entry or self.entry, "--coordinate", coordinate, *row)
        return await self.family.cli(*arguments, stdin=value + "\n")


@pytest.fixture
async def disputed(
    server: Server, sources: Mapping[str, Source], world: World, tmp_path: Path
) -> AsyncIterator[Disputed]:
    family = Family(server, sources, tmp_path, "disputed")
    await family.drop()
    await family.make()
    file = next(
        row for row in world.rows("civil_affairs", "Child") if world.of_file(row, "Incident") and row["_citizen"]
    )
    made = Disputed(family, file, tmp_path)
    await made.read()
    yield made
    await family.drop()


async def test_an_address_is_proved_another_is_refuted_and_each_question_is_an_entry(disputed: Disputed) -> None:
    coordinate = "Child.residenceAddress"
    proved = await disputed.ask(coordinate, *disputed.child, value=disputed.address)
    assert (proved.exit_code, proved.stdout.split(":")[0]) == (0, "属实 proved"), proved.output
    key = ("--key", disputed.child[1])
    assert (await disputed.ask(coordinate, *key, value=disputed.address)).exit_code == 0
    names = Pseudonyms(open_secrets(disputed.family.keys, origin=ORIGIN).pseudonyms)
    record = names.record("Child", disputed.child[1])
    assert (await disputed.ask(coordinate, "--record", record, value=disputed.address)).exit_code == 0
    for other in ('"北辰区某路1号"', "null", "7"):
        refuted = await disputed.ask(coordinate, *disputed.child, value=other)
        assert (refuted.exit_code, refuted.stdout.split(":")[0]) == (REFUSED, "不实 refuted"), refuted.output
    looks = [entry for entry in await disputed.family.entries() if entry["kind"] == "look"]
    assert [entry["facts"][0] for entry in looks] == ["answer=proved"] * 3 + ["answer=refuted"] * 3  # type: ignore[index]
    assert all(entry["subjects"] == [record] and entry["unit"] == "auditor" for entry in looks)
    assert disputed.address.strip('"') not in json.dumps(looks, ensure_ascii=False)


async def test_what_cannot_be_told_ends_with_2_and_says_why(disputed: Disputed) -> None:
    cases = [
        (await disputed.ask("Child.citizenId", *disputed.child, value='"1"'), "the entry released no value"),
        (await disputed.ask("Child.residenceAddress", "--child", "1", value='"1"'), "the entry names no such row"),
        (await disputed.ask("Child.sex", *disputed.child, value='"1"'), "only L3 and L4 are bound"),
        (
            await disputed.ask("MandatoryReport.reporterUnit", "--key", "1", value='"1"', entry=disputed.reports),
            "who reported is bound in no entry",
        ),
        (await disputed.ask("Child.name", *disputed.child, value="林"), "the value is not JSON"),
        (await disputed.ask("Child.name", *disputed.child, value="1.5"), "no value of the hub is a fraction"),
        (await disputed.ask("Child.nothing", *disputed.child, value='"1"'), "there is no field `Child.nothing`"),
        (await disputed.ask("Child.name", value='"1"'), "say exactly one of"),
        (await disputed.ask("Child.name", *disputed.child, "--key", "1", value='"1"'), "say exactly one of"),
        (await disputed.ask("Child.name", "--record", "f-1", value='"1"'), "`--record` must be the pseudonym"),
        (await disputed.ask("Guardian.name", *disputed.child, value='"1"'), "`--child` names rows of `Child` alone"),
        (await disputed.ask("Child.name", *disputed.child, value='"1"', entry="nothing"), "name must be"),
        (await disputed.ask("Child.name", *disputed.child, value='"1"', entry="a/disclosure/0"), "no such entry"),
    ]
    for result, words in cases:
        assert result.exit_code == MISCONFIGURED and words in result.output, (words, result.output)


async def test_after_the_keys_are_erased_nothing_can_be_told_and_the_erasure_is_an_entry(disputed: Disputed) -> None:
    owner = ("--owner", str(disputed.owner))
    early = await disputed.family.cli("erase", "--before", "2017-06-01", *owner)
    assert (early.exit_code, early.stdout) == (0, "no keys to erase\n"), early.output
    assert (await disputed.ask("Child.residenceAddress", *disputed.child, value=disputed.address)).exit_code == 0
    erased = await disputed.family.cli("erase", "--before", "2017-06-02", *owner)
    assert (erased.exit_code, erased.stdout) == (0, "2 keys erased\n"), erased.output
    unknown = await disputed.ask("Child.residenceAddress", *disputed.child, value=disputed.address)
    assert unknown.exit_code == MISCONFIGURED and "was erased" in unknown.stdout, unknown.output
    told = [entry["facts"] for entry in await disputed.family.entries() if entry["kind"] == "policy"]
    assert told == [["act=erase_commitment_keys", "before=2017-06-01T16:00:00.000Z", "keys=2"]]
    future = await disputed.family.cli("erase", "--before", "2099-01-01", *owner)
    assert future.exit_code == MISCONFIGURED and "must not lie in the future" in future.output


async def test_a_key_that_was_swapped_in_the_database_is_noticed(disputed: Disputed) -> None:
    connection = await asyncpg.connect(disputed.family.dsn)
    await connection.execute("update log.commitment_key set secret = sha256('another')")
    await connection.close()
    found = await disputed.ask("Child.residenceAddress", *disputed.child, value=disputed.address)
    assert found.exit_code == REFUSED and "not the key of this entry" in found.stdout, found.output


async def test_no_one_but_an_auditor_settles_a_dispute(disputed: Disputed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TOKEN", "not a token")
    found = await asyncio.gather(disputed.ask("Child.name", *disputed.child, value='"1"'))
    assert found[0].exit_code == REFUSED and "UNAUTHENTICATED" in found[0].output
