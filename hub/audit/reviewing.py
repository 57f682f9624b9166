"""An auditor's judgement of an entry -> an entry of its own: marks and notes are appended, never edits.

Guarantee: a review names the entry by name and leaf hash, so that it is of that entry and no other; the words of the
note stand beside the log, their hash in it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from hub.audit.entry import LONGEST_NOTE, Entry
from hub.audit.search import QuestionError, Whole

MARKS: Final = ("reviewed", "suspicious", "cleared")
"""What an auditor may find of an entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditor:
    """Who looks and judges."""

    unit: str
    client: str
    operator: str


def review(of: Whole, mark: str, note: str, auditor: Auditor, at: datetime) -> Entry:
    """The entry of a review; raises ``QuestionError`` for a mark that there is not, or too long a note."""
    words = " ".join(note.split())
    if mark not in MARKS:
        raise QuestionError("mark", "请选择复核结论", f"`mark` is one of {', '.join(MARKS)}")
    if len(words) > LONGEST_NOTE or not words.isprintable():
        raise QuestionError(
            "note", f"说明不得超过 {LONGEST_NOTE} 字", f"the note has more than {LONGEST_NOTE} characters"
        )
    return _act("review", auditor, at, (f"of={of.name}", f"leaf={of.leaf}", f"mark={mark}"), (words,) if words else ())


def look(auditor: Auditor, at: datetime, *facts: str, subjects: tuple[str, ...] = ()) -> Entry:
    """The entry of a look at the log; ``subjects`` are the pseudonyms looked for."""
    return _act("look", auditor, at, facts, (), subjects)


def _act(
    kind: Literal["look", "review"],
    auditor: Auditor,
    at: datetime,
    facts: tuple[str, ...],
    notes: tuple[str, ...],
    subjects: tuple[str, ...] = (),
) -> Entry:
    return Entry(
        kind=kind,
        request=secrets.token_hex(16),
        at=at,
        unit=auditor.unit,
        client=auditor.client,
        operator=auditor.operator,
        purpose="audit",
        decision="ALLOWED",
        clauses=("2.4",),
        facts=facts,
        notes=notes,
        subjects=subjects,
    )
