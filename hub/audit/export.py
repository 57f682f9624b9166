"""The log -> a folder of files that any web server can serve and anybody can verify with a public key alone.

Guarantee: every file is written whole or not at all, ``checkpoint`` last, so an export that was interrupted is an older
export and some files more, and the same command goes on where it stopped. What the hub serves below ``/log`` and the
files of the same names here are equal, byte for byte. A folder that holds another log is refused.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import orjson

from hub.audit import tiles
from hub.audit.contract import GapError
from hub.audit.merkle import HASH_SIZE
from hub.audit.note import Checkpoint

CHECKPOINT: Final = "checkpoint"
README: Final = "README.txt"
HEADS: Final = 1_000
"""Heads in one file of ``history/``."""
_TORN: Final = ".new-"
"""How the name of a file begins that is not whole yet."""
_GROUP: Final = 16
"""Bundles read at once."""


class ExportError(Exception):
    """The folder cannot be used; the message says why."""


class Ledger(Protocol):
    """The log, as far as an export reads it."""

    async def checkpoint(self) -> str | None:
        """The newest head as a note, with its cosignatures."""
        ...

    async def hashes(self, level: int, first: int, count: int) -> list[bytes]:
        """Hashes of tiles: the roots of ``count`` complete subtrees of 256 ** ``level`` leaves."""
        ...

    async def entries(self, first: int, count: int) -> list[bytes]:
        """The bytes of entries; ``GapError`` if some of them were retired."""
        ...

    async def history(self, after: int, count: int) -> list[tuple[int, str]]:
        """Heads (size, note) larger than ``after``, the smallest first."""
        ...

    async def lists(self, first: int, count: int) -> list[tuple[int, str, tuple[str, ...]]]:
        """(index, field, items) of the lists kept beside entries."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export did: ``size`` of the tree, ``written`` files, ``retired`` bundles that are in an archive."""

    size: int
    written: int
    retired: int


async def export(
    ledger: Ledger, folder: Path, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> Exported:
    """Writes the log as it is now into ``folder``; ``ExportError`` if that holds another log, or the log is empty."""
    newest = await ledger.checkpoint()
    if newest is None:
        raise ExportError("the log is empty: there is nothing to export yet")
    head = Checkpoint.parse(newest.partition("\n\n")[0] + "\n")
    _check_folder(folder, head)
    writing = _Writing(ledger=ledger, folder=folder, size=head.size)
    places = list(tiles.bundles(head.size))
    for at in range(0, len(places), _GROUP):
        await writing.group(places[at : at + _GROUP])
        progress(min((at + _GROUP) * tiles.WIDTH, head.size), head.size)
    await writing.upper()
    note = await writing.history()
    writing.put(README, _README.encode())
    writing.sweep()
    # If we crash before this, the older checkpoint still names a tree that is wholly there.
    writing.put(CHECKPOINT, note.encode())
    return Exported(size=head.size, written=writing.written, retired=writing.retired)


def _check_folder(folder: Path, head: Checkpoint) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / CHECKPOINT
    if path.exists():
        older = Checkpoint.parse(path.read_text("utf-8").partition("\n\n")[0] + "\n")
        if older.origin != head.origin:
            raise ExportError(f"`{folder}` holds the log `{older.origin}`, not `{head.origin}`")
        if older.size > head.size:
            raise ExportError(f"`{folder}` holds {older.size:,} entries, the log only {head.size:,}: it was cut back")
    elif {name for name in os.listdir(folder) if not name.startswith(_TORN)} - {"tile", "history", "lists", README}:
        raise ExportError(f"`{folder}` holds something else: name an empty folder, or an earlier export")


@dataclass(slots=True, kw_only=True)
class _Writing:
    """One export under way."""

    ledger: Ledger
    folder: Path
    size: int
    written: int = 0
    retired: int = 0

    async def group(self, places: list[tuple[int, int]]) -> None:
        """Bundles, hash tiles of the leaves and lists for neighbouring ``places``, unless they are there."""
        wanted = [place for place in places if not self._there(*place)]
        if not wanted:
            return
        first = wanted[0][0] * tiles.WIDTH
        count = wanted[-1][0] * tiles.WIDTH + wanted[-1][1] - first
        leaves = await self.ledger.hashes(0, first, count)
        for index, width in wanted:
            at = index * tiles.WIDTH - first
            self.put(tiles.path(0, index, width), b"".join(leaves[at : at + width]))
        await self._bundles(wanted, first, count)

    async def _bundles(self, wanted: list[tuple[int, int]], first: int, count: int) -> None:
        try:
            found = await self.ledger.entries(first, count)
        except GapError:
            if len(wanted) > 1:
                for index, width in wanted:
                    await self._bundles([(index, width)], index * tiles.WIDTH, width)
            else:
                self.retired += 1
            return
        lists = await self.ledger.lists(first, count)
        for index, width in wanted:
            begin = index * tiles.WIDTH
            own = [line for line in lists if begin <= line[0] < begin + width]
            if own:
                self.put(lists_path(index, width), b"".join(map(_line, own)))
            self.put(tiles.path("entries", index, width), tiles.bundle(found[begin - first : begin - first + width]))

    def _there(self, index: int, width: int) -> bool:
        """Whether a full bundle was exported before; partial ones are written anew."""
        path = self.folder / tiles.path("entries", index)
        return width == tiles.WIDTH and path.exists() and path.stat().st_size > 0

    async def upper(self) -> None:
        """Hash tiles above the leaves'."""
        for level, index, width in tiles.tiles(self.size):
            path = self.folder / tiles.path(level, index, width)
            if level and not (path.exists() and path.stat().st_size == width * HASH_SIZE):
                found = await self.ledger.hashes(level, index * tiles.WIDTH, width)
                self.put(tiles.path(level, index, width), b"".join(found))

    async def history(self) -> str:
        """Every head ever signed, up to the one exported; the last file of an earlier export is written anew.

        Returns the note of the last: cosignatures may have come since the export began, and both files shall hold them.
        """
        note = ""
        number = max(len(list((self.folder / "history").glob("*.jsonl"))) - 1, 0)
        after = _last_size(self.folder / history_path(number - 1)) if number else 0
        while heads := [head for head in await self.ledger.history(after, HEADS) if head[0] <= self.size]:
            lines = [orjson.dumps({"size": size, "note": note}) + b"\n" for size, note in heads]
            self.put(history_path(number), b"".join(lines))
            number, after, note = number + 1, *heads[-1]
        return note

    def put(self, name: str, data: bytes) -> None:
        """Writes a file whole or not at all."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{_TORN}{secrets.token_hex(8)}")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            if name == CHECKPOINT:
                os.sync()
        os.replace(temporary, path)
        self.written += 1

    def sweep(self) -> None:
        """Removes partial tiles of smaller trees, and what a crash left half written."""
        kept = {tiles.path(level, index, width) for level, index, width in tiles.tiles(self.size)}
        kept |= {tiles.path("entries", index, width) for index, width in tiles.bundles(self.size)}
        kept |= {lists_path(index, width) for index, width in tiles.bundles(self.size)}
        for path in [*self._partial(), *self.folder.rglob(f"{_TORN}*")]:
            if str(path.relative_to(self.folder)) not in kept:
                path.unlink(missing_ok=True)
        for folder in [path for path in self.folder.rglob("*.p") if path.is_dir() and not any(path.iterdir())]:
            folder.rmdir()

    def _partial(self) -> Iterator[Path]:
        yield from (path for path in self.folder.rglob("*.p/*") if path.is_file())


def lists_path(index: int, width: int = tiles.WIDTH) -> str:
    """Where the lists kept beside the entries of a bundle are."""
    return tiles.path("entries", index, width).replace("tile/entries", "lists", 1)


def history_path(number: int) -> str:
    """The file of heads from number ``number`` * 1,000 on."""
    return f"history/{number:06d}.jsonl"


def _line(found: tuple[int, str, tuple[str, ...]]) -> bytes:
    index, field, items = found
    return orjson.dumps({"index": index, "field": field, "items": list(items)}) + b"\n"


def _last_size(path: Path) -> int:
    size: int = orjson.loads(path.read_bytes().splitlines()[-1])["size"]
    return size


_README = """\
访问日志导出。tile/ 与 checkpoint 按 C2SP tlog-tiles 存放，可由任何网页服务器提供；
history/ 是历次签名的树头，lists/ 是条目之外另存的长列表（条目中有其校验值）。
核验：hub audit verify <本文件夹> --key <日志公钥文件> [--witness <见证公钥文件>] [--head <见证方保存的树头>]

Export of the access log. tile/ and checkpoint are laid out as C2SP tlog-tiles, for any web server;
history/ holds every signed tree head, lists/ the long lists kept beside their entries, which hold their hashes.
To verify: hub audit verify FOLDER --key FILE [--witness FILE] [--head FILE]
"""
