"""Newest head of the log -> cosignatures of the witnesses, kept beside it; and how long it has gone without one.

Guarantee: a cosignature counts only once it verifies under the key that settings name. A witness that is down is asked
again, less and less often; it costs the others nothing, and a slow one no more than a few seconds. One that has seen
another tree than the log's is an error in the operator's log at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal, Protocol, TypeAlias

from hub.audit.contract import StoreError
from hub.audit.cosign import cosigned
from hub.audit.keys import VerifierKey
from hub.audit.merkle import ProofError
from hub.audit.note import NoteError, number
from hub.audit.witness.protocol import Submission
from hub.audit.witness.wire import post

LONGEST_PAUSE: Final = 8
"""Periods between two requests to a witness that keeps failing."""
_CONFLICT: Final = 409
_INCONSISTENT: Final = 422

_logger = logging.getLogger(__name__)

Post: TypeAlias = Callable[[str, bytes], tuple[int, bytes]]
Standing: TypeAlias = Literal["none", "ok", "late", "refused"]


class Ledger(Protocol):
    """The log, as far as witnesses are asked about it."""

    async def bare_checkpoint(self) -> str | None:
        """The newest head as a note without cosignatures."""
        ...

    async def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the tree of size ``old`` is the beginning of that of size ``new``."""
        ...

    async def keep_cosignature(self, size: int, witness: str, line: str, at: datetime) -> None:
        """Keeps a line that verifies."""
        ...

    async def cosigned(self) -> datetime | None:
        """When a witness last cosigned, by any replica's asking."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A witness: where it answers, and its key."""

    url: str
    key: VerifierKey


@dataclass(slots=True, kw_only=True)
class Age:
    """How long the log has been without a cosignature: late after ``alarm`` seconds, refused after ``limit``.

    Counted from the newest cosignature, whichever run of the hub asked for it; from the start of the hub only while
    there never was one. Without witnesses, never.
    """

    alarm: float
    limit: float
    witnesses: int
    clock: Callable[[], float] = time.time
    started: float = field(init=False)
    newest: float | None = None

    def __post_init__(self) -> None:
        self.started = self.clock()

    def seen(self, at: datetime) -> None:
        """A head was cosigned at that time."""
        self.newest = max(self.newest or 0.0, at.timestamp())

    @property
    def seconds(self) -> float:
        """Since the newest cosignature."""
        since = self.started if self.newest is None else self.newest
        return max(self.clock() - since, 0.0)

    @property
    def standing(self) -> Standing:
        """How the log stands with its witnesses."""
        if not self.witnesses:
            return "none"
        return "refused" if self.seconds > self.limit else "late" if self.seconds > self.alarm else "ok"

    def may_release(self) -> bool:
        """Whether something may be released."""
        return self.standing != "refused"


class OtherTreeError(Exception):
    """A witness has seen what the log, as it is now, does not extend: it was cut back, or rewritten."""


@dataclass(slots=True, kw_only=True)
class Failing:
    """How often a witness failed without a success between, and for how many periods more it is left alone."""

    times: int = 0
    pause: int = 0

    def failed(self) -> None:
        """Twice as long as the last time, up to a limit."""
        self.pause = min(2**self.times, LONGEST_PAUSE) - 1
        self.times += 1


@dataclass(slots=True, kw_only=True)
class Witnesses:
    """The task that asks; ``leads``: whether this replica is the one that does."""

    ledger: Ledger
    asked: Sequence[Asked]
    age: Age
    period: float
    leads: Callable[[], Awaitable[bool]]
    post: Post = field(default_factory=lambda: post)
    _sizes: dict[VerifierKey, int] = field(default_factory=dict)
    _failing: dict[VerifierKey, Failing] = field(default_factory=dict)
    _before: Standing = "ok"

    async def run(self) -> None:
        """Works until cancelled; without witnesses there is nothing to do."""
        while self.asked:
            try:
                if await self.leads() or self._left_alone():
                    await asyncio.gather(*(self._ask_safely(witness) for witness in self.asked))
                if (at := await self.ledger.cosigned()) is not None:
                    self.age.seen(at)
            except StoreError as error:
                _logger.warning("no witness is asked now: %s", error)
            self._tell()
            await asyncio.sleep(self.period)

    def _left_alone(self) -> bool:
        """Whether the replica that leads seems not to ask: the ledger has no cosignature of late."""
        return self.age.seconds > self.age.alarm / 2

    async def _ask_safely(self, witness: Asked) -> None:
        failing = self._failing.setdefault(witness.key, Failing())
        if failing.pause:
            failing.pause -= 1
            return
        try:
            await self.ask(witness)
        except OtherTreeError as error:
            _logger.error("witness `%s` %s", witness.key.name, error)
        except (NoteError, ProofError, StoreError, OSError) as error:
            failing.failed()
            _logger.warning("witness `%s` did not cosign: %s", witness.key.name, error)
        else:
            failing.times = 0

    async def ask(self, witness: Asked) -> None:
        """Has the newest head cosigned. ``OSError``: no answer; ``NoteError`` or ``OtherTreeError``: a wrong one."""
        for _ in range(3):
            # Read anew each time: the witness may have been asked about a newer head by another replica.
            note = await self.ledger.bare_checkpoint()
            if note is None:
                return
            size = Submission(old=0, proof=(), note=note).checkpoint.size
            old = self._sizes.get(witness.key, 0)
            if old > size:
                # Forgotten, so that it is asked anew: what a witness says of its size nobody has signed.
                del self._sizes[witness.key]
                raise OtherTreeError(f"has seen {old} entries, the log has {size}: the log was cut back")
            proof = await self.ledger.consistency(old, size) if 0 < old < size else []
            submission = Submission(old=old, proof=tuple(proof), note=note)
            status, reply = await asyncio.to_thread(self.post, witness.url, submission.body.encode())
            if status != _CONFLICT:
                await self._take(witness, submission, status, reply)
                return
            self._sizes[witness.key] = _size(reply)
        raise NoteError("its size changes while it is asked")

    async def _take(self, witness: Asked, submission: Submission, status: int, reply: bytes) -> None:
        if status == _INCONSISTENT:
            raise OtherTreeError("has seen another tree than the log's: a fork or a rollback")
        if status != 200:
            raise NoteError(f"it answered with status {status}")
        found = cosigned(submission.text, reply.decode("utf-8", "replace"), [witness.key]).get(witness.key)
        if found is None:
            raise NoteError("its answer holds no cosignature of its key")
        at, line = found
        size = submission.checkpoint.size
        await self.ledger.keep_cosignature(size, witness.key.name, line, min(at, datetime.now(UTC)))
        self._sizes[witness.key] = size
        self.age.seen(min(at, datetime.now(UTC)))

    def _tell(self) -> None:
        """An alarm once when it begins, and a word when it is over."""
        now = self.age.standing
        if now != self._before:
            level = logging.WARNING if now in {"ok", "none"} else logging.ERROR
            _logger.log(level, "the newest cosignature is %.0f s old: %s", self.age.seconds, now)
            self._before = now


def _size(reply: bytes) -> int:
    try:
        return number(reply.decode("ascii").removesuffix("\n"))
    except ValueError:
        raise NoteError("it names no size") from None
