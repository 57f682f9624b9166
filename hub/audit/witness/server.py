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

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from hub.audit.cosign import cosignature
from hub.audit.keys import SigningKey, VerifierKey
from hub.audit.merkle import EMPTY_ROOT, ProofError, verify_consistency
from hub.audit.note import NoteError, opened
from hub.audit.witness.protocol import LARGEST, SIZE_TYPE, MalformedError, Submission
from hub.audit.witness.state import Seen, State

BODY_SECONDS = 5.0
_logger = logging.getLogger(__name__)


class RefusalError(Exception):
    """A submission is not cosigned: a status, and words or a size."""

    def __init__(self, status: int, words: str, media_type: str = "text/plain") -> None:
        super().__init__(words)
        self.status = status
        self.media_type = media_type


@dataclass(slots=True, kw_only=True)
class Witness:
    """The witness: ``logs`` are the keys that it trusts, by the log's origin."""

    key: SigningKey
    logs: Mapping[str, Sequence[VerifierKey]]
    state: State
    clock: Callable[[], float] = time.time
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def add(self, body: str) -> str:
        """The cosignature line for a submission; ``RefusalError`` otherwise."""
        try:
            submission = Submission.parse(body)
        except MalformedError as error:
            raise RefusalError(400, str(error)) from None
        self._check_signature(submission)
        # Looking at the last head and keeping the new one is one step, or two heads could both follow the same one.
        async with self._turn:
            return await asyncio.to_thread(self._cosign, submission)

    def _check_signature(self, submission: Submission) -> None:
        keys = self.logs.get(submission.checkpoint.origin)
        if keys is None:
            raise RefusalError(404, "this log is not witnessed here")
        try:
            opened(submission.note, keys)
        except NoteError as error:
            raise RefusalError(403, str(error)) from None

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
        self.state.keep(head.origin, head.size, head.root, submission.note)
        return cosignature(submission.text, self.key, int(self.clock()))


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

    async def add_checkpoint(request: Request) -> Response:
        try:
            line = await witness.add(await _body(request))
        except RefusalError as refusal:
            words = str(refusal)
            return PlainTextResponse(words if words.endswith("\n") else words + "\n", refusal.status,
                                     media_type=refusal.media_type)  # fmt: skip
        except ClientDisconnect:
            return PlainTextResponse("the client went away\n", 400)
        return PlainTextResponse(line)

    async def page(_: Request) -> Response:
        return HTMLResponse(_page(witness), headers={"Content-Security-Policy": "default-src 'none'"})

    return Starlette(routes=[Route("/add-checkpoint", add_checkpoint, methods=["POST"]), Route("/", page)])


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


def _page(witness: Witness) -> str:
    rows = []
    for origin in sorted(witness.logs):
        seen = witness.state.seen(origin)
        at = seen.at.isoformat(timespec="seconds") if seen.at else "—"
        rows.append(f"<tr><td>{html.escape(origin)}</td><td>{seen.size:,}</td><td>{at}</td></tr>")
    name = html.escape(witness.key.verifier.name)
    return (
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>日志见证</title>'
        f"<h1>日志见证 Log witness</h1><p>{name}<br><code>{html.escape(str(witness.key.verifier))}</code></p>"
        "<table><tr><th>日志 log</th><th>已见证条数 entries</th><th>时间 at (UTC)</th></tr>"
        f"{''.join(rows)}</table></html>"
    )
