"""Settings -> several processes that answer on one port, each a replica of its own; one command starts and ends them.

Guarantee: what is wrong with the settings ends the start, as with one process; once a worker answered, one that dies is
replaced, and none outlives the process that started it. Log, promises and policy are those of replicas: nothing is
shared but the port, the keys and the databases.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

import typer

from hub.commands.outcome import MISCONFIGURED, outcomes
from hub.commands.serving import listen, serve
from hub.secrets import open_secrets
from hub.settings import Settings

PAUSE = 1.0
LONGEST = 30.0
"""Seconds before a worker is replaced, and at most, as long as those that take its place do not come up either."""

_logger = logging.getLogger(__name__)


def serve_many(settings: Settings) -> int:
    """Answers by ``settings.workers`` processes until a signal comes; the exit code of the first that failed, or 0."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # Made once, here: workers that start together would each make keys of their own.
    open_secrets(settings.keys, origin=settings.origin)
    with closing(listen(settings.host, settings.port, shared=True, backlog=None)) as reserved:
        # What was read and checked, as it is: what it was read from stays with this process.
        given = {name: getattr(settings, name) for name in Settings.model_fields}
        taken = Settings.model_construct(**{**given, "port": reserved.getsockname()[1]})
        return _Workers(settings=taken).run()


@dataclass(slots=True, kw_only=True)
class _Worker:
    """A process, started at ``begun``; ``answers``: it takes requests, which it says once through ``word``."""

    process: SpawnProcess
    word: Connection
    begun: float
    answers: bool = False

    @classmethod
    def start(cls, settings: Settings) -> _Worker:
        """Another one."""
        context = multiprocessing.get_context("spawn")
        word, said = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(settings, said), daemon=True)
        process.start()
        said.close()
        return cls(process=process, word=word, begun=time.monotonic())

    @property
    def news(self) -> Iterator[Any]:
        """What is ready once something happened to it."""
        yield self.process.sentinel
        if not self.answers:
            yield self.word

    def heard(self) -> None:
        """Notes whether it answers by now."""
        if not self.answers and self.word.poll():
            with suppress(EOFError):
                self.answers = self.word.recv()

    def tell(self, number: signal.Signals) -> None:
        """Sends a signal, if there is somebody to take it."""
        if self.process.pid is not None and self.process.is_alive():
            os.kill(self.process.pid, number)


@dataclass(slots=True, kw_only=True)
class _Workers:
    """The processes, when others are due, and whether all are to end; ``well``: one of them has answered."""

    settings: Settings
    running: list[_Worker] = field(default_factory=list)
    due: list[float] = field(default_factory=list)
    pause: float = PAUSE
    well: bool = False
    ending: bool = False
    code: int = 0

    def run(self) -> int:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._end())
        signal.signal(signal.SIGHUP, lambda *_: self._read_policy())
        # One first: what is wrong with the settings is then told once.
        self.due = [time.monotonic()]
        while self.running or not self.ending:
            self._start_due()
            # A signal that comes meanwhile is answered, and the waiting goes on.
            longest = max(0.0, min(self.due) - time.monotonic()) if self.due else None
            wait([news for worker in self.running for news in worker.news], longest)
            for worker in list(self.running):
                self._look(worker)
        return self.code

    def _look(self, worker: _Worker) -> None:
        worker.heard()
        if worker.answers and not self.well:
            self.well = True
            self.due += [time.monotonic()] * (self.settings.workers - 1)
        if not worker.process.is_alive():
            self._ended(worker)

    def _start_due(self) -> None:
        now = time.monotonic()
        while not self.ending and self.due and min(self.due) <= now:
            self.due.remove(min(self.due))
            self.running.append(_Worker.start(self.settings))

    def _ended(self, worker: _Worker) -> None:
        self.running.remove(worker)
        worker.process.join()
        worker.word.close()
        if self.ending:
            return
        if not self.well:
            self.code = MISCONFIGURED if worker.process.exitcode == MISCONFIGURED else 1
            self._end()
            return
        # Later and later, as long as whatever ended it ends the next one soon too.
        now = time.monotonic()
        self.pause = PAUSE if now - worker.begun > 2 * LONGEST else min(self.pause * 2, LONGEST)
        _logger.error("a worker ended (%s), another takes its place in %.0f s", worker.process.exitcode, self.pause)
        self.due.append(now + self.pause)

    def _end(self) -> None:
        self.ending = True
        self.due.clear()
        for worker in self.running:
            worker.tell(signal.SIGTERM)

    def _read_policy(self) -> None:
        # One that starts reads it anyway, and would end by a signal that it does not know yet.
        for worker in self.running:
            if worker.answers:
                worker.tell(signal.SIGHUP)


def _work(settings: Settings, said: Connection) -> None:
    """One worker: serves until it is told to end, or until whoever started it is gone."""
    try:
        with outcomes():
            serve(settings, shared=True, visit=partial(_until_orphaned, said))
    except typer.Exit as ended:
        raise SystemExit(ended.exit_code) from None


async def _until_orphaned(said: Connection, _: str) -> None:
    said.send(True)
    said.close()
    loop, parent = asyncio.get_running_loop(), multiprocessing.parent_process()
    assert parent is not None

    def end() -> None:
        loop.remove_reader(parent.sentinel)
        os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(parent.sentinel, end)
