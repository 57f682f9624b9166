"""Exported folder, public keys -> Verdict: the auditor's own check of the whole log, without hub or database.

Guarantee: every byte of every file is accounted for: entries against leaf hashes, hashes against tiles, tiles against
the root, the root and every head ever signed against the keys, lists against their hashes, files against the size of
the tree. What is wrong is told with the first index at which it is. Of the hub, only the shape of an entry and the
hashing are used (``entry``, ``merkle``, ``tiles``): signatures are read by this verifier's own code.

Heads that the auditor kept, or that a witness gave, show whether the log was rewritten since: pass them as ``heads``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any, Final

import orjson

from hub.audit import tiles, verify_entries
from hub.audit.merkle import HASH_SIZE, Frontier, ProofError, leaf_hash, root_of
from hub.audit.verify_entries import EntryError, Gap, Trust
from hub.audit.verify_notes import LOG, WITNESS, Head, Key, NoteError

BACKWARDS: Final = timedelta(minutes=5)
"""An entry that much older than the one before it is worth a remark."""
README: Final = "README.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found: ``bad`` is the first wrong index, None if the fault is of no entry; ``remarks`` are no faults."""

    good: bool
    size: int = 0
    bad: int | None = None
    reason: str = ""
    remarks: tuple[str, ...] = ()


class Fault(Exception):
    """Something is wrong, first of all at ``index``."""

    def __init__(self, reason: str, index: int | None = None) -> None:
        super().__init__(reason)
        self.index = index


def verify(
    folder: Path,
    keys: Sequence[Key],
    *,
    witnesses: Sequence[Key] = (),
    heads: Sequence[str] = (),
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Verdict:
    """The verdict over the export in ``folder``; ``heads`` are notes of heads that the log must still extend."""
    size, remarks = 0, list[str]()
    try:
        walk = _Walk.opened(folder, keys, witnesses, heads)
        size, remarks = walk.head.size, walk.remarks
        walk.run(progress)
    except Fault as fault:
        return Verdict(good=False, size=size, bad=fault.index, reason=str(fault), remarks=tuple(remarks))
    return Verdict(good=True, size=size, remarks=tuple(remarks))


@dataclass(slots=True, kw_only=True)
class _Walk:
    """One pass over the folder."""

    folder: Path
    head: Head
    trust: Trust
    witnesses: Sequence[Key]
    heads: dict[int, list[Head]]
    signed: list[int]
    remarks: list[str] = field(default_factory=list)
    frontier: Frontier = field(default_factory=Frontier)
    files: set[str] = field(default_factory=set)
    names: set[bytes] = field(default_factory=set)
    absent: list[tuple[int, int]] = field(default_factory=list)
    retired: list[Gap] = field(default_factory=list)
    gaps: list[tuple[int, Gap]] = field(default_factory=list)
    bundles: dict[int, bytes] = field(default_factory=dict)
    roots: list[bytes] = field(default_factory=list)
    before: datetime | None = None
    rotated: int = 0

    @classmethod
    def opened(cls, folder: Path, keys: Sequence[Key], witnesses: Sequence[Key], heads: Sequence[str]) -> _Walk:
        """The walk over ``folder``, its heads read."""
        if not any(key.kind == LOG for key in keys) or any(key.kind != WITNESS for key in witnesses):
            raise Fault("a log's key is of type Ed25519, a witness's of type cosignature")
        head = _head(_bytes(folder, "checkpoint").decode("utf-8", "replace"), "checkpoint")
        trust = Trust(origin=head.origin, since={key: 0 for key in keys if key.name == head.origin and key.kind == LOG})
        if not trust.since:
            raise Fault(f"the log calls itself `{head.origin}`: none of the keys is of that name")
        walk = cls(
            folder=folder,
            head=head,
            trust=trust,
            witnesses=witnesses,
            heads={},
            signed=[],
            files={"checkpoint", README},
        )
        walk._collect(heads)
        return walk

    def _collect(self, trusted: Sequence[str]) -> None:
        """Every head that the tree must pass through: those of the history, the newest, those that others kept."""
        last = 0
        for number, note in self._history():
            head = _head(note, f"head {number} of the history")
            if head.size <= last:
                raise Fault(f"the heads of the history are not in order after size {last}", last)
            last = head.size
            self.signed.append(head.size)
            self.heads[head.size] = [head]
        if last != self.head.size or self.heads[last][0] != self.head:
            raise Fault(f"the checkpoint of size {self.head.size} is not the last head of the history")
        for note in trusted:
            head = _head(note, "a head that you gave")
            if head.origin != self.head.origin:
                raise Fault(f"a head that you gave is of the log `{head.origin}`")
            if head.size > self.head.size:
                raise Fault(
                    f"the log has {self.head.size} entries, and a head that you gave has {head.size}", self.head.size
                )
            if head.size and head.text not in {own.text for own in self.heads.get(head.size, ())}:
                raise Fault(f"the log does not know the head of size {head.size} that you gave", head.size - 1)
            if head.size:
                self.heads[head.size].append(head)

    def _history(self) -> Iterator[tuple[int, str]]:
        number = 0
        for path in sorted((self.folder / "history").glob("*.jsonl")):
            self.files.add(f"history/{path.name}")
            for line in _lines(self.folder, f"history/{path.name}"):
                if line.keys() != {"size", "note"} or not isinstance(line["note"], str):
                    raise Fault(f"a line of `history/{path.name}` is no head")
                yield number, line["note"]
                number += 1
        if not number:
            raise Fault("the history of heads is missing")

    def run(self, progress: Callable[[int, int], None]) -> None:
        """Goes through everything; raises the first ``Fault``."""
        try:
            for index, width in tiles.bundles(self.head.size):
                self._bundle(index, width)
                if index % 16 == 0:
                    progress(index * tiles.WIDTH, self.head.size)
        except Fault:
            # What is missing before a fault may be its cause, unless a later entry says why it is.
            self._look_ahead()
            self._check_absent()
            raise
        self._check_absent()
        self._check_gaps()
        self._check_upper()
        self._check_files()
        self._check_witnesses()
        progress(self.head.size, self.head.size)

    def _bundle(self, index: int, width: int) -> None:
        """One bundle: its entries against their hash tile, the tree so far against the heads that end in it."""
        first = index * tiles.WIDTH
        tile = _bytes(self.folder, self._file(tiles.path(0, index, width)), first)
        if len(tile) != width * HASH_SIZE:
            raise Fault("the hash tile of these entries has not its length", first)
        leaves = [tile[at : at + HASH_SIZE] for at in range(0, len(tile), HASH_SIZE)]
        name = self._file(tiles.path("entries", index, width))
        if (self.folder / name).exists():
            self._entries(name, first, leaves)
        else:
            self.absent.append((first, first + width))
        if width == tiles.WIDTH:
            self.roots.append(root_of(leaves))
        self._pass(first, leaves)

    def _entries(self, name: str, first: int, leaves: Sequence[bytes]) -> None:
        try:
            bundle = _bytes(self.folder, name, first)
            self.bundles[first // tiles.WIDTH] = sha256(bundle).digest()
            found = tiles.entries(bundle)
        except ProofError as error:
            raise Fault(str(error), first) from None
        for number, (data, leaf) in enumerate(zip(found, leaves, strict=False)):
            if leaf_hash(data) != leaf:
                raise Fault("the entry is not the one that was hashed", first + number)
        if len(found) != len(leaves):
            raise Fault(
                f"the bundle holds {len(found)} entries, not {len(leaves)}", first + min(len(found), len(leaves))
            )
        lists = self._lists(first, len(leaves))
        for number, data in enumerate(found):
            try:
                self._entry(first + number, data, lists.pop(first + number, {}))
            except EntryError as error:
                raise Fault(str(error), first + number) from None
        if lists:
            raise Fault("a list stands beside no entry", min(lists))

    def _entry(self, index: int, data: bytes, beside: Mapping[str, tuple[str, ...]]) -> None:
        document = verify_entries.read(data)
        verify_entries.check_lists(document, beside)
        self._check_name(document)
        self._check_time(index, document)
        if document["kind"] == "key":
            self.trust.hand_over(document, index)
        elif document["kind"] == "gap" and (gap := verify_entries.retired(document)):
            self.retired.append(gap)
            self.gaps.append((index, gap))

    def _check_name(self, document: Mapping[str, Any]) -> None:
        text = f"{document['request']}\n{document['kind']}\n{document['part']}"
        name = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()
        if name in self.names:
            raise EntryError("an entry of this name stands in the log already")
        self.names.add(name)

    def _check_time(self, index: int, document: Mapping[str, Any]) -> None:
        at = verify_entries.moment(document)
        if self.before is not None and at < self.before - BACKWARDS:
            self.remarks.append(f"entry {index} is of {document['at']}, more than five minutes before its predecessor")
        self.before = at

    def _lists(self, first: int, width: int) -> dict[int, dict[str, tuple[str, ...]]]:
        """Index -> the lists kept beside that entry."""
        name = tiles.path("entries", first // tiles.WIDTH, width).replace("tile/entries", "lists", 1)
        if not (self.folder / name).exists():
            return {}
        self._file(name)
        found: dict[int, dict[str, tuple[str, ...]]] = {}
        for line in _lines(self.folder, name, first):
            if line.keys() != {"index", "field", "items"} or line["field"] in found.get(line["index"], ()):
                raise Fault(f"a line of `{name}` is no list, or stands there twice", first)
            found.setdefault(line["index"], {})[line["field"]] = tuple(line["items"])
        return found

    def _pass(self, first: int, leaves: Sequence[bytes]) -> None:
        """Extends the tree, and holds every head of a size on the way against it."""
        for size in range(first + 1, first + len(leaves) + 1):
            if size in self.heads:
                self.frontier = self.frontier.extend(leaves[self.frontier.size - first : size - first])
                for head in self.heads[size]:
                    self._check_head(head)
        self.frontier = self.frontier.extend(leaves[self.frontier.size - first :])

    def _check_head(self, head: Head) -> None:
        if head.origin != self.head.origin or head.root != self.frontier.root:
            raise Fault(f"the head of size {head.size} is not that of the entries before it", head.size - 1)
        try:
            signers = head.signers([key for key, since in self.trust.since.items() if since <= head.size])
            head.signers(self.witnesses)
        except NoteError as error:
            raise Fault(str(error), head.size - 1) from None
        newest = max((self.trust.since[key] for key in signers), default=-1)
        if newest < self.rotated:
            raise Fault(f"the head of size {head.size} is not signed by the key in force", head.size - 1)
        self.rotated = newest
        self._check_strangers(head)

    def _check_strangers(self, head: Head) -> None:
        """Where witnesses are named, a line by anybody else may be one of theirs that was spoilt."""
        known = {(key.name, key.number) for key in (*self.trust.since, *self.witnesses)}
        strangers = sorted({name for name, number, _ in head.lines if (name, number) not in known})
        if strangers and self.witnesses:
            reason = f"the head of size {head.size} has a signature of `{strangers[0]}`, whose key was not given"
            raise Fault(reason, head.size - 1)
        if strangers and not any("was not looked at" in remark for remark in self.remarks):
            self.remarks.append(f"what `{strangers[0]}` signed was not looked at: its key was not given")

    def _look_ahead(self) -> None:
        for index, width in tiles.bundles(self.head.size):
            path = self.folder / tiles.path("entries", index, width)
            with suppress(OSError, ProofError, EntryError):
                found = [verify_entries.read(data) for data in tiles.entries(path.read_bytes()) if b'"gap"' in data]
                self.retired += [gap for document in found if (gap := verify_entries.retired(document))]

    def _check_absent(self) -> None:
        for first, end in self.absent:
            if not any(gap.first < end and first < gap.end for gap in self.retired):
                raise Fault("the bundle of these entries is missing, and no entry says that they were retired", first)
        for gap in self.retired:
            self.remarks.append(
                f"entries {gap.first} to {gap.end - 1} were retired to an archive: their hashes are here"
            )

    def _check_gaps(self) -> None:
        """What entries say of an archive against the archive itself, where all of it is in the folder."""
        for index, gap in self.gaps:
            numbers = range(gap.first // tiles.WIDTH, gap.end // tiles.WIDTH)
            if all(number in self.bundles for number in numbers):
                found = sha256(b"".join(self.bundles[number] for number in numbers)).hexdigest()
                if found != gap.digest:
                    raise Fault(
                        f"the entry says another hash of the archive of entries {gap.first} to {gap.end - 1}"
                        " than its files have",
                        index,
                    )

    def _check_upper(self) -> None:
        """The tiles above the leaves' against the roots of those below."""
        level, hashes = 1, self.roots
        while hashes:
            above: list[bytes] = []
            for index in range(0, (len(hashes) + tiles.WIDTH - 1) // tiles.WIDTH):
                group = hashes[index * tiles.WIDTH : (index + 1) * tiles.WIDTH]
                first = index * tiles.WIDTH ** (level + 1)
                if _bytes(self.folder, self._file(tiles.path(level, index, len(group))), first) != b"".join(group):
                    raise Fault(f"a tile of level {level} does not hold the roots of the tiles below it", first)
                if len(group) == tiles.WIDTH:
                    above.append(root_of(group))
            level, hashes = level + 1, above

    def _check_files(self) -> None:
        there = {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if not path.is_dir()}
        if extra := sorted(there - self.files):
            raise Fault(f"the folder holds a file that belongs to no such log: `{extra[0]}`")

    def _check_witnesses(self) -> None:
        for witness in self.witnesses:
            sizes = [size for size, heads in self.heads.items() if any(head.signers([witness]) for head in heads)]
            if not sizes:
                self.remarks.append(f"no head is cosigned by `{witness.name}`")
            elif max(sizes) < self.head.size:
                self.remarks.append(
                    f"`{witness.name}` has cosigned the first {max(sizes)} entries, not those after them"
                )

    def _file(self, name: str) -> str:
        self.files.add(name)
        return name


def _head(note: str, what: str) -> Head:
    try:
        return Head.read(note)
    except NoteError as error:
        raise Fault(f"{what} cannot be read: {error}") from None


def _bytes(folder: Path, name: str, index: int | None = None) -> bytes:
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError:
        raise Fault(f"the file `{name}` is missing", index) from None
    except OSError as error:
        raise Fault(f"the file `{name}` cannot be read: {(error.strerror or 'error').lower()}", index) from None


def _lines(folder: Path, name: str, index: int | None = None) -> list[dict[str, Any]]:
    data = _bytes(folder, name, index)
    try:
        lines = [orjson.loads(line) for line in data.splitlines()]
    except orjson.JSONDecodeError:
        lines = [None]
    # Written in one way only, so that no byte can change without a word about it.
    if (
        not all(isinstance(line, dict) for line in lines)
        or b"".join(orjson.dumps(line) + b"\n" for line in lines) != data
    ):
        raise Fault(f"a line of `{name}` cannot be read", index)
    return lines
