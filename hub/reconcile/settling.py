"""Intent of a comparison without an outcome -> what became of it, as the store says: keeps ``connectors.write.Target``.

Guarantee: a comparison that is under way holds the lock and is left alone; of one that is not, what is said is final:
the name of a run that never was is taken, so that it can no longer be written. If we crash here the next one asks.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from connectors.source import Bindings, SourceError
from connectors.write import GivenUp, Result, Write, Written
from hub.reconcile.recorded import TARGET
from hub.reconcile.store import Busy, Store, StoreError


@dataclass(slots=True, kw_only=True)
class RunTarget:
    """Runs in the hub's own database."""

    dsn: str = field(repr=False)
    name: str = TARGET

    async def write(self, write: Write, bindings: Bindings, *, intent: str, digest: str, deadline: float) -> Result:
        """A comparison is no write of rows."""
        raise SourceError(TARGET, "rejected")

    async def found(self, intent: str, *, deadline: float) -> Written | GivenUp | None:
        """What is written under the name."""
        async with asyncio.timeout(deadline):
            try:
                async with Store.opened(self.dsn) as store:
                    quarter = await store.run_of(intent)
            except (StoreError, TimeoutError):
                raise SourceError(TARGET, "unreachable") from None
        return None if quarter is None else Written(keys=(quarter,), again=True)

    async def touched(self, relation: str, key: str, *, deadline: float) -> int:
        """A comparison is no row that others write."""
        raise SourceError(TARGET, "rejected")

    async def settle(self, intent: str, *, deadline: float) -> tuple[str, ...] | None:
        """The quarter that was compared, or None: it was not, and never will be."""
        try:
            async with asyncio.timeout(deadline), Store.opened(self.dsn) as store:
                await store.lock()
                quarter = await store.settle_run(intent)
        except (StoreError, TimeoutError):
            raise SourceError(TARGET, "unreachable") from None
        except Busy:
            raise SourceError(TARGET, "timeout") from None
        return None if quarter is None else (quarter,)

    async def close(self) -> None:
        """Nothing is open."""
