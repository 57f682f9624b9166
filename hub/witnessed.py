"""Settings -> who is asked to cosign the log, and how long it may go without.

Guarantee: of all replicas one asks; each knows how old the newest cosignature is, and withholds answers past the limit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from hub.audit.contract import StoreError
from hub.audit.keys import COSIGNATURE, KeyFileError, VerifierKey
from hub.audit.reader import Reader
from hub.audit.session import Session
from hub.audit.witness.client import Age, Asked, Witnesses
from hub.audit.witness.ledger import LogLedger
from hub.settings import ConfigurationError, Settings

_LOCK: Final = 0x57757169_6E675749


def age_of(settings: Settings) -> Age:
    """How long the log has been without a cosignature: nothing yet."""
    audit = settings.audit
    return Age(alarm=audit.unwitnessed_alarm, limit=audit.unwitnessed_limit, witnesses=len(settings.witnesses))


@asynccontextmanager
async def asking(settings: Settings, dsn: str, reader: Reader, age: Age) -> AsyncIterator[Witnesses]:
    """The task's parts, their connection closed in the end; raises ``ConfigurationError`` for a key that is none."""
    session = Session(dsn, name="witnesses", durable=settings.fsync_required)
    # A restart is no cosignature: what was cosigned before counts, before anything is answered. While the database
    # is away nothing is answered either, and the task learns of it later.
    with suppress(StoreError):
        if settings.witnesses and (at := await reader.cosigned()) is not None:
            age.seen(at)
    try:
        yield Witnesses(
            ledger=LogLedger(reader),
            asked=[
                Asked(url=witness.url, key=_key(witness.key, witness.name, number))
                for number, witness in enumerate(settings.witnesses)
            ],
            age=age,
            period=settings.audit.witness_period,
            leads=lambda: session.hold(_LOCK),
        )
    finally:
        await session.close()


def _key(text: str, name: str, number: int) -> VerifierKey:
    try:
        key = VerifierKey.parse(text, COSIGNATURE)
    except KeyFileError as error:
        raise ConfigurationError(f"setting `witnesses`, number {number}: {error}") from None
    if key.name != name:
        raise ConfigurationError(f"setting `witnesses`, number {number}: the key is that of `{key.name}`")
    return key
