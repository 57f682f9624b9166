"""Held reports -> how many wait and how many the department refused, since when; another try for those refused.

Guarantee: what a report says, and who reports, stays sealed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hub.audit.session import Connections

_COUNTS: Final = """
select count(*) filter (where refused is null) as waiting, count(refused) as refused, min(first_at) as first_at
from held.report
"""
_RESTING: Final = """
select name, first_at, refused, sealed from held.report where $1 or refused is not null order by first_at limit $2
"""
# Which names are meant is told by how they begin: a whole one is long, and nobody types it.
_RETRY: Final = """
update held.report set refused = null where refused is not null
    and (cardinality($1::text[]) = 0 or exists (select from unnest($1::text[]) n where starts_with(name, n)))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many wait for their department, how many it refused, and since when the oldest of all is held."""

    waiting: int
    refused: int
    first_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resting:
    """A held report from outside; ``refused``: the code of the refusal, None while it waits."""

    name: str
    first_at: datetime
    refused: str | None
    sealed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where they are held; every call may raise ``StoreError``."""

    connections: Connections

    async def counts(self) -> Counts:
        """How many there are."""
        async with self.connections.connection() as connection:
            return Counts(**await connection.fetchrow(_COUNTS))

    async def resting(self, most: int = 100, *, waiting: bool = False) -> Sequence[Resting]:
        """Those that were refused, the oldest first; with ``waiting`` all."""
        async with self.connections.connection() as connection:
            return [Resting(**row) for row in await connection.fetch(_RESTING, waiting, most)]

    async def retry(self, names: Sequence[str]) -> int:
        """Has these (none: all) that were refused delivered again in the next round; returns how many."""
        async with self.connections.connection() as connection:
            status: str = await connection.execute(_RETRY, list(names))
        return int(status.rpartition(" ")[2])
