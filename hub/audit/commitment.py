"""A disclosed value -> its commitment; an entry, its key and a claim of a value -> whether the claim holds.

Guarantee: without its entry's key a commitment says nothing of the value, the record or the coordinate, and two of one
value are unlike; with it, no other value fits. The entry itself tells its key from another, and which coordinates it
binds: neither a key that was swapped nor a catalogue of other levels than then makes a claim false, but undecidable.
"""

from __future__ import annotations

import hmac
from binascii import b2a_base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, Literal, TypeAlias

import orjson

Answer: TypeAlias = Literal["proved", "refuted", "unknown", "altered"]
Bound: TypeAlias = tuple[str, str, Any]
"""(coordinate, pseudonym of the row, value as answered)"""
BoundRow: TypeAlias = tuple[Iterable[tuple[str, int]], str, Sequence[Any]]
"""(coordinates with the slots of their values, pseudonym of the row, the row)"""

KEY_SIZE: Final = 32
_SIZE: Final = 18
"""Bytes of a commitment: 24 characters, so that many are written as text at once and cut apart."""
_DOMAIN: Final = b"hub-commitment-2"
_OLD_DOMAIN: Final = b"hub-commitment-1"
_WEB: Final = bytes.maketrans(b"+/", b"-_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the log says of a claim, and why."""

    answer: Answer
    reason: str


def commitments(secret: bytes, values: Iterable[Bound]) -> list[str]:
    """One for each value, each coordinate and the key; 144 bits each, base64url. The caller hides their order."""
    return committed(secret, messages(values))


def messages(values: Iterable[Bound], rows: Iterable[BoundRow] = ()) -> list[bytes]:
    """What the commitments to these values are made of, whatever the key: once for all entries of the same answer."""
    found: list[bytes] = []
    frames: dict[str, bytes] = {}
    dumps, join = orjson.dumps, b"".join
    for fields, record, row in rows:
        of_row = _framed(record.encode())
        for coordinate, slot in fields:
            field = frames.get(coordinate) or _first(coordinate, frames, found)
            text = dumps(row[slot], option=orjson.OPT_SORT_KEYS)  # as `canonical`, without a call for each of many
            found.append(join((field, of_row, len(text).to_bytes(4), text)))
    for coordinate, record, value in values:
        field = frames.get(coordinate) or _first(coordinate, frames, found)
        found.append(field + _framed(record.encode()) + _framed(canonical(value)))
    return found


def _first(coordinate: str, frames: dict[str, bytes], found: list[bytes]) -> bytes:
    """The frame of a coordinate that was not met before: it is bound itself."""
    frames[coordinate] = _frame_of(coordinate)
    found.append(frames[coordinate])
    return frames[coordinate]


def committed(secret: bytes, made_of: Iterable[bytes]) -> list[str]:
    """The commitments under the key of an entry: keyed BLAKE2b, since a list binds hundreds of values."""
    keyed = blake2b(key=secret, digest_size=_SIZE, person=_DOMAIN)
    digests = [keyed.digest()]
    copy, keep = keyed.copy, digests.append
    for message in made_of:
        one = copy()
        one.update(message)
        keep(one.digest())
    text = b2a_base64(b"".join(digests), newline=False).translate(_WEB).decode()
    return [text[at : at + 24] for at in range(0, len(text), 24)]


def committed_before(secret: bytes, made_of: Iterable[bytes]) -> list[str]:
    """As entries before version 3 have them: HMAC-SHA256, 128 bits."""
    made = [hmac.digest(secret, _framed(_OLD_DOMAIN) + message, "sha256")[:16] for message in (b"", *made_of)]
    return [b2a_base64(digest, newline=False)[:22].translate(_WEB).decode() for digest in made]


def canonical(value: Any) -> bytes:
    """The one JSON of a value: the hub's values are texts, integers, booleans, nulls, and lists and objects of them."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def judge(entry: Mapping[str, Any], secret: bytes | None, claim: Bound) -> Verdict:
    """Whether the value was released; ``entry`` is its document, lists in their places.

    ``refuted`` means: the entry names the record and binds the coordinate, its key is there, and this value is not.
    """
    reason = _undecided(entry, secret, claim)
    if secret is None or reason is not None:
        return Verdict(answer="unknown", reason=str(reason))
    scheme = committed_before if entry["v"] < 3 else committed
    of_key, of_coordinate, of_value = scheme(secret, messages([claim]))
    if of_key not in entry["commitments"]:
        return Verdict(answer="altered", reason="the key that is kept is not the key of this entry")
    if of_coordinate not in entry["commitments"]:
        return Verdict(answer="unknown", reason=f"the entry binds no value of `{claim[0]}`")
    if of_value in entry["commitments"]:
        return Verdict(answer="proved", reason="the entry released this value of this row")
    return Verdict(answer="refuted", reason="the entry did not release this value of this row")


def _undecided(entry: Mapping[str, Any], secret: bytes | None, claim: Bound) -> str | None:
    """Why nothing can be told."""
    coordinate, record, _ = claim
    if coordinate not in {*entry["released"], *entry["masked"]}:
        return f"the entry released no value of `{coordinate}`"
    if record not in entry["subjects"]:
        return "the entry names no such row"
    if not entry["commitments"]:
        return "the entry binds no value"
    return "the key of the entry's commitments was erased" if secret is None else None


@lru_cache(maxsize=1_024)
def _frame_of(coordinate: str) -> bytes:
    return _framed(coordinate.encode())


def _framed(part: bytes) -> bytes:
    # The length stands before, or ("ab", "c") and ("a", "bc") were one.
    return len(part).to_bytes(4) + part
