"""The log's database -> what witnesses are asked about, and where their answers are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hub.audit import proofs
from hub.audit.reader import Reader


@dataclass(frozen=True, slots=True)
class LogLedger:
    """Keeps ``hub.audit.witness.client.Ledger``."""

    reader: Reader

    async def bare_checkpoint(self) -> str | None:
        """See ``Ledger``."""
        return await self.reader.bare_checkpoint()

    async def consistency(self, old: int, new: int) -> list[bytes]:
        """See ``Ledger``."""
        return await proofs.consistency(self.reader, old, new)

    async def keep_cosignature(self, size: int, witness: str, line: str, at: datetime) -> None:
        """See ``Ledger``."""
        await self.reader.keep_cosignature(size, witness, line, at)

    async def cosigned(self) -> datetime | None:
        """See ``Ledger``."""
        return await self.reader.cosigned()
