"""What the console rests on, and what passes between its pages and its routes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from hub.audit.entry import Entry, Pseudonyms
from hub.audit.keys import VerifierKey
from hub.audit.reader import Reader
from hub.audit.reviewing import Auditor
from hub.audit.search import Search
from hub.audit.unusual import Unusual
from hub.audit.witness.client import Age
from hub.credential import Verifier
from hub.gate import Bucket
from hub.pages.console import asked
from hub.pages.session import Session, Sessions
from hub.pages.words import Language
from hub.recording import Recorder
from policies.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """The console's ports; ``auditors``: the units that may see it; ``invented``: pages say that every row is."""

    verifier: Verifier
    sessions: Sessions
    auditors: Callable[[], frozenset[str]]
    recorder: Recorder
    clock: Callable[[], datetime]
    search: Search
    unusual: Unusual
    reader: Reader
    signed_by: Callable[[], Sequence[VerifierKey]]
    witnesses: Sequence[VerifierKey]
    age: Age
    pseudonyms: Pseudonyms
    policy: Callable[[], Policy]
    invented: bool = False
    attempts: Bucket = field(default_factory=lambda: Bucket(5))

    def today(self) -> date:
        """The day of the request."""
        return self.clock().date()


class AbsentError(Exception):
    """There is no such entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request to a page: who, in which language, with what; ``form`` is empty for a GET."""

    session: Session
    spoken: Language
    path: Mapping[str, Any]
    query: Mapping[str, str]
    form: Mapping[str, str]

    @property
    def auditor(self) -> Auditor:
        """Who asks, for entries."""
        credential = self.session.credential
        return Auditor(unit=credential.key, client=credential.client, operator=credential.operator)

    def day(self, name: str) -> date | None:
        """A day of the query; raises ``QuestionError``."""
        return asked.day(name, self.query.get(name, ""))

    def index(self, name: str = "before") -> int | None:
        """An index of the query or the path, or None; one that is no number raises ``QuestionError``."""
        return asked.index(name, str(self.path.get(name, self.query.get(name, ""))))


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A page to be shown: its template and words, and the entry of the look that must be durable first.

    ``entries`` are further entries (a review); ``location`` sends the browser on; ``download`` is a file instead.
    """

    template: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)
    facts: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()
    location: str = ""
    download: tuple[str, str, bytes] | None = None
    status: int = 200
