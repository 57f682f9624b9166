"""Entries of whole bundles -> files of an archive, and back, each entry against the tree's own leaf hash.

Guarantee: a file is there whole or not at all, and on disk once ``settle`` has returned; one that is there with other
bytes is an ``ArchiveError``, never overwritten. The files are those of an export (``hub/audit/export.py``): archives of
several months in one folder, and an export beside them, are one log that verifies as a whole.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from hub.audit import tiles
from hub.audit.entry import list_hash
from hub.audit.export import lists_path
from hub.audit.merkle import ProofError, leaf_hash

Lists = Sequence[tuple[int, str, tuple[str, ...]]]
"""(index, field, items) of the lists kept beside entries."""


class ArchiveError(Exception):
    """The archive cannot be made or does not hold what it should; the message says which file."""


@dataclass(slots=True, kw_only=True)
class Archive:
    """A folder of bundles and of the lists kept beside their entries."""

    folder: Path
    _touched: set[Path] = field(default_factory=set)

    def write(self, number: int, entries: Sequence[bytes], hashes: bytes, lists: Lists) -> None:
        """Bundle ``number`` with its hash tile and the lists of its entries."""
        self._put(tiles.path("entries", number), tiles.bundle(entries))
        self._put(tiles.path(0, number), hashes)
        lines = [orjson.dumps({"index": index, "field": name, "items": items}) + b"\n" for index, name, items in lists]
        if lines:
            self._put(lists_path(number), b"".join(lines))

    def read_back(self, number: int, hashes: bytes) -> bytes:
        """SHA-256 of bundle ``number`` as the file has it, once its entries and lists are those of ``hashes``."""
        data = self._read(tiles.path("entries", number))
        try:
            entries = tiles.entries(data)
        except ProofError as error:
            raise ArchiveError(f"bundle `{number}` of the archive is torn: {error}") from None
        if b"".join(map(leaf_hash, entries)) != hashes or self._read(tiles.path(0, number)) != hashes:
            raise ArchiveError(f"bundle `{number}` of the archive does not hold the entries of the tree")
        self._check_lists(number, entries)
        return sha256(data).digest()

    def settle(self) -> None:
        """Makes the names of all files durable; a power cut before this may lose files, and they are written again."""
        for path in self._touched:
            for folder in (path, *path.parents):
                _sync(folder)
                if folder == self.folder:
                    break
        self._touched.clear()

    def _check_lists(self, number: int, entries: Sequence[bytes]) -> None:
        path = lists_path(number)
        lines = self._read(path).splitlines() if (self.folder / path).exists() else []
        found = {(line["index"], line["field"]): list_hash(line["items"]) for line in map(orjson.loads, lines)}
        wanted: dict[tuple[int, str], str] = {}
        for index, data in enumerate(entries, start=number * tiles.WIDTH):
            document: dict[str, Any] = orjson.loads(data)
            apart = [name for name in document if name.endswith("Hash")]
            wanted |= {(index, name.removesuffix("Hash")): document[name] for name in apart}
        if found != wanted:
            raise ArchiveError(f"`{path}` does not hold the lists that the entries of its bundle name")

    def _read(self, name: str) -> bytes:
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            raise ArchiveError(f"`{name}` of the archive cannot be read back") from None

    def _put(self, name: str, data: bytes) -> None:
        path = self.folder / name
        self._touched.add(path.parent)
        if path.exists():
            if path.read_bytes() != data:
                raise ArchiveError(f"`{path}` is there with other bytes: choose another folder")
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.part")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
