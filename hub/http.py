"""HTTP request -> HTTP response: the edge of ``POST /graphql``, by the GraphQL-over-HTTP specification.

What reaches the pipeline is identified, small enough, arrived in time, and is one unambiguous JSON object. What does
not is turned away with a code, and that is an entry in the log too. No exception text leaves.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

import orjson
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from hub.arriving import arrived
from hub.credential import Credential, Verifier, bearer
from hub.errors import STATUS, HubError, InternalError, OutageError, RefusalError, RefusedError
from hub.gate import Bucket, Gate
from hub.hardened import HEADERS
from hub.identity import Declaration, Identity, Registry, declare, declared
from hub.pipeline import Request
from hub.posted import asked
from hub.response import Answer
from hub.settings import Settings
from hub.telemetry import Stages

if TYPE_CHECKING:
    from hub.events.subscription import Events
    from hub.pages.console.ports import Console
    from hub.pages.desk import Desk
    from hub.tlog import Tlog

logger = logging.getLogger("hub.http")

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"

_SAYING = frozenset(
    {
        b"accept",
        b"authorization",
        b"content-encoding",
        b"content-type",
        b"hub-case",
        b"hub-on-denied",
        b"hub-purpose",
    }
)
"""Headers that say who asks for what, and in which form."""
_SAID = sha256().copy
"""Looking up the algorithm takes as long as hashing what they say, so that is done once."""
_REMEMBERED = 10_000
_ACCEPTABLE = {GRAPHQL: GRAPHQL, JSON: JSON, "*/*": JSON, "application/*": JSON}
_FIXED = {
    media_type: (
        (b"content-type", f"{media_type}; charset=utf-8".encode()),
        (b"cache-control", b"no-store"),
        (b"vary", b"Accept, Authorization, Hub-Purpose, Hub-Case, Hub-On-Denied"),
        *HEADERS,
    )
    for media_type in (GRAPHQL, JSON)
}
"""Headers of every response, as they leave."""
_RETRY_AFTER = {"RATE_LIMITED": "1", "AUDIT_UNAVAILABLE": "2", "SOURCE_UNAVAILABLE": "5"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """A request turned away at the door, for the log; ``credential`` is None if there was no good one.

    ``declaration`` is what the caller wrote: its purpose may be no purpose at all, its case is a personal value.
    """

    request_id: str
    credential: Credential | None
    declaration: Declaration | None
    errors: tuple[HubError, ...]


class Service(Protocol):
    """What stands behind the door."""

    @property
    def verifier(self) -> Verifier:
        """Judge of tokens."""
        ...

    @property
    def registry(self) -> Registry:
        """Principals and purposes of the policy of the moment."""
        ...

    @property
    def stages(self) -> Stages:
        """Telemetry."""
        ...

    @property
    def console(self) -> Console | None:
        """What the auditors' console rests on, if there is one."""
        ...

    @property
    def events(self) -> Events | None:
        """What tells of changes, if it does."""
        ...

    @property
    def desk(self) -> Desk | None:
        """What the pages of units rest on, if there are any."""
        ...

    @property
    def tlog(self) -> Tlog | None:
        """The log as it is served to auditors and witnesses, if it is."""
        ...

    async def answer(self, identity: Identity, request: Request) -> Answer:
        """Answers a request; its entry is durable when this returns."""
        ...

    async def turned_away(self, turned: Turned) -> None:
        """Makes the entry of a refused request durable; raises ``OutageError`` if that cannot be."""
        ...

    async def ready(self) -> Mapping[str, str]:
        """Part (a source, ``log``, ``policy``) -> ``ok``, or a stable word for what is wrong."""
        ...


class HttpFault(Exception):
    """Turned away by HTTP's own rules, before anything was asked: a status and words, no entry."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(slots=True)
class _Visit:
    """What is known so far of one request, for its entry if it is turned away."""

    request_id: str
    media_type: str = GRAPHQL
    credential: Credential | None = None
    declaration: Declaration | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the headers of a request said of its caller."""

    media_type: str
    credential: Credential
    declaration: Declaration
    identity: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class _Response:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


@dataclass(slots=True, kw_only=True)
class Door:
    """The endpoint, an ASGI application; one for the life of the process."""

    settings: Settings
    service: Service
    certificate_of: Callable[[Scope], str | None] = lambda _: None
    gate: Gate = field(init=False)
    strangers: Bucket = field(init=False)
    _known: dict[bytes, _Known] = field(default_factory=dict, repr=False)
    _registry: Registry | None = field(default=None, repr=False)
    """The policy under which ``_known`` was found."""

    def __post_init__(self) -> None:
        self.gate = Gate(self.settings.limits.concurrency)
        self.strangers = Bucket(self.settings.limits.unauthenticated)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one HTTP request, whatever happens."""
        found = await self._response(scope, receive, _Visit(secrets.token_hex(16)))
        await send({"type": "http.response.start", "status": found.status, "headers": found.headers})
        await send({"type": "http.response.body", "body": found.body})

    async def _response(self, scope: Scope, receive: Receive, visit: _Visit) -> _Response:
        try:
            answer = await self._answer(scope, receive, visit)
            return _response(visit, self._status(visit, answer), answer.body)
        except HttpFault as fault:
            return _response(visit, fault.status, _body(RefusalError("INVALID_INPUT", fault.message)), fault.headers)
        except HubError as error:
            return await self._turned_away(visit, (error,))
        except RefusedError as refused:
            return await self._turned_away(visit, refused.errors)
        except ClientDisconnect:
            return _response(visit, 400, _body(RefusalError("INVALID_INPUT", "the client went away")))
        except Exception as error:  # our bug: the caller learns that it is one, the operator which kind
            _tell(visit, error)
            return await self._turned_away(visit, (InternalError(),))

    async def _answer(self, scope: Scope, receive: Receive, visit: _Visit) -> Answer:
        certificate = self.certificate_of(scope)
        said, announced = _said(scope, certificate)
        known = self._recalled(said, visit)
        if known is None:
            known = await self._identified(scope, visit, certificate)
            _remember(self._known, said, known)
        with self.gate.passing(known.identity.key):
            body = await self._received(receive, announced)
            request = asked(body, known.declaration, visit.request_id)
            return await self.service.answer(known.identity, request)

    def _recalled(self, said: bytes, visit: _Visit) -> _Known | None:
        """What the same headers said before, if policy and credential still count; raises UNAUTHENTICATED."""
        if self._registry is not self.service.registry:
            self._registry = self.service.registry
            self._known.clear()
        known = self._known.get(said)
        if known is not None:
            visit.media_type = known.media_type
            self.service.verifier.in_force(known.credential)
            visit.credential, visit.declaration = known.credential, known.declaration
        return known

    async def _identified(self, scope: Scope, visit: _Visit, certificate: str | None) -> _Known:
        headers, registry = Headers(scope=scope), self.service.registry
        visit.media_type = _media_type(scope["method"], headers)
        with self.service.stages.stage("identify"):
            visit.credential = await self.service.verifier.verify(bearer(headers), certificate=certificate)
            visit.declaration = declared(headers)
            return _Known(
                media_type=visit.media_type,
                credential=visit.credential,
                declaration=visit.declaration,
                identity=declare(visit.credential, visit.declaration, registry, self.settings.case_pattern),
            )

    def _status(self, visit: _Visit, answer: Answer) -> int:
        # A client that asks for plain JSON takes a 4xx for a proxy's: there a request error travels with 200.
        return 200 if answer.status == 400 and visit.media_type == JSON else answer.status

    async def _received(self, receive: Receive, announced: bytes) -> bytes:
        try:
            return await arrived(receive, announced, self.settings.limits.body_bytes, self.settings.deadlines.body)
        except TimeoutError:
            raise HttpFault(408, "the body did not arrive in time", Connection="close") from None

    async def _turned_away(self, visit: _Visit, errors: tuple[HubError, ...]) -> _Response:
        if visit.credential is None and not self.strangers.take():
            # Not an entry each: whoever has no credential must not be able to fill the log.
            errors = (RefusalError("RATE_LIMITED", "too many requests without a good credential, wait a second"),)
            return _refusal(visit, errors)
        turned = Turned(
            request_id=visit.request_id, credential=visit.credential, declaration=visit.declaration, errors=errors
        )
        try:
            await self.service.turned_away(turned)
        except OutageError as error:
            return _refusal(visit, (error,))
        except Exception as error:  # no entry, and nothing leaves but that something is wrong here
            _tell(visit, error)
            return _refusal(visit, (InternalError(),))
        return _refusal(visit, errors)


def _said(scope: Scope, certificate: str | None) -> tuple[bytes, bytes]:
    """A digest of all that the caller says of itself beside the body, and how long it says that the body is.

    Of two equal headers in a row both count.
    """
    announced = b""
    said = [f"{scope['method']} {certificate}".encode()]  # no line break stands in a header, nor in these
    for name, value in scope["headers"]:
        if name in _SAYING:
            said += name, value
        elif name == b"content-length":
            announced = value
    digest = _SAID()
    digest.update(b"\n".join(said))
    return digest.digest(), announced


def _remember(known: dict[bytes, _Known], said: bytes, found: _Known) -> None:
    if len(known) >= _REMEMBERED:
        del known[next(iter(known))]
    known[said] = found


def _media_type(method: str, headers: Headers) -> str:
    if method != "POST":
        raise HttpFault(405, "only POST is answered here", Allow="POST")
    media_type = _accepted(headers.get("accept", "*/*"))
    content, _, parameters = headers.get("content-type", "").partition(";")
    charset = parameters.partition("charset=")[2].strip().strip('"').lower()
    if content.strip().lower() != JSON or charset not in {"", "utf-8"}:
        raise HttpFault(415, f"the body must be `{JSON}` in UTF-8", Accept=JSON)
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise HttpFault(415, "the body must not be compressed", Accept_Encoding="identity")
    return media_type


def _accepted(accept: str) -> str:
    best, chosen = 0.0, None
    for item in accept.split(","):
        name, _, parameters = item.partition(";")
        media_type = _ACCEPTABLE.get(name.strip().lower())
        quality = _quality(parameters)
        if media_type is not None and quality > best:
            best, chosen = quality, media_type
    if chosen is None:
        raise HttpFault(406, f"answers come as `{GRAPHQL}` or `{JSON}`")
    return chosen


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.strip().lower() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def _body(*errors: HubError) -> bytes:
    return orjson.dumps({"errors": [error.as_json() for error in errors]})


def _refusal(visit: _Visit, errors: tuple[HubError, ...]) -> _Response:
    code = errors[0].code
    status = 413 if errors[0].facts.get("limit") == "body_bytes" else STATUS.get(code, 500)
    headers = {"Retry-After": _RETRY_AFTER[code]} if code in _RETRY_AFTER else {}
    if code == "UNAUTHENTICATED":
        headers["WWW-Authenticate"] = 'Bearer realm="wuqing-hub"'
    return _response(visit, status, _body(*errors), headers)


def _response(visit: _Visit, status: int, body: bytes, further: Mapping[str, str] | None = None) -> _Response:
    headers = [
        (b"content-length", b"%d" % len(body)),
        (b"hub-request-id", visit.request_id.encode()),
        *_FIXED[visit.media_type],
    ]
    if further:
        headers += [(name.lower().encode(), value.encode()) for name, value in further.items()]
    return _Response(status=status, headers=headers, body=body)


def _tell(visit: _Visit, error: Exception) -> None:
    logger.error("request %s failed: %s at %s", visit.request_id, type(error).__name__, _where(error))


def _where(error: Exception) -> str:
    """File and line of the innermost frame: enough to find a bug, without its words, which may hold values."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "an unknown place"
