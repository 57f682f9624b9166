"""An exported log -> what somebody with a text editor, and somebody with all of the hub, could do to its files."""

from __future__ import annotations

import random
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.audit import tiles
from hub.audit.entry import encode
from hub.audit.merkle import leaf_hash
from tests.hub.audit.support.written import WITNESS, Cosigner, Written, act

Files = dict[str, bytes]
HISTORY = "history/000000.jsonl"
STRANGER = Cosigner(WITNESS.name, Ed25519PrivateKey.from_private_bytes(b"who only claims to be a witness!"))


@dataclass(slots=True)
class Mutations:
    """The mutations of ``files``, by chance."""

    files: Files
    log: Written
    chance: random.Random

    def endless(self) -> Iterator[tuple[str, Files]]:
        """What was done, and the changed files after it; empty bytes: the file was removed."""
        kinds = self.kinds()
        while True:
            name = self.chance.choice(list(kinds))
            changed = kinds[name]()
            if any(self.files.get(path) != data for path, data in changed.items()):
                yield name, changed

    def kinds(self) -> Mapping[str, Callable[[], Files]]:
        """Each kind by name."""
        return {
            "flip a bit": self.flip,
            "cut a file": self.cut,
            "remove a file": lambda: {self.any(): b""},
            "add a file": lambda: {f"tile/0/{self.chance.randrange(2, 999):03d}": bytes(8_192)},
            "swap files": self.swap_files,
            "drop an entry": lambda: self.entries(self.drop),
            "insert an entry": lambda: self.entries(lambda found: found.insert(self.at(found), encode(act(1)).data)),
            "repeat an entry": lambda: self.entries(lambda found: found.append(self.chance.choice(found))),
            "swap entries": lambda: self.entries(self.swap),
            "swap entries and hashes": lambda: self.hashes(self.swap),
            "drop an entry and its hash": lambda: self.hashes(self.drop),
            "change an entry and its hash": lambda: self.hashes(self.change),
            "drop a head": lambda: self.heads(self.drop),
            "swap heads": lambda: self.heads(self.swap),
            "repeat a head": lambda: self.heads(lambda lines: lines.insert(0, lines[0])),
            "replay an older head": self.replay,
            "forge a cosignature": lambda: self.heads(self.forge),
        }

    def any(self) -> str:
        return self.chance.choice(sorted(name for name in self.files if name != "README.txt"))

    def at(self, found: list[bytes]) -> int:
        return self.chance.randrange(len(found))

    def flip(self) -> Files:
        name = self.any()
        data = bytearray(self.files[name])
        data[self.chance.randrange(len(data))] ^= 1 << self.chance.randrange(8)
        return {name: bytes(data)}

    def cut(self) -> Files:
        name = self.any()
        return {name: self.files[name][: self.chance.randrange(len(self.files[name]))]}

    def swap_files(self) -> Files:
        one, other = self.any(), self.any()
        return {one: self.files[other], other: self.files[one]}

    def entries(self, change: Callable[[list[bytes]], object]) -> Files:
        name = self.chance.choice(sorted(name for name in self.files if name.startswith("tile/entries")))
        found = tiles.entries(self.files[name])
        change(found)
        return {name: tiles.bundle(found)}

    def hashes(self, change: Callable[[list[bytes]], object]) -> Files:
        """Entries and their hashes changed alike: only the root tells."""
        ((name, data),) = self.entries(change).items()
        tile = b"".join(leaf_hash(each) for each in tiles.entries(data))
        return {name: data, name.replace("entries", "0"): tile}

    def heads(self, change: Callable[[list[bytes]], object]) -> Files:
        lines = self.files[HISTORY].splitlines(keepends=True)
        change(lines)
        return {HISTORY: b"".join(lines)}

    def drop(self, found: list[bytes]) -> None:
        found.pop(self.at(found))

    def swap(self, found: list[bytes]) -> None:
        at = self.chance.randrange(len(found) - 1)
        found[at], found[at + 1] = found[at + 1], found[at]

    def change(self, found: list[bytes]) -> None:
        at = self.at(found)
        found[at] = found[at].replace(b"ALLOWED", b"MASKED")

    def replay(self) -> Files:
        return {"checkpoint": self.log.heads[self.chance.choice(sorted(self.log.heads)[:-1])].encode()}

    def forge(self, lines: list[bytes]) -> None:
        """A cosignature under the witness's name and number that another key made."""
        at = self.at(lines)
        line = orjson.loads(lines[at])
        text = line["note"].partition("\n\n")[0] + "\n"
        made = b64decode(STRANGER.line(text, 1_790_000_000).split(" ")[2])
        own = f"— {WITNESS.name} {b64encode(WITNESS.number + made[4:]).decode()}\n"
        log_line = line["note"].partition("\n\n")[2].splitlines(keepends=True)[0]
        lines[at] = orjson.dumps({"size": line["size"], "note": f"{text}\n{log_line}{own}"}) + b"\n"
