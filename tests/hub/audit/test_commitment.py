"""Commitments bind values and tell nothing; a claim is judged by the entry; keys end and the log goes on."""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from struct import pack
from typing import Any

import asyncpg
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.audit.commitment import KEY_SIZE, Bound, commitments, judge
from hub.audit.commitment_keys import erase, opened
from hub.audit.contract import StoreError
from hub.audit.entry import INLINE, Entry, Pseudonyms, encode
from hub.audit.live import Live
from hub.audit.naming import AlteredError
from hub.audit.reader import Reader
from hub.audit.session import Session
from tests.hub.audit.support import KEY, entry
from tests.hub.audit.test_retention import OLD, Ledger, grown, ledger

__all__ = ["grown", "ledger"]

SECRET, OTHER = b"k" * KEY_SIZE, b"o" * KEY_SIZE
NAMES = Pseudonyms(b"p" * 32)
RECORD, BESIDE = NAMES.record("Child", "1"), NAMES.record("Child", "2")
NAME: Bound = ("Child.name", RECORD, "林某某")
NOW = datetime(2026, 11, 25, 4, tzinfo=UTC)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=6,
)
bounds = st.tuples(st.sampled_from(["Child.name", "Child.names", "A.b"]), st.text("r-ab", max_size=4), json_values)


def by_hand(secret: bytes, *parts: str) -> str:
    message = b"".join(pack(">I", len(part.encode())) + part.encode() for part in parts)
    return urlsafe_b64encode(blake2b(message, key=secret, digest_size=18, person=b"hub-commitment-2").digest()).decode()


def by_hand_before(secret: bytes, *parts: str) -> str:
    message = b"".join(pack(">I", len(part.encode())) + part.encode() for part in ("hub-commitment-1", *parts))
    return urlsafe_b64encode(hmac.digest(secret, message, "sha256")[:16]).decode().rstrip("=")


def document(made: Sequence[str], **changes: Any) -> dict[str, Any]:
    fields = {"released": ["Child.name"], "masked": ["Child.citizenId"], "subjects": [RECORD, BESIDE], "v": 3}
    return {**fields, "commitments": sorted(made), **changes}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("林某某", '"林某某"'),
        (None, "null"),
        (True, "true"),
        (3, "3"),
        (["B", "A"], '["B","A"]'),
        ([], "[]"),
        ("", '""'),
    ],
)
def test_a_commitment_is_what_its_definition_gives_by_hand(value: Any, written: str) -> None:
    found = commitments(SECRET, [("Child.name", RECORD, value)])
    assert found == [
        by_hand(SECRET),
        by_hand(SECRET, "Child.name"),
        by_hand(SECRET, "Child.name", RECORD, written),
    ]


def test_a_key_and_a_coordinate_are_marked_once_however_many_values_there_are() -> None:
    found = commitments(SECRET, [NAME, ("Child.name", BESIDE, "林"), ("Child.citizenId", BESIDE, None)])
    assert len(found) == len(set(found)) == 1 + 2 + 3


@given(bounds, bounds)
def test_two_commitments_of_one_key_are_alike_only_for_one_value_of_one_field_of_one_row(a: Bound, b: Bound) -> None:
    one, two = (commitments(SECRET, [each])[-1] for each in (a, b))
    same = a[:2] == b[:2] and orjson.dumps(a[2]) == orjson.dumps(b[2])
    assert (one == two) is same


@given(st.lists(bounds, min_size=1, max_size=5))
def test_two_entries_of_one_value_have_nothing_in_common(values: list[Bound]) -> None:
    one, two = (commitments(secrets.token_bytes(KEY_SIZE), values) for _ in range(2))
    assert not set(one) & set(two)


@given(bounds)
def test_what_was_released_is_proved_and_any_other_value_refuted(bound: Bound) -> None:
    coordinate, record, value = bound
    made = document(commitments(SECRET, [bound]), released=[coordinate], subjects=[record])
    assert judge(made, SECRET, bound).answer == "proved"
    assert judge(made, SECRET, (coordinate, record, [value, "x"])).answer == "refuted"


def test_a_masked_value_is_proved_as_it_was_shown_and_refuted_in_clear() -> None:
    made = document(commitments(SECRET, [("Child.citizenId", RECORD, "1201**********0016")]))
    assert judge(made, SECRET, ("Child.citizenId", RECORD, "1201**********0016")).answer == "proved"
    assert judge(made, SECRET, ("Child.citizenId", RECORD, "120114201203070016")).answer == "refuted"


def test_an_entry_of_the_version_before_is_judged_by_the_commitments_that_it_has() -> None:
    parts = ((), ("Child.name",), ("Child.name", RECORD, '"林某某"'))
    made = document([by_hand_before(SECRET, *each) for each in parts], v=2)
    assert judge(made, SECRET, NAME).answer == "proved"
    assert judge(made, SECRET, ("Child.name", RECORD, "林")).answer == "refuted"
    assert judge(made, OTHER, NAME).answer == "altered"
    assert judge({**made, "v": 3}, SECRET, NAME).answer == "altered"


def test_the_value_of_one_row_is_refuted_of_another() -> None:
    made = document(commitments(SECRET, [NAME]))
    assert judge(made, SECRET, ("Child.name", BESIDE, "林某某")).answer == "refuted"


@pytest.mark.parametrize(
    ("changes", "secret", "claim", "reason"),
    [
        ({}, None, NAME, "the key of the entry's commitments was erased"),
        ({}, SECRET, ("Child.phone", RECORD, "1"), "the entry released no value of `Child.phone`"),
        ({}, SECRET, ("Child.name", NAMES.record("Child", "3"), "林某某"), "the entry names no such row"),
        ({"commitments": []}, None, NAME, "the entry binds no value"),
    ],
)
def test_what_cannot_be_told_is_said_to_be_unknown(
    changes: dict[str, Any], secret: bytes | None, claim: Bound, reason: str
) -> None:
    verdict = judge(document(commitments(SECRET, [NAME]), **changes), secret, claim)
    assert (verdict.answer, verdict.reason) == ("unknown", reason)


def test_a_value_that_was_shown_without_being_bound_is_unknown_and_not_refuted() -> None:
    # Its level was lower then, or the entry is one of a reporter's own look.
    made = document(commitments(SECRET, [("Child.citizenId", RECORD, "1")]))
    verdict = judge(made, SECRET, NAME)
    assert (verdict.answer, verdict.reason) == ("unknown", "the entry binds no value of `Child.name`")


def test_a_key_that_was_put_in_the_place_of_the_entrys_own_refutes_nothing() -> None:
    assert judge(document(commitments(SECRET, [NAME])), OTHER, NAME).answer == "altered"


# --- in the database

pytestmark = pytest.mark.postgres


@pytest.fixture
async def owner(ledger: Ledger) -> AsyncIterator[Session]:
    made = Session(ledger.dsn, name="owner", role=None, timeout=30)
    yield made
    await made.close()


async def count_keys(ledger: Ledger) -> int:
    [row] = await ledger.run("select count(*) from log.commitment_key")
    return int(row[0])


def of_values(count: int, **changes: Any) -> Entry:
    values = [("Child.name", NAMES.record("Child", str(number)), f"名{number}") for number in range(count)]
    return entry(
        commitments=commitments(SECRET, values), secret=SECRET, subjects=[record for _, record, _ in values], **changes
    )


@pytest.mark.parametrize("count", [1, INLINE["commitments"] - 1, INLINE["commitments"], 200])
async def test_values_are_proved_from_the_database_inline_and_from_lists_apart(
    ledger: Ledger, owner: Session, count: int
) -> None:
    made = of_values(count)
    await ledger.grow([made])
    found = await opened(owner, made.request, "disclosure", 0)
    assert found is not None and SECRET.hex() not in repr(found)
    for number in range(count):
        record = NAMES.record("Child", str(number))
        assert judge(found.document, found.secret, ("Child.name", record, f"名{number}")).answer == "proved"
        assert judge(found.document, found.secret, ("Child.name", record, "名")).answer == "refuted"
    assert await opened(owner, made.request, "disclosure", 1) is None


async def test_the_key_stands_in_no_entry_and_no_list(ledger: Ledger) -> None:
    made = of_values(200)
    await ledger.grow([made])
    rows = await ledger.run("select bytes from log.entry")
    lists = await ledger.run("select items from log.long_list")
    kept = b"".join(row["bytes"] for row in rows) + repr([row["items"] for row in lists]).encode()
    assert made.commitments[0].encode() in kept
    for shape in (SECRET, SECRET.hex().encode(), urlsafe_b64encode(SECRET)[:40]):
        assert shape not in kept
    assert repr(SECRET) not in repr(made) and repr(SECRET) not in repr(encode(made))


@pytest.mark.parametrize(
    "damage",
    [
        "update log.long_list set items = array_append(items, 'x') where field = 'commitments' returning 1",
        "update log.entry set bytes = overlay(bytes placing '\\x20'::bytea from 1) where index >= 856 returning 1",
        "delete from log.long_list where field = 'commitments' returning 1",
    ],
)
async def test_nothing_is_told_from_an_entry_or_a_list_that_was_altered(
    ledger: Ledger, owner: Session, damage: str
) -> None:
    made = of_values(200)
    await ledger.grow([made])
    await ledger.run(damage)
    with pytest.raises(AlteredError):
        await opened(owner, made.request, "disclosure", 0)


async def test_keys_before_a_day_are_erased_the_entry_counts_them_and_the_log_verifies(
    ledger: Ledger, owner: Session
) -> None:
    made = of_values(3, at=OLD + timedelta(days=1))
    later = of_values(3, at=OLD + timedelta(days=400))
    await ledger.grow([made, later])
    before = await count_keys(ledger)
    # The three of March and the one made here; those of April, of today and the later one stay.
    erased = await erase(owner, OLD + timedelta(days=20), request="erasure", now=NOW, put=ledger.put)
    assert erased == 4
    assert await count_keys(ledger) == before - 4
    found, kept = [await opened(owner, each.request, "disclosure", 0) for each in (made, later)]
    claim = ("Child.name", NAMES.record("Child", "1"), "名1")
    assert found is not None and judge(found.document, found.secret, claim).answer == "unknown"
    assert kept is not None and judge(kept.document, kept.secret, claim).answer == "proved"
    told = await opened(owner, "erasure", "policy", 0)
    assert told is not None
    assert told.document["facts"] == ["act=erase_commitment_keys", "before=2022-03-24T05:00:00.000Z", "keys=4"]
    assert told.document["subjects"] == []
    reader = Reader(Session(ledger.dsn, name="reader", timeout=30))
    verdict = await Live(reader=reader, keys=[KEY.verifier]).run()
    await reader.close()
    assert verdict.good and verdict.size == len(ledger.leaves)


async def test_no_key_to_erase_is_no_entry(ledger: Ledger, owner: Session) -> None:
    size = len(ledger.leaves)
    assert await erase(owner, OLD - timedelta(days=1), request="erasure", now=NOW, put=ledger.put) == 0
    assert len(ledger.leaves) == size


async def test_keys_of_a_retired_month_are_erased_only_with_all_that_is_older_than_the_oldest_month_kept(
    ledger: Ledger, owner: Session
) -> None:
    await ledger.retire(202203)
    assert await erase(owner, OLD + timedelta(days=30), request="early", now=NOW, put=ledger.put) == 0
    assert await erase(owner, OLD + timedelta(days=31, minutes=1), request="then", now=NOW, put=ledger.put) == 6
    assert await count_keys(ledger) == 3


@pytest.mark.parametrize("fault", ["put", "put, reply lost"])
async def test_an_erasure_that_is_interrupted_leaves_every_key_or_an_entry_that_tells(
    ledger: Ledger, owner: Session, fault: str
) -> None:
    before = await count_keys(ledger)
    ledger.faults = [fault]
    with pytest.raises(KeyboardInterrupt):
        await erase(owner, OLD + timedelta(days=20), request="first", now=NOW, put=ledger.put)
    assert await count_keys(ledger) == before
    ledger.faults = []
    assert await erase(owner, OLD + timedelta(days=20), request="second", now=NOW, put=ledger.put) == 3


async def test_the_hubs_own_role_can_erase_and_change_no_key(ledger: Ledger) -> None:
    before = await count_keys(ledger)
    hubs = Session(ledger.dsn, name="hub", timeout=30)
    with pytest.raises(StoreError, match="42501"):
        await erase(hubs, NOW, request="erasure", now=NOW, put=ledger.put)
    await hubs.close()
    connection = await asyncpg.connect(ledger.dsn, server_settings={"role": "hub_log"})
    for statement in (
        "delete from log.commitment_key",
        "truncate log.commitment_key",
        "update log.commitment_key set secret = sha256('')",
        "drop table log.commitment_key",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()
    assert await count_keys(ledger) == before
    assert not [leaf for leaf in await ledger.run("select 1 from log.entry where request = 'erasure'")]
