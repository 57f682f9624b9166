"""Settings -> what stands around the log: its reader, the tasks that watch it, what auditors and witnesses see of it.

Guarantee: none of it is on the way of an answer, but for the age of the newest cosignature; a task that fails is told
to the operator and takes nothing with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from hub.audit.indexer import Indexer
from hub.audit.inspection import Inspection
from hub.audit.keyring import Keyring
from hub.audit.keys import VerifierKey
from hub.audit.reader import Reader
from hub.audit.search import SETTINGS, Search
from hub.audit.session import Connections, Session, Sessions
from hub.audit.unusual import Thresholds, Unusual
from hub.audit.witness.client import Age
from hub.credential import Verifier
from hub.hub import Hub
from hub.pages.console.ports import Console
from hub.pages.session import Sessions as SignedIn
from hub.recording import Recorder
from hub.settings import Settings
from hub.tlog import Tlog
from hub.witnessed import age_of, asking
from schema.catalogue import CATALOGUE

AUDITED: Final = "AccessLogEntry.entryHash"
"""Who reads this for purpose `audit` is an auditor."""
_INDEX_LOCK: Final = 0x57757169_6E674958

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """The log from outside: ``age`` says how long no witness has cosigned it."""

    reader: Reader
    connections: Connections
    age: Age
    ring: Keyring
    witnesses: Sequence[VerifierKey]


@asynccontextmanager
async def auditing(settings: Settings, dsn: str, ring: Keyring) -> AsyncIterator[Audited]:
    """Reader and tasks, running; ended in good order."""
    sessions = Sessions([_searching(settings, dsn, f"reader {number}") for number in range(settings.pools.log)])
    indexing = _session(settings, dsn, "indexer")
    reader, age = Reader(sessions), age_of(settings)
    try:
        async with asking(settings, dsn, reader, age) as witnesses:
            inspection = Inspection(
                dsn=dsn,
                durable=settings.fsync_required,
                reader=reader,
                keys=lambda: ring.verifiers,
                every=settings.audit.verify_every,
            )
            indexer = Indexer(
                connections=indexing,
                sensitivities={name: found.sensitivity for name, found in CATALOGUE.items()},
                leads=lambda: indexing.hold(_INDEX_LOCK),
            )
            async with working(inspection.run(), witnesses.run(), indexer.run()):
                yield Audited(
                    reader=reader,
                    connections=sessions,
                    age=age,
                    ring=ring,
                    witnesses=[asked.key for asked in witnesses.asked],
                )
    finally:
        await indexing.close()
        await sessions.close()


def _session(settings: Settings, dsn: str, name: str) -> Session:
    return Session(dsn, name=name, durable=settings.fsync_required, timeout=settings.deadlines.reading)


def _searching(settings: Settings, dsn: str, name: str) -> Session:
    session = _session(settings, dsn, name)
    for setting, value in SETTINGS.items():
        session.setting(setting, value)
    return session


def auditors_of(hub: Hub) -> frozenset[str]:
    """The units that audit, by the policy of the moment."""
    return frozenset(unit for unit in hub.policy.units if AUDITED in hub.entitlements(unit, "audit").read)


def tlog_of(settings: Settings, hub: Hub, verifier: Verifier, recorder: Recorder, audited: Audited) -> Tlog:
    """The log as it is served."""
    return Tlog(
        reader=audited.reader,
        verifier=verifier,
        recorder=recorder,
        clock=hub.clock,
        signed_by=lambda: audited.ring.verifiers,
        auditors=lambda: auditors_of(hub),
        witnesses=[witness.reader.get_secret_value() for witness in settings.witnesses if witness.reader],
    )


def console_of(settings: Settings, hub: Hub, verifier: Verifier, recorder: Recorder, audited: Audited) -> Console:
    """The auditors' console."""
    thresholds = Thresholds(**settings.unusual.model_dump())
    return Console(
        verifier=verifier,
        sessions=SignedIn(connections=audited.connections, verifier=verifier),
        auditors=lambda: auditors_of(hub),
        recorder=recorder,
        clock=hub.clock,
        search=Search(connections=audited.connections, reader=audited.reader),
        unusual=Unusual(connections=audited.connections, thresholds=thresholds),
        reader=audited.reader,
        signed_by=lambda: audited.ring.verifiers,
        witnesses=audited.witnesses,
        age=audited.age,
        pseudonyms=hub.pseudonyms,
        policy=lambda: hub.policy,
        invented=settings.invented,
    )


@asynccontextmanager
async def working(*works: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Tasks beside the answers, ended with them."""
    tasks = [asyncio.create_task(work) for work in works]
    for task in tasks:
        task.add_done_callback(_told)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _told(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (fault := task.exception()) is not None:
        _logger.error("a task beside the answers ended by a fault: %s", type(fault).__name__)
