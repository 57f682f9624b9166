"""Messages on their way to webhooks, in the hub's database: queued with how far their target is, tried, settled.

Guarantee: a message and its target's place are one transaction, so none is lost and none is queued twice, whichever
replica works; it is kept until it was taken, or is dead and says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.audit.session import Connections

_BEGIN = """
insert into event.webhook (name, position) select $1, position from event.head on conflict (name) do nothing
"""
_PUT = """
with put as (
    insert into event.message (target, id, position, body)
    select $1, id, $2, body from unnest($3::text[], $4::text[]) as n (id, body) on conflict do nothing
)
update event.webhook set position = greatest(position, $2) where name = $1
"""
_DUE = """
select target, id, body, attempts from event.message
where target = $1 and due <= $2 and delivered is null and dead is null order by position limit $3
"""
_FAILED = """
update event.message set attempts = attempts + 1, failure = $3, due = coalesce($4::timestamptz, due),
    dead = case when $4::timestamptz is null then $5::timestamptz end
where target = $1 and id = $2
"""
_DEAD = "select target, id, attempts, dead, failure from event.message where dead is not null order by dead limit $1"
_RETRY = """
update event.message set dead = null, attempts = 0, due = now()
where dead is not null and (cardinality($1::text[]) = 0 or id = any ($1))
"""
_DEAD_OF = """
select target, id, body, attempts, dead, failure from event.message
where dead is not null and target = any ($1) and body::jsonb ->> 'type' = any ($2)
    and (cardinality($3::text[]) = 0 or id = any ($3))
order by dead, position limit $4
"""
_COUNT_OF = """
select count(*) from event.message
where dead is not null and target = any ($1) and body::jsonb ->> 'type' = any ($2)
"""
_RETRY_OF = """
update event.message as message set dead = null, attempts = 0, due = now()
from unnest($1::text[], $2::text[]) as n (target, id)
where message.target = n.target and message.id = n.id and dead is not null
"""
_FORGET = "delete from event.message where delivered < $1 or dead < $1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message that is due."""

    target: str
    id: str
    body: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """The messages; every call may raise ``StoreError``."""

    connections: Connections

    async def place(self, target: str) -> int:
        """How far the target is; one that is new begins now."""
        async with self.connections.connection() as connection:
            await connection.execute(_BEGIN, target)
            found: int = await connection.fetchval("select position from event.webhook where name = $1", target)
        return found

    async def put(self, target: str, position: int, messages: Mapping[str, str]) -> None:
        """Queues messages (id -> body), and notes that the target is at ``position``."""
        async with self.connections.connection() as connection:
            await connection.execute(_PUT, target, position, list(messages), list(messages.values()))

    async def due(self, target: str, now: datetime, most: int) -> Sequence[Message]:
        """What is to be tried now, in the order of the events."""
        async with self.connections.connection() as connection:
            return [Message(**row) for row in await connection.fetch(_DUE, target, now, most)]

    async def delivered(self, message: Message, at: datetime) -> None:
        """It was taken."""
        async with self.connections.connection() as connection:
            await connection.execute(
                "update event.message set delivered = $3, attempts = attempts + 1, failure = null"
                " where target = $1 and id = $2",
                message.target,
                message.id,
                at,
            )

    async def failed(self, message: Message, failure: str, again: datetime | None, at: datetime) -> None:
        """It was not; ``again``: when it is tried next, None: never."""
        async with self.connections.connection() as connection:
            await connection.execute(_FAILED, message.target, message.id, failure, again, at)

    async def dead(self, most: int = 100) -> Sequence[Mapping[str, Any]]:
        """Messages that were given up, the oldest first: target, id, attempts, dead, failure."""
        async with self.connections.connection() as connection:
            return [dict(row) for row in await connection.fetch(_DEAD, most)]

    async def dead_count(self) -> int:
        """How many were given up."""
        async with self.connections.connection() as connection:
            found: int = await connection.fetchval("select count(*) from event.message where dead is not null")
        return found

    async def dead_of(
        self, targets: Sequence[str], kinds: Sequence[str], ids: Sequence[str], most: int
    ) -> Sequence[Mapping[str, Any]]:
        """Those of these targets and kinds, the oldest first, with their bodies; ``ids``: of those alone, if any."""
        async with self.connections.connection() as connection:
            return [dict(row) for row in await connection.fetch(_DEAD_OF, targets, kinds, ids, most)]

    async def dead_count_of(self, targets: Sequence[str], kinds: Sequence[str]) -> int:
        """How many of these targets and kinds were given up."""
        async with self.connections.connection() as connection:
            found: int = await connection.fetchval(_COUNT_OF, targets, kinds)
        return found

    async def retry_of(self, messages: Sequence[tuple[str, str]]) -> int:
        """Makes these (target, id) due again if they were given up; returns how many were."""
        targets, ids = [target for target, _ in messages], [message for _, message in messages]
        async with self.connections.connection() as connection:
            status: str = await connection.execute(_RETRY_OF, targets, ids)
        return int(status.rpartition(" ")[2])

    async def retry(self, ids: Sequence[str]) -> int:
        """Makes these (none: all) that were given up due again; returns how many."""
        async with self.connections.connection() as connection:
            status: str = await connection.execute(_RETRY, list(ids))
        return int(status.rpartition(" ")[2])

    async def forget(self, before: datetime) -> None:
        """Drops what was settled before."""
        async with self.connections.connection() as connection:
            await connection.execute(_FORGET, before)
