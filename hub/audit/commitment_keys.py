"""Name of an entry -> its document and the key of its commitments; a moment -> the keys before it, erased.

Guarantee: the key comes with an entry that was checked against its hash, or not at all. Keys are erased by the
database's owner alone, after an entry that counts them is durable; nothing that was hashed is touched, so that every
proof holds as before. Backups and write-ahead files keep what they have until they are gone themselves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson

from hub.audit.entry import Entry, timestamp
from hub.audit.naming import hashed, whole
from hub.audit.session import Connections

ACT: Final = "erase_commitment_keys"

_FOUND: Final = """
select e.index, e.leaf, e.bytes, (
    select jsonb_object_agg(l.field, l.items)::text from log.long_list l
    where l.request = e.request and l.kind = e.kind and l.part = e.part
) as lists, (
    select k.secret from log.commitment_key k
    where k.request = e.request and k.kind = e.kind and k.part = e.part
) as secret
from (
    select null::bigint as index, request, kind, part, leaf, bytes from log.pending
    union all select index, request, kind, part, leaf, bytes from log.entry
) e where e.request = $1 and e.kind = $2 and e.part = $3
order by e.index nulls last limit 1
"""
# A key whose entry is nowhere is of a month that was retired. All of those are older than the oldest entry still there.
_DUE: Final = """
from log.commitment_key k where exists (
    select from log.entry e where e.request = k.request and e.kind = k.kind and e.part = k.part and e.at < $1
) or exists (
    select from log.pending p where p.request = k.request and p.kind = k.kind and p.part = k.part and p.at < $1
) or (
    $1 > (select min(at) from log.entry)
    and not exists (select from log.entry e where e.request = k.request and e.kind = k.kind and e.part = k.part)
    and not exists (select from log.pending p where p.request = k.request and p.kind = k.kind and p.part = k.part)
)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An entry, its lists in place, and the key of its commitments, if that is still there."""

    document: dict[str, Any]
    secret: bytes | None = field(repr=False)


async def opened(connections: Connections, request: str, kind: str, part: int) -> Opened | None:
    """The entry of that name; ``AlteredError`` if it is not as it was hashed."""
    async with connections.connection() as connection:
        found = await connection.fetchrow(_FOUND, request, kind, part)
    if found is None:
        return None
    hashed(found["bytes"], found["leaf"], found["index"])
    document = whole(found["bytes"], orjson.loads(found["lists"] or "{}"), found["index"])
    return Opened(document=document, secret=found["secret"])


async def erase(
    owner: Connections,
    before: datetime,
    *,
    request: str,
    now: datetime,
    put: Callable[[Entry], Awaitable[None]],
) -> int:
    """Erases the keys of entries ``before`` that moment, and of retired ones older than all that are there."""
    async with owner.connection() as connection:
        # Asked for the right itself: an entry must not tell of what the caller could never do.
        await connection.execute("delete from log.commitment_key where false")
        count: int = await connection.fetchval(f"select count(*) {_DUE}", before)
    if not count:
        return 0
    await put(_erased(before, count, request, now))
    # If we crash here, an entry tells of an erasure that did not happen: the next one tells of what it finds.
    async with owner.connection() as connection:
        await connection.execute(f"delete {_DUE}", before)
        await connection.execute("vacuum log.commitment_key")
    return count


def _erased(before: datetime, count: int, request: str, now: datetime) -> Entry:
    return Entry(
        kind="policy",
        request=request,
        at=now,
        unit="hub",
        decision="ALLOWED",
        facts=(f"act={ACT}", f"before={timestamp(before)}", f"keys={count}"),
    )
