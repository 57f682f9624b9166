"""Leaves -> rows of the hub's own PostgreSQL.

Guarantee: ``append`` and ``settle`` return when the rows are on disk (``synchronous_commit`` on; a server without
``fsync`` or ``full_page_writes`` is refused). Anything else is ``StoreError``, and then nobody knows whether the rows
are there: the connection is given up, and ``settle`` finds out. No row is ever changed or removed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from hub.audit.entry import Leaf
from hub.audit.session import Session

_ROWS = "unnest($1::text[], $2::text[], $3::int[], $4::timestamptz[], $5::bytea[], $6::bytea[])"
_LISTS = "unnest($7::text[], $8::text[], $9::int[], $10::text[], $11::text[])"
_SECRETS = "unnest($12::text[], $13::text[], $14::int[], $15::bytea[])"
_INSERT = f"""
with long as (
    insert into log.long_list (request, kind, part, field, items)
    select request, kind, part, field, string_to_array(items, E'\\n')
    from {_LISTS} as n (request, kind, part, field, items)
    on conflict do nothing
), secret as (
    insert into log.commitment_key (request, kind, part, secret)
    select * from {_SECRETS} as n (request, kind, part, secret)
    on conflict do nothing
)
insert into log.pending (request, kind, part, at, leaf, bytes)
select * from {_ROWS} as n (request, kind, part, at, leaf, bytes)
"""
_APPEND = _INSERT + "on conflict (request, kind, part) do nothing"
# A row that the sequencer has moved meanwhile is not put in again. If it is moved while this runs, it is: the sequencer
# drops the double, since it alone sees both tables at rest.
_SETTLE = (
    _INSERT
    + """where not exists (
    select from log.entry e where e.request = n.request and e.kind = n.kind and e.part = n.part
) on conflict (request, kind, part) do nothing"""
)
_KEPT = """
select leaf from log.pending where request = any ($1::text[])
union all select leaf from log.entry where request = any ($1::text[])
"""


class PostgresStore:
    """The store on PostgreSQL."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def append(self, leaves: Sequence[Leaf]) -> frozenset[bytes]:
        """See the contract."""
        async with self._session.connection() as connection:
            status = await connection.execute(_APPEND, *_columns(leaves))
            # One statement is one transaction: its reply comes after the commit record is on disk.
            if status == f"INSERT 0 {len(leaves)}":
                return frozenset(leaf.hash for leaf in leaves)
            return await self._kept(connection, leaves)

    async def settle(self, leaves: Sequence[Leaf]) -> frozenset[bytes]:
        """See the contract."""
        async with self._session.connection() as connection:
            # If the lost call is still committing, this statement waits for it at the unique name.
            await connection.execute(_SETTLE, *_columns(leaves))
            return await self._kept(connection, leaves)

    async def probe(self) -> None:
        """See the contract."""
        async with self._session.connection() as connection:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(
                "insert into log.pending (request, kind, part, at, leaf, bytes)"
                " values (gen_random_uuid()::text, 'probe', 0, now(), sha256('\\x00'::bytea), '')"
            )
            await transaction.rollback()

    async def close(self) -> None:
        """See the contract."""
        await self._session.close()

    @staticmethod
    async def _kept(connection: Any, leaves: Sequence[Leaf]) -> frozenset[bytes]:
        rows = await connection.fetch(_KEPT, sorted({leaf.request for leaf in leaves}))
        return frozenset(leaf.hash for leaf in leaves) & frozenset(row["leaf"] for row in rows)


def _columns(leaves: Sequence[Leaf]) -> tuple[list[Any], ...]:
    """The fifteen arrays of ``_INSERT``."""
    secret = [leaf for leaf in leaves if leaf.secret]
    lists = [(leaf, name, items) for leaf in leaves for name, items in leaf.lists.items()]
    row: Sequence[Callable[[Leaf], str | int | datetime | bytes]] = (
        lambda leaf: leaf.request,
        lambda leaf: leaf.kind,
        lambda leaf: leaf.part,
        lambda leaf: leaf.at,
        lambda leaf: leaf.hash,
        lambda leaf: leaf.data,
    )
    return (
        *([of(leaf) for leaf in leaves] for of in row),
        *([of(leaf) for leaf, _, _ in lists] for of in row[:3]),
        [name for _, name, _ in lists],
        ["\n".join(items) for _, _, items in lists],
        *([of(leaf) for leaf in secret] for of in row[:3]),
        [leaf.secret for leaf in secret],
    )
