"""A step that writes in two departments -> to its end in both, though nobody sends it again.

It is kept, sealed, before its first write and forgotten after its last. What a crash or an outage leaves in between is
taken again as the same act under the same name: what is written already is found written, the rest is made up for.
One act at a time about a row: else whoever comes second had written its first half before it was refused the other one.
Guarantee: never twice, and dated as of the first attempt. If we crash anywhere here, the next round is told the same.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from hub.audit.contract import StoreError
from hub.audit.session import Connections
from hub.errors import OutageError, RefusalError
from hub.identity import Identity
from hub.lifecycle.sealed import Sealing
from hub.lifecycle.way import Taken, Way
from hub.lifecycle.write import Asked, Writing

_KEEP: Final = """insert into held.act (name, sealed, first_at, subject) values ($1, $2, $3, $4)
on conflict do nothing returning true"""
_KEPT: Final = """select name, sealed, first_at from held.act where name = $1 or subject = $2
order by name = $1 desc limit 1"""
_WAITING: Final = "select name, sealed, first_at from held.act where first_at <= $1 order by first_at limit 100"

TURNS: Final = 20
"""How often an act waits for another about its row."""

_logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Halves:
    """Acts that are under way in more than one department."""

    connections: Connections
    sealing: Sealing

    async def whole(self, way: Way, identity: Identity, asked: Asked, at: datetime) -> Taken:
        """The step taken to its end; what is cut off in between is left to ``finish``."""
        name, own = way.compiled.base, list[bool]()

        async def begins() -> None:
            own.append(await self._turn(way, identity, asked, at))
            if own[0]:
                # Who had the row before us may have moved it on: now that nobody else writes, it is looked at again.
                again = await way.writing.way(identity, asked, at)
                await again.check()
                way.acting, way.compiled, way.shared = again.acting, again.compiled, again.shared

        way.begins = begins
        try:
            taken = await way.to_the_end()
        except RefusalError:
            # What a department has refused it refuses again; an act that was kept before is another attempt's.
            if any(own):
                await self._forget(name)
            raise
        await self._forget(name)
        return taken

    async def finish(self, writing: Writing, age: timedelta) -> int:
        """One round over what is as old as ``age``: how many came to their end."""
        now, done = writing.clock(), 0
        async with self._doubted() as connection:
            rows = await connection.fetch(_WAITING, now - age)
        for row in rows:
            done += await self._finished(writing, row)
        return done

    async def check(self) -> None:
        """Raises ``OutageError`` if acts cannot be kept, ``StoreError`` if their table is missing."""
        async with self.connections.connection() as connection:
            await connection.fetchval("select count(subject) from held.act where false")

    async def _turn(self, way: Way, identity: Identity, asked: Asked, at: datetime) -> bool:
        """Keeps the act before anything is written; whether it was not kept already. One act at a time about a row.

        Another's that is in the way is taken to its end first: it may be under way, or done and not forgotten yet, or
        cut off. Taken by two at once it is taken once, under its own name.
        """
        name, step = way.compiled.base, way.acting.step
        subject = way.writing.subject_of(step, way.compiled.subject_key())
        sealed = self.sealing.sealed(name, identity, asked)
        for _ in range(TURNS):
            async with self._doubted() as connection:
                if await connection.fetchval(_KEEP, name, sealed, at, subject):
                    return True
                other = await connection.fetchrow(_KEPT, name, subject)
            if other is not None and other["name"] == name:
                return False
            if other is not None:
                await self._finished(way.writing, other)
        raise RefusalError(
            "CONFLICT",
            f"`{step.name}` (clause {step.clause}): others take steps of this row at this moment, look at it again",
            messageZh=f"{step.zh}（条款 {step.clause}）：他人正在办理该记录，请稍后重新查看",
            step=step.name,
            clause=step.clause,
        )

    async def _finished(self, writing: Writing, row: Any) -> bool:
        """An act that is kept, taken to its end; false if it is refused by now, and forgotten."""
        try:
            identity, asked = self.sealing.opened(row["name"], row["sealed"])
            await writing.take(identity, asked, at=row["first_at"].astimezone(writing.clock().tzinfo))
        except RefusalError as error:
            _logger.error("a step that was cut off between two departments is refused by now: %s", error.code)
            await self._forget(row["name"])
            return False
        return True

    async def _forget(self, name: str) -> None:
        try:
            async with self._doubted() as connection:
                await connection.execute("delete from held.act where name = $1", name)
        except OutageError:
            # The next round takes it again, finds all of it written, and forgets it then.
            _logger.warning("a step that was taken is not forgotten yet")

    @asynccontextmanager
    async def _doubted(self) -> AsyncIterator[Any]:
        """A connection whose faults are an outage of the hub's own database: then nothing is written."""
        try:
            async with self.connections.connection() as connection:
                yield connection
        except StoreError as error:
            words = f"the hub's own database does not answer ({error.reason})"
            raise OutageError("AUDIT_UNAVAILABLE", words) from None
