"""An operator sees the bytes that are hashed, and what was altered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from hub.audit.contract import Kept
from hub.audit.entry import encode
from hub.audit.log import Log
from hub.audit.reader import Reader
from hub.audit.session import Session
from hub.audit.show import lines_of, show
from hub.audit.store import PostgresStore
from tests.hub.audit.support import KEY, PATIENT, entry

LEAF = encode(entry("r1", part=3, refused=("Child.phone",), rules=("education_bureau/4",), promise=60))
KEPT = Kept(index=17, leaf=LEAF.hash, data=LEAF.data)


@pytest.fixture
async def reader(dsn: str) -> AsyncIterator[Reader]:
    reader = Reader(Session(dsn, name="reader", timeout=PATIENT))
    yield reader
    await reader.close()


def test_an_entry_is_a_headline_and_its_fields() -> None:
    headline, *details = lines_of(KEPT)
    assert headline.startswith("#17 20")
    assert headline.endswith("disclosure ALLOWED education_bureau/T0042 dropout_control")
    assert f"    leaf: {LEAF.hash.hex()}" in details
    assert "    entry: r1/disclosure/3" in details
    assert "    refused: Child.phone" in details
    assert "    released: Child.name Enrolment.status" in details
    assert not any("errors" in line for line in details)


def test_an_entry_without_a_place_is_pending() -> None:
    assert lines_of(replace(KEPT, index=None))[0].startswith("pending ")


def test_an_altered_entry_is_marked() -> None:
    altered = replace(KEPT, data=LEAF.data.replace(b"T0042", b"T0043"))
    assert any("ALTERED" in line for line in lines_of(altered))
    assert not any("ALTERED" in line for line in lines_of(KEPT))


@pytest.mark.postgres
async def test_entries_are_found_by_request_and_from_the_end(dsn: str, reader: Reader) -> None:
    async with Log.opened(dsn, key=KEY, patience=PATIENT) as log:
        for number in range(5):
            await log.record([entry(f"r{number}")])
        await log.record([entry("r2", kind="failure")])
    store = PostgresStore(Session(dsn, name="writer", timeout=PATIENT))
    await store.append([encode(entry("waits"))])
    await store.close()

    def headlines(lines: list[str]) -> list[str]:
        return [line.split()[0] for line in lines if not line.startswith(" ")]

    assert headlines(await show(reader, request="r2")) == ["#2", "#5"]
    assert headlines(await show(reader, request="waits")) == ["pending"]
    assert headlines(await show(reader, last=3)) == ["#4", "#5", "pending"]
    assert await show(reader, request="unknown") == []
    assert await show(reader, last=0) == []
