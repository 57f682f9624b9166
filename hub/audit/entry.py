"""Entry -> Leaf: what the log says of one act, as the exact bytes that are hashed, signed for and kept.

Guarantee: the bytes are RFC 8785 (a flat object, fixed ASCII keys, only strings, integers and lists of strings), at
most 65,535 of them, the same for the same entry. No personal value stands in them: children, files, cases and records
appear as pseudonyms in the log's own domain, values never. What does not fit is kept beside, its SHA-256 inside.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, Literal, TypeAlias, cast

import orjson

from hub.audit.merkle import leaf_hash

VERSION: Final = 3
"""3: commitments by keyed BLAKE2b, before by HMAC (``hub/audit/commitment.py``); all else is as in 2."""
LIMIT: Final = 65_535
"""Bytes of one entry: entry bundles have a uint16 before each."""
INLINE: Final = {"subjects": 128, "commitments": 32, "notes": 0}
"""List -> how many of its items an entry holds at most; of more it holds their hash."""
LONGEST_TEXT: Final = 256
LONGEST_NOTE: Final = 4_000
REMEMBERED: Final = 5_000
"""Names of one kind that are remembered (files, children, rows of each type): a megabyte at most."""
_WEB: Final = bytes.maketrans(b"+/", b"-_")
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))

Kind: TypeAlias = Literal[
    "disclosure",
    "refusal",
    "failure",
    "intent",
    "outcome",
    "event",
    "policy",
    "key",
    "look",
    "review",
    "hold",
    "release",
    "start",
    "gap",
]
AccessDecision: TypeAlias = Literal["ALLOWED", "MASKED", "FILTERED", "DENIED", "FAILED"]
Texts: TypeAlias = Sequence[str]
_Keyed: TypeAlias = tuple[Callable[[], Any], Callable[[], Any]]

REPORTING_CLAUSES: Final = frozenset({"2.3", "2.5"})
"""Clauses that are every reporter's; any other clause would say which unit reported."""
MIXING: Final = timedelta(hours=1)
"""Acts of authors are dated to the end of the span in which they happened, and enter the tree together then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One act: who, when, for what purpose, what was released or refused, by which rules. Times in UTC, milliseconds.

    ``request`` with ``kind`` and ``part`` names the entry: the same three are never two entries. ``unit`` is a unit
    key; ``case`` and ``subjects`` are pseudonyms; ``released``, ``masked`` and ``refused`` are coordinates;
    ``operation`` is ``Pseudonyms.operation``; ``rows`` counts the rows released, by the source that keeps them
    (``civil_affairs=12``); ``rules`` names the grants relied on or wanted; ``facts`` are ``name=value`` words of acts
    that are no answers (a new key, a retired month, a review); ``notes`` are words of a person, kept beside the entry
    whatever their length; ``commitments`` bind the L3/L4 values released under ``secret``, which stands in no entry;
    ``promise`` is the delay in seconds within which the receipt promises inclusion.
    """

    kind: Kind
    request: str
    at: datetime
    unit: str
    decision: AccessDecision
    part: int = 0
    client: str = ""
    operator: str = ""
    purpose: str = ""
    case: str = ""
    operation: str = ""
    policy: str = ""
    released: Texts = ()
    masked: Texts = ()
    refused: Texts = ()
    subjects: Texts = ()
    rows: Texts = ()
    rules: Texts = ()
    clauses: Texts = ()
    errors: Texts = ()
    facts: Texts = ()
    notes: Texts = ()
    commitments: Texts = ()
    secret: bytes = field(default=b"", repr=False)
    promise: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """An entry as it is kept: ``data`` is hashed to ``hash``; ``lists`` are those named in it by their hash only.

    ``secret`` is the key of its commitments, kept apart and erasable; empty if there are none.
    """

    request: str
    kind: str
    part: int
    at: datetime
    promise: int
    data: bytes
    hash: bytes
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    secret: bytes = field(default=b"", repr=False)

    @property
    def name(self) -> str:
        """``request/kind/part``: the entry's name, once in a log."""
        return f"{self.request}/{self.kind}/{self.part}"


_LISTED: Final = sha256().copy
"""Looking up the algorithm takes longer than hashing a list, so that is done once."""
_LISTS: Final = tuple(item.name for item in fields(Entry) if item.type == "Texts")
_TEXTS: Final = tuple(item.name for item in fields(Entry) if item.type in {"str", "Kind", "AccessDecision"})

_OWN: Final = frozenset({"at", "case", "commitments", "operation", "operator", "request", "rows", "subjects"})
"""Members that differ from entry to entry of one plan and principal; the others are written once for many entries."""
_COMMON_TEXTS: Final = tuple(name for name in _TEXTS if name not in _OWN)
_COMMON_LISTS: Final = tuple(name for name in _LISTS if name not in {*_OWN, "notes"})
_texts_of, _lists_of = attrgetter(*_COMMON_TEXTS, "part", "promise"), attrgetter(*_COMMON_LISTS)

NAMES: Final = frozenset({*_TEXTS, *_LISTS, "v", "at", "part", "promise"})
"""The fields that each entry has."""
_RUNS: Final = tuple(tuple(run) for own, run in groupby(sorted(NAMES), _OWN.__contains__) if not own)
"""Members that stand side by side in the canonical form and are common to many entries."""


def encode(entry: Entry) -> Leaf:
    """The leaf of ``entry``; lists are sorted and hold each item once, so that order tells nothing."""
    at = _milliseconds(entry.at)
    lists: dict[str, tuple[str, ...]] = {}
    data = b"" if entry.notes else _joined(entry, at, lists)
    if not data or len(data) > LIMIT:
        data, lists = _shortened(entry, at)
    return Leaf(
        request=_plain(entry.request),
        kind=entry.kind,
        part=entry.part,
        at=at,
        promise=entry.promise,
        data=data,
        hash=leaf_hash(data),
        lists=lists,
        secret=entry.secret,
    )


def _joined(entry: Entry, at: datetime, lists: dict[str, tuple[str, ...]]) -> bytes:
    """The canonical form, its common members taken as they were written for the entry before; ``lists``: set apart."""
    frame = _frame(_texts_of(entry), tuple(map(tuple, _lists_of(entry))))
    clauses, decision, part, rules, unit = frame
    of_operation = {"operation": _plain(entry.operation), "operator": _plain(entry.operator)}
    own = (
        orjson.dumps({"at": timestamp(at), "case": _plain(entry.case)})[:-1],
        clauses,
        _listed("commitments", entry.commitments, lists),
        decision,
        orjson.dumps(of_operation)[1:-1],
        part,
        orjson.dumps({"request": _plain(entry.request), "rows": _items(entry.rows)})[1:-1],
        rules,
        _listed("subjects", entry.subjects, lists),
        unit,
    )
    return b",".join(own) + b"}"


@lru_cache(maxsize=512)
def _frame(texts: tuple[str | int, ...], lists: tuple[tuple[str, ...], ...]) -> tuple[bytes, ...]:
    """The common members, run by run; the last before the closing brace."""
    named = zip((*_COMMON_TEXTS, "part", "promise"), texts, strict=True)
    document: dict[str, Any] = {name: _plain(text) if isinstance(text, str) else text for name, text in named}
    document |= zip(_COMMON_LISTS, map(_items, lists), strict=True)
    document |= {"notes": [], "v": VERSION}
    return tuple(canonical({name: document[name] for name in run})[1:-1] for run in _RUNS)


def _listed(name: str, items: Texts, lists: dict[str, tuple[str, ...]]) -> bytes:
    """The member of a list, or what stands for one that is set apart."""
    member: dict[str, Any] = {name: _items(items)}
    if len(member[name]) > INLINE[name]:
        _set_apart(member, name, lists)
    return orjson.dumps(member, option=orjson.OPT_SORT_KEYS)[1:-1]


def _shortened(entry: Entry, at: datetime) -> tuple[bytes, dict[str, tuple[str, ...]]]:
    """The canonical form and the lists set apart: notes, those that are long, then the longest until the rest fits."""
    document: dict[str, Any] = {name: _plain(getattr(entry, name)) for name in _TEXTS}
    document |= {"v": VERSION, "at": timestamp(at), "part": entry.part, "promise": entry.promise}
    document |= {name: _items(getattr(entry, name)) for name in _LISTS}
    document["notes"] = [_plain(note, longest=LONGEST_NOTE) for note in entry.notes]
    lists: dict[str, tuple[str, ...]] = {}
    for name, inline in INLINE.items():
        if len(document[name]) > inline:
            _set_apart(document, name, lists)
    data = canonical(document)
    while len(data) > LIMIT:
        longest = max(_LISTS, key=lambda name: sum(map(len, document[name])))
        _set_apart(document, longest, lists)
        data = canonical(document)
    return data, lists


def canonical(document: Mapping[str, Any]) -> bytes:
    """The bytes of RFC 8785: orjson writes them for ASCII keys, strings and integers (a test holds it to that)."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def list_hash(items: Iterable[str]) -> str:
    """What stands in an entry for a list kept beside it: SHA-256 of its items, a newline between two, hexadecimal."""
    digest = _LISTED()
    digest.update("\n".join(items).encode())
    return digest.hexdigest()


@lru_cache(maxsize=64)
def _milliseconds(at: datetime) -> datetime:
    """In UTC, cut to milliseconds; those of a batch have one time."""
    return (utc := at.astimezone(UTC)).replace(microsecond=utc.microsecond // 1000 * 1000)


@lru_cache(maxsize=64)
def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: ``2026-11-24T08:30:00.125Z``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"


def _set_apart(document: dict[str, Any], name: str, lists: dict[str, tuple[str, ...]]) -> None:
    items = tuple(document[name])
    lists[name] = items
    document |= {name: [], f"{name}Hash": list_hash(items), f"{name}Count": len(items)}


def _items(items: Texts) -> list[str]:
    # Names and commitments come by the hundred, and are what they should be: seen at a glance over all of them.
    if not items:
        return []
    if printable("".join(items)) and max(map(len, items)) <= LONGEST_TEXT:
        return sorted(set(items))
    return sorted({_plain(item) for item in items})


def printable(text: str) -> bool:
    """``text.isprintable()``, which looks at each character; what we write ourselves is seen at a glance."""
    glance = text.isascii() and "\x7f" not in text and len(orjson.dumps(text)) == len(text) + 2
    return glance or text.isprintable()


def _plain(text: str, *, longest: int = LONGEST_TEXT) -> str:
    """``text``, or its hash where it would break the limit, a list's newline, PostgreSQL's text or UTF-8 itself."""
    if len(text) <= longest and text.isprintable():
        return text
    return "sha256:" + sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Names of children, cases, records and authors that only the holder of ``key`` can compute or resolve.

    HMAC-SHA256, cut to 128 bits, each kind in a domain of its own: the same number as a register number and as a
    citizen id gives two unrelated pseudonyms. Another domain than that of the ids which units see.
    """

    key: bytes = field(repr=False)
    _known: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _keyed: dict[tuple[str, ...], _Keyed] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.key) < 32:
            raise ValueError("the key of the log's pseudonyms has fewer than 32 bytes")

    def register(self, number: str) -> str:
        """A child's file, by its number in the register."""
        return self._name("f", number)

    def citizen(self, citizen_id: str) -> str:
        """A child, by citizen id."""
        return self._name("i", citizen_id)

    def case(self, reference: str) -> str:
        """A case, by its reference; no reference, no pseudonym."""
        [name] = self._remembered(("k",), (reference,)) if reference else ("",)
        return name

    def record(self, type_name: str, key: str) -> str:
        """A row of another type, by its source's key."""
        return self._name("r", type_name, key)

    def author(self, *unit_and_operator: str) -> str:
        """Who reported: a unit key, or a unit key and an operator."""
        return self._name("a", *unit_and_operator)

    def operation(self, document: str, operation_name: str | None = None) -> str:
        """A GraphQL document: keyed, since a plain hash of one that holds a citizen id could be found by trying ids."""
        return self._name("o", operation_name or "", document)

    def registers(self, numbers: Iterable[str]) -> list[str]:
        """Files, by their numbers, in order."""
        return self._remembered(("f",), numbers)

    def citizens(self, citizen_ids: Iterable[str]) -> list[str]:
        """Children, by citizen ids, in order."""
        return self._remembered(("i",), citizen_ids)

    def records(self, type_name: str, keys: Iterable[str]) -> list[str]:
        """Rows of one type, by keys, in order."""
        return self._remembered(("r", type_name), keys)

    def _remembered(self, first: tuple[str, ...], last: Iterable[str]) -> list[str]:
        """As ``_names``; rows of one list are looked at again and again, and by several units."""
        parts, known = list(last), self._known.setdefault(first, {})
        found = [known.get(part) for part in parts]
        if None not in found:
            return cast("list[str]", found)
        new = [part for part in parts if part not in known]
        if len(known) + len(new) > REMEMBERED:
            known.clear()
            new = parts
        known.update(zip(new, self._names(first, new), strict=True))
        return [known[part] for part in parts]

    def _name(self, domain: str, *parts: str) -> str:
        [name] = self._names((domain, *parts[:-1]), parts[-1:])
        return name

    def _names(self, first: tuple[str, ...], last: Iterable[str]) -> list[str]:
        """For each text its name in the domain that ``first`` begins with."""
        keyed = self._keyed.get(first)
        if keyed is None:
            keyed = _keyed(self.key, _framed("hub-log", *first))
            if len(first) == 1 or first[0] == "r":  # few: types, not people
                self._keyed[first] = keyed
        digests: list[bytes] = []
        inner, outer = keyed
        # Copies cost a third of keying anew, and names are many: every row of an answer has one.
        for part in last:
            encoded = part.encode("utf-8", "surrogatepass")
            within, own = inner(), outer()
            within.update(len(encoded).to_bytes(4) + encoded)
            own.update(within.digest())
            digests.append(own.digest()[:16] + b"\0\0")  # whole groups of 3 bytes: all become text at once
        text = b2a_base64(b"".join(digests), newline=False).translate(_WEB).decode()
        return [f"{first[0]}-{text[at : at + 22]}" for at in range(0, len(text), 24)]


def _keyed(key: bytes, first: bytes) -> _Keyed:
    """HMAC-SHA256 (RFC 2104) under ``key`` of what begins with ``first``, as its two hashes, to be copied and ended."""
    block = (sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    inner, outer = sha256(block.translate(_INNER)), sha256(block.translate(_OUTER))
    inner.update(first)
    return inner.copy, outer.copy


def _framed(*parts: str) -> bytes:
    # Lengths stand before the parts, or ("ab", "c") and ("a", "bc") were one name.
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join([len(part).to_bytes(4) + part for part in encoded])


def _end_of_span(at: datetime) -> datetime:
    """The first whole span after ``at``, or ``at`` itself where it is one."""
    start = datetime(2000, 1, 1, tzinfo=UTC)
    return start - (start - at.astimezone(UTC)) // MIXING * MIXING


def without_author(entry: Entry, pseudonyms: Pseudonyms) -> Entry:
    """The entry of an act of reporting or of a read in `own_reports`: its author is a pseudonym, the child unnamed.

    Rules and clauses of one unit's own duties would say which unit it was, so they go too, as do client and operator,
    and the document and the case, which stand in other entries of the unit. So does the moment: an entry that its
    author left just before or after would stand beside it in the tree.
    """
    return replace(
        entry,
        at=_end_of_span(entry.at),
        unit=pseudonyms.author(entry.unit),
        client="",
        operation="",
        case="",
        operator=pseudonyms.author(entry.unit, entry.operator) if entry.operator else "",
        subjects=tuple(subject for subject in entry.subjects if subject.startswith("r-")),
        rules=tuple(pseudonyms.author(entry.request, rule) for rule in entry.rules),
        clauses=tuple(clause for clause in entry.clauses if clause in REPORTING_CLAUSES),
    )
