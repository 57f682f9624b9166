"""Signatures as they are met -> the first that is none: checked in processes beside, once there are many.

Guarantee: none is passed over, and of several bad ones the first is told. A log that was signed each second has nearly
as many signatures as entries; they take longer than all hashing, and no two depend on each other. Run as a module this
file is such a process: it imports nothing but the notes.
"""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import BinaryIO, Final, NamedTuple

from hub.audit.verify_files import Fault
from hub.audit.verify_notes import Head, Key, verifies

MANY: Final = 2_048
"""Signatures from which other processes pay."""
BATCH: Final = 512
_LENGTH: Final = struct.Struct(">i")


class Claim(NamedTuple):
    """That the key ``public``, of ``name``, signed ``message`` on the head of ``size``."""

    size: int
    name: str
    public: bytes
    message: bytes
    signature: bytes


def first_false(claims: Sequence[Claim]) -> int:
    """The place of the first claim that is not true, -1 if all are."""
    for place, claim in enumerate(claims):
        if not verifies(claim.public, claim.message, claim.signature):
            return place
    return -1


@dataclass(slots=True, kw_only=True)
class Signatures:
    """The claims of one log; to be closed."""

    many: int = MANY
    _gathered: list[Claim] = field(default_factory=list)
    _under_way: deque[tuple[Sequence[Claim], Future[int]]] = field(default_factory=deque)
    _processes: _Processes | None = None
    _seen: int = 0

    def claim(self, head: Head, key: Key, signature: bytes) -> None:
        """That ``key`` signed ``head``; raises the ``Fault`` of an earlier claim."""
        message, signature = key.claim(head.text, signature)
        self._gathered.append(Claim(head.size, key.name, key.public, message, signature))
        if len(self._gathered) == BATCH:
            self._check()

    def settle(self) -> None:
        """Returns when all that was claimed is true; raises the ``Fault`` of the first that is not."""
        self._check()
        while self._under_way:
            self._judge(*self._under_way.popleft())

    def close(self) -> None:
        """Ends the processes."""
        if self._processes is not None:
            self._processes.close()

    def _check(self) -> None:
        claims, self._gathered = self._gathered, []
        self._seen += len(claims)
        if self._seen <= self.many:
            _tell(claims, first_false(claims))
            return
        self._processes = self._processes or _Processes.started()
        self._under_way.append((claims, self._processes.submit(claims)))
        # No more may wait than keeps every process busy: what waits is held in memory.
        while len(self._under_way) > 2 * self._processes.count:
            self._judge(*self._under_way.popleft())

    def _judge(self, claims: Sequence[Claim], found: Future[int]) -> None:
        _tell(claims, found.result())


def _tell(claims: Sequence[Claim], place: int) -> None:
    if place >= 0:
        bad = claims[place]
        raise Fault(f"a signature of `{bad.name}` on the head of size {bad.size} does not verify", bad.size - 1)


@dataclass(slots=True, kw_only=True)
class _Processes:
    """Processes that check, and for each a thread that speaks with it."""

    idle: deque[subprocess.Popen[bytes]]
    threads: ThreadPoolExecutor
    count: int

    @classmethod
    def started(cls) -> _Processes:
        count = min(os.cpu_count() or 1, 8)
        command = [sys.executable, "-m", "hub.audit.verify_signatures"]
        return cls(
            idle=deque(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(count)),
            threads=ThreadPoolExecutor(count),
            count=count,
        )

    def submit(self, claims: Sequence[Claim]) -> Future[int]:
        return self.threads.submit(self._ask, claims)

    def close(self) -> None:
        self.threads.shutdown(cancel_futures=True)
        for process in self.idle:
            process.communicate()

    def _ask(self, claims: Sequence[Claim]) -> int:
        # As many threads as processes: one is always idle here.
        process = self.idle.popleft()
        try:
            assert process.stdin is not None and process.stdout is not None
            data = pickle.dumps([tuple(claim) for claim in claims])
            process.stdin.write(_LENGTH.pack(len(data)) + data)
            process.stdin.flush()
            place: int = _LENGTH.unpack(process.stdout.read(_LENGTH.size))[0]
            return place
        finally:
            self.idle.append(process)


def serve(asked: BinaryIO, answers: BinaryIO) -> None:
    """Answers until nobody asks any more."""
    while header := asked.read(_LENGTH.size):
        claims = [Claim(*claim) for claim in pickle.loads(asked.read(_LENGTH.unpack(header)[0]))]
        answers.write(_LENGTH.pack(first_false(claims)))
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
