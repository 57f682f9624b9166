"""Leaves -> rows of the hub's own PostgreSQL.

Guarantee: ``append`` and ``settle`` return when the rows are on disk (``synchronous_commit`` on; a server without
``fsync`` or ``full_page_writes`` is refused). Anything else is ``StoreError``, and then nobody knows whether the rows
are there: the connection is given up, and ``settle`` finds out. No row is ever changed or removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hub.audit.entry import Leaf, timestamp
from hub.audit.session import Session

_LONG = """long as (
    insert into log.long_list (request, kind, part, field, items)
    select request, kind, part, field, string_to_array(items, E'\\n')
    from {source} as l (request, kind, part, field, items)
    on conflict do nothing
)"""
_SECRET = """secret as (
    insert into log.commitment_key (request, kind, part, secret)
    select * from {source} as s (request, kind, part, secret)
    on conflict do nothing
)"""
_ROWS = """
insert into log.pending (request, kind, part, at, leaf, bytes)
select * from {source} as n (request, kind, part, at, leaf, bytes)
"""
_ONCE = "on conflict (request, kind, part) do nothing"


_GIVEN = """given as materialized (
    select * from unnest({names}, string_to_array($4, ' ')::timestamptz[], $5::bytea[], $6::bytea[], $7::bytea[])
        as given (request, kind, part, at, leaf, bytes, secret)
)"""
"""Names and times come as a text for all rows: an item of an array costs its writer more than the server needs to take
texts apart. A row without a secret has an empty one."""


def _names_of(first: int) -> str:
    """The names of rows, from three texts."""
    lines = (f"string_to_array(${first + place}, E'\\n')" for place in range(3))
    return "{}, {}, {}::int[]".format(*lines)


def _insert(*, long: bool, secret: bool) -> str:
    """Puts in rows, and what stands beside them where there is any: what is empty costs the server time as well."""
    parts = [_GIVEN.format(names=_names_of(1))]
    if long:
        parts.append(_LONG.format(source=f"unnest({_names_of(8)}, string_to_array($11, E'\\n'), $12::text[])"))
    if secret:
        parts.append(_SECRET.format(source="(select request, kind, part, secret from given where secret <> '')"))
    return "with " + ", ".join(parts) + _ROWS.format(source="(select request, kind, part, at, leaf, bytes from given)")


_APPEND = {
    (long, secret): _insert(long=long, secret=secret) + _ONCE for long in (False, True) for secret in (False, True)
}
_ROW = "(values ($1::text, $2::text, $3::int, $4::timestamptz, $5::bytea, $6::bytea))"


def _insert_one(*, long: bool, secret: bool) -> str:
    """The same for a row alone that has one list, or none: arrays of one cost more than the rest of it."""
    name, beside = "$1::text, $2::text, $3::int", []
    if long:
        beside.append(_LONG.format(source=f"(values ({name}, $7::text, $8::text))"))
    if secret:
        beside.append(_SECRET.format(source=f"(values ({name}, ${9 if long else 7}::bytea))"))
    return ("with " + ", ".join(beside) if beside else "") + _ROWS.format(source=_ROW) + _ONCE


_APPEND_ONE = {
    (long, secret): _insert_one(long=long, secret=secret) for long in (False, True) for secret in (False, True)
}
# A row that the sequencer has moved meanwhile is not put in again. If it is moved while this runs, it is: the sequencer
# drops the double, since it alone sees both tables at rest.
_SETTLE = (
    _insert(long=True, secret=True)
    + """where not exists (
    select from log.entry e where e.request = n.request and e.kind = n.kind and e.part = n.part
) """
    + _ONCE
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
            status = await connection.execute(*_appended(leaves))
            # One statement is one transaction: its reply comes after the commit record is on disk.
            if status == f"INSERT 0 {len(leaves)}":
                return frozenset(leaf.hash for leaf in leaves)
            return await self._kept(connection, leaves)

    async def settle(self, leaves: Sequence[Leaf]) -> frozenset[bytes]:
        """See the contract."""
        async with self._session.connection() as connection:
            # If the lost call is still committing, this statement waits for it at the unique name.
            await connection.execute(_SETTLE, *_rows(leaves), *_lists(leaves))
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


def _appended(leaves: Sequence[Leaf]) -> tuple[Any, ...]:
    """The statement that puts the leaves in, and its arguments."""
    long, secret = any(leaf.lists for leaf in leaves), any(leaf.secret for leaf in leaves)
    if len(leaves) == 1 and len(leaves[0].lists) < 2:
        return (_APPEND_ONE[long, secret], *_row(leaves[0]))
    return (_APPEND[long, secret], *_rows(leaves), *(_lists(leaves) if long else ()))


def _row(leaf: Leaf) -> Iterator[Any]:
    yield from (leaf.request, leaf.kind, leaf.part, leaf.at, leaf.hash, leaf.data)
    for name, items in leaf.lists.items():
        yield from (name, "\n".join(items))
    if leaf.secret:
        yield leaf.secret


def _names(leaves: Sequence[Leaf]) -> tuple[str, ...]:
    # None of them holds a line break: `encode` sees to that.
    of = [leaf.request for leaf in leaves], [leaf.kind for leaf in leaves], [str(leaf.part) for leaf in leaves]
    return tuple(["\n".join(texts) for texts in of])


def _rows(leaves: Sequence[Leaf]) -> tuple[Any, ...]:
    of = [leaf.hash for leaf in leaves], [leaf.data for leaf in leaves], [leaf.secret for leaf in leaves]
    return (*_names(leaves), " ".join([timestamp(leaf.at) for leaf in leaves]), *of)


def _lists(leaves: Sequence[Leaf]) -> tuple[Any, ...]:
    lists = [(leaf, name, items) for leaf in leaves for name, items in leaf.lists.items()]
    texts = ["\n".join(items) for _, _, items in lists]
    return (*_names([leaf for leaf, _, _ in lists]), "\n".join([name for _, name, _ in lists]), texts)
