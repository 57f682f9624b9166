"""``POST /add-checkpoint`` -> a cosignature, or why not: a witness as C2SP tlog-witness describes it.

Guarantee: no two heads of one size with different roots are ever cosigned, no head that the one before does not lead
to, and none that is smaller: whatever is submitted, at whatever moment the process dies.
"""

from __future__ import annotations

import asyncio
import html
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from hub.audit.cosign import cosignature
from hub.audit.keys import KeyFileError, SigningKey, VerifierKey
from hub.audit.merkle import EMPTY_ROOT, ProofError, verify_consistency
from hub.audit.note import NoteError, lines_by, opened
from hub.audit.witness.protocol import LARGEST, SIZE_TYPE, MalformedError, Submission
from hub.audit.witness.state import Seen, State, origin_hash

BODY_SECONDS: Final = 5.0
TEXT: Final = "text/plain; charset=utf-8"
_logger = logging.getLogger(__name__)


class RefusalError(Exception):
    """A submission is not cosigned: a status, and words or a size."""

    def __init__(self, status: int, words: str, content_type: str = TEXT) -> None:
        super().__init__(words)
        self.status = status
        self.content_type = content_type


@dataclass(slots=True, kw_only=True)
class Witness:
    """The witness: ``logs`` are the keys that it trusts, by the log's origin."""

    key: SigningKey
    logs: Mapping[str, Sequence[VerifierKey]]
    state: State
    clock: Callable[[], float] = time.time
    _turn: Lock = field(default_factory=Lock)

    async def add(self, body: str) -> str:
        """The cosignature line for a submission; ``RefusalError`` otherwise."""
        try:
            submission = Submission.parse(body)
        except MalformedError as error:
            raise RefusalError(400, str(error)) from None
        self._check_signature(submission)
        return await asyncio.to_thread(self._in_turn, submission)

    def newest(self, origin: str) -> Seen:
        """The newest head cosigned of a log."""
        return self.state.seen(origin)

    def _check_signature(self, submission: Submission) -> None:
        keys = self.logs.get(submission.checkpoint.origin)
        if keys is None:
            raise RefusalError(404, "this log is not witnessed here")
        try:
            opened(submission.note, keys)
        except NoteError as error:
            raise RefusalError(403, str(error)) from None

    def _in_turn(self, submission: Submission) -> str:
        # Looking at the last head and keeping the new one is one step, or two heads could both follow the same one.
        # The thread holds the lock: a request that is given up does not stop its thread.
        with self._turn:
            return self._cosign(submission)

    def _cosign(self, submission: Submission) -> str:
        head = submission.checkpoint
        seen = self.state.seen(head.origin)
        if submission.old != seen.size:
            raise RefusalError(409, f"{seen.size}\n", SIZE_TYPE)
        try:
            _check_growth(seen, submission)
        except ProofError as error:
            _logger.error("the log `%s` showed a head of size %s that is no growth: %s", head.origin, head.size, error)
            raise RefusalError(422, str(error)) from None
        moment = int(self.clock())
        line = cosignature(submission.text, self.key, moment)
        lines = lines_by(submission.note, self.logs[head.origin])
        at = datetime.fromtimestamp(moment, UTC)
        # If we crash before this, the line above has left nobody; after it, no other head of this size is cosigned.
        self.state.keep(
            head.origin, Seen(size=head.size, root=head.root, at=at, note=f"{submission.text}\n{lines}{line}")
        )
        return line


def _check_growth(seen: Seen, submission: Submission) -> None:
    head = submission.checkpoint
    if head.size == 0 and head.root != EMPTY_ROOT:
        raise ProofError("the root of an empty tree is the hash of nothing")
    if seen.size in {0, head.size}:
        if submission.proof:
            raise ProofError("nothing is to be proved here, and the proof is not empty")
        if seen.size and head.root != seen.root:
            raise ProofError("another head of this size was cosigned before")
        return
    verify_consistency(seen.size, head.size, submission.proof, seen.root, head.root)


def witness_app(witness: Witness) -> Starlette:
    """The witness over HTTP; ``/`` says which logs it witnesses and how far."""
    by_hash = {origin_hash(origin): origin for origin in witness.logs}

    async def add_checkpoint(request: Request) -> Response:
        return _text(await witness.add(await _body(request)))

    async def checkpoint(request: Request) -> Response:
        origin = by_hash.get(request.path_params["origin"])
        note = witness.newest(origin).note if origin is not None else ""
        if not note:
            raise RefusalError(404, "no head of this log was cosigned here")
        return _text(note)

    async def page(_: Request) -> Response:
        return HTMLResponse(page_of(witness), headers={"Content-Security-Policy": "default-src 'none'"})

    return Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/{origin:str}/checkpoint", checkpoint),
            Route("/", page),
        ],
        exception_handlers={RefusalError: _refused, KeyFileError: _broken, OSError: _broken, ClientDisconnect: _gone},
    )


def _text(content: str, status: int = 200, content_type: str = TEXT) -> Response:
    # Written out, since a charset would be added to any `text/` otherwise, and clients compare the type as a whole.
    return Response(content, status, headers={"Content-Type": content_type})


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusalError)
    return _text(str(error).removesuffix("\n") + "\n", error.status, error.content_type)


async def _broken(_: Request, error: Exception) -> Response:
    _logger.error("nothing is cosigned: %s", error)
    return _text("the witness cannot read or keep what it has seen\n", 500)


async def _gone(_: Request, __: Exception) -> Response:
    return _text("the client went away\n", 400)


async def _body(request: Request) -> str:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST:
                    raise RefusalError(400, f"the body has more than {LARGEST:,} bytes")
        return body.decode("utf-8")
    except TimeoutError:
        raise RefusalError(400, "the body did not arrive in time") from None
    except UnicodeDecodeError:
        raise RefusalError(400, "the body is not UTF-8") from None


def page_of(witness: Witness) -> str:
    """The page for people: which logs, how far, since when."""
    name, key = html.escape(witness.key.verifier.name), html.escape(str(witness.key.verifier))
    rows = "".join(_row(origin, witness.newest(origin)) for origin in sorted(witness.logs))
    return (
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>日志见证 Log witness</title>'
        f"<h1>日志见证 Log witness</h1><p>{name}<br><code>{key}</code></p>"
        "<p>本见证核对下列日志只增不改，并对其最新状态签名。"
        "This witness checks that these logs only grow, and signs their newest heads.</p>"
        '<table><tr><th scope="col">日志 Log</th><th scope="col">条数 Entries</th>'
        '<th scope="col">签名时间 Cosigned at (UTC)</th><th scope="col">签名文件 Signed head</th></tr>'
        f"{rows}</table></html>\n"
    )


def _row(origin: str, seen: Seen) -> str:
    if seen.at is None:
        told = "<td>—</td><td>尚未签名 not yet</td><td>—</td>"
    else:
        link = f'<a href="{origin_hash(origin)}/checkpoint">checkpoint</a>'
        told = f"<td>{seen.size:,}</td><td>{seen.at:%Y-%m-%d %H:%M:%S}</td><td>{link}</td>"
    return f'<tr><th scope="row">{html.escape(origin)}</th>{told}</tr>'
