"""Bytes of an entry, lists beside it -> what is wrong with them; and the keys and gaps that entries tell of.

Guarantee: an entry is good if it is the one way in which its content is written, has exactly the fields of an entry,
and every list kept beside it is the one whose hash it holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import orjson

from hub.audit.entry import LIMIT, VERSION, Entry, canonical, list_hash
from hub.audit.tiles import WIDTH
from hub.audit.verify_notes import Key, NoteError, decode


class EntryError(Exception):
    """An entry is not as the log writes them; the message says in which way."""


TEXTS = frozenset(item.name for item in fields(Entry) if item.type in {"str", "Kind", "AccessDecision", "datetime"})
LISTS = frozenset(item.name for item in fields(Entry) if item.type == "Texts")
KNOWN = (2, VERSION)
"""Versions of entries whose fields are these."""
NUMBERS = frozenset({"v", "part", "promise"})
KINDS: Mapping[str, type] = {**dict.fromkeys(TEXTS, str), **dict.fromkeys(LISTS, list), **dict.fromkeys(NUMBERS, int)}
HASHES = {f"{name}Hash": name for name in LISTS}
"""Field of the hash -> list that may be kept beside the entry."""
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def read(data: bytes) -> dict[str, Any]:
    """The entry's fields; raises ``EntryError``."""
    if len(data) > LIMIT:
        raise EntryError("the entry is too long")
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise EntryError("the entry is no JSON") from None
    if not isinstance(document, dict) or canonical(document) != data:
        raise EntryError("the entry is not written as RFC 8785 has it")
    if not _shaped(document):
        raise EntryError("the entry has not the fields of an entry")
    if document["v"] not in KNOWN:
        raise EntryError(f"the entry is of version `{document['v']}`, this verifier knows `{VERSION}`")
    return document


def _shaped(document: Mapping[str, Any]) -> bool:
    """Whether the fields are those of an entry, each of its type."""
    kinds = KINDS
    if not HASHES.keys().isdisjoint(document):
        apart = [name for found, name in HASHES.items() if found in document]
        kinds = {**KINDS, **{f"{name}Hash": str for name in apart}, **{f"{name}Count": int for name in apart}}
    return (
        document.keys() == kinds.keys()
        and all(type(value) is kinds[name] for name, value in document.items())
        and all(type(item) is str for name in LISTS for item in document[name])
    )


def check_lists(document: Mapping[str, Any], beside: Mapping[str, tuple[str, ...]]) -> None:
    """Returns if the lists ``beside`` the entry are those that it names; raises ``EntryError``."""
    if not beside and HASHES.keys().isdisjoint(document):
        return
    named = {name for found, name in HASHES.items() if found in document}
    if missing := named - beside.keys():
        raise EntryError(f"the list `{min(missing)}` of the entry is missing")
    if extra := beside.keys() - named:
        raise EntryError(f"a list `{min(extra)}` stands beside an entry that names none")
    for name, items in beside.items():
        if list_hash(items) != document[f"{name}Hash"] or len(items) != document[f"{name}Count"]:
            raise EntryError(f"the list `{name}` is not the one whose hash the entry holds")


def moment(document: Mapping[str, Any]) -> datetime:
    """When the act was; raises ``EntryError``."""
    try:
        return datetime.fromisoformat(document["at"].replace("Z", "+00:00"))
    except ValueError:
        raise EntryError("the time of the entry is no time") from None


@dataclass(slots=True, kw_only=True)
class Trust:
    """The keys that may sign heads: ``since`` the size from which each may."""

    origin: str
    since: dict[Key, int] = field(default_factory=dict)

    def hand_over(self, document: Mapping[str, Any], index: int) -> None:
        """Trusts the key that the entry names, if a trusted one signed it; raises ``EntryError`` if none did."""
        facts = dict(fact.partition("=")[::2] for fact in document["facts"])
        try:
            old, new = Key.read(facts["old"]), Key.read(facts["new"])
            signature = decode(facts["signature"])
        except (KeyError, NoteError):
            raise EntryError("the entry of a new key names no keys, or no signature") from None
        if old not in self.since:
            raise EntryError("the entry of a new key is signed by a key that was not trusted")
        if new.name != self.origin or not old.signed(f"{self.origin}/key\n{facts['new']}\n", signature):
            raise EntryError("the signature on the new key does not verify")
        self.since[new] = index + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Entries that were retired to an archive: ``digest`` is the SHA-256 over those of its bundle files, in order."""

    first: int
    end: int
    digest: str


def retired(document: Mapping[str, Any]) -> Gap | None:
    """What the entry says was retired to an archive; None if it says nothing of the kind."""
    facts = dict(fact.partition("=")[::2] for fact in document["facts"])
    if facts.get("reason") != "retired":
        return None
    range_, digest = [facts.get(name, "") for name in ("first", "end")], facts.get("sha256", "")
    if not all(map(_NUMBER.fullmatch, range_)) or not _DIGEST.fullmatch(digest):
        raise EntryError("the entry of a gap names no range, or no hash")
    first, end = map(int, range_)
    if first % WIDTH or end % WIDTH or first >= end:
        raise EntryError("the range of a gap does not begin and end with a bundle")
    return Gap(first=first, end=end, digest=digest)
