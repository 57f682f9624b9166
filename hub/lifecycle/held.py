"""A report while the police database does not answer -> held, sealed, in the hub's own; delivered once it does.

Guarantee: held is not accepted, and the reporter is told so. Delivered is the same act under the same name, so it is
one report however often it is sent, with the time of the first attempt. Nobody reads a report that waits: it is sealed
under a key of the hub's, and its row says neither what nor who. One that the department refuses keeps no later one
waiting, and is opened for the police alone (``hub/lifecycle/refused.py``). If we crash after the delivery the next
round is told that it was made, and forgets it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from connectors.source import SourceError
from hub.audit.contract import StoreError
from hub.audit.session import Connections
from hub.errors import OutageError, RefusalError
from hub.identity import Identity
from hub.lifecycle.sealed import Sealing
from hub.lifecycle.shelf import Shelf
from hub.lifecycle.way import Taken
from hub.lifecycle.write import Asked, Writing

SOURCE: Final = "public_security"
_PUT: Final = """insert into held.report (name, digest, sealed, first_at) values ($1, $2, $3, $4)
on conflict (name) do update set refused = null returning digest"""

_logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Held:
    """The reports that wait."""

    writing: Writing
    connections: Connections
    sealing: Sealing
    deadline: float = 2.0

    async def take(self, identity: Identity, asked: Asked) -> Taken:
        """The step of a report taken, or held and then ``OutageError`` with the fact ``held``."""
        writing = self.writing
        name, at = writing.name_of(identity, asked), writing.clock()
        first = await self._first(name)
        try:
            taken = await writing.take(identity, asked, at=first)
        except OutageError as outage:
            if outage.code != "SOURCE_UNAVAILABLE":
                raise
            await self._keep(name, identity, asked, first or at)
            raise OutageError(outage.code, outage.message, **{**outage.facts, "held": True}) from None
        if first is not None:
            await self._forget(name)
        return taken

    @property
    def shelf(self) -> Shelf:
        """The reports from outside."""
        return Shelf(connections=self.connections)

    def local(self, at: datetime) -> str:
        """A moment as an answer has it."""
        return at.astimezone(self.writing.clock().tzinfo).isoformat(timespec="seconds")

    async def deliver(self) -> int:
        """One round: what waits is sent in the order in which it came; returns how many arrived."""
        async with self.connections.connection() as connection:
            rows = await connection.fetch(
                "select name, sealed, first_at from held.report where refused is null order by first_at limit 100"
            )
        if not rows or not await self._answers():
            return 0
        arrived = 0
        for row in rows:
            try:
                arrived += await self._delivered(row["name"], row["sealed"], row["first_at"])
            except OutageError as outage:
                if outage.facts.get("reason") == "rejected":
                    # The department answers, and will not have this one: it may keep none that came later waiting.
                    await self._refuse(row["name"], "REJECTED")
                    continue
                _logger.warning("held reports wait on: %s", outage.message)
                break
        return arrived

    async def _answers(self) -> bool:
        """Whether the department answers: each try while it does not leaves an intent that has to be settled."""
        try:
            await self.writing.sources.by_name[SOURCE].ping(deadline=self.deadline)
            await self.writing.targets[SOURCE].found("", deadline=self.deadline)
        except SourceError:
            return False
        return True

    async def _delivered(self, name: str, sealed: bytes, first: datetime) -> bool:
        try:
            identity, asked = self.sealing.opened(name, sealed)
            await self.writing.take(identity, asked, at=first)
        except RefusalError as error:
            # The same act with a later content stands there already: its reporter sent it again before we did.
            if error.facts.get("reason") != "key":
                await self._refuse(name, error.code)
                return False
        await self._forget(name)
        return True

    async def _first(self, name: str) -> datetime | None:
        async with self._doubted() as connection:
            found: datetime | None = await connection.fetchval("select first_at from held.report where name = $1", name)
        return None if found is None else found.astimezone(self.writing.clock().tzinfo)

    async def _keep(self, name: str, identity: Identity, asked: Asked, first: datetime) -> None:
        digest, sealed = self.writing.digest_of(asked), self.sealing.sealed(name, identity, asked)
        async with self._doubted() as connection:
            kept = await connection.fetchval(_PUT, name, digest, sealed, first)
        if kept != digest:
            raise RefusalError(
                "CONFLICT",
                "this key was given to a report with another content before, which is held",
                messageZh="该幂等键已用于另一项内容不同的报告，该报告正待送达",
                step=asked.step,
                reason="key",
            )

    async def _forget(self, name: str) -> None:
        async with self._doubted() as connection:
            await connection.execute("delete from held.report where name = $1", name)

    async def _refuse(self, name: str, code: str) -> None:
        _logger.error("a held report was refused by the department's write side (%s): see `hub held list`", code)
        async with self._doubted() as connection:
            await connection.execute("update held.report set refused = $2 where name = $1", name, code)

    @asynccontextmanager
    async def _doubted(self) -> AsyncIterator[Any]:
        """A connection whose faults are an outage of the hub's own database: then nothing is held either."""
        try:
            async with self.connections.connection() as connection:
                yield connection
        except StoreError as error:
            words = f"the hub's own database does not answer ({error.reason})"
            raise OutageError("AUDIT_UNAVAILABLE", words) from None
