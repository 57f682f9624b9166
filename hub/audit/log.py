"""Entries -> Receipts: the log. An answer waits here until what it releases is on disk.

INVARIANT 2: no entry, no answer. ``record`` returns only when its entries are durable in the hub's database; otherwise
it raises, at the latest after ``patience`` seconds, and the answer must not leave. A commit whose reply was lost is
settled by asking for the entries by name, and never taken for a success before that.

Guarantee: nothing is queued without bound, nothing is dropped that was acknowledged, and after an outage the log takes
entries again by itself. One writer task commits whatever waits, at most ``BATCH`` entries at once and without waiting
for more; a caller that is cancelled does not cancel the commit.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from hub.audit.contract import Backlog, Store, StoreError
from hub.audit.desk import Desk
from hub.audit.entry import Entry, Leaf, encode
from hub.audit.keyring import Signer
from hub.audit.reader import Reader
from hub.audit.receipt import Receipt, receipts_for
from hub.audit.sequencer import Sequencer
from hub.audit.session import Session
from hub.audit.store import PostgresStore
from hub.errors import InternalError, OutageError

BATCH: Final = 256
CAPACITY: Final = 8_192
"""Entries that may wait for the writer."""
PATIENCE: Final = 1.0
LAG_LIMIT: Final = 30.0
"""Seconds that the oldest durable row may wait for its place before the log counts as ill: half a receipt's promise."""
AUTHOR: Final = "a-"
"""With what the pseudonym of an author begins, and no unit key."""
RELEASING: Final = frozenset({"disclosure", "event"})
"""Kinds of entries after which something leaves the hub."""
_FAREWELL: Final = 5.0
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.5

_logger = logging.getLogger(__name__)

_Outcome = Literal["durable", "taken", "unavailable", "slow"]
_State = Literal["up", "down", "closed"]
"""``down``: the database failed twice running; nothing is taken until an entry could be put in again."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Order:
    """The leaves of one ``record`` call on their way; ``given_up`` once its caller was refused.

    A caller that is cancelled cancels ``outcome`` and nothing else: the commit goes on, and others wait in the same.
    """

    leaves: Sequence[Leaf]
    deadline: float
    outcome: asyncio.Future[_Outcome] = field(repr=False)
    given_up: bool = False

    def end(self, outcome: _Outcome) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def give_up(self) -> None:
        if not self.outcome.done():
            self.given_up = True
            self.outcome.set_result("slow")


class Log:
    """The writing side of the access log: one a process, started and closed by the composition root."""

    def __init__(
        self,
        *,
        store: Store,
        key: Signer,
        sequencer: Sequencer | None = None,
        reader: Reader | None = None,
        capacity: int = CAPACITY,
        patience: float = PATIENCE,
        may_release: Callable[[], bool] = lambda: True,
    ) -> None:
        """``may_release``: whether witnesses stand behind the log, so that something may be released."""
        self._may_release = may_release
        self._store = store
        self._key = key
        self._sequencer = sequencer
        self._reader = reader
        self._capacity = capacity
        self._patience = patience
        self._orders: deque[_Order] = deque()
        self._waiting = 0
        self._wake = asyncio.Event()
        self._state: _State = "closed"
        self._writer: asyncio.Task[None] | None = None
        self._sequencing: asyncio.Task[None] | None = None

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        dsn: str,
        *,
        key: Signer,
        role: str | None = "hub_log",
        durable: bool = True,
        patience: float = PATIENCE,
        may_release: Callable[[], bool] = lambda: True,
    ) -> AsyncIterator[Log]:
        """The log in the database ``dsn``, running, with its sequencer; closed in good order afterwards."""
        writer, desk, reading = (
            Session(dsn, name=name, role=role, durable=durable, timeout=2 * patience)
            for name in ("writer", "sequencer", "reader")
        )
        log = cls(
            store=PostgresStore(writer),
            key=key,
            sequencer=Sequencer(Desk(desk), key),
            reader=Reader(reading),
            patience=patience,
            may_release=may_release,
        )
        try:
            await log.start()
            yield log
        finally:
            await log.close()

    async def start(self) -> None:
        """Begins to write; ``StoreError`` if an entry could not be put in now."""
        await self._store.probe()
        self._state = "up"
        self._writer = asyncio.create_task(self._write(), name="log writer")
        if self._sequencer is not None:
            self._sequencing = asyncio.create_task(self._sequencer.run(), name="log sequencer")

    async def close(self) -> None:
        """Refuses new entries, commits those that wait, signs a last checkpoint, gives the connections back."""
        self._state = "closed"
        until = time.monotonic() + self._patience
        while self._waiting and time.monotonic() < until:
            await asyncio.sleep(0.005)
        await _end(self._writer)
        self._refuse_waiting()
        if self._sequencer is not None and self._sequencing is not None:
            self._sequencer.stop()
            await asyncio.wait((self._sequencing,), timeout=_FAREWELL)
        await _end(self._sequencing)
        if self._reader is not None:
            await self._reader.close()
        await self._store.close()

    async def record(self, entries: Sequence[Entry]) -> list[Receipt]:
        """The receipts of ``entries``, all durable, or none of them acknowledged.

        ``OutageError('AUDIT_UNAVAILABLE')``: the log is full, slow or gone; the entries may still be written.
        ``InternalError``: the name of an entry (request, kind, part) was given to another entry before.
        """
        if not entries:
            return []
        if any(entry.kind in RELEASING for entry in entries) and not self._may_release():
            await self.record([_withheld(entry) for entry in entries])
            raise _unavailable("not cosigned by a witness for too long")
        leaves = [encode(entry) for entry in entries]
        # What is signed together was done together, and when an author acted is told by nothing (ADR 8).
        apart = {place for place, entry in enumerate(entries) if entry.unit.startswith(AUTHOR)}
        order = self._enqueue(leaves)
        timer = asyncio.get_running_loop().call_later(self._patience, order.give_up)
        try:
            # Signed while the rows are on their way, and kept back until they are durable: if we crash here, a
            # signature is lost that nobody saw.
            await asyncio.sleep(0)
            receipts = receipts_for(leaves, self._key.current, apart)
            outcome = await order.outcome
        finally:
            timer.cancel()
        match outcome:
            case "durable":
                return receipts
            case "taken":
                raise InternalError
            case "unavailable":
                raise _unavailable("gone")
            case "slow":
                raise _unavailable("slow")

    async def healthy(self) -> bool:
        """Whether entries are taken and the tree keeps its promise of ``record``'s receipts."""
        try:
            backlog = await self.backlog()
        except StoreError:
            return False
        working = all(task is None or not task.done() for task in (self._writer, self._sequencing))
        return working and self._state == "up" and backlog.lag < LAG_LIMIT

    async def backlog(self) -> Backlog:
        """How far the tree is behind; ``StoreError`` if the database does not say."""
        if self._reader is None:
            return Backlog(size=0, pending=self._waiting, lag=0.0)
        return await self._reader.backlog()

    def _enqueue(self, leaves: Sequence[Leaf]) -> _Order:
        if self._state != "up":
            raise _unavailable("gone")
        if self._waiting + len(leaves) > self._capacity:
            raise _unavailable("full")
        order = _Order(
            leaves=leaves,
            deadline=time.monotonic() + self._patience,
            outcome=asyncio.get_running_loop().create_future(),
        )
        self._orders.append(order)
        self._waiting += len(leaves)
        self._wake.set()
        return order

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            batch = self._take()
            if batch:
                await self._commit(batch)
                self._waiting -= sum(len(order.leaves) for order in batch)

    def _take(self) -> list[_Order]:
        """What waits, up to ``BATCH`` entries (a larger order goes alone), less what callers gave up."""
        batch: list[_Order] = []
        count = 0
        while self._orders and (not batch or count + len(self._orders[0].leaves) <= BATCH):
            order = self._orders.popleft()
            if order.given_up:
                self._waiting -= len(order.leaves)
                continue
            batch.append(order)
            count += len(order.leaves)
        if not self._orders:
            self._wake.clear()
        return batch

    async def _commit(self, batch: Sequence[_Order]) -> None:
        leaves = [leaf for order in batch for leaf in order.leaves]
        try:
            durable = await self._store.append(leaves)
        except StoreError as error:
            _logger.warning("a commit of the log is in doubt: %s", error)
            settled = await self._settle(batch, leaves)
            if settled is None:
                await self._outage(batch)
                return
            durable = settled
        for order in batch:
            order.end("durable" if all(leaf.hash in durable for leaf in order.leaves) else "taken")
        if self._sequencer is not None:
            self._sequencer.arrived(len(leaves))

    async def _settle(self, batch: Sequence[_Order], leaves: Sequence[Leaf]) -> frozenset[bytes] | None:
        """The durable ones of ``leaves`` after a lost reply; None if that cannot be known before the callers give up.

        If we crash here, the rows are durable or not, and no caller was told that they are.
        """
        until, pause = max(order.deadline for order in batch), 0.0
        while time.monotonic() + pause < until:
            await asyncio.sleep(pause)
            try:
                durable = await self._store.settle(leaves)
            except StoreError:
                pause = min(max(pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
                # A second failure is an outage, not a blip: whoever comes now is refused at once.
                self._turn("up", "down")
            else:
                self._turn("down", "up")
                return durable
        return None

    async def _outage(self, batch: Sequence[_Order]) -> None:
        """Refuses all who wait, and returns when an entry could be put in again."""
        self._turn("up", "down")
        for order in batch:
            order.end("unavailable")
        self._refuse_waiting()
        pause = _FIRST_PAUSE
        while self._state == "down":
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            with suppress(StoreError):
                await self._store.probe()
                self._turn("down", "up")

    def _refuse_waiting(self) -> None:
        while self._orders:
            order = self._orders.popleft()
            self._waiting -= len(order.leaves)
            order.end("unavailable")
        self._wake.clear()

    def _turn(self, before: _State, after: _State) -> None:
        """Changes the state; a closed log stays closed."""
        if self._state == before:
            self._state = after


def _withheld(entry: Entry) -> Entry:
    """What becomes of an entry whose answer does not leave."""
    return replace(
        entry,
        kind="failure",
        decision="FAILED",
        released=(),
        masked=(),
        subjects=(),
        rows=(),
        commitments=(),
        secret=b"",
        errors=("AUDIT_UNAVAILABLE",),
    )


def _unavailable(how: str) -> OutageError:
    return OutageError("AUDIT_UNAVAILABLE", f"the access log is {how}, so nothing is released", retryAfter=1)


async def _end(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.wait((task,))
        if not task.cancelled() and task.exception() is not None:
            _logger.error("%s ended by a fault", task.get_name(), exc_info=task.exception())
