"""Token, purpose -> a unit signed in: what the pages on which units work have in common, and how they ask the hub.

Guarantee: a page knows nothing but what the hub's own pipeline answers under the identity of who is signed in, for the
purpose that they chose; each question is the entry, and has the receipts, of any query. Auditors get nothing here, and
a sign-in leaves no entry: that of a reporter would tell who reports.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

import orjson
from graphql import GraphQLSchema

from hub.audit.receipt import Receipt
from hub.credential import Credential, Verifier
from hub.errors import STATUS, HubError, RefusalError
from hub.events.clock import Limits
from hub.events.letters import Letters
from hub.gate import Bucket, Gate
from hub.http import Turned
from hub.identity import Declaration, Identity, declare
from hub.lifecycle.refused import Refused
from hub.lifecycle.shelf import Counts
from hub.lifecycle.unaccepted import EMERGENCY
from hub.pages.session import Session, Sessions
from hub.pipeline import Request
from hub.reconcile.orders import Ordered
from hub.response import Answer
from policies.policy import Policy

COOKIE: Final = "hub-desk"


class Answering(Protocol):
    """What answers: ``hub.service.Behind`` does."""

    async def answer(self, identity: Identity, request: Request) -> Answer:
        """The answer to a request; its entry is durable."""
        ...

    async def turned_away(self, turned: Turned) -> None:
        """Makes the entry of a refused request durable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the hub answered: data (None: none), errors as a client sees them, and receipts."""

    status: int
    data: Mapping[str, Any] | None
    errors: Sequence[Mapping[str, Any]] = ()
    extensions: Mapping[str, Any] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """The code of the first error; empty if there is none."""
        return str(self.errors[0]["extensions"]["code"]) if self.errors else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldReports:
    """Reports that the hub holds for the police: how many, and what those say that their system refused."""

    counts: Callable[[], Awaitable[Counts]]
    shown: Callable[[Identity], Awaitable[tuple[Sequence[Refused], Sequence[Receipt]]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the pages rest on; ``view``: what a unit sees of the schema for a purpose; ``limits``: those of clocks.

    ``invented``: whether pages say that every row is. ``orders``: comparisons asked for, numbers of rows and no value,
    for pages of who may ask for one.
    """

    verifier: Verifier
    sessions: Sessions
    auditors: Callable[[], frozenset[str]]
    policy: Callable[[], Policy]
    view: Callable[[str, str], GraphQLSchema]
    answering: Answering
    clock: Callable[[], datetime]
    case_pattern: str
    duty_phone: str
    gate: Gate
    limits: Limits
    invented: bool = False
    orders: Callable[[], Awaitable[Sequence[Ordered]]] | None = None
    held: HeldReports | None = None
    letters: Letters | None = None
    patience: float = 2.0
    attempts: Bucket = field(default_factory=lambda: Bucket(20))

    @property
    def phones(self) -> str:
        """Whom to call when a child is in danger."""
        return " / ".join(dict.fromkeys((EMERGENCY, self.duty_phone)))

    def purposes(self, credential: Credential) -> list[str]:
        """Purposes of the credential that this hub knows."""
        return [name for name in credential.purposes if name in self.policy().purposes]

    def identity(self, session: Session) -> Identity:
        """Who asks and for what; raises ``RefusalError``."""
        declaration = Declaration(purpose=session.purpose or None, case=session.case or None)
        return declare(session.credential, declaration, self.policy(), self.case_pattern)

    def seen(self, session: Session) -> GraphQLSchema:
        """The schema as who is signed in sees it for the purpose chosen."""
        return self.view(session.credential.unit, session.purpose)

    async def ask(self, session: Session, document: str, variables: Mapping[str, Any] | None = None) -> Told:
        """The hub's answer to who is signed in; raises ``OutageError`` if not even a refusal can be entered."""
        request_id = secrets.token_hex(16)
        try:
            identity = self.identity(session)
            with self.gate.passing(identity.key):
                request = Request(
                    query=document,
                    operation_name=None,
                    variables=dict(variables or {}),
                    denied="refuse",
                    request_id=request_id,
                )
                return _told(await self.answering.answer(identity, request))
        except RefusalError as error:
            await self.turned_away(session.credential, error, request_id=request_id)
            return Told(status=STATUS[error.code], data=None, errors=(error.as_json(),))

    async def turned_away(self, credential: Credential | None, error: HubError, *, request_id: str = "") -> None:
        """Enters that somebody was refused before the pipeline."""
        declaration = Declaration(purpose=None, case=None)
        await self.answering.turned_away(
            Turned(
                request_id=request_id or secrets.token_hex(16),
                credential=credential,
                declaration=declaration,
                errors=(error,),
            )
        )


def _told(answer: Answer) -> Told:
    found = orjson.loads(answer.body)
    return Told(
        status=answer.status,
        data=found.get("data"),
        errors=found.get("errors", ()),
        extensions=found.get("extensions", {}),
    )
