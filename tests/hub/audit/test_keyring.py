"""Keys are handed on by an entry that the old key signed, without a restart; a replica left behind signs nothing."""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from hub.audit.contract import StoreError
from hub.audit.desk import Desk
from hub.audit.entry import encode
from hub.audit.keyring import NEXT, Keyring, hand_over, key_entry, next_key
from hub.audit.keys import KeyFileError, SigningKey, VerifierKey, make_signing_key
from hub.audit.note import opened
from hub.audit.reader import Reader
from hub.audit.sequencer import Sequencer
from hub.audit.session import Session
from hub.audit.store import PostgresStore
from tests.hub.audit.support import ORIGIN, PATIENT, entry


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    make_signing_key(tmp_path / "log.pem")
    return Keyring(tmp_path, ORIGIN)


def test_a_rotation_is_seen_at_the_next_signature_and_the_old_key_is_remembered(ring: Keyring) -> None:
    old = ring.current.verifier
    new = hand_over(ring)
    assert ring.current.verifier == new != old
    assert ring.retired == [old] and ring.verifiers == [old, new]
    third = hand_over(ring)
    assert ring.verifiers == [old, new, third]


def test_a_rotation_that_stopped_half_way_goes_on_with_the_same_key(ring: Keyring) -> None:
    chosen = next_key(ring).verifier
    assert next_key(ring).verifier == chosen and (ring.folder / NEXT).exists()
    assert hand_over(ring) == chosen and not (ring.folder / NEXT).exists()


def test_a_key_file_that_cannot_be_read_leaves_the_last_good_key_in_force(ring: Keyring) -> None:
    good = ring.current
    (ring.folder / "log.pem").write_text("torn")
    assert ring.current == good
    with pytest.raises(KeyFileError):
        _ = Keyring(ring.folder, ORIGIN).current


def test_the_entry_holds_the_new_key_under_the_old_ones_signature(ring: Keyring) -> None:
    old, new = ring.current, next_key(ring).verifier
    facts = dict(
        item.split("=", 1) for item in orjson.loads(encode(key_entry(old, new, datetime.now(UTC))).data)["facts"]
    )
    assert VerifierKey.parse(facts["new"]) == new and VerifierKey.parse(facts["old"]) == old.verifier
    assert old.verifier.verifies(f"{ORIGIN}/key\n{new}\n".encode(), b64decode(facts["signature"]))


@pytest.mark.postgres
async def test_after_a_rotation_heads_are_signed_by_the_new_key_and_a_replica_without_it_signs_nothing(
    dsn: str, ring: Keyring, tmp_path: Path
) -> None:
    left_behind: SigningKey = ring.current
    store, desk = (
        PostgresStore(Session(dsn, name="writer", timeout=PATIENT)),
        Desk(Session(dsn, name="sequencer", timeout=PATIENT)),
    )
    reader = Reader(Session(dsn, name="reader", timeout=PATIENT))
    assert await desk.acquire()
    sequencer = Sequencer(desk, ring)
    await store.append([encode(entry())])
    await sequencer.drain()
    await store.append([encode(key_entry(ring.current, next_key(ring).verifier, datetime.now(UTC)))])
    await sequencer.drain()
    new = hand_over(ring)
    await store.append([encode(entry())])
    await sequencer.drain()
    heads = await reader.history(0, 10)
    assert [size for size, _ in heads] == [1, 2, 3]
    for _, note in heads[:2]:
        opened(note, [left_behind.verifier])
    opened(heads[2][1], [new])
    await store.append([encode(entry())])
    with pytest.raises(StoreError, match="key that is not in the keys folder"):
        await Sequencer(desk, left_behind).drain()
    await sequencer.drain()
    assert len(await reader.history(0, 10)) == 4
    for part in (store, desk, reader):
        await part.close()
