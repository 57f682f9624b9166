"""``/log/...`` -> the access log as C2SP tlog-tiles serve it: heads, hash tiles, entry bundles, proofs.

Guarantee: heads and hashes are for auditors and witnesses, entries for auditors alone, a proof for auditors and for
whoever holds the entry's receipt. What is not there, not yet, or not for the caller is told in words, without a trace
of what stands in the log. A look at entries is an entry itself.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hmac import compare_digest
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from hub.audit import tiles
from hub.audit.contract import GapError, Kept, StoreError
from hub.audit.entry import Entry
from hub.audit.inclusion import prove
from hub.audit.keys import VerifierKey
from hub.audit.note import NoteError
from hub.audit.reader import WIDTH, Reader
from hub.audit.receipt import Receipt, verify_receipt
from hub.credential import Credential, Verifier, bearer
from hub.errors import STATUS, HubError, OutageError, RefusalError
from hub.gate import Bucket
from hub.recording import Recorder

RECEIPT = "hub-receipt"
"""Header in which a holder sends its receipt's ``signature``."""
_PATH = re.compile(r"((?:x\d{3}/){0,5}\d{3})(?:\.p/([1-9]\d{0,2}))?", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}/[a-z]{1,16}/(?:0|[1-9][0-9]{0,8})")
_LEVEL = re.compile(r"0|[1-9][0-9]?")
_IMMUTABLE = {"Cache-Control": "private, max-age=31536000, immutable"}
_FRESH = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tlog:
    """What the routes rest on.

    ``signed_by``: all that ever signed. ``auditors``: units that audit. ``witnesses``: tokens by which witnesses read.
    """

    reader: Reader
    verifier: Verifier
    recorder: Recorder
    clock: Callable[[], datetime]
    signed_by: Callable[[], Sequence[VerifierKey]]
    auditors: Callable[[], frozenset[str]]
    witnesses: Sequence[str] = ()
    strangers: Bucket = field(default_factory=lambda: Bucket(10))

    async def auditor(self, request: Request) -> Credential:
        """Who audits; raises a refusal for anybody else."""
        credential = await self.verifier.verify(bearer(request.headers))
        if credential.unit not in self.auditors() or "audit" not in credential.purposes:
            raise RefusalError("NOT_ENTITLED", "the access log is for auditors, with purpose `audit`")
        return credential

    async def reads_hashes(self, request: Request) -> None:
        """Returns for an auditor or a witness."""
        given = request.headers.get("authorization", "").encode()
        if not any(compare_digest(given, f"Bearer {token}".encode()) for token in self.witnesses):
            await self.auditor(request)

    async def look(self, credential: Credential, *facts: str) -> None:
        """Makes the entry of a look durable, before what is looked at leaves."""
        await self._record(credential, kind="look", decision="ALLOWED", clauses=("2.4",), facts=facts)

    async def refused(self, request: Request, error: HubError) -> None:
        """Makes the entry of a refusal durable; of callers without a credential only so many a second."""
        try:
            credential = await self.verifier.verify(bearer(request.headers))
        except HubError:
            credential = None
        if credential is not None or self.strangers.take():
            await self._record(credential, kind="refusal", decision="DENIED", errors=(error.code,))

    async def _record(self, credential: Credential | None, **words: Any) -> None:
        entry = Entry(
            request=secrets.token_hex(16),
            at=self.clock(),
            unit=credential.key if credential else "",
            client=credential.client if credential else "",
            operator=credential.operator if credential else "",
            purpose="audit",
            **words,
        )
        await self.recorder.record([entry])


def tlog_routes(opened: Callable[[], Tlog | None]) -> list[Route]:
    """The routes below ``/log``."""

    def route(path: str, answer: Callable[[Tlog, Request], Awaitable[Response]]) -> Route:
        async def handler(request: Request) -> Response:
            tlog = opened()
            if tlog is None:
                return PlainTextResponse("starting\n", 503, _FRESH)
            return await _answered(tlog, request, answer)

        return Route(path, handler, methods=["GET"])

    return [
        route("/checkpoint", _checkpoint),
        route("/tile/entries/{path:path}", _bundle),
        route("/tile/{level}/{path:path}", _tile),
        route("/proof/{request}/{kind}/{part}", _proof),
    ]


class Missing(Exception):
    """There is nothing of that name; the message says why."""

    def __init__(self, message: str, status: int = 404) -> None:
        super().__init__(message)
        self.status = status


async def _answered(tlog: Tlog, request: Request, answer: Callable[[Tlog, Request], Awaitable[Response]]) -> Response:
    try:
        return await answer(tlog, request)
    except Missing as missing:
        return PlainTextResponse(f"{missing}\n", missing.status, _FRESH)
    except StoreError:
        return _refusal(OutageError("AUDIT_UNAVAILABLE", "the access log does not answer"))
    except OutageError as outage:
        return _refusal(outage)
    except HubError as error:
        try:
            await tlog.refused(request, error)
        except OutageError as outage:
            return _refusal(outage)
        return _refusal(error)


def _refusal(error: HubError) -> Response:
    later = {"Retry-After": "2"} if isinstance(error, OutageError) else {}
    return JSONResponse({"code": error.code, "error": error.message}, STATUS[error.code], _FRESH | later)


async def _checkpoint(tlog: Tlog, request: Request) -> Response:
    await tlog.reads_hashes(request)
    note = await tlog.reader.checkpoint()
    if note is None:
        raise Missing("the log is empty: there is no head yet")
    return PlainTextResponse(note, headers=_FRESH)


async def _tile(tlog: Tlog, request: Request) -> Response:
    await tlog.reads_hashes(request)
    level = int(request.path_params["level"]) if _LEVEL.fullmatch(request.path_params["level"]) else 64
    if level > 63:
        raise Missing("levels are 0 to 63")
    index, width = _place(request.path_params["path"])
    await _check_size(tlog, index, width, level)
    found = await tlog.reader.hashes(level, index * WIDTH, width)
    return Response(b"".join(found), media_type="application/octet-stream", headers=_IMMUTABLE)


async def _bundle(tlog: Tlog, request: Request) -> Response:
    credential = await tlog.auditor(request)
    index, width = _place(request.path_params["path"])
    await _check_size(tlog, index, width, 0)
    try:
        found = await tlog.reader.entries(index * WIDTH, width)
    except GapError as gap:
        raise Missing(f"{gap}: ask for the archive", 410) from None
    await tlog.look(credential, f"entries={index * WIDTH}-{index * WIDTH + width}")
    return Response(tiles.bundle(found), media_type="application/octet-stream", headers=_IMMUTABLE)


def _place(path: str) -> tuple[int, int]:
    """(index, width) of a tile's path: ``x001/x234/067``, with ``.p/8`` if partial."""
    found = _PATH.fullmatch(path)
    if found is None or (found[2] and int(found[2]) > WIDTH - 1) or (path.startswith("x000")):
        raise Missing("a tile is named like `x001/x234/067`, a partial one with `.p/` and its width, 1 to 255")
    return int("".join(part.removeprefix("x") for part in found[1].split("/"))), int(found[2] or WIDTH)


async def _check_size(tlog: Tlog, index: int, width: int, level: int) -> None:
    size = (await tlog.reader.backlog()).size
    if (index * WIDTH + width) * WIDTH**level > size:
        raise Missing(f"the tree has {size} entries: this tile is not full, or not there, yet")


async def _proof(tlog: Tlog, request: Request) -> Response:
    name = request.path_params
    if not _NAME.fullmatch("/".join(str(name[part]) for part in ("request", "kind", "part"))):
        raise Missing("an entry is named by its request, kind and part, as its receipt has them")
    kept = await tlog.reader.named(name["request"], name["kind"], int(name["part"]))
    if RECEIPT in request.headers:
        _check_holder(tlog, "/".join(str(name[part]) for part in ("request", "kind", "part")), kept, request)
    else:
        credential = await tlog.auditor(request)
        await tlog.look(credential, f"proof={name['request']}/{name['kind']}/{name['part']}")
    if kept is None:
        raise Missing("the log has no such entry")
    found = None if kept.index is None else await prove(tlog.reader, kept.index)
    if found is None:
        raise Missing("the entry is durable and has no place in the tree yet: ask again in a second", 425)
    return PlainTextResponse(found.text, headers=_FRESH)


def _check_holder(tlog: Tlog, name: str, kept: Kept | None, request: Request) -> None:
    """Returns if the caller holds the entry's receipt; a wrong one and an entry that is not there look the same."""
    refusal = RefusalError("NOT_ENTITLED", "this is not the signature of that entry's receipt")
    if kept is None:
        raise refusal
    signature = request.headers[RECEIPT]
    receipt = Receipt.of(name, kept, signature)
    for key in tlog.signed_by():
        try:
            verify_receipt(replace(receipt, origin=key.name, key=key.id.hex()), key)
        except NoteError:
            continue
        return
    raise refusal
