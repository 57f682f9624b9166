"""What a request did -> its entry, and the receipt once the entry is durable.

Guarantee (invariant 2): ``record`` returns only what the log has made durable, or raises AUDIT_UNAVAILABLE.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

from hub.audit.commitment import KEY_SIZE, committed, messages
from hub.audit.entry import AccessDecision, Entry, Pseudonyms, without_author
from hub.audit.receipt import Receipt
from hub.committed import CHILD_OF_REPORT
from hub.errors import HubError
from hub.identity import Identity
from hub.planner.relations import HOME
from hub.released import Bound, Released


class Recorder(Protocol):
    """The log, as far as it is needed here."""

    async def record(self, entries: Sequence[Entry]) -> list[Receipt]:
        """Receipts of the entries, durable when it returns."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Who asked, in which request, which operation (as a pseudonym)."""

    identity: Identity
    request_id: str
    operation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """On what an answer rests; ``of_author``: it shows own reports, whose author goes unnamed."""

    rules: Sequence[str]
    clauses: Sequence[str]
    policy: str
    of_author: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What entries say of an answer, whoever got it: members of ``Entry``, and the values to bind."""

    members: Mapping[str, Any]
    bound: Sequence[bytes] = field(repr=False)
    of_author: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Makes entries and has them recorded; ``secret`` gives a fresh key for each entry that binds values."""

    log: Recorder
    pseudonyms: Pseudonyms
    clock: Callable[[], datetime]
    policy_version: Callable[[], str]
    secret: Callable[[], bytes] = lambda: secrets.token_bytes(KEY_SIZE)

    async def record(self, entries: Sequence[Entry]) -> list[Receipt]:
        """Receipts of the entries; AUDIT_UNAVAILABLE if they cannot be made durable."""
        return await self.log.record(entries)

    def refusal(
        self,
        identity: Identity,
        request_id: str,
        operation: str,
        errors: Iterable[HubError],
        *,
        of_author: bool = False,
    ) -> Entry:
        """The entry of an answer without data; ``of_author``: of a report, whose author goes unnamed."""
        found = list(errors)
        outage = any(error.code in ("SOURCE_UNAVAILABLE", "INTERNAL") for error in found)
        refused = {str(error.facts["coordinate"]) for error in found if "coordinate" in error.facts}
        entry = Entry(
            kind="failure" if outage else "refusal",
            request=request_id,
            decision="FAILED" if outage else "DENIED",
            operation=operation,
            policy=self.policy_version(),
            refused=sorted(refused),
            rules=sorted({rule for error in found for rule in error.facts.get("rules", ())}),
            clauses=sorted({str(error.facts["clause"]) for error in found if error.facts.get("clause")}),
            errors=sorted({error.code for error in found}),
            **self._who(identity),
        )
        return without_author(entry, self.pseudonyms) if of_author else entry

    def told(
        self,
        released: Released,
        own: Released,
        refused: Iterable[str],
        errors: Iterable[HubError],
        grounds: Grounds,
    ) -> Sequence[Told]:
        """What the entries of all who are answered alike say of it; what is shown of own reports stands apart.

        ``grounds.of_author``: all of it is an act of their author, and there is that part alone.
        """
        if grounds.of_author:
            return [self._told(own.with_(released), frozenset(refused), errors, grounds)]
        first = self._told(released, frozenset(refused), errors, grounds)
        return [first, self._told(own, frozenset(), (), replace(grounds, of_author=True))] if own.records else [first]

    def entries(self, act: Act, told: Sequence[Told], at: datetime | None = None) -> list[Entry]:
        """The entries of one of them. The second has a name of its own: nothing in it leads to the first.

        ``at``: when all of a batch are answered; now, if it is not given.
        """
        first, *second = told
        entries = [self._entry(act, first, at)]
        for each in second:
            entries.append(self._entry(replace(act, request_id=secrets.token_hex(16)), each, at))
        return entries

    def _told(self, released: Released, refused: frozenset[str], errors: Iterable[HubError], grounds: Grounds) -> Told:
        codes = sorted({error.code for error in errors})
        named = self._named(released.records)
        subjects = [name for of in named.values() for name in of.values()]
        subjects += self.pseudonyms.registers(released.registers)
        subjects += self.pseudonyms.citizens(released.citizens)
        return Told(
            members={
                "decision": _decision(released, codes),
                "policy": grounds.policy,
                "released": _in_order(frozenset(released.clear)),
                "masked": _in_order(frozenset(released.masked)),
                "refused": _in_order(refused),
                "subjects": subjects,
                "rows": _rows(named, released.parts),
                "rules": grounds.rules,
                "clauses": grounds.clauses,
                "errors": codes,
            },
            bound=_bound(released, named, CHILD_OF_REPORT if grounds.of_author else frozenset()),
            of_author=grounds.of_author,
        )

    def _named(self, rows: Iterable[tuple[str, str]]) -> Mapping[str, Mapping[str, str]]:
        """Type -> key -> pseudonym."""
        keys: dict[str, list[str]] = {}
        for type_name, key in rows:
            keys.setdefault(type_name, []).append(key)
        return {name: dict(zip(of, self.pseudonyms.records(name, of), strict=True)) for name, of in keys.items()}

    def _entry(self, act: Act, told: Told, at: datetime | None) -> Entry:
        # Values end here: the key goes to its own table, and no value into the entry.
        secret = self.secret() if told.bound else b""
        entry = Entry(
            kind="disclosure",
            request=act.request_id,
            operation=act.operation,
            secret=secret,
            commitments=committed(secret, told.bound) if told.bound else (),
            **told.members,
            **self._who(act.identity, at),
        )
        return without_author(entry, self.pseudonyms) if told.of_author else entry

    def _who(self, identity: Identity, at: datetime | None = None) -> Mapping[str, Any]:
        return {
            "at": at or self.clock(),
            "unit": identity.key,
            "client": identity.client,
            "operator": identity.operator,
            "purpose": identity.purpose,
            "case": self.pseudonyms.case(identity.case or ""),
        }


def _bound(released: Released, named: Mapping[str, Mapping[str, str]], left_out: frozenset[str]) -> Sequence[bytes]:
    """What the values are bound by, but for coordinates that are left out."""
    values = [(name, named[of][key], value) for name, of, key, value in released.values if name not in left_out]
    rows = [(_kept(fields, left_out), named[of][key], row) for fields, of, key, row in released.bound]
    return messages(values, rows)


def _kept(fields: Bound, left_out: frozenset[str]) -> Bound:
    return tuple(each for each in fields if each[0] not in left_out) if left_out else fields


def _rows(named: Mapping[str, Mapping[str, str]], parts: Iterable[tuple[str, str]]) -> list[str]:
    """Rows a source. What this answer gives away, not what its batch read: others' rows are in their own entries."""
    rows: dict[str, int] = {}
    for type_name, of in named.items():
        rows[HOME[type_name]] = rows.get(HOME[type_name], 0) + len(of)
    for source, _ in parts:
        rows[source] = rows.get(source, 0) + 1
    return sorted([f"{source}={count}" for source, count in rows.items()])


@lru_cache(maxsize=4_096)
def _in_order(coordinates: frozenset[str]) -> tuple[str, ...]:
    """Sorted, once for all answers that release the same."""
    return tuple(sorted(coordinates))


def _decision(released: Released, codes: Sequence[str]) -> AccessDecision:
    if "SOURCE_UNAVAILABLE" in codes:
        return "FAILED"
    if released.filtered or "NOT_ENTITLED" in codes:
        return "FILTERED"
    return "MASKED" if released.masked else "ALLOWED"
