"""A signal to one replica -> the policy folder read anew by all: another policy in force, or the last good one kept.

Guarantee: a request keeps the policy that it began with. What came into force, or why nothing did, is an entry of the
log and a line for the operator, and ``/readyz`` says so until a folder is good again. Other replicas look for news
five times a second and follow, each from its own folder and only to the very version that was put in force; one whose
folder does not hold it yet looks into the folder again every ``AGAIN`` seconds.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Final

from hub.audit.contract import StoreError
from hub.audit.entry import Entry
from hub.audit.session import Connections, Session
from hub.audited import working
from hub.errors import HubError
from hub.hub import Hub
from hub.settings import Settings
from policies.problems import PolicyError

FOLLOW: Final = 0.2
"""Seconds after which a replica looks again whether another policy was put in force."""
AGAIN: Final = 5.0
"""Seconds after which a folder is read again that did not hold the version which was put in force."""

_TELL = """
insert into policy.told (number, version) values (1, $1)
on conflict (one) do update set number = told.number + 1, version = excluded.version
returning number
"""
_TOLD = "select number, version from policy.told"

_logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Reloading:
    """What a replica does when its operator says that the folder is to be read, or another replica was told so."""

    hub: Hub
    connections: Connections
    seen: int | None = None
    untold: bool = False
    _not_before: float = 0.0
    _away: bool = False
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @contextmanager
    def on_signal(self) -> Iterator[None]:
        """Until the end, SIGHUP reads the policy folder anew, here and then on every replica."""
        loop = asyncio.get_running_loop()

        def begin() -> None:
            task = loop.create_task(self.read())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        loop.add_signal_handler(signal.SIGHUP, begin)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGHUP)

    async def read(self) -> None:
        """Reads the folder, and has the others follow if another version is in force now."""
        if await reload_policy(self.hub):
            self.untold = True
            await self.look()

    async def follow(self) -> None:
        """Follows what other replicas were told, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(FOLLOW)

    async def look(self) -> None:
        """Tells what was not told yet, and follows what was; if the database is away, the next look does."""
        try:
            if self.untold:
                self.seen, self.untold = await self._tell(), False
            told = await self._told()
        except StoreError as error:
            if not self._away:
                _logger.warning("which policy was put in force elsewhere cannot be read: %s", error)
            self._away = True
            return
        self._away = False
        number, version = told or (0, self.hub.policy.version)
        if self.seen is None or version == self.hub.policy.version:
            self.seen, self.hub.current.awaited = number, None
        elif number != self.seen:
            await self._reach(number, version)

    async def _reach(self, number: int, version: str) -> None:
        """Puts ``version`` in force, if it is what the folder holds."""
        now = asyncio.get_running_loop().time()
        if now < self._not_before:
            return
        self._not_before = now + AGAIN
        await reload_policy(self.hub, version)
        if self.hub.policy.version == version:
            self.seen, self._not_before = number, 0.0
        else:
            _logger.warning("policy %s is in force elsewhere, this replica's folder does not hold it", version)

    async def _tell(self) -> int:
        async with self.connections.connection() as connection:
            number: int = await connection.fetchval(_TELL, self.hub.policy.version)
        return number

    async def _told(self) -> tuple[int, str] | None:
        async with self.connections.connection() as connection:
            row = await connection.fetchrow(_TOLD)
        return None if row is None else (row["number"], row["version"])


@asynccontextmanager
async def following(settings: Settings, hub: Hub, dsn: str) -> AsyncIterator[Reloading]:
    """Follows the policy that is put in force on other replicas, until it is closed."""
    session = Session(dsn, name="policy", durable=settings.fsync_required, timeout=settings.deadlines.reading)
    reloading = Reloading(hub=hub, connections=session)
    try:
        async with working(reloading.follow()):
            yield reloading
    finally:
        await session.close()


async def reload_policy(hub: Hub, wanted: str | None = None) -> bool:
    """Reads the folder anew; in force is what it holds (``wanted``: only if it is that), or what was before."""
    before, refused = hub.policy.version, ""
    try:
        # Reading and checking takes a tenth of a second of the processor: answers go on meanwhile.
        changed = await asyncio.to_thread(hub.current.reload, wanted)
    except PolicyError as error:
        changed, refused = False, str(error)
    if refused:
        _logger.error("the policy is not reloaded, version %s stays in force:\n%s", before, refused)
    elif changed or wanted is None:
        _logger.info("the policy was read anew, version %s is in force", hub.policy.version)
    if changed or (refused and wanted is None):
        await _record(hub, before, refused=bool(refused))
    return changed


async def _record(hub: Hub, before: str, *, refused: bool) -> None:
    entry = Entry(
        kind="policy",
        request=secrets.token_hex(16),
        at=hub.clock(),
        unit="hub",
        policy=hub.policy.version,
        decision="DENIED" if refused else "ALLOWED",
        facts=("act=reload", f"before={before}"),
    )
    try:
        await hub.recording.log.record([entry])
    except HubError as error:
        # The version stands in every entry all the same: what was answered by which policy is never in doubt.
        _logger.error("the reload has no entry of its own: %s", error.message)
