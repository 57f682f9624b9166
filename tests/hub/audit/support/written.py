"""A log made in memory, with heads, cosignatures, long lists and a new key: what exports and verifiers are tried on."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.audit.contract import GapError
from hub.audit.entry import Entry, Leaf, encode
from hub.audit.keyring import key_entry
from hub.audit.keys import SigningKey
from hub.audit.merkle import root_of
from hub.audit.note import DASH, Checkpoint, signed
from tests.hub.audit.support import KEY, ORIGIN

NEXT_KEY = SigningKey.of(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"the second key, for tests alone!"))
START = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A witness's key, made apart from the product's own code."""

    name: str
    private: Ed25519PrivateKey

    @property
    def data(self) -> bytes:
        return b"\x04" + self.private.public_key().public_bytes_raw()

    @property
    def number(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + self.data).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.number.hex()}+{b64encode(self.data).decode()}"

    def line(self, text: str, moment: int) -> str:
        signature = self.private.sign(f"cosignature/v1\ntime {moment}\n{text}".encode())
        encoded = b64encode(self.number + moment.to_bytes(8, "big") + signature).decode()
        return f"{DASH}{self.name} {encoded}\n"


WITNESS = Cosigner(
    "procuratorate.example/witness", Ed25519PrivateKey.from_private_bytes(b"a witness, and for tests alone!!")
)


@dataclass(slots=True)
class Written:
    """The log: a ``Ledger`` of ``hub.audit.export``."""

    leaves: list[Leaf] = field(default_factory=list)
    heads: dict[int, str] = field(default_factory=dict)
    retired: tuple[int, int] = (0, 0)

    def append(self, entries: Sequence[Entry], key: SigningKey = KEY, *, cosigned: bool = True) -> None:
        """Appends, signs a head, has it cosigned."""
        self.leaves += [encode(entry) for entry in entries]
        hashes = [leaf.hash for leaf in self.leaves]
        text = Checkpoint(origin=ORIGIN, size=len(hashes), root=root_of(hashes)).text
        self.heads[len(hashes)] = signed(text, key) + (
            WITNESS.line(text, 1_790_000_000 + len(hashes)) if cosigned else ""
        )

    async def checkpoint(self) -> str | None:
        return self.heads[max(self.heads)] if self.heads else None

    async def hashes(self, level: int, first: int, count: int) -> list[bytes]:
        span = 256**level
        hashes = [leaf.hash for leaf in self.leaves]
        return [root_of(hashes[at * span : (at + 1) * span]) for at in range(first, first + count)]

    async def entries(self, first: int, count: int) -> list[bytes]:
        if first < self.retired[1] and self.retired[0] < first + count:
            raise GapError(*self.retired)
        return [leaf.data for leaf in self.leaves[first : first + count]]

    async def history(self, after: int, count: int) -> list[tuple[int, str]]:
        return [(size, self.heads[size]) for size in sorted(self.heads) if size > after][:count]

    async def lists(self, first: int, count: int) -> list[tuple[int, str, tuple[str, ...]]]:
        return [
            (index, name, items)
            for index, leaf in enumerate(self.leaves[first : first + count], first)
            for name, items in sorted(leaf.lists.items())
        ]


def act(number: int, **changes: object) -> Entry:
    """Entry number ``number`` of an invented day."""
    fields: dict[str, object] = {
        "kind": "disclosure",
        "request": f"request-{number}",
        "at": START + timedelta(seconds=number),
        "unit": "education_bureau",
        "operator": "T0042",
        "purpose": "dropout_control",
        "decision": "ALLOWED",
        "released": ("Child.name", "Enrolment.status"),
        "subjects": (f"f-{number:022d}",),
        "rows": ("civil_affairs=1",),
    }
    return Entry(**{**fields, **changes})  # type: ignore[arg-type]


def written(size: int = 300) -> Written:
    """A log of ``size`` entries: every 40th with a long list, the key handed on before the last third."""
    log = Written()
    many = {"subjects": [f"f-{number:022d}" for number in range(200)]}
    handing = size * 2 // 3
    for first in range(0, size, 37):
        numbers = range(first, min(first + 37, size))
        entries = [act(number, **(many if number % 40 == 5 else {})) for number in numbers]
        if handing in numbers:
            entries[handing - first] = key_entry(KEY, NEXT_KEY.verifier, START + timedelta(seconds=handing))
        log.append(entries, NEXT_KEY if first > handing else KEY)
    return log
