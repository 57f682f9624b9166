"""Entries in the tree -> the rows by which the console finds them, following the tree a moment behind.

Guarantee: rows of a batch, counts and the position reached are one statement (``log.index_next`` in search.sql), so
that a crash leaves neither a gap nor a double; what is indexed was hashed (an entry whose bytes are not those of its
leaf stops the index, and the next full verification names it). Of all replicas one works.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import orjson

from hub.audit.contract import StoreError
from hub.audit.session import Connections

BATCH: Final = 1_000
NAMES: Final = 20_000
"""Names that are written at once, some 50 ms of the server's: of answers of a hundred rows those of thirty entries."""
PERIOD: Final = 1.0
ZONE: Final = ZoneInfo("Asia/Shanghai")

_logger = logging.getLogger(__name__)

_NEXT = "select done, altered from log.index_next($1, $2, $3)"


@dataclass(slots=True, kw_only=True)
class Indexer:
    """The task; ``leads``: whether this replica is the one that indexes; ``sensitivities``: coordinate -> L1 to L4."""

    connections: Connections
    sensitivities: Mapping[str, str]
    leads: Callable[[], Awaitable[bool]]
    period: float = PERIOD
    batch: int = BATCH
    """Entries of a transaction: fewer after a failure, since a thousand lists may take longer than a statement may."""

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            try:
                if await self.leads():
                    while await self.step():
                        self.batch = min(self.batch * 2, BATCH)
            except StoreError as error:
                self.batch = max(self.batch // 2, 1)
                _logger.warning("the log is not indexed now: %s", error)
            except ValueError as error:
                _logger.error("the log is not indexed any further: %s", error)
            await asyncio.sleep(self.period)

    async def step(self) -> int:
        """Indexes the next entries; returns how many. ``ValueError`` names one that is not as it was hashed."""
        levels = orjson.dumps(self.sensitivities).decode()
        async with self.connections.connection() as connection:
            done, altered = await connection.fetchrow(_NEXT, self.batch, NAMES, levels)
        if altered is not None:
            raise ValueError(f"entry {altered} is not as it was hashed")
        return int(done)
