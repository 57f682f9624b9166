"""Exported folder, public keys -> Verdict: the auditor's own check of the whole log, without hub or database.

Guarantee: every byte of every file is accounted for: entries against leaf hashes, hashes against tiles, tiles against
the root, the root and every head ever signed against the keys, lists against their hashes, files against the size of
the tree. What is wrong is told with the first index at which it is. Of the hub, only the shape of an entry and the
hashing are used (``entry``, ``merkle``, ``tiles``): signatures are read by this verifier's own code.

Heads that the auditor kept, or that a witness gave, show whether the log was rewritten since: pass them as ``heads``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any, Final

from hub.audit import tiles, verify_entries
from hub.audit.merkle import HASH_SIZE, Frontier, ProofError, leaf_hash, root_of
from hub.audit.verify_entries import EntryError, Gap, Trust
from hub.audit.verify_files import Fault, read_bytes, read_lines
from hub.audit.verify_heads import Heads
from hub.audit.verify_notes import LOG, WITNESS, Head, Key
from hub.audit.verify_signatures import Signatures

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
    heads: Heads
    cosigned: dict[Key, int]
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
    signatures: Signatures = field(default_factory=Signatures)

    @classmethod
    def opened(cls, folder: Path, keys: Sequence[Key], witnesses: Sequence[Key], kept: Sequence[str]) -> _Walk:
        """The walk over ``folder``."""
        if not any(key.kind == LOG for key in keys) or any(key.kind != WITNESS for key in witnesses):
            raise Fault("a log's key is of type Ed25519, a witness's of type cosignature")
        heads = Heads.opened(folder, kept)
        origin = heads.newest.origin
        trust = Trust(origin=origin, since={key: 0 for key in keys if key.name == origin and key.kind == LOG})
        if not trust.since:
            raise Fault(f"the log calls itself `{origin}`: none of the keys is of that name")
        return cls(
            folder=folder,
            head=heads.newest,
            trust=trust,
            witnesses=witnesses,
            heads=heads,
            files={"checkpoint", README, *heads.files},
            cosigned=dict.fromkeys(witnesses, 0),
        )

    def run(self, progress: Callable[[int, int], None]) -> None:
        """Goes through everything; raises the first ``Fault``."""
        try:
            self._bundles(progress)
            self._check_gaps()
            self._check_upper()
            self._check_files()
            self._check_witnesses()
        except Fault:
            # A signature that is still being checked stands before.
            self.signatures.settle()
            raise
        finally:
            self.signatures.close()
        progress(self.head.size, self.head.size)

    def _bundles(self, progress: Callable[[int, int], None]) -> None:
        try:
            for index, width in tiles.bundles(self.head.size):
                self._bundle(index, width)
                if index % 16 == 0:
                    progress(index * tiles.WIDTH, self.head.size)
            self.heads.check_end()
        except Fault:
            # What is missing before a fault may be its cause, unless a later entry says why it is.
            self._look_ahead()
            self._check_absent()
            raise
        self._check_absent()
        self.signatures.settle()

    def _bundle(self, index: int, width: int) -> None:
        """One bundle: its entries against their hash tile, the tree so far against the heads that end in it."""
        first = index * tiles.WIDTH
        tile = read_bytes(self.folder, self._file(tiles.path(0, index, width)), first)
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
            bundle = read_bytes(self.folder, name, first)
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
        for line in read_lines(self.folder, name, first):
            if line.keys() != {"index", "field", "items"} or line["field"] in found.get(line["index"], ()):
                raise Fault(f"a line of `{name}` is no list, or stands there twice", first)
            found.setdefault(line["index"], {})[line["field"]] = tuple(line["items"])
        return found

    def _pass(self, first: int, leaves: Sequence[bytes]) -> None:
        """Extends the tree, and holds every head of a size on the way against it."""
        for head in self.heads.until(first + len(leaves)):
            self.frontier = self.frontier.extend(leaves[self.frontier.size - first : head.size - first])
            self._check_head(head)
        self.frontier = self.frontier.extend(leaves[self.frontier.size - first :])

    def _check_head(self, head: Head) -> None:
        if head.origin != self.head.origin or head.root != self.frontier.root:
            raise Fault(f"the head of size {head.size} is not that of the entries before it", head.size - 1)
        newest = -1
        for key, since in self.trust.since.items():
            if since <= head.size and self._claimed(head, key):
                newest = max(newest, since)
        for witness in self.witnesses:
            if self._claimed(head, witness):
                self.cosigned[witness] = head.size
        if newest < self.rotated:
            raise Fault(f"the head of size {head.size} is not signed by the key in force", head.size - 1)
        self.rotated = newest
        self._check_strangers(head)

    def _claimed(self, head: Head, key: Key) -> bool:
        """Whether the head has a line of the key; that it is good is found while the walk goes on."""
        own = head.signatures(key)
        for signature in own:
            self.signatures.claim(head, key, signature)
        return bool(own)

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
                if read_bytes(self.folder, self._file(tiles.path(level, index, len(group))), first) != b"".join(group):
                    raise Fault(f"a tile of level {level} does not hold the roots of the tiles below it", first)
                if len(group) == tiles.WIDTH:
                    above.append(root_of(group))
            level, hashes = level + 1, above

    def _check_files(self) -> None:
        there = {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if not path.is_dir()}
        if extra := sorted(there - self.files):
            raise Fault(f"the folder holds a file that belongs to no such log: `{extra[0]}`")

    def _check_witnesses(self) -> None:
        for witness, size in self.cosigned.items():
            if not size:
                self.remarks.append(f"no head is cosigned by `{witness.name}`")
            elif size < self.head.size:
                self.remarks.append(f"`{witness.name}` has cosigned the first {size} entries, not those after them")

    def _file(self, name: str) -> str:
        self.files.add(name)
        return name
