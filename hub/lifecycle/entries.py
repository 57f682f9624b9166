"""A step on its way -> entries of the log: the intent before a department is written, the outcome after.

Guarantee: coordinates, pseudonyms and names alone, no value of a row. Who reports is named by a pseudonym that the
police resolve, and the child of a report is not named (domain model, 6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.write import GivenUp, Result, Written
from hub.audit.entry import AccessDecision, Entry, Pseudonyms, without_author
from hub.identity import Identity
from hub.lifecycle.compile import Part
from hub.lifecycle.found import Found
from hub.lifecycle.given import Given
from hub.lifecycle.rights import Rights
from hub.lifecycle.step import Step

WRITTEN, REFUSED, GIVEN_UP = "written", "refused", "given_up"
"""What an outcome says in ``facts``: it has happened, it was refused, or it has not happened and never will."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """Who takes which step in which request, upon which rights, and what it rests on."""

    identity: Identity
    request_id: str
    policy: str
    step: Step
    given: Given
    rights: Rights
    found: Found
    pseudonyms: Pseudonyms

    def intent(self, part: Part, number: int, name: str, at: datetime) -> Entry:
        """The entry before the write; ``number`` tells the writes of one request apart."""
        return self._entry("intent", part, number, at, "ALLOWED", (f"intent={name}",))

    def outcome(self, part: Part, number: int, name: str, at: datetime, result: Result) -> Entry:
        """The entry after it."""
        words = outcome_of(result)
        decision: AccessDecision = "ALLOWED" if words == WRITTEN else "DENIED" if words == REFUSED else "FAILED"
        return self._entry("outcome", part, number, at, decision, (f"intent={name}", f"outcome={words}"))

    def _entry(
        self, kind: Any, part: Part, number: int, at: datetime, decision: AccessDecision, facts: Sequence[str]
    ) -> Entry:
        entry = Entry(
            kind=kind,
            request=self.request_id,
            part=number,
            at=at,
            unit=self.identity.key,
            client=self.identity.client,
            operator=self.identity.operator,
            purpose=self.identity.purpose,
            case=self.pseudonyms.case(self.identity.case or ""),
            decision=decision,
            policy=self.policy,
            released=part.coordinates,
            subjects=self._subjects(part),
            rows=(f"{part.source}={len(part.write.changes)}",),
            rules=self.rights.rules,
            clauses=self.rights.clauses,
            facts=(f"step={self.step.name}", f"source={part.source}", *facts),
            notes=(self.given.reason,) if self.given.reason and kind == "intent" else (),
        )
        return without_author(entry, self.pseudonyms) if self.step.reports else entry

    def _subjects(self, part: Part) -> tuple[str, ...]:
        names = self.pseudonyms
        rows = [names.record(one.relation, str(part.bindings[one.key.name])) for one in part.write.keyed]
        if self.found.file is not None:
            register, citizen = self.found.file
            rows += [names.register(register), *([names.citizen(citizen)] if citizen else [])]
        return tuple(rows)


def outcome_of(result: Result) -> str:
    """The word for what came of a write."""
    if isinstance(result, Written):
        return WRITTEN
    return GIVEN_UP if isinstance(result, GivenUp) else REFUSED


def settled(document: Mapping[str, Any], at: datetime, *, happened: bool) -> Entry:
    """The outcome of an intent that was left open, from the intent's own entry as it stands in the log."""
    facts = [fact for fact in document["facts"] if not fact.startswith("outcome=")]
    same: dict[str, Any] = {name: document[name] for name in _TEXTS} | {name: tuple(document[name]) for name in _LISTS}
    return Entry(
        kind="outcome",
        request=document["request"],
        part=document["part"],
        at=at,
        decision="ALLOWED" if happened else "FAILED",
        facts=(*facts, f"outcome={WRITTEN if happened else GIVEN_UP}", "settled=later"),
        **same,
    )


_TEXTS = ("unit", "client", "operator", "purpose", "case", "policy")
_LISTS = ("released", "subjects", "rows", "rules", "clauses")
