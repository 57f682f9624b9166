"""Settings -> what takes steps, and the task that settles those which a crash cut off: the write side, composed.

A department whose write role has no DSN takes no steps; what stops no start is that one does not answer.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import connectors
from connectors.mapping import MappingError
from connectors.mapping import load as load_mapping
from connectors.postgres import PoolSettings
from connectors.source import Bindings, SourceError
from connectors.write import GivenUp, Result, Target, Write, Written
from connectors.write_postgres import PostgresTarget
from hub.audit.contract import StoreError
from hub.audit.session import Session
from hub.audited import working
from hub.errors import OutageError
from hub.events.outbox import Drafts
from hub.hub import Hub
from hub.lifecycle.halves import Halves
from hub.lifecycle.held import Held
from hub.lifecycle.sealed import sealing_of
from hub.lifecycle.settle import OpenIntents, settle_open
from hub.lifecycle.write import Writing
from hub.reconcile.recorded import TARGET
from hub.reconcile.settling import RunTarget
from hub.recording import Recorder
from hub.settings import ConfigurationError, Settings

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Unwritable:
    """A department without a write role: nothing that is asked of it happens, and that is an outage."""

    name: str

    async def write(self, write: Write, bindings: Bindings, *, intent: str, digest: str, deadline: float) -> Result:
        """Never answers."""
        raise SourceError(self.name, "unreachable")

    async def found(self, intent: str, *, deadline: float) -> Written | GivenUp | None:
        """Never answers."""
        raise SourceError(self.name, "unreachable")

    async def touched(self, relation: str, key: str, *, deadline: float) -> int:
        """Never answers."""
        raise SourceError(self.name, "unreachable")

    async def settle(self, intent: str, *, deadline: float) -> tuple[str, ...] | None:
        """Never answers."""
        raise SourceError(self.name, "unreachable")

    async def close(self) -> None:
        """Nothing is open."""


def open_targets(settings: Settings) -> dict[str, Target]:
    """Every department's write side, nothing asked of it yet; raises ``ConfigurationError``."""
    folder = Path(str(connectors.__path__[0]))
    found: dict[str, Target] = {}
    for name in type(settings.writes).model_fields:
        dsn = settings.writes.dsn(name)
        if dsn is None:
            found[name] = Unwritable(name)
            continue
        try:
            mapping = load_mapping(folder / f"{name}.toml")
        except MappingError as error:
            raise ConfigurationError(str(error)) from None
        longest = settings.deadlines.write
        pool = PoolSettings(connections=settings.pools.write, connect_timeout=longest, statement_timeout=longest)
        found[name] = PostgresTarget(name=name, mapping=mapping, dsn=dsn, settings=pool)
    return found


def _writing(settings: Settings, hub: Hub, targets: Mapping[str, Target], log: Recorder, secret: bytes) -> Writing:
    return Writing(
        sources=hub.sources,
        targets=targets,
        log=log,
        pseudonyms=hub.pseudonyms,
        policy=lambda: hub.policy,
        clock=hub.clock,
        secret=hmac.digest(secret, b"hub/intents/v1", "sha256"),
        deadline=settings.deadlines.write,
        parks=settings.parks,
        truancy=hub.truancy,
    )


@asynccontextmanager
async def open_writing(
    settings: Settings, hub: Hub, dsn: str, log: Recorder, secret: bytes, seal: bytes
) -> AsyncIterator[Writing]:
    """What takes steps; open intents are settled at once, and every minute, until it is closed."""
    targets = open_targets(settings)
    writing = _writing(settings, hub, targets, log, secret)
    # A step waits for its draft as for its entries: whoever reports a child in danger hears at once if it fails.
    session, drafts, acts = (
        Session(dsn, name=name, durable=settings.fsync_required, timeout=seconds)
        for name, seconds in (
            ("open intents", settings.deadlines.reading),
            ("drafts of events", settings.deadlines.log),
            ("steps in two departments", settings.deadlines.log),
        )
    )
    writing.drafts = Drafts(connections=drafts)
    writing.halves = Halves(connections=acts, sealing=sealing_of(seal, "acts"))
    opened: list[Session | Target] = [session, drafts, acts, *targets.values()]
    try:
        await _check(writing.halves)
        # Comparisons are settled beside the departments: by the store that would hold them.
        asked, compared = dict(targets), settings.databases.dsn("reconcile")
        if compared is not None:
            asked[TARGET] = RunTarget(dsn=compared)
        async with working(_settling(OpenIntents(session), writing, asked, settings.deadlines.settle)):
            yield writing
    finally:
        # Steps under way end in the department and in the log; what does not is settled by the next start.
        await writing.close()
        await asyncio.gather(*(each.close() for each in opened))


async def _check(halves: Halves) -> None:
    """Whether the table of a newer version is there; an outage stops no start."""
    try:
        await halves.check()
    except StoreError as error:
        # The last: its column `subject` is wanting, of an installation from before.
        if any(state in error.reason for state in ("3F000", "42P01", "42703")):
            message = "the table `held.act` is missing in the hub's own database: its owner runs `hub install`"
            raise ConfigurationError(message) from None


@asynccontextmanager
async def holding(settings: Settings, writing: Writing, dsn: str, seal: bytes) -> AsyncIterator[Held | None]:
    """What holds reports, if settings say so; those that wait are delivered as often as open intents are settled."""
    if not settings.hold_reports:
        yield None
        return
    session = Session(dsn, name="held reports", durable=settings.fsync_required, timeout=settings.deadlines.reading)
    held = Held(
        writing=writing, connections=session, sealing=sealing_of(seal, "held"), deadline=settings.deadlines.write
    )
    try:
        # A table that is wanting stops the start, and not the first report.
        await held.shelf.counts()
        async with working(_delivering(held, settings.deadlines.settle)):
            yield held
    finally:
        await session.close()


async def _delivering(held: Held, seconds: float) -> None:
    while True:
        try:
            arrived = await held.deliver()
        except (StoreError, OutageError) as error:
            _logger.warning("held reports were not looked at: %s", error)
        else:
            if arrived:
                _logger.info("held reports delivered: %d", arrived)
        await asyncio.sleep(seconds)


async def _settling(opens: OpenIntents, writing: Writing, targets: Mapping[str, Target], seconds: float) -> None:
    age = timedelta(seconds=seconds)
    while True:
        try:
            done = await settle_open(opens, targets, writing.log, writing.clock, age=age)
            whole = await writing.halves.finish(writing, age) if writing.halves is not None else 0
        except (StoreError, OutageError) as error:
            _logger.warning("open intents were not settled: %s", error)
        else:
            if done.happened or done.given_up:
                _logger.info("open intents settled: %d had happened, %d had not", done.happened, done.given_up)
            if whole:
                _logger.info("steps that were cut off between two departments, taken to their end: %d", whole)
        await asyncio.sleep(seconds)
