"""Entries of this version and of the one before are read; any other is told from a broken one."""

from __future__ import annotations

import orjson
import pytest

from hub.audit.entry import VERSION, canonical, encode
from hub.audit.verify_entries import EntryError, read
from tests.hub.audit.support import entry


@pytest.mark.parametrize("version", [VERSION, VERSION - 1])
def test_entries_of_this_version_and_of_the_one_before_are_read(version: int) -> None:
    document = {**orjson.loads(encode(entry("r1")).data), "v": version}
    assert read(canonical(document)) == document


@pytest.mark.parametrize("version", [0, 1, VERSION + 1, True])
def test_an_entry_of_another_version_is_refused(version: int) -> None:
    document = {**orjson.loads(encode(entry("r1")).data), "v": version}
    with pytest.raises(EntryError):
        read(canonical(document))
